"""What time it is for the emulator, and what is to happen at a time: the machine's, or by hand."""

import asyncio
import heapq
import itertools
from collections.abc import Callable
from typing import Protocol

from pushkit_cli.engine import host


class Alarm(Protocol):
    """Something that will happen unless it is cancelled."""

    def cancel(self) -> None:
        """It will not."""


class Clock(Protocol):
    """A clock; times are Unix seconds."""

    def now(self) -> float:
        """The time."""

    def call_at(self, when: float, act: Callable[[], None]) -> Alarm:
        """Call in the event loop once it is so late; a time that is past is now."""


class SystemClock:
    """The machine's."""

    def now(self) -> float:
        """The time."""
        return host.now()

    def call_at(self, when: float, act: Callable[[], None]) -> Alarm:
        """Call once it is so late."""
        return asyncio.get_running_loop().call_later(max(0.0, when - host.now()), act)


class _Entry:
    def __init__(self, act: Callable[[], None]) -> None:
        self.act: Callable[[], None] | None = act

    def cancel(self) -> None:
        self.act = None


class ManualClock:
    """One that stands still until it is moved; it starts at a given time, else the machine's."""

    def __init__(self, at: float | None = None) -> None:
        self._now = host.now() if at is None else at
        self._alarms: list[tuple[float, int, _Entry]] = []
        self._numbers = itertools.count()

    def now(self) -> float:
        """The time."""
        return self._now

    def call_at(self, when: float, act: Callable[[], None]) -> Alarm:
        """Call when the clock is moved there; a time that is past is now."""
        if when <= self._now:
            return asyncio.get_running_loop().call_soon(act)
        entry = _Entry(act)
        heapq.heappush(self._alarms, (when, next(self._numbers), entry))
        return entry

    def advance(self, seconds: float, *, after_each: Callable[[], None]) -> None:
        """Move on; alarms go off in their order, each at its own time, `after_each` behind it."""
        target = self._now + seconds
        while self._alarms and self._alarms[0][0] <= target:
            when, _, entry = heapq.heappop(self._alarms)
            if entry.act is not None:
                self._now = when
                entry.act()
                after_each()
        self._now = target
