"""Every answer of the channel service and of broadcast sends in words. Pure.

Source: Apple, "Handling error responses from APNs", the page on broadcasts; no transcript of a
real answer is known. What these words share with /3/device in status and sense stands in
`reasons`.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from pushkit_cli.apns.reasons import REASONS, Reason, Retry

_SOURCE = "Apple: Handling error responses from APNs (broadcast)"


def _row(
    status: int, word: str, meaning: str, remedy: str, retry: Retry = Retry.AFTER_FIX
) -> Reason:
    return Reason(
        word=word, status=status, meaning=meaning, remedy=remedy, retry=retry, source=_SOURCE
    )


_ID_WORDS = "an id is what `pushkit channel create` prints, or `pushkit channel list`"

_ROWS = (
    _row(
        400,
        "FeatureNotEnabled",
        "the app may not use broadcast channels",
        "switch the Broadcast capability on for this app id, in Apple's developer portal",
    ),
    _row(400, "MissingChannelId", "apns-channel-id is absent and needed", "send apns-channel-id"),
    _row(400, "BadChannelId", "the channel id is not base64, or too long", _ID_WORDS),
    _row(
        400,
        "ChannelNotRegistered",
        "there is no such channel in this app and environment",
        "`pushkit channel list` shows those there are: each app and environment has its own",
    ),
    _row(
        400,
        "BadRequestParams",
        "the body says something that is not known here, or not as it must be",
        'send {"message-storage-policy":0,"push-type":"LiveActivity"}; the policy may be 1',
    ),
    _row(400, "BadRequestPayload", "the body is not the JSON that is needed", "send a JSON object"),
    _row(400, "PayloadEmpty", "the request has no body", "send a JSON object"),
    _row(
        400,
        "BadMessageId",
        "apns-request-id is not a UUID",
        "send 8-4-4-4-12 hex digits, or leave it out",
    ),
    _row(
        400,
        "MissingPushType",
        "the push type is absent",
        "send apns-push-type: liveactivity, or push-type LiveActivity for a new channel",
    ),
    _row(
        400,
        "InvalidPushType",
        "the push type is not the one of Live Activities",
        "broadcasts are for Live Activities alone: send --type liveactivity",
    ),
    _row(
        400,
        "CannotCreateChannelConfig",
        "the app has as many channels as it may have",
        "delete those that are not used any more: pushkit channel delete ID",
    ),
    _row(
        400,
        "BadExpirationDate",
        "apns-expiration is absent, no Unix time, or not 0 on a channel that stores nothing",
        "send 0; Unix seconds only on a channel made with --storage latest",
    ),
    _row(
        400,
        "BadPriority",
        "apns-priority is absent, or not 10, 5 or 1: a broadcast has no default",
        "send 10, 5 or 1",
    ),
    _row(
        400,
        "TopicDisallowed",
        "the bundle id has a topic's suffix",
        "name the app alone: com.example.app",
    ),
    _row(
        403,
        "TopicMismatch",
        "this key or certificate is not for this app",
        "use a key of the team that owns the app, or the app's own certificate",
    ),
    _row(
        404,
        "BadPath",
        "the path, or the method with it, is not one that the service knows",
        "name the app by its bundle id: letters, digits, dots and hyphens",
    ),
    _row(405, "MethodNotAllowed", "the method is not GET, POST or DELETE", "send one of them"),
    _row(
        413,
        "PayloadTooLarge",
        "the body is larger than 5120 bytes",
        "send less, and let the app fetch the rest",
        Retry.NEVER,
    ),
    _row(429, "TooManyRequests", "too many requests", "slow down", Retry.LATER),
)
_SHARED = (
    *("BadCertificate", "BadCertificateEnvironment", "MissingProviderToken"),
    *("ExpiredProviderToken", "InvalidProviderToken", "BadEnvironmentKeyInToken"),
    *("BadEnvironmentKeyIdInToken", "UnrelatedKeyIdInToken", "TooManyProviderTokenUpdates"),
    *("InternalServerError", "ServiceUnavailable", "Shutdown"),
)
"""The page does not list the two about a key's environment, nor UnrelatedKeyIdInToken; that the
service judges credentials as /3/device does is ours."""

CHANNEL_REASONS: Mapping[str, Reason] = MappingProxyType(
    {
        **{row.word: row for row in _ROWS},
        **{word: REASONS[word] for word in _SHARED},
        # The page writes this one with a blank.
        "Service Unavailable": replace(REASONS["ServiceUnavailable"], word="Service Unavailable"),
    }
)
"""Every reason by Apple's word."""
