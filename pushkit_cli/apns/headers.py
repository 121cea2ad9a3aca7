"""What each header says, and who says so: the names are those of `message`. Pure.

Source unless a row says otherwise: Apple, "Sending notification requests to APNs".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pushkit_cli.apns import message
from pushkit_cli.apns.facts import Basis
from pushkit_cli.apns.push import MAX_COLLAPSE_ID_BYTES, SOURCE

_ANSWERS = "Apple: Handling notification responses from APNs"
_BROADCASTS = "Apple: Sending broadcast push notification requests to APNs"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderRow:
    """One header. `absent` is what its absence means; `words` are the reasons about it."""

    meaning: str
    absent: str
    words: tuple[str, ...] = ()
    source: str = SOURCE
    basis: Basis = Basis.DOCUMENTED


HEADERS: Mapping[str, HeaderRow] = MappingProxyType(
    {
        name.decode("ascii"): row
        for name, row in (
            (
                message.AUTHORIZATION,
                HeaderRow(
                    meaning="bearer and the provider token, a JWT that a team's key signed",
                    absent="a client certificate says who sends; beside one it is ignored",
                    words=(
                        *("MissingProviderToken", "InvalidProviderToken", "ExpiredProviderToken"),
                        "TooManyProviderTokenUpdates",
                    ),
                ),
            ),
            (
                message.TOPIC,
                HeaderRow(
                    meaning="the app's bundle id and the suffix of the push type",
                    absent="the topic of a certificate that has only one",
                    words=("MissingTopic", "BadTopic", "TopicDisallowed", "DeviceTokenNotForTopic"),
                ),
            ),
            (
                message.PUSH_TYPE,
                HeaderRow(
                    meaning="what the push is for; it has to fit the topic and the body",
                    absent="no error, but watchOS 6 and later need it",
                    words=("InvalidPushType", "MissingPushType"),
                ),
            ),
            (
                message.PRIORITY,
                HeaderRow(
                    meaning="10 at once, 5 with regard to the device's power, 1 without waking it",
                    absent="10; a broadcast has to say it",
                    words=("BadPriority",),
                ),
            ),
            (
                message.EXPIRATION,
                HeaderRow(
                    meaning="Unix seconds until which APNs keeps trying; 0 is one attempt, and "
                    "nothing is stored",
                    absent="APNs stores the push for 30 days at most: of a call, a ghost call",
                    words=("BadExpirationDate",),
                ),
            ),
            (
                message.COLLAPSE_ID,
                HeaderRow(
                    meaning="notifications of one id are shown as one; at most "
                    f"{MAX_COLLAPSE_ID_BYTES} bytes",
                    absent="each is shown by itself",
                    words=("BadCollapseId",),
                ),
            ),
            (
                message.APNS_ID,
                HeaderRow(
                    meaning="the push's own UUID, which the answer repeats",
                    absent="APNs makes one",
                    words=("BadMessageId",),
                ),
            ),
            (
                message.UNIQUE_ID,
                HeaderRow(
                    meaning="an id of the answer, by which the delivery log of Apple's console "
                    "finds the push",
                    absent="production answers device pushes without it",
                    source=_ANSWERS,
                ),
            ),
            (
                message.REQUEST_ID,
                HeaderRow(
                    meaning="the UUID of a broadcast or of what is asked of channels",
                    absent="the service makes one",
                    words=("BadMessageId",),
                    source=_BROADCASTS,
                ),
            ),
            (
                message.CHANNEL_ID,
                HeaderRow(
                    meaning="the channel, in base64, that is shown, deleted or sent to",
                    absent="a new channel's answer brings it",
                    words=("MissingChannelId", "BadChannelId", "ChannelNotRegistered"),
                    source=_BROADCASTS,
                ),
            ),
            (
                message.RETRY_AFTER,
                HeaderRow(
                    meaning="seconds to wait before trying again, in the answer of a server that "
                    "says so",
                    absent="a 5xx is tried again after 15 minutes",
                    source="RFC 9110, 10.2.3; that Apple sends it is not known",
                    basis=Basis.OURS,
                ),
            ),
        )
    }
)
"""By name, as it crosses the wire."""
