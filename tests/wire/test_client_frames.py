"""What a server may write and a client must bear: limits, windows, header tables, the unknown."""

from collections.abc import Callable

import pytest
from hpack import Encoder
from hyperframe.frame import HeadersFrame

from pushkit_cli.apns.message import Response
from pushkit_cli.wire.client import Answered
from tests.wire.pair import however_cut, post
from tests.wire.raw import (
    BAD_REQUEST,
    FLOW_CONTROL_ERROR,
    MAX_STREAM,
    OK,
    REFUSED_STREAM,
    SETTINGS_ACK,
    WINDOW,
    Cut,
    data,
    goaway,
    headers,
    ping,
    raw,
    rst,
    settings,
    window,
)
from tests.wire.script import ByHandServer

BODY = bytes(range(256)) * 100


# The greeting


def test_a_client_opens_with_the_preface_and_no_wish_to_be_pushed_to() -> None:
    server = ByHandServer()
    first = server.heard.frames[0]
    assert first.type == 4
    assert first.stream_id == 0
    assert getattr(first, "settings", {}).get(2) == 0
    assert server.heard.acks() == 1


@however_cut
def test_settings_are_acknowledged_and_pings_answered(make_cut: Callable[[], Cut]) -> None:
    server = ByHandServer(cut=make_cut())
    server.say(settings(), ping(b"abcdefgh"), settings(MAX_FRAME_SIZE=20_000), ping(b"12345678"))
    server.say(raw(6, flags=1, payload=b"not ours"), SETTINGS_ACK)
    server.listen()
    assert server.heard.acks() == 3
    assert server.heard.pongs() == [b"abcdefgh", b"12345678"]


# The limit of streams


def test_a_limit_lowered_in_mid_flight_takes_the_room_and_not_the_answers() -> None:
    server = ByHandServer()
    server.get(3)
    assert server.client.room == 997
    for limit, room in ((1, 0), (0, 0), (3, 0), (4, 1)):
        server.say(settings(MAX_CONCURRENT_STREAMS=limit))
        assert server.client.room == room
    server.say(settings(MAX_CONCURRENT_STREAMS=1), headers(1), headers(3))
    assert server.client.room == 0
    server.say(headers(5))
    assert server.client.room == 1
    server.get(1)
    server.say(settings(MAX_CONCURRENT_STREAMS=0), headers(7))
    assert server.client.room == 0
    with pytest.raises(ValueError, match="room"):
        server.client.send(post())
    server.say(settings(MAX_CONCURRENT_STREAMS=1000))
    assert server.client.room == 1000
    assert server.outcomes == dict.fromkeys((1, 3, 5, 7), "200")


def test_settings_that_name_no_limit_leave_room_for_a_thousand() -> None:
    assert ByHandServer(greeting=settings()).client.room == 1000
    assert ByHandServer(greeting=settings(MAX_CONCURRENT_STREAMS=2**32 - 1)).client.room == 1000
    assert ByHandServer(greeting=settings(MAX_CONCURRENT_STREAMS=1)).client.room == 1
    assert ByHandServer(greeting=settings(MAX_CONCURRENT_STREAMS=0)).client.room == 0
    assert ByHandServer(greeting=SETTINGS_ACK).client.room == 1, "it has said nothing of its own"


def test_settings_without_a_limit_leave_the_one_before() -> None:
    server = ByHandServer(greeting=settings(MAX_CONCURRENT_STREAMS=7))
    server.say(settings(INITIAL_WINDOW_SIZE=100))
    assert server.client.room == 7


@pytest.mark.parametrize("code", [7, 8])
def test_a_reset_stream_gives_its_room_back(code: int) -> None:
    server = ByHandServer(greeting=settings(MAX_CONCURRENT_STREAMS=1))
    for at in range(5):
        server.get(1)
        assert server.client.room == 0
        server.say(rst(2 * at + 1, code))
        assert server.client.room == 1
    assert len(server.outcomes) == 5


# Windows for what we send


def test_a_window_shrunk_below_what_was_sent_must_be_filled_first() -> None:
    server = ByHandServer(greeting=settings(INITIAL_WINDOW_SIZE=10_000))
    server.get(1, body=BODY[:20_000])
    sent = server.heard.messages[1]
    assert len(sent.body) == 10_000
    server.say(settings(INITIAL_WINDOW_SIZE=4_000))
    server.say(window(1, 5_999))
    server.listen()
    server.say(window(1, 1))
    server.listen()
    assert len(sent.body) == 10_000
    server.say(window(1, 1))
    server.listen()
    assert len(sent.body) == 10_001
    server.get(1, body=BODY[:20_000])
    assert len(server.heard.messages[3].body) == 4_000, "a later stream has the later window"
    server.say(settings(INITIAL_WINDOW_SIZE=WINDOW))
    server.listen()
    assert sent.body == server.heard.messages[3].body == BODY[:20_000]
    assert sent.ended
    assert not server.client.closed


