"""A client that breaks the protocol, or never spoke it, is told so and let go; nothing raises."""

from collections.abc import Callable
from random import Random

import pytest
from hpack import Encoder

from pushkit_cli.apns.acts import GoAway, Respond, Settings
from pushkit_cli.apns.message import Response
from pushkit_cli.wire.server import ServerConnection
from tests.wire.pair import CUTS, however_cut, post
from tests.wire.raw import (
    COMPRESSION_ERROR,
    ENHANCE_YOUR_CALM,
    FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR,
    MAX_STREAM,
    PREFACE,
    PROTOCOL_ERROR,
    STREAM_CLOSED,
    WINDOW,
    Cut,
    Reader,
    byte_by_byte,
    data,
    goaway,
    headers,
    ping,
    random_cuts,
    raw,
    rst,
    settings,
    window,
)
from tests.wire.script import ByHandClient

PLAIN = [(name, value, True) for name, value in post().headers]
BLOCK = Encoder().encode(PLAIN)
BEGUN = headers(3, BLOCK, end=False)


def block(*more: tuple[bytes, bytes], without: bytes | None = None) -> bytes:
    return Encoder().encode([pair for pair in (*post().headers, *more) if pair[0] != without])


# Not HTTP/2 at all

LONG_TOKEN = b"ab" * 100
LINE = b"POST /3/device/x HTTP/1.1\r\nhost: api.push.apple.com\r\ncontent-length: 2\r\n\r\n{}"
HTTP1 = {
    "a push": (LINE, b"POST /3/device/x"),
    "the line alone": (LINE[:23], b"POST /3/device/x"),
    "the longest token": (
        b"POST /3/device/" + LONG_TOKEN + b" HTTP/1.1\r\n",
        b"POST /3/device/" + LONG_TOKEN,
    ),
    "GET": (b"GET / HTTP/1.1\r\n\r\n", b"GET /"),
    "an upgrade": (b"PRI * HTTP/1.1\r\n\r\n", b"PRI *"),
    "HTTP/1.0": (b"PUT /3/device/x HTTP/1.0\r\n\r\n", b"PUT /3/device/x"),
    "bytes that are no text": (b"POST /\xff\xfe HTTP/1.1\r\n", b"POST /\xff\xfe"),
}
HELLO = bytes.fromhex("16030100f4010000f00303") + bytes(range(16, 48)) + bytes(200)
NOT_HTTP = {
    "a TLS hello": HELLO,
    "the first byte of one": HELLO[:1],
    "zeros": bytes(40),
    "a frame without the preface": settings(),
    "lower case": b"post /3/device/x HTTP/1.1\r\n",
    "a word and a line end": b"HELO\r\n",
    "one line end": b"\n",
    "SSH": b"SSH-2.0-OpenSSH_9.9\r\n",
    "a preface with one byte wrong": PREFACE[:-1] + b"\r",
    "a method without an end": b"A" * 40,
    "a path without an end": b"POST /" + b"a" * 5000,
    "a path and something else": b"POST /3/device/x SPDY/3\r\n",
    "JSON": b'{"aps":{}}',
}


@pytest.mark.parametrize("name", HTTP1)
@however_cut
def test_http1_gets_settings_and_the_text_of_apple(make_cut: Callable[[], Cut], name: str) -> None:
    sent, line = HTTP1[name]
    server = ServerConnection(max_streams=1000)
    for piece in make_cut()(sent):
        assert server.receive(piece) == ()
    assert server.finished
    greeting, goodbye = Reader(preface=False).feed(server.outgoing())
    assert greeting.type == 4
    assert goodbye.serialize() == goaway(0, PROTOCOL_ERROR, b"Unexpected HTTP/1.x request: " + line)


@pytest.mark.parametrize("name", NOT_HTTP)
@however_cut
def test_what_is_no_http_gets_settings_and_a_goodbye(
    make_cut: Callable[[], Cut], name: str
) -> None:
    client = ByHandClient(cut=make_cut(), greeting=b"")
    client.say(NOT_HTTP[name])
    assert client.server.finished
    (goodbye,) = client.heard.goaways()
    assert goodbye.error_code == PROTOCOL_ERROR
    assert goodbye.additional_data
    assert client.heard.frames[0].type == 4
    client.say(PREFACE, settings(), headers(1, BLOCK))
    client.server.act(Respond(stream=1, response=Response(status=200)))
    assert client.received == []
    assert client.server.outgoing() == b""


