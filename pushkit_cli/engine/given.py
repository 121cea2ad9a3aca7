"""Files that a user names, and standard input: read whole, but never without end."""

import sys
from pathlib import Path
from typing import BinaryIO

from pushkit_cli.errors import UsageError

MAX_BYTES = 4 * 1024 * 1024
"""The largest push has 5120 bytes, keys and certificates a few thousand."""


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
