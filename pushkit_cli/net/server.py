"""The listener's sockets: every byte goes to a wire connection, every act comes back out of one.

Sockets only: what a request means is asked of the Handler, which lives elsewhere.
"""

import asyncio
import itertools
import socket
import ssl
from collections.abc import Sequence
from typing import Protocol

from pushkit_cli.apns.acts import Act, Close, GoAway
from pushkit_cli.apns.facts import Certificate, Door, Trouble
from pushkit_cli.apns.message import Request
from pushkit_cli.net.accepting import MAX_CONNECTIONS, Doorkeeper
from pushkit_cli.net.client_certs import facts_of
from pushkit_cli.wire.bounds import MAX_STREAMS
from pushkit_cli.wire.server import ServerConnection

_TICK_S = 1.0
_ROUND_BYTES = 8_192
"""So much is heard in one round of the event loop of all clients that have said more than they
could be heard of: some milliseconds' work, after which newcomers have a turn."""
_LEAST_PORTION = 1_024
_UNREAD_BYTES = 256 * 1024
"""So much may wait for a client that does not read; then it is not read from either."""
_UNREAD_S = 30.0
"""How long a client may read nothing of what waits for it."""


class Handler(Protocol):
    """Who is told what happens on the connections; called in the event loop, never concurrently."""

    def knocked(self) -> Act | None:
        """A client opened a TCP connection; what is done to it in place of a handshake, if any."""

    def connected(self, connection: int, door: Door, certificate: Certificate | None) -> None:
        """A client is there, maybe with a certificate that TLS accepted."""

    def requested(self, connection: int, stream: int, request: Request) -> None:
        """A whole request was read."""

    def disconnected(self, connection: int) -> None:
        """A client is gone."""

    def troubled(self, trouble: Trouble) -> None:
        """A client never got as far as a request."""


