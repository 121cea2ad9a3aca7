"""An app under test that runs outside this process: one push at a time, and what came of each."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pushkit_cli.apns.facts import Basis
from pushkit_cli.apns.push import PushType
from pushkit_cli.emulator.moves import AppCrashed, AppNoted, AppReturned, CallApp, TellApp
from pushkit_cli.engine import app_answer
from pushkit_cli.engine.app_host import Feed
from pushkit_cli.engine.app_queue import AppQueues
from pushkit_cli.phone.calls import Report
from pushkit_cli.phone.events import DeviceEvent, Happening

FREE_LIMIT_S = 30.0
"""How long an app may take for a push without a call to report (ours)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one push. `good`: it counts as reported, unless `said` says otherwise.

    `crashed`: how it died by itself. `detail` is worth an event, and `reason` its short word.
    """

    good: bool
    said: bytes = b""
    crashed: str | None = None
    reason: str | None = None
    detail: str | None = None


Note = Callable[[str, str], None]
"""Tells of a push in an event: a short word, and a sentence."""
Work = Callable[[CallApp, Note], Awaitable[Outcome]]
"""Lets the app handle a push. Cancelled where it must stop: it leaves nothing behind then."""
Close = Callable[[], Awaitable[None]]


class OutsideApp:
    """Hands pushes to `work`: each app's one after the other, of all apps `seats` at once."""

    def __init__(self, feed: Feed, work: Work, close: Close, *, seats: int) -> None:
        self._feed = feed
        self._work = work
        self._close = close
        self._limit = seats
        self._seats = asyncio.Semaphore(seats)
        self._queues = AppQueues(self._handle)

    def call(self, call: CallApp) -> None:
        """Begin, or wait until the app is free."""
        self._queues.put(call)

    def tell(self, told: TellApp) -> None:
        """It says everything at its end."""

    def kill(self, handling: str) -> None:
        """Stop what runs for a push, or forget it."""
        self._queues.drop(handling)

    async def stop(self) -> None:
        """Stop everything, and wait until it has."""
        await self._queues.stop()
        await self._close()

    async def _handle(self, call: CallApp) -> None:
        def note(reason: str, detail: str) -> None:
            self._feed(AppNoted(event=_about(call, reason, detail)))

        try:
            await self._seats.acquire()
        except asyncio.CancelledError:
            note("not-started", f"{self._limit} others were at work all the time (ours)")
            raise
        try:
            outcome = await self._timed(call, note)
        finally:
            self._seats.release()
        self._finish(call, outcome, note)

    async def _timed(self, call: CallApp, note: Note) -> Outcome:
        limit = FREE_LIMIT_S if call.kill_at is None else None  # else the world's clock decides
        try:
            async with asyncio.timeout(limit):
                return await self._work(call, note)
        except TimeoutError:
            detail = f"ended after {FREE_LIMIT_S:.0f} s (ours)"
            return Outcome(good=False, reason="time-limit", detail=detail)
        except Exception as error:  # the app's next push is to be handled all the same
            detail = f"a bug in pushkit: {type(error).__name__}: {error}"
            return Outcome(good=False, reason="bug", detail=detail)

    def _finish(self, call: CallApp, outcome: Outcome, note: Note) -> None:
        if outcome.detail is not None:
            note(outcome.reason or "said", outcome.detail)
        if outcome.crashed is not None:
            self._feed(AppCrashed(handling=call.handling, how=outcome.crashed))
            return
        report = _report(outcome, note) if outcome.good else None
        if call.type is not PushType.voip:  # of all pushes VoIP alone is a call
            report = None
        self._feed(AppReturned(handling=call.handling, report=report))


def _report(outcome: Outcome, note: Note) -> Report | None:
    try:
        said = app_answer.read(outcome.said)
    except ValueError as error:
        note("bad-answer", f"its answer says nothing ({error}): write {app_answer.SHAPES}")
        return Report()
    return Report() if said is None else said.report


def _about(call: CallApp, reason: str, detail: str) -> DeviceEvent:
    return DeviceEvent(
        event=Happening.HOOK,
        push_id=call.push_id,
        device=call.device,
        app=call.bundle_id,
        type=call.type,
        apns_id=call.apns_id,
        call_id=call.call_id,
        reason=reason,
        detail=detail,
        basis=Basis.OURS,
    )
