"""What a judge may know beside the request: credentials, tokens, the connection. Pure values.

The server knows all of it; a sender knows what its book recorded, and perhaps nothing.
"""

from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto

from pushkit_cli.apns.push import Environment
from pushkit_cli.apns.token import ProviderToken, TokenFault


class Need(Enum):
    """What a rule must know beside the request itself."""

    CREDENTIAL = auto()
    DEVICE = auto()
    CHANNEL = auto()
    APP = auto()


class Basis(StrEnum):
    """Who says so: Apple's documents, somebody who watched the wire, or this project."""

    DOCUMENTED = "documented"
    OBSERVED = "observed"
    OURS = "ours"


class Trouble(StrEnum):
    """Why a client never got as far as a push. The words are ours."""

    UNTRUSTED = "untrusted"
    SILENT = "said-nothing"
    NO_TLS = "no-tls"
    HTTP1 = "http-1"
    CERTIFICATE = "client-certificate"
    TLS = "tls-failed"
    SLOW = "tls-unfinished"


class TokenState(StrEnum):
    """What has become of a device token."""

    LIVE = "live"
    UNREGISTERED = "unregistered"
    EXPIRED = "expired"


class Storage(StrEnum):
    """What a channel keeps for whoever subscribes or comes online later."""

    NONE = "none"
    LATEST = "latest"

    @property
    def policy(self) -> int:
        """`message-storage-policy`, as it crosses the wire."""
        return list(Storage).index(self)


class MalformedBody(StrEnum):
    """What to do with a body that is not JSON: no source says what Apple does."""

    REFUSE = "refuse"
    ACCEPT = "accept"


class GoAwayText(StrEnum):
    """What goes with GOAWAY: Apple documents JSON; text, and nothing at all, have been seen."""

    JSON = "json"
    TEXT = "text"
    EMPTY = "empty"


class Trust(StrEnum):
    """Whose provider tokens are taken: those of registered keys, or any that reads and is fresh."""

    STRICT = "strict"
    ANY = "any"


class KeyEnvironmentReason(StrEnum):
    """How to spell that a key is for the other environment: the wire's way, or Apple's page's."""

    WIRE = "wire"
    DOCUMENTED = "documented"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Where Apple's behaviour is not known, or not the same every time: our choices, each a switch.

    `new_tokens` is how many new provider tokens of one key a connection may bring in 20 minutes.
    `expired_wedges`: after ExpiredProviderToken a connection takes no provider token any more.
    `throttle`: after a refusal a connection may have one stream, until a push is accepted.
    `errors` is how many refusals a connection may collect before GOAWAY; `None`: any number.
    With `trust` ANY no key is looked up at all, so that no scope of one holds either.
    `broadcast_expiration`: a broadcast without apns-expiration is refused, as Apple's table says;
    one of its samples has none. `broadcasts`: apps have the Broadcast capability.
    """

    malformed_body: MalformedBody = MalformedBody.REFUSE
    new_tokens: int = 1
    expired_wedges: bool = True
    throttle: bool = False
    errors: int | None = None
    goaway: GoAwayText = GoAwayText.JSON
    trust: Trust = Trust.STRICT
    key_environment_reason: KeyEnvironmentReason = KeyEnvironmentReason.WIRE
    broadcast_expiration: bool = True
    broadcasts: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Which of Apple's four hosts somebody reached: for pushes, or where channels are managed."""

    environment: Environment
    manages: bool = False

    @property
    def name(self) -> str:
        """As the ready object calls it."""
        return f"manage_{self.environment}" if self.manages else str(self.environment)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A signing key as Apple knows it.

    `environment` `None`: both. `topics` `None`: every app of the team (a team-scoped key);
    otherwise bundle ids. `related` is the partner key that a topic-specific key may have.
    """

    key_id: str
    team_id: str
    public_pem: bytes
    environment: Environment | None = None
    topics: frozenset[str] | None = None
    related: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What a client certificate says of itself; `topics` in its own order.

    `uid` and `team_id` stand in its subject, as user id and organizational unit.
    """

    topics: tuple[str, ...]
    environments: frozenset[Environment]
    uid: str | None = None
    team_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A provider token that this connection brought: when it was first seen, in Unix seconds."""

    digest: str
    key_id: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """What a connection was bound to by its first valid provider token.

    `wedged`: it has been answered ExpiredProviderToken.
    """

    team_id: str | None = None
    first_key: Key | None = None
    arrivals: tuple[Arrival, ...] = ()
    wedged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """Who is asking. `key` is the registered key of the token's key id, `fault` why it fails."""

    certificate: Certificate | None = None
    token: ProviderToken | None = None
    key: Key | None = None
    fault: TokenFault | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device token as its issuer recorded it; `since_ms` (Unix): when it ceased to be live.

    `recorded` is the date a sender wrote it down, where it did.
    """

    topic: str
    environment: Environment
    state: TokenState = TokenState.LIVE
    since_ms: int | None = None
    recorded: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A broadcast channel as its service recorded it; `storage` `None`: the sender never asked."""

    bundle_id: str
    environment: Environment
    storage: Storage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Broadcasts:
    """What an app may do with channels in one environment, and how many it has there."""

    enabled: bool = True
    channels: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """Everything a judge may look at. `knows` names what was really looked up.

    `device` `None` with Need.DEVICE known means: no such token, and `channel` with Need.CHANNEL
    likewise. `owner` is the team that owns the topic's app, `None` for an app nobody registered.
    `now` is Unix seconds. `manages`: it came to where channels are managed, and nothing else.
    """

    environment: Environment
    now: float
    manages: bool = False
    knows: frozenset[Need] = frozenset()
    credential: Credential = field(default_factory=Credential)
    connection: Connection = field(default_factory=Connection)
    device: Device | None = None
    channel: Channel | None = None
    broadcasts: Broadcasts = field(default_factory=Broadcasts)
    owner: str | None = None
    policy: Policy = field(default_factory=Policy)
