"""The emulator as one state machine: an input and a time go in, effects come out. Pure.

Nothing here waits, writes or asks the time: the engine commits every Put of a turn before it
performs anything else, and sends Tick when the deadline has come.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from pushkit_cli.apns import message
from pushkit_cli.apns.acts import Respond
from pushkit_cli.apns.checks import is_uuid
from pushkit_cli.apns.facts import Knowledge, Policy
from pushkit_cli.apns.hints import hint
from pushkit_cli.apns.message import Request, Response
from pushkit_cli.apns.payload import Parsed
from pushkit_cli.apns.push import Environment, PushType
from pushkit_cli.apns.rules import Accepted, Verdict
from pushkit_cli.emulator import setting_up, tokens
from pushkit_cli.emulator.gateway import Gateway
from pushkit_cli.emulator.link import Link
from pushkit_cli.emulator.moves import (
    AppReturned,
    CallApp,
    Connected,
    Disconnected,
    Effect,
    Emit,
    EndToken,
    Input,
    Install,
    KillApp,
    Perform,
    Put,
    Register,
    Reinstall,
    Requested,
    Revoke,
    RotateToken,
    SetToken,
    Started,
    Tick,
    Uninstall,
)
from pushkit_cli.emulator.push_event import PushEvent, auth_of
from pushkit_cli.emulator.state import (
    DeviceToken,
    Handling,
    Process,
    Record,
    Row,
    State,
    to_row,
)
from pushkit_cli.phone import calls, device
from pushkit_cli.phone.events import DeviceEvent, Happening

NewId = Callable[[], str]
"""Makes 128 random bits as 32 lower-case hexadecimal digits."""


class World:
    """APNs and its devices. `World(rows)` from the Puts of another World is its equal."""

    def __init__(
        self, rows: Iterable[tuple[str, Row]] = (), *, policy: Policy | None = None, seed: int = 0
    ) -> None:
        self.state = State.load(rows)
        self._gateway = Gateway(policy or Policy())
        self._seed = seed
        self._links: dict[int, Link] = {}
        self._deadlines = [
            (handling.kill_at, handling.id)
            for handling in self.state.all_of(Handling)
            if handling.kill_at is not None
        ]
        heapq.heapify(self._deadlines)

    def step(self, event: Input, now: float, new_id: NewId) -> tuple[Effect, ...]:
        """Take one input at a time `now` (Unix seconds) and say everything that follows from it.

        Raises ValueError, and nothing has changed, for an order that cannot be carried out: it
        names a device, an app or a token that is not there.
        """
        match event:
            case Requested():
                return tuple(self._requested(event, now, new_id))
            case Connected(connection=connection, environment=environment):
                self._links[connection] = Link(
                    environment=environment, certificate=event.certificate
                )
                return ()
            case Disconnected(connection=connection):
                self._links.pop(connection, None)
                return ()
            case AppReturned():
                return tuple(self._returned(event, now))
            case Tick():
                return tuple(self._overdue(now))
            case Started():
                return tuple(self._interrupted())
            case EndToken() | RotateToken() | Uninstall() | Reinstall():
                return tuple(self._tokens(event, now))
        return tuple(self._set_up(event))

    def deadline(self) -> float | None:
        """When to send Tick, in Unix seconds."""
        while self._deadlines and self.state.handling(self._deadlines[0][1]) is None:
            heapq.heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else None

    # A push

    def _requested(self, event: Requested, now: float, new_id: NewId) -> Iterator[Effect]:
        link = self._links.get(event.connection)
        if link is None:  # it has ended: nobody would hear the answer
            return
        verdict, knowledge, link.bound = self._gateway.judge(
            event.request,
            environment=link.environment,
            certificate=link.certificate,
            connection=link.bound,
            state=self.state,
            now=now,
        )
        seen = self._describe(event, verdict, knowledge, new_id)
        answer = Respond(stream=event.stream, response=_answer(verdict, seen))
        for act in (answer, *link.after(verdict, self._gateway.policy)):
            yield Perform(connection=event.connection, act=act)
        yield Emit(event=seen)
        if isinstance(verdict, Accepted):
            yield from self._deliver(seen, verdict, now, new_id)

    def _describe(
        self, event: Requested, verdict: Verdict, knowledge: Knowledge, new_id: NewId
    ) -> PushEvent:
        """The push as an event; ids are echoed, or made in Apple's shape (observed: upper case)."""
        request = event.request
        issued = self.state.token(request.token.lower())
        seen = PushEvent(
            id=new_id(),
            connection=event.connection,
            request=request,
            environment=knowledge.environment,
            status=200,
            apns_id=_apns_id(request, new_id),
            app=None if issued is None else issued.bundle_id,
            device=None if issued is None else issued.device,
            auth=auth_of(knowledge),
        )
        if isinstance(verdict, Accepted):
            # Documented: the unique id is for the development environment's delivery log.
            sandbox = knowledge.environment is Environment.SANDBOX
            return replace(seen, apns_unique_id=message.as_uuid(new_id()) if sandbox else None)
        word = verdict.reason.word
        return replace(
            seen,
            status=verdict.reason.status,
            reason=word,
            detail=verdict.detail,
            basis=verdict.basis,
            unregistered_at_ms=verdict.timestamp_ms,
            hint=hint(word, request, environment=knowledge.environment, device=knowledge.device),
        )

    def _deliver(
        self, seen: PushEvent, verdict: Accepted, now: float, new_id: NewId
    ) -> Iterator[Effect]:
        issued = self.state.token(verdict.push.token)
        if issued is None:  # the rules accept no token that nobody was issued
            return
        process = Process(
            device=issued.device, bundle_id=issued.bundle_id, environment=issued.environment
        )
        of = DeviceEvent(
            event=Happening.DELIVERED,
            push_id=seen.id,
            device=issued.device,
            app=issued.bundle_id,
            type=_type_of(verdict.push.push_type, issued),
            apns_id=seen.apns_id,
        )
        read = seen.request.json
        payload = read.value if isinstance(read, Parsed) else None
        running = self.state.is_running(process)
        outcome = device.deliver(of, verdict.push, payload, running=running)
        for event in outcome.events:
            yield Emit(event=event)
        if not outcome.calls_app:
            return
        if not running:
            yield self._put(process)
        handling = Handling(
            id=new_id(),
            push_id=seen.id,
            device=issued.device,
            bundle_id=issued.bundle_id,
            environment=issued.environment,
            type=of.type,
            at=now,
            kill_at=None if outcome.kill_after_s is None else now + outcome.kill_after_s,
            apns_id=seen.apns_id,
            call_id=outcome.events[-1].call_id,
            handle=calls.caller(payload),
        )
        yield self._put(handling)
        if handling.kill_at is not None:
            heapq.heappush(self._deadlines, (handling.kill_at, handling.id))
        yield CallApp(
            handling=handling.id,
            device=handling.device,
            bundle_id=handling.bundle_id,
            type=handling.type,
            payload=payload,
            kill_at=handling.kill_at,
        )

    # The app

    def _returned(self, event: AppReturned, now: float) -> Iterator[Effect]:
        handling = self.state.handling(event.handling)
        if handling is None:  # too late: it was killed
            return
        if handling.kill_at is not None and now >= handling.kill_at:
            yield from self._overdue(now)  # it came before the Tick, and after the deadline
            return
        yield self._drop(handling)
        if handling.kill_at is None:
            return
        of = _as_event(handling)
        if event.reported:
            yield Emit(event=calls.reported(of, after_s=now - handling.at, handle=handling.handle))
        else:
            yield Emit(event=calls.returned_without_report(of))
            yield from self._kill(handling)

    def _overdue(self, now: float) -> Iterator[Effect]:
        while (deadline := self.deadline()) is not None and deadline <= now:
            handling = self.state.handling(heapq.heappop(self._deadlines)[1])
            if handling is None:
                continue
            yield self._drop(handling)
            yield Emit(event=calls.overdue(_as_event(handling)))
            yield KillApp(handling=handling.id)
            yield from self._kill(handling)

    def _kill(self, handling: Handling) -> Iterator[Effect]:
        process = Process(
            device=handling.device,
            bundle_id=handling.bundle_id,
            environment=handling.environment,
        )
        if self.state.is_running(process):
            yield self._drop(process)
        for other in self.state.all_of(Handling):  # what else the app was busy with died with it
            if (other.device, other.bundle_id, other.environment) == (
                process.device,
                process.bundle_id,
                process.environment,
            ):
                yield self._drop(other)
                yield KillApp(handling=other.id)

    def _interrupted(self) -> Iterator[Effect]:
        """What the last listener left in the middle is over; no app of it is running any more."""
        for handling in self.state.all_of(Handling):
            yield self._drop(handling)
            yield Emit(
                event=replace(
                    _as_event(handling),
                    event=Happening.WARNING,
                    reason="interrupted",
                    detail="the listener ended before the app returned",
                )
            )
        for process in self.state.all_of(Process):
            yield self._drop(process)

    def _set_up(self, event: Register | Revoke | Install | SetToken) -> Iterator[Effect]:
        yield from self._change(setting_up.changes(event, self.state, seed=self._seed))

    def _tokens(
        self, event: EndToken | RotateToken | Uninstall | Reinstall, now: float
    ) -> Iterator[Effect]:
        changed, events = tokens.outcome(event, self.state, seed=self._seed, now_ms=int(now * 1000))
        yield from self._change(changed)
        for one in events:
            yield Emit(event=one)

    def _change(self, changed: Iterable[setting_up.Change]) -> Iterator[Effect]:
        for key, record in changed:
            if record is not None:
                yield self._put(record)
                continue
            gone = self.state.records[key]
            yield self._drop(gone)
            if isinstance(gone, Handling):
                yield KillApp(handling=gone.id)

    # Rows

    def _put(self, record: Record) -> Put:
        self.state.records[record.key] = record
        return Put(key=record.key, value=to_row(record))

    def _drop(self, record: Record) -> Put:
        del self.state.records[record.key]
        return Put(key=record.key, value=None)


def _answer(verdict: Verdict, seen: PushEvent) -> Response:
    if isinstance(verdict, Accepted):
        return message.accept(apns_id=seen.apns_id, unique_id=seen.apns_unique_id)
    return message.refuse(verdict.reason, apns_id=seen.apns_id, timestamp_ms=verdict.timestamp_ms)


def _apns_id(request: Request, new_id: NewId) -> str:
    """Echo the sender's id byte for byte; in place of one that is none, a new one (ours)."""
    sent = request.field(message.APNS_ID)
    return sent if sent is not None and is_uuid(sent) else message.as_uuid(new_id()).upper()


def _type_of(sent: PushType | str | None, issued: DeviceToken) -> PushType:
    """Without apns-push-type the token's own type says what the device makes of it."""
    return sent if isinstance(sent, PushType) else issued.type


def _as_event(handling: Handling) -> DeviceEvent:
    return DeviceEvent(
        event=Happening.DELIVERED,
        push_id=handling.push_id,
        device=handling.device,
        app=handling.bundle_id,
        type=handling.type,
        apns_id=handling.apns_id,
        call_id=handling.call_id,
    )
