"""What the emulator remembers of broadcast channels, and where to find it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pushkit_cli.apns import facts
from pushkit_cli.apns.facts import Storage
from pushkit_cli.apns.push import Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A broadcast channel of one app in one environment; `id` is base64."""

    id: str
    bundle_id: str
    environment: Environment
    storage: Storage

    @property
    def key(self) -> str:
        """Where the row stands."""
        return f"channel/{self.id}"

    def as_known(self) -> facts.Channel:
        """The channel as the law wants it."""
        return facts.Channel(
            bundle_id=self.bundle_id, environment=self.environment, storage=self.storage
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A device that a channel reaches; `number` is larger than any that the channel has before it.

    `missed` is the push that the channel keeps for it, by its id.
    """

    channel_id: str
    device: str
    number: int
    missed: str | None = None

    @property
    def key(self) -> str:
        """Where the row stands."""
        return f"subscription/{self.device}/{self.channel_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A broadcast that is under way, or that its channel keeps as the most recent one.

    `at` is when it was accepted and `until` until when it is kept, in Unix seconds; `None`: it is
    not kept. It has been to the subscriptions up to the number `reached`, and goes to those up to
    `last`.
    """

    push_id: str
    channel_id: str
    priority: int
    at: float
    until: float | None
    reached: int
    last: int
    payload: Any = None

    @property
    def key(self) -> str:
        """Where the row stands."""
        return f"message/{self.push_id}"

    @property
    def is_under_way(self) -> bool:
        """Whether there may be devices it has not been to."""
        return self.reached < self.last


@dataclass(slots=True)
class ChannelIndex:
    """What a State knows of channels by what it is asked for: no look at every record.

    `under_way` are messages by their ids, in the order they came; `kept` the one that a channel
    keeps, by the channel's id.
    """

    under_way: dict[str, Message] = field(default_factory=dict)
    kept: dict[str, Message] = field(default_factory=dict)
    _apps: dict[tuple[str, Environment], dict[str, Channel]] = field(default_factory=dict)
    _subscribers: dict[str, dict[str, Subscription]] = field(default_factory=dict)
    _devices: dict[str, dict[str, Subscription]] = field(default_factory=dict)

    def add(self, record: object) -> None:
        """A record is there from now on, or is otherwise."""
        match record:
            case Channel():
                place = (record.bundle_id, record.environment)
                self._apps.setdefault(place, {})[record.id] = record
            case Subscription(channel_id=channel_id, device=device):
                self._subscribers.setdefault(channel_id, {})[device] = record
                self._devices.setdefault(device, {})[channel_id] = record
            case Message():
                _keep(self.under_way, record.push_id, record, if_=record.is_under_way)
                known = self.kept.get(record.channel_id)
                if record.until is not None or (known and known.push_id == record.push_id):
                    _keep(self.kept, record.channel_id, record, if_=record.until is not None)

    def drop(self, record: object) -> None:
        """A record is not there any more."""
        match record:
            case Channel():
                del self._apps[record.bundle_id, record.environment][record.id]
            case Subscription(channel_id=channel_id, device=device):
                del self._subscribers[channel_id][device]
                del self._devices[device][channel_id]
            case Message():
                self.under_way.pop(record.push_id, None)
                known = self.kept.get(record.channel_id)
                if known is not None and known.push_id == record.push_id:
                    del self.kept[record.channel_id]

    def of_app(self, bundle_id: str, environment: Environment) -> Mapping[str, Channel]:
        """An app's channels by their ids, in the order they were made."""
        return self._apps.get((bundle_id, environment), {})

    def subscribers(self, channel_id: str) -> Mapping[str, Subscription]:
        """Whom a channel reaches, by their devices' names, in the order they subscribed."""
        return self._of(channel_id)

    def last_number(self, channel_id: str) -> int:
        """The number of the channel's last subscription, 0 where it has none."""
        return next((one.number for one in reversed(self._of(channel_id).values())), 0)

    def devices(self) -> list[str]:
        """The names of the devices that any channel reaches."""
        return list(self._devices)

    def subscriptions(self, device: str) -> Mapping[str, Subscription]:
        """Which channels reach a device, by their ids."""
        return self._devices.get(device, {})

    def _of(self, channel_id: str) -> dict[str, Subscription]:
        return self._subscribers.get(channel_id, {})


def _keep(place: dict[str, Message], key: str, message: Message, *, if_: bool) -> None:
    if if_:
        place[key] = message
    else:
        place.pop(key, None)
