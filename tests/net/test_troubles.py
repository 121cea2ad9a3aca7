"""Clients that never get as far as a push, each as it goes wrong: what the server says of it."""

import asyncio
import socket
import ssl
import struct
from collections.abc import Callable
from contextlib import suppress

import pytest

from pushkit_cli.apns.facts import Trouble
from pushkit_cli.engine.local import Trust
from pushkit_cli.net.tls import trouble_of
from tests.net.test_server import SANDBOX, House, opened, play


def _trusting(house: House) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(house.trust.ca_file))


def _shake(sock: socket.socket, context: ssl.SSLContext) -> ssl.SSLSocket:
    return context.wrap_socket(sock, server_hostname="127.0.0.1")


def _untrusting(sock: socket.socket, house: House) -> None:
    with suppress(ssl.SSLError):
        _shake(sock, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))


def _another_name(sock: socket.socket, house: House) -> None:
    with suppress(ssl.SSLError):
        _trusting(house).wrap_socket(sock, server_hostname="push.example.com")


def _plain_http(sock: socket.socket, house: House) -> None:
    sock.sendall(b"POST /3/device/aa HTTP/1.1\r\nHost: x\r\n\r\n")
    sock.recv(100)


def _garbage(sock: socket.socket, house: House) -> None:
    sock.sendall(b"\0\1\2\3 what is this?\n" * 5)
    sock.recv(100)


def _http1(sock: socket.socket, house: House) -> None:
    with _shake(sock, _trusting(house)) as tls:
        tls.sendall(b"POST /3/device/aa HTTP/1.1\r\nHost: x\r\n\r\n")
        while tls.recv(1000):
            pass


def _silent(sock: socket.socket, house: House) -> None:
    _shake(sock, _trusting(house)).close()


def _hello_and_away(sock: socket.socket, house: House) -> None:
    """As Node does: it has seen the certificate, and goes in the middle of the handshake."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(up, down, server_hostname="127.0.0.1")
    with suppress(ssl.SSLWantReadError):
        client.do_handshake()
    sock.sendall(down.read())
    sock.recv(100)


def _probe(sock: socket.socket, house: House) -> None:
    """As a script does that waits for a port."""


def _reset(sock: socket.socket, house: House) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _a_whole_conversation(sock: socket.socket, house: House) -> None:
    with _shake(sock, _trusting(house)) as tls:
        tls.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0)))
        tls.recv(1000)


WAYS: dict[str, tuple[Callable[[socket.socket, House], None], Trouble | None]] = {
    "a client that does not trust it": (_untrusting, Trouble.UNTRUSTED),
    "a client that looks for another name": (_another_name, Trouble.UNTRUSTED),
    "http:// in place of https://": (_plain_http, Trouble.NO_TLS),
    "something else": (_garbage, Trouble.NO_TLS),
    "HTTP/1 over TLS": (_http1, Trouble.HTTP1),
    "not a word over TLS": (_silent, Trouble.SILENT),
    "gone in the middle of the handshake": (_hello_and_away, Trouble.SILENT),
    "a probe of the port": (_probe, None),
    "a probe that resets": (_reset, None),
    "a client that is right": (_a_whole_conversation, None),
}


@pytest.mark.parametrize(("act", "trouble"), WAYS.values(), ids=WAYS)
def test_what_a_client_did_wrong(
    trust: Trust, act: Callable[[socket.socket, House], None], trouble: Trouble | None
) -> None:
    house = House(trust)

    def once(act: Callable[[socket.socket, House], None]) -> None:
        with socket.create_connection(("127.0.0.1", house.ports[SANDBOX])) as sock:
            act(sock, house)

    async def scene() -> None:
        async with opened(house):
            await asyncio.to_thread(once, act)
            if trouble is not None:
                await house.until(lambda it: bool(it.troubles))
            await asyncio.to_thread(once, _http1)  # whatever came before is known by then
            await house.until(lambda it: Trouble.HTTP1 in it.troubles[len(found) :])

    found = [] if trouble is None else [trouble]
    play(scene())
    assert house.troubles == [*found, Trouble.HTTP1]


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (ConnectionAbortedError("SSL handshake is taking longer than 10 seconds"), Trouble.SLOW),
        (ConnectionResetError(), None),
        (asyncio.CancelledError(), None),
        (OSError("something else"), None),
        (ssl.SSLEOFError(8, "EOF occurred"), None),
        (ssl.SSLError(1, "a word that OpenSSL may invent"), Trouble.TLS),
    ],
)
def test_what_a_failure_means(error: BaseException, trouble: Trouble | None) -> None:
    assert trouble_of(error, None) is trouble
