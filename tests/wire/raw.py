"""Frames written and read by hand: what the other end could say. No code of ours."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

from hpack import Decoder
from hyperframe.exceptions import HyperframeError
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

Fields = Iterable[tuple[bytes, bytes]]
Cut = Callable[[bytes], Iterator[bytes]]

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
WINDOW = 65_535
MAX_FRAME = 16_384
MAX_STREAM = 2**31 - 1

NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR = 0, 1, 2, 3
STREAM_CLOSED, FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR = 5, 6, 7, 8, 9
ENHANCE_YOUR_CALM = 11

# Header blocks that need no table (RFC 7541, appendix A).
OK, BAD_REQUEST = b"\x88", b"\x8c"


def status_block(status: bytes) -> bytes:
    """A block with nothing but `:status`, whatever it says."""
    return b"\x08" + bytes((len(status),)) + status


# How bytes arrive


def whole(data: bytes) -> Iterator[bytes]:
    if data:
        yield data


def byte_by_byte(data: bytes) -> Iterator[bytes]:
    for at in range(len(data)):
        yield data[at : at + 1]


def random_cuts(seed: int, *, longest: int = 300) -> Cut:
    random = Random(seed)

    def cut(data: bytes) -> Iterator[bytes]:
        at = 0
        while at < len(data):
            size = random.randint(1, longest)
            yield data[at : at + size]
            at += size

    return cut


# Frames


def raw(kind: int, *, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    """Any frame, also one that nobody should write."""
    head = len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big")
    return head + payload


def headers(
    stream: int,
    block: bytes = OK,
    *,
    end: bool = True,
    pad: int | None = None,
    depends_on: int | None = None,
    pieces: int = 1,
) -> bytes:
    """HEADERS, and CONTINUATION where the block is cut in more than one piece."""
    size = max(1, -(-len(block) // pieces))
    parts = [block[at : at + size] for at in range(0, len(block), size)] or [b""]
    first = HeadersFrame(stream, data=parts[0], pad_length=pad or 0, depends_on=depends_on or 0)
    frames: list[HeadersFrame | ContinuationFrame] = [first]
    frames += [ContinuationFrame(stream, data=part) for part in parts[1:]]
    frames[-1].flags.add("END_HEADERS")
    if end:
        first.flags.add("END_STREAM")
    if pad is not None:
        first.flags.add("PADDED")
    if depends_on is not None:
        first.flags.add("PRIORITY")
    return b"".join(frame.serialize() for frame in frames)


def data(stream: int, body: bytes = b"", *, end: bool = False, pad: int | None = None) -> bytes:
    frame = DataFrame(stream, data=body, pad_length=pad or 0)
    if end:
        frame.flags.add("END_STREAM")
    if pad is not None:
        frame.flags.add("PADDED")
    return frame.serialize()


def settings(**values: int) -> bytes:
    """SETTINGS by their names in RFC 9113, such as MAX_CONCURRENT_STREAMS."""
    named = {getattr(SettingsFrame, name): value for name, value in values.items()}
    return SettingsFrame(0, settings=named).serialize()


SETTINGS_ACK = raw(4, flags=1)


def rst(stream: int, code: int) -> bytes:
    return RstStreamFrame(stream, error_code=code).serialize()


def goaway(last: int, code: int = NO_ERROR, debug: bytes = b"") -> bytes:
    return GoAwayFrame(0, last_stream_id=last, error_code=code, additional_data=debug).serialize()


def window(stream: int, increment: int) -> bytes:
    return WindowUpdateFrame(stream, window_increment=increment).serialize()


def ping(payload: bytes = b"12345678") -> bytes:
    return PingFrame(0, opaque_data=payload).serialize()


class Reader:
    """Reads what one end writes, however it is cut."""

    def __init__(self, *, preface: bool) -> None:
        self._rest = b""
        self._preface = preface

    def feed(self, written: bytes) -> list[Frame]:
        self._rest += written
        if self._preface and len(self._rest) >= len(PREFACE):
            assert self._rest.startswith(PREFACE)
            self._rest, self._preface = self._rest[len(PREFACE) :], False
        frames = []
        while not self._preface and len(self._rest) >= 9:
            frame, size = Frame.parse_frame_header(memoryview(self._rest[:9]))
            if len(self._rest) < 9 + size:
                break
            frame.parse_body(memoryview(self._rest[9 : 9 + size]))
            frames.append(frame)
            self._rest = self._rest[9 + size :]
        return frames


class Windows:
    """What one end may send: it fails as soon as a byte is sent beyond a window.

    A window that SETTINGS make smaller holds from their acknowledgement on.
    """

    def __init__(self) -> None:
        self.connection = WINDOW
        self._initial = WINDOW
        self._sizes = [WINDOW]
        self._streams: dict[int, int] = {}

    def stream(self, stream: int) -> int:
        return self._streams.get(stream, self._initial)

    def sent(self, frame: Frame) -> None:
        """Count a frame of the end that is watched."""
        if isinstance(frame, DataFrame):
            size = frame.flow_controlled_length
            self.connection -= size
            self._streams[frame.stream_id] = self.stream(frame.stream_id) - size
            assert not size or self.connection >= 0, "beyond the connection's window"
            assert not size or self.stream(frame.stream_id) >= 0, "beyond a stream's window"
        elif isinstance(frame, SettingsFrame) and "ACK" in frame.flags:
            self._resize(self._sizes[1:] or self._sizes)

    def heard(self, frame: Frame) -> None:
        """Count a frame of the other end, which alone gives credit."""
        if isinstance(frame, WindowUpdateFrame):
            if frame.stream_id:
                credit = self.stream(frame.stream_id) + frame.window_increment
                self._streams[frame.stream_id] = credit
            else:
                self.connection += frame.window_increment
        elif isinstance(frame, SettingsFrame) and "ACK" not in frame.flags:
            size = frame.settings.get(SettingsFrame.INITIAL_WINDOW_SIZE, self._sizes[-1])
            self._resize([*self._sizes, size])

    def _resize(self, sizes: list[int]) -> None:
        change = max(sizes) - self._initial
        self._initial, self._sizes = max(sizes), sizes
        self._streams = {stream: left + change for stream, left in self._streams.items()}


@dataclass(slots=True)
class Message:
    """What one end wrote on one stream."""

    fields: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    ended: bool = False
    reset: int | None = None


class Listener:
    """Follows what one end writes: its frames, its messages, and that it keeps to the windows."""

    def __init__(self, *, preface: bool, watch_windows: bool = True) -> None:
        self._reader = Reader(preface=preface)
        self._watch_windows = watch_windows
        self._tables = [4096]
        self._block: dict[int, bytes] = {}
        self.decoder = Decoder()
        self.windows = Windows()
        self.frames: list[Frame] = []
        self.messages: dict[int, Message] = {}
        self.max_frame = MAX_FRAME
        self.credit: Counter[int] = Counter()
        self.data_sizes: list[int] = []

    def other_said(self, written: bytes) -> None:
        """Take note of frames this end is told, unless they are malformed."""
        with suppress(HyperframeError):
            for frame in Reader(preface=False).feed(written):
                self.windows.heard(frame)
                if isinstance(frame, SettingsFrame) and "ACK" not in frame.flags:
                    size = frame.settings.get(SettingsFrame.HEADER_TABLE_SIZE, self._tables[-1])
                    self._tables.append(size)
                    size = frame.settings.get(SettingsFrame.MAX_FRAME_SIZE, self.max_frame)
                    self.max_frame = max(size, self.max_frame)

    def hear(self, written: bytes) -> list[Frame]:
        """Read what this end wrote; the frames that are new."""
        frames = self._reader.feed(written)
        for frame in frames:
            assert frame.body_len <= self.max_frame
            if self._watch_windows:
                self.windows.sent(frame)
            self._note(frame)
        self.frames += frames
        return frames

    def _note(self, frame: Frame) -> None:
        message = self.messages.setdefault(frame.stream_id, Message())
        if isinstance(frame, SettingsFrame) and "ACK" in frame.flags and len(self._tables) > 1:
            # From here on the encoder must keep to the table it was granted (RFC 7541, 4.2).
            self._tables.pop(0)
            self.decoder.max_allowed_table_size = self._tables[0]
        if isinstance(frame, (HeadersFrame, ContinuationFrame)):
            block = self._block.pop(frame.stream_id, b"") + frame.data
            if "END_HEADERS" in frame.flags:
                message.fields += [(n, v) for n, v in self.decoder.decode(block, raw=True)]
            else:
                self._block[frame.stream_id] = block
        if isinstance(frame, DataFrame):
            message.body += frame.data
            self.data_sizes.append(len(frame.data))
        if isinstance(frame, WindowUpdateFrame):
            self.credit[frame.stream_id] += frame.window_increment
        if isinstance(frame, RstStreamFrame):
            message.reset = frame.error_code
        message.ended |= "END_STREAM" in frame.flags

    def goaways(self) -> list[GoAwayFrame]:
        return [frame for frame in self.frames if isinstance(frame, GoAwayFrame)]

    def acks(self) -> int:
        """How many SETTINGS were acknowledged."""
        return sum(isinstance(f, SettingsFrame) and "ACK" in f.flags for f in self.frames)

    def pongs(self) -> list[bytes]:
        return [f.opaque_data for f in self.frames if isinstance(f, PingFrame) and "ACK" in f.flags]
