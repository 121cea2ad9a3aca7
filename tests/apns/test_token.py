"""Provider tokens: what was minted reads and verifies, and nothing that was forged does."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st

from pushkit_cli.apns.token import (
    MAX_TOKEN_CHARS,
    ProviderToken,
    TokenFault,
    has_expired,
    is_fresh,
    mint,
    read,
    verify,
)
from tests.law import KEY_ID, NOW, OTHER_TEAM, TEAM, KeyPair, new_key

HEADER: dict[str, Any] = {"alg": "ES256", "kid": KEY_ID}
CLAIMS: dict[str, Any] = {"iss": TEAM, "iat": NOW}


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def part(value: object) -> str:
    return b64((value if isinstance(value, str) else json.dumps(value)).encode())


def der(private_pem: bytes, signed: bytes) -> bytes:
    key = serialization.load_pem_private_key(private_pem, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key.sign(signed, ec.ECDSA(hashes.SHA256()))


def raw(private_pem: bytes, signed: bytes) -> bytes:
    r, s = decode_dss_signature(der(private_pem, signed))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def forge(
    keys: KeyPair,
    *,
    header: object = None,
    claims: object = None,
    sign: Callable[[bytes, bytes], bytes] = raw,
) -> str:
    """A token as somebody writes it who has a key and no manners."""
    signed = f"{part(header or HEADER)}.{part(claims or CLAIMS)}"
    return f"{signed}.{b64(sign(keys.private_pem, signed.encode()))}"


def genuine(text: str) -> ProviderToken:
    token = read(text)
    assert isinstance(token, ProviderToken), token
    return token


# What was minted


def test_a_minted_token_says_who_minted_it_and_verifies(keys: KeyPair) -> None:
    text = mint(keys.private_pem, team_id=TEAM, key_id=KEY_ID, now=NOW + 0.9)
    token = genuine(text)
    assert (token.team_id, token.key_id, token.issued_at) == (TEAM, KEY_ID, NOW)
    assert token.digest == hashlib.sha256(text.encode()).hexdigest()
    assert verify(token, keys.public_pem) is None


def test_a_minted_token_holds_what_apple_names_and_nothing_else(keys: KeyPair) -> None:
    header, claims, signature = mint(keys.private_pem, team_id=TEAM, key_id=KEY_ID, now=NOW).split(
        "."
    )
    assert json.loads(base64.urlsafe_b64decode(header + "==")) == HEADER
    assert json.loads(base64.urlsafe_b64decode(claims + "==")) == CLAIMS
    assert len(base64.urlsafe_b64decode(signature + "==")) == 64


def test_both_ways_to_write_a_signature_verify(keys: KeyPair) -> None:
    for sign in (raw, der):
        assert verify(genuine(forge(keys, sign=sign)), keys.public_pem) is None


def test_no_other_key_verifies_it(keys: KeyPair, other_keys: KeyPair) -> None:
    for sign in (raw, der):
        token = genuine(forge(keys, sign=sign))
        assert verify(token, other_keys.public_pem) == TokenFault(
            detail="the signature does not verify"
        )


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_part_of_another_token_does_not_verify(keys: KeyPair, place: int) -> None:
    parts = forge(keys).split(".")
    other = forge(keys, header={**HEADER, "typ": "JWT"}, claims={**CLAIMS, "iat": NOW + 1}).split(
        "."
    )
    parts[place] = other[place]
    assert verify(genuine(".".join(parts)), keys.public_pem) is not None


@settings(deadline=None, max_examples=60)
@given(
    sign=st.sampled_from([raw, der]),
    name=st.sampled_from(["signed", "signature"]),
    bit=st.integers(0, 9999),
)
def test_one_bit_more_or_less_does_not_verify(
    keys: KeyPair, sign: Callable[[bytes, bytes], bytes], name: str, bit: int
) -> None:
    token = genuine(forge(keys, sign=sign))
    new = bytearray(getattr(token, name))
    new[bit // 8 % len(new)] ^= 1 << bit % 8
    changes: dict[str, Any] = {name: bytes(new)}
    assert verify(replace(token, **changes), keys.public_pem) is not None


@settings(deadline=None)
@given(st.binary(max_size=80) | st.sampled_from([b"", bytes(64), b"\xff" * 64, bytes(63)]))
def test_no_other_bytes_are_a_signature(keys: KeyPair, signature: bytes) -> None:
    token = replace(genuine(forge(keys)), signature=signature)
    assert verify(token, keys.public_pem) is not None


def test_only_a_p256_key_verifies(keys: KeyPair) -> None:
    rsa_key = rsa.generate_private_key(65537, 2048).public_key()
    rsa_pem = rsa_key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    token = genuine(forge(keys))
    for pem in (rsa_pem, new_key(ec.SECP384R1()).public_pem, new_key(ec.SECP256K1()).public_pem):
        assert verify(token, pem) == TokenFault(detail="the registered key is not P-256")


@pytest.mark.parametrize(
    "pem",
    [
        lambda keys: b"",
        lambda keys: b"no PEM",
        lambda keys: keys.public_pem,
        lambda keys: keys.private_pem[:-60],
        lambda keys: new_key(ec.SECP384R1()).private_pem,
        lambda keys: new_key(ec.SECP256K1()).private_pem,
        lambda keys: rsa.generate_private_key(65537, 2048).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        lambda keys: serialization.load_pem_private_key(keys.private_pem, None).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        ),
    ],
    ids=["empty", "text", "public", "cut", "P-384", "secp256k1", "RSA", "encrypted"],
)
def test_a_key_that_cannot_sign_es256_mints_nothing(
    keys: KeyPair, pem: Callable[[KeyPair], bytes]
) -> None:
    with pytest.raises(ValueError, match="cannot sign ES256"):
        mint(pem(keys), team_id=TEAM, key_id=KEY_ID, now=NOW)


# What was forged


def hs256(keys: KeyPair) -> str:
    """The oldest trick: the public key as the secret of a symmetric signature."""
    signed = f"{part({**HEADER, 'alg': 'HS256'})}.{part(CLAIMS)}"
    return f"{signed}.{b64(hmac.digest(keys.public_pem, signed.encode(), 'sha256'))}"


def recoded(text: str, place: int) -> str:
    """The same bytes, spelt with an unused bit set in the last letter of a part."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    parts = text.split(".")
    last = letters.index(parts[place][-1])
    parts[place] = parts[place][:-1] + letters[last ^ 1]
    return ".".join(parts)


