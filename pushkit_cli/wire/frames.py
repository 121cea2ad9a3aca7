"""Where HTTP/2 frames begin and end, and the few that are read or written by hand. Pure.

GOAWAY never reaches h2: to it a connection that says GOAWAY is closed, while RFC 9113, 6.8 lets
the streams up to its last identifier go on.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import Event
from h2.exceptions import DenialOfServiceError, FrameTooLargeError, ProtocolError
from hpack.exceptions import HPACKError

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
_HEADER = 9
MAX_STREAM = 2**31 - 1
"""The highest identifier a stream can have (RFC 9113, 5.1.1)."""
_SETTING = 6
_KNOWN_SETTINGS = range(1, 7)


class Kind(IntEnum):
    """The types of frames that a client sends (RFC 9113, 6)."""

    DATA = 0x0
    HEADERS = 0x1
    PRIORITY = 0x2
    RST_STREAM = 0x3
    SETTINGS = 0x4
    PING = 0x6
    GOAWAY = 0x7
    WINDOW_UPDATE = 0x8
    CONTINUATION = 0x9


class ConnectionEnd(Exception):  # noqa: N818 - it is no error of ours
    """What a peer did ends the connection: a connection error of RFC 9113, 5.4.1."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


@dataclass(frozen=True, slots=True, kw_only=True)
class GoAwayFrame:
    """RFC 9113, 6.8: no stream above `last_stream` was or will be processed."""

    last_stream: int
    code: int
    debug: bytes = b""

    def encode(self) -> bytes:
        """The frame as bytes."""
        payload = self.last_stream.to_bytes(4, "big") + self.code.to_bytes(4, "big") + self.debug
        return len(payload).to_bytes(3, "big") + bytes((Kind.GOAWAY, 0)) + bytes(4) + payload


def length(frame: bytes) -> int:
    """How long a frame says it is, its header aside."""
    return int.from_bytes(frame[:3], "big")


def stream_of(frame: bytes) -> int:
    """The stream of a frame; a reserved bit stands before it."""
    return int.from_bytes(frame[5:_HEADER], "big") & MAX_STREAM


def ends_block(frame: bytes) -> bool:
    """Whether a header block ends with this frame."""
    return frame[3] in (Kind.HEADERS, Kind.CONTINUATION) and bool(frame[4] & END_HEADERS)


def window_update(increment: int) -> bytes:
    """Room in the connection's window (RFC 9113, 6.9)."""
    return b"\0\0\4" + bytes((Kind.WINDOW_UPDATE, 0)) + bytes(4) + increment.to_bytes(4, "big")


def without_unknown(settings: bytes) -> bytes:
    """SETTINGS without what has no meaning to us (RFC 9113, 6.5.2): h2 would keep it for ever."""
    said = [settings[at : at + _SETTING] for at in range(_HEADER, len(settings), _SETTING)]
    kept = [one for one in said if len(one) < _SETTING or one[0] << 8 | one[1] in _KNOWN_SETTINGS]
    if len(kept) == len(said) or settings[4] & ACK:
        return settings
    payload = b"".join(kept)
    return len(payload).to_bytes(3, "big") + settings[3:_HEADER] + payload


def as_goaway(frame: bytes) -> GoAwayFrame | None:
    """Read a whole frame as GOAWAY, `None` where it is another one or not well formed."""
    if len(frame) < _HEADER + 8 or frame[3] != Kind.GOAWAY:
        return None
    if stream_of(frame):
        return None
    return GoAwayFrame(
        last_stream=int.from_bytes(frame[9:13], "big") & MAX_STREAM,
        code=int.from_bytes(frame[13:17], "big"),
        debug=frame[17:],
    )


def hand_over(frame: bytes, connection: H2Connection) -> list[Event]:
    """Give one frame to h2, which would wait for the whole of one that it is going to refuse.

    Raises ProtocolError, the GOAWAY that says so being written.
    """
    size = length(frame)
    filled_ack = size and frame[3] == Kind.SETTINGS and frame[4] & ACK  # RFC 9113, 6.5
    if size > connection.max_inbound_frame_size or filled_ack:
        connection.close_connection(ErrorCodes.FRAME_SIZE_ERROR)
        raise FrameTooLargeError(f"a frame of {size} bytes")
    return connection.receive_data(frame)


def code_of(error: ProtocolError) -> int:
    """The code of RFC 9113 for an error of h2, which has another for header blocks (4.3)."""
    if isinstance(error.__cause__, HPACKError) and not isinstance(error, DenialOfServiceError):
        return ErrorCodes.COMPRESSION_ERROR
    return error.error_code


def without_goaway(written: bytes) -> bytes:
    """What h2 wrote without the goodbye at its end: we say our own."""
    at = len(written) - _HEADER - 8
    return written[:at] if at >= 0 and written[at + 3] == Kind.GOAWAY else written


class Forgetful(H2Connection):
    """h2 with a shorter memory: of each stream that was closed it would keep 65,536 for ever."""

    MAX_CLOSED_STREAMS = 4_000


class Splitter:
    """Cuts a stream of bytes into whole frames; of one too large for us, into its header alone."""

    def __init__(self, *, max_frame: int = 16384) -> None:
        self._rest = b""
        self._max = max_frame

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The frames completed by `data`, each with its header."""
        buffer = self._rest + data if self._rest else data
        start, end = 0, len(buffer)
        while end - start >= _HEADER:
            size = int.from_bytes(buffer[start : start + 3], "big")
            if size > self._max:  # what follows its header is never read: the connection ends
                self._rest = b""
                yield buffer[start : start + _HEADER]
                return
            stop = start + _HEADER + size
            if stop > end:
                break
            self._rest = b""
            yield buffer[start:stop]
            start = stop
        self._rest = buffer[start:]