def test_the_connections_window_is_shared_and_not_changed_by_settings() -> None:
    server = ByHandServer(greeting=settings(INITIAL_WINDOW_SIZE=MAX_STREAM))
    server.get(20, body=BODY[:5_000])
    assert server.heard.windows.connection == 0
    assert sum(message.ended for message in server.heard.messages.values()) == WINDOW // 5_000
    server.say(window(0, 100_000))
    server.listen()
    assert all(server.heard.messages[stream].ended for stream in range(1, 40, 2))


def test_windows_fill_one_byte_at_a_time() -> None:
    server = ByHandServer(greeting=settings(INITIAL_WINDOW_SIZE=0))
    server.get(1, body=BODY[:50])
    for at in range(50):
        assert server.heard.messages[1].body == BODY[:at]
        server.say(window(1, 1))
        server.listen()
    assert server.heard.messages[1].body == BODY[:50]
    assert server.heard.messages[1].ended


def test_larger_frames_are_written_only_where_they_are_allowed() -> None:
    server = ByHandServer(greeting=settings(MAX_FRAME_SIZE=16_384))
    server.get(1, body=BODY)
    assert server.heard.data_sizes == [16_384, len(BODY) - 16_384]
    server = ByHandServer(greeting=settings(MAX_FRAME_SIZE=20_000))
    server.get(1, body=BODY)
    assert max(server.heard.data_sizes) <= 20_000


def test_a_stream_whose_window_overflows_is_given_up_alone() -> None:
    server = ByHandServer()
    server.get(2)
    server.say(window(1, MAX_STREAM), headers(3))
    server.listen()
    assert server.outcomes == {1: "lost", 3: "200"}
    assert server.heard.messages[1].reset == FLOW_CONTROL_ERROR
    assert not server.client.closed


@pytest.mark.parametrize("size", [0, 10, 20_000])
def test_a_streams_window_may_be_as_large_as_any_and_no_larger(size: int) -> None:
    server = ByHandServer()
    server.get(1, body=BODY[:size])
    server.say(window(1, MAX_STREAM - WINDOW + size))
    assert server.outcomes == {}
    server.say(window(1, 1))
    server.listen()
    assert server.outcomes == {1: "lost"}
    assert server.heard.messages[1].reset == FLOW_CONTROL_ERROR


def test_a_window_update_for_a_stream_that_is_over_is_ignored() -> None:
    server = ByHandServer()
    server.get(2)
    server.say(headers(1), window(1, 10), rst(1, 0), window(1, 10), headers(3))
    assert server.outcomes == {1: "200", 3: "200"}
    assert not server.client.closed


# Windows for what we are sent


def test_data_on_dead_streams_counts_on_the_connections_window() -> None:
    """2,427 refusals of 27 bytes fill a window of 65,535 for good where nobody gives it back."""
    server = ByHandServer()
    for at in range(2_500):
        assert WINDOW + server.heard.credit[0] - 27 * at >= 27
        server.get(1, body=b"")
        server.say(rst(2 * at + 1, REFUSED_STREAM), data(2 * at + 1, bytes(27)))
        server.listen()
    assert not server.client.closed
    assert set(server.outcomes.values()) == {"unprocessed"}


def test_padding_counts_on_the_windows() -> None:
    server = ByHandServer()
    server.get(1)
    server.say(headers(1, end=False))
    for at in range(1_000):
        for stream in (0, 1):
            assert WINDOW + server.heard.credit[stream] - 256 * at >= 256
        server.say(data(1, b"", pad=255))
        server.listen()
    server.say(data(1, b"end", end=True, pad=3))
    assert server.outcomes == {1: "200 end"}


def test_data_above_goaways_last_stream_is_read_and_forgotten() -> None:
    server = ByHandServer()
    server.get(2)
    server.say(headers(3, end=False), data(3, b"a"), goaway(1), data(3, b"b"), headers(1))
    server.hang_up()
    assert server.outcomes[1] == "200"
    assert set(server.outcomes) == {1, 3}


# Header blocks


def fields(*pairs: tuple[str, str], status: str = "200") -> bytes:
    return Encoder().encode([(":status", status), *pairs])


@however_cut
def test_a_block_in_many_frames_padded_and_prioritised_is_read(
    make_cut: Callable[[], Cut],
) -> None:
    block = fields(("apns-id", "8A4F-" * 20), ("apns-unique-id", "b" * 50), status="400")
    for at, frame in enumerate(
        [
            headers(1, block, pieces=5),
            headers(1, block, pad=0),
            headers(1, block, pad=200),
            headers(1, block, depends_on=0),
            headers(1, block, depends_on=3, pad=7, pieces=30),
            raw(2, stream=1, payload=b"\0\0\0\x03\x10") + headers(1, block),
        ]
    ):
        server = ByHandServer(cut=make_cut())
        server.get(2)
        server.say(frame, headers(3, OK, pad=9))
        assert server.outcomes == {1: "400", 3: "200"}, at


