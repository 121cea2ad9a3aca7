"""The command inside a listener as a job of its own: its process group, its end, its terminal.

The group is its own, so that it can be signalled and ended whole, and nothing else with it: the
group of this process may hold a shell script, or the other commands of a pipeline. Where stdin is
the terminal and we have it, the group gets it, as a shell would give it: so ^C and ^Z go there, and
a program that asks something can be answered. Where stdin is something else, the terminal stays
where it is, and signals are passed on. A job that is stopped stops us too, so that the shell above
notices; it goes on when we do.
"""

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from pushkit_cli.engine.last_will import group_killed
from pushkit_cli.errors import ExitCode

_LOOK_S = 0.01
_LAST_S = 1.0
"""How long what was killed is waited for."""
_STDIN = 0
_ASKED = (signal.SIGTTIN, signal.SIGTTOU)
_PROCESSES = Path("/proc")


class CannotRunError(Exception):
    """A command that was not started: in words, and with the code of a shell."""

    def __init__(self, why: str, code: ExitCode) -> None:
        super().__init__(why)
        self.code = code


class Job:
    """A running command; `code` is what it left, 128 and a signal's number where it died of one."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start it. Raises CannotRunError."""
        try:
            self._process = subprocess.Popen(  # noqa: S603 (what the user asked to run)
                command, env=environment, process_group=0
            )
        except FileNotFoundError as error:
            raise CannotRunError(f"{command[0]} is not found", ExitCode.NOT_FOUND) from error
        except (OSError, ValueError) as error:
            why = (error.strerror if isinstance(error, OSError) else str(error)) or "it failed"
            raise CannotRunError(
                f"{command[0]} cannot be run: {why.lower()}", ExitCode.CANNOT_RUN
            ) from error
        self.code: int | None = None
        self.hurry = False
        self._group = self._process.pid
        self._has_terminal = _give_terminal(self._group)

    @contextmanager
    def watched(
        self, loop: asyncio.AbstractEventLoop, changed: Callable[[], None]
    ) -> Iterator[None]:
        """Notice what becomes of it, and say so; in the main thread's loop."""

        def look() -> None:
            while self.code is None and self._look():
                changed()

        loop.add_signal_handler(signal.SIGCHLD, look)
        look()  # it may have ended before
        try:
            with group_killed(self._group):
                yield
        finally:
            loop.remove_signal_handler(signal.SIGCHLD)
            if self._has_terminal:
                _take_terminal(self._group)

    async def end(self, number: int = signal.SIGTERM, *, grace_s: float) -> None:
        """Send a signal to all that is left of the group; SIGKILL after the grace, or in a hurry.

        Nothing of the group runs then.
        """
        self._send(number)
        self._send(signal.SIGCONT)  # what is stopped hears nothing else
        if not await self._is_gone(grace_s, lambda: self.hurry):
            self._send(signal.SIGKILL)
            await self._is_gone(_LAST_S, lambda: False)

    async def _is_gone(self, within_s: float, is_enough: Callable[[], bool]) -> bool:
        clock = asyncio.get_running_loop().time
        end, pause = clock() + within_s, _LOOK_S
        while self._send(0) and (self.code is None or _has_living(self._group)):
            if clock() >= end or is_enough():
                return False
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, _LOOK_S * 10)
        return True

    def _look(self) -> bool:
        """Whether something became of it since the last look."""
        pid, status = os.waitpid(self._process.pid, os.WNOHANG | os.WUNTRACED)
        if not pid:
            return False
        if os.WIFSTOPPED(status):
            if self._has_terminal:
                self._stopped(os.WSTOPSIG(status))
            return True
        code = self._process.returncode = os.waitstatus_to_exitcode(status)
        self.code = 128 - code if code < 0 else code
        return True

    def _stopped(self, number: int) -> None:
        """Be stopped as the job is, and go on with it once a shell lets us.

        What asked for the terminal before it had it goes on at once.
        """
        if number not in _ASKED or not _has_terminal(self._group):
            _take_terminal(self._group)
            os.killpg(os.getpgrp(), signal.SIGTSTP)
            _give_terminal(self._group)  # not where we went on in the background
        self._send(signal.SIGCONT)

    def _send(self, number: int) -> bool:
        """Whether anybody was left to send it to."""
        try:
            os.killpg(self._group, number)
        except ProcessLookupError:
            return False
        except PermissionError:  # macOS says so of a group that has zombies alone
            return False
        return True


def _has_living(group: int) -> bool:
    """Whether somebody in a group runs. Orphans that have ended may lie there for long.

    Where nothing can be looked up, whoever is there is taken to run.
    """
    if not _PROCESSES.joinpath("self/stat").exists():
        return True
    for stat in _PROCESSES.glob("[0-9]*/stat"):
        with suppress(OSError):  # it has gone since
            state, _, its_group = stat.read_bytes().rpartition(b")")[2].split()[:3]
            if int(its_group) == group and state not in (b"Z", b"X"):
                return True
    return False


def _has_terminal(group: int) -> bool:
    with suppress(OSError):
        return os.tcgetpgrp(_STDIN) == group
    return False


def _give_terminal(group: int) -> bool:
    """Make a group the terminal's, where stdin is the terminal and it is ours to give."""
    with suppress(OSError):
        if os.isatty(_STDIN) and _has_terminal(os.getpgrp()):
            os.tcsetpgrp(_STDIN, group)
            return True
    return False


def _take_terminal(group: int) -> None:
    """Have the terminal again, unless somebody else has got it meanwhile."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})  # it stops who asks so
    try:
        if _has_terminal(group):
            with suppress(OSError):
                os.tcsetpgrp(_STDIN, os.getpgrp())
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
