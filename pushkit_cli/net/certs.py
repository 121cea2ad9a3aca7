"""The local certificate authority and local signing keys: bytes in, bytes out; no disk, no clock.

    root (key destroyed at birth) ─► intermediate (key kept) ─► leaf (one server)

A client that trusts the root for its tests must not become a client that can be shown a false
Apple, not even by somebody who copies the intermediate's key. So the intermediate can vouch for
this machine's own names and for nothing else, and the clients themselves enforce it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LOCAL_NAMES: Final = ("localhost", "127.0.0.1", "::1")
AUTHORITY_LIFE: Final = timedelta(days=3650)
AUTHORITY_RENEWAL: Final = timedelta(days=365)
LEAF_LIFE: Final = timedelta(days=397)  # Apple takes 398 at most of a public root (HT211025)
LEAF_RENEWAL: Final = timedelta(days=30)
BACKDATE: Final = timedelta(hours=1)  # another machine's clock may lag behind ours


def _named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


_ROOT_NAME: Final = _named("pushkit local authority (trust only for tests)")
_INTERMEDIATE_NAME: Final = _named("pushkit local intermediate (trust only for tests)")
_NETWORKS: Final = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
_LOCAL: Final = (x509.DNSName("localhost"), *(x509.IPAddress(network) for network in _NETWORKS))
_LOCAL_ONLY: Final = x509.NameConstraints(permitted_subtrees=_LOCAL, excluded_subtrees=None)

# Constraints on DNS and IP names alone leave a door open: a leaf without a SAN, with the common
# name "*.push.apple.com" (or "api.push.apple.com."), has no name of a constrained kind, since a
# common name is checked only where it reads as a plain host name. Yet who falls back to the common
# name takes it for api.push.apple.com: seen with OpenSSL 3.0, Python 3.11, curl 7.88, Node 20 and
# Java 17. So no subject at all: one directory name is both permitted and excluded, which no
# subject can satisfy and an empty one need not (RFC 5280, 4.2.1.10). Excluding the empty name
# would say it more shortly, but LibreSSL, which macOS's curl uses, calls that malformed.
_NOBODY: Final = x509.DirectoryName(_named("nobody: leaves are named by SAN alone"))
_LOCAL_AND_NO_SUBJECT: Final = x509.NameConstraints((*_LOCAL, _NOBODY), (_NOBODY,))

_SERVER_AUTH: Final = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
_KEY_USES: Final = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
    *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)
_HOST_NAME: Final = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*localhost")
_PEM_LABEL: Final = re.compile(rb"^-----BEGIN ([A-Z0-9 ]+)-----", re.MULTILINE)
_FOREIGN: Final = {
    "CERTIFICATE": "this is a certificate, not a key; give the .p8 file from Apple",
    "ENCRYPTED PRIVATE KEY": "the key is encrypted; decrypt it: openssl pkey -in KEY -out NEW.p8",
    "RSA PRIVATE KEY": "the key is RSA (PKCS#1); APNs needs P-256 (ES256)",
    "EC PRIVATE KEY": "the key is SEC1, not PKCS#8; convert it: "
    "openssl pkcs8 -topk8 -nocrypt -in KEY -out NEW.p8",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """What signs the emulator's certificates; the root's private key is in none of it."""

    root_pem: bytes  # what clients trust
    intermediate_pem: bytes
    intermediate_key_pem: bytes = field(repr=False)  # PKCS#8, unencrypted: store it 0600


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One server's certificate and key, as `ssl.SSLContext.load_cert_chain` wants them."""

    chain_pem: bytes  # the leaf, then the intermediate
    key_pem: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A P-256 key for provider tokens: PKCS#8, as Apple's `AuthKey_….p8`, and its public half."""

    private_pem: bytes = field(repr=False)
    public_pem: bytes


