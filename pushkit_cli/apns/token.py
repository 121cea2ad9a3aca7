"""Provider tokens: mint, read, verify, and whether one is fresh. Pure; `now` is an argument.

Source: Apple, "Establishing a token-based connection to APNs"; JWS is RFC 7515, ES256 RFC 7518.
`jwt` and `cryptography` are imported by the two functions that need them: both are slow to load.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pushkit_cli.apns.payload import Parsed, parse_json

LIFETIME_S = 3600
"""A token older than this is answered ExpiredProviderToken."""
REFRESH_S = 50 * 60
"""Age at which this tool mints anew; Apple wants between 20 and 60 minutes."""
SKEW_S = 60
"""How far in the future `iat` may lie before this tool trusts the token it kept. Ours."""
MAX_TOKEN_CHARS = 4096
"""Longer provider tokens are not read. Ours; a header list holds 8,000 bytes."""
_RAW_SIGNATURE = 64
_LATEST_S = 10**16


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderToken:
    """A provider token as read, its signature not yet verified; `issued_at` in Unix seconds."""

    key_id: str
    team_id: str
    issued_at: int
    signed: bytes
    signature: bytes
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenFault:
    """Why a provider token cannot be read or does not verify, in words of ours."""

    detail: str


def mint(private_pem: bytes, *, team_id: str, key_id: str, now: float) -> str:
    """Sign a provider token with a P-256 key in PKCS#8 PEM; `now` in Unix seconds.

    Raises ValueError where the key cannot sign ES256.
    """
    import jwt
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    try:
        key = serialization.load_pem_private_key(private_pem, password=None)
        return jwt.encode(
            {"iss": team_id, "iat": int(now)},
            key,  # type: ignore[arg-type]  # of whatever kind: jwt says what it cannot use
            algorithm="ES256",
            headers={"kid": key_id, "typ": None},
        )
    except (jwt.PyJWTError, UnsupportedAlgorithm, TypeError, ValueError) as error:
        raise ValueError(f"this key cannot sign ES256: {error}") from error


def is_fresh(issued_at: float, now: float) -> bool:
    """Whether a token this tool kept may still be used rather than minted anew."""
    return now - REFRESH_S <= issued_at <= now + SKEW_S


def has_expired(issued_at: float, now: float) -> bool:
    """Whether APNs answers ExpiredProviderToken.

    Documented: "no more than one hour from the current time". That the same hour holds for a
    clock that runs ahead is our reading.
    """
    return abs(now - issued_at) > LIFETIME_S


@lru_cache(maxsize=64)  # every push of a connection brings the same
def read(text: str, *, text_iat: bool = False) -> ProviderToken | TokenFault:
    """Take a provider token apart; every input gets an answer, none raises.

    `text_iat` accepts an `iat` written as a string, which APNs did for years (observed).
    """
    parts = text.split(".")
    if len(text) > MAX_TOKEN_CHARS or len(parts) != 3:
        return TokenFault(detail="not three parts joined by dots")
    header, claims = _json_part(parts[0]), _json_part(parts[1])
    signature = _decode(parts[2])
    if header is None or claims is None or signature is None:
        return TokenFault(detail="a part is not base64url, or not a JSON object")
    if header.get("alg") != "ES256":
        return TokenFault(detail="alg is not ES256")
    if "crit" in header:
        return TokenFault(detail="crit names extensions that APNs does not have")
    key_id, team_id = header.get("kid"), claims.get("iss")
    issued_at = _seconds(claims.get("iat"), text_iat=text_iat)
    if not isinstance(key_id, str) or not key_id:
        return TokenFault(detail="kid is missing")
    if not isinstance(team_id, str) or not team_id:
        return TokenFault(detail="iss is missing")
    if issued_at is None:
        return TokenFault(detail="iat is not a number of seconds")
    return ProviderToken(
        key_id=key_id,
        team_id=team_id,
        issued_at=issued_at,
        signed=f"{parts[0]}.{parts[1]}".encode(),
        signature=signature,
        digest=hashlib.sha256(text.encode()).hexdigest(),
    )


def claims(text: str) -> dict[str, Any] | None:
    """What any JWT says of itself, whoever signed it, unverified; `None` for what is none."""
    parts = text.split(".")
    if len(text) > MAX_TOKEN_CHARS or len(parts) != 3 or _json_part(parts[0]) is None:
        return None
    return _json_part(parts[1])


def verify(token: ProviderToken, public_pem: bytes) -> TokenFault | None:
    """Check the signature: r and s of 32 bytes each (RFC 7518), or DER, which APNs takes too.

    DER is observed: Apple's own shell recipe emits it, and it is answered 200.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, utils

    try:
        key = serialization.load_pem_public_key(public_pem)
    except ValueError:
        return TokenFault(detail="the registered key cannot be read")
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        return TokenFault(detail="the registered key is not P-256")
    signature = token.signature
    if len(signature) == _RAW_SIGNATURE:
        half = _RAW_SIGNATURE // 2
        r, s = int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
        signature = utils.encode_dss_signature(r, s)
    try:
        key.verify(signature, token.signed, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        return TokenFault(detail="the signature does not verify")
    return None


def _seconds(value: Any, *, text_iat: bool) -> int | None:
    """A NumericDate, which may have a fraction (RFC 7519, 2); `None` beyond what a clock can show.

    The bound keeps the arithmetic with it from overflowing.
    """
    if text_iat and isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:16])
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if abs(value) < _LATEST_S else None


def _json_part(part: str) -> dict[str, Any] | None:
    raw = _decode(part)
    read_part = None if raw is None else parse_json(raw)
    if isinstance(read_part, Parsed) and isinstance(read_part.value, dict):
        return None if read_part.repeated else read_part.value
    return None


def _decode(part: str) -> bytes | None:
    """Base64url without padding, in its one canonical spelling (RFC 7515, 2)."""
    try:
        raw = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    canonical = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    return raw if canonical == part else None
