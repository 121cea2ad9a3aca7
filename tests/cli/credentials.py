"""Keys and certificates as developers have them: good ones, and every classic mistake."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

TEAM, KEY = "DEF123GHIJ", "ABC123DEFG"
APP = "com.example.app"
TOKEN = "ab" * 32
"""A real device's token: nobody here issued it."""
_APPLE = "1.2.840.113635.100.6.3"
_FLAGS = {"sandbox": f"{_APPLE}.1", "production": f"{_APPLE}.2"}
_DAY = timedelta(days=1)


def new_key() -> ec.EllipticCurvePrivateKey:
    """A key as Apple makes them."""
    return ec.generate_private_key(ec.SECP256R1())


def p8(key: ec.EllipticCurvePrivateKey | None = None) -> bytes:
    """The file Apple gives: PKCS#8 in PEM."""
    return (key or new_key()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def p8_file(folder: Path, key_id: str = KEY, pem: bytes | None = None) -> Path:
    """That file under the name Apple gives it, for its owner alone."""
    file = folder / f"AuthKey_{key_id}.p8"
    file.touch(mode=0o600)
    file.write_bytes(p8() if pem is None else pem)
    return file


@lru_cache
def _rsa() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def wrong_keys() -> dict[str, bytes]:
    """What people register in place of a key, by a name for each."""
    key = new_key()
    pkcs8, plain = PrivateFormat.PKCS8, NoEncryption()
    p384 = ec.generate_private_key(ec.SECP384R1())
    return {
        "P-384": p384.private_bytes(Encoding.PEM, pkcs8, plain),
        "RSA": _rsa().private_bytes(Encoding.PEM, pkcs8, plain),
        "SEC1": key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, plain),
        "encrypted": key.private_bytes(Encoding.PEM, pkcs8, BestAvailableEncryption(b"x")),
        "certificate": push_certificate(key),
        "public": key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "empty": b"",
        "garbage": b"\x00\xff\x1b[31m not a key",
        "torn": p8(key)[:120] + b"\n-----END PRIVATE KEY-----\n",
        "two keys": p8(key) + p8(),
    }


def push_certificate(
    key: CertificateIssuerPrivateKeyTypes,
    *,
    app: str = APP,
    environments: tuple[str, ...] = ("sandbox", "production"),
    topics: tuple[str, ...] = (),
    days: int = 30,
) -> bytes:
    """A push certificate in PEM, with Apple's extensions; it ends in so many days."""
    name = x509.Name([
        x509.NameAttribute(NameOID.USER_ID, app),
        x509.NameAttribute(NameOID.COMMON_NAME, f"Apple Push Services: {app}"),
    ])  # fmt: skip
    now = datetime.now(tz=UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name)
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - 60 * _DAY).not_valid_after(now + days * _DAY)
    for environment in environments:
        builder = _with(builder, _FLAGS[environment], b"\x05\x00")
    if topics:
        builder = _with(builder, f"{_APPLE}.6", _topics(topics))
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM)


def _with(builder: x509.CertificateBuilder, oid: str, der: bytes) -> x509.CertificateBuilder:
    unknown = x509.UnrecognizedExtension(ObjectIdentifier(oid), der)
    return builder.add_extension(unknown, critical=False)


def _topics(topics: tuple[str, ...]) -> bytes:
    """A SEQUENCE of topics, each with the SEQUENCE of its kinds behind it."""
    return _tagged(
        0x30,
        b"".join(
            _tagged(0x0C, topic.encode()) + _tagged(0x30, _tagged(0x0C, b"app")) for topic in topics
        ),
    )


def _tagged(tag: int, value: bytes) -> bytes:
    size = len(value)
    length = bytes([size]) if size < 0x80 else bytes([0x82, *size.to_bytes(2, "big")])
    return bytes([tag]) + length + value


def p12(key: ec.EllipticCurvePrivateKey, certificate: bytes, password: bytes) -> bytes:
    """Both in one PKCS#12 file, as the keychain exports them."""
    leaf = x509.load_pem_x509_certificate(certificate)
    locked = BestAvailableEncryption(password)
    return pkcs12.serialize_key_and_certificates(b"push", key, leaf, None, locked)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFiles:
    """What a host of the tests shows, and the authority that vouches for it."""

    ca: Path
    chain: Path
    key: Path


def server_files(folder: Path, *names: str) -> ServerFiles:
    """A certificate for names or addresses, signed by an authority of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    authority, key = new_key(), new_key()
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority of the tests")])
    now = datetime.now(tz=UTC)
    blank = x509.CertificateBuilder().issuer_name(issuer)
    blank = blank.not_valid_before(now - _DAY).not_valid_after(now + _DAY)
    root = blank.subject_name(issuer).public_key(authority.public_key())
    root = root.serial_number(1).add_extension(x509.BasicConstraints(True, 0), critical=True)
    leaf = blank.subject_name(x509.Name([])).public_key(key.public_key()).serial_number(2)
    leaf = leaf.add_extension(x509.SubjectAlternativeName(list(map(_name, names))), critical=True)
    server_auth = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    leaf = leaf.add_extension(server_auth, critical=False)
    files = ServerFiles(ca=folder / "ca.pem", chain=folder / "chain.pem", key=folder / "key.pem")
    files.ca.write_bytes(root.sign(authority, SHA256()).public_bytes(Encoding.PEM))
    files.chain.write_bytes(leaf.sign(authority, SHA256()).public_bytes(Encoding.PEM))
    files.key.write_bytes(p8(key))
    return files


def _name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
