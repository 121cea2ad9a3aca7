"""The control socket by itself: who is let in, what is answered, and what nobody can do to it."""

import asyncio
import os
import socket
import subprocess
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from pushkit_cli.apns.message import Request, Response
from pushkit_cli.errors import ExitCode, ListenerError
from pushkit_cli.net import control, control_server
from pushkit_cli.net.control import ask, bind, is_ours, peer_uid
from pushkit_cli.net.control_server import ControlServer
from pushkit_cli.wire.client import ClientConnection
from tests.law import request

PATIENCE_S = 10.0
Answer = Callable[[Request], Awaitable[Response]]


async def echo(asked: Request) -> Response:
    """The body comes back."""
    return Response(status=200, body=asked.path + b" " + asked.body)


@dataclass
class Up:
    """A control server in a thread of its own."""

    path: Path
    asked: list[Request] = field(default_factory=list)
    troubles: list[object] = field(default_factory=list)

    def ask(self, body: bytes = b"x", *, timeout: float = PATIENCE_S) -> Response:
        return ask(self.path, "/question", body, timeout=timeout)

    def connect(self) -> socket.socket:
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        peer.settimeout(PATIENCE_S)
        peer.connect(str(self.path))
        return peer


@contextmanager
def serving(answer: Answer = echo) -> Iterator[Up]:
    with tempfile.TemporaryDirectory(prefix="pushkit-") as folder:
        up = Up(Path(folder, "c.sock"))
        ready, done = threading.Event(), threading.Event()

        async def respond(asked: Request) -> Response:
            up.asked.append(asked)
            return await answer(asked)

        async def body() -> None:
            asyncio.get_running_loop().set_exception_handler(
                lambda _, context: up.troubles.append(context)
            )
            server = ControlServer(respond)
            await server.start(bind(up.path))
            ready.set()
            await asyncio.to_thread(done.wait)
            await server.stop(grace=0.2)

        thread = threading.Thread(target=lambda: asyncio.run(body()))
        thread.start()
        assert ready.wait(PATIENCE_S)
        try:
            yield up
        finally:
            done.set()
            thread.join()
        assert up.troubles == []


def test_a_question_is_answered() -> None:
    with serving() as up:
        assert up.ask(b"hello") == Response(status=200, body=b"/question hello")
        assert [(one.method, one.body_size) for one in up.asked] == [("POST", 5)]


@pytest.mark.parametrize("size", [0, 70_000, control.MAX_QUESTION_BYTES])
def test_a_long_question_and_a_long_answer_arrive_whole(size: int) -> None:
    async def long(asked: Request) -> Response:
        return Response(status=200, body=asked.body * 8)

    with serving(long) as up:
        body = Random(1).randbytes(size)
        assert up.ask(body).body == body * 8


