"""What a client may do again and again has a bound, and a client that works never meets it."""

import tracemalloc
from collections.abc import Callable, Iterator
from itertools import count, islice

import pytest
from hpack import Encoder

from pushkit_cli.apns.acts import Settings
from pushkit_cli.apns.message import Response
from pushkit_cli.wire.bounds import (
    ALLOWED,
    MAX_BLOCK_BYTES,
    MAX_HELD_BYTES,
    Flood,
)
from tests.wire.pair import post
from tests.wire.raw import (
    CANCEL,
    ENHANCE_YOUR_CALM,
    MAX_STREAM,
    PROTOCOL_ERROR,
    SETTINGS_ACK,
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

BLOCK = Encoder().encode([(name, value, True) for name, value in post().headers])
REFUSAL = Response(status=400, body=b'{"reason":"BadDeviceToken"}')
OPEN = 1
"""A stream that is open from the start, to be spoken on."""


def each_stream(*frames: Callable[[int], bytes]) -> Callable[[], Iterator[bytes]]:
    """The same frames on one new stream after another."""
    return lambda: (b"".join(frame(stream) for frame in frames) for stream in count(3, 2))


def again(frame: bytes) -> Callable[[], Iterator[bytes]]:
    return lambda: (frame for _ in count())


def half(stream: int) -> bytes:
    return headers(stream, BLOCK, end=False)


FLOODS: dict[str, tuple[Flood, Callable[[], Iterator[bytes]]]] = {
    "rapid reset": (Flood.RESET, each_stream(half, lambda stream: rst(stream, CANCEL))),
    "resets of dead streams": (Flood.RESET, again(rst(OPEN, CANCEL))),
    "windows that overflow": (
        Flood.MADE_RESET,
        each_stream(half, lambda stream: window(stream, MAX_STREAM)),
    ),
    "DATA after the end": (
        Flood.MADE_RESET,
        each_stream(lambda stream: headers(stream, BLOCK), lambda stream: data(stream, b"x")),
    ),
    "DATA after a reset": (Flood.MADE_RESET, again(data(OPEN, b"x"))),
    "HEADERS after a reset": (Flood.MADE_RESET, again(headers(OPEN, BLOCK, pieces=2))),
    "streams above the limit": (Flood.REFUSED, each_stream(half)),
    "PING": (Flood.PING, again(ping())),
    "PING that answers none": (Flood.PING, again(raw(6, flags=1, payload=bytes(8)))),
    "SETTINGS": (Flood.SETTINGS, again(settings(INITIAL_WINDOW_SIZE=100))),
    "SETTINGS of nothing": (Flood.SETTINGS, again(settings())),
    "acknowledgements": (Flood.SETTINGS, again(SETTINGS_ACK)),
    "empty DATA": (Flood.EMPTY_DATA, again(data(OPEN))),
    "DATA that is padding": (Flood.EMPTY_DATA, again(data(OPEN, pad=3))),
    "WINDOW_UPDATE": (Flood.WINDOW_UPDATE, again(window(0, 1))),
    "WINDOW_UPDATE of a stream": (Flood.WINDOW_UPDATE, again(window(OPEN, 1))),
    "PRIORITY": (Flood.PRIORITY, again(raw(2, stream=OPEN, payload=bytes(5)))),
    "frames nobody knows": (Flood.OTHER, again(raw(0x10, payload=b"u=1"))),
    "goodbyes": (Flood.OTHER, again(goaway(0))),
}
RESET_FIRST = {"resets of dead streams", "DATA after a reset", "HEADERS after a reset"}


def flooded(name: str, *, idle_s: float = 0) -> ByHandClient:
    """A client with one open stream, which it reset where the flood is on a dead one."""
    client = ByHandClient(max_streams=1 if name == "streams above the limit" else 1000)
    client.answer = None
    client.server.tick(idle_s)
    client.say(half(OPEN), rst(OPEN, CANCEL) if name in RESET_FIRST else b"")
    client.server.tick(1)  # what that cost is forgotten
    return client


def feed(client: ByHandClient, frames: Iterator[bytes], number: int) -> None:
    """Say so many, in reads of a usual size."""
    said = list(islice(frames, number))
    for at in range(0, len(said), 500):
        client.say(*said[at : at + 500])


def calmed(client: ByHandClient) -> bytes | None:
    """What the goodbye says, if there was one."""
    if not client.server.finished:
        return None
    (goodbye,) = client.heard.goaways()
    assert goodbye.error_code == ENHANCE_YOUR_CALM
    return bytes(goodbye.additional_data)


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_is_let_in_up_to_its_bound_and_not_beyond(name: str) -> None:
    flood, frames = FLOODS[name]
    client = flooded(name)
    said = frames()
    feed(client, said, ALLOWED[flood].at_once)
    assert calmed(client) is None
    feed(client, said, 1)
    assert calmed(client) == f"too many {flood}".encode()
    feed(client, said, 10)
    assert client.server.outgoing() == b""


@pytest.mark.parametrize("name", FLOODS)
def test_patience_comes_back_with_time(name: str) -> None:
    flood, frames = FLOODS[name]
    client, said = flooded(name), frames()
    feed(client, said, ALLOWED[flood].at_once)
    client.server.tick(2)
    feed(client, said, int(2 * ALLOWED[flood].a_second))
    assert calmed(client) is None
    feed(client, said, 1)
    assert calmed(client)


@pytest.mark.parametrize("name", FLOODS)
def test_patience_is_not_saved_up(name: str) -> None:
    flood, frames = FLOODS[name]
    client = flooded(name, idle_s=1_000_000)
    feed(client, frames(), ALLOWED[flood].at_once + 1)
    assert calmed(client)


# Clients that work


def test_many_pushes_on_one_connection_with_all_that_clients_add() -> None:
    """Refused pushes with a body, each with PRIORITY, a PING, and two WINDOW_UPDATEs."""
    client = ByHandClient()
    client.answer = REFUSAL
    for first in range(1, 4_000, 200):
        said = []
        for stream in range(first, first + 200, 2):
            said += [headers(stream, BLOCK, end=False, depends_on=0), data(stream, b"{}", end=True)]
            said += [raw(2, stream=stream, payload=bytes(5)), ping()]
            said += [window(0, len(REFUSAL.body)), window(stream, 27)]
        client.say(*said)
    assert calmed(client) is None
    assert len(client.statuses) == 2_000


def test_settings_that_we_sent_are_acknowledged_for_nothing() -> None:
    client = ByHandClient()
    for at in range(500):
        client.server.act(Settings(max_streams=1 + at % 2))
        client.say(SETTINGS_ACK)
    assert calmed(client) is None
    feed(client, again(SETTINGS_ACK)(), ALLOWED[Flood.SETTINGS].at_once + 1)
    assert calmed(client)


def test_a_ping_each_second_for_an_hour() -> None:
    client = ByHandClient()
    for _ in range(3_600):
        client.server.tick(1)
        client.say(ping())
    assert calmed(client) is None
    assert len(client.heard.pongs()) == 3_600


def test_a_reader_that_asks_for_each_4_kib_of_a_long_body() -> None:
    client = ByHandClient()
    client.answer = Response(status=200, body=bytes(640 * 4_096))
    client.say(headers(1, BLOCK))
    for _ in range(640):
        client.say(window(0, 4_096), window(1, 4_096))
    assert calmed(client) is None
    assert client.heard.messages[1].ended


def test_a_reader_that_asks_for_each_byte_is_none() -> None:
    client = ByHandClient()
    client.answer = Response(status=200, body=bytes(200_000))
    client.say(headers(1, BLOCK))
    feed(client, iter([window(0, 1) + window(1, 1)] * 1_000), 1_000)
    assert calmed(client) == b"too many WINDOW_UPDATE frames"


def test_every_stream_is_given_up_and_asked_for_again() -> None:
    client = ByHandClient()
    client.answer = None
    for first in (1, 2_001):
        streams = range(first, first + 2_000, 2)
        client.say(*(headers(stream, BLOCK) for stream in streams))
        client.say(*(rst(stream, CANCEL) for stream in streams))
    assert calmed(client) is None
    assert len(client.received) == 2_000


# Header blocks, and what requests that never end may hold


def test_a_header_block_has_a_bound_before_it_is_decoded() -> None:
    client = ByHandClient()
    client.say(raw(1, stream=1, payload=bytes(16_384)))
    client.say(raw(9, stream=1, payload=bytes(MAX_BLOCK_BYTES - 16_384 - 1)))
    assert calmed(client) is None
    client.say(raw(9, stream=1, payload=b"xx"))
    assert calmed(client) == b"too long a header block"


def test_a_goodbye_in_the_middle_of_a_header_block_is_an_error() -> None:
    client = ByHandClient()
    client.say(raw(1, stream=1, payload=BLOCK), goaway(0))
    assert client.server.finished
    assert client.heard.goaways()[0].error_code == PROTOCOL_ERROR


def test_the_first_frame_is_settings() -> None:
    for frame in (ping(), SETTINGS_ACK, headers(1, BLOCK)):
        client = ByHandClient(greeting=b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        client.say(frame)
        (goodbye,) = client.heard.goaways()
        assert goodbye.error_code == PROTOCOL_ERROR
        assert client.received == []


def test_half_open_streams_hold_so_much_and_no_more() -> None:
    """Header lists that cost a byte a field on the wire, and here a hundred times that."""
    client, encoder = ByHandClient(), Encoder()
    client.answer = None
    fields = [*post().headers, *[(b"x", b"y")] * 60]
    client.say(*(headers(at, encoder.encode(fields), end=False) for at in range(1, 2_001, 2)))
    refused = [stream for stream, message in client.heard.messages.items() if message.reset]
    assert not client.server.finished
    assert 500 < 1_000 - len(refused) < MAX_HELD_BYTES / 6_000
    client.say(*(rst(stream, CANCEL) for stream in range(1, 1_000, 2)))
    client.say(headers(2_001, encoder.encode(post().headers)))
    assert [got.stream for got in client.received] == [2_001]


def test_settings_that_nobody_knows_are_not_kept() -> None:
    client = ByHandClient()
    numbers = [at.to_bytes(2, "big") + bytes(4) for at in range(0x100, 0x10000)]
    said = [raw(4, payload=b"".join(numbers[at : at + 2_700])) for at in range(0, 65_280, 2_700)]
    tracemalloc.start()
    try:
        client.server.receive(b"".join(said))
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 1_000_000
    client.listen()
    assert client.heard.acks() == 1 + len(said)


def test_known_settings_beside_unknown_ones_count() -> None:
    client = ByHandClient()
    client.answer = Response(status=200, body=b"x" * 10)
    client.say(raw(4, payload=b"\x0f\x00\0\0\0\1" + b"\x00\x04\0\0\0\4" + b"\x00\x00\0\0\0\1"))
    client.say(headers(1, BLOCK))
    assert client.heard.messages[1].body == b"x" * 4
