"""Provider tokens that were changed after they were signed."""

import base64
import json

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature


def reheaded(text: str, **changes: str) -> str:
    """A provider token whose header says something else than what was signed."""
    head, *rest = text.split(".")
    said = json.loads(base64.urlsafe_b64decode(head + "=="))
    other = json.dumps({**said, **changes}, separators=(",", ":")).encode()
    return ".".join((base64.urlsafe_b64encode(other).rstrip(b"=").decode(), *rest))


def in_der(text: str) -> str:
    """The same signature in ASN.1, as `openssl dgst -sign` writes it in Apple's shell recipe."""
    signed_part, _, signature = text.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    return f"{signed_part}.{base64.urlsafe_b64encode(der).rstrip(b'=').decode()}"


def spoilt(text: str) -> str:
    """The same token with the end of its signature overwritten."""
    return text[:-8] + ("AAAAAAAA" if text[-8:] != "AAAAAAAA" else "BBBBBBBB")
