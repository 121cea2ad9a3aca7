"""A way to a listener that can keep the listener's answers back, and reads nothing of what passes.

While answers are kept back, what the listener has noted was sent by a client that had heard
nothing yet: so pushes that are under way at once can be told from pushes one after the other.
"""

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

_CHUNK = 65536


@dataclass(frozen=True, kw_only=True)
class Relay:
    """The relay is at `port`."""

    port: int
    _open: threading.Event

    @contextmanager
    def silent(self, *, when: bool) -> Iterator[None]:
        """No answer passes until the end of the block, `when` this is wanted."""
        if when:
            self._open.clear()
        try:
            yield
        finally:
            self._open.set()


@contextmanager
def relaying(port: int) -> Iterator[Relay]:
    """A relay to a port of this machine, gone with all its connections at the end of the block."""
    open_ = threading.Event()
    open_.set()

    class Connection(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection(("127.0.0.1", port)) as there:
                back = threading.Thread(target=_carry, args=(there, self.request, open_))
                back.start()
                _carry(self.request, there, None)
                back.join()

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        request_queue_size = 100

    with Server(("127.0.0.1", 0), Connection) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.05,))
        serving.start()
        try:
            yield Relay(port=server.server_address[1], _open=open_)
        finally:
            server.shutdown()
            serving.join()


def _carry(source: socket.socket, target: socket.socket, gate: threading.Event | None) -> None:
    """Carry bytes until one side is gone, and tell the other that no more will come."""
    with suppress(OSError):
        while data := source.recv(_CHUNK):
            if gate is not None:
                gate.wait()
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
