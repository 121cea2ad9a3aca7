"""Files that a user names, and standard input: read and written, but never without end."""

import io
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, BinaryIO, TextIO

from pushkit_cli.errors import UsageError
from pushkit_cli.store.files import placed, translated

MAX_BYTES = 4 * 1024 * 1024
"""The largest push has 5120 bytes, keys and certificates a few thousand."""
MAX_LINES_BYTES = 2 * 1024**3
"""Of a file that is read line by line."""


def read_given(path: Path) -> bytes:
    """A file's bytes. Raises OSError, and UsageError for a file that has no end."""
    with path.open("rb") as file:
        return _whole(file, str(path))


def read_stdin() -> bytes:
    """What comes on standard input. Raises as `read_given` does."""
    return _whole(sys.stdin.buffer, "standard input")


def _whole(file: BinaryIO, name: str) -> bytes:
    data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise UsageError(
            f"{name} holds more than {MAX_BYTES // 1024 // 1024} MB",
            hint="is it the right one? the largest push has 5120 bytes",
        )
    return data


@contextmanager
def open_lines(path: Path) -> Iterator[TextIO]:
    """A file of text, `-` for standard input, which can be read more than once.

    Bytes that are no UTF-8 become lone surrogates. Raises UsageError for one that cannot be read.
    """
    with ExitStack() as stack:
        try:
            file = stack.enter_context(_kept_stdin() if str(path) == "-" else path.open("rb"))
            is_regular = file.seekable()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise UsageError(f"{path} cannot be read: {reason}", hint="check the path") from error
        if not is_regular:
            raise UsageError(f"{path} cannot be read twice", hint="pipe it in, and name - instead")
        yield io.TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline="")


def _kept_stdin() -> IO[bytes]:
    """All of standard input, on the disk: it is too long for memory and has to be read twice."""
    import tempfile

    kept = tempfile.TemporaryFile()  # noqa: SIM115 (whoever asked closes it)
    while piece := sys.stdin.buffer.read(1 << 20):
        kept.write(piece)
        if kept.tell() > MAX_LINES_BYTES:
            kept.close()
            raise UsageError("standard input has no end", hint="is it the right one?")
    kept.seek(0)
    return kept


@contextmanager
def written(path: Path, *, option: str) -> Iterator[BinaryIO]:
    """A file that a user named, whole or as it was; a pipe or a device is written to as it is.

    Raises StoreError.
    """
    with translated(path, option):
        place = path.resolve()
        is_stream = place.exists() and not (place.is_file() or place.is_dir())
    if not is_stream:
        with placed(place, mode=0o666, option=option) as file:
            yield file
        return
    with translated(path, option), place.open("wb") as file:
        yield file
