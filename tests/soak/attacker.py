"""A client without manners: any bytes inside TLS, and any frames inside HTTP/2."""

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from hpack import Encoder

from pushkit_cli.net.sender import connect
from pushkit_cli.net.tls import client_context
from tests import pushing
from tests.wire import raw

PATIENCE_S = 20.0
FRAMES_AT_ONCE = 1_000
Fields = list[tuple[bytes, bytes]]


def block(fields: Fields) -> bytes:
    """A header block that stands by itself: it neither uses the table nor changes it."""
    return Encoder().encode([(name, value, True) for name, value in fields])


class Attacker:
    """One connection of his. Nothing that the server does to him is an error here."""

    def __init__(self, ready: dict[str, Any], *, greet: bool = True) -> None:
        context = client_context(Path(ready["ca_file"]))
        self._tls = connect(pushing.endpoint(ready), context, timeout=PATIENCE_S)
        self._good = pushing.request(ready, pushing.bearer(ready))
        self.heard = raw.Listener(preface=False, watch_windows=False)
        self.closed = False
        self.next_stream = 1
        if greet:
            self.say(raw.PREFACE, raw.settings())

    @property
    def fields(self) -> Fields:
        """The headers of a push that is accepted."""
        return list(self._good.headers)

    @property
    def good(self) -> bytes:
        """The same as a header block."""
        return block(self.fields)

    def stream(self) -> int:
        """The next stream of the connection."""
        self.next_stream += 2
        return self.next_stream - 2

    def push(self, body: bytes | None = None, fields: Fields | None = None) -> int:
        """Send a request whose headers and body are what they are; its stream."""
        stream = self.stream()
        said = self._good.body if body is None else body
        head = block(self.fields if fields is None else fields)
        pieces = [said[at : at + raw.MAX_FRAME] for at in range(0, len(said), raw.MAX_FRAME)]
        frames = [raw.data(stream, piece) for piece in pieces[:-1]]
        frames += [raw.data(stream, piece, end=True) for piece in pieces[-1:]]
        self.say(raw.headers(stream, head, end=not pieces), *frames)
        return stream

    def authenticate(self) -> None:
        """Push once, so that the server lets this connection have a thousand streams."""
        self.answer(self.push())

    def say(self, *frames: bytes, wait: float = PATIENCE_S) -> bool:
        """Write; False where the server does not read on in time, or has closed."""
        if self.closed:
            return False
        self._tls.settimeout(wait)
        try:
            self._tls.sendall(b"".join(frames))
        except TimeoutError:
            self.close()
            return False
        except OSError:
            self.closed = True
            return False
        return True

    def flood(self, make: Callable[[int], bytes], count: int) -> None:
        """Write so many frames, as fast as they are taken, or until the server has enough."""
        for at in range(0, count, FRAMES_AT_ONCE):
            frames = (make(number) for number in range(at, min(at + FRAMES_AT_ONCE, count)))
            if not self.say(*frames):
                return
            self.hear(0.0)

    def hear(self, wait: float) -> None:
        """Read what has come, waiting so long for the first of it."""
        while not self.closed:
            self._tls.settimeout(max(wait, 0.001))
            try:
                data = self._tls.recv(65_536)
            except TimeoutError:
                return
            except OSError:
                data = b""
            self.closed = not data
            self.heard.hear(data)
            wait = 0.0

    def until(self, look: Callable[[raw.Listener], bool]) -> bool:
        """Read until something was heard or the server has closed; False where neither comes."""
        deadline = time.monotonic() + PATIENCE_S
        while not look(self.heard) and not self.closed:
            if time.monotonic() > deadline:
                return False
            self.hear(0.1)
        return True

    def answer(self, stream: int) -> tuple[int | None, bytes]:
        """The status and body of a stream; no status where it was reset or all has ended."""
        assert self.until(lambda heard: _done(heard, stream)), "neither answered nor closed"
        message = self.heard.messages.get(stream, raw.Message())
        status = dict(message.fields).get(b":status")
        return (None if status is None else int(status), message.body)

    def settled(self) -> str:
        """What became of the connection: "answered" where it still works, or "closed"."""
        self.say(raw.ping(b"settled?"))
        assert self.until(lambda heard: b"settled?" in heard.pongs()), "neither answered nor closed"
        return "closed" if self.closed else "answered"

    def close(self) -> None:
        """Hang up without a word."""
        self.closed = True
        with suppress(OSError):
            self._tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            self._tls.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _done(heard: raw.Listener, stream: int) -> bool:
    message = heard.messages.get(stream)
    return message is not None and (message.ended or message.reset is not None)


@contextmanager
def plain(ready: dict[str, Any], count: int = 1) -> Iterator[list[socket.socket]]:
    """TCP connections and not a byte of TLS."""
    found: list[socket.socket] = []
    try:
        for _ in range(count):
            found.append(socket.create_connection(("127.0.0.1", ready["port"]), PATIENCE_S))
        yield found
    finally:
        for one in found:
            one.close()


def client_hello() -> bytes:
    """What a good client says first, for somebody who wants to spoil it."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    context.set_alpn_protocols(["h2"])
    shaken = context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    with suppress(ssl.SSLWantReadError):
        shaken.do_handshake()
    return outgoing.read()
