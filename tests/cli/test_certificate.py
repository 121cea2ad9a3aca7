"""`pushkit certificate`: a certificate in a file, and pushes with it through a real listener."""

import json
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12

from pushkit_cli.apns.message import Outcome, Reply, Request, to_request
from pushkit_cli.apns.push import Push, PushType
from pushkit_cli.cli.certificate import _KINDS
from pushkit_cli.engine.listener import Options, Running, TokenSpec, running
from pushkit_cli.errors import CredentialError, PushkitError, StoreError
from pushkit_cli.net.client_authority import KINDS, issue, new_client_authority
from pushkit_cli.net.client_certs import facts_in
from pushkit_cli.net.sender import Endpoint, exchange
from pushkit_cli.net.tls import client_context
from tests.cli.credentials import TEAM, p8_file
from tests.cli.errands import failed, here, holding, left_behind, prepared
from tests.commands import PATIENCE_S, listening, objects
from tests.conftest import Told
from tests.net.test_client_certificates import NOW, YEAR

APP, PASS = "com.example.app", "pass.com.example.ticket"
MDM = "com.apple.mgmt.External.5b3a0f6e-6f0c-4f3d-9b53-0f2f2c1c7a11"


def test_the_kinds_that_can_be_said_are_those_that_can_be_made() -> None:
    assert set(_KINDS) == KINDS.keys()


# The file


def test_a_certificate_stands_with_its_key_in_a_private_file(home: Path) -> None:
    done = here("certificate", "app", "--app", APP)
    assert done.returncode == 0, done.stderr
    file = Path(done.stdout.decode().rstrip("\n"))
    assert file.parent == home / "local" / "certificates"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((home / "local" / "client-ca.key").stat().st_mode) == 0o600
    leaf = x509.load_pem_x509_certificate(file.read_bytes())
    key = load_pem_private_key(file.read_bytes(), None)
    assert key.public_key() == leaf.public_key()
    secret = file.read_bytes().split(b"-----BEGIN PRIVATE KEY-----")[1].splitlines()[1]
    assert holding(home, secret) == [file.relative_to(home).as_posix()]
    assert b"PRIVATE" not in done.stdout + done.stderr
    said = done.stderr.decode()
    assert f"topics  {APP}, {APP}.voip, {APP}.complication" in said
    assert f"pushkit register app {APP} --team-id LOCALTEAM0 --cert {file}" in said


@pytest.mark.parametrize(
    ("words", "name", "environments"),
    [
        (("app", "--app", APP, "--env", "sandbox"), APP, ["sandbox"]),
        (("voip", "--app", APP), APP, ["sandbox", "production"]),
        (("watchkit", "--app", APP, "--env", "both"), APP, ["sandbox", "production"]),
        (("mdm", "--app", MDM), MDM, ["production"]),
        (("pass", "--app", PASS), PASS, ["production"]),
    ],
)
def test_what_was_made_is_told_in_json(
    words: tuple[str, ...], name: str, environments: list[str]
) -> None:
    (said,) = objects(here("certificate", *words, "--team-id", TEAM, "--json").stdout)
    assert (said["v"], said["event"], said["kind"]) == (1, "certificate", words[0])
    assert (said["name"], said["environments"]) == (name, environments)
    found = facts_in(Path(said["file"]).read_bytes())
    assert (said["uid"], tuple(said["topics"])) == (found.uid, found.topics)
    assert said["team_id"] == found.team_id == (None if words[0] == "mdm" else TEAM)


def test_the_topic_of_an_mdm_server_is_made_up_where_none_is_said() -> None:
    said = [objects(here("certificate", "mdm", "--json").stdout)[0] for _ in range(2)]
    assert {one["name"].startswith("com.apple.mgmt.External.") for one in said} == {True}
    assert said[0]["name"] != said[1]["name"]


