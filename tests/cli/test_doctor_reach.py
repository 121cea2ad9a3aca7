"""`pushkit doctor` and a host: what keeps a push from it, and where a device token belongs."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from pushkit_cli.apns import message
from pushkit_cli.apns.message import Request, Response
from pushkit_cli.apns.reasons import REASONS
from pushkit_cli.engine.listener import Running
from pushkit_cli.engine.waiting import wait_for
from tests.apns_host import answering
from tests.cli.credentials import APP, KEY, TEAM, TOKEN, p8, p8_file
from tests.cli.errands import Done, failed, here, prepared
from tests.cli.hosts import RawHost, answers, connect_proxy, no_tls, raw_host, silence
from tests.cli.test_doctor import problems
from tests.commands import objects
from tests.conftest import Told

PRODUCTION, SANDBOX = "api.push.apple.com", "api.sandbox.push.apple.com"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def stateless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sound key by variables."""
    monkeypatch.setenv("PUSHKIT_KEY", p8().decode())
    monkeypatch.setenv("PUSHKIT_TEAM_ID", TEAM)
    monkeypatch.setenv("PUSHKIT_KEY_ID", KEY)


def one(done: Done, check: str, code: int) -> str:
    """The only problem there is: what it says."""
    found = problems(done)
    assert [each["check"] for each in found] == [check], found
    assert done.returncode == code
    assert found[0]["why"]
    assert found[0]["remedy"]
    return str(found[0]["what"])


def refusing(word: str) -> Response:
    """A refusal as APNs writes it."""
    return message.refuse(REASONS[word], apns_id="A", timestamp_ms=1_795_000_000_000)


# The way


@pytest.mark.usefixtures("stateless")
@pytest.mark.parametrize(
    ("endpoint", "said"),
    [("https://nobody.invalid", "no address is known"), ("https://127.0.0.1:1", "refused")],
)
def test_a_host_that_is_not_there(endpoint: str, said: str) -> None:
    words = ("--endpoint", endpoint, "--send-key-to", "nobody.invalid", "--env", "sandbox")
    assert said in one(here("doctor", "--json", *words), "reach", 5)


@pytest.mark.usefixtures("stateless")
def test_a_host_that_is_not_trusted(tmp_path: Path) -> None:
    with answering(tmp_path, lambda _: refusing("BadDeviceToken")) as host:
        words = ("--endpoint", host.url, "--env", "sandbox")
        assert "not trusted" in one(here("doctor", "--json", *words), "reach", 5)
        trusted = here("doctor", "--json", *words, "--cacert", str(host.ca_file))
    assert problems(trusted) == []


@pytest.mark.usefixtures("stateless")
@pytest.mark.parametrize(
    ("alpn", "behave", "said"),
    [
        ("http/1.1", silence, "does not speak HTTP/2"),
        ("h2", silence, "did not answer: no answer in time"),
        (None, no_tls, "did not complete TLS"),
    ],
)
def test_a_host_that_is_no_apns(
    alpn: str | None, behave: Callable[..., None], said: str, tmp_path: Path
) -> None:
    with raw_host(tmp_path, behave, alpn=alpn or "h2", tls=alpn is not None) as host:
        words = (*host.trusted, "--env", "sandbox", "--timeout", "500ms")
        assert said in one(here("doctor", "--json", *words), "reach", 5)


@pytest.mark.usefixtures("stateless")
def test_a_proxy_that_is_none_and_one_that_refuses() -> None:
    words = ("doctor", "--json", "--env", "production")
    assert "ftp" in one(here(*words, variables={"HTTPS_PROXY": "ftp://x"}), "proxy", 6)
    with connect_proxy() as proxy:
        done = here(*words, variables={"HTTPS_PROXY": proxy.url()})
    assert "403" in one(done, "reach", 5)


# The listener


def test_a_listener_is_reached_and_nothing_rings(listener: Running, told: Told) -> None:
    done = here("doctor", "--json")
    assert problems(done) == []
    well = {each["check"] for each in objects(done.stdout) if each.get("level") == "ok"}
    assert {"listener", "reach", "credential"} <= well
    pushes = wait_for(lambda: told.named("push") or None, timeout=10)
    assert [push["reason"] for push in pushes or []] == ["BadDeviceToken"]


def test_variables_of_another_run(listener: Running) -> None:
    done = here("doctor", "--json", variables={"PUSHKIT_ENDPOINT": "https://127.0.0.1:1"})
    assert "PUSHKIT_ENDPOINT names https://127.0.0.1:1" in one(done, "listener", 6)


