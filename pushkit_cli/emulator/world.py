"""The emulator as one state machine: an input and a time go in, effects come out. Pure.

Nothing here waits, writes or asks the time: the engine commits every Put of a turn before it
performs anything else, and sends Tick when the deadline has come.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from pushkit_cli.apns import message
from pushkit_cli.apns.acts import Close, Respond
from pushkit_cli.apns.channel_rules import Allowed
from pushkit_cli.apns.channels import is_for_channels
from pushkit_cli.apns.checks import is_uuid
from pushkit_cli.apns.facts import Knowledge, Policy
from pushkit_cli.apns.hints import hint
from pushkit_cli.apns.message import Request, Response
from pushkit_cli.apns.push import Environment
from pushkit_cli.apns.rules import Accepted, Refused, Verdict
from pushkit_cli.emulator import faults, setting_up, tokens
from pushkit_cli.emulator.apps import Apps
from pushkit_cli.emulator.broadcasts import Broadcasts
from pushkit_cli.emulator.channels import Channels
from pushkit_cli.emulator.courier import Courier
from pushkit_cli.emulator.exports import Exports, ExportTerms, is_export, refused
from pushkit_cli.emulator.gateway import Gateway
from pushkit_cli.emulator.link import FIRST_STREAMS, Link
from pushkit_cli.emulator.moves import (
    AppCrashed,
    AppDesires,
    AppEnded,
    AppNoted,
    AppReported,
    AppReturned,
    ClearFaults,
    Connected,
    Disconnected,
    Effect,
    Emit,
    EndCall,
    EndToken,
    Inject,
    Input,
    Install,
    Kill,
    Knocked,
    NewId,
    Perform,
    Register,
    Reinstall,
    Requested,
    Reset,
    Revoke,
    RotateToken,
    SetCondition,
    SetFaults,
    SetToken,
    Started,
    Subscribe,
    TellToken,
    Tick,
    Uninstall,
    Unsubscribe,
)
from pushkit_cli.emulator.push_event import PushEvent, auth_of
from pushkit_cli.emulator.state import (
    Device,
    Record,
    Row,
    State,
)
from pushkit_cli.emulator.tallies import Tallies
from pushkit_cli.phone.app_state import AppState
from pushkit_cli.phone.events import DeviceEvent, Happening
from pushkit_cli.phone.policy import DevicePolicy


class World:
    """APNs and its devices. `World(rows)` from the Puts of another World is its equal."""

    def __init__(
        self,
        rows: Iterable[tuple[str, Row]] = (),
        *,
        policy: Policy | None = None,
        devices: DevicePolicy | None = None,
        exports: ExportTerms | None = None,
        seed: int = 0,
    ) -> None:
        self.state = State.load(rows)
        self._tallies = Tallies(self.state)
        self._exports = Exports(self.state, exports or ExportTerms())
        self._gateway = Gateway(policy or Policy())
        self._seed = seed
        self._links: dict[int, Link] = {}
        self.devices = devices or DevicePolicy()
        self._apps = Apps(self.state, self.devices)
        self._broadcasts = Broadcasts(self.state, self._apps)
        self._channels = Channels(self.state, self._broadcasts)
        self.faults = faults.Faults(seed)
        self._courier = Courier(self.state, self._apps, self.devices)

    def step(self, event: Input, now: float, new_id: NewId) -> tuple[Effect, ...]:
        """Take one input at a time `now` (Unix seconds) and say everything that follows from it.

        Raises ValueError, and nothing has changed, for an order that cannot be carried out: it
        names a device, an app or a token that is not there.
        """
        effects = self._outcome(event, now, new_id)
        if isinstance(event, Started):
            effects = (*effects, *self._tallies.old(now), *self._exports.old(now))
        self._tallies.note(effects)
        return effects

    def settle(self, now: float) -> tuple[Effect, ...]:
        """What the counts of metrics have become, once after all steps of a turn."""
        return tuple(self._tallies.settle(now))

    def _outcome(self, event: Input, now: float, new_id: NewId) -> tuple[Effect, ...]:
        match event:
            case Requested():
                return tuple(self._requested(event, now, new_id))
            case Connected(connection=connection, environment=environment):
                self._links[connection] = Link(
                    environment=environment, certificate=event.certificate, manages=event.manages
                )
                return ()
            case Disconnected(connection=connection):
                self._links.pop(connection, None)
                return ()
            case (
                AppReported() | AppReturned() | AppCrashed() | AppNoted() | AppDesires()
                | AppEnded() | Started()
            ):  # fmt: skip
                return tuple(self._apps.step(event, now))
            case Tick():
                return (
                    *self._apps.step(event, now),
                    *self._courier.tick(now, new_id),
                    *self._broadcasts.go_on(now, new_id),
                )
            case Inject():
                return tuple(self._apps.inject(event, now, new_id))
            case SetCondition() | EndCall() | Kill() | Reset() | Subscribe() | Unsubscribe():
                return tuple(self._device(event, now, new_id))
            case EndToken() | RotateToken() | Uninstall() | Reinstall():
                return tuple(self._tokens(event, now))
            case Knocked() | SetFaults() | ClearFaults():
                return tuple(self._misbehave(event, now))
        return tuple(self._set_up(event))

    def undo(self, records: dict[str, Record]) -> None:
        """Be again what the world was: orders that came together failed together."""
        self.state.restore(records)
        self._tallies.forget()
        self._apps.reload()
        self._courier.reload()

    def ringing(self, device: str, now: float) -> list[tuple[AppState, str, float]]:
        """The calls that ring on a device: whose, its id, and when it was reported."""
        return self._apps.ringing(device, now)

    def deadline(self) -> float | None:
        """When to send Tick, in Unix seconds."""
        parts = (self._apps, self._courier, self._broadcasts)
        found = [one.deadline() for one in parts]
        return min((one for one in found if one is not None), default=None)

    @property
    def is_busy(self) -> bool:
        """Whether an app has not returned from a push, or a broadcast has not been everywhere."""
        return self._apps.is_busy or self._broadcasts.is_busy

    # A push

    def _requested(self, event: Requested, now: float, new_id: NewId) -> Iterator[Effect]:
        link = self._links.get(event.connection)
        if link is None:  # it has ended: nobody would hear the answer
            return
        issued = self.state.token(event.request.token.lower())
        rule = self.faults.strike(event.request, issued, now)
        if rule is not None and faults.is_unread(rule):
            yield Perform(connection=event.connection, act=faults.reset(rule, event.stream))
            yield Emit(event=faults.unread_event(rule, event.request, issued, event.connection))
            return
        if is_export(event.request) and not link.manages:
            yield from self._export(event, rule, link, now, new_id)
            return
        verdict, knowledge, link.bound = self._gateway.judge(
            event.request,
            environment=link.environment,
            certificate=link.certificate,
            manages=link.manages,
            connection=link.bound,
            state=self.state,
            now=now,
        )
        verdict = faults.judged(rule, verdict, now)
        is_channels = link.manages or is_for_channels(event.request)
        if is_channels and not isinstance(verdict, Accepted):
            seen, said, follows = self._channels.answer(event, verdict, knowledge, now, new_id)
        else:
            assert not isinstance(verdict, Allowed)  # nothing but a request for channels is
            seen = self._describe(event, verdict, knowledge, new_id)
            said, follows = _answer(verdict, seen), iter(())
        seen = replace(seen, fault=None if rule is None else rule.fault.name)
        answer = Respond(stream=event.stream, response=said)
        for act in faults.acts(rule, answer, verdict, link, self._gateway.policy):
            yield Perform(connection=event.connection, act=act)
            if isinstance(act, Close):  # what stands behind it in this turn was never read
                del self._links[event.connection]
        yield Emit(event=seen)
        if rule is not None:
            taken = not isinstance(verdict, Refused)
            yield Emit(event=faults.event(rule, seen, delivered=taken))
        yield from follows
        if isinstance(verdict, Accepted) and issued is not None:
            # the rules accept no token that nobody was issued
            yield from self._courier.take(seen, verdict, issued, now, new_id)

    def _export(
        self, event: Requested, rule: faults.FaultRule | None, link: Link, now: float, new_id: NewId
    ) -> Iterator[Effect]:
        """A request for metrics: no push, so it is in no journal; a fault that strikes it is."""
        said, kept = self._exports.answer(event.request, now, new_id)
        verdict = faults.judged(rule, None, now)
        if verdict is not None:
            said, kept = refused(verdict.reason), []
        yield from kept
        answer = Respond(stream=event.stream, response=said)
        alone = Link(environment=link.environment, pinned=FIRST_STREAMS)
        for act in faults.acts(rule, answer, verdict, alone, self._gateway.policy):
            yield Perform(connection=event.connection, act=act)
            if isinstance(act, Close):
                del self._links[event.connection]
        if rule is not None:
            yield Emit(event=faults.export_event(rule, said.status, event.connection))

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
            reason=word or None,
            detail=verdict.detail,
            basis=verdict.basis,
            unregistered_at_ms=verdict.timestamp_ms,
            hint=hint(word, request, environment=knowledge.environment, device=knowledge.device),
        )

    def _device(
        self,
        event: SetCondition | EndCall | Kill | Reset | Subscribe | Unsubscribe,
        now: float,
        new_id: NewId,
    ) -> Iterator[Effect]:
        if event.device is not None and self.state.device(event.device) is None:
            raise ValueError(f"no emulated device is called {event.device}")
        match event:
            case SetCondition():
                yield from self._courier.set_condition(event)
                yield from self._broadcasts.returned(event.device, now, new_id)
            case Subscribe() | Unsubscribe():
                yield from self._broadcasts.subscribe(event, now, new_id)
            case EndCall():
                yield from self._apps.end_call(event)
            case Kill(device=device, bundle_id=bundle_id):
                yield from self._apps.stop(device, bundle_id)
            case Reset(device=device):
                yield from self._apps.reset(device)
                yield from self._courier.reset(device)
                yield from self._broadcasts.forget(device, None, "the device was reset")

    def _misbehave(self, event: Knocked | SetFaults | ClearFaults, now: float) -> Iterator[Effect]:
        match event:
            case SetFaults(faults=given):
                names = [one.name for one in self.state.all_of(Device)] if given else []
                self.faults.add(given, now, devices=names)
            case ClearFaults(numbers=numbers):
                self.faults.clear(numbers)
            case Knocked():
                rule = self.faults.knock(now)
                if rule is not None:
                    yield Perform(connection=0, act=faults.at_the_door(rule))
                    yield Emit(event=faults.door_event(rule))

    def _set_up(self, event: Register | Revoke | Install | SetToken) -> Iterator[Effect]:
        yield from self._change(setting_up.changes(event, self.state, seed=self._seed))
        if isinstance(event, SetToken):
            yield from self._courier.sweep(event.device)

    def _tokens(
        self, event: EndToken | RotateToken | Uninstall | Reinstall, now: float
    ) -> Iterator[Effect]:
        changed, events = tokens.outcome(event, self.state, seed=self._seed, now_ms=int(now * 1000))
        yield from self._change(changed)
        for one in events:
            yield Emit(event=one)
            if isinstance(event, EndToken | RotateToken):
                yield _told(event, one)
        yield from self._courier.sweep(event.device)
        if isinstance(event, Uninstall | Reinstall):
            yield from self._apps.forget(event.device, event.bundle_id)
            why = "the app was removed, or installed anew"
            yield from self._broadcasts.forget(event.device, event.bundle_id, why)

    def _change(self, changed: Iterable[setting_up.Change]) -> Iterator[Effect]:
        for key, record in changed:
            if record is None:
                yield self.state.drop(self.state.records[key])
            else:
                yield self.state.put(record)


def _told(event: EndToken | RotateToken, said: DeviceEvent) -> TellToken:
    return TellToken(
        device=event.device,
        bundle_id=event.bundle_id,
        environment=event.environment,
        type=event.type,
        token=said.token if said.event is Happening.TOKEN_UPDATED else None,
    )


def _answer(verdict: Verdict, seen: PushEvent) -> Response:
    assert seen.apns_id is not None
    if isinstance(verdict, Accepted):
        return message.accept(apns_id=seen.apns_id, unique_id=seen.apns_unique_id)
    return message.refuse(verdict.reason, apns_id=seen.apns_id, timestamp_ms=verdict.timestamp_ms)


def _apns_id(request: Request, new_id: NewId) -> str:
    """Echo the sender's id byte for byte; in place of one that is none, a new one (ours)."""
    sent = request.field(message.APNS_ID)
    return sent if sent is not None and is_uuid(sent) else message.as_uuid(new_id()).upper()