def new_authority(*, now: datetime) -> Authority:
    """Make a root and an intermediate good for ten years, and forget the root's key.

    Both carry constraints: some clients ignore those of a root (seen with Java 17). The
    intermediate's cannot be critical, since Go refuses critical ones on directory names; the
    root's are, to turn away a client that knows of no constraints.
    """
    root_key, key = _new_key(), _new_key()
    root = _certificate(
        subject=_ROOT_NAME,
        issuer=_ROOT_NAME,
        key=root_key.public_key(),
        signer=root_key,
        valid=_period(now, AUTHORITY_LIFE),
        depth=1,
        extensions=((_LOCAL_ONLY, True),),
    )
    intermediate = _certificate(
        subject=_INTERMEDIATE_NAME,
        issuer=_ROOT_NAME,
        key=key.public_key(),
        signer=root_key,
        valid=_period(now, AUTHORITY_LIFE),
        depth=0,
        extensions=((_SERVER_AUTH, False), (_LOCAL_AND_NO_SUBJECT, False)),
    )
    return Authority(
        root_pem=root.public_bytes(Encoding.PEM),
        intermediate_pem=intermediate.public_bytes(Encoding.PEM),
        intermediate_key_pem=_private_pem(key),
    )


def issue_leaf(authority: Authority, *, now: datetime, names: Sequence[str] = LOCAL_NAMES) -> Leaf:
    """Make a server certificate for `names`, good for 397 days or as long as the authority.

    Its subject is empty and its SAN critical: see the intermediate's constraints. Raises
    ValueError for a name that is not localhost, under .localhost, in 127.0.0.0/8 or ::1.
    """
    alternatives = [_local_name(name) for name in dict.fromkeys(names)]
    if not alternatives:
        raise ValueError("a certificate needs at least one name")
    intermediate = x509.load_pem_x509_certificate(authority.intermediate_pem)
    signer = _load(authority.intermediate_key_pem)
    if not isinstance(signer, ec.EllipticCurvePrivateKey):
        raise TypeError("the intermediate's key is not an elliptic curve key")
    key = _new_key()
    begin, end = _period(now, LEAF_LIFE)
    leaf = _certificate(
        subject=x509.Name([]),
        issuer=intermediate.subject,
        key=key.public_key(),
        signer=signer,
        valid=(begin, min(end, intermediate.not_valid_after_utc)),
        depth=None,
        extensions=((_SERVER_AUTH, False), (x509.SubjectAlternativeName(alternatives), True)),
    )
    chain_pem = leaf.public_bytes(Encoding.PEM) + intermediate.public_bytes(Encoding.PEM)
    return Leaf(chain_pem=chain_pem, key_pem=_private_pem(key))


def leaf_is_good(leaf: Leaf, authority: Authority, *, now: datetime) -> bool:
    """Tell whether `leaf` is this authority's and has 30 days left; False for torn bytes."""
    try:
        certificate, above = x509.load_pem_x509_certificates(leaf.chain_pem)
        intermediate = x509.load_pem_x509_certificate(authority.intermediate_pem)
        certificate.verify_directly_issued_by(intermediate)
        held = _load(leaf.key_pem).public_key()
        ours = above == intermediate and held == certificate.public_key()
        begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except Exception:  # torn bytes fail in every way the parser has
        return False
    return ours and begin <= now <= end - LEAF_RENEWAL


def authority_is_good(authority: Authority, *, now: datetime) -> bool:
    """Tell whether the chain holds, is constrained, and has over a year left; False if torn."""
    try:
        (root,) = x509.load_pem_x509_certificates(authority.root_pem)
        (intermediate,) = x509.load_pem_x509_certificates(authority.intermediate_pem)
        root.verify_directly_issued_by(root)
        intermediate.verify_directly_issued_by(root)
        limits = intermediate.extensions.get_extension_for_class(x509.NameConstraints).value
        held = _load(authority.intermediate_key_pem).public_key()
        ours = held == intermediate.public_key() and limits == _LOCAL_AND_NO_SUBJECT
        begin = max(root.not_valid_before_utc, intermediate.not_valid_before_utc)
        end = min(root.not_valid_after_utc, intermediate.not_valid_after_utc)
    except Exception:  # torn bytes fail in every way the parser has
        return False
    return ours and begin <= now < end - AUTHORITY_RENEWAL