@pytest.mark.parametrize("begun", [b"", b"P", b"PO", b"POST", b"POST ", b"POST /3/device/x HTTP/"])
def test_what_may_become_a_request_line_is_waited_for(begun: bytes) -> None:
    client = ByHandClient(cut=byte_by_byte, greeting=b"")
    client.say(begun)
    assert not client.server.finished
    assert client.heard.goaways() == []


# HTTP/2, broken: what is said after one whole request, and the code it is answered with

ANY_FRAME = {PROTOCOL_ERROR, FRAME_SIZE_ERROR}
ANY_BLOCK = {PROTOCOL_ERROR, COMPRESSION_ERROR}
BROKEN: dict[str, tuple[bytes, set[int]]] = {
    "a header list above 8,000 bytes": (
        headers(3, block((b"x", b"y" * 8000))),
        {PROTOCOL_ERROR, ENHANCE_YOUR_CALM},
    ),
    "many headers above 8,000 bytes": (
        headers(3, block(*[(b"x", b"y")] * 300)),
        {PROTOCOL_ERROR, ENHANCE_YOUR_CALM},
    ),
    "a header bomb": (
        headers(3, Encoder().encode([(b"x", b"y" * 3000)]) + b"\xbe" * 5000, pieces=2),
        {PROTOCOL_ERROR, ENHANCE_YOUR_CALM},
    ),
    "CONTINUATION without an end": (
        raw(1, stream=3, payload=BLOCK) + raw(9, stream=3, payload=b"") * 10_000,
        {PROTOCOL_ERROR, ENHANCE_YOUR_CALM},
    ),
    "DATA above 16,384 bytes": (BEGUN + raw(0, stream=3, payload=bytes(16_385)), ANY_FRAME),
    "HEADERS above 16,384 bytes": (raw(1, stream=3, payload=bytes(20_000)), ANY_FRAME),
    "SETTINGS above 16,384 bytes": (raw(4, payload=bytes(16_386)), ANY_FRAME),
    "an unknown frame above 16,384 bytes": (raw(0x42, payload=bytes(16_385)), ANY_FRAME),
    "GOAWAY above 16,384 bytes": (raw(7, payload=bytes(16_385)), ANY_FRAME),
    "the head alone of a frame of 16 MB": (b"\xff\xff\xff\0\0\0\0\0\x03", ANY_FRAME),
    "an index that is none": (headers(3, b"\xff\xff\xff\x7f"), ANY_BLOCK),
    "a block that is cut short": (headers(3, BLOCK[:-1]), ANY_BLOCK),
    "Huffman garbage": (headers(3, b"\x00\x84\xff\xff\xff\xff\x00"), ANY_BLOCK),
    "a table above 4096 bytes": (headers(3, b"\x3f\xff\x7f" + BLOCK), ANY_BLOCK),
    "HEADERS on stream 0": (raw(1, flags=5, payload=BLOCK), {PROTOCOL_ERROR}),
    "HEADERS on an even stream": (headers(4, BLOCK), {PROTOCOL_ERROR}),
    "HEADERS on a stream below an open one": (
        headers(7, BLOCK, end=False) + headers(5, BLOCK),
        {PROTOCOL_ERROR, STREAM_CLOSED},
    ),
    "DATA on stream 0": (raw(0, payload=b"x"), {PROTOCOL_ERROR}),
    "DATA on a stream nobody opened": (data(3, b"x"), {PROTOCOL_ERROR}),
    "a second block without an end": (BEGUN + headers(3, b"\x00\x01t\x01v", end=False), ANY_BLOCK),
    "trailers with a pseudo-header": (BEGUN + headers(3, b"\x84"), {PROTOCOL_ERROR}),
    "no method": (headers(3, block(without=b":method")), {PROTOCOL_ERROR}),
    "no path": (headers(3, block(without=b":path")), {PROTOCOL_ERROR}),
    "no scheme": (headers(3, block(without=b":scheme")), {PROTOCOL_ERROR}),
    "a path of nothing": (headers(3, block((b":path", b""), without=b":path")), {PROTOCOL_ERROR}),
    "a pseudo-header twice": (headers(3, block((b":path", b"/"))), {PROTOCOL_ERROR}),
    "a status": (headers(3, b"\x88" + BLOCK), {PROTOCOL_ERROR}),
    "an upper-case header": (headers(3, block((b"Apns-Id", b"x"))), {PROTOCOL_ERROR}),
    "a header without a name": (headers(3, block((b"", b"x"))), {PROTOCOL_ERROR}),
    "a line end in a header": (headers(3, block((b"x", b"a\r\nb: c"))), {PROTOCOL_ERROR}),
    "a header of HTTP/1": (headers(3, block((b"connection", b"close"))), {PROTOCOL_ERROR}),
    "the connection's window overflows": (window(0, MAX_STREAM), {FLOW_CONTROL_ERROR}),
    "INITIAL_WINDOW_SIZE overflows": (settings(INITIAL_WINDOW_SIZE=2**31), {FLOW_CONTROL_ERROR}),
    "INITIAL_WINDOW_SIZE overflows a stream": (
        BEGUN + window(3, MAX_STREAM - WINDOW) + settings(INITIAL_WINDOW_SIZE=WINDOW + 1),
        {FLOW_CONTROL_ERROR},
    ),
    "a window update of nothing": (raw(8, payload=bytes(4)), {PROTOCOL_ERROR}),
    "a window update of three bytes": (raw(8, payload=bytes(3)), ANY_FRAME),
    "ENABLE_PUSH of two": (settings(ENABLE_PUSH=2), {PROTOCOL_ERROR}),
    "MAX_FRAME_SIZE of one": (settings(MAX_FRAME_SIZE=1), {PROTOCOL_ERROR}),
    "SETTINGS of five bytes": (raw(4, payload=bytes(5)), ANY_FRAME),
    "SETTINGS on a stream": (raw(4, stream=3), {PROTOCOL_ERROR}),
    "an acknowledgement with values": (raw(4, flags=1, payload=bytes(6)), ANY_FRAME),
    "PING of nine bytes": (raw(6, payload=bytes(9)), ANY_FRAME),
    "PING on a stream": (raw(6, stream=3, payload=bytes(8)), {PROTOCOL_ERROR}),
    "RST_STREAM of three bytes": (BEGUN + raw(3, stream=3, payload=bytes(3)), ANY_FRAME),
    "RST_STREAM on stream 0": (raw(3, payload=bytes(4)), {PROTOCOL_ERROR}),
    "GOAWAY of seven bytes": (raw(7, payload=bytes(7)), ANY_FRAME),
    "GOAWAY on a stream": (raw(7, stream=3, payload=bytes(8)), {PROTOCOL_ERROR}),
    "a promise": (BEGUN + raw(5, flags=4, stream=3, payload=b"\0\0\0\2" + BLOCK), {PROTOCOL_ERROR}),
    "CONTINUATION of nothing": (raw(9, flags=4, stream=3, payload=BLOCK), {PROTOCOL_ERROR}),
    "a block that PING breaks": (raw(1, stream=3, payload=BLOCK) + ping(), {PROTOCOL_ERROR}),
    "a block that an unknown frame breaks": (
        raw(1, stream=3, payload=BLOCK) + raw(0x42, stream=3),
        {PROTOCOL_ERROR},
    ),
    "padding longer than its frame": (
        BEGUN + raw(0, flags=8, stream=3, payload=b"\xff"),
        ANY_FRAME,
    ),
    "a stream that depends on itself": (headers(3, BLOCK, depends_on=3), {PROTOCOL_ERROR}),
    "a stream that depends on itself alone": (
        raw(2, stream=3, payload=b"\x80\0\0\x03\x10"),
        {PROTOCOL_ERROR},
    ),
    "the preface again": (PREFACE, ANY_FRAME),
    "HTTP/1 after the preface": (LINE, ANY_FRAME),
}


