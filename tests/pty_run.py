"""A command run on a real pseudo-terminal, and what in its output no terminal should have got."""

import contextlib
import errno
import os
import re
import select
import signal
import subprocess
import termios
import time
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Seconds: how often a silent child is asked whether it has ended, the same once it has closed the
# terminal, and how long output is awaited after its end where something it left behind keeps the
# terminal open.
_LOOK = 0.05
_LOOK_CLOSED = 0.002
_LAST_WORDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class PtyResult:
    """All bytes the terminal got, and the exit code (negative: ended by that signal)."""

    output: bytes
    code: int


def run_in_pty(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cols: int = 80,
    rows: int = 24,
    timeout: float = 30.0,
) -> PtyResult:
    """Run `argv` as the leader of a session whose terminal has `cols` and `rows`.

    `env` is the whole environment. stdin, stdout and stderr are the terminal, and nobody types.
    Raises `FileNotFoundError` for an unknown command, and `subprocess.TimeoutExpired` with the
    output so far after `timeout` seconds; then the process group is killed.
    """
    deadline = time.monotonic() + timeout
    master, slave = os.openpty()
    try:
        try:
            termios.tcsetwinsize(slave, (rows, cols))
            pid = _spawn(argv, env, os.ttyname(slave))
        finally:
            os.close(slave)
        return _follow(pid, master, argv, deadline, timeout)
    finally:
        os.close(master)


def _spawn(argv: Sequence[str], env: Mapping[str, str], terminal: str) -> int:
    # A session leader that opens a terminal owns it from then on, so ^C and /dev/tty work. Not
    # pty.fork(): forking beside threads is a warning from Python 3.12 on.
    return os.posix_spawnp(
        argv[0],
        list(argv),
        dict(env),
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, terminal, os.O_RDWR, 0),
            (os.POSIX_SPAWN_DUP2, 0, 1),
            (os.POSIX_SPAWN_DUP2, 0, 2),
        ],
        setsid=True,
        setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],  # Python ignores them, and that is inherited
    )


def _follow(
    pid: int, master: int, argv: Sequence[str], deadline: float, timeout: float
) -> PtyResult:
    output = bytearray()
    status: int | None = None
    is_open = True
    try:
        while is_open or status is None:
            now = time.monotonic()
            if now >= deadline and status is not None:
                break
            if now >= deadline:
                raise subprocess.TimeoutExpired(list(argv), timeout, output=bytes(output))
            pause = min(_LOOK if is_open else _LOOK_CLOSED, deadline - now)
            if select.select([master] if is_open else [], [], [], pause)[0]:
                chunk = _read(master)
                output += chunk
                is_open = bool(chunk)
            elif status is None and (ended := os.waitpid(pid, os.WNOHANG))[0]:
                status = ended[1]
                deadline = min(deadline, time.monotonic() + _LAST_WORDS)
    finally:
        if status is None:
            _kill_group(pid)
            _, status = os.waitpid(pid, 0)
        elif is_open:
            _kill_group(pid)  # its children hold the terminal, so the group is still theirs
    return PtyResult(output=bytes(output), code=os.waitstatus_to_exitcode(status))


def _read(master: int) -> bytes:
    try:
        return os.read(master, 65_536)
    except OSError as error:
        if error.errno != errno.EIO:  # how Linux says that nobody has the other end any more
            raise
        return b""


def _kill_group(pid: int) -> None:
    # macOS denies permission where a group has only zombies left.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


_COLOUR = r"\x1b\[[0-9;]*m"
# Hide and show the cursor, erase in the line, go up, back to the start of the line: all that a
# live display of rich writes.
_PROGRESS = r"\x1b\[\?25[hl]|\x1b\[[0-2]?K|\x1b\[[0-9]*A|\r"
_CONTROL_SEQUENCE = r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b."

_UNSEEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})
_UNSEEN_LETTERS_AND_MARKS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def stray_controls(output: bytes, *, progress: bool = False, colour: bool = True) -> list[str]:
    r"""Return every control, escape sequence and unseen character that is not one of ours.

    Ours are `\r\n`, colours (`ESC [ digits;… m`) unless `colour` is false, and what a progress
    bar needs where `progress` is true. Whatever else steers a terminal, reorders or hides text,
    is not UTF-8 (as a surrogate), or is a third combining mark in a row comes back, in order.
    """
    ours = "|".join([r"\r\n", *([_COLOUR] if colour else []), *([_PROGRESS] if progress else [])])
    tokens = re.compile(f"(?P<ours>{ours})|(?P<theirs>{_CONTROL_SEQUENCE})|.", re.DOTALL)
    text = output.decode("utf-8", "surrogateescape")
    stray: list[str] = []
    marks = 0
    for token in tokens.finditer(text):
        found = token[0]
        is_mark = len(found) == 1 and unicodedata.category(found).startswith("M")
        marks = marks + 1 if is_mark else 0
        if token["ours"]:
            continue
        if token["theirs"] or marks > 2 or _is_unseen(found):
            stray.append(found)
    return stray


def _is_unseen(character: str) -> bool:
    if character == " ":
        return False
    return (
        unicodedata.category(character) in _UNSEEN_CATEGORIES
        or _UNSEEN_LETTERS_AND_MARKS.match(character) is not None
    )
