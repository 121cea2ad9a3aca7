"""`send --as curl` prints a pipeline that runs, sends the same push, and holds no secret."""

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from pushkit_cli.apns.message import Response
from pushkit_cli.engine.listener import Running
from pushkit_cli.engine.waiting import wait_for
from tests.cli.credentials import APP, KEY, TEAM, TOKEN, new_key, p8, p8_file, push_certificate
from tests.cli.errands import failed, here, prepared
from tests.cli.hosts import always, connect_proxy, raw_host
from tests.commands import PUSHKIT
from tests.conftest import Told


def _needs_curl() -> None:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("there is no curl here")
    said = subprocess.run([curl, "--version"], capture_output=True, check=True).stdout
    if b"HTTP2" not in said:
        pytest.skip("the curl here speaks no HTTP/2")


def _shown(*words: str, **variables: str) -> str:
    done = here("send", "--as", "curl", *words, variables=variables)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def _run(script: str, **variables: str) -> str:
    """The answer to a pipeline that a shell runs, with our command on its path."""
    _needs_curl()
    path = f"{PUSHKIT.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-c", script],
        capture_output=True,
        env={**os.environ, **variables, "PATH": path},
        timeout=30,
        check=False,
    )
    return done.stdout.decode() + done.stderr.decode()


def _pushes(told: Told, count: int) -> list[dict[str, object]]:
    """So many pushes: an answer is written before it is told of."""
    found = wait_for(lambda: told.named("push") if len(told.named("push")) >= count else None,
        timeout=30)  # fmt: skip
    assert found is not None
    return found


_BODIES = (
    ["-d", "callUUID=x", "-d", "handle=+15550100"],
    ["-d", "callUUID=x", "-d", 'note=it\'s "quoted" $HOME `id` \\ \u00e9 \U0001f600'],
    ["--payload", '{"callUUID":"@/etc/passwd","a":{"b":[1,2.5,null,true]}}'],
    ["--payload", "[1]"],
)


@pytest.mark.parametrize("body", _BODIES, ids=["plain", "quoted", "at", "array"])
def test_the_pipeline_sends_the_same_push(listener: Running, told: Told, body: list[str]) -> None:
    words = ("--type", "voip", "--to", "iphone", *body, "--collapse-id", "it's one")
    script = _shown(*words)
    assert list(told) == []
    assert script.count("\n") == 1
    assert "eyJ" not in script
    assert "200" in _run(script).splitlines()[0]
    assert here("send", *words).returncode == 0
    by_curl, by_us = _pushes(told, 2)
    for fact in ("payload", "size_bytes", "type", "app", "topic", "device", "status"):
        assert by_curl[fact] == by_us[fact]


def test_each_target_has_its_pipeline(listener: Running, told: Told) -> None:
    script = _shown("--type", "alert", "--title", "Hi", "--to", "iphone", "--to", "watch")
    assert script.count("| curl") == 2
    assert _run(script).count("HTTP/2 200") == 2
    assert [one["device"] for one in _pushes(told, 2)] == ["iphone", "watch"]


def test_the_pipeline_broadcasts_too(listener: Running, told: Told) -> None:
    channel = prepared("channel", "create").strip()
    words = ("--type", "liveactivity", "--event", "update", "--content-state", '{"a":1}',
        "--channel", channel)  # fmt: skip
    script = _shown(*words)
    assert script.count("\n") == 1
    assert "eyJ" not in script
    assert "200" in _run(script).splitlines()[0]
    prepared("send", *words)
    by_curl, by_us = _pushes(told, 2)
    for fact in ("path", "channel", "size_bytes", "type", "app", "status"):
        assert by_curl[fact] == by_us[fact]


def test_the_pipeline_uses_the_token_that_is_kept(listener: Running, told: Told) -> None:
    assert here("send", "--type", "voip").returncode == 0
    _run(_shown("--type", "voip", "--to", "iphone"))
    first, second = (one["auth"] for one in _pushes(told, 2))
    assert first == second


def test_a_body_that_begins_with_an_at_sign_is_no_file(listener: Running, told: Told) -> None:
    body = b"@/etc/hostname"
    words = ("--type", "voip", "--to", "iphone", "--payload", "-", "--no-lint")
    script = here("send", "--as", "curl", *words, stdin=body).stdout.decode()
    assert "400" in _run(script).splitlines()[0]
    assert _pushes(told, 1)[0]["size_bytes"] == len(body)


