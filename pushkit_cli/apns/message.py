"""A push as an HTTP request, an answer as a reply; no other file spells header names. Pure.

Source: Apple, "Sending notification requests to APNs" and "Handling notification responses".
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import Any

from pushkit_cli.apns.payload import Malformed, Parsed, parse_json
from pushkit_cli.apns.push import Push, known_type
from pushkit_cli.apns.reasons import Reason

Headers = tuple[tuple[bytes, bytes], ...]

DEVICE_PATH = b"/3/device/"
AUTHORIZATION = b"authorization"
TOPIC = b"apns-topic"
PUSH_TYPE = b"apns-push-type"
PRIORITY = b"apns-priority"
EXPIRATION = b"apns-expiration"
COLLAPSE_ID = b"apns-collapse-id"
APNS_ID = b"apns-id"
UNIQUE_ID = b"apns-unique-id"
REQUEST_ID = b"apns-request-id"
CHANNEL_ID = b"apns-channel-id"
RETRY_AFTER = b"retry-after"
_OF_THE_CONNECTION = frozenset(
    {
        *("authorization", "host", "connection", "proxy-connection", "keep-alive", "upgrade"),
        *("transfer-encoding", "content-length", "te", "trailer"),
    }
)
MAY_REPEAT = frozenset({b"cookie"})
"""Headers that HTTP/2 itself lets a client split (RFC 9113, 8.2.3)."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What crossed the wire, raw: pseudo-headers first, repeated headers kept as they came.

    `body` holds at most what the connection keeps; `body_size` is what arrived, in bytes.
    """

    headers: Headers
    body: bytes = b""
    body_size: int = 0

    @cached_property
    def fields(self) -> Mapping[bytes, bytes]:
        """Headers by lower-case name; of a repeated header the first."""
        first: dict[bytes, bytes] = {}
        for name, value in self.headers:
            first.setdefault(name.lower(), value)
        return first

    @cached_property
    def repeated(self) -> tuple[bytes, ...]:
        """Names of headers that came more than once and may not."""
        names = [name.lower() for name, _ in self.headers]
        if len(set(names)) == len(names):
            return ()
        twice = {name for name in names if names.count(name) > 1}
        return tuple(sorted(twice - MAY_REPEAT))

    @property
    def method(self) -> str:
        """`:method`, as text."""
        return _text(self.fields.get(b":method", b""))

    @cached_property
    def path(self) -> bytes:
        """`:path`, as it came."""
        return self.fields.get(b":path", b"")

    def field(self, name: bytes) -> str | None:
        """One header as text, `None` where it is absent; foreign bytes are kept as Latin-1."""
        value = self.fields.get(name)
        return None if value is None else _text(value)

    @cached_property
    def token(self) -> str:
        """What stands behind /3/device/ in the path, possibly nothing."""
        return _text(self.path[len(DEVICE_PATH) :]) if self.names_device else ""

    @cached_property
    def names_device(self) -> bool:
        """Whether the path is one for a device push."""
        return self.path.startswith(DEVICE_PATH) or self.path == DEVICE_PATH[:-1]

    @cached_property
    def json(self) -> Parsed | Malformed:
        """The body, read once."""
        return parse_json(self.body)


def not_yours(name: str) -> bool:
    """Whether a header, by its lower-case name, belongs to HTTP/2 or to the credential."""
    return name.startswith(":") or name in _OF_THE_CONNECTION


def _text(value: bytes) -> str:
    return value.decode("latin-1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer as it crosses the wire; `headers` without `:status`."""

    status: int
    headers: Headers = ()
    body: bytes = b""


class Outcome(StrEnum):
    """What became of a push, as far as its sender can know."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    UNSENT = "unsent"
    HELD = "held"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the sender learned about one push.

    `reason` is Apple's word, also one we do not know. `unregistered_at_ms` is Unix milliseconds,
    `retry_after_s` seconds. `detail` says in our words why nothing was sent or heard.
    """

    outcome: Outcome
    status: int | None = None
    reason: str | None = None
    apns_id: str | None = None
    apns_unique_id: str | None = None
    apns_request_id: str | None = None
    unregistered_at_ms: int | None = None
    retry_after_s: int | None = None
    detail: str | None = None