def test_headers_of_an_answer_are_kept_as_they_came() -> None:
    sent = [(b"apns-id", b"8A4F"), (b"x", b"\xff\xfe"), (b"x", b""), (b"apns-id", b"again")]
    server = ByHandServer()
    server.get(1)
    (event,) = server.client.receive(
        headers(1, Encoder().encode([(b":status", b"410"), *sent]), end=False)
        + data(1, b"body", end=True)
    )
    assert isinstance(event, Answered)
    assert event.response == Response(status=410, headers=tuple(sent), body=b"body")


def test_answers_may_use_the_header_table() -> None:
    encoder = Encoder()
    server = ByHandServer()
    server.get(50)
    for at in range(50):
        block = encoder.encode([(":status", "400"), ("apns-id", str(at % 7)), ("x", "y" * 90)])
        server.say(headers(2 * at + 1, block))
    assert server.outcomes == dict.fromkeys(range(1, 101, 2), "400")


def test_blocks_of_streams_that_are_gone_still_change_the_header_table() -> None:
    encoder = Encoder()
    server = ByHandServer()
    server.get(3)
    server.say(goaway(3))
    server.say(headers(5, encoder.encode([(":status", "400"), ("x-one", "1")])))
    server.say(headers(3, encoder.encode([(":status", "400"), ("x-two", "2")])))
    (event,) = server.client.receive(
        headers(1, encoder.encode([(":status", "200"), ("x-one", "1"), ("x-two", "2")]))
    )
    assert "x-one" in str(event)
    assert "x-two" in str(event)


@pytest.mark.parametrize("sizes", [(0,), (100,), (0, 4096), (4096, 64), (60_000,), (60_000, 0)])
def test_the_header_table_we_write_with_keeps_to_the_size_granted(sizes: tuple[int, ...]) -> None:
    server = ByHandServer()
    sent = {}
    for size in (4096, *sizes, 4096):
        server.say(settings(HEADER_TABLE_SIZE=size))
        for _ in range(3):
            request = post(b"", (b"apns-id", str(size).encode() * 20), (b"apns-priority", b"10"))
            sent[server.client.send(request)] = list(request.headers)
            server.listen()
    assert {stream: server.heard.messages[stream].fields for stream in sent} == sent


@pytest.mark.parametrize("sizes", [(0, 4096), (1, 0), (0, 0), (100, 50, 50, 200)])
def test_a_header_table_that_changes_twice_between_requests_is_announced_as_it_must_be(
    sizes: tuple[int, ...],
) -> None:
    server = ByHandServer()
    server.get(2)
    server.say(*(settings(HEADER_TABLE_SIZE=size) for size in sizes))
    server.get(2)
    assert [server.heard.messages[s].fields for s in (5, 7)] == [list(post().headers)] * 2


def test_a_header_table_lowered_and_raised_is_emptied_between() -> None:
    """The smallest size that was passed through is said first (RFC 7541, 4.2)."""
    server = ByHandServer()
    server.get(1)
    server.say(settings(HEADER_TABLE_SIZE=0), settings(HEADER_TABLE_SIZE=4096))
    server.client.send(post(b""))
    frames = server.heard.hear(server.client.outgoing())
    (block,) = [frame.data for frame in frames if isinstance(frame, HeadersFrame)]
    assert block.startswith(b"\x20")


# What is not for us


@however_cut
def test_frames_of_unknown_types_are_ignored(make_cut: Callable[[], Cut]) -> None:
    server = ByHandServer(cut=make_cut())
    server.get(2)
    for kind in (0x0B, 0x0C, 0x10, 0x42, 0xFF):
        server.say(raw(kind, flags=0xFF, stream=0, payload=b"unknown"))
        server.say(raw(kind, flags=0xFF, stream=1, payload=b"unknown"))
        server.say(raw(kind, flags=0xFF, stream=77))
    server.say(raw(4, payload=b"\x7f\xff\0\0\0\x01"), headers(1), headers(3, BAD_REQUEST))
    assert server.outcomes == {1: "200", 3: "400"}
    assert not server.client.closed


def test_alternative_services_are_ignored() -> None:
    server = ByHandServer()
    server.get(1)
    server.say(raw(0x0A, payload=b"\0\x01ah2=x"), raw(0x0A, stream=1, payload=b"\0\0h2=x"))
    server.say(headers(1), raw(0x0A, stream=1, payload=b"\0\0h2=x"))
    assert server.outcomes == {1: "200"}
    assert not server.client.closed