def test_variables_of_a_run_that_is_over(tmp_path: Path) -> None:
    variables = {
        "PUSHKIT_ENDPOINT": "https://127.0.0.1:1",
        "PUSHKIT_KEY_FILE": str(p8_file(tmp_path, "LOCALKEY01")),
        "PUSHKIT_TEAM_ID": "LOCALTEAM0",
        "PUSHKIT_KEY_ID": "LOCALKEY01",
    }
    assert "refused" in one(here("doctor", "--json", variables=variables), "reach", 5)


def test_a_listener_of_another_version(listener: Running, home: Path) -> None:
    file = home / "run" / "listen.json"
    said = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**said, "version": "0.0.1"}), encoding="utf-8")
    assert "0.0.1" in one(here("doctor", "--json"), "listener", 7)


@pytest.mark.parametrize(("text", "said"), [(None, "is gone"), ("{}", "is not a ready file")])
def test_a_ready_file_of_nobody(text: str | None, said: str, tmp_path: Path) -> None:
    file = tmp_path / "ready.json"
    if text is not None:
        file.write_text(text)
    done = here("doctor", "--json", variables={"PUSHKIT_READY_FILE": str(file)})
    assert said in one(done, "listener", 6)


# The credential


@pytest.mark.usefixtures("stateless")
@pytest.mark.parametrize(
    ("word", "check", "code"),
    [
        ("InvalidProviderToken", "credential", 6),
        ("BadEnvironmentKeyInToken", "credential", 6),
        ("TopicDisallowed", "credential", 6),
        ("TooManyProviderTokenUpdates", "credential", 6),
        ("ExpiredProviderToken", "clock", 7),
    ],
)
def test_a_host_that_refuses_what_signs(word: str, check: str, code: int, tmp_path: Path) -> None:
    with answering(tmp_path, lambda _: refusing(word)) as host:
        words = ("--endpoint", host.url, "--cacert", str(host.ca_file), "--env", "sandbox")
        done = here("doctor", "--json", "--app", APP, *words)
    assert "provider token expired" in one(done, check, code) or word in one(done, check, code)
    assert len(host.asked) == 1


def _register(folder: Path, *environment: str) -> None:
    key = str(p8_file(folder))
    prepared("register", "app", APP, "--team-id", TEAM, "--key", key, *environment)


def test_nothing_that_signs_in_an_environment(tmp_path: Path) -> None:
    _register(tmp_path, "--env", "sandbox")
    done = here("doctor", "--json", "--env", "production", "--app", APP)
    assert "no credential for production" in one(done, "credential", 6)


# The token


def _bob(environment: str = "sandbox") -> None:
    prepared("register", "device", "bob", "--app", APP, "--type", "voip", "--token", TOKEN,
        "--env", environment)  # fmt: skip


@contextmanager
def apple(folder: Path, **reasons: str) -> Iterator[Callable[..., Done]]:
    """`doctor` before both of Apple's hosts, which answer TOKEN so and others BadDeviceToken."""

    def answer(request: Request) -> Response:
        place = "sandbox" if request.field(b":authority") == SANDBOX else "production"
        word = reasons.get(place, "BadDeviceToken") if request.token == TOKEN else "BadDeviceToken"
        return refusing(word)

    with ExitStack() as stack:
        host = stack.enter_context(_named(folder, answer))
        proxy = stack.enter_context(connect_proxy(onward=host.port))

        def doctor(*words: str) -> Done:
            way = ("--cacert", str(host.ca_file), "--proxy", proxy.url())
            return here("doctor", "--json", *way, *words)

        yield doctor


@contextmanager
def _named(folder: Path, answer: Callable[[Request], Response]) -> Iterator[RawHost]:
    with raw_host(folder, answers(answer), names=(PRODUCTION, SANDBOX)) as host:
        yield host


def test_a_token_where_it_belongs_is_well(tmp_path: Path) -> None:
    _register(tmp_path)
    _bob()
    with apple(tmp_path, sandbox="InvalidPushType") as doctor:
        done = doctor("--to", "bob")
    assert problems(done) == []
    (token,) = [each for each in objects(done.stdout) if each.get("check") == "token"]
    assert "bob: type voip of com.example.app, issued in sandbox" in token["what"]
    assert token["how"] == "inferred"


