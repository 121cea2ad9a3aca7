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

_Key = tuple[str, str, str]


class Tallies:
    """The counts of one State."""

    def __init__(self, state: State) -> None:
        self._state = state

    def counted(self, effects: Iterable[Effect], now: float) -> Iterator[Put]:
        """What a turn adds to the counts of its day."""
        told = [one.event for one in effects if isinstance(one, Emit)]
        day = day_of(now)
        fresh = {one.id for one in told if isinstance(one, PushEvent) and one.event == PUSH}
        counts: Counter[_Key] = Counter()
        for one in told:
            if isinstance(one, PushEvent):
                counts.update(_received(one))
            elif isinstance(one, DeviceEvent) and one.channel is None:
                counts.update(_became(one, is_late=one.push_id not in fresh))
        for (app, kind, status), number in counts.items():
            yield self._add(Tally(app=app, day=day, kind=kind, status=status, count=number))
        heard = Counter(pair for one in told for pair in _heard(one))
        for channel in dict.fromkeys(channel for channel, _ in heard):
            yield from self._audience(channel, day, heard)

    def old(self, now: float) -> Iterator[Put]:
        """Forget what cannot be asked for any more."""
        oldest = day_of(now - KEPT_DAYS * 86_400)
        kept: list[Tally | Audience] = [*self._state.all_of(Tally), *self._state.all_of(Audience)]
        for record in kept:
            if record.day < oldest:
                yield self._state.drop(record)

    def _add(self, more: Tally) -> Put:
        known = self._state.records.get(more.key)
        before = known.count if isinstance(known, Tally) else 0
        return self._state.put(replace(more, count=before + more.count))

    def _audience(self, channel_id: str, day: str, more: Counter[tuple[str, str]]) -> Iterator[Put]:
        channel = self._state.records.get(f"channel/{channel_id}")
        if not isinstance(channel, Channel):
            return
        here = self._state.channels.subscribers(channel_id)
        every = [
            self._state.channels.subscribers(one)
            for one in self._state.channels.of_app(channel.bundle_id, channel.environment)
        ]
        for name, devices, subscriptions in (
            (channel_id, set(here), len(here)),
            ("", set().union(*every), sum(map(len, every))),
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
                    subscribers=max(before.subscribers, len(devices)),
                )
            )


def day_of(now: float) -> str:
    """The day of a moment, in UTC."""
    return datetime.fromtimestamp(now, tz=UTC).date().isoformat()


def _received(seen: PushEvent) -> list[_Key]:
    """A push that was accepted, or answered that its token has ended: which counts, and is ours."""
    if seen.event != PUSH or seen.app is None or seen.channel is not None:
        return []
    kind = seen.type or "alert"
    if seen.status == 200:
        return [(seen.app, kind, RECEIVED)]
    if seen.status == 410:
        return [(seen.app, kind, RECEIVED), (seen.app, kind, _DISCARDED["unregistered"])]
    return []


_HEARD = (Happening.DELIVERED, Happening.SUBSCRIBED, Happening.UNSUBSCRIBED)


def _heard(said: object) -> list[tuple[str, str]]:
    """What concerns a channel: which, and what it was."""
    match said:
        case PushEvent(event="push", status=200, channel=str(channel)):
            return [(channel, PUSH)]
        case DeviceEvent(channel=str(channel), event=event) if event in _HEARD:
            return [(channel, event)]
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
