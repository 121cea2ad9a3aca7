"""What the emulator remembers of broadcast channels, and where to find it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

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


@dataclass(slots=True)
class ChannelIndex:
    """The channels of a State by their app: nothing is found by looking at every record."""

    _apps: dict[tuple[str, Environment], dict[str, Channel]] = field(default_factory=dict)

    def add(self, record: object) -> None:
        """A record is there from now on, or is otherwise."""
        if isinstance(record, Channel):
            place = (record.bundle_id, record.environment)
            self._apps.setdefault(place, {})[record.id] = record

    def drop(self, record: object) -> None:
        """A record is not there any more."""
        if isinstance(record, Channel):
            del self._apps[record.bundle_id, record.environment][record.id]

    def of_app(self, bundle_id: str, environment: Environment) -> Mapping[str, Channel]:
        """An app's channels by their ids, in the order they were made."""
        return self._apps.get((bundle_id, environment), {})