@pytest.mark.parametrize(
    ("reasons", "said"),
    [
        ({"production": "InvalidPushType"}, "issued in production (production answered 400"),
        ({"sandbox": "DeviceTokenNotForTopic"}, "issued in sandbox, and not for the voip type"),
        ({}, "unknown in sandbox and production"),
        ({"sandbox": "Unregistered"}, "sandbox answered 410 Unregistered"),
        ({"sandbox": "ExpiredToken"}, "sandbox answered 410 ExpiredToken"),
    ],
)
def test_a_token_that_does_not_belong_where_it_is_registered(
    reasons: dict[str, str], said: str, tmp_path: Path
) -> None:
    _register(tmp_path)
    _bob()
    with apple(tmp_path, **reasons) as doctor:
        assert said in one(doctor("--to", "bob"), "token", 7)


def test_a_stated_environment_that_contradicts_the_record(tmp_path: Path) -> None:
    _register(tmp_path)
    _bob()
    done = here("doctor", "--json", "--to", "bob", "--env", "production")
    assert "registered as sandbox, and production is stated" in one(done, "environment", 6)


def test_a_bare_token_is_told_its_environment_and_type(listener: Running, told: Told) -> None:
    watch = listener.ready["devices"][1]["tokens"]["complication"]
    done = here("doctor", "--json", "--to", watch, "--app", "com.example.pushkit")
    assert problems(done) == []
    other = here("doctor", "--json", "--to", watch, "--env", "local-production")
    assert "issued in local (" in one(other, "token", 7)
    assert {push["status"] for push in told.named("push")} == {400}
    assert {"delivered", "launched"}.isdisjoint(event.to_json()["event"] for event in list(told))


def test_every_token_of_an_emulated_device_is_asked_about(listener: Running, told: Told) -> None:
    done = here("doctor", "--json", "--to", "iphone", "--env", "local")
    assert problems(done) == []
    types = {
        each["what"].split()[2] for each in objects(done.stdout) if each.get("check") == "token"
    }
    assert types == set(listener.ready["devices"][0]["tokens"])
    assert {push["reason"] for push in told.named("push")} <= {"InvalidPushType", "BadDeviceToken"}


def test_a_name_of_nobody_and_a_token_without_an_app(listener: Running) -> None:
    assert here("doctor", "--to", "nobody").returncode == 2
    assert here("doctor", "--to", TOKEN).returncode == 2
    other = here("doctor", "--to", "iphone", "--app", "com.example.other")
    assert "iphone has no token of com.example.other" in failed(other, 2)


def test_a_token_nobody_recorded_is_asked_about_type_by_type(tmp_path: Path) -> None:
    _register(tmp_path)

    def answer(request: Request) -> Response:
        if request.token != TOKEN or request.field(b":authority") == SANDBOX:
            return refusing("BadDeviceToken")
        mine = (request.field(b"apns-topic") or "").endswith(".complication")
        return refusing("InvalidPushType" if mine else "DeviceTokenNotForTopic")

    with _named(tmp_path, answer) as host, connect_proxy(onward=host.port) as proxy:
        way = ("--cacert", str(host.ca_file), "--proxy", proxy.url(), "--app", APP)
        done = here("doctor", "--json", "--to", TOKEN, "--env", "sandbox", *way)
        said = one(done, "token", 7)
    assert "type complication of com.example.app, issued in production" in said
    assert TOKEN not in done.stdout.decode()
    assert all(request.body == b"{}" for request in host.asked)
    asked = {request.field(b"apns-expiration") for request in host.asked}
    assert asked == {"0"}


# A colleague


def test_a_colleague_needs_the_clone_one_key_file_and_doctor(tmp_path: Path) -> None:
    (tmp_path / "pushkit.toml").write_text(
        f'environment = "sandbox"\n[keys.{KEY}]\nteam_id = "{TEAM}"\nfile = "AuthKey_{KEY}.p8"\n'
        f'[apps."{APP}"]\nteam_id = "{TEAM}"\nkey_id = "{KEY}"\n'
        f'[devices.bob]\napp = "{APP}"\nenvironment = "sandbox"\ntokens = {{ voip = "{TOKEN}" }}\n'
    )
    assert f"AuthKey_{KEY}.p8" in one(here("doctor", "--json"), "key", 6)
    p8_file(tmp_path)
    with apple(tmp_path, sandbox="InvalidPushType") as doctor:
        done = doctor("--to", "bob")
    assert problems(done) == []
    well = {each["check"] for each in objects(done.stdout) if each.get("level") == "ok"}
    assert {"project", "key", "app", "reach", "credential", "token"} <= well
