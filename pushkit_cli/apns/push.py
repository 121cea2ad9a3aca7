"""What a push is: its types, priorities, environments and topics, as tables. Pure.

Source of the rows unless one says otherwise: Apple, "Sending notification requests to APNs".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from types import MappingProxyType


class Environment(StrEnum):
    """Which of Apple's two separate worlds a token, a key or a server belongs to."""

    SANDBOX = "sandbox"
    PRODUCTION = "production"

    @property
    def other(self) -> "Environment":
        """The world this one is most often mistaken for."""
        return Environment.PRODUCTION if self is Environment.SANDBOX else Environment.SANDBOX


class Priority(IntEnum):
    """`apns-priority`: 10 at once, 5 with regard to power, 1 without waking the device."""

    IMMEDIATE = 10
    CONSIDERATE = 5
    LOWEST = 1


class Auth(StrEnum):
    """How a provider may authenticate for a type of push."""

    TOKEN = "token"  # noqa: S105 (a kind of credential, not one)
    CERTIFICATE = "certificate"
    BOTH = "both"


class PushType(StrEnum):
    """Every value of `apns-push-type` known in November 2026; members are named as on the wire."""

    alert = "alert"
    background = "background"
    complication = "complication"
    controls = "controls"
    fileprovider = "fileprovider"
    liveactivity = "liveactivity"
    location = "location"
    mdm = "mdm"
    pushtotalk = "pushtotalk"
    voip = "voip"
    widgets = "widgets"
    accessory = "accessory"


def known_type(word: str | None) -> PushType | None:
    """The push type that a word names; Apple may know one that the table does not."""
    return None if word is None else PushType.__members__.get(word)


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeRow:
    """One row of the push-type table.

    `suffix` follows the bundle id in the topic. `limit` is in bytes of body. `priority` and
    `expiration` are what this tool sends when nothing is said (`None`: the header is left out).
    `refused` are priorities APNs answers with BadPriority. `platforms` name where devices can
    receive the type.
    """

    suffix: str
    limit: int = 4096
    priority: Priority = Priority.IMMEDIATE
    expiration: int | None = None
    refused: frozenset[int] = frozenset()
    auth: Auth = Auth.BOTH
    platforms: tuple[str, ...]
    meaning: str


_PHONES = ("ios", "ipados")
_ALL = ("ios", "ipados", "macos", "tvos", "visionos", "watchos")

PUSH_TYPES: Mapping[PushType, TypeRow] = MappingProxyType(
    {
        PushType.alert: TypeRow(
            suffix="", platforms=_ALL, meaning="shows an alert, plays a sound or badges the app"
        ),
        PushType.background: TypeRow(
            suffix="",
            platforms=_ALL,
            priority=Priority.CONSIDERATE,
            # "Specifying the priority 10 is an error": read as BadPriority, not seen on the wire.
            refused=frozenset({10}),
            meaning="wakes the app silently to fetch content",
        ),
        PushType.complication: TypeRow(
            # Apple's page prints `h.complication`; older copies and every library agree on this.
            suffix=".complication",
            platforms=("ios", "watchos"),
            meaning="updates a complication on the watch face",
        ),
        PushType.controls: TypeRow(
            suffix=".push-type.controls",
            platforms=_PHONES,
            auth=Auth.TOKEN,
            meaning="reloads a control",
        ),
        PushType.fileprovider: TypeRow(
            suffix=".pushkit.fileprovider",
            platforms=("ios", "ipados", "macos", "visionos"),
            auth=Auth.TOKEN,
            meaning="signals a file provider's enumerator that content changed",
        ),
        PushType.liveactivity: TypeRow(
            suffix=".push-type.liveactivity",
            platforms=_PHONES,
            auth=Auth.TOKEN,
            meaning="starts, updates or ends a Live Activity",
        ),
        PushType.location: TypeRow(
            suffix=".location-query",
            platforms=_PHONES,
            auth=Auth.TOKEN,
            meaning="asks the app's location extension for a position",
        ),
        PushType.mdm: TypeRow(
            suffix="",
            platforms=("ios", "ipados", "macos", "tvos", "visionos"),
            auth=Auth.CERTIFICATE,
            meaning="tells a managed device to contact its MDM server",
        ),
        PushType.pushtotalk: TypeRow(
            suffix=".voip-ptt",
            platforms=_PHONES,
            expiration=0,
            meaning="tells a Push to Talk channel that somebody speaks",
        ),
        PushType.voip: TypeRow(
            suffix=".voip",
            limit=5120,
            # The framework has voIP from watchOS 9, APNs says the type is not for watchOS.
            platforms=("ios", "ipados", "visionos"),
            expiration=0,
            meaning="an incoming call: the app must report it to the system at once",
        ),
        PushType.widgets: TypeRow(
            suffix=".push-type.widgets",
            platforms=("ios", "ipados", "macos", "visionos", "watchos"),
            auth=Auth.TOKEN,
            meaning="reloads the app's widgets",
        ),
        PushType.accessory: TypeRow(
            suffix=".push-type.accessory",
            platforms=("ios",),
            auth=Auth.TOKEN,
            meaning="carries a message for an accessory",
        ),
    }
)

