"""What the tests of the pure rooms share: one push that every rule accepts, and ways to change it.

A change takes a case to another case, so changes can be put in a row.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import strategies as st

from pushkit_cli.apns import message
from pushkit_cli.apns.checks import Case
from pushkit_cli.apns.facts import (
    Arrival,
    Connection,
    Credential,
    Device,
    Key,
    Knowledge,
    Need,
)
from pushkit_cli.apns.message import Headers, Request
from pushkit_cli.apns.push import Environment
from pushkit_cli.apns.token import ProviderToken

NOW = 1_764_000_000
BUNDLE = "com.example.app"
TOPIC = f"{BUNDLE}.voip"
MDM_TOPIC = "com.apple.mgmt.External.5b3a0f6e-6f0c-4f3d-9b53-0f2f2c1c7a11"
TEAM, OTHER_TEAM = "TEAM123456", "OTHERTEAM1"
KEY_ID, OTHER_KEY_ID = "KEY1234567", "OTHERKEY12"
TOKEN = "5f" * 32
UUID = "6b29fc40-ca47-1067-b31d-00dd010662da"
BODY = b'{"callUUID":"6b29fc40-ca47-1067-b31d-00dd010662da","handle":"+15550100"}'
EVERYTHING = frozenset(Need)

Change = Callable[[Case], Case]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """A P-256 key as its owner and as Apple have it."""

    private_pem: bytes = field(repr=False)
    public_pem: bytes = field(repr=False)


def new_key(curve: ec.EllipticCurve | None = None) -> KeyPair:
    key = ec.generate_private_key(curve or ec.SECP256R1())
    return KeyPair(
        private_pem=key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        public_pem=key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
    )


def request(
    token: str = TOKEN, *, body: bytes = BODY, bearer: str | None = "a.b.c", **headers: str | None
) -> Request:
    """A VoIP push; `apns_topic="x"` is the header apns-topic."""
    values = {
        "authorization": None if bearer is None else f"bearer {bearer}",
        "apns_topic": TOPIC,
        "apns_push_type": "voip",
        "apns_priority": "10",
        "apns_expiration": "0",
        **headers,
    }
    return Request(
        headers=(
            (b":method", b"POST"),
            (b":scheme", b"https"),
            (b":authority", b"api.sandbox.push.apple.com"),
            (b":path", f"/3/device/{token}".encode()),
            *(
                (name.replace("_", "-").encode(), value.encode())
                for name, value in values.items()
                if value is not None
            ),
        ),
        body=body,
        body_size=len(body),
    )


KEY = Key(key_id=KEY_ID, team_id=TEAM, public_pem=b"")
OTHER_KEY = Key(key_id=OTHER_KEY_ID, team_id=TEAM, public_pem=b"")
PROVIDER_TOKEN = ProviderToken(
    key_id=KEY_ID, team_id=TEAM, issued_at=NOW - 60, signed=b"", signature=b"", digest="first"
)
ARRIVAL = Arrival(digest="first", key_id=KEY_ID, at=NOW - 60)
KNOWLEDGE = Knowledge(
    environment=Environment.SANDBOX,
    now=NOW,
    knows=EVERYTHING,
    credential=Credential(token=PROVIDER_TOKEN, key=KEY),
    connection=Connection(team_id=TEAM, first_key=KEY, arrivals=(ARRIVAL,)),
    device=Device(topic=TOPIC, environment=Environment.SANDBOX),
    owner=TEAM,
)
ACCEPTED = Case(request=request(), knowledge=KNOWLEDGE)
"""The case that nothing is wrong with."""


# Changes of the request


def _headers(change: Callable[[Headers], Headers]) -> Change:
    return lambda case: replace(
        case, request=replace(case.request, headers=change(case.request.headers))
    )


def with_header(name: str, value: str | bytes | None) -> Change:
    """Say a header once, or not at all."""
    raw = value.encode() if isinstance(value, str) else value
    said: Headers = () if raw is None else ((name.encode(), raw),)
    return _headers(
        lambda old: (*((n, v) for n, v in old if n.lower() != name.lower().encode()), *said)
    )


def with_more(*more: tuple[bytes, bytes]) -> Change:
    """Say headers beside those that are there."""
    return _headers(lambda old: (*old, *more))


def with_token(token: str) -> Change:
    return with_header(":path", f"/3/device/{token}")


def with_body(body: bytes, size: int | None = None) -> Change:
    return lambda case: replace(
        case,
        request=replace(case.request, body=body, body_size=len(body) if size is None else size),
    )


def sized(size: int) -> bytes:
    """A JSON body of so many bytes."""
    return b'{"callUUID":"c","pad":"' + b"x" * (size - 25) + b'"}'


# Changes of the knowledge


def knowing(**changes: Any) -> Change:
    return lambda case: replace(case, knowledge=replace(case.knowledge, **changes))


def with_credential(**changes: Any) -> Change:
    return lambda case: knowing(credential=replace(case.knowledge.credential, **changes))(case)


def with_provider_token(**changes: Any) -> Change:
    def change(case: Case) -> Case:
        token = case.knowledge.credential.token
        assert token is not None
        return with_credential(token=replace(token, **changes))(case)

    return change


def with_key(**changes: Any) -> Change:
    def change(case: Case) -> Case:
        key = case.knowledge.credential.key
        assert key is not None
        return with_credential(key=replace(key, **changes))(case)

    return change


def with_connection(**changes: Any) -> Change:
    return lambda case: knowing(connection=replace(case.knowledge.connection, **changes))(case)


def with_device(**changes: Any) -> Change:
    def change(case: Case) -> Case:
        device = case.knowledge.device
        assert device is not None
        return knowing(device=replace(device, **changes))(case)

    return change


def in_a_row(*changes: Change) -> Change:
    return lambda case: changed(case, changes)


def changed(case: Case, changes: Iterable[Change]) -> Case:
    return reduce(lambda so_far, change: change(so_far), changes, case)


def on_topic(topic: str, kind: str | None) -> Change:
    """A whole other kind of push: topic, token and type."""
    return in_a_row(
        with_header("apns-topic", topic),
        with_device(topic=topic),
        with_header("apns-push-type", kind),
    )


# Garbage

_NAMES = (
    b":method", b":path", b":scheme", b":authority", b"host", b"cookie", b"Apns-Topic",
    message.AUTHORIZATION, message.TOPIC, message.PUSH_TYPE, message.PRIORITY, message.EXPIRATION,
    message.COLLAPSE_ID, message.APNS_ID,
)  # fmt: skip
_VALUES = (
    b"", b"POST", b"GET", b"/3/device", b"/3/device/", b"/3/device/" + TOKEN.encode(), b"bearer ",
    b"bearer a.b.c", b"Bearer \xff.\xff.\xff", b"10", b"5", b"1", b"0", b"-1", b"9" * 400, b"NaN",
    b"\xd9\xa3", b"voip", b"alert", b"background", TOPIC.encode(), b".voip", b"x.voip.voip",
    b"com.apple.mgmt.x", UUID.encode(), b"\r\napns-priority: 10", b"\x00", b"c" * 65,
)  # fmt: skip
_BODIES = (b"", b"{}", b"[", b"[" * 5120, b"NaN", b"1" * 5000, BODY, sized(4097), sized(5121))

_headers_of_chance = st.lists(
    st.tuples(
        st.sampled_from(_NAMES) | st.binary(max_size=8),
        st.sampled_from(_VALUES) | st.binary(max_size=40),
    ),
    max_size=8,
)
_bodies_of_chance = st.sampled_from(_BODIES) | st.binary(max_size=60)


def _spoilt(headers: list[tuple[bytes, bytes]], body: bytes, size: int | None) -> Request:
    named = {name for name, _ in headers}
    kept = tuple(pair for pair in request().headers if pair[0] not in named)
    return Request(
        headers=(*kept, *headers), body=body, body_size=len(body) if size is None else size
    )


garbage_requests: st.SearchStrategy[Request] = st.builds(
    lambda headers, body: Request(headers=tuple(headers), body=body, body_size=len(body)),
    _headers_of_chance,
    _bodies_of_chance,
) | st.builds(
    _spoilt, _headers_of_chance, _bodies_of_chance | st.just(BODY), st.none() | st.integers(0, 9999)
)
"""Requests that nobody sane sends: wholly random ones, and good ones with something spoilt."""
