"""Where a credential may go: Apple's hosts, this machine, and whom the command line names twice.

The table is tried whole, by planning alone; what can be reached is then tried with real sockets.
"""

import ipaddress
import itertools
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pushkit_cli.apns.channels import Operation
from pushkit_cli.apns.message import Response
from pushkit_cli.engine import broadcasting, channels
from pushkit_cli.engine.planning import Order, Plan, plan
from pushkit_cli.engine.setting import Setting
from pushkit_cli.engine.where import Target
from pushkit_cli.errors import ConfigError, UsageError
from tests.cli.credentials import APP, KEY, TEAM, TOKEN, p8, p8_file
from tests.cli.errands import failed, here
from tests.cli.hosts import always, connect_proxy, raw_host

_OK = Response(status=200)
_APPLE = {
    Target.sandbox: "api.sandbox.push.apple.com",
    Target.production: "api.push.apple.com",
}
_EVIL = "https://evil.example:2197"
_ENDPOINTS = (
    None,
    "https://127.0.0.1:9",
    "https://[::1]:9",
    "https://localhost:9",
    "https://api.push.apple.com:2197",
    _EVIL,
    "https://api.push.apple.com.evil.example",
    "https://push.apple.com",
    "https://127.0.0.1.nip.io",
    "https://2130706433",
)
_NAMED = (None, "evil.example", "evil.example:2197", "127.0.0.1")
_VARIABLES: tuple[Mapping[str, str], ...] = (
    {},
    {"PUSHKIT_ENDPOINT": _EVIL},
    {"PUSHKIT_PRODUCTION_ENDPOINT": _EVIL},
    {"PUSHKIT_ENDPOINT": "https://127.0.0.1:9", "PUSHKIT_PRODUCTION_ENDPOINT": _EVIL},
    {"PUSHKIT_SEND_ENDPOINT": _EVIL, "PUSHKIT_SEND_SEND_KEY_TO": "evil.example"},
    {"HTTPS_PROXY": "http://evil.example:3128", "ALL_PROXY": "http://evil.example:3128"},
)
_KEYS: tuple[Mapping[str, str], ...] = (
    {},
    {"PUSHKIT_KEY": p8().decode(), "PUSHKIT_TEAM_ID": TEAM, "PUSHKIT_KEY_ID": "VARIABLE01"},
)


@pytest.fixture
def registered(home: Path, tmp_path: Path) -> Path:
    """A home with a key for Apple's two worlds; the home comes back."""
    done = here("register", "app", APP, "--team-id", TEAM, "--key", str(p8_file(tmp_path)))
    assert done.returncode == 0
    return home


def _planned(home: Path, variables: Mapping[str, str], **words: str | Target | None) -> Plan | None:
    """The plan, `None` where the command is refused."""
    order = Order(push_type="voip", to=(TOKEN,), app=APP, payload=b"{}", **words)  # type: ignore[arg-type]
    try:
        return plan(order, Setting(home=home, variables=variables))
    except (UsageError, ConfigError):
        return None


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _may(host: str, endpoint: str | None, named: str | None) -> bool:
    """The rows of the contract, said once more in other words."""
    if _is_here(host) or host in {*_APPLE.values()}:
        return True
    return endpoint is not None and named == host


def test_no_combination_of_words_and_variables_takes_a_credential_elsewhere(
    registered: Path,
) -> None:
    tried = planned = 0
    for env, endpoint, named, variables, keys in itertools.product(
        (None, *Target), _ENDPOINTS, _NAMED, _VARIABLES, _KEYS
    ):
        said = {**variables, **keys}
        found = _planned(registered, said, env=env, endpoint=endpoint, send_key_to=named)
        tried += 1
        if found is None:
            continue
        planned += 1
        host = found.where.endpoint.host
        row = (env, endpoint, named, variables, host)
        assert _may(host, endpoint, named), row
        if endpoint is None and env in _APPLE:
            assert host == _APPLE[env], row
        if env in _APPLE and "PUSHKIT_ENDPOINT" in variables:
            assert found.signer.key_id == KEY, row  # the variables' key is the listener's
        if found.proxy is not None:
            assert not _is_here(host), row
    assert tried == 5 * 10 * 4 * 6 * 2
    assert planned > tried / 4  # and the table is not empty


def test_nor_to_whoever_manages_channels(registered: Path) -> None:
    """The same table, for the hosts that make and unmake channels and for broadcasts."""
    managing = {name: host.replace("api", "api-manage-broadcast") for name, host in _APPLE.items()}
    planned = 0
    for env, endpoint, named, variables in itertools.product(
        Target, _ENDPOINTS, _NAMED, _VARIABLES
    ):
        way: dict[str, Any] = {"env": env, "endpoint": endpoint, "send_key_to": named, "app": APP}
        order = channels.Order(operation=Operation.LIST, **way)
        broadcast = Order(push_type="liveactivity", channel="dHN0", payload=b"{}", **way)
        setting = Setting(home=registered, variables=variables)
        for resolve, apples in (
            (partial(channels.plan, order, setting), managing),
            (partial(broadcasting.plan, broadcast, setting), _APPLE),
        ):
            try:
                found = resolve()
            except (UsageError, ConfigError):
                continue
            planned += 1
            host = found.where.endpoint.host
            row = (env, endpoint, named, variables, host)
            assert _may(host, endpoint, named) or host in managing.values(), row
            if endpoint is None and env in apples:
                assert host == apples[env], row
    assert planned > 4 * 10 * 4 * 6 * 2 / 4


