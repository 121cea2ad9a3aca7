"""A real client and a real server joined by a fake wire, which also keeps count of the windows."""

from collections.abc import Callable

import pytest

from pushkit_cli.apns.acts import Respond
from pushkit_cli.apns.message import Headers, Request, Response
from pushkit_cli.wire.client import Answered, ClientConnection, ClientEvent
from pushkit_cli.wire.server import Received, ServerConnection
from tests.wire.raw import Cut, Listener, byte_by_byte, random_cuts, whole

CUTS = [
    pytest.param(lambda: whole, id="whole"),
    pytest.param(lambda: byte_by_byte, id="byte-by-byte"),
    pytest.param(lambda: random_cuts(1), id="random-cuts-1"),
    pytest.param(lambda: random_cuts(2, longest=20), id="random-cuts-2"),
]
however_cut = pytest.mark.parametrize("make_cut", CUTS)


def post(
    body: bytes = b"{}", *more: tuple[bytes, bytes], path: bytes = b"/3/device/5f1c"
) -> Request:
    """A request as a sender writes it."""
    headers = (
        (b":method", b"POST"),
        (b":scheme", b"https"),
        (b":authority", b"api.push.apple.com"),
        (b":path", path),
        (b"apns-topic", b"com.example.voip"),
        *more,
    )
    return Request(headers=headers, body=body, body_size=len(body))


def accept(request: Request) -> Response:
    """200, and the `apns-id` back where one came."""
    headers: Headers = tuple(pair for pair in request.headers if pair[0] == b"apns-id")
    return Response(status=200, headers=headers)


class Pair:
    """Both ends; `answer` decides what the server says, `None` leaves a request open."""

    def __init__(
        self,
        *,
        cut: Cut = whole,
        answer: Callable[[Request], Response | None] = accept,
        max_streams: int = 1000,
    ) -> None:
        self.client = ClientConnection()
        self.server = ServerConnection(max_streams=max_streams)
        self.cut = cut
        self.answer = answer
        self.upward = Listener(preface=True)
        self.downward = Listener(preface=False)
        self.received: list[Received] = []
        self.events: list[ClientEvent] = []

    def turn(self) -> bool:
        """Carry what each end has to say, once; whether anybody spoke."""
        up = self.client.outgoing()
        for frame in self.upward.hear(up):
            self.downward.windows.heard(frame)
        for piece in self.cut(up):
            for got in self.server.receive(piece):
                self.received.append(got)
                response = self.answer(got.request)
                if response is not None:
                    self.server.act(Respond(stream=got.stream, response=response))
        down = self.server.outgoing()
        for frame in self.downward.hear(down):
            self.upward.windows.heard(frame)
        for piece in self.cut(down):
            self.events += self.client.receive(piece)
        return bool(up or down)

    def run(self) -> None:
        """Carry bytes until both ends are silent."""
        for _ in range(10_000):
            if not self.turn():
                return
        raise AssertionError("the two ends never fall silent")

    @property
    def answers(self) -> dict[int, Response]:
        """The answers by stream; fails on any other outcome."""
        found: dict[int, Response] = {}
        for event in self.events:
            assert isinstance(event, Answered), event
            assert event.stream not in found
            found[event.stream] = event.response
        return found
