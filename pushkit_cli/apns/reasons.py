"""Every answer of APNs in words: status, meaning, remedy, when to try again. Pure.

Sources: Apple, "Handling notification responses from APNs"; where a row says otherwise, that.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Retry(StrEnum):
    """Whether sending the same push again can help."""

    NEVER = "never"
    AFTER_FIX = "after-fix"
    LATER = "later"
    NOW = "now"
    ON_REQUEST = "on-request"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One row of the reason table; `word` is Apple's, byte for byte."""

    word: str
    status: int
    meaning: str
    remedy: str
    retry: Retry = Retry.AFTER_FIX
    source: str = "Apple: Handling notification responses from APNs"


def _row(
    status: int, word: str, meaning: str, remedy: str, retry: Retry = Retry.AFTER_FIX
) -> Reason:
    return Reason(word=word, status=status, meaning=meaning, remedy=remedy, retry=retry)


_ROWS = (
    _row(
        400, "BadCollapseId", "apns-collapse-id is longer than 64 bytes", "shorten the collapse id"
    ),
    _row(
        400,
        "BadDeviceToken",
        "the token is malformed, or belongs to the other environment",
        "check the environment first: sandbox tokens work on the sandbox host alone",
        Retry.NEVER,
    ),
    _row(
        400,
        "BadExpirationDate",
        "apns-expiration is not a Unix time in seconds",
        "send whole seconds since 1970, or 0 for one attempt",
    ),
    _row(
        400, "BadMessageId", "apns-id is not a UUID", "send 8-4-4-4-12 hex digits, or leave it out"
    ),
    _row(
        400,
        "BadPriority",
        "apns-priority is not 10, 5 or 1, or not one that the push type allows",
        "send 10, 5 or 1; background pushes take 5",
    ),
    _row(400, "BadTopic", "apns-topic is not valid", "send the bundle id and the type's suffix"),
    _row(
        400,
        "DeviceTokenNotForTopic",
        "the token was issued for another topic",
        "each app and each push type has a token of its own: send to the one of this topic",
        Retry.NEVER,
    ),
    _row(400, "DuplicateHeaders", "a header was sent more than once", "send each header once"),
    _row(
        400,
        "IdleTimeout",
        "the connection or the request stood idle too long",
        "send again",
        Retry.NOW,
    ),
    _row(
        400,
        "InvalidPushType",
        "apns-push-type is unknown, or does not fit the topic",
        "send the type that belongs to the topic's suffix",
    ),
    _row(400, "MissingDeviceToken", "the path holds no device token", "POST to /3/device/<token>"),
    _row(400, "MissingTopic", "apns-topic is absent and needed", "send apns-topic"),
    _row(400, "PayloadEmpty", "the request has no body", "send a JSON object; {} is one"),
    _row(
        400,
        "TopicDisallowed",
        "this key or certificate may not push to this topic",
        "use a key of the team that owns the app, or a certificate that lists the topic",
    ),
    _row(403, "BadCertificate", "the certificate is not valid", "use a valid push certificate"),
    _row(
        403,
        "BadCertificateEnvironment",
        "the certificate is for the other environment",
        "use the other host, or a certificate for this one",
    ),
    _row(
        403,
        "ExpiredProviderToken",
        "the provider token was issued more than an hour ago",
        "mint a new provider token and open a new connection; check the clock",
    ),
    _row(
        403, "Forbidden", "the action is not allowed", "ask Apple what is not allowed", Retry.NEVER
    ),
    _row(
        403,
        "InvalidProviderToken",
        "the provider token does not verify: key, key id, team id or signature is wrong",
        "check that team id and key id are not swapped and that the key was not revoked",
    ),
    _row(
        403,
        "MissingProviderToken",
        "there is neither a certificate nor a provider token",
        "send authorization: bearer <provider token>",
    ),
    _row(
        403,
        "UnrelatedKeyIdInToken",
        "the key is not related to the first one used on this connection",
        "use one connection for each key",
    ),
    Reason(
        word="BadEnvironmentKeyInToken",
        status=403,
        meaning="the key is scoped to the other environment",
        remedy="use a key of this environment, or the other host",
        source="seen on the wire since 2025 (APNSwift PR 229)",
    ),
    _row(
        403,
        "BadEnvironmentKeyIdInToken",
        "the key is scoped to the other environment (the spelling of Apple's page)",
        "use a key of this environment, or the other host",
    ),
    _row(404, "BadPath", "the path is not one that APNs knows", "POST to /3/device/<token>"),
    _row(405, "MethodNotAllowed", "the method is not POST", "POST to /3/device/<token>"),
    _row(410, "ExpiredToken", "the device token has expired", "stop using this token", Retry.NEVER),
    _row(
        410,
        "Unregistered",
        "the device token is no longer active for the topic",
        "delete the token, unless it was registered again after the timestamp",
        Retry.NEVER,
    ),
    _row(
        413,
        "PayloadTooLarge",
        "the body is too large: 4096 bytes, 5120 for voip",
        "send an id and let the app fetch the rest",
        Retry.NEVER,
    ),
    _row(
        429,
        "TooManyProviderTokenUpdates",
        "the provider token changed too often on this connection",
        "keep one provider token for 20 to 60 minutes; do not mint another",
        Retry.LATER,
    ),
    _row(429, "TooManyRequests", "too many pushes to one device token", "slow down", Retry.LATER),
    _row(500, "InternalServerError", "APNs failed", "try again after 15 minutes", Retry.LATER),
    _row(
        503,
        "ServiceUnavailable",
        "APNs is not available",
        "try again after 15 minutes",
        Retry.LATER,
    ),
    _row(503, "Shutdown", "this APNs server is going away", "open a new connection", Retry.NOW),
)

REASONS: Mapping[str, Reason] = MappingProxyType({row.word: row for row in _ROWS})
"""Every reason on /3/device by Apple's word, in the order of their status codes."""


def retry_class(status: int, word: str | None) -> Retry:
    """Whether to send again after a refusal; a word nobody knows is judged by its status."""
    known = REASONS.get(word or "")
    if known is not None:
        return known.retry
    return Retry.LATER if status == 429 or status >= 500 else Retry.AFTER_FIX
