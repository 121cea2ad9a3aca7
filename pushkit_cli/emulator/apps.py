"""The apps on the devices: handed a push, watched meanwhile, killed where they fail. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from pushkit_cli.apns.push import Environment, PushType
from pushkit_cli.emulator import app_events
from pushkit_cli.emulator.busy import Busy
from pushkit_cli.emulator.moves import (
    AppCrashed,
    AppDesires,
    AppEnded,
    AppInput,
    AppNoted,
    AppReported,
    AppReturned,
    CallApp,
    Effect,
    Emit,
    EndCall,
    Inject,
    KillApp,
    NewId,
    Started,
    TellApp,
    Tick,
)
from pushkit_cli.emulator.ringing import Ringing
from pushkit_cli.emulator.state import Handling, State
from pushkit_cli.phone import calls, device
from pushkit_cli.phone.app_state import AppState
from pushkit_cli.phone.calls import Report
from pushkit_cli.phone.device import Receiver
from pushkit_cli.phone.events import DeviceEvent
from pushkit_cli.phone.policy import DevicePolicy

QUEUE = 1000
"""Pushes that an app's serial queue holds (ours); one more is dropped, and an event says so."""
_DAY_S = 86_400

Joins = Callable[[DeviceEvent, str, Environment, float, NewId], Iterator[Effect]]
"""Told of each push that started a Live Activity on a channel, with the id of that."""


