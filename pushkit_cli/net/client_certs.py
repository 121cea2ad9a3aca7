"""Push certificates: PEM, PKCS#12 or what TLS accepted in, what they are good for out.

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

from pushkit_cli.apns.facts import Certificate
from pushkit_cli.apns.push import Environment

APPLE_OID = "1.2.840.113635.100.6.3"
FLAGS = {Environment.SANDBOX: f"{APPLE_OID}.1", Environment.PRODUCTION: f"{APPLE_OID}.2"}
TOPICS = f"{APPLE_OID}.6"
VOIP_TOPICS = f"{APPLE_OID}.4"
UTF8_STRING, SEQUENCE = 0x0C, 0x30


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCertificate:
    """A certificate with its key, and what it says."""

    chain_pem: bytes
    key_pem: bytes = field(repr=False)
    says: Certificate
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
        chain_pem=_pem(chain),
        key_pem=private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        says=_says(leaf),
        not_before=leaf.not_valid_before_utc,
        not_after=leaf.not_valid_after_utc,
    )


def facts_of(der: bytes) -> Certificate:
    """What a certificate says that TLS has accepted; nothing where it cannot be read here."""
    try:
        return _says(x509.load_der_x509_certificate(der))
    except Exception:  # OpenSSL took it, and this parser is stricter in ways of its own
        return Certificate(topics=(), environments=frozenset(Environment))


def facts_in(pem: bytes) -> Certificate:
    """What the first certificate in PEM says. Raises ValueError where there is none."""
    return _says(x509.load_pem_x509_certificates(pem)[0])


def read_authorities(data: bytes) -> bytes:
    """The certificates in a PEM file, and nothing else of it. Raises ValueError: it has none."""
    try:
        return _pem(x509.load_pem_x509_certificates(data))
    except ValueError as error:
        raise ValueError("it holds no certificate in PEM that can be read") from error


def is_issued_by(chain_pem: bytes, authorities_pem: bytes) -> bool:
    """Whether one of a chain's certificates was signed by one of some authorities."""
    try:
        chain = x509.load_pem_x509_certificates(chain_pem)
        above = x509.load_pem_x509_certificates(authorities_pem)
    except ValueError:
        return False
    return any(_signed(one, by) for one in chain for by in above)


def _signed(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except Exception:  # another name, key or algorithm: each fails in its own way
        return False
    return True


def _pem(certificates: list[x509.Certificate]) -> bytes:
    return b"".join(one.public_bytes(Encoding.PEM) for one in certificates)


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


def _says(leaf: x509.Certificate) -> Certificate:
    """Documented: the extensions list all topics. A certificate without them is for its UID."""
    uid = _subject(leaf, NameOID.USER_ID)
    listed = tuple(dict.fromkeys(_topics(leaf)))
    return Certificate(
        topics=listed or (() if uid is None else (uid,)),
        environments=_environments(leaf),
        uid=uid,
        team_id=_subject(leaf, NameOID.ORGANIZATIONAL_UNIT_NAME),
    )


def _subject(leaf: x509.Certificate, oid: ObjectIdentifier) -> str | None:
    found = leaf.subject.get_attributes_for_oid(oid)
    return str(found[0].value) if found else None


def _environments(leaf: x509.Certificate) -> frozenset[Environment]:
    """Those whose flag is there; a certificate without flags is taken for both (ours)."""
    said = frozenset(one for one, oid in FLAGS.items() if _extension(leaf, oid) is not None)
    return said or frozenset(Environment)


def _topics(leaf: x509.Certificate) -> Iterator[str]:
    for oid in (TOPICS, VOIP_TOPICS):
        value = _extension(leaf, oid)
        if value is not None:
            yield from _strings(value)


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
    if outer is None or outer[0] != SEQUENCE:
        return
    for tag, value in _elements(outer[1]):
        if tag == UTF8_STRING:
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
