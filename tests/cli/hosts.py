"""Hosts that behave badly, a host under any name, and a proxy: sockets in threads, gone at the end.

Each tells what it heard, so a test can say what reached it, and in clear or not.
"""

import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from pushkit_cli.apns.acts import Respond
from pushkit_cli.apns.message import Request, Response
from pushkit_cli.wire.server import ServerConnection
from tests.cli.credentials import server_files

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = bytes.fromhex("000000040000000000")
PATIENCE_S = 30.0


@dataclass
class RawHost:
    """Where it listens, whom to trust, how many came, and what arrived inside TLS."""

    port: int
    ca_file: Path
    connections: int = 0
    heard: bytearray = field(default_factory=bytearray)
    asked: list[Request] = field(default_factory=list)
    has_a_request: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """As an endpoint."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def trusted(self) -> tuple[str, ...]:
        """The words of a `send` that goes there."""
        return ("--endpoint", self.url, "--cacert", str(self.ca_file))


Behaviour = Callable[[socket.socket, RawHost], None]


@contextmanager
def raw_host(
    folder: Path,
    behave: Behaviour,
    *,
    names: tuple[str, ...] = ("127.0.0.1", "localhost"),
    alpn: str = "h2",
    tls: bool = True,
) -> Iterator[RawHost]:
    """A host that does what a function does on each connection, TLS done unless told otherwise."""
    files = server_files(folder / "raw-host", *names)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.chain, files.key)
    context.set_alpn_protocols([alpn])

    def serve(plain: socket.socket) -> None:
        host.connections += 1
        with suppress(OSError):
            if tls:
                with context.wrap_socket(plain, server_side=True) as secured:
                    behave(secured, host)
            else:
                behave(plain, host)

    with _serving(serve) as port:
        host = RawHost(port=port, ca_file=files.ca)
        yield host


@contextmanager
def _serving(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """Each connection in a thread of its own; all are cut off and awaited at the end."""
    door = socket.create_server(("127.0.0.1", 0))
    opened: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def one(plain: socket.socket, twin: socket.socket) -> None:
        with plain:
            serve(plain)
        with suppress(OSError):
            twin.shutdown(socket.SHUT_RDWR)

    def accept() -> None:
        with suppress(OSError):
            while True:
                plain, _ = door.accept()
                plain.settimeout(PATIENCE_S)
                opened.append(plain.dup())  # TLS takes the first one away
                threads.append(threading.Thread(target=one, args=(plain, opened[-1])))
                threads[-1].start()

    threads.append(threading.Thread(target=accept))
    threads[0].start()
    try:
        yield door.getsockname()[1]
    finally:
        with suppress(OSError):
            door.shutdown(socket.SHUT_RDWR)  # wakes accept()
        door.close()
        threads[0].join()
        for plain in opened:
            with suppress(OSError):
                plain.shutdown(socket.SHUT_RDWR)
            plain.close()
        for thread in threads:
            thread.join()


# What a host may do


def hear_a_request(sock: socket.socket, host: RawHost) -> bool:
    """Read one whole request, frame by frame; False where the client goes before."""
    buffer = bytearray()
    while not _is_whole(bytes(buffer)):
        data = sock.recv(65_536)
        if not data:
            return False
        buffer += data
        host.heard += data
    host.has_a_request.set()
    return True


def _is_whole(data: bytes) -> bool:
    place = len(PREFACE)
    while place + 9 <= len(data):
        size, kind, flags = int.from_bytes(data[place : place + 3], "big"), *data[place + 3 :][:2]
        place += 9 + size
        if kind in (0, 1) and flags & 1 and place <= len(data):  # END_STREAM
            return True
    return False


def silence(sock: socket.socket, host: RawHost) -> None:
    """Hear the request, and never answer."""
    sock.sendall(SETTINGS)
    if hear_a_request(sock, host):
        until_gone(sock)


def mute_from_the_start(sock: socket.socket, host: RawHost) -> None:
    """Not even SETTINGS."""
    if hear_a_request(sock, host):
        until_gone(sock)


def half_an_answer(sock: socket.socket, host: RawHost) -> None:
    """The head of HEADERS, five of its forty bytes, and the end."""
    sock.sendall(SETTINGS)
    if hear_a_request(sock, host):
        sock.sendall(bytes.fromhex("000028010400000001") + b"\x88\x00\x07aps")


def garbage(sock: socket.socket, host: RawHost) -> None:
    """Bytes that are no HTTP/2, after the request was heard."""
    if hear_a_request(sock, host):
        sock.sendall(b"\x7f\xff\xfe rubbish \x00" * 8)
        until_gone(sock)


def http1_text(sock: socket.socket, host: RawHost) -> None:
    """What a web server says to HTTP/2's preface, whatever ALPN promised."""
    if hear_a_request(sock, host):
        sock.sendall(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        until_gone(sock)


def going_away(sock: socket.socket, host: RawHost) -> None:
    """SETTINGS, and GOAWAY before any request is looked at."""
    sock.sendall(SETTINGS + bytes.fromhex("000008070000000000" + "00000000" + "00000000"))
    until_gone(sock)


def no_tls(sock: socket.socket, host: RawHost) -> None:
    """Plain text where TLS should begin."""
    sock.sendall(b"220 mail.example.com ESMTP\r\n")
    until_gone(sock)


def answers(answer: Callable[[Request], Response | None]) -> Behaviour:
    """A whole server; `None` is silence."""

    def behave(sock: socket.socket, host: RawHost) -> None:
        wire = ServerConnection(max_streams=1000)
        sock.sendall(wire.outgoing())
        while data := sock.recv(65_536):
            host.heard += data
            for received in wire.receive(data):
                host.asked.append(received.request)
                host.has_a_request.set()
                response = answer(received.request)
                if response is not None:
                    wire.act(Respond(stream=received.stream, response=response))
            sock.sendall(wire.outgoing())

    return behave


def always(response: Response) -> Behaviour:
    """A whole server that knows one answer."""
    return answers(lambda _: response)


def until_gone(sock: socket.socket) -> None:
    """Read until the client has gone."""
    while sock.recv(65_536):
        pass


# A proxy


@dataclass
class Proxy:
    """Where it listens, the heads it was sent, and what went through it towards the host."""

    port: int
    heads: list[bytes] = field(default_factory=list)
    carried: bytearray = field(default_factory=bytearray)

    def url(self, credentials: str = "") -> str:
        """As a value of HTTPS_PROXY."""
        return f"http://{credentials}127.0.0.1:{self.port}"

    @property
    def requests(self) -> list[str]:
        """The first line of each head."""
        return [head.split(b"\r\n")[0].decode("latin-1") for head in self.heads]


@contextmanager
def connect_proxy(*, onward: int | None = None, refusal: bytes = b"403 No") -> Iterator[Proxy]:
    """A proxy that leads every CONNECT to one port of this machine, or refuses them all."""

    def serve(client: socket.socket) -> None:
        with suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                data = client.recv(1)
                if not data:
                    return
                head += data
            proxy.heads.append(head)
            if onward is None:
                client.sendall(b"HTTP/1.1 " + refusal + b"\r\ncontent-length: 0\r\n\r\n")
                return
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            with socket.create_connection(("127.0.0.1", onward)) as server:
                _carry(client, server, proxy.carried)

    with _serving(serve) as port:
        proxy = Proxy(port=port)
        yield proxy


def _carry(client: socket.socket, server: socket.socket, carried: bytearray) -> None:
    other = {client: server, server: client}
    while True:
        for one in select.select([client, server], [], [], PATIENCE_S)[0]:
            data = one.recv(65_536)
            if not data:
                return
            if one is client:
                carried += data
            other[one].sendall(data)