def test_many_ask_at_once() -> None:
    async def slow(asked: Request) -> Response:
        while len(up.asked) < 20:
            await asyncio.sleep(0.001)
        return Response(status=200, body=asked.body)

    heard: list[bytes] = []
    with serving(slow) as up:
        threads = [
            threading.Thread(target=lambda n=n: heard.append(up.ask(b"%d" % n).body))
            for n in range(20)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(heard) == sorted(b"%d" % number for number in range(20))


# Nobody answers


def _error(path: Path, timeout: float = PATIENCE_S) -> str:
    with pytest.raises(ListenerError) as caught:
        ask(path, "/x", b"", timeout=timeout)
    assert caught.value.hint
    assert caught.value.exit_code is ExitCode.CONFIG
    return caught.value.message


def test_nobody_there_is_said(tmp_path: Path) -> None:
    assert "no such file" in _error(tmp_path / "none").lower()
    with serving() as up:
        path = up.path
        up.ask()
        (link := tmp_path / "s").symlink_to(path)
        assert ask(link, "/x", b"", timeout=PATIENCE_S).status == 200
    assert "does not answer" in _error(path)


def test_an_answer_that_does_not_come_is_said() -> None:
    async def never(_: Request) -> Response:
        await asyncio.Event().wait()
        raise AssertionError

    with serving(never) as up:
        assert "no answer in time" in _error(up.path, timeout=0.1)


@pytest.mark.parametrize("words", [b"", b"HTTP/1.1 200 OK\r\n\r\n", b"\x00" * 99])
def test_who_answers_nonsense_is_no_listener(words: bytes) -> None:
    with tempfile.TemporaryDirectory(prefix="pushkit-") as folder:
        path = Path(folder, "c.sock")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
            other.bind(str(path))
            other.listen()

            def answer() -> None:
                with other.accept()[0] as peer:
                    peer.sendall(words)
                    peer.shutdown(socket.SHUT_WR)
                    while peer.recv(65_536):
                        pass

            thread = threading.Thread(target=answer)
            thread.start()
            _error(path)
            thread.join()


# Who is at the other end


def test_the_kernel_says_who_is_at_the_other_end() -> None:
    one, other = socket.socketpair()
    with one, other:
        assert peer_uid(one) == os.geteuid()
        assert is_ours(one)


_STRANGER = """
import socket, sys
peer = socket.socket(socket.AF_UNIX)
peer.settimeout(10)
peer.connect(sys.argv[1])
try:
    data = peer.recv(100)
except ConnectionResetError:
    data = b""
print(len(data))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_another_user_is_not_let_in_even_where_the_folder_is_open() -> None:
    with serving() as up:
        up.path.parent.chmod(0o755)
        up.path.chmod(0o777)
        for user, expected in (("nobody", True), (0, False)):
            done = subprocess.run(
                ["/usr/bin/env", "python3", "-c", _STRANGER, str(up.path)],
                user=user,
                capture_output=True,
                check=True,
                timeout=PATIENCE_S,
            )
            assert (done.stdout.strip() == b"0") is expected
        assert up.ask().status == 200


# What nobody can do to it


def _frames(*, body: bytes = b"x", count: int = 1) -> bytes:
    wire = ClientConnection()
    wire._limit = count
    for _ in range(count):
        wire.send(request("ab" * 32, body=body))
    return wire.outgoing()


def _garbage(up: Up) -> None:
    random = Random(7)
    whole = _frames()
    for turn in range(60):
        with up.connect() as peer, suppress(OSError):
            cut = random.randrange(len(whole))
            spoilt = (whole[:cut] + random.randbytes(40), random.randbytes(200), whole[:cut])
            peer.sendall(spoilt[turn % 3])
            peer.shutdown(socket.SHUT_WR)
            while peer.recv(65_536):
                pass


def _too_much(up: Up) -> None:
    with up.connect() as peer:
        peer.sendall(_frames()[:24])
        with pytest.raises(OSError):
            for _ in range(1_000):
                peer.sendall(b"\x00\x00\x08\x06\x00\x00\x00\x00\x00" + bytes(8) * 1_000)


def _two_questions(up: Up) -> None:
    with up.connect() as peer, suppress(ConnectionResetError):
        peer.sendall(_frames(count=3))
        while peer.recv(65_536):
            pass


def _many_who_say_nothing(up: Up) -> None:
    with_us = [up.connect() for _ in range(control_server.MAX_CONNECTIONS + 20)]
    turned_away = 0
    for peer in with_us[-20:]:
        with suppress(ConnectionResetError):
            turned_away += peer.recv(1) == b""
            continue
        turned_away += 1
    assert turned_away == 20
    for peer in with_us:
        peer.close()


def _who_goes_away_while_it_is_answered(up: Up) -> None:
    for _ in range(20):
        with up.connect() as peer:
            peer.sendall(_frames(body=b"x" * 3_000))


@pytest.mark.parametrize(
    "attack",
    [
        _garbage,
        _too_much,
        _two_questions,
        _many_who_say_nothing,
        _who_goes_away_while_it_is_answered,
    ],
)
def test_a_hostile_peer_hurts_nobody_else(attack: Callable[[Up], None]) -> None:
    with serving() as up:
        attack(up)
        deadline = threading.Event()
        for _ in range(200):  # those who were cut off are gone in a moment
            with suppress(ListenerError):
                assert up.ask(b"good").body == b"/question good"
                return
            deadline.wait(0.01)
        pytest.fail("nobody was answered any more")


def test_who_keeps_a_connection_too_long_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_server, "_PATIENCE_S", 0.05)
    with serving() as up, up.connect() as peer:
        with suppress(ConnectionResetError):
            while peer.recv(65_536):
                pass
        assert up.ask().status == 200