def to_request(push: Push, *, authority: str, provider_token: str | None) -> Request:
    """Write a push as Apple wants it; what is `None` in the push is absent in the request."""
    optional = (
        (AUTHORIZATION, None if provider_token is None else f"bearer {provider_token}"),
        (TOPIC, push.topic),
        (PUSH_TYPE, push.push_type),
        (PRIORITY, push.priority),
        (EXPIRATION, push.expiration),
        (COLLAPSE_ID, push.collapse_id),
        (APNS_ID, push.apns_id),
    )
    headers = (
        (b":method", b"POST"),
        (b":scheme", b"https"),
        (b":authority", _bytes(authority)),
        (b":path", DEVICE_PATH + _bytes(push.token)),
        *((name, _bytes(value)) for name, value in optional if value is not None),
    )
    return Request(headers=headers, body=push.payload, body_size=len(push.payload))


def _bytes(value: str | int) -> bytes:
    return str(value).encode("utf-8", "surrogatepass")


def as_uuid(digits: str) -> str:
    """32 hexadecimal digits in the shape of a UUID, 8-4-4-4-12."""
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def to_push(request: Request) -> Push:
    """Read a request that no rule refuses; accepting is parsing.

    Raises ValueError where a number is none: the rules are asked first.
    """
    kind = request.field(PUSH_TYPE)
    return Push(
        token=request.token.lower(),
        payload=request.body,
        topic=request.field(TOPIC),
        push_type=known_type(kind) or kind,
        priority=_number(request.field(PRIORITY)),
        expiration=_number(request.field(EXPIRATION)),
        collapse_id=request.field(COLLAPSE_ID),
        apns_id=request.field(APNS_ID),
    )


def _number(value: str | None) -> int | None:
    return None if value is None else int(value)


def accept(*, apns_id: str, unique_id: str | None) -> Response:
    """200: no body, and no header that Apple does not send."""
    headers: Headers = ((APNS_ID, apns_id.encode("latin-1")),)
    if unique_id is not None:
        headers = (*headers, (UNIQUE_ID, unique_id.encode()))
    return Response(status=200, headers=headers)


def refuse(reason: Reason, *, apns_id: str, timestamp_ms: int | None = None) -> Response:
    """A refusal: Apple's compact JSON; `timestamp` (milliseconds) goes with 410 alone.

    A reason without a word has no body: so answers what stands before APNs.
    """
    body: dict[str, Any] = {"reason": reason.word}
    if timestamp_ms is not None and reason.status == 410:
        body["timestamp"] = timestamp_ms
    return Response(
        status=reason.status,
        headers=((APNS_ID, apns_id.encode("latin-1")),),
        body=json.dumps(body, separators=(",", ":")).encode() if reason.word else b"",
    )


def read_reply(response: Response) -> Reply:
    """Read whatever answered; a body that is not Apple's leaves the reason unknown."""
    fields = {name.lower(): _text(value) for name, value in response.headers}
    reply = Reply(
        outcome=Outcome.ACCEPTED if response.status == 200 else Outcome.REFUSED,
        status=response.status,
        apns_id=fields.get(APNS_ID),
        apns_unique_id=fields.get(UNIQUE_ID),
        apns_request_id=fields.get(REQUEST_ID),
    )
    if response.status == 200:
        return reply
    read = parse_json(response.body)
    body = read.value if isinstance(read, Parsed) and isinstance(read.value, dict) else {}
    reason, timestamp = body.get("reason"), body.get("timestamp")
    after = fields.get(RETRY_AFTER, "")
    return replace(
        reply,
        reason=reason if isinstance(reason, str) else None,
        unregistered_at_ms=timestamp if type(timestamp) is int else None,
        retry_after_s=int(after) if re.fullmatch("[0-9]{1,9}", after) else None,
    )
