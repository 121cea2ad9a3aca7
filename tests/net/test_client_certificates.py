"""Client certificates over real TLS: each kind, and those that TLS refuses with an alert."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from pushkit_cli.apns.facts import Certificate, Trouble
from pushkit_cli.apns.message import Response
from pushkit_cli.apns.push import Environment
from pushkit_cli.engine.local import Trust, ensure_client_authority, ensure_trust
from pushkit_cli.errors import NotSentError
from pushkit_cli.net.client_authority import (
    KINDS,
    ClientAuthority,
    client_authority_is_good,
    issue,
    new_client_authority,
)
from pushkit_cli.net.client_certs import (
    facts_in,
    facts_of,
    is_issued_by,
    read_authorities,
    read_certificate,
)
from pushkit_cli.net.sender import Endpoint, exchange
from pushkit_cli.net.server import Server
from pushkit_cli.net.tls import client_context, server_context
from pushkit_cli.store.files import Home
from tests.apns_host import answering
from tests.net.forger import Issuer, key_id, named, new_key, pem_of, throwaway
from tests.net.test_server import PATIENCE_S, SANDBOX, House, opened
from tests.wire.pair import post

NOW = datetime.now(UTC)
APP, TEAM = "com.example.app", "TEAM123456"
BOTH, PRODUCTION = frozenset(Environment), frozenset({Environment.PRODUCTION})
YEAR = timedelta(days=365)
VERSIONS = pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])


@pytest.fixture(scope="module")
def authority() -> ClientAuthority:
    return new_client_authority(now=NOW)


def made(
    authority: ClientAuthority, kind: str = "app", name: str = APP, life: timedelta = YEAR
) -> bytes:
    environments = KINDS[kind].environments
    return issue(
        authority, kind, name, team_id=TEAM, environments=environments, now=NOW, life=life
    ).file


# What each kind says

MDM = "com.apple.mgmt.External.5b3a0f6e-6f0c-4f3d-9b53-0f2f2c1c7a11"
PASS = "pass.com.example.ticket"
SAID = {
    "app": (APP, (APP, f"{APP}.voip", f"{APP}.complication"), BOTH, APP, TEAM),
    "voip": (APP, (f"{APP}.voip",), BOTH, f"{APP}.voip", TEAM),
    "watchkit": (APP, (f"{APP}.voip", f"{APP}.complication"), BOTH, APP, TEAM),
    "mdm": (MDM, (MDM,), PRODUCTION, MDM, None),
    "pass": (PASS, (PASS,), PRODUCTION, PASS, TEAM),
}
NAMES = {
    "app": "Apple Push Services: com.example.app",
    "voip": "VoIP Services: com.example.app",
    "watchkit": "WatchKit Services: com.example.app",
    "mdm": "APSP:5b3a0f6e-6f0c-4f3d-9b53-0f2f2c1c7a11",
    "pass": "Pass Type ID: pass.com.example.ticket",
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_certificate_of_each_kind_says_what_apples_says(
    kind: str, authority: ClientAuthority
) -> None:
    name, topics, environments, uid, team = SAID[kind]
    file = made(authority, kind, name)
    found = read_certificate(file)
    assert (
        found.says
        == facts_in(file)
        == Certificate(topics=topics, environments=environments, uid=uid, team_id=team)
    )
    leaf = x509.load_pem_x509_certificate(found.chain_pem)
    (common_name,) = leaf.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    assert common_name.value == NAMES[kind]
    purposes = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert is_issued_by(found.chain_pem, authority.root_pem)
    assert not is_issued_by(found.chain_pem, new_client_authority(now=NOW).root_pem)


def test_every_kind_stands_in_the_table_of_the_tests() -> None:
    assert SAID.keys() == NAMES.keys() == KINDS.keys()


def test_a_long_name_is_told_whole_in_the_uid(authority: ClientAuthority) -> None:
    name = ".".join(["com", "example", *["a" * 40] * 4])
    assert facts_in(made(authority, "app", name)).topics[1] == f"{name}.voip"


def test_what_cannot_be_read_says_nothing_and_is_good_for_nothing() -> None:
    assert facts_of(b"\x30\x82") == Certificate(topics=(), environments=BOTH)
    assert not is_issued_by(b"x", b"y")
    with pytest.raises(ValueError, match="no certificate in PEM"):
        read_authorities(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")


def test_only_the_certificates_of_a_file_are_taken_from_it(authority: ClientAuthority) -> None:
    comment = "über\n".encode()
    assert read_authorities(comment + authority.root_pem + authority.key_pem) == authority.root_pem


def test_an_authority_is_good_until_it_cannot_vouch_for_a_year(authority: ClientAuthority) -> None:
    other = new_client_authority(now=NOW)
    mixed = ClientAuthority(root_pem=authority.root_pem, key_pem=other.key_pem)
    empty = ClientAuthority(root_pem=b"", key_pem=b"")
    assert client_authority_is_good(authority, now=NOW)
    assert client_authority_is_good(authority, now=NOW + timedelta(days=3200))
    assert not client_authority_is_good(authority, now=NOW + timedelta(days=3260))
    assert not client_authority_is_good(authority, now=NOW - timedelta(days=2))
    assert not client_authority_is_good(mixed, now=NOW)
    assert not client_authority_is_good(empty, now=NOW)


def test_a_home_keeps_its_authority_and_makes_a_damaged_one_anew(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    first = ensure_client_authority(home)
    assert ensure_client_authority(home) == first
    trust = ensure_trust(home)
    assert trust.client_ca_file.read_bytes() == first.root_pem
    home.write("local/client-ca.key", b"torn")
    second = ensure_client_authority(home)
    assert second != first
    assert client_authority_is_good(second, now=NOW)


# Over TLS


@asynccontextmanager
async def asking(trust: Trust, authorities: bytes) -> AsyncIterator[House]:
    """A house that takes certificates of some authorities."""
    house = House(trust)
    context = server_context(
        chain=trust.chain_file, key=trust.chain_key_file, client_authorities=authorities
    )
    house.server = Server(house, context)
    async with opened(house):
        yield house


async def shake(house: House, shown: Path | None, version: str = "TLSv1_3") -> None:
    """Connect, and read what comes first; raises what the client hears."""
    context = client_context(house.trust.ca_file)
    context.maximum_version = context.minimum_version = ssl.TLSVersion[version]
    if shown is not None:
        context.load_cert_chain(shown)
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", house.ports[SANDBOX], ssl=context, server_hostname="127.0.0.1"
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            assert await reader.read(1), "hung up without a word"
    finally:
        writer.transport.abort()


def file_of(folder: Path, data: bytes) -> Path:
    path = folder / "client.pem"
    path.write_bytes(data)
    return path


@VERSIONS
def test_a_certificate_is_asked_for_and_not_required(
    version: str, trust: Trust, authority: ClientAuthority, tmp_path: Path
) -> None:
    async def play() -> None:
        async with asking(trust, authority.root_pem) as house:
            shown = file_of(tmp_path, made(authority))
            for one in (None, shown):
                await shake(house, one, version)
            assert house.certificates == [None, facts_in(shown.read_bytes())]

    asyncio.run(play())


def refused_ones(authority: ClientAuthority) -> dict[str, tuple[bytes, str]]:
    """Certificates that TLS refuses, each with the alert that says why."""
    stranger, old = new_client_authority(now=NOW), timedelta(days=-1)
    thief = throwaway()
    root = x509.load_pem_x509_certificate(authority.root_pem)
    key = new_key()
    forged = Issuer(name=root.subject, id=key_id(root), key=thief.key).sign(named("x"), key)
    return {
        "ended": (made(authority, life=old), "certificate expired"),
        "of a stranger": (made(stranger), "(unknown ca|decrypt error|bad certificate)"),
        "in the authority's name": (
            pem_of(forged) + pem_of(key),
            "(unknown ca|decrypt error|bad certificate)",
        ),
    }


@VERSIONS
@pytest.mark.parametrize("name", ["ended", "of a stranger", "in the authority's name"])
def test_a_certificate_that_is_not_taken_is_refused_with_an_alert_and_nothing_is_logged(
    name: str,
    version: str,
    trust: Trust,
    authority: ClientAuthority,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    data, alert = refused_ones(authority)[name]

    async def play() -> None:
        async with asking(trust, authority.root_pem) as house:
            with pytest.raises(ssl.SSLError, match=f"(?i){alert.replace(' ', '[ _]')}"):
                await shake(house, file_of(tmp_path, data), version)
            await shake(house, None, version)  # and the next one is served
            assert house.certificates == [None]
            assert house.troubles == [Trouble.CERTIFICATE]

    with caplog.at_level(logging.DEBUG):
        asyncio.run(play())
    assert [one for one in caplog.records if one.levelno > logging.DEBUG] == []


@VERSIONS
@pytest.mark.parametrize("life", [YEAR, timedelta(days=-1)], ids=["of a stranger", "ended"])
def test_a_sender_knows_that_nothing_was_sent_where_its_certificate_is_refused(
    version: str, life: timedelta, authority: ClientAuthority, tmp_path: Path
) -> None:
    shown = file_of(tmp_path, made(authority, life=life))
    with answering(tmp_path, lambda _: Response(status=200)) as there:
        context = client_context(there.ca_file, certificate=(shown, shown))
        context.maximum_version = ssl.TLSVersion[version]
        endpoint = Endpoint(host="127.0.0.1", port=there.port)
        with pytest.raises(NotSentError, match="the client certificate was refused") as caught:
            exchange(endpoint, context, [post()], timeout=PATIENCE_S)
        assert there.asked == []
    assert "revoked" in (caught.value.hint or "")


def test_an_authority_below_a_root_is_enough(
    trust: Trust, authority: ClientAuthority, tmp_path: Path
) -> None:
    """Apple's leaves hang below an intermediate, and that is what a user has at hand."""
    above, below, key = throwaway(), new_key(), new_key()
    middle = above.as_issuer(above.root).sign(named("middle"), below, ca=True)
    purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    issuer = Issuer(name=middle.subject, id=key_id(middle), key=below)
    leaf = issuer.sign(named("leaf"), key, purpose)

    async def play() -> None:
        async with asking(trust, authority.root_pem + pem_of(middle)) as house:
            await shake(house, file_of(tmp_path, pem_of(leaf) + pem_of(key)))
            assert house.certificates == [Certificate(topics=(), environments=BOTH)]

    asyncio.run(play())


def test_a_client_that_speaks_no_tls_is_hung_up_on_at_once(
    trust: Trust, authority: ClientAuthority
) -> None:
    async def play() -> None:
        async with asking(trust, authority.root_pem) as house, asyncio.timeout(PATIENCE_S / 2):
            reader, writer = await asyncio.open_connection("127.0.0.1", house.ports[SANDBOX])
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            while await reader.read(100):
                pass
            writer.close()
            assert house.told == []

    asyncio.run(play())
