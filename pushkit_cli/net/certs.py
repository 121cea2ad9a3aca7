"""The local certificate authority and local signing keys: bytes in, bytes out; no disk, no clock.

    root (key forgotten at birth) ─► ten leaves, one after another through ten years (one key)

A client that trusts the root for its tests must not become a client that can be shown a false
Apple, not even by somebody who copies every file. So no key that can sign a certificate outlives
`new_authority`: all that the root will ever vouch for, it signs there.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
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
LEAVES: Final = 10
LEAF_LIFE: Final = timedelta(days=397)  # Apple takes 398 at most of a public root (HT211025)
LEAF_STEP: Final = timedelta(days=364)  # so each leaf has 33 days left when the next begins
LEAF_RENEWAL: Final = timedelta(days=1)
AUTHORITY_LIFE: Final = (LEAVES - 1) * LEAF_STEP + LEAF_LIFE  # ten years and twenty days
AUTHORITY_RENEWAL: Final = timedelta(days=60)
BACKDATE: Final = timedelta(days=1)  # our clock may be set back after birth
LAG: Final = timedelta(hours=1)  # a client's clock may lag behind ours


def _named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


_ROOT_NAME: Final = _named("pushkit local authority (trust only for tests)")
_LEAF_NAME: Final = _named("pushkit local APNs")
_LOCAL_HOST: Final = "localhost"
_NETWORKS: Final = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
_APPLE: Final = ".apple.com"

_SERVER_AUTH: Final = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
_KEY_USES: Final = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
    *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST_NAME: Final = re.compile(rf"(?!(?:.*\.)?[0-9]+\Z){_LABEL}(?:\.{_LABEL})*")  # not 127.1
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
    """What clients trust, and all it ever signed; the root's private key is in none of it."""

    root_pem: bytes  # what clients trust
    leaf_pems: bytes  # in order of birth
    leaf_key_pem: bytes = field(repr=False)  # PKCS#8, unencrypted: store it 0600


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One server's certificate and key, as `ssl.SSLContext.load_cert_chain` wants them."""

    chain_pem: bytes  # the leaf alone: the root is above it
    key_pem: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A P-256 key for provider tokens: PKCS#8, as Apple's `AuthKey_….p8`, and its public half."""

    private_pem: bytes = field(repr=False)
    public_pem: bytes


def new_authority(*, now: datetime, names: Sequence[str] = LOCAL_NAMES) -> Authority:
    """Make a root and its leaves for `names`, good for ten years, and forget the root's key.

    Raises ValueError for a name that is Apple's, or is neither a plain host name nor an address.
    """
    alternatives = _alternatives(names)
    root_key, key = _new_key(), _new_key()
    begin = now.astimezone(UTC).replace(microsecond=0) - BACKDATE
    root = _certificate(
        subject=_ROOT_NAME,
        key=root_key.public_key(),
        signer=root_key,
        valid=_period(begin, AUTHORITY_LIFE),
        depth=0,
        extensions=((x509.NameConstraints(_permitted(alternatives), None), True),),
    )
    leaves = [
        _certificate(
            subject=_LEAF_NAME,
            key=key.public_key(),
            signer=root_key,
            valid=_period(begin + number * LEAF_STEP, LEAF_LIFE),
            depth=None,
            extensions=((x509.SubjectAlternativeName(alternatives), False),),
        )
        for number in range(LEAVES)
    ]
    return Authority(
        root_pem=root.public_bytes(Encoding.PEM),
        leaf_pems=b"".join(leaf.public_bytes(Encoding.PEM) for leaf in leaves),
        leaf_key_pem=_private_pem(key),
    )


def leaf_for(authority: Authority, *, now: datetime) -> Leaf | None:
    """Return the leaf with most life left of those valid now; None if none has a day left."""
    best, latest = None, now + LEAF_RENEWAL
    try:
        for leaf in x509.load_pem_x509_certificates(authority.leaf_pems):
            if leaf.not_valid_before_utc <= now - LAG and leaf.not_valid_after_utc >= latest:
                best, latest = leaf.public_bytes(Encoding.PEM), leaf.not_valid_after_utc
    except Exception:  # torn bytes fail in every way the parser has
        return None
    return None if best is None else Leaf(chain_pem=best, key_pem=authority.leaf_key_pem)


