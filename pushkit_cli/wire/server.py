"""One HTTP/2 connection as APNs sees it: requests out, acts in, no input or output. Pure.

SETTINGS are those seen on Apple's wire (2021 to 2026). A client that does not speak HTTP/2 is
told so the way Apple does it: frames, whatever it sent.
"""

import re
from collections import OrderedDict, deque
from dataclasses import dataclass, field

from pushkit_cli.apns.acts import Act, GoAway, Reset, Respond, Stall
from pushkit_cli.apns.acts import Settings as NewSettings
from pushkit_cli.apns.facts import Trouble
from pushkit_cli.apns.message import Headers, Request, Response
from pushkit_cli.apns.push import MAX_BODY_BYTES
from pushkit_cli.wire.blocks import TABLE, AnswerWriter, BlockReader
from pushkit_cli.wire.bounds import (
    FIELD_COST,
    GREETING_S,
    LINGER_S,
    MAX_HELD_BYTES,
    MAX_STREAMS,
    REQUEST_S,
    WINDOW_S,
    Flood,
    Patience,
)
from pushkit_cli.wire.connection import Connection
from pushkit_cli.wire.fields import check_length, check_request, check_trailers
from pushkit_cli.wire.frames import (
    MAX_FRAME,
    PREFACE,
    WINDOW,
    Code,
    ConnectionEnd,
    GoAwayFrame,
    Kind,
    Setting,
    header_frames,
    number,
    settings,
)

