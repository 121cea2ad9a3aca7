"""Long bodies go out whole, in turn, in parts, and as far as the client's windows allow."""

import hashlib
from itertools import pairwise
from random import Random

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, StreamEnded
from hpack import Encoder
from hyperframe.frame import DataFrame

from pushkit_cli.apns.acts import Respond
from pushkit_cli.apns.message import Response
from pushkit_cli.wire.server import ServerConnection
from tests.wire.pair import Pair, post
from tests.wire.raw import (
    CANCEL,
    MAX_FRAME,
    MAX_STREAM,
    PREFACE,
    WINDOW,
    data,
    headers,
    ping,
    rst,
    settings,
    window,
)
from tests.wire.script import ByHandClient

BLOCK = Encoder().encode([(name, value, True) for name, value in post().headers])
MIB = 2**20
WIDE = settings(INITIAL_WINDOW_SIZE=MAX_STREAM, MAX_FRAME_SIZE=2**24 - 1)
PART = 256 * 1024 + MAX_FRAME + 4_096
"""What one call may give: a part, the frame that is over it, and heads."""


def wide_open() -> ByHandClient:
    """A client whose windows and frames are as large as they can be."""
    client = ByHandClient(greeting=PREFACE + WIDE + window(0, MAX_STREAM - WINDOW))
    client.heard.other_said(WIDE + window(0, MAX_STREAM - WINDOW))
    return client


def test_50_mb_reach_h2_through_windows_of_64_kb() -> None:
    body = Random(50).randbytes(MIB) * 50
    client = H2Connection(H2Configuration(client_side=True, header_encoding=None))
    client.initiate_connection()
    client.send_headers(1, post(b"").headers, end_stream=True)
    server = ServerConnection()
    found, size, ended = hashlib.sha256(), 0, False
    for _ in range(10_000):
        for got in server.receive(client.data_to_send()):
            server.act(Respond(stream=got.stream, response=Response(status=200, body=body)))
        for event in client.receive_data(server.outgoing()):
            if isinstance(event, DataReceived):
                assert event.data is not None
                found.update(event.data)
                size += len(event.data)
                client.acknowledge_received_data(event.flow_controlled_length or 0, 1)
            ended |= isinstance(event, StreamEnded)
        if ended:
            break
    assert (ended, size) == (True, len(body))
    assert found.digest() == hashlib.sha256(body).digest()


def test_long_answers_reach_our_client() -> None:
    pair = Pair(answer=lambda request: Response(status=200, body=request.headers[-1][1] * MIB))
    pair.run()
    streams = [pair.client.send(post(b"", (b"x", b"%d" % at))) for at in range(4)]
    pair.run()
    assert sorted(pair.answers) == streams
    for at, stream in enumerate(streams):
        assert pair.downward.messages[stream].body == b"%d" % at * MIB


def test_frames_keep_to_the_size_every_peer_must_take() -> None:
    client = wide_open()
    client.answer = Response(status=200, body=bytes(MIB))
    client.say(headers(1, BLOCK))
    assert set(client.heard.data_sizes) == {MAX_FRAME}
    assert client.heard.messages[1].ended


def test_no_more_than_a_part_is_taken_out_at_a_time() -> None:
    client = wide_open()
    client.answer = None
    client.say(*(headers(stream, BLOCK) for stream in range(1, 2_000, 2)))
    answer = Response(status=200, body=bytes(50 * MIB))
    for got in client.received:
        client.server.act(Respond(stream=got.stream, response=answer))
    heads = client.server.outgoing()
    assert len(heads) < PART + 1_000 * 30
    assert client.server.has_more
    for _ in range(20):
        assert 256 * 1024 <= len(client.server.outgoing()) <= PART
    client.server.receive(b"".join(rst(stream, CANCEL) for stream in range(1, 2_000, 2)))
    assert client.server.outgoing() == b""
    assert not client.server.has_more


def test_streams_take_turns() -> None:
    client = wide_open()
    client.answer = Response(status=200, body=bytes(10 * MAX_FRAME))
    client.say(*(headers(stream, BLOCK) for stream in (1, 3, 5)))
    order = [frame.stream_id for frame in client.heard.frames if isinstance(frame, DataFrame)]
    assert order == [1, 3, 5] * 10