class Apps:
    """What runs on the devices of one State, beside the rows that are kept of it."""

    def __init__(self, state: State, policy: DevicePolicy) -> None:
        self._state = state
        self._policy = policy
        self.joins: Joins = lambda *_: iter(())
        self._busy = Busy(state)
        self._ringing = Ringing(policy.ring_s)

    def reload(self) -> None:
        """Read again from the records who is busy with what."""
        self._busy.reload()

    def deadline(self) -> float | None:
        """When an app is overdue next, in Unix seconds."""
        return self._busy.deadline()

    @property
    def is_busy(self) -> bool:
        """Whether some app has not returned yet."""
        return bool(self._busy)

    # A push

    def inject(self, event: Inject, now: float, new_id: NewId) -> Iterator[Effect]:
        """Hand an app a VoIP payload that no push of that type carried; its duty is the same."""
        of = app_events.about_injected(event)
        yield from self.receive(of, event.payload, event.environment, now, new_id)

    def receive(
        self,
        of: DeviceEvent,
        payload: Any,
        where: Environment,
        now: float,
        new_id: NewId,
        *,
        age_s: float = 0.0,
    ) -> Iterator[Effect]:
        """A device has a push, accepted `age_s` seconds ago; `of` says which and for what app."""
        app = self._state.app_state(of.device, of.app, where)
        outcome = device.deliver(of, payload, self._receiver(app, now, age_s))
        yield from self._hand(of, outcome, payload, app, now, new_id)
        if outcome.channel is not None:
            yield from self.joins(of, outcome.channel, where, now, new_id)
        if outcome.found is not None:
            call = replace(of, type=PushType.voip)
            yield from self.receive(call, outcome.found, where, now, new_id, age_s=age_s)

    def _receiver(self, app: AppState, now: float, age_s: float) -> Receiver:
        phone = self._state.device(app.device)
        return Receiver(
            os="" if phone is None else phone.os,
            platform="" if phone is None else phone.platform,
            condition=self._state.condition(app.device),
            app=app,
            day=int(now // _DAY_S),
            age_s=age_s,
            ringing=self._ringing.of(app, now),
            in_hand={one.call_id for one in self._busy.of(app)},
            policy=self._policy,
        )

    def _hand(
        self,
        of: DeviceEvent,
        outcome: device.Delivery,
        payload: Any,
        app: AppState,
        now: float,
        new_id: NewId,
    ) -> Iterator[Effect]:
        if outcome.calls_app and self._busy.count(app) >= QUEUE:
            yield Emit(event=app_events.queue_full(of, QUEUE))
            return
        for event in outcome.events:
            yield Emit(event=event)
        if outcome.app != app:
            yield self._state.put(outcome.app)
        if not outcome.calls_app:
            return
        handling = Handling(
            id=new_id(),
            push_id=of.push_id,
            device=of.device,
            bundle_id=of.app,
            environment=app.environment,
            type=of.type,
            at=now,
            kill_at=None if outcome.kill_after_s is None else now + outcome.kill_after_s,
            apns_id=of.apns_id,
            call_id=outcome.events[-1].call_id,
            handle=calls.caller(payload),
        )
        yield self._busy.add(handling)
        yield CallApp(
            handling=handling.id,
            device=handling.device,
            bundle_id=handling.bundle_id,
            environment=handling.environment,
            type=handling.type,
            payload=payload,
            kill_at=handling.kill_at,
            must_report=outcome.must_report,
            call_id=handling.call_id,
            push_id=handling.push_id,
            apns_id=handling.apns_id,
            lock=self._state.condition(handling.device).lock,
        )

    # The app

    def step(self, event: AppInput, now: float) -> Iterator[Effect]:
        """What an app did, or did not do in time."""
        match event:
            case AppReported():
                yield from self._reported(event, now)
            case AppReturned():
                yield from self._returned(event, now)
            case AppCrashed():
                yield from self._crashed(event, now)
            case AppNoted(event=noted):
                yield Emit(event=noted)
            case AppDesires() | AppEnded():
                yield from self._otherwise(event)
            case Tick():
                yield from self._overdue(now)
            case Started():
                yield from self._interrupted()

    def _reported(self, event: AppReported, now: float) -> Iterator[Effect]:
        yield from self._too_late(event.handling, now)
        handling = self._state.handling(event.handling)
        if handling is not None:
            yield from self._report(handling, event.report, now)

    def _returned(self, event: AppReturned, now: float) -> Iterator[Effect]:
        yield from self._too_late(event.handling, now)
        handling = self._state.handling(event.handling)
        if handling is None:  # it was killed
            return
        if event.report is not None:
            yield from self._report(handling, event.report, now, last=True)
        done = event.report is not None or handling.reported
        yield self._busy.done(handling)
        if not event.completed:
            yield Emit(event=app_events.no_completion(handling))
        if handling.kill_at is not None and not done:
            yield from self._kill(
                handling, calls.returned_without_report(app_events.about(handling))
            )

    def _crashed(self, event: AppCrashed, now: float) -> Iterator[Effect]:
        yield from self._too_late(event.handling, now)
        handling = self._state.handling(event.handling)
        if handling is None:  # it was killed
            return
        yield self._busy.done(handling)
        yield from self._kill(handling, calls.crashed(app_events.about(handling), event.how))

    def _otherwise(self, event: AppDesires | AppEnded) -> Iterator[Effect]:
        """What an app says of itself between pushes; a push that has come launches it again."""
        app = before = self._state.app_state(event.device, event.bundle_id, event.environment)
        if isinstance(event, AppDesires):
            app = replace(app, desired=event.types)
        elif not self._busy.count(app):
            app = replace(app, running=False)
            self._ringing.end_all(app)
        if app != before:
            yield self._state.put(app)

    def _overdue(self, now: float) -> Iterator[Effect]:
        for handling in self._busy.overdue(now):
            yield self._busy.done(handling)
            yield KillApp(handling=handling.id)
            yield from self._kill(handling, calls.overdue(app_events.about(handling)))

    def end_call(self, event: EndCall) -> Iterator[Effect]:
        """A call is over; nothing happens where none of that name rings."""
        of = app_events.about_call(event)
        for environment in Environment:
            app = self._state.app_state(event.device, event.bundle_id, environment)
            yield from self._ended(of, app, event.reason)

    def _interrupted(self) -> Iterator[Effect]:
        """What the last listener left in the middle is over; no app of it is running any more."""
        for handling in self._state.all_of(Handling):
            yield self._busy.done(handling)
            yield Emit(event=app_events.interrupted(handling))
        for app in self._state.all_of(AppState):
            if app.running or app.desired is not None:
                yield self._state.put(replace(app, running=False, desired=None))

    def stop(self, device_name: str, bundle_id: str) -> Iterator[Effect]:
        """What runs of an app ends, in both environments, and nobody is to blame."""
        for environment in Environment:
            app = self._state.app_state(device_name, bundle_id, environment)
            yield from self._drop_all(app)
            if app.running:
                yield self._state.put(replace(app, running=False))
                yield app_events.end(app)

    def forget(self, device_name: str, bundle_id: str) -> Iterator[Effect]:
        """An app was removed or installed anew: it stops, and its failures are forgotten."""
        yield from self.stop(device_name, bundle_id)
        for environment in Environment:
            app = self._state.app_state(device_name, bundle_id, environment)
            if app.key in self._state.records:
                yield self._state.drop(app)

    def reset(self, name: str | None) -> Iterator[Effect]:
        """The apps of a device, `None`: of every one, are as at their beginning; what runs ends."""
        for app in self._state.all_of(AppState):
            if name in (None, app.device):
                yield from self.forget(app.device, app.bundle_id)

    def ringing(self, name: str, now: float) -> list[tuple[AppState, str, float]]:
        """The calls that ring on a device: whose, its id, and when it was reported."""
        apps = [app for app in self._state.all_of(AppState) if app.device == name]
        return [(app, *call) for app in apps for call in self._ringing.of(app, now).items()]

    # Details

    def _ended(self, of: DeviceEvent, app: AppState, reason: calls.EndedReason) -> Iterator[Effect]:
        if of.call_id is not None and self._ringing.end(app, of.call_id):
            yield Emit(event=calls.ended(of, reason))

    def _report(
        self, handling: Handling, report: Report, now: float, *, last: bool = False
    ) -> Iterator[Effect]:
        of = replace(app_events.about(handling), call_id=report.call_id or handling.call_id)
        app = self._state.app_state(handling.device, handling.bundle_id, handling.environment)
        error = calls.judged(
            report,
            of,
            condition=self._state.condition(handling.device),
            ringing=self._ringing.of(app, now),
        )
        if error is None:
            handle = report.handle or handling.handle
            said = calls.reported(of, after_s=now - handling.at, handle=handle)
        else:
            said = calls.refused(of, error)
        yield Emit(event=said)
        if not last:
            if not handling.reported:
                yield self._state.put(replace(handling, reported=True))
            yield TellApp(handling=handling.id, error=error)
        if error is None and of.call_id is not None:
            self._ringing.add(app, of.call_id, now)
        if self._policy.forgive and app.strikes:
            yield self._state.put(replace(app, strikes=0))
        if report.ended is not None:
            yield from self._ended(of, app, report.ended)

    def _too_late(self, identifier: str, now: float) -> Iterator[Effect]:
        """What an app says after its deadline, and before the Tick, saves it no more."""
        handling = self._state.handling(identifier)
        if handling is not None and handling.is_overdue(now):
            yield from self._overdue(now)

    def _kill(self, handling: Handling, end: DeviceEvent) -> Iterator[Effect]:
        app = self._state.app_state(handling.device, handling.bundle_id, handling.environment)
        voip = handling.type is PushType.voip
        app = replace(app, running=False, strikes=app.strikes + 1 if voip else app.strikes)
        yield self._state.put(app)
        yield Emit(event=calls.with_strike(end, app, self._policy) if voip else end)
        yield from self._drop_all(app)
        yield app_events.end(app)
        if voip and app.strikes == self._policy.strikes:
            yield Emit(event=calls.stopped(app_events.about(handling), self._policy))

    def _drop_all(self, app: AppState) -> Iterator[Effect]:
        """What else an app was busy with dies with it, and so do its calls."""
        self._ringing.end_all(app)
        for other in self._busy.of(app):
            yield self._busy.done(other)
            yield KillApp(handling=other.id)
            yield Emit(event=app_events.died_with_it(other))