UNREADABLE: dict[str, Callable[[KeyPair], str]] = {
    "nothing": lambda keys: "",
    "two dots": lambda keys: "..",
    "alg none": lambda keys: f"{part({'alg': 'none', 'kid': KEY_ID})}.{part(CLAIMS)}.",
    "alg none, signed": lambda keys: forge(keys, header={**HEADER, "alg": "none"}),
    "alg absent": lambda keys: forge(keys, header={"kid": KEY_ID}),
    "alg in lower case": lambda keys: forge(keys, header={**HEADER, "alg": "es256"}),
    "alg in a list": lambda keys: forge(keys, header={**HEADER, "alg": ["ES256"]}),
    "alg ES384": lambda keys: forge(keys, header={**HEADER, "alg": "ES384"}),
    "HS256 with the public key": hs256,
    "crit": lambda keys: forge(keys, header={**HEADER, "crit": ["exp"], "exp": 1}),
    "crit that is empty": lambda keys: forge(keys, header={**HEADER, "crit": []}),
    "kid absent": lambda keys: forge(keys, header={"alg": "ES256"}),
    "kid empty": lambda keys: forge(keys, header={**HEADER, "kid": ""}),
    "kid a number": lambda keys: forge(keys, header={**HEADER, "kid": 1}),
    "kid among the claims": lambda keys: forge(
        keys, header={"alg": "ES256"}, claims={**CLAIMS, "kid": KEY_ID}
    ),
    "iss absent": lambda keys: forge(keys, claims={"iat": NOW}),
    "iss null": lambda keys: forge(keys, claims={**CLAIMS, "iss": None}),
    "iat absent": lambda keys: forge(keys, claims={"iss": TEAM}),
    "iat text": lambda keys: forge(keys, claims={**CLAIMS, "iat": str(NOW)}),
    "iat true": lambda keys: forge(keys, claims={**CLAIMS, "iat": True}),
    "iat null": lambda keys: forge(keys, claims={**CLAIMS, "iat": None}),
    "iat a list": lambda keys: forge(keys, claims={**CLAIMS, "iat": [NOW]}),
    "iat NaN": lambda keys: forge(keys, claims=f'{{"iss":"{TEAM}","iat":NaN}}'),
    "iat 1e999": lambda keys: forge(keys, claims=f'{{"iss":"{TEAM}","iat":1e999}}'),
    "iat 1e308": lambda keys: forge(keys, claims=f'{{"iss":"{TEAM}","iat":1e308}}'),
    "iat of 400 digits": lambda keys: forge(keys, claims={**CLAIMS, "iat": 10**400}),
    "iat of minus 400 digits": lambda keys: forge(keys, claims={**CLAIMS, "iat": -(10**400)}),
    "alg twice": lambda keys: forge(
        keys, header=f'{{"alg":"none","alg":"ES256","kid":"{KEY_ID}"}}'
    ),
    "iss twice": lambda keys: forge(
        keys, claims=f'{{"iss":"{OTHER_TEAM}","iss":"{TEAM}","iat":{NOW}}}'
    ),
    "a header that is a list": lambda keys: forge(keys, header=["ES256"]),
    "claims that are text": lambda keys: forge(keys, claims='"claims"'),
    "claims that are not JSON": lambda keys: forge(keys, claims="{"),
    "claims in UTF-16": lambda keys: f"{part(HEADER)}.{b64(json.dumps(CLAIMS).encode('utf-16'))}.",
    "a deep header": lambda keys: forge(keys, header='{"alg":' + "[" * 900),
    "padding": lambda keys: forge(keys) + "==",
    "padding of a header": lambda keys: forge(keys).replace(".", "=.", 1),
    "a dot too many": lambda keys: forge(keys) + ".",
    "a dot before": lambda keys: "." + forge(keys),
    "a dot too few": lambda keys: forge(keys).replace(".", "", 1),
    "four parts": lambda keys: forge(keys) + "." + part(CLAIMS),
    "a blank before": lambda keys: " " + forge(keys),
    "a newline after": lambda keys: forge(keys) + "\n",
    "a newline inside": lambda keys: forge(keys)[:30] + "\n" + forge(keys)[30:],
    "standard base64": lambda keys: f"{part(HEADER)}.{part(CLAIMS)}." + "+/" * 43,
    "unused bits of the signature": lambda keys: recoded(forge(keys), 2),
    "a letter too many": lambda keys: forge(keys) + "AAA",
    "letters that are not ASCII": lambda keys: forge(keys)[:-1] + "ä",
    "10 KB": lambda keys: forge(keys, claims={**CLAIMS, "x": "x" * 10_240}),
    "10 KB of dots": lambda keys: "." * 10_240,
    "one letter past the limit": lambda keys: f"{part(HEADER)}.{part(CLAIMS)}.".ljust(
        MAX_TOKEN_CHARS + 1, "A"
    ),
}

