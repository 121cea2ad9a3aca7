"""Takes a broadcast to whoever subscribed, some at once and the rest turn by turn. Pure.

Source: Apple, "Sending channel management requests to APNs", of the two storage policies. Ours:
that a channel's most recent message also goes to whoever subscribes later, that one which is not to
be stored takes the place of the one before, and that an activity's end is the subscription's.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from pushkit_cli.apns import activity
from pushkit_cli.apns.channels import LONGEST_STORAGE_S, Broadcast
from pushkit_cli.apns.facts import Storage
from pushkit_cli.apns.push import Environment, Priority, PushType
from pushkit_cli.emulator.apps import Apps
from pushkit_cli.emulator.channel_records import Channel, Message, Subscription
from pushkit_cli.emulator.courier import from_storage
from pushkit_cli.emulator.moves import Effect, Emit, NewId, Subscribe, Unsubscribe
from pushkit_cli.emulator.state import State
from pushkit_cli.phone import availability, broadcasts, storage
from pushkit_cli.phone.events import DeviceEvent, Happening

AT_ONCE = 64
"""Devices that a turn goes to (ours): some milliseconds' work, and then others are answered."""


class Broadcasts:
    """The messages of one State that are under way or kept, and who is to have them."""

    def __init__(self, state: State, apps: Apps) -> None:
        self._state = state
        self._apps = apps
        apps.joins = self.join

    def deadline(self) -> float | None:
        """When to go on: at once, where a message is under way."""
        return next((one.at for one in self._state.channels.under_way.values()), None)

    @property
    def is_busy(self) -> bool:
        """Whether a message has not been to every device yet."""
        return bool(self._state.channels.under_way)

    # A message

    def send(
        self,
        push_id: str,
        channel: Channel,
        broadcast: Broadcast,
        payload: Any,
        now: float,
        new_id: NewId,
    ) -> Iterator[Effect]:
        """A broadcast was accepted: it goes out behind those that are under way."""
        known = self._state.channels
        waits = bool(known.under_way)
        old = known.kept.get(channel.id)
        message = Message(
            push_id=push_id,
            channel_id=channel.id,
            priority=broadcast.priority or Priority.IMMEDIATE,
            at=now,
            until=_until(channel, broadcast.expiration, now),
            reached=0,
            last=known.last_number(channel.id),
            payload=payload,
        )
        if old is not None:
            yield from self._keep(replace(old, until=None))
        if message.is_under_way or message.until is not None:
            yield self._state.put(message)
        if not waits:
            yield from self.go_on(now, new_id)

    def go_on(self, now: float, new_id: NewId) -> Iterator[Effect]:
        """Take what is under way to the next devices."""
        under_way, left = self._state.channels.under_way, AT_ONCE
        while under_way and left > 0:
            message = next(iter(under_way.values()))
            subscribers = self._state.channels.subscribers(message.channel_id).values()
            rest = (one for one in subscribers if message.reached < one.number <= message.last)
            some = list(islice(rest, left))
            for one in some:
                yield from self._reach(message, one, now, new_id)
            reached = some[-1].number if len(some) == left else message.last
            yield from self._keep(replace(message, reached=reached))
            left -= len(some)

    def _reach(
        self, message: Message, to: Subscription, now: float, new_id: NewId
    ) -> Iterator[Effect]:
        channel = self._state.channel(to.channel_id)
        if channel is None:  # it ended with its subscriptions
            return
        of = _about(channel, to.device, message.push_id)
        why = storage.obstacle(self._state.condition(to.device), message.priority)
        is_kept = message.until is not None and message.until > now
        if to.missed is not None:
            yield Emit(event=broadcasts.overwritten(replace(of, push_id=to.missed)))
        missed = message.push_id if why is not None and is_kept else None
        if missed != to.missed:
            yield self._state.put(replace(to, missed=missed))
        if why is None:
            yield from self._deliver(message, of, channel, now, new_id)
        elif is_kept:
            yield Emit(event=broadcasts.stored(of, why))
        else:
            yield Emit(event=broadcasts.missed(of, why))

    def _deliver(
        self,
        message: Message,
        of: DeviceEvent,
        channel: Channel,
        now: float,
        new_id: NewId,
        *,
        age_s: float = 0.0,
    ) -> Iterator[Effect]:
        yield from self._apps.receive(
            of, message.payload, channel.environment, now, new_id, age_s=age_s
        )
        if activity.event_of(message.payload) == "end":
            there = self._state.channels.subscribers(channel.id).get(of.device)
            if there is not None:
                yield from self._leave(there, "its Live Activity ended", push_id=message.push_id)

    def _keep(self, message: Message) -> Iterator[Effect]:
        """A message goes on, is kept, or is done with."""
        if message.is_under_way or message.until is not None:
            yield self._state.put(message)
        else:
            yield self._state.drop(message)

    # A device

    def subscribe(
        self, event: Subscribe | Unsubscribe, now: float, new_id: NewId
    ) -> Iterator[Effect]:
        """A device is told to hear of a channel, or not to any more.

        Raises ValueError for a channel that is not there, and where the device has no such app, or
        no channels at all.
        """
        phone = self._state.device(event.device)
        channel = self._state.channel(event.channel_id)
        if phone is None or channel is None:
            raise ValueError(f"no channel has the id {event.channel_id}")
        there = self._state.channels.subscribers(channel.id).get(phone.name)
        if isinstance(event, Unsubscribe):
            if there is not None:
                yield from self._leave(there, "by command")
            return
        if not availability.has_broadcasts(phone.platform, phone.os):
            raise ValueError(
                f"{phone.name} ({phone.platform} {phone.os}) has no channels: iOS and iPadOS 18 do"
            )
        if not self._has(phone.name, channel):
            raise ValueError(f"{channel.bundle_id} is not on {phone.name}")
        yield from self._enter(channel, _about(channel, phone.name, None), now, new_id)

    def join(
        self, of: DeviceEvent, channel_id: str, where: Environment, now: float, new_id: NewId
    ) -> Iterator[Effect]:
        """A push started a Live Activity that hears of a channel."""
        of = replace(of, channel=channel_id)
        channel = self._state.channel(channel_id)
        if channel is None or (channel.bundle_id, channel.environment) != (of.app, where):
            yield Emit(event=broadcasts.no_such_channel(of))
        else:
            yield from self._enter(channel, of, now, new_id)

    def returned(self, device: str, now: float, new_id: NewId) -> Iterator[Effect]:
        """A device is otherwise than it was: it may have what its channels keep for it."""
        for one in list(self._state.channels.subscriptions(device).values()):
            if one.missed is not None:
                yield from self._catch_up(one, now, new_id)

    def forget(self, device: str | None, bundle_id: str | None, why: str) -> Iterator[Effect]:
        """The subscriptions of an app on a device end; `None`: of each."""
        known = self._state.channels
        for name in known.devices() if device is None else [device]:
            for one in list(known.subscriptions(name).values()):
                channel = self._state.channel(one.channel_id)
                if channel is not None and bundle_id in (None, channel.bundle_id):
                    yield from self._leave(one, why)

    def closed(self, channel: Channel) -> Iterator[Effect]:
        """A channel ends, and with it whatever it has; no device is told (ours)."""
        known = self._state.channels
        for one in list(known.subscribers(channel.id).values()):
            yield self._state.drop(one)
        kept = known.kept.get(channel.id)
        under_way = [one for one in known.under_way.values() if one.channel_id == channel.id]
        for message in {one.key: one for one in (*under_way, *([kept] if kept else []))}.values():
            yield self._state.drop(message)

    def _enter(
        self, channel: Channel, of: DeviceEvent, now: float, new_id: NewId
    ) -> Iterator[Effect]:
        known = self._state.channels
        if of.device in known.subscribers(channel.id):
            return
        kept = known.kept.get(channel.id)
        is_kept = kept is not None and kept.until is not None and kept.until > now
        one = Subscription(
            channel_id=channel.id,
            device=of.device,
            number=self._next_number(channel.id),
            missed=kept.push_id if kept is not None and is_kept else None,
        )
        yield self._state.put(one)
        yield Emit(event=broadcasts.subscribed(of))
        if one.missed is not None:
            yield from self._catch_up(one, now, new_id)

    def _next_number(self, channel_id: str) -> int:
        """Behind every subscription, and behind those that a message is still under way to."""
        known = self._state.channels
        under_way = known.under_way.values()
        lasts = [one.last for one in under_way if one.channel_id == channel_id]
        return max([known.last_number(channel_id), *lasts]) + 1

    def _leave(self, one: Subscription, why: str, push_id: str | None = None) -> Iterator[Effect]:
        channel = self._state.channel(one.channel_id)
        yield self._state.drop(one)
        if channel is not None:
            of = _about(channel, one.device, push_id)
            yield Emit(event=broadcasts.unsubscribed(of, why))

    def _catch_up(self, one: Subscription, now: float, new_id: NewId) -> Iterator[Effect]:
        channel = self._state.channel(one.channel_id)
        kept = self._state.channels.kept.get(one.channel_id)
        if channel is None or kept is None or kept.push_id != one.missed:
            return  # a later one is under way to it
        of = _about(channel, one.device, kept.push_id)
        if storage.obstacle(self._state.condition(one.device), kept.priority) is not None:
            return
        yield self._state.put(replace(one, missed=None))
        if kept.until is None or kept.until <= now:
            yield Emit(event=broadcasts.expired(of))
            return
        age_s = now - kept.at
        arrives = self._deliver(kept, of, channel, now, new_id, age_s=age_s)
        yield from from_storage(arrives, age_s)

    def _has(self, device: str, channel: Channel) -> bool:
        return any(
            one.is_live
            and one.type is PushType.liveactivity
            and one.environment is channel.environment
            for one in self._state.tokens_of(device, channel.bundle_id)
        )


def _about(channel: Channel, device: str, push_id: str | None) -> DeviceEvent:
    return DeviceEvent(
        event=Happening.DELIVERED,
        push_id=push_id,
        device=device,
        app=channel.bundle_id,
        type=PushType.liveactivity,
        channel=channel.id,
    )


def _until(channel: Channel, expiration: int | None, now: float) -> float | None:
    """Until when a channel keeps a message, `None`: not at all.

    Without apns-expiration as long as it may (ours).
    """
    longest = now + LONGEST_STORAGE_S
    until = longest if expiration is None else min(longest, float(expiration))
    return None if channel.storage is Storage.NONE or until <= now else until
