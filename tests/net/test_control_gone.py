"""A listener that ends while it is asked: an answer counts, and nobody is left waiting for one."""

import asyncio
import socket
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pytest

from pushkit_cli.apns.acts import GoAway, Respond
from pushkit_cli.apns.message import Response
from pushkit_cli.net.control import _exchange, _request, bind
from pushkit_cli.net.control_server import ControlServer
from pushkit_cli.wire.client import Answered, ClientConnection
from pushkit_cli.wire.server import ServerConnection
from tests.commands import PATIENCE_S
from tests.net.test_control import echo


def test_an_answer_is_read_though_nothing_can_be_written_any_more() -> None:
    request = _request("/records", b"{}")
    asking, answering = ClientConnection(max_answer=100_000), ServerConnection(max_body=1000)
    asking.send(request)
    (asked,) = answering.receive(asking.outgoing())
    answering.act(Respond(stream=asked.stream, response=Response(status=200, body=b"[1]")))
    answering.act(GoAway())
    here, there = socket.socketpair()
    with here:
        there.sendall(answering.outgoing())
        there.close()
        answer = _exchange(here, request, time.monotonic() + PATIENCE_S)
    assert (answer.status, answer.body) == (200, b"[1]")


@pytest.mark.parametrize("turns", range(5))
def test_who_was_let_in_as_it_ended_is_answered(turns: int) -> None:
    """After no turn or one of the event loop he was not yet let in, and hears that it ended."""
    asking = ClientConnection()
    asking.send(_request("/x", b"y"))

    async def body(path: Path) -> None:
        server = ControlServer(echo)
        await server.start(bind(path))
        peer.connect(str(path))
        peer.sendall(asking.outgoing())
        for _ in range(turns):
            await asyncio.sleep(0)
        await server.stop(grace=1)

    with socket.socket(socket.AF_UNIX) as peer, tempfile.TemporaryDirectory(prefix="pk-") as folder:
        asyncio.run(body(Path(folder, "c.sock")))
        peer.settimeout(0.1)
        heard = []
        with suppress(ConnectionResetError):
            while data := peer.recv(65_536):
                heard += [type(event) for event in asking.receive(data)]
    assert heard == ([Answered] if turns > 1 else [])
