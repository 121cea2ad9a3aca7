"""What happens on a device, in Apple's vocabulary. Pure values."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

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


MEANINGS: Mapping[Happening, str] = MappingProxyType(
    {
        Happening.STORED: "APNs keeps the push, because the device is away",
        Happening.OVERWRITTEN: "a stored push was replaced by a later one, and never arrives",
        Happening.DELIVERED: "the push arrived on the device and is handed to its app",
        Happening.DEFERRED: "the push waits, because the device saves power",
        Happening.LAUNCHED: "the system started the app, or woke it, to hand it a push",
        Happening.CALL_REPORTED: "the app reported an incoming call, and the phone rings",
        Happening.CALL_REFUSED: "the app reported a call, and the system does not show it",
        Happening.CALL_ENDED: "a call that was reported has ended",
        Happening.TERMINATED: "the system ended the app; your server cannot see it",
        Happening.VOIP_STOPPED: "the system hands this app no VoIP pushes any more",
        Happening.DISCARDED: "the push was accepted and comes to nothing; the reason says why",
        Happening.DISPLAYED: "something can be seen: an alert, a badge, a complication, a widget",
        Happening.SIGNAL_ENUMERATOR: "a file provider is told that a container has changed",
        Happening.SUBSCRIBED: "the app subscribed to a broadcast channel",
        Happening.UNSUBSCRIBED: "the app left a broadcast channel",
        Happening.TOKEN_UPDATED: "the app was given a device token, which your server must learn",
        Happening.TOKEN_INVALIDATED: "a device token has ended: pushes to it are refused",
        Happening.WARNING: "something that somebody should look at; the reason says what",
        Happening.HOOK: "what your hook, URL or app module said, or how it failed",
        Happening.FAULT: "a fault that was set on purpose had a hand in an answer",
    }
)
"""What each means; each event says itself who says that a device does this."""


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