class Server:
    """Every door's listening sockets, and every connection on them."""

    def __init__(
        self,
        handler: Handler,
        context: ssl.SSLContext,
        *,
        max_streams: int = MAX_STREAMS,
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        self._handler = handler
        places = min(max_connections, MAX_CONNECTIONS)
        self._door = Doorkeeper(context, handler.troubled, knocked=handler.knocked, places=places)
        self._max_streams = max_streams
        self._timer: asyncio.TimerHandle | None = None
        self._numbers = itertools.count(1)
        self._open: dict[int, _Connection] = {}
        self._touched: set[int] = set()
        self.talkative: set[_Connection] = set()
        self.ends = False

    async def start(self, door: Door, sockets: Sequence[socket.socket]) -> None:
        """Accept connections at one door."""
        for bound in sockets:
            self._door.open(bound, lambda: _Connection(self, next(self._numbers), door))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_TICK_S, self._tick)

    def perform(self, connection: int, act: Act) -> None:
        """Do an act; it is written by the next flush()."""
        found = self._open.get(connection)
        if found is None:
            return
        if isinstance(act, Close):
            found.write()
            found.abort()
            return
        found.wire.act(act)
        self._touched.add(connection)

    def flush(self) -> None:
        """Write what the acts of this turn made, each connection once."""
        for number in self._touched:
            found = self._open.get(number)
            if found is not None:
                found.write()
        self._touched.clear()

    async def stop(self, *, grace: float, goaway: GoAway | None = None) -> None:
        """Accept no more, say GOAWAY, give requests still arriving `grace` seconds, then close."""
        if self._timer is not None:
            self._timer.cancel()
        self.ends = True
        await self._door.close()
        for number in list(self._open):
            self.perform(number, goaway or GoAway())
        self.flush()
        deadline = asyncio.get_running_loop().time() + grace
        while self._open and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.01)
        for connection in list(self._open.values()):
            connection.abort()
        await asyncio.sleep(0)

    def limit(self, *, certificate: bool) -> int:
        """The number of streams a connection begins with: all of them with a certificate.

        Without one it is `max_streams`: 1 on Apple's wire, until a provider token was good.
        """
        return MAX_STREAMS if certificate else self._max_streams

    def _tick(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(_TICK_S, self._tick)
        for connection in list(self._open.values()):
            connection.tick(_TICK_S)

    def _opened(self, connection: "_Connection") -> None:
        self._open[connection.number] = connection
        self._handler.connected(connection.number, connection.door, connection.certificate)

    def _lost(self, connection: "_Connection") -> None:
        if self._open.pop(connection.number, None) is not None:
            self.talkative.discard(connection)
            self._door.left()
            self._handler.disconnected(connection.number)
            trouble = connection.wire.trouble
            if trouble is not None:
                self._handler.troubled(trouble)

    def _read(self, connection: "_Connection", data: bytes) -> None:
        for received in connection.wire.receive(data):
            self._handler.requested(connection.number, received.stream, received.request)


class _Connection(asyncio.Protocol):
    """One client: asyncio's callbacks on one side, a ServerConnection on the other."""

    def __init__(self, server: Server, number: int, door: Door) -> None:
        self.number = number
        self.door = door
        self.certificate: Certificate | None = None
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._unheard = bytearray()
        self._paused = False
        self._scheduled = False
        self._gone = False
        self._unread = 0
        self._unread_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.set_write_buffer_limits(high=_UNREAD_BYTES)
        self.certificate = _certificate(transport)
        limit = self._server.limit(certificate=self.certificate is not None)
        self.wire = ServerConnection(max_streams=limit)
        self._transport = transport
        self._server._opened(self)
        self.write()

    def data_received(self, data: bytes) -> None:
        self._unheard += data
        if not self._scheduled:
            self._go_on()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._go_on()

    def connection_lost(self, _exc: Exception | None) -> None:
        self._gone = True
        if self._paused:  # it did not read, and is not heard out either
            self._unheard.clear()
        if not self._scheduled:
            self._go_on()

    def write(self) -> None:
        """Write what the wire has, as long as the client reads; close once it has finished."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if self.wire.finished and (self._server.ends or not self.wire.lingers):
            self._unheard.clear()
            transport.write(self.wire.outgoing())
            transport.close()
        elif not self._paused and (data := self.wire.outgoing()):
            transport.write(data)
            self._go_on_soon()

    def _go_on(self) -> None:
        """Hear a portion and write one, unless the client does not read."""
        self._scheduled = False
        if not self._paused and self._unheard:
            size = max(_LEAST_PORTION, _ROUND_BYTES // (len(self._server.talkative) + 1))
            portion = bytes(self._unheard[:size])
            del self._unheard[:size]
            self._server._read(self, portion)
        if self._gone and not self._unheard:
            self._server._lost(self)
            return
        self.write()
        self._go_on_soon()

    def _go_on_soon(self) -> None:
        """Go on when the others have had their turn; nothing is read from the socket until then."""
        assert self._transport is not None
        rest = bool(self._unheard) and not self._paused
        (self._server.talkative.add if rest else self._server.talkative.discard)(self)
        if not self._scheduled and (rest or (self.wire.has_more and not self._paused)):
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._go_on)
        if self._paused or rest:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def tick(self, seconds: float) -> None:
        """So many seconds have passed."""
        self.wire.tick(seconds)
        self._watch(seconds)
        self.write()

    def _watch(self, seconds: float) -> None:
        """Give up a client that reads nothing of what waits for it."""
        assert self._transport is not None
        unread = self._transport.get_write_buffer_size() if self._paused else 0
        self._unread_s = self._unread_s + seconds if 0 < self._unread <= unread else 0.0
        self._unread = unread
        if self._unread_s >= _UNREAD_S:
            self.abort()

    def abort(self) -> None:
        """Close at once, and hear no more."""
        self._unheard.clear()
        if self._transport is not None:
            self._transport.abort()


def _certificate(transport: asyncio.Transport) -> Certificate | None:
    """What the client showed; the handshake is over, also with TLS 1.3."""
    shown = transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
    return None if shown is None else facts_of(shown)
