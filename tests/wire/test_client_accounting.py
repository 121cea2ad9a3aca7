"""What becomes of each request, as scripts of frames: stream 1, 3 and 5 are open at the start."""

from collections.abc import Callable

import pytest

from tests.wire import raw
from tests.wire.pair import CUTS, post
from tests.wire.raw import (
    BAD_REQUEST,
    CANCEL,
    INTERNAL_ERROR,
    MAX_STREAM,
    NO_ERROR,
    OK,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
    Cut,
    data,
    goaway,
    headers,
    rst,
    settings,
    status_block,
    window,
)
from tests.wire.script import ByHandServer

LOST = "lost"
UNPROCESSED = "unprocessed"
ALL_LOST = {1: LOST, 3: LOST, 5: LOST}
EARLY_HINTS = headers(1, status_block(b"103"), end=False)
TRAILERS = headers(1, b"\x00\x01t\x01v")
FIVE = b"\x0f\x0d\x015"
"""`content-length: 5`."""
CONTINUED = (raw.raw(1, flags=1, stream=1, payload=b"\x88"), raw.raw(9, stream=1))

# Frames; outcomes once they have arrived; outcomes once the connection is cut after them.
Script = tuple[tuple[bytes, ...], dict[int, str], dict[int, str]]

LEGAL: dict[str, Script] = {
    "silence": ((), {}, ALL_LOST),
    "GOAWAY names the last stream": (
        (goaway(1),),
        {3: UNPROCESSED, 5: UNPROCESSED},
        {1: LOST},
    ),
    "GOAWAY names none": (
        (goaway(0),),
        {1: UNPROCESSED, 3: UNPROCESSED, 5: UNPROCESSED},
        {},
    ),
    "GOAWAY names the highest": ((goaway(MAX_STREAM),), {}, ALL_LOST),
    "GOAWAY in two steps": (
        (goaway(MAX_STREAM), goaway(3)),
        {5: UNPROCESSED},
        {1: LOST, 3: LOST},
    ),
    "GOAWAY rises again": (
        (goaway(1), goaway(MAX_STREAM)),
        {3: UNPROCESSED, 5: UNPROCESSED},
        {1: LOST},
    ),
    "GOAWAY with its reserved bits set": (
        (raw.raw(7, stream=2**31, payload=b"\x80\0\0\x03" + bytes(4)),),
        {5: UNPROCESSED},
        {1: LOST, 3: LOST},
    ),
    "GOAWAY with an error": (
        (goaway(1, PROTOCOL_ERROR, b'{"reason":"BadCertificate"}'),),
        {3: UNPROCESSED, 5: UNPROCESSED},
        {1: LOST},
    ),
    "answers after GOAWAY": (
        (goaway(3), headers(3), headers(1, BAD_REQUEST, end=False), data(1, b"why", end=True)),
        {5: UNPROCESSED, 3: "200", 1: "400 why"},
        {},
    ),
    "answers between two GOAWAY": (
        (goaway(MAX_STREAM), headers(1), goaway(1)),
        {1: "200", 3: UNPROCESSED, 5: UNPROCESSED},
        {},
    ),
    "GOAWAY below a status that was heard": (
        (headers(5, end=False), goaway(1)),
        {3: UNPROCESSED},
        {1: LOST, 5: "200"},
    ),
    "refused streams": (
        (rst(5, REFUSED_STREAM), rst(1, REFUSED_STREAM)),
        {5: UNPROCESSED, 1: UNPROCESSED},
        {3: LOST},
    ),
    "streams reset with a reason": (
        (rst(1, INTERNAL_ERROR), rst(3, CANCEL), rst(5, 0xDEAD)),
        ALL_LOST,
        {},
    ),
    "a reset without an error is no answer": ((rst(1, NO_ERROR),), {1: LOST}, {3: LOST, 5: LOST}),
    "a status, then a reset without an error": (
        (headers(1, end=False), rst(1, NO_ERROR)),
        {1: "200"},
        {3: LOST, 5: LOST},
    ),
    "a status and half a body, then a reset": (
        (headers(1, BAD_REQUEST, end=False), data(1, b"ha"), rst(1, INTERNAL_ERROR)),
        {1: "400 ha"},
        {3: LOST, 5: LOST},
    ),
    "a status, then a refusal of the stream": (
        (headers(1, end=False), rst(1, REFUSED_STREAM)),
        {1: "200"},
        {3: LOST, 5: LOST},
    ),
    "an answer, then a reset without an error": (
        (headers(1), rst(1, NO_ERROR), headers(3)),
        {1: "200", 3: "200"},
        {5: LOST},
    ),
    "a status and half a body, then the cut": (
        (headers(1, BAD_REQUEST, end=False), data(1, b"ha")),
        {},
        {1: "400 ha", 3: LOST, 5: LOST},
    ),
    "an interim status is no answer": ((EARLY_HINTS,), {}, ALL_LOST),
    "an interim status, then a reset": (
        (EARLY_HINTS, rst(1, CANCEL)),
        {1: LOST},
        {3: LOST, 5: LOST},
    ),
    "interim statuses, then the final one": (
        (EARLY_HINTS, EARLY_HINTS, headers(1, BAD_REQUEST)),
        {1: "400"},
        {3: LOST, 5: LOST},
    ),
    "trailers end an answer": (
        (headers(1, end=False), data(1, b"body"), TRAILERS),
        {1: "200 body"},
        {3: LOST, 5: LOST},
    ),
    "an empty DATA frame ends an answer": (
        (headers(1, end=False), data(1), data(1, end=True)),
        {1: "200"},
        {3: LOST, 5: LOST},
    ),
    "answers out of order": (
        (headers(5, BAD_REQUEST, end=False), headers(3), headers(1), data(5, b"x", end=True)),
        {3: "200", 1: "200", 5: "400 x"},
        {},
    ),
}

