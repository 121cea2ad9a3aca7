"""Where HTTP/2 frames begin and end, and GOAWAY, the one frame read and written by hand. Pure.

GOAWAY never reaches h2: to it a connection that says GOAWAY is closed, while RFC 9113, 6.8 lets
the streams up to its last identifier go on.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import Event
from h2.exceptions import FrameTooLargeError

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_HEADER = 9
_GOAWAY = 0x7
_MAX_STREAM = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class GoAwayFrame:
    """RFC 9113, 6.8: no stream above `last_stream` was or will be processed."""

    last_stream: int
    code: int
    debug: bytes = b""

    def encode(self) -> bytes:
        """The frame as bytes."""
        payload = self.last_stream.to_bytes(4, "big") + self.code.to_bytes(4, "big") + self.debug
        return len(payload).to_bytes(3, "big") + bytes((_GOAWAY, 0)) + bytes(4) + payload


def as_goaway(frame: bytes) -> GoAwayFrame | None:
    """Read a whole frame as GOAWAY, `None` where it is another one or not well formed."""
    if len(frame) < _HEADER + 8 or frame[3] != _GOAWAY:
        return None
    if int.from_bytes(frame[5:_HEADER], "big") & _MAX_STREAM:  # a reserved bit stands before it
        return None
    return GoAwayFrame(
        last_stream=int.from_bytes(frame[9:13], "big") & _MAX_STREAM,
        code=int.from_bytes(frame[13:17], "big"),
        debug=frame[17:],
    )


def hand_over(frame: bytes, connection: H2Connection) -> list[Event]:
    """Give one frame to h2, which would wait for the whole of one that it is going to refuse.

    Raises ProtocolError, the GOAWAY that says so being written.
    """
    size = int.from_bytes(frame[:3], "big")
    if size > connection.max_inbound_frame_size:
        connection.close_connection(ErrorCodes.FRAME_SIZE_ERROR)
        raise FrameTooLargeError(f"a frame of {size} bytes")
    return connection.receive_data(frame)


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
