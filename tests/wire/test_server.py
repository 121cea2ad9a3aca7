"""The server's end: what a client sends becomes requests, and acts become what a client hears."""

from collections.abc import Callable

import pytest
from hpack import Encoder
from hyperframe.frame import SettingsFrame

from pushkit_cli.apns.acts import GoAway, Respond
from pushkit_cli.apns.message import Response
from pushkit_cli.wire.server import ServerConnection
from tests.wire.pair import however_cut, post
from tests.wire.raw import (
    CANCEL,
    FLOW_CONTROL_ERROR,
    MAX_STREAM,
    NO_ERROR,
    PREFACE,
    WINDOW,
    Cut,
    Reader,
    data,
    goaway,
    headers,
    ping,
    raw,
    rst,
    settings,
    window,
)
from tests.wire.script import ByHandClient

BLOCK = Encoder().encode(post().headers)
REFUSAL = Response(
    status=400, headers=((b"apns-id", b"8A4F"),), body=b'{"reason":"BadDeviceToken"}'
)
LONG = Response(status=400, body=bytes(range(256)) * 1000)


def request(stream: int, body: bytes = b"{}") -> bytes:
    """A request whose block needs no table of ours: each connection hears it once or more."""
    block = Encoder().encode([(name, value, True) for name, value in post().headers])
    return headers(stream, block, end=not body) + (data(stream, body, end=True) if body else b"")


# The greeting


@pytest.mark.parametrize("streams", [1, 1000])
def test_the_first_frame_says_what_apple_says(streams: int) -> None:
    """Values seen on Apple's wire from 2021 on, and no other setting."""
    server = ServerConnection(max_streams=streams) if streams > 1 else ServerConnection()
    (frame,) = Reader(preface=False).feed(server.outgoing())
    assert isinstance(frame, SettingsFrame)
    assert frame.stream_id == 0
    assert frame.settings == {1: 4096, 3: streams, 4: 65_535, 5: 16_384, 6: 8000}


@however_cut
def test_settings_are_acknowledged_and_pings_answered(make_cut: Callable[[], Cut]) -> None:
    client = ByHandClient(cut=make_cut())
    client.say(ping(b"abcdefgh"), settings(HEADER_TABLE_SIZE=100), ping(b"12345678"))
    assert client.heard.acks() == 2
    assert client.heard.pongs() == [b"abcdefgh", b"12345678"]
    assert not client.server.finished


def test_nothing_is_answered_to_half_a_preface() -> None:
    server = ServerConnection()
    server.outgoing()
    for at in range(len(PREFACE)):
        assert server.receive(PREFACE[at : at + 1]) == ()
        assert server.outgoing() == b""
    assert not server.finished


# Requests


@however_cut
def test_headers_reach_the_request_as_they_came(make_cut: Callable[[], Cut]) -> None:
    sent = [
        *post().headers,
        (b"apns-priority", b"10"),
        (b"cookie", b"a=1"),
        (b"apns-id", b"\xff\xfe\x80 \xc3"),
        (b"apns-priority", b"5"),
        (b"cookie", b"b=2"),
        (b"apns-expiration", b""),
        (b"apns-topic", b"again"),
    ]
    client = ByHandClient(cut=make_cut())
    client.say(headers(1, Encoder().encode(sent)))
    (got,) = client.received
    assert got.stream == 1
    assert got.request.headers == tuple(sent)
    assert type(got.request.headers) is tuple
    assert all(type(part) is bytes for pair in got.request.headers for part in pair)
    assert got.request.repeated == (b"apns-priority", b"apns-topic")
    assert (got.request.body, got.request.body_size) == (b"", 0)


def test_host_alone_is_accepted() -> None:
    fields = [(n if n != b":authority" else b"host", v) for n, v in post().headers]
    fields.sort(key=lambda pair: not pair[0].startswith(b":"))
    client = ByHandClient()
    client.say(headers(1, Encoder().encode(fields)))
    assert client.statuses == {1: b"200"}