def test_the_profile_and_the_environment_go_along(home: Path, tmp_path: Path) -> None:
    words = ("register", "app", APP, "--team-id", TEAM, "--key", str(p8_file(tmp_path)))
    assert here("--profile", "work", *words).returncode == 0
    done = here("--profile", "work", "send", "--as", "curl", "--type", "voip", "--to", TOKEN,
        "--app", APP, "--env", "production", "-d", "callUUID=x")  # fmt: skip
    minting = done.stdout.decode().partition(" | ")[0]
    assert minting == f"pushkit --profile work token --header --app {APP} --env production"
    ran = here(*shlex.split(minting)[1:])
    assert ran.stdout.startswith(b"authorization: bearer ey")


def test_a_certificate_is_named_by_its_files(home: Path, tmp_path: Path) -> None:
    key, file = new_key(), tmp_path / "push.pem"
    file.write_bytes(push_certificate(key) + p8(key))
    words = ("register", "app", APP, "--team-id", TEAM, "--cert", str(file))
    assert here(*words).returncode == 0
    script = _shown("--type", "voip", "--to", TOKEN, "--app", APP, "--env", "sandbox", "-d", "a=b")
    assert script.startswith("curl ")
    split = shlex.split(script)
    assert Path(split[split.index("--cert") + 1]).is_file()
    assert Path(split[split.index("--key") + 1]).is_file()
    assert "PRIVATE KEY" not in script


def test_a_proxy_goes_along_and_its_password_does_not(home: Path) -> None:
    said = {"PUSHKIT_KEY": p8().decode(), "PUSHKIT_TEAM_ID": TEAM, "PUSHKIT_KEY_ID": KEY}
    words = ("--type", "voip", "--to", TOKEN, "--app", APP, "--env", "production", "-d", "a=b")
    with connect_proxy() as proxy:
        named = _shown(*words, "--proxy", proxy.url(), **said)
        assert f"--proxy {proxy.url()}" in named
        assert "403" in _run(named, **said)
        variables = {**said, "HTTPS_PROXY": proxy.url("user:pa55word@")}
        secret = _shown(*words, **variables)
        assert "pa55word" not in secret
        _run(secret, **variables)
    assert proxy.requests == ["CONNECT api.push.apple.com:443 HTTP/1.1"] * 2
    assert b"Proxy-Authorization" in proxy.heads[1]
    for head in proxy.heads:
        assert b"bearer" not in head.lower()


def test_this_machine_is_reached_without_a_proxy(listener: Running) -> None:
    script = _shown("--type", "voip", "--to", "iphone")
    with connect_proxy() as proxy:
        said = {"HTTPS_PROXY": proxy.url(), "ALL_PROXY": proxy.url(), "https_proxy": proxy.url()}
        assert "200" in _run(script, **said).splitlines()[0]
    assert proxy.heads == []


def test_trust_goes_along(home: Path, tmp_path: Path) -> None:
    words = ("--type", "voip", "--to", TOKEN, "--app", APP, "--env", "local", "-d", "a=b")
    with raw_host(tmp_path, always(Response(status=200))) as host:
        assert "HTTP/2 200" in _run(_shown(*words, *host.trusted))
        assert "HTTP/2 200" in _run(_shown(*words, "--endpoint", host.url, "--insecure"))
        assert "HTTP/2" not in _run(_shown(*words, "--endpoint", host.url))
    assert len(host.asked) == 2


def test_a_stranger_is_refused_here_too(home: Path) -> None:
    words = ("send", "--as", "curl", "--type", "voip", "--to", TOKEN, "--app", APP, "--env",
        "local", "-d", "a=b", "--endpoint", "https://evil.example")  # fmt: skip
    assert "--send-key-to evil.example" in failed(here(*words), 2)


def test_showing_mints_nothing(listener: Running, home: Path) -> None:
    _shown("--type", "voip", "--to", "iphone")
    assert list((home / "tokens").glob("*.jwt")) == []
    assert here("send", "--type", "voip").returncode == 0
    assert len(list((home / "tokens").glob("*.jwt"))) == 1