UNTRUSTED: dict[str, Callable[[KeyPair, KeyPair], str]] = {
    "signed by a stranger": lambda keys, other: forge(other),
    "a jwk of the stranger's": lambda keys, other: forge(
        other, header={**HEADER, "jwk": {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}}
    ),
    "a jku of the stranger's": lambda keys, other: forge(
        other, header={**HEADER, "jku": "https://evil.example/keys", "x5u": "file:///etc/passwd"}
    ),
    "an empty signature": lambda keys, other: f"{part(HEADER)}.{part(CLAIMS)}.",
    "a signature of zeros": lambda keys, other: f"{part(HEADER)}.{part(CLAIMS)}.{b64(bytes(64))}",
    "a signature of one byte too few": lambda keys, other: forge(
        keys, sign=lambda pem, signed: raw(pem, signed)[1:]
    ),
    "a signature and a byte": lambda keys, other: forge(
        keys, sign=lambda pem, signed: der(pem, signed) + b"\0"
    ),
}


@pytest.mark.parametrize("make", [pytest.param(v, id=k) for k, v in UNREADABLE.items()])
def test_a_forged_token_does_not_read(keys: KeyPair, make: Callable[[KeyPair], str]) -> None:
    fault = read(make(keys))
    assert isinstance(fault, TokenFault)
    assert 0 < len(fault.detail) < 80


@pytest.mark.parametrize("make", [pytest.param(v, id=k) for k, v in UNTRUSTED.items()])
def test_a_token_that_reads_is_not_yet_trusted(
    keys: KeyPair, other_keys: KeyPair, make: Callable[[KeyPair, KeyPair], str]
) -> None:
    token = genuine(make(keys, other_keys))
    assert verify(token, keys.public_pem) == TokenFault(detail="the signature does not verify")


