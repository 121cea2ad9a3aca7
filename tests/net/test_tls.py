"""TLS as both ends use it, hand in hand without a socket: who is trusted, and what is spoken."""

import os
import ssl
import warnings
from pathlib import Path

import certifi
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)
from cryptography.x509 import SubjectKeyIdentifier

from pushkit_cli.engine.local import Trust, ensure_trust
from pushkit_cli.errors import ConfigError, ExitCode
from pushkit_cli.net.tls import ALPN, client_context, root_bundle, server_context, system_roots
from pushkit_cli.store.files import Home
from tests.net.forger import Issuer, named, new_key, pem_of


@pytest.fixture(scope="module")
def other_trust(tmp_path_factory: pytest.TempPathFactory) -> Trust:
    return ensure_trust(Home(tmp_path_factory.mktemp("other") / "home"))


@pytest.fixture
def offered(trust: Trust) -> ssl.SSLContext:
    return server_context(chain=trust.chain_file, key=trust.chain_key_file)


def shake(
    client: ssl.SSLContext, server: ssl.SSLContext, name: str = "127.0.0.1"
) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """Both ends after the handshake; an end that refuses raises."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(down, up, server_hostname=name),
        server.wrap_bio(up, down, server_side=True),
    )
    done = set[ssl.SSLObject]()
    for _ in range(20):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            done.add(end)
        if len(done) == 2:
            return ends
    raise AssertionError("the handshake does not end")


# What is spoken


def test_both_ends_speak_h2_over_the_newest_tls(trust: Trust, offered: ssl.SSLContext) -> None:
    for end in shake(client_context(trust.ca_file), offered):
        assert (end.selected_alpn_protocol(), end.version()) == (ALPN, "TLSv1.3")


def test_tls_1_2_is_spoken_still(trust: Trust, offered: ssl.SSLContext) -> None:
    client = client_context(trust.ca_file)
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    for end in shake(client, offered):
        assert (end.selected_alpn_protocol(), end.version()) == ("h2", "TLSv1.2")


@pytest.fixture
def lax() -> ssl.SSLContext:
    """A client that speaks TLS 1.1 and nothing newer."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    _only_1_1(client)
    return client


def _only_1_1(context: ssl.SSLContext) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1_1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")


def test_tls_1_1_is_spoken_by_neither_end(
    trust: Trust, offered: ssl.SSLContext, lax: ssl.SSLContext
) -> None:
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    old.load_cert_chain(trust.chain_file, trust.chain_key_file)
    _only_1_1(old)
    try:
        shake(lax, old)
    except ssl.SSLError:
        pytest.skip("this OpenSSL speaks no TLS 1.1, so nobody could")
    offered.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError, match=r"(?i)protocol|alert"):
        shake(lax, offered)
    client = client_context(trust.ca_file)
    client.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError, match=r"(?i)protocol|alert"):
        shake(client, old)


@pytest.mark.parametrize("protocols", [["http/1.1"], ["spdy/3"], []])
def test_a_client_without_h2_is_let_in_without_a_protocol(
    trust: Trust, offered: ssl.SSLContext, protocols: list[str]
) -> None:
    client = ssl.create_default_context(cafile=str(trust.ca_file))
    if protocols:
        client.set_alpn_protocols(protocols)
    for end in shake(client, offered):
        assert end.selected_alpn_protocol() is None


# Who is trusted


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "::1"])
def test_the_local_host_is_trusted_by_its_names(
    trust: Trust, offered: ssl.SSLContext, name: str
) -> None:
    shake(client_context(trust.ca_file), offered, name)


@pytest.mark.parametrize(
    "name", ["127.0.0.2", "example.com", "api.push.apple.com", "localhost.example.com"]
)
def test_no_other_name_is_trusted(trust: Trust, offered: ssl.SSLContext, name: str) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        shake(client_context(trust.ca_file), offered, name)


def test_no_other_authority_is_trusted(other_trust: Trust, offered: ssl.SSLContext) -> None:
    for client in (client_context(other_trust.ca_file), client_context(None)):
        with pytest.raises(ssl.SSLCertVerificationError):
            shake(client, offered)


