"""The machine this runs on: time, chance, the process and the folder it is given. Nothing else."""

import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from pushkit_cli.errors import ExitCode

if TYPE_CHECKING:
    import asyncio
    from types import FrameType

_FILES_OF_OURS = 60


Signal = signal.Signals


def now() -> float:
    """Unix seconds."""
    return time.time()


def today() -> datetime:
    """The present moment in UTC."""
    return datetime.now(tz=UTC)


def new_id() -> str:
    """128 random bits as 32 hexadecimal digits."""
    return os.urandom(16).hex()


@lru_cache(maxsize=16)  # all events of a turn have one moment
def rfc3339(at_ms: int) -> str:
    """Unix milliseconds as RFC 3339 in UTC."""
    at = datetime.fromtimestamp(at_ms / 1000, tz=UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def boot_id() -> str | None:
    """What names the uptime of this machine; `None` where the system does not say (macOS)."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return None


def files_to_spare() -> int:
    """How many files this process may open beside its own, such as its databases; at least one."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(1, soft - _FILES_OF_OURS) if soft != resource.RLIM_INFINITY else sys.maxsize


class Terminated(BaseException):
    """SIGTERM came; raised where the program stands, so that what it has begun is cleaned up."""


def raise_on_sigterm() -> None:
    """From now on SIGTERM is an exception, as SIGINT is."""

    def on_signal(_number: int, _frame: "FrameType | None") -> NoReturn:
        raise Terminated

    signal.signal(signal.SIGTERM, on_signal)


@contextmanager
def stop_signals(loop: "asyncio.AbstractEventLoop", stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` in the loop when the process is asked to end."""
    with heard_signals(loop, lambda _: stop()):
        yield


@contextmanager
def heard_signals(
    loop: "asyncio.AbstractEventLoop", heard: Callable[[Signal], None]
) -> Iterator[None]:
    """Call `heard` in the loop with the signal that asks the process to end.

    Afterwards they do what they did before, so that a late one does not leave a mess behind.
    """
    wanted = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in wanted}
    for number in wanted:
        loop.add_signal_handler(number, heard, number)
    try:
        yield
    finally:
        for number in wanted:
            loop.remove_signal_handler(number)
            signal.signal(number, before[number] or signal.SIG_DFL)


def code_of(number: Signal) -> ExitCode:
    """The exit code of who was stopped by a signal; a terminal that is gone terminates as well."""
    return ExitCode.INTERRUPTED if number == signal.SIGINT else ExitCode.TERMINATED


def kill_group(leader: int) -> None:
    """End every process of a group, those that ignore signals too."""
    with suppress(ProcessLookupError, PermissionError):  # macOS: the latter where all are zombies
        os.killpg(leader, signal.SIGKILL)


def signal_name(number: int) -> str:
    """A signal as people call it."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
