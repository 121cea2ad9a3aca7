"""The results file of a bulk run: written ahead, locked, and read again to go on. Disk only."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pushkit_cli.errors import StoreError, UsageError
from pushkit_cli.store.files import Lock, synced
from pushkit_cli.store.ledger import LONGEST_LINE, Header, Ledger, State

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Results:
    """An open results file, which no other run writes to. Lines are kept until `flush`."""

    def __init__(self, path: Path, handle: int, lock: Lock) -> None:
        self.path = path
        self._handle = handle
        self._lock = lock
        self._pending = bytearray()

    def add(self, line: bytes) -> None:
        """One whole line, written with the next `flush`."""
        self._pending += line

    @property
    def pending(self) -> int:
        """Bytes that are not written yet."""
        return len(self._pending)

    def flush(self) -> None:
        """Give every line to the system, so that they outlive this process.

        Raises StoreError; what was not written is kept for another try.
        """
        while self._pending:
            try:
                written = os.write(self._handle, self._pending)
            except OSError as error:
                raise _unwritable(self.path, error) from error
            del self._pending[:written]

    def sync(self) -> None:
        """Wait until what was flushed outlives this machine. Raises StoreError."""
        try:
            synced(self._handle)
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def close(self) -> None:
        """Let another run have it."""
        os.close(self._handle)
        self._lock.release()


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """A results file that is gone on with: its header, and what it says of each target."""

    results: Results
    header: Header
    ledger: Ledger


def create(path: Path, header: Header) -> Results:
    """Make a results file, 0600, its header synced.

    Raises UsageError where there is a file, StoreError where there can be none.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        handle = os.open(path, flags, 0o600)
    except FileExistsError as error:
        raise UsageError(
            f"{path} exists", hint="--resume goes on with that run; or name another file"
        ) from error
    except OSError as error:
        raise _unwritable(path, error) from error
    lock = _locked(path, handle)
    results = Results(path, handle, lock)
    try:
        results.add(header.encode())
        results.flush()
        results.sync()
        _sync_folder(path)
    except StoreError:
        results.close()
        with suppress(OSError):
            path.unlink()
        raise
    return results


def resume(path: Path, header: Header, *, boot: str | None) -> Resumed:
    """Open the results of the same run, whole again where its end was torn.

    `header` is what a new run would write. Raises UsageError for another run, StoreError for a
    file that is damaged, or that another process writes to.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise UsageError(
            f"there is no {path} to resume", hint="leave out --resume to begin a run"
        ) from error
    except OSError as error:
        raise _unwritable(path, error) from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise UsageError(f"{path} is no file", hint="name a file with --results")
    results = Results(path, handle, _locked(path, handle))
    try:
        found, ledger = _read(path, header, boot)
    except BaseException:
        results.close()
        raise
    return Resumed(results=results, header=found, ledger=ledger)


def open_states(ledger: Ledger, *, resend_unknown: bool) -> bytearray:
    """What is still to be sent: a byte a line, zero where nothing is left to do."""
    wanted = {State.OPEN, State.UNSENT} | ({State.UNKNOWN} if resend_unknown else set())
    return ledger.states.translate(bytes(one in wanted for one in range(256)))


def _read(path: Path, wanted: Header, boot: str | None) -> tuple[Header, Ledger]:
    damage: list[tuple[int, int]] = []
    with path.open("r+b") as file:
        first = file.readline(LONGEST_LINE)
        if not first.endswith(b"\n"):
            raise StoreError(f"{path} has no whole first line", hint="remove it and begin again")
        header = Header.decode(first)
        _check_same(path, header, wanted)
        ledger = Ledger(lines=header.lines or 0, boot=header.boot)
        end = len(first)
        for line in _lines(file):
            start, end = end, end + len(line)
            if not line.endswith(b"\n") or not ledger.read(line):
                damage.append((start, end))
            elif damage and ledger.was_promise:
                raise _damaged(path, damage[0][0])
        torn = bool(damage) and damage[-1][1] == end and not _ends_line(file, end)
        if damage[: len(damage) - torn] and boot is not None and boot == ledger.boot:
            raise _damaged(path, damage[0][0])  # no process that ends leaves this
        _heal(file, damage, torn=torn)
    return header, ledger


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Every line with its end; what is too long for one comes in pieces, which nobody can read."""
    while line := file.readline(LONGEST_LINE):
        yield line


def _ends_line(file: BinaryIO, end: int) -> bool:
    file.seek(end - 1)
    return file.read(1) == b"\n"


def _heal(file: BinaryIO, damage: list[tuple[int, int]], *, torn: bool) -> None:
    """Cut off a torn end; blank what a power cut has spoiled before it."""
    if torn:
        file.truncate(damage.pop()[0])
    for start, end in damage:
        file.seek(start)
        file.write(b" " * (end - start - 1) + b"\n")
    file.flush()


def _check_same(path: Path, found: Header, wanted: Header) -> None:
    differs = found.differs_from(wanted)
    if found.input_sha256 is None:
        raise UsageError(
            f"{path} is of a run that read standard input, which cannot be read again",
            hint="put the targets into a file to be able to resume",
        )
    if differs is not None:
        raise UsageError(
            f"{path} is of another run: its {differs} differs",
            hint="say what was said then, or name another file with --results",
        )


def _locked(path: Path, handle: int) -> Lock:
    lock = Lock(path)
    try:
        taken = lock.take(wait=False)
    except StoreError:
        os.close(handle)
        raise
    if not taken:
        os.close(handle)
        raise StoreError(
            f"another run is writing to {path}", hint="wait for its end, or name another file"
        )
    return lock


def _sync_folder(path: Path) -> None:
    """Let the file's name outlive the machine too; not every system can."""
    with suppress(OSError):
        folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _damaged(path: Path, at: int) -> StoreError:
    return StoreError(
        f"{path} is damaged at byte {at}",
        hint="what was sent can no longer be told from it: mend that line by hand",
    )


def _unwritable(path: Path, error: OSError) -> StoreError:
    if error.errno == errno.ELOOP:
        return StoreError(f"{path} is a symbolic link", hint="name a file with --results")
    reason = (error.strerror or str(error)).lower()
    if error.errno in _FULL:
        return StoreError(
            f"{path} cannot be written: {reason}", hint="free some space, then --resume"
        )
    return StoreError(f"{path} cannot be written: {reason}", hint="check the path")