BROKEN: dict[str, Script] = {
    "an answer on a stream nobody opened": ((headers(99),), ALL_LOST, {}),
    "an answer on a stream of the server's own": ((headers(2),), ALL_LOST, {}),
    "DATA on a stream nobody opened": ((data(99, b"x"),), ALL_LOST, {}),
    "DATA before any status": ((data(1, b"x", end=True),), ALL_LOST, {}),
    "an answer without a status": ((headers(1, b"\x00\x01t\x01v"),), ALL_LOST, {}),
    "a status that is a word": ((headers(1, status_block(b"abc")),), ALL_LOST, {}),
    "a status with an underscore": ((headers(1, status_block(b"2_00")),), ALL_LOST, {}),
    "a status of two digits": ((headers(1, status_block(b"20")),), ALL_LOST, {}),
    "a status with a sign": ((headers(1, status_block(b"+20")),), ALL_LOST, {}),
    "two statuses": ((headers(1, OK + BAD_REQUEST),), ALL_LOST, {}),
    "a final status twice": (
        (headers(1, end=False), headers(1, BAD_REQUEST, end=False)),
        {1: "200", 3: LOST, 5: LOST},
        {},
    ),
    "a status, then garbage": (
        (headers(3, end=False), b"HTTP/1.1 200 OK\r\n\r\n"),
        {1: LOST, 3: "200", 5: LOST},
        {},
    ),
    "an answer, then garbage": (
        (headers(3), b"HTTP/1.1 200 OK\r\n\r\n"),
        {1: LOST, 3: "200", 5: LOST},
        {},
    ),
    "GOAWAY, then garbage": (
        (goaway(3), b"HTTP/1.1 200 OK\r\n\r\n"),
        {1: LOST, 3: LOST, 5: UNPROCESSED},
        {},
    ),
    "a body shorter than it says": (
        (headers(1, OK + FIVE, end=False), data(1, b"body", end=True)),
        {1: "200", 3: LOST, 5: LOST},
        {},
    ),
    "a body shorter than it says, and trailers": (
        (headers(1, OK + FIVE, end=False), data(1, b"body"), TRAILERS),
        {1: "200 body", 3: LOST, 5: LOST},
        {},
    ),
    "a body longer than it says": (
        (headers(1, OK + FIVE, end=False), data(1, b"a body")),
        {1: "200", 3: LOST, 5: LOST},
        {},
    ),
    "a promise": ((raw.raw(5, flags=4, stream=1, payload=b"\0\0\0\x02\x82"),), ALL_LOST, {}),
    "a frame that is too large": ((raw.raw(0, stream=1, payload=bytes(16_385)),), ALL_LOST, {}),
    "the head of a frame that is too large": ((b"\xff\xff\xff\0\0\0\0\0\x01",), ALL_LOST, {}),
    "a block with an index that is none": ((headers(1, b"\xff\xff\xff"),), ALL_LOST, {}),
    "a CONTINUATION of nothing": ((raw.raw(9, flags=4, stream=1, payload=OK),), ALL_LOST, {}),
    "a block that another frame breaks": ((CONTINUED[0], raw.ping()), ALL_LOST, {}),
    "a block that a block on another stream breaks": ((CONTINUED[0], headers(3)), ALL_LOST, {}),
    "SETTINGS of five bytes": ((raw.raw(4, payload=bytes(5)),), ALL_LOST, {}),
    "SETTINGS on a stream": ((raw.raw(4, stream=1),), ALL_LOST, {}),
    "a window that is too large": ((settings(INITIAL_WINDOW_SIZE=2**31),), ALL_LOST, {}),
    "a frame size that is too small": ((settings(MAX_FRAME_SIZE=1),), ALL_LOST, {}),
    "a window update of nothing": ((raw.raw(8, payload=bytes(4)),), ALL_LOST, {}),
    "a window that overflows": ((window(0, MAX_STREAM),), ALL_LOST, {}),
    "PING of seven bytes": ((raw.raw(6, payload=bytes(7)),), ALL_LOST, {}),
    "PING on a stream": ((raw.raw(6, stream=1, payload=bytes(8)),), ALL_LOST, {}),
    "RST_STREAM of three bytes": ((raw.raw(3, stream=1, payload=bytes(3)),), ALL_LOST, {}),
    "RST_STREAM on the connection": ((raw.raw(3, payload=bytes(4)),), ALL_LOST, {}),
    "GOAWAY of seven bytes": ((raw.raw(7, payload=bytes(7)),), ALL_LOST, {}),
    "GOAWAY on a stream": ((raw.raw(7, stream=1, payload=bytes(8)),), ALL_LOST, {}),
    "padding longer than its frame": (
        (headers(1, end=False), raw.raw(0, flags=8, stream=1, payload=b"\xff")),
        {1: "200", 3: LOST, 5: LOST},
        {},
    ),
}