def test_a_small_answer_passes_a_long_one() -> None:
    client = wide_open()
    client.server.receive(headers(1, BLOCK))
    client.server.act(Respond(stream=1, response=Response(status=200, body=bytes(10 * MIB))))
    client.heard.hear(client.server.outgoing())
    client.server.receive(headers(3, BLOCK) + ping())
    client.server.act(Respond(stream=3, response=Response(status=400, body=b"small")))
    client.heard.hear(client.server.outgoing())
    assert client.heard.messages[3].ended
    assert len(client.heard.pongs()) == 1
    assert not client.heard.messages[1].ended


def test_a_stream_whose_window_is_shut_does_not_hold_up_others() -> None:
    client = ByHandClient()
    client.answer = Response(status=200, body=bytes(2 * WINDOW))
    client.say(window(0, MAX_STREAM - WINDOW), headers(1, BLOCK), headers(3, BLOCK))
    client.say(window(3, WINDOW))
    assert client.heard.messages[3].ended
    assert len(client.heard.messages[1].body) == WINDOW
    client.say(settings(INITIAL_WINDOW_SIZE=2 * WINDOW))
    assert client.heard.messages[1].ended


def test_many_shut_streams_open_one_by_one() -> None:
    client = ByHandClient(greeting=PREFACE + settings(INITIAL_WINDOW_SIZE=0))
    client.heard.other_said(settings(INITIAL_WINDOW_SIZE=0))
    client.answer = Response(status=400, body=b"0123456789")
    streams = list(range(1, 601, 2))
    client.say(*(headers(stream, BLOCK) for stream in streams))
    assert client.heard.data_sizes == []
    Random(1).shuffle(streams)
    for stream in streams:
        client.say(window(stream, 9), window(stream, 1))
        assert client.heard.messages[stream].ended
    assert all(client.heard.messages[stream].body == b"0123456789" for stream in streams)


def test_windows_of_every_kind_at_random() -> None:
    """The listener fails as soon as a byte is beyond a window."""
    random = Random(9113)
    client = ByHandClient()
    bodies = {
        stream: random.randbytes(random.choice((1, 5_000, 90_000))) for stream in range(1, 80, 2)
    }
    client.answer = None
    for stream, body in bodies.items():
        client.say(headers(stream, BLOCK, end=False), data(stream, b"{}", end=True))
        client.respond(stream, Response(status=200, body=body))
        client.say(settings(INITIAL_WINDOW_SIZE=random.choice((0, 10, 3_000, WINDOW))))
        client.say(window(random.choice(list(bodies)[: stream // 2 + 1]), random.randint(1, 9_000)))
        client.say(window(0, random.randint(1, 50_000)))
    client.say(settings(INITIAL_WINDOW_SIZE=MIB), window(0, 2**30))
    assert {at: client.heard.messages[at].body for at in bodies} == bodies


@pytest.mark.parametrize("size", [0, 27, 5_000])
def test_nothing_is_kept_of_the_window_of_a_stream_that_is_answered(size: int) -> None:
    """Else what SETTINGS add would overflow it, long after it is over."""
    client = ByHandClient()
    client.answer = None
    client.say(headers(1, BLOCK), window(1, MAX_STREAM - WINDOW))
    client.respond(1, Response(status=400, body=bytes(size)))
    assert client.heard.messages[1].ended
    client.say(settings(INITIAL_WINDOW_SIZE=2 * WINDOW), headers(3, BLOCK))
    client.respond(3, Response(status=200))
    assert client.statuses == {1: b"400", 3: b"200"}


def test_a_reset_in_the_middle_leaves_the_others_their_turn() -> None:
    client = wide_open()
    client.answer = None
    client.say(*(headers(stream, BLOCK) for stream in (1, 3, 5)))
    for got in client.received:
        body = bytes(20 * MAX_FRAME)
        client.server.act(Respond(stream=got.stream, response=Response(status=200, body=body)))
    client.heard.hear(client.server.outgoing())
    client.say(rst(3, CANCEL))
    assert client.heard.messages[1].ended
    assert not client.heard.messages[3].ended
    assert client.heard.messages[5].ended
    order = [frame.stream_id for frame in client.heard.frames if isinstance(frame, DataFrame)]
    after = order[len(order) - order[::-1].index(3) :]
    assert all(one != other for one, other in pairwise(after))
