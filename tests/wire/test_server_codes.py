"""Each way to break HTTP/2 gets the very code that RFC 9113 names, and a word of why."""

import pytest
from hpack import Encoder

from tests.wire.pair import post
from tests.wire.raw import (
    COMPRESSION_ERROR,
    ENHANCE_YOUR_CALM,
    FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR,
    MAX_STREAM,
    PROTOCOL_ERROR,
    STREAM_CLOSED,
    data,
    headers,
    raw,
    settings,
    window,
)
from tests.wire.script import ByHandClient

PLAIN = [(name, value, True) for name, value in post().headers]
BLOCK = Encoder().encode(PLAIN)
BEGUN = headers(1, BLOCK, end=False)
EOS = b"\x00\x85\xf2\xb2\x4a\x84\xff\x87\x49\x51\xff\xff\xff\xfa\x7f"
LONG = Encoder().encode([*PLAIN, (b"x", b"y" * 8_000, True)])

CODES: dict[str, tuple[bytes, int]] = {
    "an index beyond both tables": (headers(1, BLOCK + b"\xff\x00"), COMPRESSION_ERROR),
    "a literal whose name is beyond them": (headers(1, BLOCK + b"\x7f\x07\x00"), COMPRESSION_ERROR),
    "index 0": (headers(1, BLOCK + b"\x80"), COMPRESSION_ERROR),
    "EOS in a Huffman string": (headers(1, BLOCK + EOS), COMPRESSION_ERROR),
    "padding of zeros": (
        headers(1, BLOCK + b"\x00\x85\xf2\xb2\x4a\x84\xff\x83\x49\x50\x90"),
        COMPRESSION_ERROR,
    ),
    "a block that is cut short": (headers(1, BLOCK[:-1]), COMPRESSION_ERROR),
    "a table beyond its size": (headers(1, b"\x3f\xff\x7f" + BLOCK), COMPRESSION_ERROR),
    "a table that changes at the end": (headers(1, BLOCK + b"\x3f\x01"), COMPRESSION_ERROR),
    "a header list above 8,000 bytes": (headers(1, LONG), ENHANCE_YOUR_CALM),
    "a frame above its size": (raw(0, stream=1, payload=bytes(16_385)), FRAME_SIZE_ERROR),
    "PING of six bytes": (raw(6, payload=bytes(6)), FRAME_SIZE_ERROR),
    "PRIORITY of four bytes": (raw(2, stream=1, payload=bytes(4)), FRAME_SIZE_ERROR),
    "RST_STREAM of three bytes": (BEGUN + raw(3, stream=1, payload=bytes(3)), FRAME_SIZE_ERROR),
    "SETTINGS of five bytes": (raw(4, payload=bytes(5)), FRAME_SIZE_ERROR),
    "an acknowledgement with values": (raw(4, flags=1, payload=bytes(6)), FRAME_SIZE_ERROR),
    "WINDOW_UPDATE of three bytes": (raw(8, payload=bytes(3)), FRAME_SIZE_ERROR),
    "a window update of nothing": (raw(8, payload=bytes(4)), PROTOCOL_ERROR),
    "windows beyond the largest": (window(0, MAX_STREAM), FLOW_CONTROL_ERROR),
    "an initial window beyond it": (settings(INITIAL_WINDOW_SIZE=2**31), FLOW_CONTROL_ERROR),
    "DATA on an idle stream": (data(1, b"test", end=True), PROTOCOL_ERROR),
    "HEADERS in a header block": (raw(1, stream=1, payload=BLOCK) + headers(3), PROTOCOL_ERROR),
    "CONTINUATION of nothing": (raw(9, flags=4, stream=1, payload=BLOCK), PROTOCOL_ERROR),
    "an even stream": (headers(2, BLOCK), PROTOCOL_ERROR),
    "a stream below another": (headers(5, BLOCK) + headers(3, BLOCK), PROTOCOL_ERROR),
    "a promise": (raw(5, flags=4, stream=1, payload=b"\0\0\0\2" + BLOCK), PROTOCOL_ERROR),
}


@pytest.mark.parametrize("name", CODES)
def test_the_goodbye_has_the_code_of_the_rfc(name: str) -> None:
    said, code = CODES[name]
    client = ByHandClient()
    client.answer = None
    client.say(said)
    (goodbye,) = client.heard.goaways()
    assert goodbye.error_code == code
    assert goodbye.additional_data
    assert client.heard.frames[-1] is goodbye
    assert client.server.finished


def test_a_goodbye_names_the_last_stream_that_was_looked_at() -> None:
    """Those that were refused are safe to send again, and the goodbye does not say otherwise."""
    client = ByHandClient(max_streams=1)
    client.answer = None
    client.say(headers(1, BLOCK), headers(3, BLOCK), headers(5, BLOCK), raw(6, payload=b"bad"))
    (goodbye,) = client.heard.goaways()
    assert goodbye.last_stream_id == 1


@pytest.mark.parametrize("frame", [data(1, b"x"), headers(1, BLOCK)], ids=["DATA", "HEADERS"])
def test_a_frame_after_the_end_of_a_stream_ends_the_stream(frame: bytes) -> None:
    client = ByHandClient()
    client.answer = None
    client.say(headers(1, BLOCK), frame)
    assert client.heard.messages[1].reset == STREAM_CLOSED
    assert not client.server.finished
