"""A URL as the app under test: what is posted, what an answer means, what happens without one."""

import asyncio
import hashlib
import hmac
import json
import os
import socket
import ssl
import stat
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pushkit_cli.apns.push import PushType
from pushkit_cli.engine import forward, local
from pushkit_cli.engine.under_test import Forwarded
from pushkit_cli.errors import ConfigError, UsageError
from pushkit_cli.store.files import Home
from tests.engine.phones import Phones, phones

WOKEN = ["launched", "delivered"]


class Server(ThreadingHTTPServer):
    """A server in a thread, and what was asked of it: path, headers and body."""

    daemon_threads = True
    block_on_close = False
    status, body = 200, b"ok"
    raw: bytes | None = None
    hangs = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, dict[str, str], bytes]] = []
        self.gone = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/push"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is none of ours."""


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.asked.append((self.path, headers, body))
        if self.server.hangs:
            self.connection.recv(1)
            self.server.gone.set()
            return
        if self.server.raw is not None:
            self.wfile.write(self.server.raw)
            self.close_connection = True
            return
        self.send_response(self.server.status)
        self.send_header("content-length", str(len(self.server.body)))
        if 300 <= self.server.status < 400:
            self.send_header("location", "/elsewhere")
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing."""


@contextmanager
def serving(context: ssl.SSLContext | None = None) -> Iterator[Server]:
    with Server() as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as one:
        yield one


def play(
    place: Path,
    urls: dict[PushType | None, str],
    body: Callable[[Phones], Awaitable[None]] | None = None,
    platform: str = "ios",
    **variables: str,
) -> Phones:
    async def whole(scene: Phones) -> None:
        try:
            if body is None:
                scene.send()
                await scene.until(lambda it: bool(it.of()) and is_over(it))
            else:
                await body(scene)
        finally:
            await scene.stage.app.stop()

    with phones(place, Forwarded(urls=urls, variables=variables), 1, platform) as scene:
        asyncio.run(whole(scene))
    assert scene.failed == 0
    return scene


def is_over(scene: Phones) -> bool:
    return not any(key.startswith("handling/") for key in scene.stage.world.state.records)


def test_what_is_posted_is_signed_and_says_what_it_is_about(home: Path, server: Server) -> None:
    dead = "http://127.0.0.1:9"
    scene = play(home, {None: server.url}, HTTPS_PROXY=dead, ALL_PROXY=dead)
    assert scene.of() == [*WOKEN, "call-reported"]
    ((path, headers, body),) = server.asked
    (push,) = [one.to_json() for one in scene.told if one.event.event == "push"]
    assert (path, json.loads(body)) == ("/push", {"callUUID": "c1"})
    said = {name: value for name, value in headers.items() if name.startswith("pushkit-")}
    time, _, digest = said.pop("pushkit-signature").partition(",v1=")
    assert said == {
        "pushkit-push-id": push["id"],
        "pushkit-device": "phone0",
        "pushkit-app": "com.example.app0",
        "pushkit-type": "voip",
        "pushkit-apns-id": push["apns_id"],
        "pushkit-lock": "unlocked",
    }
    assert headers["content-type"] == "application/json"
    secret = (home / "local" / "forward.secret").read_text().strip().encode()
    signed = time.removeprefix("t=").encode() + b"." + body
    assert digest == hmac.new(secret, signed, hashlib.sha256).hexdigest()
    assert len(secret) == 64


ANSWERS = (
    (204, b"", ["call-reported"]),
    (200, b"<html>", ["call-reported"]),
    (200, b'{"status":"fine"}', ["call-reported"]),
    (200, b'{"reported":false}', ["terminated"]),
    (200, b'{"refused":"filteredByBlockList"}', ["call-refused"]),
    (202, b'{"reported":true,"ended":"failed"}', ["call-reported", "call-ended"]),
    (200, b'{"reported":"perhaps"}', ["hook", "call-reported"]),
    (200, b"x" * 200_000, ["call-reported"]),
    (500, b'{"reported":true}', ["hook", "terminated"]),
    (404, b"", ["hook", "terminated"]),
    (302, b"", ["hook", "terminated"]),
    (307, b"", ["hook", "terminated"]),
)


@pytest.mark.parametrize(
    ("status", "body", "happens"), ANSWERS, ids=[f"{one[0]} {one[1][:30]!r}" for one in ANSWERS]
)
def test_what_an_answer_means(
    home: Path, server: Server, status: int, body: bytes, happens: list[str]
) -> None:
    server.status, server.body = status, body
    scene = play(home, {None: server.url})
    assert scene.of() == [*WOKEN, *happens]
    assert [path for path, _, _ in server.asked] == ["/push"]
    if status >= 300:
        assert scene.hook()["detail"].startswith(f"{status} ")
    assert ("redirects are not followed" in str(scene.events())) == (300 <= status < 400)


@pytest.mark.parametrize("raw", [b"", b"\x00\xff garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nno"])
def test_what_is_no_answer_is_none(home: Path, server: Server, raw: bytes) -> None:
    server.raw = raw
    scene = play(home, {None: server.url})
    assert scene.of() == [*WOKEN, "hook", "terminated"]
    assert scene.hook()["reason"] == "no-answer"


def test_where_nobody_listens_nothing_is_reported(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]
    url = f"http://user:pass-word@127.0.0.1:{port}/hidden-path?key=hidden"
    scene = play(home, {None: url})
    assert scene.of() == [*WOKEN, "hook", "terminated"]
    assert scene.hook()["detail"].endswith(f" from http://127.0.0.1:{port}")
    assert not any(word in str(scene.events()) for word in ("pass-word", "hidden"))


def test_one_that_hangs_is_left_at_the_deadline(home: Path, server: Server) -> None:
    server.hangs = True

    async def body(scene: Phones) -> None:
        scene.send()
        await scene.until(lambda _: bool(server.asked))
        scene.stage.advance(7)
        await scene.until(lambda _: server.gone.is_set())

    scene = play(home, {None: server.url}, body)
    assert scene.of() == [*WOKEN, "terminated"]
    assert scene.events()[-1]["reason"] == "0xBAADCA11"


def test_a_type_has_its_own_url_and_one_without_is_good(home: Path, server: Server) -> None:
    async def body(scene: Phones) -> None:
        scene.send(kind=PushType.complication)
        await scene.until(lambda it: bool(it.of()) and is_over(it))

    with serving() as other:
        play(home, {PushType.voip: server.url, None: other.url})
        urls = {PushType.voip: server.url, None: other.url}
        assert play(home / "watch", urls, body, "watchos").of() == WOKEN
        asked = [headers["pushkit-type"] for _, headers, _ in other.asked]
    assert asked == ["complication"]
    assert [headers["pushkit-type"] for _, headers, _ in server.asked] == ["voip"]
    good = play(home / "good", {PushType.complication: server.url})
    assert good.of() == [*WOKEN, "call-reported"]
    assert len(server.asked) == 1


def test_https_is_trusted_by_the_bundle_that_is_named_and_not_without(home: Path) -> None:
    trust = local.ensure_trust(Home(home))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trust.chain_file, trust.chain_key_file)
    with serving(context) as server:
        url = server.url.replace("http:", "https:")
        good = play(home, {None: url}, PUSHKIT_CA_BUNDLE=str(trust.ca_bundle_file))
        assert good.of() == [*WOKEN, "call-reported"]
        bad = play(home / "again", {None: url})
        assert bad.of() == [*WOKEN, "hook", "terminated"]
        assert "certificate" in bad.hook()["detail"].lower()
        assert len(server.asked) == 1


def test_a_bundle_that_is_none_is_known_at_the_start(home: Path) -> None:
    with (
        pytest.raises(ConfigError) as caught,
        phones(
            home,
            Forwarded(
                urls={None: "https://example.com"}, variables={"PUSHKIT_CA_BUNDLE": "/nowhere"}
            ),
        ),
    ):
        pytest.fail("it started")
    assert caught.value.hint == "check PUSHKIT_CA_BUNDLE"


def test_what_httpx_takes_for_no_url_is_known_at_the_start(home: Path) -> None:
    urls: dict[PushType | None, str] = {None: "http://hidden\x7fname/"}
    with pytest.raises(UsageError) as caught, phones(home, Forwarded(urls=urls, variables={})):
        pytest.fail("it started")
    assert "hidden" not in caught.value.message


def test_the_secret_is_made_once_and_is_private(home: Path) -> None:
    kept = Home(home)
    file = forward.secret_of(kept)
    first = file.read_bytes()
    assert forward.secret_of(kept).read_bytes() == first
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    os.truncate(file, 0)
    assert forward.secret_of(kept).read_bytes() not in (b"", first)


@pytest.mark.parametrize(
    "url",
    ["", "push", "ftp://x/y", "http://", "https:///x", "http://x:port/", "http://[::1", "//x/y"],
)
def test_what_is_no_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        forward.check(url, None)
    assert caught.value.hint
    assert not url or url not in caught.value.message


def test_a_type_that_reaches_no_app_is_refused() -> None:
    with pytest.raises(UsageError, match="no app is called for alert"):
        forward.check("http://127.0.0.1/x", PushType.alert)
    forward.check("http://127.0.0.1/x", PushType.complication)
    forward.check("https://[::1]:8080/x", PushType.voip)
    assert forward.shown("https://u:p@[::1]:8080/x?y=z") == "https://[::1]:8080"
