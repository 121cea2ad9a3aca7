"""One HTTP/2 connection as APNs sees it: requests out, acts in, no input or output. Pure.

SETTINGS are those seen on Apple's wire (2021 to 2026). A client that does not speak HTTP/2 is
told so the way Apple does it: frames, whatever it sent.
"""

import re
from dataclasses import dataclass, field

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    DataReceived,
    Event,
    RemoteSettingsChanged,
    RequestReceived,
    StreamEnded,
    StreamReset,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings

from pushkit_cli.apns.acts import Act, GoAway, Respond
from pushkit_cli.apns.acts import Settings as NewSettings
from pushkit_cli.apns.message import Headers, Request
from pushkit_cli.apns.push import MAX_BODY_BYTES
from pushkit_cli.wire.flow import Outbox, announce_table_size
from pushkit_cli.wire.frames import PREFACE, GoAwayFrame, Splitter, as_goaway, hand_over

_SETTINGS = {
    SettingCodes.HEADER_TABLE_SIZE: 4096,
    SettingCodes.MAX_CONCURRENT_STREAMS: 1000,
    SettingCodes.INITIAL_WINDOW_SIZE: 65535,
    SettingCodes.MAX_FRAME_SIZE: 16384,
    SettingCodes.MAX_HEADER_LIST_SIZE: 8000,
}
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
    size: int = 0
    kept: bytearray = field(default_factory=bytearray)


class ServerConnection:
    """The server's end of one connection.

    Give it every byte that arrives and the acts that answer; take `outgoing()` after each call.
    When `finished` is true nothing more will be written and the transport can be closed.
    """

    def __init__(self) -> None:
        self._h2 = H2Connection(
            H2Configuration(
                client_side=False,
                header_encoding=None,
                normalize_inbound_headers=False,  # it joins and moves cookies
            )
        )
        said = Settings(client=False, initial_values=dict(_SETTINGS))
        for setting in said.keys() - _SETTINGS.keys():  # h2 would write its defaults too
            del said[setting]
        self._h2.local_settings = said
        self._h2.initiate_connection()
        self._h2.local_settings = Settings(client=False, initial_values=dict(_SETTINGS))
        self._h2.decoder.max_header_list_size = _SETTINGS[SettingCodes.MAX_HEADER_LIST_SIZE]
        self._outbox = Outbox(self._h2)
        self._split = Splitter()
        self._preface = b""
        self._greeted = False
        self._arriving: dict[int, _Arriving] = {}
        self._unanswered: dict[int, bool] = {}  # whether the answer may have a body
        self._writing: set[int] = set()
        self._last = 0
        self._extra = b""
        self._final: int | None = None
        self._leaving = False
        self._broken = False

    @property
    def finished(self) -> bool:
        """Whether the connection is over: broken, or going away with everything answered."""
        busy = self._arriving or self._unanswered or self._writing
        return self._broken or (self._leaving and not busy)

    def outgoing(self) -> bytes:
        """Take the bytes to write."""
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
                goaway = as_goaway(frame)
                if goaway is not None:  # the client will open no more streams
                    self._leaving = True
                    continue
                for event in hand_over(frame, self._h2):
                    requests += self._on(event)
            self._pump()
        except ProtocolError:
            self._broken = True
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
                if body:
                    self._writing.add(stream)
                    self._outbox.put(stream, body)
                    self._pump()
            case NewSettings(max_streams=number):
                self._h2.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: number})
            case GoAway(code=code, debug=debug):
                self._goaway(code, debug)

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

    def _refuse_http1(self) -> None:
        line = _HTTP1_LINE.match(self._preface)
        if line is None and _HTTP1_BEGUN.fullmatch(self._preface):
            return
        text = (
            b"Unexpected HTTP/1.x request: " + line[1] if line else b"HTTP/2 client preface missing"
        )
        self._goaway(ErrorCodes.PROTOCOL_ERROR, text)
        self._broken = True

    def _goaway(self, code: int, debug: bytes) -> None:
        self._final = self._last  # what comes after it is read and forgotten (RFC 9113, 6.8)
        self._extra += GoAwayFrame(last_stream=self._last, code=code, debug=debug).encode()
        self._leaving = True

    def _on(self, event: Event) -> list[Received]:
        match event:
            case RequestReceived(stream_id=int() as stream, headers=list() as headers):
                if self._final is None:
                    self._last = max(self._last, stream)
                    self._arriving[stream] = _Arriving(tuple(headers))
            case DataReceived(stream_id=int() as stream, data=bytes() as data):
                self._h2.acknowledge_received_data(event.flow_controlled_length or 0, stream)
                self._keep(stream, data)
            case StreamEnded(stream_id=int() as stream):
                return self._whole(stream)
            case StreamReset(stream_id=int() as stream):
                self._arriving.pop(stream, None)
                self._unanswered.pop(stream, None)
                self._writing.discard(stream)
                self._outbox.drop(stream)
            case RemoteSettingsChanged():
                announce_table_size(self._h2)
        return []

    def _keep(self, stream: int, data: bytes) -> None:
        entry = self._arriving.get(stream)
        if entry is not None:  # count all, keep no more than the largest body that is allowed
            entry.size += len(data)
            entry.kept += data[: MAX_BODY_BYTES - len(entry.kept)]

    def _whole(self, stream: int) -> list[Received]:
        entry = self._arriving.pop(stream, None)
        if entry is None:
            return []
        request = Request(headers=entry.headers, body=bytes(entry.kept), body_size=entry.size)
        self._unanswered[stream] = request.method != "HEAD"
        return [Received(stream=stream, request=request)]

    def _pump(self) -> None:
        self._writing.difference_update(self._outbox.pump())