@pytest.mark.parametrize(
    ("make_cut", "name"),
    [pytest.param(*cut.values, name, id=f"{name}-{cut.id}") for cut in CUTS[:3] for name in BROKEN],
)
def test_a_broken_connection_gets_a_goodbye_and_is_finished(
    make_cut: Callable[[], Cut], name: str
) -> None:
    frames, codes = BROKEN[name]
    client = ByHandClient(cut=make_cut())
    client.answer = None
    client.say(headers(1, BLOCK))
    before = client.server.finished
    client.say(frames)
    assert [got.stream for got in client.received] == [1]
    assert (before, client.server.finished) == (False, True)
    (goodbye,) = client.heard.goaways()
    assert goodbye.error_code in codes
    assert goodbye.last_stream_id >= 1
    client.say(headers(9, BLOCK), rst(1, 8), b"garbage")
    client.respond(1, Response(status=200, body=b"late"))
    client.server.act(GoAway(debug=b"late"))
    assert [got.stream for got in client.received] == [1]
    assert client.server.outgoing() == b""
    assert client.statuses == {}


def test_what_was_answered_in_time_is_written_before_the_goodbye() -> None:
    client = ByHandClient()
    client.say(headers(1, BLOCK), headers(3, BLOCK, end=False))
    client.server.act(Respond(stream=1, response=Response(status=200)))
    client.say(raw(6, payload=b"bad"))
    assert client.statuses == {1: b"200"}
    assert client.heard.frames[-1].type == 7