def test_a_file_of_ones_own_is_not_overwritten_unasked(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine.pem"
    words = ("certificate", "app", "--app", APP, "--out", str(out))
    assert prepared(*words) == f"{out}\n"
    before = out.read_bytes()
    assert "is there already" in failed(here(*words), 6)
    assert out.read_bytes() == before
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    prepared(*words, "--replace")
    assert out.read_bytes() != before
    assert left_behind(tmp_path) == []
    assert not (home / "local" / "certificates").exists()


def test_a_password_locks_the_key_in_either_form(tmp_path: Path) -> None:
    password, pem, p12 = (tmp_path / name for name in ("password", "a.pem", "a.p12"))
    password.write_bytes(b"pa55word\n")
    for out in (pem, p12):
        prepared("certificate", "app", "--app", APP, "--out", str(out),
                 "--password-file", str(password))  # fmt: skip
    assert b"ENCRYPTED PRIVATE KEY" in pem.read_bytes()
    assert load_pem_private_key(pem.read_bytes(), b"pa55word") is not None
    key, leaf, _ = pkcs12.load_key_and_certificates(p12.read_bytes(), b"pa55word")
    assert key is not None
    assert leaf is not None
    with pytest.raises(ValueError, match="password"):
        pkcs12.load_key_and_certificates(p12.read_bytes(), None)
    locked = ("--cert", str(p12), "--password-file", str(password))
    assert prepared("register", "app", APP, "--team-id", TEAM, *locked).startswith("registered")
    password.write_bytes(b"\n")
    words = ("certificate", "app", "--app", APP, "--password-file", str(password))
    assert "holds no password" in failed(here(*words), 2)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("app",), 2, "--app is missing"),
        (("pass",), 2, "pass.com.example.ticket"),
        (("pass", "--app", APP), 2, "its name begins with pass."),
        (("mdm", "--app", APP), 2, "its name begins with com.apple.mgmt."),
        (("app", "--app", f"{APP}.voip"), 2, f"name the app itself: {APP}"),
        (("app", "--app", "../../x"), 2, "is not a bundle id"),
        (("safari", "--app", APP), 2, "'safari' is not one of"),
        (("app", "--app", APP, "--days", "398"), 2, "398 is not in the range"),
        (("app", "--app", APP, "--out", "nowhere/x.pem"), 2, "its folder is missing"),
    ],
)
def test_what_cannot_be_made_is_refused(
    home: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    assert said in failed(here("certificate", *words), code)
    assert not (home / "local" / "certificates").exists()


# Pushes


def certificate(*words: str) -> Path:
    return Path(prepared("certificate", *words).rstrip("\n"))


def push(
    up: Running, shown: Path, token: str, *, production: bool = False, **said: str
) -> tuple[int | None, str | None]:
    """One push with a certificate and no provider token; no header but those that are said."""
    endpoint = Endpoint(
        host="127.0.0.1",
        port=int(up.ready["endpoints"]["production" if production else "sandbox"].split(":")[-1]),
    )
    asked: Request = to_request(
        Push(token=token, payload=b"{}", **said),  # type: ignore[arg-type]
        authority=endpoint.authority,
        provider_token=None,
    )
    context = client_context(Path(up.ready["ca_file"]), certificate=(shown, shown))
    reply: Reply = exchange(endpoint, context, [asked], timeout=PATIENCE_S)[0].reply
    return reply.status, reply.reason


def token_of(up: Running, app: str, kind: str, environment: str = "sandbox") -> str:
    return next(
        str(one["tokens"][kind])
        for device in up.ready["devices"]
        for one in device["apps"]
        if (one["bundle_id"], one["environment"]) == (app, environment) and kind in one["tokens"]
    )


def test_a_listener_that_runs_takes_a_certificate_that_is_made_now(home: Path, told: Told) -> None:
    before = home.parent / "before.pem"
    certificate("app", "--app", APP, "--env", "production", "--out", str(before))
    with running(Options(home=home, apps=(APP,), port=0, production_port=0), told.append) as up:
        assert up.ready["client_ca_files"] == [str(home / "local" / "client-ca.pem")]
        app, voip = certificate("app", "--app", APP), certificate("voip", "--app", APP)
        token = token_of(up, APP, "voip")
        assert push(up, app, token, topic=f"{APP}.voip") == (200, None)
        assert push(up, app, token) == (400, "MissingTopic")
        assert push(up, voip, token) == (200, None)
        assert push(up, voip, token, topic=APP) == (400, "TopicDisallowed")
        assert push(up, before, token, topic=f"{APP}.voip") == (403, "BadCertificateEnvironment")
    auth = [one["auth"] for one in told.named("push")]
    assert auth[0] == {
        "kind": "certificate",
        "team_id": "LOCALTEAM0",
        "key_id": None,
        "issued_at": None,
        "uid": APP,
        "topics": (APP, f"{APP}.voip", f"{APP}.complication"),
    }


def test_mdm_and_wallet_are_pushed_to_without_a_header(home: Path, told: Told) -> None:
    options = Options(home=home, apps=(APP, MDM, PASS), port=0, production_port=0)
    mdm, wallet = certificate("mdm", "--app", MDM), certificate("pass", "--app", PASS)
    with running(options, told.append) as up:
        for shown, name, kind in ((mdm, MDM, "mdm"), (wallet, PASS, "alert")):
            token = token_of(up, name, kind, "production")
            assert push(up, shown, token, production=True) == (200, None)
            assert push(up, shown, token) == (403, "BadCertificateEnvironment")
    assert [one["app"] for one in told.named("delivered")] == [MDM, PASS]


def test_a_token_of_fixtures_goes_to_the_app_that_can_have_it(home: Path, told: Told) -> None:
    given = (
        TokenSpec(device=None, type=PushType.mdm, token="ab" * 32),
        TokenSpec(device="watch", type=PushType.complication, token="cd" * 32),
    )
    options = Options(home=home, apps=(MDM, APP), tokens=given, port=0, production_port=0)
    with running(options, told.append) as up:
        assert token_of(up, MDM, "mdm", "production") == "ab" * 32
        assert token_of(up, APP, "complication") == "cd" * 32
        shown = certificate("mdm", "--app", MDM)
        assert push(up, shown, "ab" * 32, production=True) == (200, None)


def test_a_token_for_mdm_needs_its_topic() -> None:
    done = here("listen", "--port", "0", "--token", f"mdm={'ab' * 32}")
    assert "--app com.apple.mgmt.External.UUID" in failed(done, 2)


def test_send_signs_with_a_registered_certificate_that_the_listener_takes(
    home: Path, told: Told
) -> None:
    shown = str(certificate("app", "--app", APP))
    prepared("register", "app", APP, "--team-id", TEAM, "--cert", shown)
    with running(Options(home=home, apps=(APP,), port=0, production_port=0), told.append):
        done = here("send", "--type", "voip", "--json")
        assert done.returncode == 0, done.stderr
        assert objects(done.stdout)[0]["outcome"] == Outcome.ACCEPTED
        assert objects(done.stdout)[0]["key_id"] is None
        assert "certificate" in here("send", "--type", "voip").stderr.decode().splitlines()[0]
        done = here("send", "--type", "fileprovider", "--no-lint", "--json")
        assert (done.returncode, objects(done.stdout)[0]["reason"]) == (4, "TopicDisallowed")
    kinds = [one["auth"]["kind"] for one in told.named("push")]  # type: ignore[index]
    assert kinds == ["certificate"] * 3


def test_send_signs_with_the_local_key_where_the_certificate_is_apples(
    home: Path, told: Told, tmp_path: Path
) -> None:
    file = tmp_path / "apples.pem"
    file.write_bytes(_strangers("app", APP)[0])
    prepared("register", "app", APP, "--team-id", TEAM, "--cert", str(file))
    with running(Options(home=home, apps=(APP,), port=0, production_port=0), told.append):
        assert here("send", "--type", "voip").returncode == 0
    (pushed,) = told.named("push")
    assert pushed["auth"]["kind"] == "token"  # type: ignore[index]


def test_a_certificate_that_tls_refuses_is_provably_not_sent(
    listener: Running, tmp_path: Path
) -> None:
    file = tmp_path / "theirs.pem"
    file.write_bytes(_strangers("app", APP)[0])
    prepared("register", "app", APP, "--team-id", TEAM, "--cert", str(file))
    words = ("send", "--type", "voip", "--to", "5f" * 32, "--app", APP, "--env", "sandbox",
             "--endpoint", listener.ready["endpoint"], "-d", "callUUID=1")  # fmt: skip
    said = failed(here(*words), 5)
    assert "the client certificate was refused: tlsv1 alert unknown ca" in said
    assert "does another authority vouch for it?" in said


# --client-ca


def _strangers(kind: str, name: str) -> tuple[bytes, bytes]:
    """A certificate of another authority, and that authority."""
    authority = new_client_authority(now=NOW)
    file = issue(
        authority, kind, name, team_id=TEAM, environments=KINDS[kind].environments, now=NOW,
        life=YEAR,
    ).file  # fmt: skip
    return file, authority.root_pem


def test_certificates_of_an_authority_that_was_named_are_taken(
    home: Path, told: Told, tmp_path: Path
) -> None:
    shown, ca = tmp_path / "theirs.pem", tmp_path / "ca.pem"
    file, root = _strangers("app", APP)
    shown.write_bytes(file)
    ca.write_bytes(b"# a comment\n" + root)
    ours = certificate("app", "--app", APP)
    prepared("register", "app", APP, "--team-id", TEAM, "--cert", str(shown))
    options = Options(home=home, apps=(APP,), port=0, production_port=0, client_authorities=(ca,))
    with running(options, told.append) as up:
        token = token_of(up, APP, "voip")
        for one in (shown, ours):
            assert push(up, one, token, topic=f"{APP}.voip") == (200, None)
        assert here("send", "--type", "voip").returncode == 0
    kinds = [one["auth"]["kind"] for one in told.named("push")]  # type: ignore[index]
    assert kinds == ["certificate"] * 3


@pytest.mark.parametrize(
    ("content", "kind", "said", "hint"),
    [
        (None, StoreError, "no such file", "--client-ca"),
        (b"", CredentialError, "it holds no certificate in PEM", "openssl x509 -inform der"),
        (b"\x30\x82\x01", CredentialError, "it holds no certificate in PEM", "-inform der"),
    ],
)
def test_one_bad_authority_is_one_error_at_the_start(
    home: Path, tmp_path: Path, content: bytes | None, kind: type[PushkitError], said: str,
    hint: str,
) -> None:  # fmt: skip
    good, bad = tmp_path / "good.pem", tmp_path / "bad.pem"
    good.write_bytes(_strangers("app", APP)[1])
    if content is not None:
        bad.write_bytes(content)
    done = here("listen", "--port", "0", "--client-ca", str(good), "--client-ca", str(bad))
    told = failed(done, kind.exit_code)
    assert said in told
    assert hint in told
    assert "bad.pem" in told
    assert not (home / "local").exists()


# --auth any


def test_any_token_is_said_loudly_at_the_start_and_in_each_push(home: Path, tmp_path: Path) -> None:
    events = tmp_path / "events.ndjson"
    stranger = {
        "PUSHKIT_KEY_FILE": str(p8_file(tmp_path, "NOBODYSKEY")),
        "PUSHKIT_TEAM_ID": TEAM,
        "PUSHKIT_KEY_ID": "NOBODYSKEY",
    }
    with listening("--port", "0", "--auth", "any", "--events", str(events)) as (process, ready):
        assert ready["auth"] == "any"
        assert process.stderr is not None
        assert b"warning: --auth any" in process.stderr.readline()
        assert here("send", "--type", "voip", variables=stranger).returncode == 0
    (pushed,) = (
        one for one in map(json.loads, events.read_text().splitlines()) if one["event"] == "push"
    )
    assert pushed["auth"]["kind"] == "unverified"
    assert (pushed["auth"]["team_id"], pushed["auth"]["key_id"]) == (TEAM, "NOBODYSKEY")