_MAX_LIST = 8_000
_SETTINGS = {
    Setting.HEADER_TABLE_SIZE: TABLE,
    Setting.MAX_CONCURRENT_STREAMS: MAX_STREAMS,
    Setting.INITIAL_WINDOW_SIZE: WINDOW,
    Setting.MAX_FRAME_SIZE: MAX_FRAME,
    Setting.MAX_HEADER_LIST_SIZE: _MAX_LIST,
}
_PART = 256 * 1024
"""Bodies go out in parts of this size, so that the next waits until there is room for it."""
_SMALL = 1_024
"""Bodies of refusals are written at once, where nothing waits."""
_REMEMBERED = 2 * MAX_STREAMS
"""So many streams that were reset: of ours, what was on its way is overlooked (5.1)."""
_GAPS = 100
"""So often we know which streams were never opened, but passed over (5.1.1)."""
_HTTP1_LINE = re.compile(rb"([A-Z]{1,16} \S{1,1000}) HTTP/1")
_HTTP1_BEGUN = re.compile(rb"[A-Z]{1,16}( \S{0,1000}( [HTP/]{0,5})?)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A whole request."""

    stream: int
    request: Request


@dataclass(slots=True)
class _Arriving:
    headers: Headers
    since: float
    cost: int
    length: int | None
    size: int = 0
    owed: int = 0
    kept: bytearray = field(default_factory=bytearray)


class ServerConnection(Connection):
    """The server's end of one connection.

    Give it every byte that arrives, the acts that answer, and the seconds that pass; take
    `outgoing()` after each call, and again as often as there is room for more. When `finished`
    is true nothing more will be written and the transport can be closed. `max_body` is how many
    bytes of a body are kept; all are counted.
    """

    _writer: AnswerWriter

    def __init__(self, *, max_streams: int = 1, max_body: int = MAX_BODY_BYTES) -> None:
        super().__init__(
            patience=Patience(), reader=BlockReader(max_list=_MAX_LIST), writer=AnswerWriter()
        )
        self._max_body = max_body
        self._limit = max_streams
        self._limit_known = False
        self._time = 0.0
        self._preface = b""
        self._greeted = False
        self._requests: list[Received] = []
        self._arriving: dict[int, _Arriving] = {}
        self._held = 0
        self._unanswered: dict[int, bool] = {}  # whether the answer may have a body
        self._writing: set[int] = set()
        self._stalled: set[int] = set()
        self._reset_streams: OrderedDict[int, bool] = OrderedDict()  # whether by us
        self._gaps: deque[range] = deque(maxlen=_GAPS)
        self._highest = -1
        self._last = 0
        self._counted = 0
        self._final: int | None = None
        self._said_goodbye = -LINGER_S
        self._leaving = False
        self._broken = False
        self._out.append(settings({**_SETTINGS, Setting.MAX_CONCURRENT_STREAMS: max_streams}))

    @property
    def finished(self) -> bool:
        """Whether it is over: broken, or going away with all answered that ever will be."""
        return self._broken or (self._leaving and self._open == len(self._stalled))

    @property
    def lingers(self) -> bool:
        """Whether one that is over should still be heard: to close on data loses what was said."""
        return not self._broken and self._time < self._said_goodbye + LINGER_S

    @property
    def has_more(self) -> bool:
        """Whether `outgoing()` would give another part of a body."""
        return not self._broken and self._outbox.ready

    @property
    def _open(self) -> int:
        waiting = len(self._unanswered) + len(self._stalled)
        return len(self._arriving) + waiting + len(self._writing)

    def outgoing(self) -> bytes:
        """Take bytes to write: all but bodies, and of those no more than a part."""
        if not self._broken:
            for stream in self._outbox.pump(_PART, now=self._time):
                self._writing.discard(stream)
                self._outbox.drop(stream)
            if self._outbox.sent > self._counted:
                self._patience.sent(self._outbox.sent - self._counted)
                self._counted = self._outbox.sent
        data = b"".join(self._out)
        self._out.clear()
        return data

    def receive(self, data: bytes) -> tuple[Received, ...]:
        """Read what arrived; whole requests come back. Never raises, whatever a client sends."""
        if self._broken:
            return ()
        self._requests = []
        try:
            self._hear(data if self._greeted else self._after_preface(data))
        except ConnectionEnd as end:
            self._give_up(end)
        return tuple(self._requests)

    def act(self, act: Act) -> None:
        """Do what was decided; an answer to a stream that is gone goes nowhere."""
        if self._broken:
            return
        match act:
            case Respond(stream=stream, response=response) if stream in self._unanswered:
                self._respond(stream, response)
            case Reset(stream=stream, code=code) if stream in self._unanswered:
                self._end(stream, code)
            case Stall(stream=stream) if stream in self._unanswered:
                del self._unanswered[stream]
                self._stalled.add(stream)
            case NewSettings(max_streams=limit):
                self._limit = limit
                self._out.append(settings({Setting.MAX_CONCURRENT_STREAMS: limit}))
                self._patience.settings_sent()
            case GoAway(code=code, debug=debug):
                self._say_goodbye(code, debug)

    def _respond(self, stream: int, response: Response) -> None:
        """An answer to HEAD has no content (RFC 9110, 9.3.2)."""
        body = response.body if self._unanswered.pop(stream) else b""
        block = self._writer.write(response.status, response.headers)
        self._out.append(header_frames(stream, block, end=not body))
        self._patience.answered()
        if not body or (len(body) <= _SMALL and self._outbox.write(stream, body)):
            self._outbox.drop(stream)
        else:
            self._writing.add(stream)
            self._outbox.put(stream, body)

    def tick(self, seconds: float) -> None:
        """So many seconds have passed: who keeps us waiting too long is given up."""
        self._time += seconds
        self._patience.tick(seconds)
        if self._broken:
            return
        try:
            self._give_up_the_slow()
        except ConnectionEnd as end:
            self._give_up(end)

    def _give_up_the_slow(self) -> None:
        if not self._patience.begun and self._time > GREETING_S:
            raise ConnectionEnd("no HTTP/2 preface came")
        self._outbox.pump(0, now=self._time)
        if self._outbox.shut_before(self._time - WINDOW_S):
            raise ConnectionEnd("the connection's window stays shut", Code.ENHANCE_YOUR_CALM)
        slow = self._outbox.blocked_before(self._time - WINDOW_S)
        begun = ((stream, entry.since) for stream, entry in self._arriving.items())
        slow += [stream for stream, since in begun if since < self._time - REQUEST_S]
        for stream in slow:
            self._reset(stream, Code.ENHANCE_YOUR_CALM)

    @property
    def _is_full(self) -> bool:
        """Whether one more stream is above the limit, which counts once the client knows it.

        That is when it acknowledged the first SETTINGS (6.5.3). Another limit counts at once:
        Apple refuses what was under way when it lowers it (seen 2019, 2020).
        """
        limit = self._limit if self._limit_known else max(self._limit, MAX_STREAMS)
        return self._open >= limit or self._held > MAX_HELD_BYTES

    def _after_preface(self, data: bytes) -> bytes:
        """What follows the preface (3.4); what is not HTTP/2 gets Apple's answer."""
        self._preface += data
        if not PREFACE.startswith(self._preface[: len(PREFACE)]):
            self._refuse_http1()
            return b""
        if len(self._preface) < len(PREFACE):
            return b""
        self._greeted = True
        data, self._preface = self._preface[len(PREFACE) :], b""
        return data

    @property
    def trouble(self) -> Trouble | None:
        """Why a connection that is over never had a request, where the client did not know how."""
        if self._greeted:
            return None
        if not self._preface:
            return None if self._leaving else Trouble.SILENT
        return Trouble.HTTP1 if _HTTP1_LINE.match(self._preface) else None

    def _refuse_http1(self) -> None:
        line = _HTTP1_LINE.match(self._preface)
        if line is None and _HTTP1_BEGUN.fullmatch(self._preface):
            return
        text = (
            b"Unexpected HTTP/1.x request: " + line[1] if line else b"HTTP/2 client preface missing"
        )
        self._say_goodbye(Code.PROTOCOL_ERROR, text)
        self._broken = True

    def _give_up(self, end: ConnectionEnd) -> None:
        self._say_goodbye(end.code, end.text.encode())
        self._broken = True

    def _say_goodbye(self, code: int, debug: bytes) -> None:
        self._said_goodbye = self._time
        self._final = self._last  # what comes after it is read and forgotten (6.8)
        goodbye = GoAwayFrame(last_stream=self._last, code=code, debug=debug)
        self._out.append(goodbye.encode())
        self._leaving = True

    # What arrives

    def _opened(self, stream: int) -> bool:
        return stream & 1 == 1 and stream <= self._highest

    def _is_live(self, stream: int) -> bool:
        return (
            stream in self._arriving
            or stream in self._unanswered
            or stream in self._writing
            or stream in self._stalled
        )

    def _settled(self, *, acknowledged: bool) -> None:
        self._limit_known |= acknowledged

    def _goes_away(self, _goodbye: GoAwayFrame, /) -> None:
        self._leaving = True  # the client will open no more streams

    def _fields(self, stream: int, block: bytes, *, ended: bool) -> None:
        headers = self._reader.read(block)
        if stream & 1 == 0:  # 5.1.1
            raise ConnectionEnd("an even stream")
        if stream > self._highest:
            self._begin(stream, headers, ended=ended)
        elif stream in self._arriving:
            check_trailers(headers)
            if not ended:  # 8.1
                raise ConnectionEnd("a request with two heads")
            self._whole(stream)
        elif self._reset_streams.get(stream) is True:
            self._patience.spend(Flood.OTHER)
        elif stream in self._reset_streams or self._is_live(stream):
            self._is_closed(stream)
        elif any(stream in gap for gap in self._gaps):  # 5.1.1
            raise ConnectionEnd("a stream below another")
        else:  # 5.1
            raise ConnectionEnd("HEADERS on a stream that has ended", Code.STREAM_CLOSED)

    def _begin(self, stream: int, headers: Headers, *, ended: bool) -> None:
        length = check_request(headers)
        if stream > self._highest + 2:
            self._gaps.append(range(self._highest + 2, stream, 2))
        self._highest = stream
        if self._final is not None:
            self._remember(stream, by_us=True)
            self._patience.spend(Flood.FORGOTTEN)
            return
        if self._is_full:  # 5.1.2
            self._reset(stream, Code.REFUSED_STREAM, Flood.REFUSED)
            return
        self._last = stream
        cost = sum(len(name) + len(value) + FIELD_COST for name, value in headers)
        self._held += cost
        self._arriving[stream] = _Arriving(headers, since=self._time, cost=cost, length=length)
        if ended:
            self._whole(stream)

    def _body(self, stream: int, data: bytes, size: int, *, ended: bool) -> None:
        entry = self._arriving.get(stream)
        if entry is not None:  # count all, keep no more than the largest body that is allowed
            kept = data[: self._max_body - len(entry.kept)]
            entry.size += len(data)
            check_length(entry.length, entry.size, ended=False)
            entry.kept += kept
            entry.cost += len(kept)
            self._held += len(kept)
            if ended:
                self._whole(stream)
            else:
                entry.owed = self._give_back(stream, entry.owed + size)
        elif self._reset_streams.get(stream) is not True:
            self._is_closed(stream)
        elif ended:
            del self._reset_streams[stream]

    def _whole(self, stream: int) -> None:
        entry = self._arriving.pop(stream)
        self._held -= entry.cost
        check_length(entry.length, entry.size, ended=True)
        request = Request(headers=entry.headers, body=bytes(entry.kept), body_size=entry.size)
        self._unanswered[stream] = (b":method", b"HEAD") not in entry.headers
        self._requests.append(Received(stream=stream, request=request))

    def _is_closed(self, stream: int) -> None:
        """More came on a stream that the client has ended or reset (5.1)."""
        if self._is_live(stream):
            self._reset(stream, Code.STREAM_CLOSED)
        else:
            self._send(Kind.RST_STREAM, stream, number(Code.STREAM_CLOSED))
            self._patience.spend(Flood.MADE_RESET)

    def _was_reset(self, stream: int, _code: int, /) -> None:
        self._forget(stream)
        self._remember(stream, by_us=False)

    def _reset(self, stream: int, code: int, flood: Flood = Flood.MADE_RESET) -> None:
        self._end(stream, code)
        self._patience.spend(flood)

    def _end(self, stream: int, code: int) -> None:
        self._send(Kind.RST_STREAM, stream, number(code))
        self._forget(stream)
        self._remember(stream, by_us=True)

    def _remember(self, stream: int, *, by_us: bool) -> None:
        """Of a stream that was reset, for what is still on its way to it."""
        self._reset_streams[stream] = by_us
        if len(self._reset_streams) > _REMEMBERED:
            self._reset_streams.popitem(last=False)

    def _forget(self, stream: int) -> None:
        entry = self._arriving.pop(stream, None)
        self._held -= entry.cost if entry is not None else 0
        self._unanswered.pop(stream, None)
        self._writing.discard(stream)
        self._stalled.discard(stream)
        self._outbox.drop(stream)
