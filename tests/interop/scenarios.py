"""The table of scenarios: pushes that clients in every language send, and what each has to hear.

A client plays the rows in their order. Those of one credential go over one connection, as in any
application, so the first of them is the one that raises the limit of concurrent streams.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.interop.listening import KEY, SINCE_MS, WIPED_PHONE

EXPIRED = "an expired provider token"
AT_ONCE = "two hundred calls at once"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A provider token by the listener's own key, which may name another, signed `age_s` ago."""

    key_id: str = KEY
    age_s: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A push and what is answered. `token` is a variable of `pushkit env`, or a token.

    `suffix` is what the topic says beyond the bundle id. `since_ms` (Unix) is the `timestamp` that
    goes with 410. `times` pushes are under way at once, each with a payload of its own.
    """

    name: str
    type: str
    token: str
    payload: Mapping[str, Any]
    suffix: str = ""
    priority: int = 10
    credential: Credential = Credential()
    times: int = 1
    status: int = 200
    reason: str | None = None
    since_ms: int | None = None

    @property
    def payloads(self) -> Sequence[Mapping[str, Any]]:
        if self.times == 1:
            return [self.payload]
        return [{**self.payload, "number": number} for number in range(self.times)]


def _call(name: str, **more: Any) -> Row:
    words = {"token": "PUSHKIT_TOKEN_VOIP", "payload": {"callUUID": name}, **more}
    return Row(name=name, type="voip", suffix=".voip", **words)


ROWS = (
    _call("a call", payload={"callUUID": "a call", "handle": "+15550100", "hasVideo": False}),
    Row(
        name="an alert",
        type="alert",
        token="PUSHKIT_TOKEN_ALERT",
        payload={"aps": {"alert": {"title": "Grüße", "body": "👋"}, "sound": "default"}},
    ),
    Row(
        name="a background push",
        type="background",
        token="PUSHKIT_TOKEN_ALERT",
        payload={"aps": {"content-available": 1}, "what": [1, None, {"more": True}]},
        priority=5,
    ),
    _call(
        "a token that nobody was issued",
        token="5f" * 32,
        status=400,
        reason="BadDeviceToken",
    ),
    _call(
        "the alert token for a call",
        token="PUSHKIT_TOKEN_ALERT",
        status=400,
        reason="DeviceTokenNotForTopic",
    ),
    _call(
        "the token of an app that was removed",
        token="PUSHKIT_TOKEN_WIPED_PHONE_VOIP",
        status=410,
        reason="Unregistered",
        since_ms=SINCE_MS[WIPED_PHONE],
    ),
    _call(
        "a call that is too large",
        payload={"callUUID": "large", "pad": "x" * 5120},
        status=413,
        reason="PayloadTooLarge",
    ),
    _call(
        "a provider token of an unknown key",
        credential=Credential(key_id="UNKNOWNKEY"),
        status=403,
        reason="InvalidProviderToken",
    ),
    _call(
        EXPIRED,
        credential=Credential(age_s=3700),
        status=403,
        reason="ExpiredProviderToken",
    ),
    _call("another call after the refusals"),
    _call(AT_ONCE, times=200),
)
