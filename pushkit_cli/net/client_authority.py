"""The authority of test client certificates, and the certificates it issues: bytes in, bytes out.

It is apart from the authority that clients trust, because its key is kept: nothing that a client
reads holds it, and should somebody trust it all the same, it may vouch for clients alone and for
no host on earth. Subjects and extensions are those of Apple's certificates as far as they were
seen: pushy's certificate generator, libcapn issue 26 (VoIP Services), MDM and pass type dumps.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from types import MappingProxyType
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from pushkit_cli.apns.push import Environment, PushType, topic_for
from pushkit_cli.net.client_certs import FLAGS, SEQUENCE, TOPICS, UTF8_STRING, VOIP_TOPICS

AUTHORITY_LIFE: Final = timedelta(days=3650)
AUTHORITY_RENEWAL: Final = timedelta(days=400)  # a certificate of a year must fit in
BACKDATE: Final = timedelta(days=1)  # clocks may lag
_NAME: Final = x509.Name([
    x509.NameAttribute(NameOID.COMMON_NAME, "pushkit test client authority (trust nowhere)")
])  # fmt: skip
_ONLY_CLIENTS: Final = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
_NO_HOST: Final = x509.NameConstraints(
    permitted_subtrees=[x509.DNSName("invalid")],  # RFC 2606, 2
    excluded_subtrees=[x509.IPAddress(ip_network(every)) for every in ("0.0.0.0/0", "::/0")],
)
_NULL: Final = b"\x05\x00"
_OF_PASSES: Final = "1.2.840.113635.100.6.1.16"
_APP_KINDS: Final = {
    PushType.alert: "app",
    PushType.voip: "voip",
    PushType.complication: "complication",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of push certificate.

    `common_name` and `uid` take the name it is for. `lists` are the push types whose topics stand
    in the extensions, each with its word. `environments` are those of Apple's of this kind.
    """

    common_name: str
    uid: str = "{}"
    lists: Mapping[str, Sequence[PushType]] = field(default_factory=dict)
    environments: frozenset[Environment] = frozenset(Environment)