@however_cut
def test_a_request_in_every_shape_is_whole(make_cut: Callable[[], Cut]) -> None:
    trailers = b"\x00\x01t\x01v"
    shapes = [
        headers(1, BLOCK, end=False) + data(1, b"bo") + data(1, b"dy", end=True),
        headers(1, BLOCK, end=False) + data(1, b"body") + data(1, end=True),
        headers(1, BLOCK, end=False) + data(1, b"body", end=True, pad=200),
        headers(1, BLOCK, end=False, pad=7) + data(1, b"body", end=True, pad=0),
        headers(1, BLOCK, end=False, pieces=40) + data(1, b"body", end=True),
        headers(1, BLOCK, end=False, depends_on=0, pieces=2) + data(1, b"body", end=True),
        headers(1, BLOCK, end=False) + data(1, b"body") + headers(1, trailers),
        headers(1, BLOCK, end=False) + ping() + data(1, b"body") + data(1, pad=9, end=True),
        raw(2, stream=1, payload=b"\0\0\0\0\x10")
        + headers(1, BLOCK, end=False)
        + raw(0x42, stream=1, payload=b"unknown")
        + data(1, b"body", end=True),
    ]
    for shape in shapes:
        client = ByHandClient(cut=make_cut())
        client.say(shape)
        (got,) = client.received
        assert got.request == post(b"body")
        assert client.statuses == {1: b"200"}


def test_bodies_may_be_interleaved_and_requests_come_as_they_end() -> None:
    client = ByHandClient()
    client.answer = None
    plain = [(name, value, True) for name, value in post().headers]
    client.say(*(headers(stream, Encoder().encode(plain), end=False) for stream in (1, 3, 5)))
    client.say(data(1, b"a"), data(3, b"b"), data(1, b"c"), data(5, b"d", end=True))
    assert not client.received[1:]
    client.say(data(1, b"e", end=True), data(3, end=True))
    assert [(got.stream, got.request.body) for got in client.received] == [
        (5, b"d"),
        (1, b"ace"),
        (3, b"b"),
    ]


def test_many_requests_in_one_read_come_back_together() -> None:
    server = ServerConnection(max_streams=1000)
    arrived = PREFACE + settings() + b"".join(request(s) for s in range(1, 200, 2))
    got = server.receive(arrived)
    assert [one.stream for one in got] == list(range(1, 200, 2))


def test_a_request_that_is_reset_before_its_end_is_none() -> None:
    client = ByHandClient()
    client.say(headers(1, BLOCK, end=False), data(1, b"half"), rst(1, CANCEL))
    client.say(data(1, b"late", end=True), request(3))
    assert [got.stream for got in client.received] == [3]
    assert not client.server.finished


def test_padding_and_data_on_dead_streams_count_on_the_connections_window() -> None:
    client = ByHandClient()
    client.say(headers(1, BLOCK, end=False), rst(1, CANCEL), headers(3, BLOCK, end=False))
    for at in range(150):
        assert WINDOW + client.heard.credit[0] - 1256 * at >= 1256
        assert WINDOW + client.heard.credit[3] - 256 * at >= 256
        client.say(data(3, b"", pad=255), data(1, bytes(1000)))
    client.say(data(3, b"end", end=True))
    assert client.received[0].request.body == b"end"


# Acts


def test_an_answer_is_written_as_it_was_given() -> None:
    client = ByHandClient()
    client.answer = None
    client.say(request(1), request(3))
    client.respond(3, REFUSAL)
    client.respond(1, Response(status=200, headers=((b"apns-id", b"\xff"), (b"x", b""))))
    first, second = client.heard.messages[1], client.heard.messages[3]
    assert first.fields == [(b":status", b"200"), (b"apns-id", b"\xff"), (b"x", b"")]
    assert second.fields == [(b":status", b"400"), (b"apns-id", b"8A4F")]
    assert (first.body, second.body) == (b"", REFUSAL.body)
    assert first.ended
    assert second.ended
    assert client.heard.data_sizes == [len(REFUSAL.body)], "an answer without a body has no DATA"


def test_an_answer_to_head_has_no_body() -> None:
    client = ByHandClient()
    client.answer = REFUSAL
    asked = [(name, b"HEAD" if name == b":method" else value) for name, value in post().headers]
    client.say(headers(1, Encoder().encode(asked), end=True))
    answer = client.heard.messages[1]
    assert (client.statuses[1], answer.body, answer.ended) == (b"400", b"", True)


