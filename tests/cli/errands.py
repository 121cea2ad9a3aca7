"""What the tests of the commands ask of an ended command, and of the files it left."""

import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

from pushkit_cli.cli.app import run

Done = subprocess.CompletedProcess[bytes]


def spoken(done: Done) -> str:
    """Everything on stderr as one line: it may be folded anywhere."""
    return " ".join(done.stderr.decode().split())


def failed(done: Done, code: int) -> str:
    """One error, one hint, no traceback and the right code; what was said comes back."""
    said = spoken(done)
    assert done.returncode == code, (said, done.stdout)
    assert (said.count("error: "), said.count("hint: ")) == (1, 1), said
    assert "Traceback" not in said
    assert "a bug in pushkit" not in said
    return said


def here(*arguments: str, stdin: bytes = b"", variables: Mapping[str, str] | None = None) -> Done:
    """A command run to its end in this process: for long tables of words, because it is quick."""
    said = {**os.environ, **(variables or {})}
    given = io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8")
    with (
        _captured() as out,
        _captured() as err,
        redirect_stdout(out),
        redirect_stderr(err),
        patch.object(sys, "stdin", given),
        patch.dict(os.environ, said),
    ):
        code = run(list(arguments), said)
        written = [_content(stream) for stream in (out, err)]
    return Done(arguments, code, *written)


def _captured() -> io.TextIOWrapper:
    """A file without a name in the place of stdout: commands write to descriptors."""
    return io.TextIOWrapper(tempfile.TemporaryFile(), encoding="utf-8")


def _content(stream: io.TextIOWrapper) -> bytes:
    stream.flush()
    with os.fdopen(os.dup(stream.fileno()), "rb") as file:
        file.seek(0)
        return file.read()


def prepared(*arguments: str) -> str:
    """A command that sets the scene, and ends well; what it wrote comes back."""
    done = here(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def files_below(folder: Path) -> Iterator[Path]:
    """Every file, whatever its name."""
    yield from (path for path in folder.rglob("*") if path.is_file())


def left_behind(folder: Path) -> list[str]:
    """Files that are born beside their place and should have been renamed or removed."""
    return [
        path.name
        for path in files_below(folder)
        if path.name.startswith(".") and path.name != ".gitignore"
    ]


def holding(folder: Path, secret: bytes) -> list[str]:
    """The files in which some bytes stand."""
    return [
        path.relative_to(folder).as_posix()
        for path in files_below(folder)
        if secret in path.read_bytes()
    ]