_WATCH: Final = (PushType.voip, PushType.complication)
KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "app": Kind(
            common_name="Apple Push Services: {}",
            lists={TOPICS: tuple(_APP_KINDS)},
        ),
        "voip": Kind(
            common_name="VoIP Services: {}",
            uid="{}.voip",
            lists={TOPICS: (PushType.voip,), VOIP_TOPICS: (PushType.voip,)},
        ),
        "watchkit": Kind(
            # Documented: for VoIP and complications. That the UID is the app's is ours.
            common_name="WatchKit Services: {}",
            lists={TOPICS: _WATCH},
        ),
        "mdm": Kind(
            common_name="APSP:{}",
            environments=frozenset({Environment.PRODUCTION}),  # ours: MDM knows no other host
        ),
        "pass": Kind(
            common_name="Pass Type ID: {}",
            environments=frozenset({Environment.PRODUCTION}),
        ),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientAuthority:
    """Who vouches for test client certificates; the key is PKCS#8, unencrypted: store it 0600."""

    root_pem: bytes
    key_pem: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A certificate that was just made, in the file that was asked for."""

    file: bytes = field(repr=False)
    chain_pem: bytes
    not_before: datetime
    not_after: datetime


def new_client_authority(*, now: datetime) -> ClientAuthority:
    """Make an authority that is good for ten years."""
    key = ec.generate_private_key(ec.SECP256R1())
    begin = now.astimezone(UTC).replace(microsecond=0) - BACKDATE
    builder = _blank(_NAME, key.public_key(), key.public_key(), (begin, begin + AUTHORITY_LIFE))
    for extension in (x509.BasicConstraints(ca=True, path_length=0), _usage("key_cert_sign")):
        builder = builder.add_extension(extension, critical=True)
    root = builder.add_extension(_NO_HOST, critical=True).sign(key, SHA256())
    return ClientAuthority(
        root_pem=root.public_bytes(Encoding.PEM),
        key_pem=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )


def client_authority_is_good(authority: ClientAuthority, *, now: datetime) -> bool:
    """Tell whether certificate and key belong together and can vouch for another year."""
    try:
        root = x509.load_pem_x509_certificate(authority.root_pem)
        key = load_pem_private_key(authority.key_pem, None)
        root.verify_directly_issued_by(root)
        return bool(
            key.public_key() == root.public_key()
            and root.not_valid_before_utc <= now < root.not_valid_after_utc - AUTHORITY_RENEWAL
        )
    except Exception:  # torn bytes fail in every way the parser has
        return False


def issue(
    authority: ClientAuthority,
    kind: str,
    name: str,
    *,
    team_id: str,
    environments: frozenset[Environment],
    now: datetime,
    life: timedelta,
    as_pkcs12: bool = False,
    password: bytes | None = None,
) -> Issued:
    """Make a certificate of one kind for a bundle id, pass type id or MDM topic, and its key.

    With a `life` below zero it has ended already. A password locks the key.
    """
    signer = load_pem_private_key(authority.key_pem, None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)  # as Apple's portal asks
    now = now.astimezone(UTC).replace(microsecond=0)
    period = (min(now, now + life) - BACKDATE, now + life)
    builder = _blank(_subject(kind, name, team_id), key.public_key(), signer.public_key(), period)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
    builder = builder.add_extension(_usage("digital_signature"), True)
    for oid, der in _apples(kind, name, environments):
        unknown = x509.UnrecognizedExtension(ObjectIdentifier(oid), der)
        builder = builder.add_extension(unknown, critical=False)
    leaf = builder.sign(signer, SHA256())
    locked = NoEncryption() if password is None else BestAvailableEncryption(password)
    chain = leaf.public_bytes(Encoding.PEM)
    return Issued(
        file=_pkcs12(name, key, leaf, locked)
        if as_pkcs12
        else chain + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked),
        chain_pem=chain,
        not_before=period[0],
        not_after=period[1],
    )


def _pkcs12(
    name: str, key: rsa.RSAPrivateKey, leaf: x509.Certificate, locked: KeySerializationEncryption
) -> bytes:
    return pkcs12.serialize_key_and_certificates(name.encode(), key, leaf, None, locked)


def _blank(
    subject: x509.Name,
    key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
    signer: ec.EllipticCurvePublicKey,
    period: tuple[datetime, datetime],
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(_NAME)
    builder = builder.public_key(key).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(period[0]).not_valid_after(period[1])
    for extension in (
        x509.SubjectKeyIdentifier.from_public_key(key),
        x509.AuthorityKeyIdentifier.from_issuer_public_key(signer),
        _ONLY_CLIENTS,
    ):
        builder = builder.add_extension(extension, critical=False)
    return builder


def _usage(use: str) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=use == "digital_signature",
        key_cert_sign=use == "key_cert_sign",
        **dict.fromkeys(
            ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "crl_sign", "encipher_only", "decipher_only"), False,
        ),
    )  # fmt: skip


def _subject(kind: str, name: str, team_id: str) -> x509.Name:
    row = KINDS[kind]
    called = name.rpartition(".")[2] if kind == "mdm" else name
    said = [
        (NameOID.USER_ID, row.uid.format(name)),
        (NameOID.COMMON_NAME, row.common_name.format(called)[:64]),  # X.520, ub-common-name
        *(() if kind == "mdm" else ((NameOID.ORGANIZATIONAL_UNIT_NAME, team_id),)),
        (NameOID.COUNTRY_NAME, "US"),
    ]
    return x509.Name([x509.NameAttribute(oid, text) for oid, text in said])


def _apples(
    kind: str, name: str, environments: frozenset[Environment]
) -> Iterator[tuple[str, bytes]]:
    """Apple's own extensions."""
    for environment, oid in FLAGS.items():
        if environment in environments:
            yield oid, _NULL
    for oid, types in KINDS[kind].lists.items():
        pairs = (
            _tagged(UTF8_STRING, topic_for(name, one).encode())
            + _tagged(SEQUENCE, _tagged(UTF8_STRING, _APP_KINDS[one].encode()))
            for one in types
        )
        yield oid, _tagged(SEQUENCE, b"".join(pairs))
    if kind == "pass":
        yield _OF_PASSES, _tagged(UTF8_STRING, name.encode())


def _tagged(tag: int, value: bytes) -> bytes:
    """One element in DER (X.690, 8.1)."""
    size = len(value)
    width = (size.bit_length() + 7) // 8
    length = bytes([size]) if size < 0x80 else bytes([0x80 | width, *size.to_bytes(width, "big")])
    return bytes([tag]) + length + value