def test_requests_before_the_break_in_one_read_are_returned() -> None:
    server = ServerConnection(max_streams=1000)
    got = server.receive(PREFACE + settings() + headers(1, BLOCK) + b"\0" * 9 + headers(3, BLOCK))
    assert [one.stream for one in got] == [1]
    assert server.finished


# Chance


def sample(random: Random) -> bytes:
    """A short conversation, more or less in order."""
    frames = [
        headers(1, BLOCK, end=False, pad=random.choice((None, 3))) + data(1, b"{}", end=True),
        ping(),
        headers(3, BLOCK, pieces=random.randint(1, 4), depends_on=random.choice((None, 1))),
        window(0, 100),
        headers(5, BLOCK, end=False),
        rst(5, 8),
        settings(INITIAL_WINDOW_SIZE=random.randint(0, 10), HEADER_TABLE_SIZE=50),
        raw(random.randint(0, 255), flags=random.randint(0, 255), stream=1, payload=bytes(8)),
        headers(7, block((b"apns-id", b"8A4F"))),
        goaway(0),
    ]
    if random.random() < 0.2:
        random.shuffle(frames)
    chosen = [frame for frame in frames if random.random() < 0.4]
    return PREFACE + settings() + b"".join(chosen)


def mutated(random: Random, sent: bytes) -> bytes:
    """The same with some bytes changed, taken away or put in, mostly behind the preface."""
    changed = bytearray(sent)
    for _ in range(random.randint(0, 4)):
        first = random.choice((0, min(len(PREFACE), len(changed))))
        at = random.randrange(first, len(changed) + 1)
        way = random.randrange(4)
        if way == 0:
            changed[at : at + 1] = random.randbytes(1)
        elif way == 1:
            del changed[at : at + random.randint(1, 9)]
        elif way == 2:
            changed[at:at] = random.randbytes(random.randint(1, 9))
        elif at < len(changed):
            changed[at] ^= 1 << random.randrange(8)
    return bytes(changed)


def play_mutated(conversations: int, seed: int) -> None:
    """Play so many broken conversations to a server each; `make soak` plays many more."""
    random = Random(seed)
    samples = [sample(random) for _ in range(300)]
    finished = answered = 0
    for at in range(conversations):
        server = ServerConnection(max_streams=random.choice((1, 1000)))
        written = server.outgoing()
        for piece in random_cuts(at, longest=300)(mutated(random, random.choice(samples))):
            for got in server.receive(piece):
                response = Response(status=400, body=bytes(random.choice((0, 30))))
                server.act(Respond(stream=got.stream, response=response))
                answered += 1
            written += server.outgoing()
            server.tick(random.choice((0, 0, 1, 31)))
        server.act(Settings(max_streams=random.choice((0, 1, 1000))))
        written += server.outgoing()
        assert Reader(preface=False).feed(written)
        finished += server.finished
    # Both ends of the scale were met: conversations that went wrong, and requests that were read.
    assert finished > conversations // 5
    assert answered > conversations // 5


def test_two_thousand_mutated_conversations_never_raise() -> None:
    play_mutated(2_000, seed=20_26)


def test_random_bytes_never_raise() -> None:
    random = Random(9113)
    for at in range(2_000):
        server = ServerConnection(max_streams=1000)
        server.receive(PREFACE[: random.choice((0, 3, len(PREFACE)))])
        server.receive(random.randbytes(at % 200))
        server.act(GoAway())
        server.outgoing()