READABLE: dict[str, tuple[dict[str, Any], dict[str, Any], int]] = {
    "typ": ({**HEADER, "typ": "JWT"}, CLAIMS, NOW),
    "other claims": (HEADER, {**CLAIMS, "exp": 1, "aud": [], "nbf": "x"}, NOW),
    "a fraction of a second": (HEADER, {**CLAIMS, "iat": NOW + 0.75}, NOW),
    "milliseconds": (HEADER, {**CLAIMS, "iat": NOW * 1000}, NOW * 1000),
    "the future": (HEADER, {**CLAIMS, "iat": NOW + 86_400}, NOW + 86_400),
    "before 1970": (HEADER, {**CLAIMS, "iat": -1}, -1),
}


@pytest.mark.parametrize(
    ("header", "claims", "issued_at"), [pytest.param(*v, id=k) for k, v in READABLE.items()]
)
def test_what_is_odd_and_harmless_reads(
    keys: KeyPair, header: dict[str, Any], claims: dict[str, Any], issued_at: int
) -> None:
    token = genuine(forge(keys, header=header, claims=claims))
    assert token.issued_at == issued_at
    assert verify(token, keys.public_pem) is None


def test_a_kid_is_a_name_and_never_a_path(keys: KeyPair) -> None:
    for kid in ("../../../etc/passwd", "/dev/zero", "x\u0000y", "' OR 1=1", "\ud800"):
        assert genuine(forge(keys, header={**HEADER, "kid": kid})).key_id == kid


@pytest.mark.parametrize(
    ("iat", "issued_at"),
    [(str(NOW), NOW), (str(NOW * 1000), NOW * 1000), (NOW, NOW), ("0", 0)],
)
def test_an_iat_in_text_reads_where_that_is_wanted(
    keys: KeyPair, iat: object, issued_at: int
) -> None:
    token = read(forge(keys, claims={**CLAIMS, "iat": iat}), text_iat=True)
    assert isinstance(token, ProviderToken)
    assert token.issued_at == issued_at


@pytest.mark.parametrize("iat", ["", "x", "-1", "1.5", "١", " 1", "1e9", True, None])
def test_other_text_is_no_iat_even_there(keys: KeyPair, iat: object) -> None:
    assert isinstance(read(forge(keys, claims={**CLAIMS, "iat": iat}), text_iat=True), TokenFault)


# Fresh or not


@pytest.mark.parametrize(
    ("age", "fresh", "expired"),
    [
        (0, True, False),
        (3000, True, False),
        (3001, False, False),
        (3600, False, False),
        (3601, False, True),
        (-60, True, False),
        (-61, False, False),
        (-3600, False, False),
        (-3601, False, True),
        (NOW, False, True),
        (-NOW * 999, False, True),
    ],
)
def test_a_token_is_fresh_then_good_then_expired(age: int, fresh: bool, expired: bool) -> None:
    assert is_fresh(NOW - age, NOW) is fresh
    assert has_expired(NOW - age, NOW) is expired


# Chance


@settings(deadline=None, max_examples=300)
@given(st.text(st.characters()) | st.text(st.sampled_from("eyJ.=-_A \n"), max_size=30))
def test_no_text_makes_it_raise(text: str) -> None:
    assert isinstance(read(text), TokenFault)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=3
)
odd_ends = st.sampled_from(["", ".", "=", "A", "\n"])


@settings(deadline=None, max_examples=300)
@given(
    st.dictionaries(st.sampled_from(["alg", "kid", "crit", "typ"]), json_values | st.just("ES256")),
    st.dictionaries(st.sampled_from(["iss", "iat", "exp"]), json_values | st.just(NOW)),
    st.binary(max_size=70),
    odd_ends,
)
def test_no_header_or_claims_make_it_raise(
    header: dict[str, Any], claims: dict[str, Any], signature: bytes, end: str
) -> None:
    text = f"{part(header)}.{part(claims)}.{b64(signature)}{end}"
    for text_iat in (False, True):
        token = read(text, text_iat=text_iat)
        if isinstance(token, ProviderToken):
            assert has_expired(token.issued_at, NOW) in (True, False)