def authority_is_good(
    authority: Authority, *, now: datetime, names: Sequence[str] = LOCAL_NAMES
) -> bool:
    """Tell whether it all belongs together, is for `names` at least, and has over 60 days left."""
    try:
        wanted = _alternatives(names)
        (root,) = x509.load_pem_x509_certificates(authority.root_pem)
        root.verify_directly_issued_by(root)
        limits = root.extensions.get_extension_for_class(x509.NameConstraints).value
        held = _load(authority.leaf_key_pem).public_key()
        said = set(limits.permitted_subtrees or ())
        ours = True
        leaves = x509.load_pem_x509_certificates(authority.leaf_pems)
        for leaf in leaves:
            leaf.verify_directly_issued_by(root)
            found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            held_to = said == set(_permitted(list(found)))
            ours = ours and held_to and leaf.public_key() == held and set(found) >= set(wanted)
        end = min(root.not_valid_after_utc, max(leaf.not_valid_after_utc for leaf in leaves))
        usable = leaf_for(authority, now=now) is not None
    except Exception:  # torn bytes fail in every way the parser has
        return False
    return ours and usable and now < end - AUTHORITY_RENEWAL


def names_of(authority: Authority) -> tuple[str, ...]:
    """What an authority's leaves are for; nothing where they cannot be read."""
    try:
        leaf = x509.load_pem_x509_certificates(authority.leaf_pems)[0]
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except Exception:  # torn bytes fail in every way the parser has
        return ()
    return tuple(str(one.value) for one in found)


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


def _alternatives(names: Sequence[str]) -> list[x509.DNSName | x509.IPAddress]:
    found = list(dict.fromkeys(_general_name(name) for name in names))
    if not found:
        raise ValueError("a certificate needs at least one name")
    return found


def _general_name(name: str) -> x509.DNSName | x509.IPAddress:
    try:
        address = ip_address(name)
    except ValueError:
        return _host_name(name)
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        raise ValueError(f"{name!r} has a zone, and a certificate cannot name one")
    return x509.IPAddress(address)


def _host_name(name: str) -> x509.DNSName:
    host = name.lower() if name.isascii() else ""
    if len(host) > 253 or not _HOST_NAME.fullmatch(host):
        raise ValueError(f"{name!r} is neither a plain host name nor an address")
    if f".{host}".endswith(_APPLE) or _APPLE.endswith(f".{host}"):
        raise ValueError(f"{name!r} is Apple's or takes in what is, and is not for us to vouch for")
    return x509.DNSName(host)


def _permitted(alternatives: Sequence[x509.DNSName | x509.IPAddress]) -> list[x509.GeneralName]:
    """What the root is held to besides: the names it signs, and this machine's own."""
    permitted: list[x509.GeneralName] = [x509.DNSName(_LOCAL_HOST)]
    permitted += [x509.IPAddress(network) for network in _NETWORKS]
    for name in alternatives:
        if isinstance(name, x509.DNSName):
            if not f".{name.value}".endswith(f".{_LOCAL_HOST}"):
                permitted.append(name)
        elif not any(name.value in network for network in _NETWORKS):
            permitted.append(x509.IPAddress(ip_network(name.value)))
    return permitted


def _certificate(
    *,
    subject: x509.Name,
    key: ec.EllipticCurvePublicKey,
    signer: ec.EllipticCurvePrivateKey,
    valid: tuple[datetime, datetime],
    depth: int | None,
    extensions: Sequence[tuple[x509.ExtensionType, bool]],
) -> x509.Certificate:
    use = "digital_signature" if depth is None else "key_cert_sign"
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(_ROOT_NAME)
    builder = builder.public_key(key).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(valid[0]).not_valid_after(valid[1])
    for extension, critical in (
        (x509.SubjectKeyIdentifier.from_public_key(key), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False),
        (x509.BasicConstraints(ca=depth is not None, path_length=depth), True),
        (x509.KeyUsage(**{name: name == use for name in _KEY_USES}), True),
        (_SERVER_AUTH, False),
        *extensions,
    ):
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(signer, SHA256())


def _period(begin: datetime, life: timedelta) -> tuple[datetime, datetime]:
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
