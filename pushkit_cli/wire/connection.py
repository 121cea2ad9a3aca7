"""What both ends of a connection do alike: frames in, in their order, and the answers HTTP/2 owes.

Pure. Numbers behind rules are sections of RFC 9113.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pushkit_cli.wire.blocks import AnswerWriter, BlockReader, RequestWriter
from pushkit_cli.wire.bounds import MAX_BLOCK_BYTES, MAX_BLOCK_FRAMES, Flood, Patience
from pushkit_cli.wire.flow import Outbox
from pushkit_cli.wire.frames import (
    ACK,
    END_HEADERS,
    END_STREAM,
    MAX_STREAM,
    MAX_WINDOW,
    PADDED,
    PRIORITY,
    Code,
    ConnectionEnd,
    GoAwayFrame,
    Kind,
    Setting,
    Splitter,
    frame,
    number,
    without_padding,
)

_CREDIT = 16_384
"""Room is given back in such portions, a quarter of a window. As all that arrives is read at once,
no peer can be caught beyond a window: what is not given back yet leaves room for two frames."""


@dataclass(slots=True)
class _Block:
    """A header block that is not whole; no other frame may come (4.3)."""

    stream: int
    ends: bool
    said: bytearray
    frames: int = 1


class Connection(ABC):
    """One end: `_hear` takes bytes, the methods below it say what became of each frame."""

    def __init__(
        self, *, patience: Patience, reader: BlockReader, writer: AnswerWriter | RequestWriter
    ) -> None:
        self._out: list[bytes | memoryview] = []
        self._outbox = Outbox(self._out)
        self._patience = patience
        self._reader = reader
        self._writer = writer
        self._split = Splitter()
        self._block: _Block | None = None
        self._owed = 0

    # What the two ends do differently

    @abstractmethod
    def _opened(self, stream: int) -> bool:
        """Whether a stream was opened at some time: frames on others are errors (5.1, idle)."""

    @abstractmethod
    def _is_live(self, stream: int) -> bool:
        """Whether it was and is not over."""

    @abstractmethod
    def _fields(self, stream: int, block: bytes, *, ended: bool) -> None:
        """A whole header block came, which must be read (4.3)."""

    @abstractmethod
    def _body(self, stream: int, data: bytes, size: int, *, ended: bool) -> None:
        """DATA came on a stream that was opened; `size` is what it takes of the windows."""

    @abstractmethod
    def _was_reset(self, stream: int, code: int, /) -> None:
        """The peer gave up a live stream."""

    @abstractmethod
    def _reset(self, stream: int, code: int) -> None:
        """What the peer did ends a live stream: a stream error (5.4.2)."""

    @abstractmethod
    def _goes_away(self, goodbye: GoAwayFrame, /) -> None:
        """The peer said GOAWAY."""

    def _set(self, setting: int, value: int) -> None:
        """The peer's settings, one by one (6.5.3); those nobody knows mean nothing (6.5.2)."""
        match setting:
            case Setting.HEADER_TABLE_SIZE:
                self._writer.resize(value)
            case Setting.ENABLE_PUSH if value > 1:
                raise ConnectionEnd("ENABLE_PUSH is 0 or 1")
            case Setting.INITIAL_WINDOW_SIZE:
                if value > MAX_WINDOW:
                    raise ConnectionEnd("too large a window", Code.FLOW_CONTROL_ERROR)
                self._outbox.resize(value)
            case Setting.MAX_FRAME_SIZE if not 2**14 <= value < 2**24:
                raise ConnectionEnd("a MAX_FRAME_SIZE that cannot be")

    @abstractmethod
    def _settled(self, *, acknowledged: bool) -> None:
        """The peer's SETTINGS were set, or ours `acknowledged`, and hold from here on (6.5.3)."""

    # What they do alike

    def _hear(self, data: bytes) -> None:
        """Take frames as they come. Raises ConnectionEnd."""
        for kind, flags, stream, payload in self._split.feed(data):
            if self._block is not None:
                self._go_on(self._block, kind, flags, stream, payload)
            elif not self._patience.begun:
                self._patience.begin(kind, flags)
                self._settings(flags, stream, payload)
            elif kind == 0x1:
                self._head(flags, stream, payload)
            elif kind == 0x0:
                self._data(flags, stream, payload)
            else:
                self._weigh(kind, flags, stream)
                if kind in _HANDLERS:  # others mean nothing (5.5)
                    _HANDLERS[kind](self, flags, stream, payload)

    def _weigh(self, kind: int, flags: int, _stream: int) -> None:
        self._patience.admit(kind, flags)

    def _send(self, kind: int, stream: int, payload: bytes = b"", *, flags: int = 0) -> None:
        self._out.append(frame(kind, flags, stream, payload))

    def _give_back(self, stream: int, owed: int) -> int:
        """Room for what was read; how much is still owed (6.9)."""
        if owed < _CREDIT:
            return owed
        self._send(Kind.WINDOW_UPDATE, stream, number(owed))
        return 0

    def _data(self, flags: int, stream: int, payload: bytes) -> None:
        size = len(payload)
        if flags & PADDED:
            payload = without_padding(payload)
        ended = flags & END_STREAM != 0
        if not payload and not ended:
            self._patience.spend(Flood.EMPTY_DATA)
        if not self._opened(stream):  # 6.1 of stream 0
            raise ConnectionEnd("DATA on a stream that nobody opened")
        self._owed = self._give_back(0, self._owed + size)  # of dead streams too (5.1, 6.9)
        self._body(stream, payload, size, ended=ended)

    def _head(self, flags: int, stream: int, payload: bytes) -> None:
        if not stream:
            raise ConnectionEnd("HEADERS on stream 0")  # 6.2
        if flags & PADDED:
            payload = without_padding(payload)
        if flags & PRIORITY:
            self._priority(0, stream, payload[:5])
            payload = payload[5:]
        ends = flags & END_STREAM != 0
        if flags & END_HEADERS:
            self._fields(stream, payload, ended=ends)
        else:
            self._block = _Block(stream, ends, bytearray(payload))

    def _go_on(self, block: _Block, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind != Kind.CONTINUATION or stream != block.stream:  # 6.2, 6.10
            raise ConnectionEnd("a header block that another frame breaks")
        block.said += payload
        block.frames += 1
        if len(block.said) > MAX_BLOCK_BYTES or block.frames > MAX_BLOCK_FRAMES:
            raise ConnectionEnd("too long a header block", Code.ENHANCE_YOUR_CALM)
        if flags & END_HEADERS:
            self._block = None
            self._fields(stream, bytes(block.said), ended=block.ends)

    def _priority(self, _flags: int, stream: int, payload: bytes) -> None:
        _sized(payload, 5)  # 6.3
        if not stream:
            raise ConnectionEnd("PRIORITY on stream 0")
        if int.from_bytes(payload[:4], "big") & MAX_STREAM == stream:  # RFC 7540, 5.3.1
            raise ConnectionEnd("a stream that depends on itself")

    def _rst_stream(self, _flags: int, stream: int, payload: bytes) -> None:
        _sized(payload, 4)  # 6.4
        if not self._opened(stream):
            raise ConnectionEnd("RST_STREAM on a stream that nobody opened")
        if self._is_live(stream):
            self._was_reset(stream, int.from_bytes(payload, "big"))

    def _settings(self, flags: int, stream: int, payload: bytes) -> None:
        if stream:  # 6.5
            raise ConnectionEnd("SETTINGS on a stream")
        if flags & ACK:
            _sized(payload, 0)
            self._settled(acknowledged=True)
            return
        if len(payload) % 6:
            raise ConnectionEnd("SETTINGS that are cut short", Code.FRAME_SIZE_ERROR)
        for at in range(0, len(payload), 6):
            setting, value = payload[at : at + 2], payload[at + 2 : at + 6]
            self._set(int.from_bytes(setting, "big"), int.from_bytes(value, "big"))
        self._settled(acknowledged=False)
        self._send(Kind.SETTINGS, 0, flags=ACK)

    def _push_promise(self, _flags: int, _stream: int, _payload: bytes) -> None:
        raise ConnectionEnd("PUSH_PROMISE, which nobody may send")  # 6.6, 8.4

    def _ping(self, flags: int, stream: int, payload: bytes) -> None:
        _sized(payload, 8)  # 6.7
        if stream:
            raise ConnectionEnd("PING on a stream")
        if not flags & ACK:
            self._send(Kind.PING, 0, payload, flags=ACK)

    def _goaway(self, _flags: int, stream: int, payload: bytes) -> None:
        if stream:  # 6.8
            raise ConnectionEnd("GOAWAY on a stream")
        if len(payload) < 8:
            raise ConnectionEnd("GOAWAY that is cut short", Code.FRAME_SIZE_ERROR)
        last = int.from_bytes(payload[:4], "big") & MAX_STREAM
        code = int.from_bytes(payload[4:8], "big")
        self._goes_away(GoAwayFrame(last_stream=last, code=code, debug=payload[8:]))

    def _window_update(self, _flags: int, stream: int, payload: bytes) -> None:
        _sized(payload, 4)  # 6.9
        increment = int.from_bytes(payload, "big") & MAX_WINDOW
        if not increment:
            raise ConnectionEnd("WINDOW_UPDATE of nothing")
        if not stream:
            self._outbox.widen(increment)
        elif not self._opened(stream):
            raise ConnectionEnd("WINDOW_UPDATE on a stream that nobody opened")
        elif self._is_live(stream) and not self._outbox.widen_stream(stream, increment):
            self._reset(stream, Code.FLOW_CONTROL_ERROR)

    def _continuation(self, _flags: int, _stream: int, _payload: bytes) -> None:
        raise ConnectionEnd("CONTINUATION of nothing")  # 6.10


_HANDLERS: Mapping[int, Callable[[Connection, int, int, bytes], None]] = {
    Kind.PRIORITY: Connection._priority,
    Kind.RST_STREAM: Connection._rst_stream,
    Kind.SETTINGS: Connection._settings,
    Kind.PUSH_PROMISE: Connection._push_promise,
    Kind.PING: Connection._ping,
    Kind.GOAWAY: Connection._goaway,
    Kind.WINDOW_UPDATE: Connection._window_update,
    Kind.CONTINUATION: Connection._continuation,
}


def _sized(payload: bytes, size: int) -> None:
    if len(payload) != size:  # 4.2
        raise ConnectionEnd(f"{len(payload)} bytes for {size}", Code.FRAME_SIZE_ERROR)
