"""Proxies: asked for Apple's hosts, never for this machine, and never shown a credential."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from pushkit_cli.apns.message import Response
from tests.cli.credentials import APP, KEY, TEAM, TOKEN, p8
from tests.cli.errands import failed, here, spoken
from tests.cli.hosts import Proxy, RawHost, always, connect_proxy, raw_host
from tests.commands import objects

_SEND = ("send", "--type", "voip", "--to", TOKEN, "--app", APP, "-d", "callUUID=x",
    "--retries", "0")  # fmt: skip
_PRODUCTION = "api.push.apple.com"
_WORD = "pr0xy-pa55word"
_OK = Response(status=200)


@pytest.fixture(autouse=True)
def stateless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key by variables, and no proxy of the machine's own."""
    for name in ("HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("PUSHKIT_KEY", p8().decode())
    monkeypatch.setenv("PUSHKIT_TEAM_ID", TEAM)
    monkeypatch.setenv("PUSHKIT_KEY_ID", KEY)


@pytest.fixture
def apple(tmp_path: Path) -> Iterator[RawHost]:
    """A host that can show a certificate for Apple's name, behind whatever leads to it."""
    with raw_host(tmp_path, always(_OK), names=(_PRODUCTION,)) as host:
        yield host


def _clear(proxy: Proxy) -> bytes:
    return b"".join(proxy.heads) + bytes(proxy.carried)


def _secrets(host: RawHost) -> list[bytes]:
    token = dict(host.asked[0].headers)[b"authorization"].removeprefix(b"bearer ")
    return [b"bearer", b"authorization: b", token, token.split(b".")[2]]


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_a_push_for_apple_goes_through_the_proxy_of_a_variable(
    apple: RawHost, variable: str
) -> None:
    with connect_proxy(onward=apple.port) as proxy:
        done = here(*_SEND, "--env", "production", "--cacert", str(apple.ca_file),
            variables={variable: proxy.url(f"user:{_WORD}@")})  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert proxy.requests == [f"CONNECT {_PRODUCTION}:443 HTTP/1.1"]
    head = proxy.heads[0]
    assert f"Host: {_PRODUCTION}:443".encode() in head
    basic = base64.b64encode(f"user:{_WORD}".encode())
    assert b"Proxy-Authorization: Basic " + basic in head
    assert dict(apple.asked[0].headers)[b":authority"] == _PRODUCTION.encode()
    for secret in _secrets(apple):
        assert secret not in _clear(proxy)
    assert not any(name.startswith(b"proxy") for name, _ in apple.asked[0].headers)


def test_a_proxy_that_is_named_wins_over_the_variables(apple: RawHost) -> None:
    with connect_proxy(onward=apple.port) as named, connect_proxy() as other:
        said = {"HTTPS_PROXY": other.url(), "NO_PROXY": "*"}
        done = here(*_SEND, "--env", "production", "--cacert", str(apple.ca_file), "--proxy",
            named.url(), variables=said)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (len(named.heads), other.heads) == (1, [])
    assert b"Proxy-Authorization" not in named.heads[0]


def test_escapes_in_a_proxys_credentials_are_undone(apple: RawHost) -> None:
    with connect_proxy(onward=apple.port) as proxy:
        said = {"HTTPS_PROXY": proxy.url("us%40er:p%3Aw%2Fd%20@")}
        here(*_SEND, "--env", "production", variables=said)
    assert base64.b64encode(b"us@er:p:w/d ") in proxy.heads[0]


def test_the_proxy_is_told_when_asked_and_its_password_never(apple: RawHost) -> None:
    with connect_proxy(onward=apple.port) as proxy:
        done = here("-v", *_SEND, "--env", "production", "--cacert", str(apple.ca_file),
            variables={"HTTPS_PROXY": proxy.url(f"user:{_WORD}@")})  # fmt: skip
    assert f"proxy 127.0.0.1:{proxy.port}" in spoken(done)
    assert _WORD not in spoken(done)


@pytest.mark.parametrize("endpoint", ["127.0.0.1", "localhost", "[::1]"])
@pytest.mark.parametrize("named", [True, False])
def test_no_proxy_stands_before_this_machine(tmp_path: Path, endpoint: str, named: bool) -> None:
    with raw_host(tmp_path, always(_OK)) as host, connect_proxy() as proxy:
        url = f"https://{endpoint}:{host.port}"
        extra = ("--proxy", proxy.url()) if named else ()
        said = {"HTTPS_PROXY": proxy.url(), "ALL_PROXY": proxy.url(), "https_proxy": proxy.url()}
        done = here(*_SEND, "--env", "local", "--endpoint", url, "--cacert",
            str(host.ca_file), *extra, variables=said)  # fmt: skip
    assert proxy.heads == []
    assert done.returncode == (5 if endpoint == "[::1]" else 0)  # it listens on 127.0.0.1 alone


def test_a_foreign_host_is_reached_through_the_proxy_that_is_named(tmp_path: Path) -> None:
    name = "apns.invalid"
    with (
        raw_host(tmp_path, always(_OK), names=(name,)) as host,
        connect_proxy(onward=host.port) as proxy,
        connect_proxy() as other,
    ):
        words = (*_SEND, "--env", "local", "--endpoint", f"https://{name}:2197", "--cacert",
            str(host.ca_file))  # fmt: skip
        said = {"HTTPS_PROXY": other.url(), "ALL_PROXY": other.url()}
        refused = here(*words, "--proxy", proxy.url(), variables=said)
        assert f"--send-key-to {name}" in failed(refused, 2)
        assert proxy.heads == []
        named = (*words, "--send-key-to", name)
        assert here(*named, "--proxy", proxy.url(), variables=said).returncode == 0
        assert here(*named, variables=said).returncode == 5  # the variables are for Apple's
    assert proxy.requests == [f"CONNECT {name}:2197 HTTP/1.1"]
    assert other.heads == []
    for secret in _secrets(host):
        assert secret not in _clear(proxy)


@pytest.mark.parametrize("bypass", ["*", ".apple.com", "push.apple.com", "x.y, api.push.apple.com"])
def test_no_proxy_is_obeyed(apple: RawHost, bypass: str) -> None:
    with connect_proxy() as proxy:
        said = {"HTTPS_PROXY": proxy.url(), "NO_PROXY": bypass}
        done = here("-v", *_SEND, "--env", "production", "--dry-run", variables=said)
    assert (done.returncode, proxy.heads) == (0, [])
    assert "proxy none" in spoken(done)


@pytest.mark.parametrize("answer", [b"403 No", b"407 Proxy Authentication Required", b"502 X"])
def test_a_proxy_that_refuses_means_not_sent(answer: bytes) -> None:
    with connect_proxy(refusal=answer) as proxy:
        done = here(*_SEND, "--env", "sandbox", variables={
            "HTTPS_PROXY": proxy.url(f"user:{_WORD}@")})  # fmt: skip
    said = failed(done, 5)
    assert f"refused: HTTP/1.1 {answer.decode()}" in said
    assert _WORD not in said


def test_a_proxy_that_is_not_there_or_hangs_up_means_not_sent() -> None:
    said = failed(here(*_SEND, "--env", "sandbox", "--proxy", "http://127.0.0.1:1"), 5)
    assert "127.0.0.1:1 cannot be reached" in said
    with connect_proxy(onward=1) as proxy:
        done = here(*_SEND, "--env", "sandbox", "--proxy", proxy.url())
    failed(done, 5)


def test_a_certificate_of_another_name_behind_a_proxy_is_not_trusted(tmp_path: Path) -> None:
    with (
        raw_host(tmp_path, always(_OK), names=("evil.example",)) as host,
        connect_proxy(onward=host.port) as proxy,
    ):
        done = here(*_SEND, "--env", "production", "--cacert", str(host.ca_file),
            variables={"HTTPS_PROXY": proxy.url()})  # fmt: skip
    assert "is not trusted" in failed(done, 5)
    assert host.asked == []


@pytest.mark.parametrize(
    "proxy",
    [
        f"socks5://user:{_WORD}@127.0.0.1:1",
        f"https://user:{_WORD}@127.0.0.1:1",
        f"http://user:{_WORD}@127.0.0.1:port",
        f"http://user:{_WORD}@127.0.0.1:99999",
        f"http://user:{_WORD}[@127.0.0.1:1",
        f"http://user:{_WORD}\u2100@127.0.0.1:1",
        f"http://user:{_WORD}@",
    ],
)
def test_what_is_no_proxy_is_a_mistake_that_repeats_no_password(proxy: str) -> None:
    for words, said in (("--proxy", proxy), {}), ((), {"HTTPS_PROXY": proxy}):
        variables = {**said, "PUSHKIT_DEBUG": "1"}
        done = here("-v", "--json", *_SEND, "--env", "sandbox", *words, variables=variables)
        assert _WORD not in failed(done, 2)
        assert _WORD.encode() not in done.stdout
        assert objects(done.stdout)[-1]["exit"] == 2
