"""Provider tokens that were forged, and tokens that are odd: each is judged by apns-wire.md 5.2."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from tests.apns.test_token import (
    HEADER,
    UNREADABLE,
    UNTRUSTED,
    b64,
    der,
    forge,
)
from tests.law import KEY_ID, TEAM, KeyPair, new_key
from tests.soak.attacker import Attacker
from tests.soak.listener import Subject

INVALID, EXPIRED, MISSING = (
    (403, b'{"reason":"%s"}' % word)
    for word in (b"InvalidProviderToken", b"ExpiredProviderToken", b"MissingProviderToken")
)
TAKEN = (200, b"")
HOUR = 3600


def now() -> int:
    return int(time.time())


def claims(**more: Any) -> dict[str, Any]:
    return {"iss": TEAM, "iat": now(), **more}


def issued(keys: KeyPair, iat: object) -> str:
    """A token that our key has signed, whatever it says of its age; text is put in as it is."""
    said = f'{{"iss":"{TEAM}","iat":{iat}}}' if isinstance(iat, str) else claims(iat=iat)
    return forge(keys, claims=said)


def signed_as(keys: KeyPair, signature: bytes) -> str:
    return forge(keys, claims=claims(), sign=lambda _pem, _signed: signature)


def of_another_curve(private_pem: bytes, signed: bytes) -> bytes:
    return der(new_key(ec.SECP384R1()).private_pem, signed)


def over_another_hash(private_pem: bytes, signed: bytes) -> bytes:
    key = serialization.load_pem_private_key(private_pem, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key.sign(signed, ec.ECDSA(hashes.SHA512()))


ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def stranger(keys: KeyPair, **header: object) -> str:
    """Signed by a key that came along with it."""
    return forge(new_key(), header={**HEADER, **header}, claims=claims())


def public_jwk() -> dict[str, str]:
    pem = new_key().public_pem
    key = serialization.load_pem_public_key(pem)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    numbers = key.public_numbers()
    x, y = (b64(one.to_bytes(32, "big")) for one in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y}


ODD: dict[str, tuple[Callable[[KeyPair], str], tuple[int, bytes]]] = {
    # Good ones first: what is refused below is refused for the one thing that its name says.
    "a good one": (lambda keys: forge(keys, claims=claims()), TAKEN),
    "a signature in DER": (lambda keys: forge(keys, claims=claims(), sign=der), TAKEN),
    "typ and other claims": (
        lambda keys: forge(keys, header={**HEADER, "typ": "JWT"}, claims=claims(exp=1, aud=[])),
        TAKEN,
    ),
    "iat of 59 minutes ago": (lambda keys: issued(keys, now() - HOUR + 60), TAKEN),
    "iat with a fraction": (lambda keys: issued(keys, time.time()), TAKEN),
    # Documented: "no more than one hour from the current time". Both ways is our reading.
    "iat of 59 minutes ahead": (lambda keys: issued(keys, now() + HOUR - 60), TAKEN),
    "iat of 61 minutes ago": (lambda keys: issued(keys, now() - HOUR - 60), EXPIRED),
    "iat of tomorrow": (lambda keys: issued(keys, now() + 24 * HOUR), EXPIRED),
    "iat in milliseconds": (lambda keys: issued(keys, now() * 1000), EXPIRED),
    "iat before 1970": (lambda keys: issued(keys, -1), EXPIRED),
    "iat of zero": (lambda keys: issued(keys, 0), EXPIRED),
    "iat of fifteen digits": (lambda keys: issued(keys, 10**15), EXPIRED),
    # Strict by default; APNs took text for years (observed).
    "iat in text": (lambda keys: issued(keys, f'"{now()}"'), INVALID),
    "iat in text, in milliseconds": (lambda keys: issued(keys, f'"{now() * 1000}"'), INVALID),
    "iat of NaN": (lambda keys: issued(keys, "NaN"), INVALID),
    "iat of 1e999": (lambda keys: issued(keys, "1e999"), INVALID),
    "iat of 2,000 digits": (lambda keys: issued(keys, "9" * 2000), INVALID),
    "iat twice": (lambda keys: issued(keys, f'{now()},"iat":{now()}'), INVALID),
    "iat in a list": (lambda keys: issued(keys, [now()]), INVALID),
    "kid that is a path": (
        lambda keys: forge(keys, header={**HEADER, "kid": f"../{KEY_ID}"}, claims=claims()),
        INVALID,
    ),
    "kid of /dev/null": (
        lambda keys: forge(keys, header={**HEADER, "kid": "/dev/null"}, claims=claims()),
        INVALID,
    ),
    "kid that is SQL": (
        lambda keys: forge(keys, header={**HEADER, "kid": "' OR 1=1 --"}, claims=claims()),
        INVALID,
    ),
    "a stranger's jwk": (lambda keys: stranger(keys, jwk=public_jwk()), INVALID),
    "a stranger's jku": (lambda keys: stranger(keys, jku="https://127.0.0.1/keys"), INVALID),
    "a stranger's x5u": (lambda keys: stranger(keys, x5u="file:///etc/passwd"), INVALID),
    "crit": (lambda keys: forge(keys, header={**HEADER, "crit": ["b64"], "b64": False},
                                claims=claims()), INVALID),
    "r and s of zero": (lambda keys: signed_as(keys, bytes(64)), INVALID),
    "r and s of zero in DER": (lambda keys: signed_as(keys, encode_dss_signature(0, 0)), INVALID),
    "r and s of the order": (
        lambda keys: signed_as(keys, ORDER.to_bytes(32, "big") * 2),
        INVALID,
    ),
    "r of one": (lambda keys: signed_as(keys, bytes(31) + b"\1" + bytes(31) + b"\1"), INVALID),
    "a signature of another curve": (
        lambda keys: forge(keys, claims=claims(), sign=of_another_curve),
        INVALID,
    ),
    "a signature over another hash": (
        lambda keys: forge(keys, claims=claims(), sign=over_another_hash),
        INVALID,
    ),
    "a token in a token": (
        lambda keys: forge(
            keys, header={**HEADER, "cty": "JWT"}, claims=forge(keys, claims=claims())
        ),
        INVALID,
    ),
    "another team": (lambda keys: forge(keys, claims=claims(iss="EVILTEAM01")), INVALID),
    "5 KB": (lambda keys: forge(keys, claims=claims(x="x" * 3700)), INVALID),
    "7 KB": (lambda keys: forge(keys, claims=claims(x="x" * 5000)), INVALID),
}  # fmt: skip


def judged(victim: Subject, bearer: bytes) -> tuple[int | None, bytes]:
    """What a push with this provider token is answered; `None`: its connection was closed."""
    with Attacker(victim.ready) as attacker:
        kept = [pair for pair in attacker.fields if pair[0] != b"authorization"]
        return attacker.answer(attacker.push(fields=[*kept, (b"authorization", bearer)]))


def said_of(victim: Subject, token: str) -> tuple[int | None, bytes]:
    return judged(victim, b"bearer " + token.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("name", ODD)
def test_an_odd_token_is_judged_for_what_is_odd(victim: Subject, keys: KeyPair, name: str) -> None:
    make, said = ODD[name]
    assert said_of(victim, make(keys)) == said


NO_HEADER = {"a blank before", "a newline after", "a newline inside"}
"""HTTP/2 does not carry these (RFC 9113, 8.2.1), or blanks are not part of the value."""
NO_TOKEN = {"nothing"}
TOO_LONG = {"10 KB", "10 KB of dots"}
"""Beyond MAX_HEADER_LIST_SIZE: the connection ends."""


@pytest.mark.parametrize("name", sorted(UNREADABLE.keys() - NO_HEADER - NO_TOKEN - TOO_LONG))
def test_a_token_that_does_not_read_is_refused(victim: Subject, keys: KeyPair, name: str) -> None:
    assert said_of(victim, UNREADABLE[name](keys)) == INVALID


@pytest.mark.parametrize("name", sorted(NO_HEADER | NO_TOKEN | TOO_LONG))
def test_a_token_that_is_no_header_gets_nothing(victim: Subject, keys: KeyPair, name: str) -> None:
    assert said_of(victim, UNREADABLE[name](keys))[0] in (403, None)


@pytest.mark.parametrize("name", UNTRUSTED)
def test_a_token_that_does_not_verify_is_refused(victim: Subject, keys: KeyPair, name: str) -> None:
    assert said_of(victim, UNTRUSTED[name](keys, new_key())) == INVALID


SCHEMES = {
    "no token": b"bearer",
    "blanks": b"bearer    ",
    "another scheme": b"Basic YTpi",
    "no scheme": b"eyJ",
    "bytes": bytes(range(0x80, 0xFF)),
}


@pytest.mark.parametrize("name", SCHEMES)
def test_what_bears_no_token_is_missing_one(victim: Subject, name: str) -> None:
    assert judged(victim, SCHEMES[name]) in (MISSING, (None, b""))
