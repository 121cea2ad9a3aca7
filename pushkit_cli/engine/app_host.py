"""The app under test as the stage sees it: it is called, told and killed, and feeds back inputs."""

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

from pushkit_cli.apns.push import Environment, PushType
from pushkit_cli.emulator.moves import (
    AppCrashed,
    AppReturned,
    CallApp,
    EndApp,
    Input,
    TellApp,
    TellToken,
)
from pushkit_cli.engine.clock import Alarm, Clock
from pushkit_cli.phone.calls import Report

Feed = Callable[[Input], None]
"""Gives an input to the stage; called in its event loop."""

AppKey = tuple[str, Environment, str]
"""Device, environment and bundle id: one app's process."""


class AppHost(Protocol):
    """Runs the app under test, whatever that is. Called in the event loop; nothing here waits."""

    def call(self, call: CallApp) -> None:
        """A push for the app; each app handles one at a time, in their order."""

    def tell(self, told: TellApp) -> None:
        """What the system says to a report."""

    def kill(self, handling: str) -> None:
        """Stop whatever runs or waits for this handling; nothing is heard of it any more."""

    async def stop(self) -> None:
        """The listener ends: leave nothing behind."""


@runtime_checkable
class Resident(AppHost, Protocol):
    """A host whose apps stay in memory between pushes, so that they hear what else happens."""

    def hear(self, change: EndApp | TellToken) -> None:
        """An app does not run any more, or has another token."""


def key_of(call: CallApp) -> AppKey:
    """Whose process a call is for."""
    return (call.device, call.environment, call.bundle_id)


class GoodApp:
    """Reports its call at once, completes and returns."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def call(self, call: CallApp) -> None:
        """Do it all."""
        self._feed(AppReturned(handling=call.handling, report=_call_in(call)))

    def tell(self, told: TellApp) -> None:
        """It never asks."""

    def kill(self, handling: str) -> None:
        """It is never late."""

    async def stop(self) -> None:
        """It leaves nothing."""


def _call_in(call: CallApp) -> Report | None:
    """What there is to report: of all pushes VoIP alone is a call."""
    return Report() if call.type is PushType.voip else None


class Manner(StrEnum):
    """How an app that is built in behaves."""

    NEVER_REPORTS = "never-reports"
    HANGS = "hangs"
    SLOW = "slow"
    CRASHES = "crashes"
    NO_COMPLETION = "no-completion"


@dataclass(slots=True)
class _Line:
    """What one app has to do: the first is what it is busy with."""

    calls: deque[CallApp]
    alarm: Alarm | None = None


class BadApp:
    """An app that does one thing wrong. `delay_s` is how long a slow one takes, in seconds."""

    def __init__(self, feed: Feed, clock: Clock, manner: Manner, *, delay_s: float = 0.0) -> None:
        self._feed = feed
        self._clock = clock
        self._manner = manner
        self._delay_s = delay_s
        self._lines: OrderedDict[AppKey, _Line] = OrderedDict()

    def call(self, call: CallApp) -> None:
        """Begin, or wait until the app is free."""
        line = self._lines.setdefault(key_of(call), _Line(deque()))
        line.calls.append(call)
        if len(line.calls) == 1:
            self._begin(line)

    def tell(self, told: TellApp) -> None:
        """It never asks."""

    def kill(self, handling: str) -> None:
        """What it was busy with is over; the next begins."""
        for key, line in list(self._lines.items()):
            for call in line.calls:
                if call.handling == handling:
                    self._end(key, line, call)
                    return

    async def stop(self) -> None:
        """Cancel what was to come."""
        for line in self._lines.values():
            if line.alarm is not None:
                line.alarm.cancel()
        self._lines.clear()

    def _begin(self, line: _Line) -> None:
        call = line.calls[0]
        if self._manner is Manner.HANGS:
            return
        delay = self._delay_s if self._manner is Manner.SLOW else 0.0
        line.alarm = self._clock.call_at(
            self._clock.now() + delay, lambda: self._act(key_of(call), line, call)
        )

    def _act(self, key: AppKey, line: _Line, call: CallApp) -> None:
        match self._manner:
            case Manner.NEVER_REPORTS:
                self._feed(AppReturned(handling=call.handling))
            case Manner.CRASHES:
                self._feed(AppCrashed(handling=call.handling, how="as it was told to"))
            case Manner.NO_COMPLETION:
                self._feed(
                    AppReturned(handling=call.handling, report=_call_in(call), completed=False)
                )
            case _:
                self._feed(AppReturned(handling=call.handling, report=_call_in(call)))
        self._end(key, line, call)

    def _end(self, key: AppKey, line: _Line, call: CallApp) -> None:
        was_first = line.calls[0] is call
        line.calls.remove(call)
        if was_first and line.alarm is not None:
            line.alarm.cancel()
            line.alarm = None
        if not line.calls:
            del self._lines[key]
        elif was_first:
            self._begin(line)
