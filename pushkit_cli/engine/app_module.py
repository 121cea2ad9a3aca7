"""An app under test that is a delegate written in Python: one process an app, kept between pushes.

Deadlines are the world's. Ours: eight processes at once, and what ends an app that hangs although
it owes no call.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from pushkit_cli.apns.facts import Basis
from pushkit_cli.emulator.moves import (
    AppCrashed,
    AppDesires,
    AppEnded,
    AppNoted,
    AppReported,
    AppReturned,
    CallApp,
    EndApp,
    EndCall,
    Inject,
    TellApp,
    TellToken,
)
from pushkit_cli.emulator.state import State
from pushkit_cli.engine.app_host import AppHost, AppKey, Feed, key_of
from pushkit_cli.engine.app_launch import RAW, launch_of
from pushkit_cli.engine.app_process import AppProcess, AppSpec, Launch
from pushkit_cli.engine.app_queue import AppQueues
from pushkit_cli.engine.clock import Clock
from pushkit_cli.phone.calls import EndedReason, Report
from pushkit_cli.phone.events import DeviceEvent, Happening

PROCESSES = 8
"""Processes alive at once (ours)."""
RETURN_WITHIN_S = 30.0
"""An app that owes no call, or has reported it, and does not return ends after so long (ours)."""
_COMPLETE_WITHIN_S = 1.0
_CALLS_KEPT = 64

LaunchOf = Callable[[AppKey], Launch]


def app_module(spec: AppSpec, state: State) -> Callable[[Feed, Clock], AppHost]:
    """What Stage takes as its app; tokens are those of a world's state."""
    return lambda feed, clock: AppModule(spec, feed, clock, lambda key: launch_of(state, key))


@dataclass(slots=True, kw_only=True)
class _App:
    """A process, and what it is busy with.

    `done`: what it says when it has returned, `None` where it is gone. `settled`: it has completed,
    or the wait for that is over. `questions` are reports that wait for an answer; `spelled` are
    calls as its pushes write them, by their lower case.
    """

    key: AppKey
    process: AppProcess
    call: CallApp | None = None
    last: CallApp | None = None
    done: asyncio.Future[dict[str, Any] | None] | None = None
    has_reported: bool = False
    has_completed: bool = False
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    questions: deque[int] = field(default_factory=deque)
    spelled: OrderedDict[str, str] = field(default_factory=OrderedDict)
    is_ending: bool = False
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    how: str = ""


