"""What happens on a device, in Apple's vocabulary. Pure values."""

from dataclasses import dataclass
from enum import StrEnum

from pushkit_cli.apns.facts import Basis
from pushkit_cli.apns.push import PushType


class Happening(StrEnum):
    """The names of device events; scripts rely on them."""

    STORED = "stored"
    OVERWRITTEN = "overwritten"
    DELIVERED = "delivered"
    DEFERRED = "deferred"
    LAUNCHED = "launched"
    CALL_REPORTED = "call-reported"
    CALL_REFUSED = "call-refused"
    CALL_ENDED = "call-ended"
    TERMINATED = "terminated"
    VOIP_STOPPED = "voip-stopped"
    DISCARDED = "discarded"
    DISPLAYED = "displayed"
    SIGNAL_ENUMERATOR = "signal-enumerator"
    SUBSCRIBED = "subscribed"
    UNSUBSCRIBED = "unsubscribed"
    TOKEN_UPDATED = "token-updated"  # noqa: S105 (what happened, not a secret)
    TOKEN_INVALIDATED = "token-invalidated"  # noqa: S105
    WARNING = "warning"
    HOOK = "hook"
    FAULT = "fault"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceEvent:
    """One thing that happened on a device, because of one push or of nobody's (`push_id` `None`).

    `reason` is a short word, `detail` a sentence, `basis` who says that a device does this.
    `token` is the device token it is about, `channel` the id of the channel, where it is about one.
    """

    event: Happening
    push_id: str | None
    device: str
    app: str
    type: PushType
    apns_id: str | None = None
    call_id: str | None = None
    reason: str | None = None
    detail: str | None = None
    basis: Basis = Basis.DOCUMENTED
    token: str | None = None
    channel: str | None = None
