"""One HTTP/2 connection as a sender sees it: requests in, outcomes out, no input or output. Pure.

What became of a request is never guessed (RFC 9113, 8.7): it is *unprocessed* only if GOAWAY's
lowest last-stream-id, REFUSED_STREAM or an END_STREAM that was never handed over proves it.
"""

from dataclasses import dataclass

from pushkit_cli.apns.message import Headers, Request, Response
from pushkit_cli.wire.blocks import BlockReader, RequestWriter
from pushkit_cli.wire.bounds import FIELD_COST, MAX_HELD_BYTES, Flood, Patience
from pushkit_cli.wire.connection import Connection
from pushkit_cli.wire.fields import (
    body_length,
    check_answer,
    check_length,
    check_request,
    check_trailers,
)
from pushkit_cli.wire.frames import (
    END_HEADERS,
    END_STREAM,
    MAX_STREAM,
    PREFACE,
    Code,
    ConnectionEnd,
    GoAwayFrame,
    Kind,
    Setting,
    header_frames,
    number,
    settings,
)

MAX_ANSWER_BYTES = 65_536
"""More of an answer's body is read and forgotten: Apple's are under a hundred bytes."""
_LIMIT_UNTIL_SETTINGS = 1
_LIMIT_WHERE_NONE_IS_SET = 1000
_MAX_LIST = 65_536
"""Of an answer's headers, in the bytes of RFC 9113, 6.5.2."""
_SETTINGS = {Setting.HEADER_TABLE_SIZE: 0, Setting.ENABLE_PUSH: 0}
"""No table: then most blocks can be read by themselves, and a few at a glance."""
_OK = {b"\x88": False, b"\x20\x88": True}
"""Blocks that say `:status: 200` and no more; whether they empty the table first (RFC 7541)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A final `:status` came."""

    stream: int
    response: Response


@dataclass(frozen=True, slots=True, kw_only=True)
class Unprocessed:
    """Provably not handled by the server: sending again is safe."""

    stream: int
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """It left this process and no answer will come: nobody knows."""

    stream: int
    detail: str


ClientEvent = Answered | Unprocessed | Lost


@dataclass(slots=True)
class _Open:
    """A request without an outcome. `written`: its END_STREAM is; `handed`: it left this object."""

    written: bool = False
    handed: bool = False
    status: int | None = None
    headers: Headers = ()
    body: bytes = b""
    length: int | None = None
    size: int = 0
    owed: int = 0
    cost: int = 0