SOURCE = "Apple: Sending notification requests to APNs"
MAX_TOKEN_BYTES = 100
"""WWDC 2015 announced device tokens of up to 100 bytes; today's are 32 or 80."""
MAX_COLLAPSE_ID_BYTES = 64
MAX_BODY_BYTES = max(row.limit for row in PUSH_TYPES.values())
MDM_TOPIC_PREFIX = "com.apple.mgmt."
PASS_TYPE_PREFIX = "pass."  # noqa: S105 (of Wallet passes)

# Longest first, because `.voip` would also match the head of another suffix's topic.
_SUFFIXES = sorted({row.suffix for row in PUSH_TYPES.values() if row.suffix}, key=len, reverse=True)
_BY_SUFFIX = {
    suffix: tuple(kind for kind, row in PUSH_TYPES.items() if row.suffix == suffix)
    for suffix in [*_SUFFIXES, ""]
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic taken apart: `suffix` is the type's, or empty for the plain bundle id."""

    bundle_id: str
    suffix: str

    @property
    def types(self) -> tuple[PushType, ...]:
        """The push types that may be sent to this topic."""
        if self.suffix:
            return _BY_SUFFIX[self.suffix]
        if self.bundle_id.startswith(MDM_TOPIC_PREFIX):
            return (PushType.mdm,)
        return (PushType.alert, PushType.background)


def split_topic(topic: str) -> Topic:
    """Take a topic apart, longest suffix first."""
    for suffix in _SUFFIXES:
        if topic.endswith(suffix) and len(topic) > len(suffix):
            return Topic(bundle_id=topic.removesuffix(suffix), suffix=suffix)
    return Topic(bundle_id=topic, suffix="")


def topic_for(bundle_id: str, push_type: PushType) -> str:
    """The topic of an app's pushes of one type."""
    return bundle_id + PUSH_TYPES[push_type].suffix


def token_type(push_type: PushType) -> PushType:
    """Whose token a push of this type is sent to: background pushes share the alert token."""
    return PushType.alert if push_type is PushType.background else push_type


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """One push. `None` means that the header is absent; `expiration=0` means "try once".

    `token` is hexadecimal text, `payload` the exact bytes of the body, `expiration` in Unix
    seconds. `push_type` is text where Apple knows a type that the table does not.
    """

    token: str
    payload: bytes
    topic: str | None = None
    push_type: PushType | str | None = None
    priority: int | None = None
    expiration: int | None = None
    collapse_id: str | None = None
    apns_id: str | None = None


def fingerprint(token: str) -> str:
    """Return the first 8 hex digits of SHA-256 of the lower-case token (`token_fp` in results)."""
    from hashlib import sha256

    return sha256(token.lower().encode("utf-8", "surrogatepass")).hexdigest()[:8]