def new_signing_key() -> SigningKey:
    """Make a P-256 key for provider tokens, in the form in which Apple hands them out."""
    key = _new_key()
    return SigningKey(private_pem=_private_pem(key), public_pem=_public_pem(key.public_key()))


def public_pem_of(pem: bytes) -> bytes:
    """Return the public half of a PKCS#8 private key or of a public key, both PEM and P-256.

    Raises ValueError with one sentence that says what the bytes are instead.
    """
    private = _label_of(pem) == "PRIVATE KEY"
    try:
        key = _load(pem).public_key() if private else serialization.load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ValueError("the PEM is damaged: no key can be read from it") from error
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return _public_pem(key)
    kind = key.curve.name if isinstance(key, ec.EllipticCurvePublicKey) else "of another kind"
    raise ValueError(f"the key is {kind}; APNs needs P-256 (ES256)")


def trust_bundle(roots_pem: bytes, authority: Authority) -> bytes:
    """Return `roots_pem` and the authority's root after it, once, one newline between them."""
    roots = roots_pem.replace(b"\r\n", b"\n").strip()
    ours = authority.root_pem.strip()
    parts = [roots] if ours in roots else [roots, ours]
    return b"".join(part + b"\n" for part in parts if part)


def java_truststore(authority: Authority, password: bytes) -> bytes:
    """Return a PKCS#12 store for `javax.net.ssl.trustStore`; ValueError if `password` is empty."""
    root = x509.load_pem_x509_certificate(authority.root_pem)
    entry = pkcs12.PKCS12Certificate(root, b"pushkit local authority")
    locked = serialization.BestAvailableEncryption(password)
    return pkcs12.serialize_java_truststore([entry], locked)


def _label_of(pem: bytes) -> str:
    found = sorted(str(label, "ascii") for label in _PEM_LABEL.findall(pem))
    if b"Proc-Type: 4,ENCRYPTED" in pem:  # RFC 1421, as OpenSSL's older commands wrote it
        found.append("ENCRYPTED PRIVATE KEY")
    for label, sentence in _FOREIGN.items():
        if label in found:
            raise ValueError(sentence)
    if found in (["PRIVATE KEY"], ["PUBLIC KEY"]):
        return found[0]
    if found:
        raise ValueError(f"the PEM holds {' and '.join(found)}, not one key in PKCS#8")
    nothing = "not PEM: it has no line -----BEGIN … KEY-----" if pem.strip() else "empty"
    raise ValueError(f"the key is {nothing}")


def _local_name(name: str) -> x509.GeneralName:
    try:
        address = ip_address(name)
    except ValueError:
        if len(name) <= 253 and _HOST_NAME.fullmatch(name.lower()):
            return x509.DNSName(name.lower())
    else:
        scoped = isinstance(address, IPv6Address) and address.scope_id is not None
        if not scoped and any(address in network for network in _NETWORKS):
            return x509.IPAddress(address)
    raise ValueError(f"{name!r} is not a name of this machine: localhost, 127.0.0.0/8 or ::1")


def _certificate(
    *,
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    signer: ec.EllipticCurvePrivateKey,
    valid: tuple[datetime, datetime],
    depth: int | None,
    extensions: Sequence[tuple[x509.ExtensionType, bool]],
) -> x509.Certificate:
    use = "digital_signature" if depth is None else "key_cert_sign"
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(valid[0]).not_valid_after(valid[1])
    for extension, critical in (
        (x509.SubjectKeyIdentifier.from_public_key(key), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False),
        (x509.BasicConstraints(ca=depth is not None, path_length=depth), True),
        (x509.KeyUsage(**{name: name == use for name in _KEY_USES}), True),
        *extensions,
    ):
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(signer, SHA256())


def _period(now: datetime, life: timedelta) -> tuple[datetime, datetime]:
    begin = now.astimezone(UTC).replace(microsecond=0) - BACKDATE
    return begin, begin + life - timedelta(seconds=1)  # both ends count (RFC 5280, 4.1.2.5)


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _load(pem: bytes) -> PrivateKeyTypes:
    return serialization.load_pem_private_key(pem, password=None)


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(Encoding.PEM, form, plain)


def _public_pem(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
