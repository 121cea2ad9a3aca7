"""Faults on purpose: which push a rule strikes, and what then becomes of it. Pure.

Chance is a function of the seed, the rule and the number of the push, so a run can be played
again. Rules are looked at in the order in which they were set: each counts every push that it
matches, and the first that fires acts.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TypeVar

from pushkit_cli.apns import message
from pushkit_cli.apns.acts import Act, Close, FailTls, Reset, Respond, Stall
from pushkit_cli.apns.channel_rules import Ruling
from pushkit_cli.apns.channels import is_broadcast, is_for_channels
from pushkit_cli.apns.facts import Basis, Policy
from pushkit_cli.apns.message import Request
from pushkit_cli.apns.reasons import Reason
from pushkit_cli.apns.rules import Refused, Rule, Verdict
from pushkit_cli.apns.words import meant
from pushkit_cli.emulator.exports import is_export
from pushkit_cli.emulator.fault_event import FaultEvent
from pushkit_cli.emulator.fault_words import Action, Fault, Kind, Order, Selector, When
from pushkit_cli.emulator.link import Link, goodbye
from pushkit_cli.emulator.push_event import PushEvent
from pushkit_cli.emulator.state import DeviceToken
from pushkit_cli.errors import UsageError

MAX_FAULTS = 100
"""Set at once."""
_Judged = Verdict | Ruling | None
"""`None` is of a request that no rule of APNs' judges."""
_Kept = TypeVar("_Kept", bound=_Judged)
_TOKENS_COUNTED = 10_000
"""Of each rule that counts them one by one; the one that came longest ago is forgotten first."""
_INTERNAL_ERROR, _REFUSED_STREAM = 0x2, 0x7
"""RFC 9113, 7."""


@dataclass(slots=True, kw_only=True)
class FaultRule:
    """A fault that is set, since a moment; how many it matched, and how many it struck."""

    number: int
    fault: Fault
    since: float
    matched: int = 0
    struck: int = 0
    _counts: OrderedDict[str, tuple[int, float]] = field(default_factory=OrderedDict)

    def fires(self, token: str, now: float, seed: int) -> bool:
        """Count one that matches; whether it is meant."""
        when, age = self.fault.when, now - self.since
        if age < when.since_s or (when.until_s is not None and age >= when.until_s):
            return False
        self.matched += 1
        count = self._count(token if when.per_token else "", now)
        return _is_meant(when, count) and self._is_chosen(seed)

    def _count(self, key: str, now: float) -> int:
        count, begun = self._counts.pop(key, (0, now))
        within = self.fault.when.within_s
        if within is not None and now - begun >= within:
            count, begun = 0, now
        self._counts[key] = (count + 1, begun)
        if len(self._counts) > _TOKENS_COUNTED:
            self._counts.popitem(last=False)
        return count + 1

    def _is_chosen(self, seed: int) -> bool:
        share = self.fault.when.share
        if share is None:
            return True
        thrown = sha256(f"{seed}/{self.number}/{self.fault.text}/{self.matched}".encode()).digest()
        return int.from_bytes(thrown[:8], "big") < share * 2**64


def _is_meant(when: When, count: int) -> bool:
    match when.order:
        case Order.NTH:
            return count == when.number
        case Order.FIRST:
            return count <= when.number
        case Order.EVERY:
            return count % when.number == 0
        case Order.AFTER:
            return count > when.number
    return True


