"""The home folder: every file in it is ours alone, whole or absent. Disk only.

Files are born 0600 (O_EXCL, O_NOFOLLOW) beside their final name, synced, then renamed: no reader
ever sees half a file, and no other user ever sees any of it, whatever the umask.
"""

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from pushkit_cli.errors import StoreError

_PRIVATE_FILE = 0o600
_PRIVATE_FOLDER = 0o700
_IGNORE = b"*\n"


class Home:
    """Everything pushkit keeps, in one folder of mode 0700 that belongs to the user."""

    def __init__(self, path: Path) -> None:
        """Make the folder where it is missing; raises StoreError where it cannot be trusted."""
        self.path = path
        _folder(path)
        if not (path / ".gitignore").exists():  # a home inside a project must not be committed
            self.write(".gitignore", _IGNORE)

    def folder(self, name: str) -> Path:
        """A folder inside, made where it is missing."""
        folder = self.path / name
        _folder(folder)
        return folder

    def read(self, name: str) -> bytes | None:
        """A file's bytes, `None` where there is none. Raises StoreError for a link or a fault."""
        return read_private(self.path / name)

    def write(self, name: str, data: bytes) -> Path:
        """Put a whole file in place, 0600; the old one stays until the new one is on disk."""
        path = self.path / name
        if path.parent != self.path:
            _folder(path.parent)
        write_private(path, data)
        return path

    def create(self, name: str) -> Path:
        """Make an empty file, 0600, where there is none; for what another library then opens."""
        path = self.path / name
        with translated(path):
            flags = os.O_CREAT | os.O_NOFOLLOW | os.O_RDWR
            os.close(os.open(path, flags, _PRIVATE_FILE))
            path.chmod(_PRIVATE_FILE)
        return path

    def lock(self, name: str) -> "Lock":
        """A lock file; see Lock."""
        return Lock(self.create(name))


class Lock:
    """An advisory lock on a file, gone with the process that holds it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle = -1

    def take(self, *, wait: bool = True, shared: bool = False) -> bool:
        """Take the lock; without `wait`, False where another process holds it.

        `shared` is for looking whether somebody holds it: those who look do not see each other.
        """
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        with translated(self._path):
            mode = os.O_RDONLY if shared else os.O_RDWR  # to look needs no right to write
            handle = os.open(self._path, mode | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(handle, kind | (0 if wait else fcntl.LOCK_NB))
            except OSError as error:
                os.close(handle)
                if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                    return False
                raise
        self._handle = handle
        return True

    def release(self) -> None:
        """Give it back; harmless when it is not held."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def __enter__(self) -> Self:
        self.take()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


def read_private(path: Path) -> bytes | None:
    """A file's bytes, `None` where there is none; symbolic links are not followed."""
    with translated(path):
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        with os.fdopen(handle, "rb") as file:
            return file.read()


def write_private(path: Path, data: bytes, *, option: str | None = None) -> None:
    """Write a file of mode 0600 beside its place, sync it and rename it there.

    `option` names the place, where that is not our own home.
    """
    with placed(path, option=option) as file:
        os.fchmod(file.fileno(), _PRIVATE_FILE)  # an umask can take even these bits
        file.write(data)


@contextmanager
def placed(path: Path, *, mode: int = _PRIVATE_FILE, option: str | None = None
           ) -> Iterator[BinaryIO]:  # fmt: skip
    """A new file to write to, synced and renamed to its place at the end of the block.

    Where the block fails nothing is left, and what stood there before still stands.
    """
    beside = path.with_name(f".{path.name}.{os.urandom(6).hex()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with translated(path, option):
        try:
            with os.fdopen(os.open(beside, flags, mode), "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except BaseException:
            with suppress(OSError):
                beside.unlink()
            raise


def synced(handle: int) -> None:
    """Wait until an open file is on its disk; macOS has a call of its own for that."""
    full = getattr(fcntl, "F_FULLFSYNC", None)
    if full is not None:
        with suppress(OSError):  # not every file system has it
            fcntl.fcntl(handle, full)
            return
    os.fsync(handle)


def make_private(path: Path) -> None:
    """Let nobody but its owner open what another library made; where it stands is private too."""
    with translated(path):
        path.chmod(_PRIVATE_FILE)


def open_to_others(path: Path) -> str | None:
    """The mode of a file that other users may open, as `chmod` writes it; `None`: they may not."""
    with translated(path):
        mode = stat.S_IMODE(path.stat().st_mode)
    return f"{mode:04o}" if mode & 0o077 else None


def remove(path: Path) -> None:
    """Remove a file where there is one."""
    with translated(path):
        path.unlink(missing_ok=True)


@contextmanager
def translated(path: Path, option: str | None = None) -> Iterator[None]:
    """Turn the operating system's words about a file into one sentence of ours."""
    try:
        yield
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, (error.strerror or str(error)).lower())
        hint = _HINTS.get(error.errno or 0, "point PUSHKIT_HOME at a folder of your own")
        if option is not None and error.errno not in (errno.ENOSPC, errno.EDQUOT):
            hint = f"{option} names a file in a folder that is there and can be written"
        raise StoreError(f"{path}: {reason}", hint=hint) from error


_REASONS = {errno.ELOOP: "is a symbolic link, and secrets are not written through one"}
_HINTS = {
    errno.ENOSPC: "free some space on this disk; nothing was left half written",
    errno.EDQUOT: "free some of your quota; nothing was left half written",
    errno.EROFS: "the disk is read-only: point PUSHKIT_HOME at a folder that can be written",
    errno.ELOOP: "remove the link, or point PUSHKIT_HOME elsewhere",
}


def _folder(path: Path) -> None:
    """Make a folder of mode 0700, or check that the one there is ours alone."""
    with translated(path):
        try:
            for above in reversed([one for one in path.parents if not one.exists()]):
                above.mkdir(mode=_PRIVATE_FOLDER, exist_ok=True)
            path.mkdir(mode=_PRIVATE_FOLDER)
            path.chmod(_PRIVATE_FOLDER)
            return
        except FileExistsError:
            found = path.stat()
    if not stat.S_ISDIR(found.st_mode):
        raise StoreError(f"{path} is not a folder", hint="remove it, or set PUSHKIT_HOME")
    if found.st_uid != os.geteuid():
        raise StoreError(
            f"{path} belongs to another user", hint="point PUSHKIT_HOME at a folder of your own"
        )
    if found.st_mode & 0o077:
        raise StoreError(
            f"{path} can be read by other users (mode {stat.S_IMODE(found.st_mode):04o})",
            hint=f"chmod 700 {path}",
        )
