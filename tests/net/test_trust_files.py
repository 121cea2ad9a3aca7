"""The credentials in a home: made once, made anew when they must be, and never half of two."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12

from pushkit_cli.engine import host
from pushkit_cli.engine.local import TRUSTSTORE_PASSWORD, Trust, ensure_trust
from pushkit_cli.net.client_authority import ClientAuthority, client_authority_is_good
from pushkit_cli.net.tls import server_context
from pushkit_cli.store.files import Home

NOW = datetime(2026, 3, 1, tzinfo=UTC)
YEAR = timedelta(days=365.25)
FILES = [
    "ca-bundle.pem", "ca.pem", "client-ca.key", "client-ca.pem", "leaves.pem", "lock", "server.key",
    "server.pem",
]  # fmt: skip
MADE = {name: f"local/{name}" for name in FILES if name != "lock"}


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(host, "today", clock)
    return clock


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def _kept(home: Home) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (home.path / "local").iterdir()}


def _whole(trust: Trust, clock: Clock) -> x509.Certificate:
    """See that the files belong together, and return the leaf in use."""
    server_context(chain=trust.chain_file, key=trust.chain_key_file)  # they are a pair
    root_pem = trust.ca_file.read_bytes()
    root = x509.load_pem_x509_certificate(root_pem)
    (leaf,) = x509.load_pem_x509_certificates(trust.chain_file.read_bytes())
    leaf.verify_directly_issued_by(root)
    assert leaf.not_valid_before_utc < clock.now < leaf.not_valid_after_utc - timedelta(days=30)
    assert trust.ca_bundle_file.read_bytes().endswith(b"\n" + root_pem)
    store = pkcs12.load_pkcs12(trust.truststore_file.read_bytes(), TRUSTSTORE_PASSWORD)
    assert [it.certificate for it in store.additional_certs] == [root]
    clients = ClientAuthority(
        root_pem=trust.client_ca_file.read_bytes(),
        key_pem=trust.client_ca_file.with_name("client-ca.key").read_bytes(),
    )
    assert client_authority_is_good(clients, now=clock.now)
    return leaf


def test_files_are_made_once(home: Home, clock: Clock) -> None:
    _whole(ensure_trust(home), clock)
    kept = _kept(home)
    assert sorted(kept) == [*FILES, "truststore.p12"]
    _whole(ensure_trust(home), clock)
    assert _kept(home) == kept


def test_a_year_later_another_leaf_is_in_use(home: Home, clock: Clock) -> None:
    first = _whole(ensure_trust(home), clock)
    kept = _kept(home)
    clock.now += YEAR
    second = _whole(ensure_trust(home), clock)
    assert second != first
    assert _kept(home) == {**kept, "server.pem": _kept(home)["server.pem"]}


@pytest.mark.parametrize("later", [9.9 * YEAR, 30 * YEAR, -2 * YEAR])
def test_a_clock_far_away_leads_to_a_new_authority(
    later: timedelta, home: Home, clock: Clock
) -> None:
    ensure_trust(home)
    kept = _kept(home)
    clock.now += later
    _whole(ensure_trust(home), clock)
    changed = {name for name, data in _kept(home).items() if data != kept[name]}
    assert changed == {*MADE, "truststore.p12"}


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("torn", [None, b"", b"garbage", b"\xff\x00"])
def test_a_file_lost_or_torn_is_made_good(
    name: str, torn: bytes | None, home: Home, clock: Clock
) -> None:
    ensure_trust(home)
    if torn is None:
        (home.path / MADE[name]).unlink()
    else:
        home.write(MADE[name], torn)
    _whole(ensure_trust(home), clock)


@pytest.mark.parametrize("name", MADE)
def test_a_file_of_another_home_is_made_good(
    name: str, home: Home, clock: Clock, tmp_path: Path
) -> None:
    ensure_trust(home)
    other = Home(tmp_path / "other")
    ensure_trust(other)
    home.write(MADE[name], (other.path / MADE[name]).read_bytes())
    _whole(ensure_trust(home), clock)


class PowerCut(Exception):
    pass


@pytest.mark.parametrize("old", [False, True], ids=["first", "renewal"])
def test_a_crash_in_the_middle_leaves_nothing_half_made(
    old: bool, home: Home, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Home.write
    for done in range(10):
        left = done

        def cut(home: Home, name: str, data: bytes) -> Path:
            nonlocal left
            if left == 0:
                raise PowerCut
            left -= 1
            return write(home, name, data)

        if not old:
            for path in (home.path / "local").glob("*"):
                path.unlink()
        clock.now += 11 * YEAR
        with monkeypatch.context() as patched:
            patched.setattr(Home, "write", cut)
            try:
                ensure_trust(home)
            except PowerCut:
                pass
            else:
                assert done == 8
                return
        _whole(ensure_trust(home), clock)
    pytest.fail("it never came to an end")
