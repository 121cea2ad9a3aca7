"""The control socket as a command sees it: one question on one connection. Sockets only.

HTTP/2 without TLS over a Unix socket: whoever may open it is the user himself, and the uid of the
other end is checked on both. Nothing here imports asyncio.
"""

import os
import socket
import struct
import sys
import time
from contextlib import suppress
from pathlib import Path

from pushkit_cli.apns.message import Request, Response
from pushkit_cli.errors import ListenerError
from pushkit_cli.wire.client import Answered, ClientConnection

MAX_QUESTION_BYTES = 262_144
MAX_ANSWER_BYTES = 4_194_304
_READ_BYTES = 65_536
_BACKLOG = 64
_RUNNING = "is it still running? `pushkit ready` says so"
# <sys/un.h> and <sys/ucred.h> of macOS, for which the socket module has no names.
_SOL_LOCAL, _LOCAL_PEERCRED = 0, 1


class UnheardError(ListenerError):
    """The question was not heard: whoever listens says something first, and nobody did."""


def bind(path: Path) -> socket.socket:
    """A socket at a path, not yet listening: its mode is to be set first."""
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        bound.bind(str(path))
        bound.setblocking(False)
    except OSError as error:
        bound.close()
        raise ListenerError(
            f"{path} cannot be made: {error.strerror or error}",
            hint="point PUSHKIT_HOME at a folder of your own on a local disk",
        ) from error
    return bound


def listen(bound: socket.socket) -> None:
    """Let commands in."""
    bound.listen(_BACKLOG)


def is_ours(peer: socket.socket) -> bool:
    """Whether the process at the other end runs for the same user."""
    return peer_uid(peer) == os.geteuid()


def peer_uid(peer: socket.socket) -> int | None:
    """Who is at the other end, as the kernel says; `None` where it does not say."""
    try:
        if sys.platform == "darwin":
            head = peer.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, 76)
            return int(struct.unpack_from("=II", head)[1])
        said = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return int(struct.unpack("3i", said)[1])
    except (OSError, AttributeError, struct.error):
        return None


def ask(path: Path, question: str, body: bytes, *, timeout: float) -> Response:
    """Ask the listener at a path one thing and wait for the answer, `timeout` seconds in all.

    Raises ListenerError where nobody answers; UnheardError where asking again is safe.
    """
    deadline = time.monotonic() + timeout
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
            peer.settimeout(timeout)
            peer.connect(str(path))
            if not is_ours(peer):
                raise ListenerError(
                    f"the listener at {path} is another user's", hint="start one of your own"
                )
            return _exchange(peer, _request(question, body), deadline)
    except _Broken as error:
        kind = ListenerError if error.heard else UnheardError
        raise kind(f"the listener does not answer: {error.why}", hint=_RUNNING) from error
    except OSError as error:
        why = "no answer in time" if isinstance(error, TimeoutError) else error.strerror or error
        raise UnheardError(f"the listener does not answer: {why}", hint=_RUNNING) from error


def _request(question: str, body: bytes) -> Request:
    headers = (
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":authority", b"pushkit"),
        (b":path", question.encode("ascii")),
    )
    return Request(headers=headers, body=body, body_size=len(body))


class _Broken(Exception):  # noqa: N818 (it becomes one of ours at once)
    """The connection ended without an answer; `heard`: something had come before."""

    def __init__(self, why: str, *, heard: bool) -> None:
        super().__init__(why)
        self.why = why
        self.heard = heard


def _exchange(peer: socket.socket, request: Request, deadline: float) -> Response:
    wire = ClientConnection(max_answer=MAX_ANSWER_BYTES)
    wire.send(request)
    heard = False
    while True:
        with suppress(BrokenPipeError, ConnectionResetError):
            # It has answered and closed before it heard all of this: the answer lies here to read.
            peer.sendall(wire.outgoing())
        try:
            peer.settimeout(max(0.001, deadline - time.monotonic()))
            data = peer.recv(_READ_BYTES)
        except TimeoutError as error:
            raise _Broken("no answer in time", heard=True) from error
        except OSError as error:
            raise _Broken(error.strerror or str(error), heard=heard) from error
        for event in wire.receive(data) if data else wire.lost("it ended"):
            if isinstance(event, Answered):
                return event.response
            raise _Broken(event.detail, heard=heard)
        heard = True
