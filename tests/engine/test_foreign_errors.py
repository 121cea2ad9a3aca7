"""Errors of sockets and of TLS are translated where they arise: none escapes from a sender."""

import errno
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import pytest

from pushkit_cli.apns.message import Outcome
from pushkit_cli.errors import NotSentError
from pushkit_cli.net.sender import exchange
from tests.net.test_sender import PATIENCE_S, host, replies, until_gone
from tests.wire.pair import post


def _every(kind: type[BaseException]) -> Iterator[type[BaseException]]:
    yield kind
    for below in kind.__subclasses__():
        if below.__module__ in ("builtins", "ssl", "socket"):
            yield from _every(below)


FOREIGN = sorted({*_every(OSError)}, key=lambda kind: kind.__name__)


class _Broken:
    """A TLS socket that raises where it is told to."""

    def __init__(self, plain: socket.socket, where: str, error: BaseException) -> None:
        self._plain, self._where, self._error = plain, where, error

    def __getattr__(self, name: str) -> Any:
        def call(*_: object) -> object:
            if name == self._where:
                raise self._error
            return {"selected_alpn_protocol": "h2"}.get(name)

        return call

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self._plain.close()


@pytest.mark.parametrize("where", ["sendall", "recv", "wrap_socket"])
@pytest.mark.parametrize("kind", FOREIGN, ids=lambda kind: kind.__name__)
def test_every_error_of_sockets_and_tls_is_translated(
    kind: type[BaseException], where: str
) -> None:
    error = kind(errno.EPIPE, "Broken pipe")

    class Breaking(ssl.SSLContext):
        def wrap_socket(self, sock: socket.socket, *_: object, **__: object) -> Any:
            if where == "wrap_socket":
                raise error
            return _Broken(sock, where, error)

    context = Breaking(ssl.PROTOCOL_TLS_CLIENT)
    if kind is ssl.SSLCertVerificationError:
        error.verify_message = "expired"  # type: ignore[attr-defined]
    with host(until_gone) as endpoint:
        if where == "wrap_socket":
            with pytest.raises(NotSentError) as caught:
                exchange(endpoint, context, [post()], timeout=PATIENCE_S)
            assert caught.value.__cause__ is error
        else:
            (reply,) = replies(endpoint, context)
            assert reply.outcome is Outcome.UNKNOWN
            assert reply.detail


def test_the_walk_meets_the_errors_that_matter() -> None:
    assert {
        TimeoutError, ConnectionResetError, BrokenPipeError, socket.gaierror, ssl.SSLError,
        ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLCertVerificationError,
    } <= {*FOREIGN}  # fmt: skip
