"""A command on a pseudo-terminal, and somebody who types once a prompt is there."""

import errno
import os
import select
import signal
from collections.abc import Mapping, Sequence

from tests.pty_run import PtyResult

_A_WHILE_S, _TRIES = 1.0, 30
_INTERRUPT = b"\x03"


def type_in_pty(
    argv: Sequence[str], *, env: Mapping[str, str], prompt: bytes, typed: bytes
) -> PtyResult:
    """Run `argv` with a terminal of its own for all three streams; type once the prompt is there.

    A ^C in the moment before Python reads is not seen until something is typed, so it is typed
    again after a while. Raises TimeoutError, with what was written, where
    the command neither writes nor ends.
    """
    master, slave = os.openpty()
    try:
        pid = _spawn(argv, env, os.ttyname(slave))
    finally:
        os.close(slave)
    output, ended, again = bytearray(), False, _TRIES
    try:
        while not ended and again:
            quiet = not select.select([master], [], [], _A_WHILE_S)[0]
            chunk = b"" if quiet else _read(master)
            ended = not (quiet or chunk)
            first = prompt not in output and prompt in output + chunk
            output += chunk
            if first or (quiet and typed == _INTERRUPT and prompt in output):
                os.write(master, typed)
            again -= quiet
        if not ended:
            raise TimeoutError(f"the command neither wrote nor ended after {bytes(output)!r}")
    finally:
        if not ended:
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        os.close(master)
    return PtyResult(output=bytes(output), code=os.waitstatus_to_exitcode(status))


def _spawn(argv: Sequence[str], env: Mapping[str, str], terminal: str) -> int:
    """A session leader that opens a terminal owns it from then on, so ^C reaches it."""
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
        setsigdef=[signal.SIGPIPE, signal.SIGINT],
    )


def _read(master: int) -> bytes:
    """What the terminal got; nothing once nobody has it any more."""
    try:
        return os.read(master, 65_536)
    except OSError as error:
        if error.errno != errno.EIO:  # how Linux says that nobody has the other end any more
            raise
        return b""
