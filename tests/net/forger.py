"""Certificates for Apple's host, forged with a key that somebody holds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pushkit_cli.net.certs import Leaf

NOW = datetime.now(UTC)  # real verifiers look at the real clock
DAY = timedelta(days=1)
APPLE = "api.push.apple.com"
WILDCARD = "*.push.apple.com"


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def pem_of(thing: ec.EllipticCurvePrivateKey | x509.Certificate) -> bytes:
    if isinstance(thing, x509.Certificate):
        return thing.public_bytes(Encoding.PEM)
    return thing.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def key_id(certificate: x509.Certificate) -> x509.SubjectKeyIdentifier:
    return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value


def usage(*, signature: bool = False, certificates: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(signature, False, False, False, False, certificates, False, False, False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """What a certificate says of its issuer, and the key that signs it whatever it says."""

    name: x509.Name
    id: x509.SubjectKeyIdentifier
    key: ec.EllipticCurvePrivateKey

    def sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        *extensions: x509.ExtensionType,
        ca: bool = False,
        own_id: x509.SubjectKeyIdentifier | None = None,
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - DAY)
            .not_valid_after(NOW + 300 * DAY)
        )
        for extension, critical in (
            (x509.BasicConstraints(ca=ca, path_length=None), True),
            (usage(signature=True, certificates=ca), True),
            (own_id or x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
            (x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(self.id), False),
            *((extension, False) for extension in extensions),
        ):
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(self.key, SHA256())


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How a forgery names Apple's host."""

    subject: x509.Name
    names: Sequence[str] = ()

    def extensions(self) -> list[x509.ExtensionType]:
        purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        names = x509.SubjectAlternativeName([x509.DNSName(name) for name in self.names])
        return [purpose, names] if self.names else [purpose]


SHAPES = {
    "SAN": Shape(subject=named("x"), names=[APPLE]),
    "wildcard SAN": Shape(subject=named("x"), names=[WILDCARD]),
    "CN only": Shape(subject=named(APPLE)),
    "wildcard CN only": Shape(subject=named(WILDCARD)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Forger:
    """Who holds `key`, and knows the root that clients trust and a certificate below it."""

    root: x509.Certificate
    below: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def as_issuer(self, certificate: x509.Certificate) -> Issuer:
        return Issuer(name=certificate.subject, id=key_id(certificate), key=self.key)


def throwaway() -> Forger:
    """A root and a CA below it without constraints, and the key of both."""
    key = new_key()
    own_id = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    issuer = Issuer(name=named("throwaway root"), id=own_id, key=key)
    root = issuer.sign(issuer.name, key, ca=True)
    return Forger(root=root, below=issuer.sign(named("throwaway CA"), key, ca=True), key=key)


def _leaf(issuer: Issuer, shape: Shape, *above: x509.Certificate) -> Leaf:
    key = new_key()
    forged = issuer.sign(shape.subject, key, *shape.extensions())
    chain = b"".join(pem_of(certificate) for certificate in (forged, *above))
    return Leaf(chain_pem=chain, key_pem=pem_of(key))


def _below_what_the_root_signed(by: Forger, shape: Shape) -> Leaf:
    return _leaf(by.as_issuer(by.below), shape, by.below)


def _below_a_new_ca(by: Forger, shape: Shape) -> Leaf:
    key = new_key()
    ca = by.as_issuer(by.below).sign(named("sub"), key, ca=True)
    return _leaf(Issuer(name=ca.subject, id=key_id(ca), key=key), shape, ca, by.below)


def _in_the_roots_name(by: Forger, shape: Shape) -> Leaf:
    return _leaf(by.as_issuer(by.root), shape)


def _below_a_false_root(by: Forger, shape: Shape) -> Leaf:
    issuer = by.as_issuer(by.root)
    false = issuer.sign(by.root.subject, by.key, ca=True, own_id=issuer.id)
    return _leaf(issuer, shape, false)


WAYS: dict[str, Callable[[Forger, Shape], Leaf]] = {
    "below what the root signed": _below_what_the_root_signed,
    "below a new CA": _below_a_new_ca,
    "in the root's name": _in_the_roots_name,
    "below a false root": _below_a_false_root,
}


def self_signed(by: Forger, shape: Shape) -> Leaf:
    """A certificate of the key's own, with the id of the root."""
    issuer = Issuer(name=shape.subject, id=key_id(by.root), key=by.key)
    forged = issuer.sign(shape.subject, by.key, *shape.extensions(), ca=True, own_id=issuer.id)
    return Leaf(chain_pem=pem_of(forged), key_pem=pem_of(by.key))
