"""Where the lines of a bulk run come from: a file, which can be read again, or a stream."""

import hashlib
import os
import stat
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

from pushkit_cli.engine.bulk_lines import LONGEST_LINE
from pushkit_cli.errors import StoreError, UsageError

_LOOK_EVERY = 1_000
"""Lines after which it is looked whether the file is still the same."""
_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a file holds: bytes, their SHA-256, and the number of its last line."""

    size: int
    sha256: str
    lines: int


class Input:
    """Lines with their numbers, from 1. Of a line that is too long only the beginning is kept."""

    def __init__(self, path: Path | None) -> None:
        """Open a file, `None` for standard input. Raises UsageError where it cannot be read."""
        self.name = "standard input" if path is None else str(path)
        if path is None:
            # Not through Python's own buffer: a thread that waits there would keep us from ending.
            self._file: BinaryIO = _stdin(self.name)
        else:
            self._file = _open(path)
        found = os.fstat(self._file.fileno())
        self.can_be_read_again = path is not None and stat.S_ISREG(found.st_mode)
        self._stamp = _stamp(self._file)
        self._digest = hashlib.sha256()
        self._count = 0
        self._reading = threading.Lock()

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Every line, from the first. Raises StoreError where the file changes meanwhile."""
        if self.can_be_read_again:
            self._file.seek(0)
        self._digest, self._count = hashlib.sha256(), 0
        number = 0
        while raw := self._line():
            number += 1
            if number == 1:
                raw = raw.removeprefix(_MARK)
            if number % _LOOK_EVERY == 0:
                self._check_same()
            yield number, raw
        self._check_same()

    def measured(self, lines: int) -> Measured:
        """What was read by `lines`, to its end."""
        return Measured(size=self._count, sha256=self._digest.hexdigest(), lines=lines)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # A thread may wait in a stream, and closing would wait for it: then nobody does.
        if self._reading.acquire(blocking=False):
            self._file.close()
            self._reading.release()

    def _line(self) -> bytes:
        with self._reading:
            if self._file.closed:
                return b""
            try:
                return self._read_line()
            except OSError as error:
                raise _unreadable(self.name, error) from error

    def _read_line(self) -> bytes:
        first = piece = self._file.readline(LONGEST_LINE + 2)
        self._count += len(piece)
        self._digest.update(piece)
        while piece and not piece.endswith(b"\n"):  # what is behind its longest is not kept
            piece = self._file.readline(LONGEST_LINE)
            self._count += len(piece)
            self._digest.update(piece)
        return first

    def _check_same(self) -> None:
        if self.can_be_read_again and _stamp(self._file) != self._stamp:
            raise StoreError(
                f"{self.name} was changed while it was read",
                hint="send from a copy that nobody writes to",
            )


def _stdin(name: str) -> BinaryIO:
    try:
        os.read(sys.stdin.fileno(), 0)  # what was closed by a shell cannot be read
        return os.fdopen(os.dup(sys.stdin.fileno()), "rb")
    except OSError as error:
        raise _unreadable(name, error) from error


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise _unreadable(str(path), error) from error


def _unreadable(name: str, error: OSError) -> UsageError:
    reason = (error.strerror or str(error)).lower()
    return UsageError(f"{name} cannot be read: {reason}", hint="is it there, and a file?")


def _stamp(file: BinaryIO) -> tuple[int, int]:
    found = os.fstat(file.fileno())
    return found.st_size, found.st_mtime_ns