class ClientConnection(Connection):
    """The client's end of one connection.

    Give it requests while `room` allows and every byte that arrives; take `outgoing()` after
    each call and hand it to the transport; call `lost()` once when the transport has ended.
    `max_answer` is how many bytes of an answer's body are kept, `last_stream` the highest stream
    to use (5.1.1: identifiers are never used again).
    """

    _writer: RequestWriter

    def __init__(
        self, *, max_answer: int = MAX_ANSWER_BYTES, last_stream: int = MAX_STREAM
    ) -> None:
        super().__init__(
            patience=Patience(begun=True),
            reader=BlockReader(max_list=_MAX_LIST),
            writer=RequestWriter(),
        )
        self._max_answer = max_answer
        self._last_stream = last_stream
        self._next = 1
        self._held = 0
        self._open: dict[int, _Open] = {}
        self._written: list[_Open] = []
        self._granted = _LIMIT_WHERE_NONE_IS_SET
        self._limit = _LIMIT_UNTIL_SETTINGS
        self._events: list[ClientEvent] = []
        self.goaway: GoAwayFrame | None = None
        self.closed = False
        self._out.append(PREFACE + settings(_SETTINGS))

    @property
    def room(self) -> int:
        """How many more requests may be given now."""
        if self.closed or self.goaway is not None:
            return 0
        return max(0, min(self._limit - len(self._open), self._streams_left))

    @property
    def is_used_up(self) -> bool:
        """Whether no request will ever find room again: another connection is needed."""
        return self.closed or self.goaway is not None or not self._streams_left

    @property
    def _streams_left(self) -> int:
        return (self._last_stream - self._next + 2) // 2

    @property
    def waiting(self) -> int:
        """How many requests have no outcome yet."""
        return len(self._open)

    def send(self, request: Request) -> int:
        """Put one request on its way; its stream number comes back with the outcome.

        Raises ValueError without room, or for a header that HTTP/2 cannot carry.
        """
        if not self.room:
            raise ValueError("no room for another request on this connection")
        try:  # before the header table has changed: there is no way back from that
            check_request(request.headers)
        except ConnectionEnd as flaw:
            raise ValueError(f"HTTP/2 cannot carry this request: {flaw.text}") from flaw
        stream, body = self._next, request.body
        self._next += 2
        entry = self._open[stream] = _Open()
        block = self._writer.write(request.headers)
        self._out.append(header_frames(stream, block, end=not body))
        if not body or self._outbox.write(stream, body):
            self._has_written(entry)
        else:
            self._outbox.put(stream, body)
            self._pump()
        return stream

    def outgoing(self) -> bytes:
        """Take the bytes to hand to the transport; from here on they count as sent."""
        data = b"".join(self._out)
        self._out.clear()
        for entry in self._written:
            entry.handed = True
        self._written.clear()
        return data

    def receive(self, data: bytes) -> tuple[ClientEvent, ...]:
        """Read what arrived. A peer that breaks the protocol ends the connection, never raises."""
        if self.closed:
            return ()
        self._events = []
        try:
            self._hear(data)
        except ConnectionEnd as end:
            calm = end.code == Code.ENHANCE_YOUR_CALM
            why = "the server asks too much of this end" if calm else "the server broke HTTP/2"
            self._events += self.lost(f"{why}: {end.text}")
            self._say_goodbye(end.code)
        else:
            self._pump()
        return tuple(self._events)

    def give_up(self, stream: int, detail: str) -> tuple[ClientEvent, ...]:
        """Wait no longer for one answer: the stream is reset, and nobody knows what became of it.

        Of a request that was not handed over whole it is known: unprocessed.
        """
        entry = self._open.get(stream)
        if entry is None or self.closed:
            return ()
        return (self._cancel(stream, entry, Code.CANCEL, detail),)

    def lost(self, detail: str) -> tuple[ClientEvent, ...]:
        """The transport has ended: settle whatever is open."""
        self.closed = True
        self._out.clear()  # what is called unsent is never sent
        return tuple(self._settle(stream, detail) for stream in list(self._open))

    def close(self) -> None:
        """Say goodbye: GOAWAY without an error."""
        if not self.closed:
            self.closed = True
            self._say_goodbye(Code.NO_ERROR)

    def _say_goodbye(self, code: int) -> None:
        self._out.append(GoAwayFrame(last_stream=0, code=code).encode())

    def _has_written(self, entry: _Open) -> None:
        entry.written = True
        self._written.append(entry)

    def _pump(self) -> None:
        for stream in self._outbox.pump():
            self._has_written(self._open[stream])

    # What arrives

    def _opened(self, stream: int) -> bool:
        return stream & 1 == 1 and stream < self._next

    def _is_live(self, stream: int) -> bool:
        return stream in self._open

    def _weigh(self, kind: int, flags: int, stream: int) -> None:
        """Count what costs a server next to nothing; the end of a request of ours costs it one."""
        if kind != Kind.RST_STREAM or stream not in self._open:
            self._patience.admit(kind, flags)

    def _set(self, setting: int, value: int) -> None:
        if setting == Setting.ENABLE_PUSH and value:  # 6.5.2
            raise ConnectionEnd("a server that wants to be pushed to")
        if setting == Setting.MAX_CONCURRENT_STREAMS:
            self._granted = min(value, _LIMIT_WHERE_NONE_IS_SET)
        super()._set(setting, value)

    def _settled(self, *, acknowledged: bool) -> None:
        self._limit = self._limit if acknowledged else self._granted

    def _head(self, flags: int, stream: int, payload: bytes) -> None:
        """A bare 200, whole, unpadded and without a priority, is known at a glance."""
        entry = self._open.get(stream)
        if (
            payload not in _OK
            or flags != END_HEADERS | END_STREAM
            or entry is None
            or entry.status is not None
        ):
            super()._head(flags, stream, payload)
            return
        if _OK[payload]:
            self._reader.empty_table()
        entry.status = 200
        self._finish(stream)

    def _fields(self, stream: int, block: bytes, *, ended: bool) -> None:
        headers = self._reader.read(block)
        if not self._opened(stream):  # 5.1, 5.1.1
            raise ConnectionEnd("an answer on a stream that nobody opened")
        entry = self._open.get(stream)
        if entry is None:  # it was given up, or is over: 5.1 lets us ignore it
            return
        if entry.status is not None:
            check_trailers(headers)
            if not ended:  # 8.1
                raise ConnectionEnd("an answer with two heads")
            check_length(entry.length, entry.size, ended=True)
        elif not self._has_begun(entry, headers, ended=ended):
            return
        if ended:
            self._finish(stream)

    def _has_begun(self, entry: _Open, headers: Headers, *, ended: bool) -> bool:
        """Note the head of an answer; False where it only says that one will come (8.1)."""
        status = check_answer(headers)
        if 100 <= status < 200:
            if ended:
                raise ConnectionEnd("an interim answer that ends its stream")
            self._patience.spend(Flood.OTHER)
            return False
        entry.status, entry.headers = status, headers[1:]
        if not ended:
            entry.length = body_length(headers)
            self._keep(entry, sum(len(n) + len(v) + FIELD_COST for n, v in entry.headers))
        return True

    def _body(self, stream: int, data: bytes, size: int, *, ended: bool) -> None:
        entry = self._open.get(stream)
        if entry is None:
            return
        if entry.status is None:  # 8.1
            raise ConnectionEnd("a body without a head")
        entry.size += len(data)
        check_length(entry.length, entry.size, ended=ended)
        kept = data[: self._max_answer - len(entry.body)]
        entry.body += kept
        self._keep(entry, len(kept))
        if ended:
            self._finish(stream)
        else:
            entry.owed = self._give_back(stream, entry.owed + size)

    def _keep(self, entry: _Open, size: int) -> None:
        """Count what answers without an end take. Raises ConnectionEnd where it is too much."""
        entry.cost += size
        self._held += size
        if self._held > MAX_HELD_BYTES:
            raise ConnectionEnd("too much of answers without an end", Code.ENHANCE_YOUR_CALM)

    def _finish(self, stream: int) -> None:
        if self._outbox.has(stream):  # answered before the body is out: the rest stays here
            self._send(Kind.RST_STREAM, stream, number(Code.CANCEL))
        self._events.append(self._settle(stream, "the answer has ended"))

    def _was_reset(self, stream: int, code: int, /) -> None:
        if code == Code.REFUSED_STREAM and self._open[stream].status is None:  # 8.7
            self._forget(stream)
            detail = "the server refused the stream"
            self._events.append(Unprocessed(stream=stream, detail=detail))
            return
        detail = f"the server reset the stream: {_name(code)}"
        self._events.append(self._settle(stream, detail))

    def _reset(self, stream: int, code: int) -> None:
        detail = f"the server made us reset the stream: {_name(code)}"
        self._events.append(self._cancel(stream, self._open[stream], code, detail))

    def _cancel(self, stream: int, entry: _Open, code: int, detail: str) -> ClientEvent:
        """Reset a stream. What waits to be taken is still written, and the reset after it."""
        self._send(Kind.RST_STREAM, stream, number(code))
        entry.handed = entry.written
        return self._settle(stream, detail)

    def _goes_away(self, goodbye: GoAwayFrame, /) -> None:
        if self.goaway is None or goodbye.last_stream <= self.goaway.last_stream:
            self.goaway = goodbye
        last = self.goaway.last_stream
        above = [
            stream for stream, entry in self._open.items() if stream > last and not entry.status
        ]
        detail = "the server is going away and did not look at it"
        for stream in above:
            self._forget(stream)
            self._events.append(Unprocessed(stream=stream, detail=detail))

    def _settle(self, stream: int, detail: str) -> ClientEvent:
        """A final status decides; without one, what left this process decides."""
        entry = self._forget(stream)
        if entry.status is not None:
            self._patience.answered()
            answer = Response(status=entry.status, headers=entry.headers, body=entry.body)
            return Answered(stream=stream, response=answer)
        if not entry.handed:
            return Unprocessed(stream=stream, detail=f"{detail}, before the request was out")
        return Lost(stream=stream, detail=detail)

    def _forget(self, stream: int) -> _Open:
        self._outbox.drop(stream)
        entry = self._open.pop(stream)
        self._held -= entry.cost
        return entry


def _name(code: int) -> str:
    return Code(code).name if code <= max(Code) else str(code)