def test_a_named_authority_is_trusted_alone(trust: Trust) -> None:
    context = client_context(trust.ca_file)
    assert len(context.get_ca_certs()) == context.cert_store_stats()["x509"] == 1


def _authorities(context: ssl.SSLContext) -> int:
    return context.cert_store_stats()["x509_ca"]


def test_the_systems_roots_are_trusted_where_there_are_any(
    trust: Trust, offered: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    monkeypatch.setenv("SSL_CERT_FILE", str(trust.ca_file))
    assert system_roots()
    assert root_bundle() == trust.ca_file.read_bytes()
    context = client_context(None)
    shake(context, offered)
    assert _authorities(context) == 1


def test_a_folder_of_roots_is_a_systems_roots_too(
    trust: Trust, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nowhere.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    (tmp_path / "README").touch()
    assert not system_roots()
    (tmp_path / "5a7722fb.0").write_bytes(trust.ca_file.read_bytes())
    assert system_roots()
    assert _authorities(client_context(None)) == 0  # read when they are needed


@pytest.mark.parametrize("content", [None, b""], ids=["missing", "empty"])
def test_without_roots_of_the_systems_those_of_certifi_are_trusted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "roots.pem"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert not system_roots()
    assert _authorities(client_context(None)) > 50
    assert root_bundle() == Path(certifi.where()).read_bytes()


@pytest.mark.parametrize(
    "content", [b"", b"garbage", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_file_without_a_certificate_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(content)
    _refused(file)


def test_what_is_no_file_of_certificates_is_named(tmp_path: Path, trust: Trust) -> None:
    _refused(tmp_path)
    _refused(tmp_path / "nowhere.pem")
    _refused(trust.chain_key_file)


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path, trust: Trust) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read every file")
    file = tmp_path / "ca.pem"
    file.write_bytes(trust.ca_file.read_bytes())
    file.chmod(0)
    _refused(file)


def _refused(file: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        client_context(file)
    assert caught.value.message == f"{file} holds no certificate that can be read"
    assert "--cacert" in (caught.value.hint or "")
    assert caught.value.exit_code is ExitCode.CONFIG


# Who we say we are


def _pair(folder: Path, key: ec.EllipticCurvePrivateKey) -> tuple[Path, Path]:
    """A certificate that signs itself, and its key."""
    own_id = SubjectKeyIdentifier.from_public_key(key.public_key())
    issuer = Issuer(name=named("Apple Push Services"), id=own_id, key=key)
    chain, file = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(pem_of(issuer.sign(issuer.name, key, ca=True)))
    file.write_bytes(pem_of(key))
    return chain, file


def test_a_certificate_is_shown_to_a_server_that_asks(
    trust: Trust, offered: ssl.SSLContext, tmp_path: Path
) -> None:
    chain, key = _pair(tmp_path, new_key())
    offered.verify_mode = ssl.CERT_REQUIRED
    offered.load_verify_locations(chain)
    client, server = shake(client_context(trust.ca_file, certificate=(chain, key)), offered)
    shown = server.getpeercert(binary_form=True)
    assert shown == ssl.PEM_cert_to_DER_cert(chain.read_text())
    assert client.selected_alpn_protocol() == "h2"


def test_a_key_that_does_not_fit_is_named(trust: Trust, tmp_path: Path) -> None:
    chain, key = _pair(tmp_path, new_key())
    key.write_bytes(pem_of(new_key()))
    _does_not_fit(trust, chain, key)


def test_a_key_under_a_password_asks_for_none(trust: Trust, tmp_path: Path) -> None:
    made = new_key()
    chain, key = _pair(tmp_path, made)
    lock = BestAvailableEncryption(b"secret")
    key.write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock))
    _does_not_fit(trust, chain, key)


def test_a_missing_key_or_chain_is_named(trust: Trust, tmp_path: Path) -> None:
    chain, key = _pair(tmp_path, new_key())
    key.unlink()
    _does_not_fit(trust, chain, key)
    _does_not_fit(trust, tmp_path / "nowhere.pem", chain)


def _does_not_fit(trust: Trust, chain: Path, key: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        client_context(trust.ca_file, certificate=(chain, key))
    assert str(chain) in caught.value.message
    assert caught.value.hint
