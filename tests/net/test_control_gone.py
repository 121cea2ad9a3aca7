"""A listener that has answered and gone before it was thanked: the answer counts."""

import socket
import time

from pushkit_cli.apns.acts import GoAway, Respond
from pushkit_cli.apns.message import Response
from pushkit_cli.net.control import _exchange, _request
from pushkit_cli.wire.client import ClientConnection
from pushkit_cli.wire.server import ServerConnection
from tests.commands import PATIENCE_S


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
