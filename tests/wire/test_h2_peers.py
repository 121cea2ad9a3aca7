"""Both ends against h2, which knows nothing of ours: the happy path, resets and goodbyes."""

from collections.abc import Callable

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    PingAckReceived,
    RequestReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)
from h2.settings import SettingCodes

from pushkit_cli.apns.acts import GoAway, Respond
from pushkit_cli.apns.message import Request, Response
from pushkit_cli.wire.client import Answered, ClientConnection, ClientEvent
from pushkit_cli.wire.server import ServerConnection
from tests.wire.pair import accept, however_cut, post
from tests.wire.raw import Cut, whole
from tests.wire.script import outcome

BODY = bytes(range(256)) * 20
REFUSAL = Response(status=400, headers=((b"apns-id", b"8A4F"),), body=b'{"reason":"BadTopic"}')


class Peer:
    """h2 as one end: what it heard, and bodies sent as far as its windows allow."""

    def __init__(self, *, client: bool) -> None:
        self.h2 = H2Connection(H2Configuration(client_side=client, header_encoding=None))
        self.h2.initiate_connection()
        self.events: list[Event] = []
        self.fields: dict[int, list[tuple[bytes, bytes]]] = {}
        self.bodies: dict[int, bytes] = {}
        self.ended: list[int] = []
        self._waiting: dict[int, bytes] = {}

    def hear(self, data: bytes) -> None:
        for event in self.h2.receive_data(data):
            self.events.append(event)
            match event:
                case (
                    RequestReceived(stream_id=int() as stream)
                    | ResponseReceived(stream_id=int() as stream)
                ):
                    self.fields[stream] = [(bytes(n), bytes(v)) for n, v in event.headers or []]
                    self.bodies[stream] = b""
                case DataReceived(stream_id=int() as stream, data=bytes() as piece):
                    self.bodies[stream] += piece
                    self.h2.acknowledge_received_data(event.flow_controlled_length or 0, stream)
                case StreamEnded(stream_id=int() as stream):
                    self.ended.append(stream)
                case StreamReset(stream_id=int() as stream):
                    self._waiting.pop(stream, None)

    def send(self, stream: int, fields: list[tuple[bytes, bytes]], body: bytes) -> None:
        self.h2.send_headers(stream, fields, end_stream=not body)
        if body:
            self._waiting[stream] = body

    def speak(self) -> bytes:
        for stream, body in list(self._waiting.items()):
            size = min(self.h2.local_flow_control_window(stream), 16_384, len(body))
            if size > 0:
                rest = body[size:]
                self.h2.send_data(stream, body[:size], end_stream=not rest)
                self._waiting[stream] = rest
                if not rest:
                    del self._waiting[stream]
        return self.h2.data_to_send()

    def heard(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


class AgainstOurServer:
    """h2 as the client of a real server."""

    def __init__(self, *, cut: Cut = whole) -> None:
        self.peer = Peer(client=True)
        self.server = ServerConnection(max_streams=1000)
        self.answer: Callable[[Request], Response | None] = accept
        self.received: dict[int, Request] = {}
        self.cut = cut

    def run(self) -> None:
        for _ in range(10_000):
            up, down = self.peer.speak(), self.server.outgoing()
            if not up and not down:
                return
            for piece in self.cut(up):
                for got in self.server.receive(piece):
                    self.received[got.stream] = got.request
                    if (response := self.answer(got.request)) is not None:
                        self.server.act(Respond(stream=got.stream, response=response))
            for piece in self.cut(down):
                self.peer.hear(piece)
        raise AssertionError("the two ends never fall silent")

    def push(self, request: Request) -> int:
        stream = self.peer.h2.get_next_available_stream_id()
        self.peer.send(stream, list(request.headers), request.body)
        return stream


@however_cut
def test_h2_pushes_and_is_answered(make_cut: Callable[[], Cut]) -> None:
    both = AgainstOurServer(cut=make_cut())
    both.answer = lambda request: REFUSAL if request.body_size % 2 else accept(request)
    both.run()
    sent = {}
    for at in range(60):
        request = post(BODY[: at * 80 + at % 3], (b"apns-id", str(at).encode()))
        sent[both.push(request)] = request
    both.run()
    assert both.received == sent
    assert sorted(both.peer.ended) == sorted(sent)
    for stream, request in sent.items():
        expected = REFUSAL if request.body_size % 2 else accept(request)
        status = (b":status", str(expected.status).encode())
        assert both.peer.fields[stream] == [status, *expected.headers]
        assert both.peer.bodies[stream] == expected.body


@however_cut
def test_h2_pushes_a_huge_body_and_reads_a_huge_answer(make_cut: Callable[[], Cut]) -> None:
    both = AgainstOurServer(cut=make_cut())
    both.answer = lambda request: Response(status=413, body=BODY * 40)
    stream = both.push(post(BODY * 30))
    both.run()
    assert both.received[stream].body_size == len(BODY) * 30
    assert both.peer.bodies[stream] == BODY * 40
    assert both.peer.ended == [stream]


def test_h2_resets_and_pushes_on() -> None:
    both = AgainstOurServer()
    both.answer = lambda request: None
    for _ in range(3):
        both.push(post())
    both.run()
    both.peer.h2.reset_stream(1, ErrorCodes.CANCEL)
    both.peer.h2.ping(b"abcdefgh")
    both.run()
    for stream in (1, 3, 5):
        both.server.act(Respond(stream=stream, response=REFUSAL))
    both.run()
    assert both.peer.ended == [3, 5]
    assert len(both.peer.heard(PingAckReceived)) == 1
    both.peer.h2.close_connection()
    both.run()
    assert both.server.finished


def test_h2_hears_a_goodbye_with_its_reason() -> None:
    both = AgainstOurServer()
    both.push(post())
    both.run()
    both.server.act(GoAway(debug=b'{"reason":"Shutdown"}'))
    both.run()
    (goodbye,) = both.peer.heard(ConnectionTerminated)
    assert isinstance(goodbye, ConnectionTerminated)
    assert goodbye.last_stream_id == 1
    assert goodbye.additional_data == b'{"reason":"Shutdown"}'
    assert both.peer.ended == [1]
    assert both.server.finished


@however_cut
def test_h2_hears_an_answer_whose_headers_fill_several_frames(make_cut: Callable[[], Cut]) -> None:
    both = AgainstOurServer(cut=make_cut())
    both.answer = lambda request: Response(status=200, headers=((b"x", b"l" * 40_000),))
    stream = both.push(post())
    both.run()
    assert both.peer.fields[stream] == [(b":status", b"200"), (b"x", b"l" * 40_000)]
    assert both.peer.ended == [stream]


class AgainstOurClient:
    """h2 as the server of a real client."""

    def __init__(self, *, cut: Cut = whole) -> None:
        self.peer = Peer(client=False)
        self.client = ClientConnection()
        self.events: list[ClientEvent] = []
        self.cut = cut

    def run(self) -> None:
        for _ in range(10_000):
            up, down = self.client.outgoing(), self.peer.speak()
            if not up and not down:
                return
            for piece in self.cut(up):
                self.peer.hear(piece)
            for piece in self.cut(down):
                self.events += self.client.receive(piece)
        raise AssertionError("the two ends never fall silent")

    def answer(self, stream: int, response: Response) -> None:
        status = (b":status", str(response.status).encode())
        self.peer.send(stream, [status, *response.headers], response.body)

    @property
    def outcomes(self) -> dict[int, str]:
        assert len({event.stream for event in self.events}) == len(self.events)
        return {event.stream: outcome(event) for event in self.events}


@however_cut
def test_h2_is_pushed_to_and_answers(make_cut: Callable[[], Cut]) -> None:
    both = AgainstOurClient(cut=make_cut())
    both.run()
    assert both.client.room == 100
    sent = {}
    for at in range(60):
        request = post(BODY[: at * 80 + at % 3], (b"apns-id", str(at).encode()))
        sent[both.client.send(request)] = request
    both.run()
    assert sorted(both.peer.ended) == sorted(sent)
    assert {
        stream: (tuple(f), both.peer.bodies[stream]) for stream, f in both.peer.fields.items()
    } == {stream: (request.headers, request.body) for stream, request in sent.items()}
    for stream in reversed(sent):
        both.answer(stream, REFUSAL)
    both.run()
    assert [event.stream for event in both.events] == list(reversed(sent))
    for event in both.events:
        assert isinstance(event, Answered)
        assert event.response == REFUSAL


@however_cut
def test_h2_hears_a_push_whose_headers_fill_several_frames(make_cut: Callable[[], Cut]) -> None:
    both = AgainstOurClient(cut=make_cut())
    both.run()
    for _ in range(2):
        request = post(BODY, (b"x", b"l" * 40_000))
        stream = both.client.send(request)
        both.run()
        assert tuple(both.peer.fields[stream]) == request.headers
        assert both.peer.bodies[stream] == BODY


@pytest.mark.parametrize(
    ("code", "expected"),
    [(ErrorCodes.REFUSED_STREAM, "unprocessed"), (ErrorCodes.CANCEL, "lost")],
)
def test_h2_resets_what_it_was_pushed(code: ErrorCodes, expected: str) -> None:
    both = AgainstOurClient()
    both.run()
    for _ in range(3):
        both.client.send(post(BODY))
    both.run()
    both.peer.h2.reset_stream(3, code)
    both.answer(5, REFUSAL)
    both.run()
    both.peer.h2.reset_stream(1, code)
    both.run()
    assert both.outcomes == {3: expected, 5: f"400 {REFUSAL.body.decode()}", 1: expected}
    assert both.client.room == 100


def test_h2_lowers_its_limits_in_mid_flight() -> None:
    both = AgainstOurClient()
    both.run()
    for _ in range(3):
        both.client.send(post(BODY))
    both.run()
    both.peer.h2.update_settings(
        {
            SettingCodes.MAX_CONCURRENT_STREAMS: 1,
            SettingCodes.HEADER_TABLE_SIZE: 0,
            SettingCodes.INITIAL_WINDOW_SIZE: 1_000,
        }
    )
    both.run()
    assert both.client.room == 0
    for stream in (1, 3, 5):
        both.answer(stream, Response(status=200))
    both.run()
    assert both.client.room == 1
    request = post(BODY, (b"apns-priority", b"10"))
    both.client.send(request)
    both.run()
    assert tuple(both.peer.fields[7]) == request.headers
    assert both.peer.bodies[7] == request.body


def test_h2_sends_interim_answers_trailers_and_padding() -> None:
    both = AgainstOurClient()
    both.run()
    both.client.send(post())
    both.run()
    server = both.peer.h2
    server.send_headers(1, [(":status", "100")])
    server.send_headers(1, [(":status", "503"), ("retry-after", "1")])
    server.send_data(1, b"body", pad_length=100)
    server.send_headers(1, [("x-trailer", "1")], end_stream=True)
    both.run()
    (event,) = both.events
    assert isinstance(event, Answered)
    assert event.response == Response(status=503, headers=((b"retry-after", b"1"),), body=b"body")


def test_h2_says_goodbye_to_what_it_did_not_look_at() -> None:
    both = AgainstOurClient()
    both.run()
    for _ in range(3):
        both.client.send(post())
    both.run()
    both.answer(1, Response(status=200))
    both.run()
    both.peer.h2.close_connection(ErrorCodes.NO_ERROR, b'{"reason":"Shutdown"}', last_stream_id=3)
    both.run()
    assert both.client.goaway is not None
    assert both.client.goaway.debug == b'{"reason":"Shutdown"}'
    both.events += both.client.lost("closed")
    assert both.outcomes == {1: "200", 5: "unprocessed", 3: "lost"}
