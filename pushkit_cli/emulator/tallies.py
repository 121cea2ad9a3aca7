"""Counts what APNs makes of pushes, as its metrics have it. Pure.

Every count comes from an event that was told, so what a person sees is what is counted. What a
phone does with a push that reached it is none of APNs' business: it was delivered.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from pushkit_cli.emulator.channel_records import Channel
from pushkit_cli.emulator.export_records import Audience, Tally
from pushkit_cli.emulator.moves import Effect, Emit
from pushkit_cli.emulator.push_event import PUSH, PushEvent
from pushkit_cli.emulator.state import Put, State
from pushkit_cli.phone.events import DeviceEvent, Happening

KEPT_DAYS = 31
RECEIVED = "Received by APNs"
_DELIVERED = "Delivered to Device"
_LATE = " (From Storage)"
_STORED: Mapping[str, str] = {
    "device-offline": "Stored - Device Offline",
    "power": "Stored - Power Considerations",
}
_DISCARDED: Mapping[str, str] = {
    "expired": "Discarded - Expired",
    "unregistered": "Discarded - Token Unregistered",
    "reset": "Discarded - Device Reset",
}
"""By the reason of the event; a device that is reset is the emulator's own doing, and its label."""
_OVERWRITTEN = "Discarded - Overwritten"
"""Ours: that APNs keeps one push alone is documented, how it counts the other is not."""
_AFTER_DELIVERY = frozenset({"app-terminated"})
"""A push that was delivered before, and counted then."""

_HEARD = frozenset({Happening.DELIVERED, Happening.SUBSCRIBED, Happening.UNSUBSCRIBED})
_FEW = 1_000
"""Of more subscriptions the devices are counted with a broadcast alone: it takes a look at each."""

_Key = tuple[str, str, str]


class Tallies:
    """The counts of one State."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.forget()

    def forget(self) -> None:
        """Settle nothing of what was noted: it is undone."""
        self._counts: Counter[_Key] = Counter()
        self._heard: Counter[tuple[str, str]] = Counter()

    def note(self, effects: Iterable[Effect]) -> None:
        """Take in what a step made; it counts once it is settled."""
        fresh: str | None = None
        for effect in effects:
            if not isinstance(effect, Emit):
                continue
            one = effect.event
            if isinstance(one, PushEvent):
                fresh = one.id if one.event == PUSH else fresh
                if one.channel is None:
                    self._count(_received(one))
                elif one.event == PUSH and one.status == 200:
                    self._heard[one.channel, PUSH] += 1
            elif isinstance(one, DeviceEvent):
                if one.channel is None:
                    self._count(_became(one, is_late=one.push_id != fresh))
                elif one.event in _HEARD:
                    self._heard[one.channel, one.event] += 1

    def settle(self, now: float) -> Iterator[Put]:
        """Add all that was noted to the counts of a day, each of them once."""
        counts, heard, day = self._counts, self._heard, day_of(now)
        self.forget()
        for (app, kind, status), number in counts.items():
            yield self._add(Tally(app=app, day=day, kind=kind, status=status, count=number))
        for channel in dict.fromkeys(channel for channel, _ in heard):
            yield from self._audience(channel, day, heard)

    def old(self, now: float) -> Iterator[Put]:
        """Forget what cannot be asked for any more."""
        oldest = day_of(now - KEPT_DAYS * 86_400)
        kept: list[Tally | Audience] = [*self._state.all_of(Tally), *self._state.all_of(Audience)]
        for record in kept:
            if record.day < oldest:
                yield self._state.drop(record)

    def _count(self, keys: list[_Key]) -> None:
        for key in keys:
            self._counts[key] += 1

    def _add(self, more: Tally) -> Put:
        known = self._state.records.get(more.key)
        before = known.count if isinstance(known, Tally) else 0
        return self._state.put(replace(more, count=before + more.count))

    def _audience(self, channel_id: str, day: str, more: Counter[tuple[str, str]]) -> Iterator[Put]:
        channel = self._state.records.get(f"channel/{channel_id}")
        if not isinstance(channel, Channel):
            return
        subscribers = self._state.channels.subscribers
        every = self._state.channels.of_app(channel.bundle_id, channel.environment)
        reached = sum(len(subscribers(one)) for one in every)
        is_counted = more[channel_id, PUSH] or reached <= _FEW
        devices = set().union(*map(subscribers, every)) if is_counted else ()
        for name, subscriptions, unique in (
            (channel_id, len(subscribers(channel_id)), len(subscribers(channel_id))),
            ("", reached, len(devices)),
        ):
            fresh = Audience(app=channel.bundle_id, day=day, channel_id=name)
            known = self._state.records.get(fresh.key)
            before = known if isinstance(known, Audience) else fresh
            yield self._state.put(
                replace(
                    before,
                    published=before.published + more[channel_id, PUSH],
                    delivered=before.delivered + more[channel_id, Happening.DELIVERED],
                    subscriptions=max(before.subscriptions, subscriptions),
                    subscribers=max(before.subscribers, unique),
                )
            )


def day_of(now: float) -> str:
    """The day of a moment, in UTC."""
    return datetime.fromtimestamp(now, tz=UTC).date().isoformat()


def _received(seen: PushEvent) -> list[_Key]:
    """A push that was accepted, or answered that its token has ended: which counts, and is ours."""
    if seen.event != PUSH or seen.app is None:
        return []
    kind = seen.type or "alert"
    if seen.status == 200:
        return [(seen.app, kind, RECEIVED)]
    if seen.status == 410:
        return [(seen.app, kind, RECEIVED), (seen.app, kind, _DISCARDED["unregistered"])]
    return []


def _became(said: DeviceEvent, *, is_late: bool) -> list[_Key]:
    """What a push that was accepted became; nothing that was counted before."""
    if said.push_id is None:
        return []
    late = _LATE if is_late else ""
    status = None
    match said.event:
        case Happening.DELIVERED:
            status = _DELIVERED + late
        case Happening.STORED | Happening.DEFERRED if not is_late:
            status = _STORED.get(said.reason or "")
        case Happening.OVERWRITTEN:
            status = _OVERWRITTEN + late
        case Happening.DISCARDED if said.reason in _DISCARDED:
            status = _DISCARDED[said.reason or ""] + late
        case Happening.DISCARDED if said.reason not in _AFTER_DELIVERY:
            status = _DELIVERED + late
    return [] if status is None else [(said.app, str(said.type), status)]