by_script = pytest.mark.parametrize(
    ("make_cut", "name"),
    [
        pytest.param(*cut.values, name, id=f"{name}-{cut.id}")
        for cut in CUTS[:3]
        for name in (*LEGAL, *BROKEN)
    ],
)


@by_script
def test_each_request_has_the_outcome_that_can_be_known(
    make_cut: Callable[[], Cut], name: str
) -> None:
    frames, heard, after_the_cut = {**LEGAL, **BROKEN}[name]
    server = ByHandServer(cut=make_cut())
    server.get(3)
    server.say(*frames)
    assert server.outcomes == heard
    assert server.client.waiting == 3 - len(heard)
    assert server.client.closed is (name in BROKEN)
    server.hang_up()
    assert server.outcomes == heard | after_the_cut
    assert server.client.waiting == server.client.room == 0
    assert server.client.closed
    server.hang_up()
    server.say(headers(1), goaway(0), b"garbage")


@pytest.mark.parametrize("name", BROKEN)
def test_a_server_that_breaks_the_protocol_is_told_so(name: str) -> None:
    server = ByHandServer()
    server.get(3)
    server.say(*BROKEN[name][0])
    assert server.client.room == 0
    with pytest.raises(ValueError, match="room"):
        server.client.send(post())
    server.listen()
    (goodbye,) = server.heard.goaways()
    assert goodbye.error_code != NO_ERROR
    server.say(raw.ping(), headers(3), goaway(0), settings())
    assert server.client.outgoing() == b""


def test_a_fresh_connection_is_neither_closed_nor_going_away() -> None:
    server = ByHandServer()
    assert server.client.goaway is None
    assert not server.client.closed


def test_goaway_is_kept_with_its_reason_and_ends_the_room() -> None:
    server = ByHandServer()
    server.get(2)
    server.say(goaway(3, PROTOCOL_ERROR, b'{"reason":"Shutdown"}'))
    kept = server.client.goaway
    assert kept is not None
    assert (kept.last_stream, kept.code, kept.debug) == (3, 1, b'{"reason":"Shutdown"}')
    assert server.client.room == 0
    assert not server.client.closed
    with pytest.raises(ValueError, match="room"):
        server.client.send(post())
    server.say(settings(MAX_CONCURRENT_STREAMS=50), headers(1), headers(3))
    assert server.outcomes == {1: "200", 3: "200"}
    assert server.client.room == 0


@pytest.mark.parametrize(
    ("lasts", "kept"),
    [((5, 3, 1), 1), ((MAX_STREAM, 1), 1), ((1, 3), 1), ((3, 1, MAX_STREAM), 1), ((3, 3), 3)],
)
def test_of_several_goaways_the_lowest_stream_is_kept(lasts: tuple[int, ...], kept: int) -> None:
    server = ByHandServer()
    server.get(3)
    for last in lasts:
        server.say(goaway(last))
    assert server.client.goaway is not None
    assert server.client.goaway.last_stream == kept


def test_goaway_before_settings_is_understood() -> None:
    server = ByHandServer(greeting=goaway(0, PROTOCOL_ERROR, b"text"))
    assert server.client.goaway is not None
    assert server.client.goaway.debug == b"text"
    assert server.client.room == 0


def test_an_outcome_says_why() -> None:
    server = ByHandServer()
    server.get(2)
    (event,) = server.client.receive(rst(1, CANCEL))
    assert "CANCEL" in str(event)
    (event,) = server.client.lost("the network is down")
    assert "the network is down" in str(event)
