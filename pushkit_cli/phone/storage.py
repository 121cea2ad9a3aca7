"""Store and forward: what APNs keeps for a device that is away, how long, and which one. Pure.

Sources: Apple, "Sending notification requests to APNs" and "Viewing the status of push
notifications using metrics and APNs", whose names for what becomes of a push the events repeat.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256
from typing import Any

from pushkit_cli.apns.facts import Basis
from pushkit_cli.apns.push import Environment, Priority, Push, PushType
from pushkit_cli.phone.condition import Condition
from pushkit_cli.phone.events import DeviceEvent, Happening
from pushkit_cli.phone.policy import DevicePolicy, Slot

LONGEST_S = 30 * 86_400
"""A push is stored for thirty days at most (documented)."""
ATTEMPTS = 100
"""Pushes with expiration 0 that are tried for a device at once; of more none is kept. Ours."""


class Obstacle(StrEnum):
    """Why a push does not reach its device now."""

    OFFLINE = "device-offline"
    POWER = "power"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A push that APNs has accepted and its device has not.

    `at` is when it was accepted and `until` when it is given up, in Unix seconds. `once`: its
    expiration was 0; such a push is tried for a short while and takes no slot. `slot` is what holds
    one push: the device token, or the app. `contests` counts the pushes that met in the slot.
    """

    push_id: str
    apns_id: str | None
    device: str
    bundle_id: str
    environment: Environment
    type: PushType
    token: str
    slot: str
    priority: int
    at: float
    until: float
    once: bool = False
    collapse_id: str | None = None
    contests: int = 0
    payload: Any = None

    @property
    def key(self) -> str:
        """Where the row stands."""
        if self.once:
            return f"attempt/{self.device}/{self.push_id}"
        return f"stored/{self.device}/{self.environment}/{self.slot}"

    @property
    def event(self) -> DeviceEvent:
        """The start of an event about it."""
        return DeviceEvent(
            event=Happening.STORED,
            push_id=self.push_id,
            device=self.device,
            app=self.bundle_id,
            type=self.type,
            apns_id=self.apns_id,
        )


def obstacle(condition: Condition, priority: int | None) -> Obstacle | None:
    """What keeps a push from a device; priority 10, the default, gets past saved power."""
    if not condition.online:
        return Obstacle.OFFLINE
    if condition.power_saving and priority not in (None, Priority.IMMEDIATE):
        return Obstacle.POWER
    return None


def kept(of: DeviceEvent, push: Push, payload: Any, where: Environment, *, now: float,
         policy: DevicePolicy) -> Stored:  # fmt: skip
    """A push that meets an obstacle at `now`; one whose `until` is not later is not kept at all.

    Expiration absent: thirty days; a date: until then; 0: for the attempt window, which is ours.
    """
    once = push.expiration == 0
    until = now + LONGEST_S
    if once:
        until = now + policy.attempt_window_s
    elif push.expiration is not None:
        until = min(until, float(push.expiration))
    assert of.push_id is not None
    return Stored(
        push_id=of.push_id,
        apns_id=of.apns_id,
        device=of.device,
        bundle_id=of.app,
        environment=where,
        type=of.type,
        token=push.token.lower(),
        slot=push.token.lower() if policy.slot is Slot.TOKEN else of.app,
        priority=Priority.IMMEDIATE if push.priority is None else push.priority,
        at=now,
        until=until,
        once=once,
        collapse_id=push.collapse_id,
        payload=payload,
    )


def survives(new: Stored, old: Stored, policy: DevicePolicy) -> bool:
    """Whether the later of two pushes keeps the slot.

    Usually it does; Apple guarantees nothing, and `--store-chaos` draws. One that collapses with
    the other always does: what the user sees is to be replaced.
    """
    if policy.store_chaos is None or _collapses(new, old):
        return True
    return _drawn(policy.store_chaos, new.key, old.contests) % 2 == 0


def in_order(waiting: Iterable[Stored], policy: DevicePolicy) -> list[Stored]:
    """What is handed to a device that is back, the oldest first; `--store-chaos` draws (ours).

    Apple guarantees no order, not even to one token.
    """
    oldest = sorted(waiting, key=lambda one: one.at)
    seed = policy.store_chaos
    if seed is None:
        return oldest
    places = sorted(range(len(oldest)), key=lambda place: _drawn(seed, "order", place))
    return [oldest[place] for place in places]


