"""One HTTP/2 connection as APNs sees it: requests out, acts in, no input or output. Pure.

SETTINGS are those seen on Apple's wire (2021 to 2026). A client that does not speak HTTP/2 is
told so the way Apple does it: frames, whatever it sent.
"""

import re
from collections import OrderedDict
from dataclasses import dataclass, field

from h2.config import H2Configuration
from h2.errors import ErrorCodes
from h2.events import (
    DataReceived,
    Event,
    RemoteSettingsChanged,
    RequestReceived,
    SettingsAcknowledged,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings

from pushkit_cli.apns.acts import Act, GoAway, Reset, Respond, Stall
from pushkit_cli.apns.acts import Settings as NewSettings
from pushkit_cli.apns.facts import Trouble
from pushkit_cli.apns.message import Headers, Request
from pushkit_cli.apns.push import MAX_BODY_BYTES
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
from pushkit_cli.wire.flow import Outbox, announce_table_size
from pushkit_cli.wire.frames import (
    END_STREAM,
    PREFACE,
    ConnectionEnd,
    Forgetful,
    GoAwayFrame,
    Kind,
    Splitter,
    as_goaway,
    code_of,
    ends_block,
    hand_over,
    length,
    stream_of,
    window_update,
    without_goaway,
    without_unknown,
)

_SETTINGS = {
    SettingCodes.HEADER_TABLE_SIZE: 4096,
    SettingCodes.MAX_CONCURRENT_STREAMS: MAX_STREAMS,
    SettingCodes.INITIAL_WINDOW_SIZE: 65535,
    SettingCodes.MAX_FRAME_SIZE: 16384,
    SettingCodes.MAX_HEADER_LIST_SIZE: 8000,
}
_PART = 256 * 1024
"""Bodies go out in parts of this size, so that the next waits until there is room for it."""
_CREDIT = 16_384
"""Room for what came on dead streams is given back in such portions, a quarter of the window."""
_REMEMBERED = MAX_STREAMS
"""Of so many streams that we reset, what was on its way is overlooked (RFC 9113, 5.1)."""
_MAX_TEXT = 200
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
    size: int = 0
    kept: bytearray = field(default_factory=bytearray)


class ServerConnection:
    """The server's end of one connection.

    Give it every byte that arrives, the acts that answer, and the seconds that pass; take
    `outgoing()` after each call, and again as often as there is room for more. When `finished`
    is true nothing more will be written and the transport can be closed. `max_body` is how many
    bytes of a body are kept; all are counted.
    """

    def __init__(self, *, max_streams: int = 1, max_body: int = MAX_BODY_BYTES) -> None:
        self._max_body = max_body
        self._h2 = Forgetful(
            H2Configuration(
                client_side=False,
                header_encoding=None,
                normalize_inbound_headers=False,  # it joins and moves cookies
            )
        )
        settings = {**_SETTINGS, SettingCodes.MAX_CONCURRENT_STREAMS: max_streams}
        said = Settings(client=False, initial_values=settings)
        for setting in said.keys() - settings.keys():  # h2 would write its defaults too
            del said[setting]
        self._h2.local_settings = said
        self._h2.initiate_connection()
        self._h2.local_settings = Settings(client=False, initial_values=settings)
        self._leave_the_limit_to_us()
        self._h2.decoder.max_header_list_size = _SETTINGS[SettingCodes.MAX_HEADER_LIST_SIZE]
        self._limit = max_streams
        self._limit_known = False
        self._outbox = Outbox(self._h2)
        self._patience = Patience()
        self._time = 0.0
        self._split = Splitter()
        self._preface = b""
        self._greeted = False
        self._arriving: dict[int, _Arriving] = {}
        self._held = 0
        self._unanswered: dict[int, bool] = {}  # whether the answer may have a body
        self._writing: set[int] = set()
        self._stalled: set[int] = set()
        self._dead: OrderedDict[int, None] = OrderedDict()
        self._owed = 0
        self._last = 0
        self._extra = b""
        self._final: int | None = None
        self._said_goodbye = -LINGER_S
        self._leaving = False
        self._broken = False

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
            before = self._outbox.sent
            self._writing.difference_update(self._outbox.pump(_PART, now=self._time))
            if self._outbox.sent > before:
                self._patience.sent(self._outbox.sent - before)
        data = self._h2.data_to_send() + self._extra
        self._extra = b""
        return data

    def receive(self, data: bytes) -> tuple[Received, ...]:
        """Read what arrived; whole requests come back. Never raises, whatever a client sends."""
        if self._broken:
            return ()
        requests: list[Received] = []
        try:
            for frame in self._frames(data):
                requests += self._read(frame)
        except ConnectionEnd as end:
            self._give_up(end)
        except ProtocolError as error:
            self._extra = without_goaway(self._h2.data_to_send()) + self._extra
            self._give_up(ConnectionEnd(code_of(error), str(error)[:_MAX_TEXT]))
        return tuple(requests)

    def act(self, act: Act) -> None:
        """Do what was decided; an answer to a stream that is gone goes nowhere."""
        if self._broken:
            return
        match act:
            case Respond(stream=stream, response=response) if stream in self._unanswered:
                # An answer to HEAD has no content (RFC 9110, 9.3.2).
                body = response.body if self._unanswered.pop(stream) else b""
                headers = [(b":status", str(response.status).encode()), *response.headers]
                self._h2.send_headers(stream, headers, end_stream=not body)
                self._patience.answered()
                if body:
                    self._writing.add(stream)
                    self._outbox.put(stream, body)
            case Reset(stream=stream, code=code) if stream in self._unanswered:
                self._h2.reset_stream(stream, code)
                self._forget(stream)
            case Stall(stream=stream) if stream in self._unanswered:
                del self._unanswered[stream]
                self._stalled.add(stream)
            case NewSettings(max_streams=number):
                self._limit = number
                self._h2.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: number})
                self._patience.settings_sent()
                self._leave_the_limit_to_us()
            case GoAway(code=code, debug=debug):
                self._goaway(code, debug)

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
            raise ConnectionEnd(ErrorCodes.PROTOCOL_ERROR, "no HTTP/2 preface came")
        self._outbox.pump(0, now=self._time)
        if self._outbox.shut_before(self._time - WINDOW_S):
            raise ConnectionEnd(ErrorCodes.ENHANCE_YOUR_CALM, "the connection's window stays shut")
        slow = self._outbox.blocked_before(self._time - WINDOW_S)
        begun = ((stream, entry.since) for stream, entry in self._arriving.items())
        slow += [stream for stream, since in begun if since < self._time - REQUEST_S]
        for stream in slow:
            self._reset(stream, ErrorCodes.ENHANCE_YOUR_CALM, Flood.MADE_RESET)

    def _leave_the_limit_to_us(self) -> None:
        """A stream above the limit ends the connection in h2; RFC 9113, 5.1.2 refuses the stream.

        Nor does h2 need its own: what is refused is closed.
        """
        del self._h2.local_settings[SettingCodes.MAX_CONCURRENT_STREAMS]

    @property
    def _is_full(self) -> bool:
        """Whether one more stream is above the limit, which counts once the client knows it.

        That is when it acknowledged the first SETTINGS (RFC 9113, 6.5.3). Another limit counts at
        once: Apple refuses what was under way when it lowers it (seen 2019, 2020).
        """
        limit = self._limit if self._limit_known else max(self._limit, MAX_STREAMS)
        return self._open >= limit or self._held > MAX_HELD_BYTES

    def _frames(self, data: bytes) -> list[bytes]:
        """Cut frames; the preface goes first, and what is not HTTP/2 gets Apple's answer."""
        if not self._greeted:
            self._preface += data
            if not PREFACE.startswith(self._preface[: len(PREFACE)]):
                self._refuse_http1()
                return []
            if len(self._preface) < len(PREFACE):
                return []
            self._greeted = True
            self._h2.receive_data(PREFACE)
            data, self._preface = self._preface[len(PREFACE) :], b""
        return list(self._split.feed(data))

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
        self._goaway(ErrorCodes.PROTOCOL_ERROR, text)
        self._broken = True

    def _give_up(self, end: ConnectionEnd) -> None:
        self._goaway(end.code, end.text.encode())
        self._broken = True

    def _goaway(self, code: int, debug: bytes) -> None:
        self._said_goodbye = self._time
        self._final = self._last  # what comes after it is read and forgotten (RFC 9113, 6.8)
        self._extra += GoAwayFrame(last_stream=self._last, code=code, debug=debug).encode()
        self._leaving = True

    def _read(self, frame: bytes) -> list[Received]:
        self._patience.admit(frame)
        kind, alone = frame[3], not self._patience.in_block
        if alone and as_goaway(frame) is not None:  # the client will open no more streams
            self._leaving = True
            return []
        if kind == Kind.DATA and alone and stream_of(frame) in self._dead:
            self._overlook(frame)
            return []
        events = hand_over(without_unknown(frame) if kind == Kind.SETTINGS else frame, self._h2)
        if not events and (kind == Kind.DATA or ends_block(frame)):
            self._patience.spend(Flood.MADE_RESET)  # the stream is closed, and h2 says so again
        return [received for event in events for received in self._on(event)]

    def _overlook(self, frame: bytes) -> None:
        """DATA that was under way to a stream we reset counts on the connection's window alone."""
        if frame[4] & END_STREAM:
            del self._dead[stream_of(frame)]
        self._owed += length(frame)
        if self._owed >= _CREDIT:
            self._extra += window_update(self._owed)
            self._owed = 0

    def _on(self, event: Event) -> list[Received]:
        match event:
            case RequestReceived(stream_id=int() as stream, headers=list() as headers):
                self._begin(stream, tuple(headers))
            case DataReceived(stream_id=int() as stream, data=bytes() as data):
                self._h2.acknowledge_received_data(event.flow_controlled_length or 0, stream)
                self._keep(stream, data)
            case StreamEnded(stream_id=int() as stream):
                return self._whole(stream)
            case StreamReset(stream_id=int() as stream):
                if not event.remote_reset:
                    self._bury(stream, Flood.MADE_RESET)
                self._forget(stream)
            case WindowUpdated(stream_id=int() as stream):
                if stream:
                    self._outbox.opened(stream)
            case SettingsAcknowledged():
                self._limit_known = True
            case RemoteSettingsChanged():
                announce_table_size(self._h2)
                self._outbox.opened(0)
        return []

    def _begin(self, stream: int, headers: Headers) -> None:
        if self._final is not None:
            self._patience.spend(Flood.FORGOTTEN)
            return
        if self._is_full:
            self._reset(stream, ErrorCodes.REFUSED_STREAM, Flood.REFUSED)
            return
        self._last = max(self._last, stream)
        cost = sum(len(name) + len(value) + FIELD_COST for name, value in headers)
        self._held += cost
        self._arriving[stream] = _Arriving(headers, since=self._time, cost=cost)

    def _keep(self, stream: int, data: bytes) -> None:
        entry = self._arriving.get(stream)
        if entry is not None:  # count all, keep no more than the largest body that is allowed
            kept = data[: self._max_body - len(entry.kept)]
            entry.size += len(data)
            entry.kept += kept
            entry.cost += len(kept)
            self._held += len(kept)

    def _whole(self, stream: int) -> list[Received]:
        entry = self._arriving.pop(stream, None)
        if entry is None:
            return []
        self._held -= entry.cost
        request = Request(headers=entry.headers, body=bytes(entry.kept), body_size=entry.size)
        self._unanswered[stream] = request.method != "HEAD"
        return [Received(stream=stream, request=request)]

    def _reset(self, stream: int, code: ErrorCodes, flood: Flood) -> None:
        self._h2.reset_stream(stream, code)
        self._bury(stream, flood)
        self._forget(stream)

    def _bury(self, stream: int, flood: Flood) -> None:
        """Remember that we reset a stream, for what is still on its way to it."""
        self._dead[stream] = None
        if len(self._dead) > _REMEMBERED:
            self._dead.popitem(last=False)
        self._patience.spend(flood)

    def _forget(self, stream: int) -> None:
        entry = self._arriving.pop(stream, None)
        self._held -= entry.cost if entry is not None else 0
        self._unanswered.pop(stream, None)
        self._writing.discard(stream)
        self._stalled.discard(stream)
        self._outbox.drop(stream)
