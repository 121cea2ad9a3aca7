"""The relay: what a client sends passes at once, and what it is answered when it may."""

import socket
import socketserver
import threading
from collections.abc import Iterator

import pytest

from tests.interop.relay import relaying


class Echo(socketserver.BaseRequestHandler):
    heard = threading.Event()

    def handle(self) -> None:
        while data := self.request.recv(100):
            self.request.sendall(data)
            self.heard.set()


@pytest.fixture
def echo() -> Iterator[int]:
    with socketserver.TCPServer(("127.0.0.1", 0), Echo) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.05,))
        serving.start()
        yield server.server_address[1]
        server.shutdown()
        serving.join()


def test_answers_are_kept_back_and_then_pass(echo: int) -> None:
    with (
        relaying(echo) as relay,
        socket.create_connection(("127.0.0.1", relay.port), timeout=5) as client,
    ):
        client.sendall(b"one")
        assert client.recv(100) == b"one"
        Echo.heard.clear()
        with relay.silent(when=True):
            client.sendall(b"two")
            assert Echo.heard.wait(5)
            client.settimeout(0.2)
            with pytest.raises(TimeoutError):
                client.recv(100)
            client.settimeout(5)
        assert client.recv(100) == b"two"
        client.shutdown(socket.SHUT_WR)
        assert client.recv(100) == b""