# What is told


def stored(push: Stored, why: Obstacle) -> DeviceEvent:
    """A push waits."""
    if push.once:
        return replace(
            push.event,
            event=Happening.DEFERRED,
            reason=why.value,
            detail=f"expiration 0 is never stored: it is tried for {_span(push.until - push.at)} "
            "(--attempt-window, ours)",
            basis=Basis.OURS,
        )
    if why is Obstacle.POWER:
        return deferred(push)
    return replace(
        push.event,
        reason=why.value,
        detail=f"Stored - Device Offline: kept for {_span(push.until - push.at)}",
    )


def deferred(push: Stored) -> DeviceEvent:
    """A push waits for the device to have power to spare."""
    return replace(
        push.event,
        event=Happening.DEFERRED,
        reason=Obstacle.POWER.value,
        detail=f"Stored - Power Considerations: priority {push.priority} waits until the device "
        "saves no power",
    )


def overwritten(loser: Stored, winner: Stored) -> DeviceEvent:
    """Of two pushes for one slot the other is kept."""
    said = replace(loser.event, event=Happening.OVERWRITTEN)
    if _collapses(loser, winner):
        return replace(
            said,
            reason="collapsed",
            detail=f"a later push has the same apns-collapse-id, {winner.collapse_id}",
        )
    slot = "device token" if loser.slot == loser.token else "app on a device"
    which = "a later" if winner.at >= loser.at else "an earlier"
    return replace(
        said,
        reason="slot",
        detail=f"{which} push is kept in its place: APNs stores one for each {slot}",
    )


def expired(push: Stored) -> DeviceEvent:
    """A push is given up."""
    why = f"the device did not take it within {_span(push.until - push.at)}"
    if push.until <= push.at:
        why = "its expiration had passed, and the device was not there"
        if push.once:
            why = "expiration 0 is tried once, and the device was not there"
    return _dropped(push, "expired", f"Discarded - Expired: {why}")


def crowded(push: Stored) -> DeviceEvent:
    """Too many are being tried already."""
    detail = f"Discarded - Expired: {ATTEMPTS} pushes are tried for {push.device} already (ours)"
    return _dropped(push, "expired", detail, Basis.OURS)


def unregistered(push: Stored) -> DeviceEvent:
    """Its token has ended meanwhile; the sender is told with the next push alone."""
    return _dropped(
        push, "unregistered", "Discarded - Token Unregistered (From Storage): its token has ended"
    )


def forgotten(push: Stored) -> DeviceEvent:
    """The device was put back to its beginning."""
    return _dropped(push, "reset", f"{push.device} was reset (ours)", Basis.OURS)


def from_storage(said: DeviceEvent, age_s: float) -> DeviceEvent:
    """A push arrives late."""
    return replace(
        said,
        reason="from-storage",
        detail=f"Delivered to Device (From Storage), {_span(age_s)} after APNs accepted it",
    )


def ghost(push: Stored, age_s: float) -> DeviceEvent:
    """A call rings when its caller may have given up long ago (Apple: expiration 0 for calls)."""
    return replace(
        push.event,
        event=Happening.WARNING,
        reason="ghost-call",
        detail=f"the call is {_span(age_s)} old: its caller may have given up long ago",
    )


def _dropped(
    push: Stored, reason: str, detail: str, basis: Basis = Basis.DOCUMENTED
) -> DeviceEvent:
    return replace(push.event, event=Happening.DISCARDED, reason=reason, detail=detail, basis=basis)


def _collapses(one: Stored, other: Stored) -> bool:
    """Documented for what the user sees; of PushKit's types nothing is known."""
    return (
        one.collapse_id is not None
        and one.collapse_id == other.collapse_id
        and one.type is other.type is PushType.alert
    )


def _drawn(seed: int, what: str, number: int) -> int:
    return int.from_bytes(sha256(f"{seed} {what} {number}".encode()).digest()[:8])


def _span(seconds: float) -> str:
    for size, name in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{round(seconds / size)} {name}"
    return f"{round(seconds)} s" if seconds >= 2 or seconds == int(seconds) else f"{seconds:.1f} s"
