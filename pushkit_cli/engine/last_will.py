"""What is done when this process dies with no chance to do it itself: SIGKILL, or out of memory.

A shell waits at a pipe whose other end nobody but this process has, so its death is the pipe's end
on every system. Where there is no shell nothing is left behind on purpose, and nothing is done.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_SHELL = "/bin/sh"
_WAIT = "read -r word && exit; "
_KILL_GROUP = 'kill -s KILL -- "-$1"'
# Whoever dies at this moment may still write a file there.
_REMOVE = 'rm -rf -- "$1" || { sleep 1; rm -rf -- "$1"; }'


@contextmanager
def group_killed(leader: int) -> Iterator[None]:
    """Should this process die inside the block, a process group is killed."""
    with _left(_KILL_GROUP, str(leader)):
        yield


@contextmanager
def folder_removed(folder: Path) -> Iterator[None]:
    """Should this process die inside the block, a folder is removed with all that is in it."""
    with _left(_REMOVE, str(folder)):
        yield


@contextmanager
def _left(script: str, word: str) -> Iterator[None]:
    """A session of its own: what ends the others of a terminal or a group does not end it."""
    try:
        executor = subprocess.Popen(  # noqa: S603 (a script of ours)
            [_SHELL, "-c", _WAIT + script, "pushkit", word],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
            env={"PATH": os.defpath},  # and no secret of ours
        )
    except OSError:
        yield
        return
    try:
        yield
    finally:
        with suppress(OSError):
            executor.communicate(b"alive\n")