class Faults:
    """Those that are set, in their order."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._last = 0
        self.rules: list[FaultRule] = []

    def add(self, faults: Iterable[Fault], now: float, *, devices: Sequence[str]) -> None:
        """Set faults from now on; `devices` are the names there are.

        Raises UsageError where there are too many, and for a device that is not there.
        """
        given = list(faults)
        if len(self.rules) + len(given) > MAX_FAULTS:
            raise UsageError(
                f"more than {MAX_FAULTS} faults cannot be set", hint="pushkit fault clear"
            )
        for name in (fault.selector.device for fault in given):
            if name is not None and name not in devices:
                raise UsageError(
                    f"no device is called {name}{meant(name, devices)}",
                    hint=f"there are {', '.join(devices)}",
                )
        for fault in given:
            self._last += 1
            self.rules.append(FaultRule(number=self._last, fault=fault, since=now))

    def clear(self, numbers: tuple[int, ...]) -> None:
        """Take faults away, all of them where none is named. Raises UsageError."""
        unknown = set(numbers) - {rule.number for rule in self.rules}
        if unknown:
            raise UsageError(f"no fault has the number {min(unknown)}", hint="pushkit fault list")
        self.rules = [rule for rule in self.rules if numbers and rule.number not in numbers]

    def strike(self, request: Request, issued: DeviceToken | None, now: float) -> FaultRule | None:
        """The fault that strikes a push."""
        device = None if issued is None else issued.device
        return self._first(
            [rule for rule in self.rules if _selects(rule.fault.selector, request, device)],
            request.token.lower(),
            now,
        )

    def knock(self, now: float) -> FaultRule | None:
        """The fault that strikes a client who connects."""
        return self._first([rule for rule in self.rules if rule.fault.selector.connection], "", now)

    def _first(self, matching: list[FaultRule], token: str, now: float) -> FaultRule | None:
        fired = [rule for rule in matching if rule.fires(token, now, self._seed)]
        if not fired:
            return None
        fired[0].struck += 1
        return fired[0]


def _selects(selector: Selector, request: Request, device: str | None) -> bool:
    is_errand = is_for_channels(request) and not is_broadcast(request)
    return (
        not selector.connection
        and selector.channel == is_errand
        and selector.export == is_export(request)
        and selector.type in (None, (request.field(message.PUSH_TYPE) or "").lower())
        and selector.device in (None, device)
        and selector.topic in (None, request.field(message.TOPIC))
        and selector.token in (None, request.token.lower())
    )


# What becomes of it


def judged(rule: FaultRule | None, verdict: _Kept, now: float) -> _Kept | Refused:
    """What is answered: what was judged, unless a fault puts something in its place."""
    action = None if rule is None else rule.fault.action
    if rule is None or action is None or action.kind is not Kind.ANSWER:
        return verdict
    reason = _reason(action)
    return Refused(
        rule=Rule(reason=reason, check=lambda _: None, needs=frozenset(), basis=Basis.OURS),
        reason=reason,
        basis=Basis.OURS,
        detail=f"a fault on purpose: {rule.fault.name}",
        authenticated=not isinstance(verdict, Refused) or verdict.authenticated,
        timestamp_ms=int(now * 1000) if reason.status == 410 else None,
    )


def _reason(action: Action) -> Reason:
    status = action.status or 0
    if action.reason is not None:
        return replace(action.reason, status=status)
    return Reason(word="", status=status, meaning="a status without a reason", remedy="")


def acts(
    rule: FaultRule | None, answer: Respond, verdict: _Judged, link: Link, policy: Policy
) -> Iterator[Act]:
    """What the server does about a push: the answer and what goes with it, or what a fault says."""
    action = None if rule is None else rule.fault.action
    if action is None or action.kind is Kind.ANSWER:
        yield from (answer, *link.after(verdict, policy))
        return
    match action.kind:
        case Kind.CLOSE:
            yield Close()
            return
        case Kind.STALL:
            yield Stall(stream=answer.stream)
        case Kind.RESET:
            yield reset(rule, answer.stream)
        case Kind.DELAY:
            yield Respond(stream=answer.stream, response=answer.response, after=action.seconds)
        case _:
            yield answer
    if action.kind is Kind.STREAMS:
        link.pinned = action.streams
    yield from link.after(verdict, policy)
    if action.kind is Kind.GOAWAY and action.reason is not None:
        yield goodbye(action.reason.word, policy)


def is_unread(rule: FaultRule | None) -> bool:
    """Whether the push was never looked at, so that its sender may send it again."""
    return rule is not None and rule.fault.action.unread


def reset(rule: FaultRule | None, stream: int) -> Reset:
    """RST_STREAM, with a code that says whether the push may have been taken."""
    return Reset(stream=stream, code=_REFUSED_STREAM if is_unread(rule) else _INTERNAL_ERROR)


def at_the_door(rule: FaultRule) -> Act:
    """What is done to a client that only connected."""
    match rule.fault.action.kind:
        case Kind.TLS:
            return FailTls()
        case Kind.STALL:
            return Stall()
    return Close()


# What is told


def event(rule: FaultRule, seen: PushEvent, *, delivered: bool) -> FaultEvent:
    """The event of a fault that struck a push which has an event of its own."""
    action = rule.fault.action
    answered = f"{seen.status} {seen.reason}" if seen.reason else str(seen.status)
    detail = _DETAILS[action.kind].format(
        answered=answered, seconds=f"{action.seconds:g}", streams=action.streams
    )
    return FaultEvent(
        push_id=seen.id,
        device=seen.device,
        app=seen.app,
        type=seen.type,
        apns_id=seen.apns_id,
        reason=action.word,
        detail=detail,
        token=seen.request.token or None,
        channel=seen.channel,
        rule=rule.fault.name,
        number=rule.number,
        connection=seen.connection,
        delivered=delivered,
    )


def unread_event(
    rule: FaultRule, request: Request, issued: DeviceToken | None, connection: int
) -> FaultEvent:
    """The event of a push that nobody looked at."""
    return FaultEvent(
        device=None if issued is None else issued.device,
        app=None if issued is None else issued.bundle_id,
        type=request.field(message.PUSH_TYPE),
        reason=rule.fault.action.word,
        detail="RST_STREAM REFUSED_STREAM: the push was not looked at, and may be sent again",
        token=request.token or None,
        rule=rule.fault.name,
        number=rule.number,
        connection=connection,
    )


def export_event(rule: FaultRule, status: int, connection: int) -> FaultEvent:
    """The event of a request for metrics, which is no push."""
    action = rule.fault.action
    detail = _DETAILS[action.kind].format(
        answered=status, seconds=f"{action.seconds:g}", streams=action.streams
    )
    return FaultEvent(
        reason=action.word,
        detail=f"an export of metrics: {detail}",
        rule=rule.fault.name,
        number=rule.number,
        connection=connection,
    )


def door_event(rule: FaultRule) -> FaultEvent:
    """The event of a client that only connected."""
    kind = rule.fault.action.kind
    return FaultEvent(
        reason=rule.fault.action.word,
        detail=_AT_THE_DOOR[kind],
        rule=rule.fault.name,
        number=rule.number,
    )


_DETAILS = {
    Kind.ANSWER: "answered {answered}, whatever the push was",
    Kind.DELAY: "the answer, {answered}, comes {seconds} s later",
    Kind.STALL: "the answer, {answered}, never comes, and the stream stays open",
    Kind.RESET: "RST_STREAM INTERNAL_ERROR in place of the answer, {answered}",
    Kind.GOAWAY: "answered {answered}; then GOAWAY, which names every push that was read",
    Kind.CLOSE: "the TCP connection was closed in place of the answer, {answered}",
    Kind.STREAMS: "answered {answered}; then SETTINGS: {streams} streams at once from now on",
}
_AT_THE_DOOR = {
    Kind.TLS: "a TLS handshake was refused with the alert handshake_failure",
    Kind.STALL: "a client connected, and its TLS handshake is never answered",
    Kind.CLOSE: "the TCP connection of a client was closed before TLS",
}
