"""One HTTP/2 connection as a sender sees it: requests in, outcomes out, no input or output. Pure.

What became of a request is never guessed (RFC 9113, 8.7): it is *unprocessed* only if GOAWAY's
lowest last-stream-id, REFUSED_STREAM or an END_STREAM that was never handed over proves it.
"""

from dataclasses import dataclass

from h2.config import H2Configuration
from h2.errors import ErrorCodes
from h2.events import (
    DataReceived,
    Event,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings
from h2.utilities import HeaderValidationFlags, validate_headers

from pushkit_cli.apns.message import Headers, Request, Response
from pushkit_cli.wire.bounds import FIELD_COST, MAX_HELD_BYTES, Patience
from pushkit_cli.wire.flow import Outbox, announce_table_size
from pushkit_cli.wire.frames import (
    MAX_STREAM,
    ConnectionEnd,
    Forgetful,
    GoAwayFrame,
    Kind,
    Splitter,
    as_goaway,
    hand_over,
    stream_of,
    without_unknown,
)

MAX_ANSWER_BYTES = 65_536
"""More of an answer's body is read and forgotten: Apple's are under a hundred bytes."""
_LIMIT_UNTIL_SETTINGS = 1
_LIMIT_WHERE_NONE_IS_SET = 1000
_A_REQUEST = HeaderValidationFlags(
    is_client=False, is_trailer=False, is_response_header=False, is_push_promise=False
)


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
    """A request without an outcome. `handed`: its END_STREAM left this object."""

    handed: bool = False
    status: int | None = None
    headers: Headers = ()
    body: bytes = b""
    cost: int = 0


class ClientConnection:
    """The client's end of one connection.

    Give it requests while `room` allows and every byte that arrives; take `outgoing()` after
    each call and hand it to the transport; call `lost()` once when the transport has ended.
    `max_answer` is how many bytes of an answer's body are kept, `last_stream` the highest stream
    to use (RFC 9113, 5.1.1: identifiers are never used again).
    """

    def __init__(
        self, *, max_answer: int = MAX_ANSWER_BYTES, last_stream: int = MAX_STREAM
    ) -> None:
        self._max_answer = max_answer
        self._last_stream = last_stream
        self._patience = Patience(begun=True)
        self._held = 0
        self._h2 = Forgetful(
            H2Configuration(
                client_side=True,
                header_encoding=None,
                validate_outbound_headers=False,  # `send` does, more strictly and sooner
            )
        )
        self._h2.local_settings = Settings(
            client=True, initial_values={SettingCodes.ENABLE_PUSH: 0}
        )
        self._h2.initiate_connection()
        self._outbox = Outbox(self._h2)
        self._split = Splitter()
        self._open: dict[int, _Open] = {}
        self._ended: list[int] = []
        self._limit = _LIMIT_UNTIL_SETTINGS
        self.goaway: GoAwayFrame | None = None
        self.closed = False

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
        return (self._last_stream - (self._h2.highest_outbound_stream_id or -1)) // 2

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
        try:  # before h2 has changed its compression table: there is no way back from that
            list(validate_headers(request.headers, _A_REQUEST))
        except ProtocolError as error:
            raise ValueError(f"HTTP/2 cannot carry this request: {error}") from error
        stream = self._h2.get_next_available_stream_id()
        empty = not request.body
        self._h2.send_headers(stream, request.headers, end_stream=empty)
        self._open[stream] = _Open()
        if empty:
            self._ended.append(stream)
        else:
            self._outbox.put(stream, request.body)
            self._ended += self._outbox.pump()
        return stream

    def outgoing(self) -> bytes:
        """Take the bytes to hand to the transport; from here on they count as sent."""
        data = self._h2.data_to_send()
        for stream in self._ended:
            if stream in self._open:
                self._open[stream].handed = True
        self._ended.clear()
        return data

    def receive(self, data: bytes) -> tuple[ClientEvent, ...]:
        """Read what arrived. A peer that breaks the protocol ends the connection, never raises."""
        events: list[ClientEvent] = []
        for frame in self._split.feed(data):
            if self.closed:
                break
            goaway = as_goaway(frame)
            if goaway is not None:
                events += self._going_away(goaway)
                continue
            try:
                self._weigh(frame)
                if frame[3] == Kind.SETTINGS:
                    frame = without_unknown(frame)
                for event in hand_over(frame, self._h2):
                    events += self._on(event)
            except ProtocolError as error:
                events += self.lost(f"the server broke HTTP/2: {error}")
                self._h2.close_connection(error.error_code)
                break
            except ConnectionEnd as end:
                events += self.lost(f"the server asks too much of this end: {end.text}")
                self._h2.close_connection(end.code)
                break
        if not self.closed:
            self._ended += self._outbox.pump()
        return tuple(events)

    def give_up(self, stream: int, detail: str) -> tuple[ClientEvent, ...]:
        """Wait no longer for one answer: the stream is reset, and nobody knows what became of it.

        Of a request that was not handed over whole it is known: unprocessed.
        """
        entry = self._open.get(stream)
        if entry is None or self.closed:
            return ()
        self._h2.reset_stream(stream, ErrorCodes.CANCEL)
        entry.handed |= stream in self._ended  # what waits to be taken is still written
        return (self._settle(stream, detail),)

    def lost(self, detail: str) -> tuple[ClientEvent, ...]:
        """The transport has ended: settle whatever is open."""
        self.closed = True
        self._h2.clear_outbound_data_buffer()  # what is called unsent is never sent
        return tuple(self._settle(stream, detail) for stream in list(self._open))

    def close(self) -> None:
        """Say goodbye: GOAWAY without an error."""
        if not self.closed:
            self.closed = True
            self._h2.close_connection()

    def _on(self, event: Event) -> list[ClientEvent]:
        match event:
            case ResponseReceived(stream_id=int() as stream, headers=list() as headers):
                self._heard(stream, headers)
            case DataReceived(stream_id=int() as stream, data=bytes() as data):
                self._h2.acknowledge_received_data(event.flow_controlled_length or 0, stream)
                entry = self._open.get(stream)
                if entry is not None:
                    kept = data[: self._max_answer - len(entry.body)]
                    entry.body += kept
                    self._keep(entry, len(kept))
            case StreamEnded(stream_id=int() as stream):
                return self._finished(stream)
            case StreamReset(stream_id=int() as stream):
                return self._was_reset(stream, event)
            case WindowUpdated(stream_id=int() as stream):
                if stream:
                    self._outbox.opened(stream)
            case RemoteSettingsChanged():
                self._settings()
        return []

    def _heard(self, stream: int, headers: list[tuple[bytes, bytes]]) -> None:
        entry = self._open.get(stream)
        if entry is not None:
            status = dict(headers)[b":status"]
            if len(status) != 3 or not status.isdigit():
                raise ProtocolError(f"{status!r} is no status")
            entry.status = int(status)
            entry.headers = tuple((n, v) for n, v in headers if not n.startswith(b":"))
            self._keep(entry, sum(len(n) + len(v) + FIELD_COST for n, v in entry.headers))

    def _keep(self, entry: _Open, size: int) -> None:
        """Count what answers without an end take. Raises ConnectionEnd where it is too much."""
        entry.cost += size
        self._held += size
        if self._held > MAX_HELD_BYTES:
            raise ConnectionEnd(ErrorCodes.ENHANCE_YOUR_CALM, "too much of answers without an end")

    def _weigh(self, frame: bytes) -> None:
        """Count what costs a server next to nothing; the end of a request of ours costs it one."""
        if frame[3] != Kind.RST_STREAM or stream_of(frame) not in self._open:
            self._patience.admit(frame)

    def _settings(self) -> None:
        limit = self._h2.remote_settings.max_concurrent_streams
        self._limit = min(limit, _LIMIT_WHERE_NONE_IS_SET)
        announce_table_size(self._h2)
        self._outbox.opened(0)

    def _finished(self, stream: int) -> list[ClientEvent]:
        if stream not in self._open:
            return []
        if self._outbox.has(stream):  # answered before the body is out: the rest stays here
            self._h2.reset_stream(stream, ErrorCodes.CANCEL)
        return [self._settle(stream, "the answer ended without a status")]

    def _was_reset(self, stream: int, event: StreamReset) -> list[ClientEvent]:
        entry = self._open.get(stream)
        if entry is None:
            return []
        code = event.error_code
        if code == ErrorCodes.REFUSED_STREAM and entry.status is None:
            self._forget(stream)
            return [Unprocessed(stream=stream, detail="the server refused the stream")]
        name = code.name if isinstance(code, ErrorCodes) else str(code)
        if event.remote_reset:
            return [self._settle(stream, f"the server reset the stream: {name}")]
        entry.handed |= stream in self._ended  # its END_STREAM goes out, and our reset after it
        return [self._settle(stream, f"the server made us reset the stream: {name}")]

    def _going_away(self, frame: GoAwayFrame) -> list[ClientEvent]:
        if self.goaway is None or frame.last_stream <= self.goaway.last_stream:
            self.goaway = frame
        last = self.goaway.last_stream
        above = [
            stream for stream, entry in self._open.items() if stream > last and not entry.status
        ]
        for stream in above:
            self._forget(stream)
        detail = "the server is going away and did not look at it"
        return [Unprocessed(stream=stream, detail=detail) for stream in above]

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
