"""Local signing keys, and what is no such key."""

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from pushkit_cli.net.certs import new_authority, new_signing_key, public_pem_of
from tests.net.forger import NOW, new_key


def _pem(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey,
    form: PrivateFormat = PrivateFormat.PKCS8,
    lock: KeySerializationEncryption | None = None,
) -> bytes:
    return key.private_bytes(Encoding.PEM, form, lock or NoEncryption())


def test_a_signing_key_is_as_apples() -> None:
    key = new_signing_key()
    assert key.private_pem.startswith(b"-----BEGIN PRIVATE KEY-----\n")
    private = load_pem_private_key(key.private_pem, password=None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    assert isinstance(private.curve, ec.SECP256R1)
    assert load_pem_public_key(key.public_pem) == private.public_key()
    for pem in (key.private_pem, key.public_pem, key.private_pem.replace(b"\n", b"\r\n")):
        assert public_pem_of(pem) == key.public_pem
    assert new_signing_key() != key


SEC1, LOCK = PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"secret")
FOREIGN: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b" \n", "is empty"),
    "not PEM": (lambda: b"AuthKey_ABCDE12345", "is not PEM"),
    "UTF-16": (lambda: new_signing_key().private_pem.decode().encode("utf-16"), "is not PEM"),
    "a certificate": (lambda: new_authority(now=NOW).root_pem, "is a certificate"),
    "encrypted": (lambda: _pem(new_key(), lock=LOCK), "is encrypted.*openssl pkey"),
    "encrypted SEC1": (lambda: _pem(new_key(), SEC1, LOCK), "is encrypted.*openssl pkey"),
    "SEC1": (lambda: _pem(new_key(), SEC1), "SEC1.*openssl pkcs8 -topk8 -nocrypt"),
    "PKCS#1": (lambda: _pem(rsa.generate_private_key(65537, 2048), SEC1), "PKCS#1.*P-256"),
    "P-384": (lambda: _pem(ec.generate_private_key(ec.SECP384R1())), "secp384r1.*P-256"),
    "Ed25519": (lambda: _pem(ed25519.Ed25519PrivateKey.generate()), "another kind.*P-256"),
    "two keys": (lambda: 2 * new_signing_key().private_pem, "not one key"),
    "a request": (lambda: b"-----BEGIN CERTIFICATE REQUEST-----\n", "holds CERTIFICATE REQUEST"),
    "torn": (lambda: new_signing_key().private_pem[:90], "is damaged"),
    "torn, public": (lambda: new_signing_key().public_pem[:90], "is damaged"),
}


@pytest.mark.parametrize(("make", "words"), FOREIGN.values(), ids=FOREIGN)
def test_what_is_no_signing_key_is_said_in_one_line(make: Callable[[], bytes], words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        public_pem_of(make())
    assert "\n" not in str(caught.value)