def test_an_act_on_a_stream_that_is_gone_is_harmless() -> None:
    client = ByHandClient()
    client.answer = None
    client.say(request(1), request(3), headers(5, BLOCK, end=False))
    client.say(rst(1, CANCEL))
    client.respond(1, REFUSAL)  # reset by the client
    client.respond(3, REFUSAL)
    client.respond(3, REFUSAL)  # answered before
    client.respond(5, REFUSAL)  # not whole yet
    client.respond(99, REFUSAL)  # never opened
    client.respond(0, REFUSAL)
    client.respond(2, REFUSAL)
    assert client.statuses == {3: b"400"}
    client.say(data(5, end=True), b"\0" * 9)
    assert client.server.finished
    client.respond(5, REFUSAL)  # the connection is broken
    client.server.act(GoAway(debug=b"late"))
    client.listen()
    assert client.statuses == {3: b"400"}
    assert len(client.heard.goaways()) == 1


def test_an_answer_waits_for_the_clients_windows() -> None:
    client = ByHandClient(greeting=PREFACE + settings(INITIAL_WINDOW_SIZE=10))
    client.heard.other_said(settings(INITIAL_WINDOW_SIZE=10))
    client.answer = LONG
    client.say(request(1))
    answer = client.heard.messages[1]
    assert answer.body == LONG.body[:10]
    client.say(settings(INITIAL_WINDOW_SIZE=4))
    client.say(window(1, 6))
    assert answer.body == LONG.body[:10]
    client.say(window(1, 1))
    assert answer.body == LONG.body[:11]
    client.say(settings(INITIAL_WINDOW_SIZE=MAX_STREAM))
    assert answer.body == LONG.body[:WINDOW], "what the connection's window allows"
    client.say(window(0, len(LONG.body) - WINDOW - 1))
    assert not answer.ended
    client.say(window(0, 1))
    assert answer.body == LONG.body
    assert answer.ended


def test_a_client_that_resets_in_mid_answer_holds_up_nobody() -> None:
    client = ByHandClient()
    client.answer = LONG
    client.say(request(1), request(3))
    assert client.heard.windows.connection == 0
    got = len(client.heard.messages[1].body)
    client.say(window(1, 500_000), rst(1, CANCEL), window(0, 2**30), window(3, 500_000))
    assert len(client.heard.messages[1].body) == got
    assert client.heard.messages[3].body == LONG.body
    assert client.heard.messages[3].ended
    client.server.act(GoAway())
    assert client.server.finished


def test_a_stream_whose_window_overflows_is_given_up_alone() -> None:
    client = ByHandClient()
    client.answer = None
    client.say(request(1), request(3), window(1, MAX_STREAM))
    client.respond(1, REFUSAL)
    client.respond(3, REFUSAL)
    assert client.statuses == {3: b"400"}
    assert client.heard.messages[1].reset == FLOW_CONTROL_ERROR
    assert not client.server.finished


@pytest.mark.parametrize("sizes", [(0,), (100,), (0, 4096), (64, 0), (0, 0), (60_000, 100)])
def test_the_header_table_we_write_with_keeps_to_the_size_granted(sizes: tuple[int, ...]) -> None:
    client = ByHandClient()
    client.answer = REFUSAL
    for at in range(0, 30, 2):
        client.say(request(2 * at + 1), request(2 * at + 3))
        client.say(*(settings(HEADER_TABLE_SIZE=size) for size in sizes))
    assert set(client.statuses.values()) == {b"400"}
    assert len(client.statuses) == 30


def test_a_larger_header_table_is_not_filled() -> None:
    client = ByHandClient()
    client.say(settings(HEADER_TABLE_SIZE=2**32 - 1))
    for at in range(1, 400, 2):
        client.answer = Response(status=200, headers=((b"apns-id", b"%036d" % at),))
        client.say(request(at))
        assert client.heard.messages[at].fields[1] == (b"apns-id", b"%036d" % at)
    assert client.heard.decoder.header_table_size == 4096


