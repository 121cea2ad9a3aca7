"""Where a Unix socket of ours may stand: private, short enough, and gone at the end. Disk only.

AF_UNIX takes 108 bytes of path on Linux and 104 on macOS; a home that is deeper gets a folder
beside it, private as well, under the system's temporary one.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pushkit_cli.store.files import Home, remove, translated

_LONGEST = 100
_NAME = "control.sock"
_PREFIX = "pushkit-"


@contextmanager
def place(home: Home) -> Iterator[Path]:
    """A path on which nothing stands; what is there at the end is removed."""
    path = home.folder("run") / _NAME
    if len(os.fsencode(path)) <= _LONGEST:
        _remove_socket(path)
        try:
            yield path
        finally:
            remove(path)
        return
    with translated(path):
        import tempfile

        folder = tempfile.mkdtemp(prefix=_PREFIX, dir=_short_folder())
    try:
        yield Path(folder, _NAME)
    finally:
        clean(Path(folder, _NAME))


def clean(path: Path) -> None:
    """Remove what a listener that was killed left behind; nothing that is not surely its socket."""
    with suppress(OSError):
        _remove_socket(path)
        folder = path.parent
        if path.name == _NAME and folder.name.startswith(_PREFIX) and _is_ours(folder):
            folder.rmdir()  # an empty one alone


def _remove_socket(path: Path) -> None:
    with suppress(FileNotFoundError):
        if path.name == _NAME and stat.S_ISSOCK(path.lstat().st_mode) and _is_ours(path):
            path.unlink()


def _is_ours(path: Path) -> bool:
    return path.lstat().st_uid == os.geteuid()


def _short_folder() -> str | None:
    """`None`: the system's own, unless even that is too deep."""
    import tempfile

    room = len(os.fsencode(Path(tempfile.gettempdir(), f"{_PREFIX}12345678", _NAME)))
    return None if room <= _LONGEST else "/tmp"  # noqa: S108 (mkdtemp makes a private folder)