@pytest.mark.parametrize(
    ("words", "host"),
    [
        ({"env": Target.sandbox}, "api.sandbox.push.apple.com"),
        ({"env": Target.production}, "api.push.apple.com"),
        ({"env": Target.local}, None),
        ({"env": Target.local_production}, None),
        ({"env": Target.local, "endpoint": _EVIL}, None),
        ({"env": Target.local, "endpoint": _EVIL, "send_key_to": "evil.example"}, "evil.example"),
        ({"env": Target.local, "send_key_to": "evil.example"}, None),
        ({"env": Target.production, "send_key_to": "evil.example"}, "api.push.apple.com"),
        ({"env": Target.production, "endpoint": "https://127.0.0.1:9"}, "127.0.0.1"),
    ],
)
def test_what_variables_name_is_never_followed_to_a_stranger(
    registered: Path, words: dict[str, Target | str], host: str | None
) -> None:
    variables = {"PUSHKIT_ENDPOINT": _EVIL, "PUSHKIT_PRODUCTION_ENDPOINT": _EVIL}
    found = _planned(registered, variables, **words)
    assert (None if found is None else found.where.endpoint.host) == host


def test_a_ready_file_of_a_stranger_is_not_followed(registered: Path, tmp_path: Path) -> None:
    file = tmp_path / "ready.json"
    endpoints = {"sandbox": _EVIL, "production": _EVIL}
    file.write_text(json.dumps({
        "event": "ready", "endpoints": endpoints, "devices": [], "team_id": TEAM,
        "key_id": KEY, "key_file": str(p8_file(tmp_path)), "ca_file": str(tmp_path / "ca.pem"),
    }))  # fmt: skip
    variables = {"PUSHKIT_READY_FILE": str(file)}
    for named in (None, "evil.example"):
        assert _planned(registered, variables, env=Target.local, send_key_to=named) is None


def test_a_projects_file_names_no_endpoint(
    registered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for word in ("endpoint", "send_key_to", "proxy"):
        (tmp_path / "pushkit.toml").write_text(f'{word} = "{_EVIL}"')
        words = ("send", "--type", "voip", "--to", TOKEN, "--app", APP, "--env", "local")
        assert f"nothing is called {word}" in failed(here(*words, "-d", "a=b"), 6)


_SEND = ("send", "--type", "voip", "--to", TOKEN, "--app", APP, "-d", "callUUID=x",
    "--retries", "0")  # fmt: skip


def test_variables_make_no_option_that_lowers_a_guard(registered: Path, tmp_path: Path) -> None:
    said = {
        "PUSHKIT_SEND_SEND_KEY_TO": "evil.example",
        "PUSHKIT_SEND_ENDPOINT": _EVIL,
        "PUSHKIT_ENDPOINT": _EVIL,
        "PUSHKIT_SEND_PROXY": "http://127.0.0.1:1",
    }
    done = here(*_SEND, "--env", "local", variables=said)
    assert "a provider token would go to evil.example" in failed(done, 2)
    done = here(*_SEND, "--env", "local", "--send-key-to", "evil.example", variables=said)
    assert "--endpoint https://evil.example:2197" in failed(done, 2)


@pytest.mark.parametrize("env", ["local", "local-production", "sandbox", "production"])
def test_a_sink_on_this_machine_sees_a_token_of_the_right_key(
    registered: Path, tmp_path: Path, env: str
) -> None:
    with raw_host(tmp_path, always(_OK)) as sink:
        assert here(*_SEND, "--env", env, *sink.trusted).returncode == 0
    headers = dict(sink.asked[0].headers)
    token = here("token", "--app", APP, "--env", env).stdout.strip()
    assert headers[b"authorization"] == b"bearer " + token


@pytest.mark.parametrize(
    "variables",
    [
        ["PUSHKIT_ENDPOINT"],
        ["PUSHKIT_PRODUCTION_ENDPOINT"],
        ["PUSHKIT_ENDPOINT", "PUSHKIT_PRODUCTION_ENDPOINT", "PUSHKIT_SEND_ENDPOINT"],
    ],
    ids=len,
)
@pytest.mark.parametrize("env", ["sandbox", "production"])
def test_apples_environments_are_never_diverted_to_a_sink(
    registered: Path, tmp_path: Path, env: str, variables: list[str]
) -> None:
    with raw_host(tmp_path, always(_OK)) as sink, connect_proxy() as proxy:
        said = dict.fromkeys(variables, sink.url)
        said |= {"PUSHKIT_CA_FILE": str(sink.ca_file), "HTTPS_PROXY": proxy.url()}
        done = here(*_SEND, "--env", env, variables=said)
    assert done.returncode == 5
    assert (sink.connections, len(proxy.heads)) == (0, 1)
    assert proxy.requests == [f"CONNECT {_APPLE[Target(env)]}:443 HTTP/1.1"]
