"""Push certificates as senders have them: PEM or PKCS#12 in, what they are good for out.

Bytes in, values out. Sources: Apple, "Establishing a certificate-based connection to APNs"; the
extensions' contents are observed (pushy's certificate generator mirrors real ones).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)
from cryptography.x509.oid import NameOID, ObjectIdentifier

from pushkit_cli.apns.push import Environment

_APPLE = "1.2.840.113635.100.6.3"
_FLAGS = {Environment.SANDBOX: f"{_APPLE}.1", Environment.PRODUCTION: f"{_APPLE}.2"}
_TOPICS = (f"{_APPLE}.6", f"{_APPLE}.4")
_UTF8_STRING, _SEQUENCE = 0x0C, 0x30


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCertificate:
    """A certificate with its key. `topics` in the certificate's order; no flag means both."""

    chain_pem: bytes
    key_pem: bytes = field(repr=False)
    uid: str | None
    topics: tuple[str, ...]
    environments: frozenset[Environment]
    not_before: datetime
    not_after: datetime


def read_certificate(
    data: bytes, *, key: bytes | None = None, password: bytes | None = None
) -> ClientCertificate:
    """Read a certificate and its key, from one file or two.

    Raises ValueError with one sentence: no certificate, no key, wrong password, not a pair.
    """
    try:
        if b"-----BEGIN" in data:
            chain, private = _from_pem(data, key or data, password)
        else:
            chain, private = _from_pkcs12(data, password)
        leaf = chain[0]
        is_pair = private.public_key() == leaf.public_key()
    except UnsupportedAlgorithm as error:
        raise ValueError("its key or cipher is of a kind that cannot be read here") from error
    if not is_pair:
        raise ValueError("the key is not that of the certificate")
    return ClientCertificate(
        chain_pem=b"".join(one.public_bytes(Encoding.PEM) for one in chain),
        key_pem=private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        uid=_uid(leaf),
        topics=tuple(dict.fromkeys(_topics(leaf))),
        environments=_environments(leaf),
        not_before=leaf.not_valid_before_utc,
        not_after=leaf.not_valid_after_utc,
    )


def _from_pem(
    data: bytes, key: bytes, password: bytes | None
) -> tuple[list[x509.Certificate], PrivateKeyTypes]:
    try:
        chain = x509.load_pem_x509_certificates(data)
    except ValueError as error:
        raise ValueError("it holds no certificate") from error
    if b"PRIVATE KEY-----" not in key:
        raise ValueError("it holds no private key: name one with --cert-key")
    try:
        return chain, _private(key, password)
    except TypeError as error:
        raise ValueError("the key is encrypted: name its password with --password-file") from error
    except ValueError as error:
        raise ValueError("the key cannot be read: is the password right?") from error


def _private(key: bytes, password: bytes | None) -> PrivateKeyTypes:
    """A key in PEM; a password that it does not need is no mistake."""
    try:
        return load_pem_private_key(key, password)
    except TypeError:
        if password is None:
            raise
        return load_pem_private_key(key, None)


def _from_pkcs12(
    data: bytes, password: bytes | None
) -> tuple[list[x509.Certificate], PrivateKeyTypes]:
    try:
        private, leaf, more = pkcs12.load_key_and_certificates(data, password)
    except ValueError as error:
        raise ValueError("it is no PKCS#12 file, or the password is wrong") from error
    if leaf is None or private is None:
        raise ValueError("it holds no certificate with a key")
    return [leaf, *more], private


def _uid(leaf: x509.Certificate) -> str | None:
    found = leaf.subject.get_attributes_for_oid(NameOID.USER_ID)
    return str(found[0].value) if found else None


def _environments(leaf: x509.Certificate) -> frozenset[Environment]:
    said = frozenset(one for one, oid in _FLAGS.items() if _extension(leaf, oid) is not None)
    return said or frozenset(Environment)


def _topics(leaf: x509.Certificate) -> Iterator[str]:
    for oid in _TOPICS:
        value = _extension(leaf, oid)
        if value is not None:
            yield from _strings(value)
    uid = _uid(leaf)
    if uid is not None:
        yield uid


def _extension(leaf: x509.Certificate, oid: str) -> bytes | None:
    try:
        found = leaf.extensions.get_extension_for_oid(ObjectIdentifier(oid))
    except (x509.ExtensionNotFound, ValueError):
        return None
    value = found.value
    return value.value if isinstance(value, x509.UnrecognizedExtension) else None


def _strings(der: bytes) -> Iterator[str]:
    """The UTF8Strings of the outer SEQUENCE: topics; their kinds stand one level deeper."""
    outer = next(_elements(der), None)
    if outer is None or outer[0] != _SEQUENCE:
        return
    for tag, value in _elements(outer[1]):
        if tag == _UTF8_STRING:
            yield value.decode("utf-8", "replace")


def _elements(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and contents of each element (X.690, 8.1); a torn end is left out."""
    place = 0
    while place + 2 <= len(der):
        tag, size = der[place], der[place + 1]
        place += 2
        if size & 0x80:
            width = size & 0x7F
            size = int.from_bytes(der[place : place + width], "big")
            place += width
        if place + size > len(der):
            return
        yield tag, der[place : place + size]
        place += size