class AppModule:
    """Runs a delegate; a Resident."""

    def __init__(
        self,
        spec: AppSpec,
        feed: Feed,
        clock: Clock,
        launch_of: LaunchOf,
        *,
        processes: int = PROCESSES,
    ) -> None:
        self._spec = spec
        self._feed = feed
        self._clock = clock
        self._launch_of = launch_of
        self._queues = AppQueues(self._handle)
        self._apps: OrderedDict[AppKey, _App] = OrderedDict()
        self._busy: dict[str, _App] = {}
        self._lives: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(processes)
        self._waiting = 0
        self._ending = 0

    # What the stage says

    def call(self, call: CallApp) -> None:
        """A push for the app; its process is launched where it does not run."""
        self._queues.put(call)

    def tell(self, told: TellApp) -> None:
        """The answer to the report that was made first."""
        app = self._busy.get(told.handling)
        if app is not None and app.questions:
            word = None if told.error is None else told.error.value
            app.process.send({"answer": app.questions.popleft(), "error": word})

    def kill(self, handling: str) -> None:
        """End the process that is busy with it, or forget it where it still waits."""
        self._queues.drop(handling)

    def hear(self, change: EndApp | TellToken) -> None:
        """End an app's process, or tell it of its token."""
        app = self._apps.get((change.device, change.environment, change.bundle_id))
        if app is None:
            return
        if isinstance(change, EndApp):
            self._end(app)
        elif change.type in RAW:
            app.process.send({"token": change.token, "type": RAW[change.type]})

    async def stop(self) -> None:
        """End every process and wait until it is gone."""
        await self._queues.stop()
        for app in list(self._apps.values()):
            self._end(app)
        if self._lives:
            await asyncio.wait(self._lives)

    # One push

    async def _handle(self, call: CallApp) -> None:
        try:
            app = await self._running(key_of(call))
        except OSError as error:
            how = f"it cannot be started: {error.strerror}"
            self._feed(AppCrashed(handling=call.handling, how=how))
            return
        self._begin(app, call)
        alarm = self._clock.call_at(
            self._clock.now() + RETURN_WITHIN_S, lambda: self._overdue(app, call)
        )
        try:
            await self._finish(app, call)
        except asyncio.CancelledError:
            self._end(app)
            await app.gone.wait()
            self._note_output(app, call)
            raise
        finally:
            alarm.cancel()
            app.call = None
            del self._busy[call.handling]
            self._make_room()

    def _begin(self, app: _App, call: CallApp) -> None:
        app.call = app.last = call
        app.done = asyncio.get_running_loop().create_future()
        app.has_reported = app.has_completed = False
        app.settled.clear()
        app.questions.clear()
        if call.call_id is not None:
            app.spelled[call.call_id.lower()] = call.call_id
            if len(app.spelled) > _CALLS_KEPT:
                app.spelled.popitem(last=False)
        self._busy[call.handling] = app
        app.process.send(
            {
                "id": call.handling,
                "push": RAW[call.type],
                "payload": call.payload,
                "must_report": call.must_report,
                "duty": call.kill_at is not None,
            }
        )

    async def _finish(self, app: _App, call: CallApp) -> None:
        assert app.done is not None
        said = await app.done
        if said is None:
            self._note_output(app, call)
            self._feed(AppCrashed(handling=call.handling, how=app.how))
            return
        if call.kill_at is None or app.has_reported:  # else the first check is at the return
            alarm = self._clock.call_at(self._clock.now() + _COMPLETE_WITHIN_S, app.settled.set)
            await app.settled.wait()
            alarm.cancel()
        self._note_output(app, call)
        if not said["returned"]:
            self._feed(AppNoted(event=_nobody_took(call)))
        self._feed(AppReturned(handling=call.handling, completed=app.has_completed))
        if app.gone.is_set():
            self._feed(_ended(app))

    def _note_output(self, app: _App, call: CallApp) -> None:
        text = app.process.take_output()
        if text:
            self._feed(AppNoted(event=_about(call, Happening.HOOK, "output", text)))

    def _overdue(self, app: _App, call: CallApp) -> None:
        if app.call is call:
            app.how = f"it had not returned after {RETURN_WITHIN_S:.0f} s (ours)"
            self._end(app)

    # One process

    async def _running(self, key: AppKey) -> _App:
        app = self._apps.get(key)
        if app is not None:
            self._apps.move_to_end(key)
            return app
        await self._slot()
        try:
            process = await AppProcess.start()
        except BaseException:
            self._slots.release()
            raise
        process.run(self._spec, self._launch_of(key))
        app = self._apps[key] = _App(key=key, process=process)
        life = asyncio.get_running_loop().create_task(self._live(app))
        self._lives.add(life)
        life.add_done_callback(self._lives.discard)
        return app

    async def _slot(self) -> None:
        """Wait until another process may be started; an idle one ends for it."""
        self._waiting += 1
        try:
            if self._slots.locked():
                self._make_room()
            await self._slots.acquire()
        finally:
            self._waiting -= 1

    def _make_room(self) -> None:
        if self._waiting <= self._ending:
            return
        idle = next((app for app in self._apps.values() if app.call is None), None)
        if idle is not None:
            self._feed(_ended(idle))
            self._end(idle)

    def _end(self, app: _App) -> None:
        if self._apps.get(app.key) is app:
            del self._apps[app.key]
        if not app.is_ending:
            app.is_ending = True
            self._ending += 1
            app.process.kill()

    async def _live(self, app: _App) -> None:
        """Hear a process until it is gone, and leave nothing of it."""
        async for message in app.process.messages():
            self._heard(app, message)
        how = await app.process.end()
        app.how = app.how or how
        if self._apps.get(app.key) is app:
            del self._apps[app.key]
        if app.is_ending:
            self._ending -= 1
        if app.call is None and app.last is not None:
            self._note_output(app, app.last)
            if not app.is_ending:
                self._feed(_ended(app))
                why = f"the app's process ended between two pushes: {how}"
                self._feed(AppNoted(event=_about(app.last, Happening.WARNING, "app-ended", why)))
        self._slots.release()
        app.gone.set()
        app.settled.set()
        if app.done is not None and not app.done.done():
            app.done.set_result(None)

    def _heard(self, app: _App, message: dict[str, Any]) -> None:
        device, environment, bundle_id = app.key
        match message:
            case {"report": int(number), "call_id": str(said), "handle": handle}:
                self._reported(app, number, Report(call_id=_spelled(app, said), handle=handle))
            case {"ended": str(said), "reason": str(word)}:
                self._feed(
                    EndCall(
                        device=device,
                        bundle_id=bundle_id,
                        call_id=_spelled(app, said),
                        reason=EndedReason(word),
                    )
                )
            case {"payload": payload}:
                self._feed(
                    Inject(
                        device=device,
                        bundle_id=bundle_id,
                        environment=environment,
                        payload=payload,
                    )
                )
            case {"desires": raws}:
                types = tuple(kind for kind, raw in RAW.items() if raw in raws)
                self._feed(
                    AppDesires(
                        device=device, bundle_id=bundle_id, environment=environment, types=types
                    )
                )
            case {"undelegated": raws} if app.last is not None:
                self._feed(AppNoted(event=_undelegated(app.last, raws)))
            case {"id": handling, "completed": completed, **rest}:
                if app.call is None or app.call.handling != handling:
                    return  # it completes too late
                if completed:
                    app.has_completed = True
                    app.settled.set()
                if "returned" in rest and app.done is not None and not app.done.done():
                    app.done.set_result(message)

    def _reported(self, app: _App, number: int, report: Report) -> None:
        if app.call is None:  # accepted, and not followed: it belongs to no push
            app.process.send({"answer": number, "error": None})
            return
        app.has_reported = True
        app.questions.append(number)
        self._feed(AppReported(handling=app.call.handling, report=report))


def _spelled(app: _App, call_id: str) -> str:
    """A call as its push writes it: a UUID of Python's is in lower case."""
    return app.spelled.get(call_id.lower(), call_id)


def _ended(app: _App) -> AppEnded:
    device, environment, bundle_id = app.key
    return AppEnded(device=device, bundle_id=bundle_id, environment=environment)


def _about(call: CallApp, event: Happening, reason: str, detail: str) -> DeviceEvent:
    return DeviceEvent(
        event=event,
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


def _nobody_took(call: CallApp) -> DeviceEvent:
    return _about(
        call,
        Happening.DISCARDED,
        "not-registered",
        f"{call.bundle_id} has no push registry with a delegate that takes {call.type} pushes",
    )


def _undelegated(call: CallApp, raws: list[str]) -> DeviceEvent:
    """Apple's header: without a delegate tokens and payloads have nowhere to go."""
    told = _about(
        call,
        Happening.WARNING,
        "no-delegate",
        f"{call.bundle_id} asked for {', '.join(raws)} before its registry had a delegate: the"
        " token that comes then is told to nobody; set the delegate first",
    )
    return replace(told, basis=Basis.DOCUMENTED)