# Going away


@however_cut
def test_after_goaway_later_requests_are_forgotten_and_earlier_ones_answered(
    make_cut: Callable[[], Cut],
) -> None:
    client = ByHandClient(cut=make_cut())
    client.answer = None
    client.say(request(1), headers(3, BLOCK, end=False))
    client.server.act(GoAway(debug=b'{"reason":"Shutdown"}'))
    client.listen()
    (goodbye,) = client.heard.goaways()
    assert (goodbye.last_stream_id, goodbye.error_code) == (3, NO_ERROR)
    assert goodbye.additional_data == b'{"reason":"Shutdown"}'
    assert not client.server.finished
    client.say(request(5), request(7, b""), data(3, b"{}", end=True), ping())
    assert [got.stream for got in client.received] == [1, 3]
    client.respond(1, REFUSAL)
    assert not client.server.finished
    client.respond(5, REFUSAL)
    client.respond(3, REFUSAL)
    assert client.statuses == {1: b"400", 3: b"400"}
    assert len(client.heard.pongs()) == 1
    assert client.server.finished


def test_goaway_on_an_idle_connection_finishes_it_at_once() -> None:
    client = ByHandClient()
    client.server.act(GoAway())
    client.listen()
    (goodbye,) = client.heard.goaways()
    assert (goodbye.last_stream_id, goodbye.error_code, goodbye.additional_data) == (0, 0, b"")
    assert client.server.finished


def test_goaway_is_not_finished_before_the_last_answer_is_written() -> None:
    client = ByHandClient()
    client.answer = None
    client.say(request(1))
    client.server.act(GoAway())
    client.respond(1, LONG)
    assert not client.server.finished
    client.say(window(0, MAX_STREAM - WINDOW), window(1, MAX_STREAM - WINDOW))
    assert client.heard.messages[1].body == LONG.body
    assert client.server.finished


def test_goaway_twice_names_the_same_stream() -> None:
    client = ByHandClient()
    client.answer = None
    client.say(request(1))
    client.server.act(GoAway(debug=b"one"))
    client.say(request(3))
    client.server.act(GoAway(debug=b"two"))
    client.listen()
    assert [goodbye.last_stream_id for goodbye in client.heard.goaways()] == [1, 1]


@however_cut
def test_when_the_client_goes_away_open_streams_are_still_answered(
    make_cut: Callable[[], Cut],
) -> None:
    client = ByHandClient(cut=make_cut())
    client.answer = None
    client.say(request(1), headers(3, BLOCK, end=False), goaway(0), data(3, b"{}", end=True))
    assert [got.stream for got in client.received] == [1, 3]
    client.respond(3, REFUSAL)
    assert not client.server.finished
    client.respond(1, REFUSAL)
    assert client.statuses == {1: b"400", 3: b"400"}
    assert client.server.finished


def test_a_client_that_goes_away_with_nothing_open_is_let_go() -> None:
    client = ByHandClient()
    client.say(request(1), goaway(MAX_STREAM), goaway(0))
    assert client.statuses == {1: b"200"}
    assert client.server.finished


def test_a_goodbye_with_reserved_bits_set_is_one() -> None:
    client = ByHandClient()
    client.answer = None
    client.say(request(1), raw(7, flags=0xFF, stream=2**31, payload=b"\x80\0\0\0" + bytes(4)))
    assert not client.server.finished
    client.respond(1, REFUSAL)
    assert client.statuses == {1: b"400"}
    assert client.server.finished


def test_a_client_that_goes_away_and_resets_what_is_open_is_let_go() -> None:
    client = ByHandClient()
    client.answer = None
    client.say(request(1), headers(3, BLOCK, end=False), goaway(0), rst(1, CANCEL))
    assert not client.server.finished
    client.say(rst(3, CANCEL))
    assert client.server.finished


def test_an_act_is_not_delayed_here() -> None:
    client = ByHandClient()
    client.answer = None
    client.say(request(1))
    client.server.act(Respond(stream=1, response=REFUSAL, after=60.0))
    client.listen()
    assert client.statuses == {1: b"400"}
