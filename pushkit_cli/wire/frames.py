"""HTTP/2 frames as bytes: where they begin and end, and how the short ones are written. Pure.

Numbers behind rules, here and beside, are sections of RFC 9113 unless they name another.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from struct import Struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
PRIORITY = 0x20
MAX_FRAME = 16_384
"""The largest payload that every peer must take, and the largest that we take (4.2)."""
MAX_STREAM = 2**31 - 1
"""The highest identifier a stream can have (5.1.1)."""
MAX_WINDOW = 2**31 - 1
"""What no window may exceed (6.9.1)."""
WINDOW = 65_535
"""What a window is at first (6.9.2)."""
_HEAD = Struct(">BHBBL")

Frame = tuple[int, int, int, bytes]
"""Type, flags, stream, payload; the reserved bit before the stream is ignored (4.1)."""


class Kind(IntEnum):
    """The types of frames (6)."""

    DATA = 0x0
    HEADERS = 0x1
    PRIORITY = 0x2
    RST_STREAM = 0x3
    SETTINGS = 0x4
    PUSH_PROMISE = 0x5
    PING = 0x6
    GOAWAY = 0x7
    WINDOW_UPDATE = 0x8
    CONTINUATION = 0x9


class Code(IntEnum):
    """Why a stream or a connection ends (7)."""

    NO_ERROR = 0x0
    PROTOCOL_ERROR = 0x1
    INTERNAL_ERROR = 0x2
    FLOW_CONTROL_ERROR = 0x3
    SETTINGS_TIMEOUT = 0x4
    STREAM_CLOSED = 0x5
    FRAME_SIZE_ERROR = 0x6
    REFUSED_STREAM = 0x7
    CANCEL = 0x8
    COMPRESSION_ERROR = 0x9
    CONNECT_ERROR = 0xA
    ENHANCE_YOUR_CALM = 0xB
    INADEQUATE_SECURITY = 0xC
    HTTP_1_1_REQUIRED = 0xD


class Setting(IntEnum):
    """What SETTINGS can say (6.5.2)."""

    HEADER_TABLE_SIZE = 0x1
    ENABLE_PUSH = 0x2
    MAX_CONCURRENT_STREAMS = 0x3
    INITIAL_WINDOW_SIZE = 0x4
    MAX_FRAME_SIZE = 0x5
    MAX_HEADER_LIST_SIZE = 0x6


class ConnectionEnd(Exception):  # noqa: N818 - it is no error of ours
    """What a peer did ends the connection: a connection error (5.4.1)."""

    def __init__(self, text: str, code: int = Code.PROTOCOL_ERROR) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


@dataclass(frozen=True, slots=True, kw_only=True)
class GoAwayFrame:
    """No stream above `last_stream` was or will be processed (6.8)."""

    last_stream: int
    code: int
    debug: bytes = b""

    def encode(self) -> bytes:
        """The frame as bytes."""
        payload = self.last_stream.to_bytes(4, "big") + self.code.to_bytes(4, "big") + self.debug
        return frame(Kind.GOAWAY, 0, 0, payload)


def head(size: int, kind: int, flags: int, stream: int) -> bytes:
    """The nine bytes before a payload of so many (4.1)."""
    return _HEAD.pack(size >> 16, size & 0xFFFF, kind, flags, stream)


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """A whole frame."""
    return head(len(payload), kind, flags, stream) + payload


def number(value: int) -> bytes:
    """An error code or a window's increment, as frames carry it."""
    return value.to_bytes(4, "big")


def settings(values: dict[Setting, int]) -> bytes:
    """A SETTINGS frame (6.5.1)."""
    said = [key.to_bytes(2, "big") + number(value) for key, value in values.items()]
    return frame(Kind.SETTINGS, 0, 0, b"".join(said))


def header_frames(stream: int, block: bytes, *, end: bool) -> bytes:
    """A header block as HEADERS, and CONTINUATION where it is long (6.2, 6.10)."""
    flags = END_STREAM if end else 0
    if len(block) <= MAX_FRAME:
        return head(len(block), 0x1, flags | END_HEADERS, stream) + block
    parts = [block[at : at + MAX_FRAME] for at in range(0, len(block), MAX_FRAME)]
    frames = [frame(Kind.HEADERS, flags, stream, parts[0])]
    frames += [frame(Kind.CONTINUATION, 0, stream, part) for part in parts[1:-1]]
    return b"".join(frames) + frame(Kind.CONTINUATION, END_HEADERS, stream, parts[-1])


def without_padding(payload: bytes) -> bytes:
    """What stands between the length of the padding and the padding (6.1, 6.2)."""
    if not payload:
        raise ConnectionEnd("a padded frame of no bytes", Code.FRAME_SIZE_ERROR)
    if payload[0] >= len(payload):
        raise ConnectionEnd("padding as long as its frame")
    return payload[1 : len(payload) - payload[0]]


class Splitter:
    """Cuts a stream of bytes into whole frames."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames completed by `data`. Raises ConnectionEnd at the head of one too large."""
        buffer = self._rest + data if self._rest else data
        start, end = 0, len(buffer)
        while end - start >= 9:
            high, low, kind, flags, stream = _HEAD.unpack_from(buffer, start)
            size = high << 16 | low
            if size > MAX_FRAME:  # 4.2
                raise ConnectionEnd(f"a frame of {size} bytes", Code.FRAME_SIZE_ERROR)
            stop = start + 9 + size
            if stop > end:
                break
            yield kind, flags, stream & MAX_STREAM, buffer[start + 9 : stop]
            start = stop
        self._rest = buffer[start:]
