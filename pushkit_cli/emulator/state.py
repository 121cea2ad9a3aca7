"""What the emulator remembers, record by record, and each record as a row of a database. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

from pushkit_cli.apns.facts import Key, Storage, TokenState
from pushkit_cli.apns.push import Environment, PushType, topic_for
from pushkit_cli.emulator.channel_records import Channel, ChannelIndex, Message, Subscription
from pushkit_cli.emulator.export_records import Audience, ExportRequest, ExportToken, Tally
from pushkit_cli.phone.app_state import AppState
from pushkit_cli.phone.condition import Condition, Lock
from pushkit_cli.phone.storage import Stored

Row = Mapping[str, Any]
"""A record as JSON-able values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """An app and the team that owns it."""

    bundle_id: str
    team_id: str

    @property
    def key(self) -> str:
        """Where the row stands."""
        return f"app/{self.bundle_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A provider's key, its public half alone.

    `environment` `None`: good for both. `topics` `None`: for every app of the team; else bundle
    ids, and `related` is the one other key that may be used on the same connection.
    """

    key_id: str
    team_id: str
    public_pem: str
    environment: Environment | None = None
    topics: tuple[str, ...] | None = None
    related: str | None = None

    @property
    def key(self) -> str:
        """Where the row stands."""
        return f"key/{self.key_id}"

    def as_known(self) -> Key:
        """The key as the law wants it."""
        return Key(
            key_id=self.key_id,
            team_id=self.team_id,
            public_pem=self.public_pem.encode("ascii"),
            environment=self.environment,
            topics=None if self.topics is None else frozenset(self.topics),
            related=self.related,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """An emulated device."""

    name: str
    platform: str
    os: str

    @property
    def key(self) -> str:
        """Where the row stands."""
        return f"device/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceToken:
    """A token one app has on one device for one type, in one environment."""

    token: str
    device: str
    bundle_id: str
    type: PushType
    environment: Environment
    state: TokenState = TokenState.LIVE
    since_ms: int | None = None

    @property
    def key(self) -> str:
        """Where the row stands."""
        return f"token/{self.token}"

    @property
    def is_live(self) -> bool:
        """Whether pushes to it are accepted."""
        return self.state is TokenState.LIVE

    @property
    def topic(self) -> str:
        """The topic the token was issued for."""
        return topic_for(self.bundle_id, self.type)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handling:
    """A push that was handed to an app which has not returned yet.

    `at` and `kill_at` are Unix seconds; `kill_at` `None`: the app has no call to report.
    `reported`: it has reported one, and not returned.
    """

    id: str
    push_id: str | None
    device: str
    bundle_id: str
    environment: Environment
    type: PushType
    at: float
    kill_at: float | None = None
    apns_id: str | None = None
    call_id: str | None = None
    handle: str | None = None
    reported: bool = False

    @property
    def key(self) -> str:
        """Where the row stands."""
        return f"handling/{self.id}"

    def is_overdue(self, now: float) -> bool:
        """Whether the app should have reported its call by now."""
        return not self.reported and self.kill_at is not None and now >= self.kill_at


_R = TypeVar("_R", bound="Record")

Record = (
    App
    | SigningKey
    | Device
    | DeviceToken
    | Condition
    | AppState
    | Handling
    | Stored
    | Channel
    | Subscription
    | Message
    | Tally
    | Audience
    | ExportToken
    | ExportRequest
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """Keep a row; `None` forgets it. Committed before anything else of the turn is done."""

    key: str
    value: Row | None


_KINDS: Mapping[str, type[Record]] = {
    "app": App,
    "key": SigningKey,
    "device": Device,
    "token": DeviceToken,
    "condition": Condition,
    "app-state": AppState,
    "handling": Handling,
    "channel": Channel,
    "subscription": Subscription,
    "message": Message,
    "stored": Stored,
    "attempt": Stored,
    "tally": Tally,
    "audience": Audience,
    "export-token": ExportToken,
    "export": ExportRequest,
}
_TYPED: Mapping[str, Callable[[Any], Any]] = {
    "type": PushType,
    "environment": Environment,
    "state": TokenState,
    "lock": Lock,
    "storage": Storage,
    "topics": tuple,
    "desired": lambda types: tuple(PushType(one) for one in types),
}


def to_row(record: Record) -> Row:
    """A record as plain values; they are its own, and not to be changed."""
    return {name: getattr(record, name) for name in record.__slots__}


def from_row(key: str, row: Row) -> Record:
    """A record from its row. Raises ValueError or TypeError for one that nobody wrote."""
    kind = _KINDS.get(key.partition("/")[0])
    if kind is None:
        raise ValueError(f"no record is called {key}")
    values: dict[str, Any] = {
        name: _TYPED[name](value) if name in _TYPED and value is not None else value
        for name, value in row.items()
    }
    return kind(**values)


@dataclass(slots=True)
class State:
    """Every record by its key; the typed look-ups are what the rest of the core reads."""

    records: dict[str, Record] = field(default_factory=dict)
    _tokens: dict[str, dict[str, DeviceToken]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    channels: ChannelIndex = field(
        default_factory=ChannelIndex, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        self.restore(self.records)

    def restore(self, records: dict[str, Record]) -> None:
        """Hold these records instead."""
        self.records = records
        self._tokens = {}
        self.channels = ChannelIndex()
        for record in records.values():
            self._index(record)

    @classmethod
    def load(cls, rows: Iterable[tuple[str, Row]]) -> Self:
        """Rebuild from rows."""
        return cls({key: from_row(key, row) for key, row in rows})

    def app(self, bundle_id: str) -> App | None:
        """An app by its bundle id."""
        found = self.records.get(f"app/{bundle_id}")
        return found if isinstance(found, App) else None

    def signing_key(self, key_id: str) -> SigningKey | None:
        """A key by its id."""
        found = self.records.get(f"key/{key_id}")
        return found if isinstance(found, SigningKey) else None

    def device(self, name: str) -> Device | None:
        """A device by its name."""
        found = self.records.get(f"device/{name}")
        return found if isinstance(found, Device) else None

    def condition(self, name: str) -> Condition:
        """How a device is; one that nobody changed is as at its beginning."""
        fresh = Condition(device=name)
        found = self.records.get(fresh.key)
        return found if isinstance(found, Condition) else fresh

    def app_state(self, device: str, bundle_id: str, environment: Environment) -> AppState:
        """What a device remembers of an app; of one that nothing happened to, the beginning."""
        fresh = AppState(device=device, bundle_id=bundle_id, environment=environment)
        found = self.records.get(fresh.key)
        return found if isinstance(found, AppState) else fresh

    def token(self, token: str) -> DeviceToken | None:
        """A token by its lower-case hexadecimal text."""
        found = self.records.get(f"token/{token}")
        return found if isinstance(found, DeviceToken) else None

    def tokens_of(self, device: str, bundle_id: str | None = None) -> list[DeviceToken]:
        """The tokens a device has or had, of one app or of each, in the order they were issued."""
        tokens = self._tokens.get(device, {}).values()
        return [one for one in tokens if bundle_id in (None, one.bundle_id)]

    def channel(self, identifier: str) -> Channel | None:
        """A broadcast channel by its id."""
        found = self.records.get(f"channel/{identifier}")
        return found if isinstance(found, Channel) else None

    def handling(self, identifier: str) -> Handling | None:
        """A push an app is busy with."""
        found = self.records.get(f"handling/{identifier}")
        return found if isinstance(found, Handling) else None

    def put(self, record: Record) -> Put:
        """Keep a record from now on."""
        self.records[record.key] = record
        self._index(record)
        return Put(key=record.key, value=to_row(record))

    def drop(self, record: Record) -> Put:
        """Forget a record."""
        del self.records[record.key]
        if isinstance(record, DeviceToken):
            del self._tokens[record.device][record.token]
        self.channels.drop(record)
        return Put(key=record.key, value=None)

    def _index(self, record: Record) -> None:
        if isinstance(record, DeviceToken):
            self._tokens.setdefault(record.device, {})[record.token] = record
        self.channels.add(record)

    def all_of(self, kind: type[_R]) -> list[_R]:
        """Every record of a kind, in the order they were first made; never on a push's path."""
        return [record for record in self.records.values() if isinstance(record, kind)]
