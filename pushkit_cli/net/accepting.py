"""Taking clients in: TCP, then TLS, and never more of them than there are places. Sockets only.

asyncio's own server has no such bound, and where a process may open no more files it writes a
traceback for each client that waits.
"""

import asyncio
import asyncio.sslproto
import socket
import ssl
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pushkit_cli.apns.acts import Act, Close, FailTls, Stall
from pushkit_cli.apns.facts import Trouble
from pushkit_cli.net.tls import refusing_context, trouble_of

MAX_CONNECTIONS = 900
"""Of the 1,024 files that a process may usually have open."""
_HANDSHAKES = 500
"""So many at once, each of 64 KiB; who comes then takes the place of the oldest of them."""
_HANDSHAKE_S = 10
_YOUNG_S = 2.0
"""Who has begun to speak keeps its place so long: a client may well come with a thousand
connections at once, as Go's does that has so many pushes and no stream for them."""
_MUTE_S = 0.5
"""So long who says nothing at all; clients speak first."""
_LOOK_S = 0.05
_GOODBYE_S = 1
_AGAIN_S = 0.1
"""After this long another client is tried, where there was no file left for one."""


async def _heard(client: socket.socket) -> bytes:
    return await asyncio.get_running_loop().sock_recv(client, 4_096)


@dataclass(slots=True)
class _Visitor:
    """Who shakes hands, since when (the loop's time), and whether a word of it was heard."""

    client: socket.socket
    came: float
    was_heard: bool = False

    def may_stay(self, now: float) -> bool:
        """Whether it is too early to take the place away."""
        return now < self.came + (_YOUNG_S if self._speaks() else _MUTE_S)

    def _speaks(self) -> bool:
        try:
            return self.was_heard or bool(self.client.recv(1, socket.MSG_PEEK))
        except OSError:  # nothing is there to be read
            return False


class _Tls(asyncio.sslproto.SSLProtocol):
    """asyncio's TLS, which keeps 256 KiB for each client, from its first byte on."""

    max_size = 8 * 1024
    visitor: _Visitor

    def buffer_updated(self, nbytes: int) -> None:
        self.visitor.was_heard = True
        super().buffer_updated(nbytes)


class Doorkeeper:
    """Whoever comes when every place is taken waits: one at the door, the others in its queue.

    For him the client that has been longest about its handshake loses its place: one that says
    nothing before one that does, and nobody who has only just come.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        troubled: Callable[[Trouble], None],
        *,
        knocked: Callable[[], Act | None] = lambda: None,
        places: int = MAX_CONNECTIONS,
    ) -> None:
        self._context = context
        self._refusing = refusing_context()
        self._troubled = troubled
        self._knocked = knocked
        self._places = asyncio.Semaphore(places)
        self._tasks: set[asyncio.Task[None]] = set()
        self._shaking: dict[asyncio.Future[None], _Visitor] = {}  # in the order in which they came
        self._eased = asyncio.Event()
        self._sockets: list[socket.socket] = []
        self._is_closing = False

    def open(self, bound: socket.socket, protocol: Callable[[], asyncio.Protocol]) -> None:
        """Let clients in, each to a protocol of its own; it must say `left` when one is gone."""
        self._sockets.append(bound)
        self._own(self._accept(bound, protocol))

    def left(self) -> None:
        """A client that was let in is gone."""
        self._places.release()
        self._eased.set()

    async def close(self) -> None:
        """Let nobody in any more, nor finish who is being let in."""
        self._is_closing = True
        sockets, self._sockets = self._sockets, []
        for bound in sockets:
            asyncio.get_running_loop().remove_reader(bound)
        await asyncio.sleep(0)  # who was taken in this turn has a socket and nobody to close it
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for bound in sockets:
            bound.close()

    async def _accept(self, bound: socket.socket, protocol: Callable[[], asyncio.Protocol]) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, _ = await loop.sock_accept(bound)
            except OSError:
                await asyncio.sleep(_AGAIN_S)
                continue
            if self._is_closing:
                client.close()
                return
            try:
                await self._make_room()
                await self._places.acquire()
            except asyncio.CancelledError:
                client.close()
                raise
            act = self._knocked()
            if isinstance(act, Close | Stall):
                self._own(self._spurn(client, act))
                continue
            shaken = loop.create_future()
            visitor = self._shaking[shaken] = _Visitor(client, loop.time())
            shaken.add_done_callback(self._shook)
            context = self._refusing if isinstance(act, FailTls) else self._context
            self._own(self._let_in(visitor, protocol, shaken, context))

    async def _make_room(self) -> None:
        """Wait for a place among those who shake hands, or take that of one of them."""
        now = asyncio.get_running_loop().time
        while self._shaking and (self._places.locked() or len(self._shaking) >= _HANDSHAKES):
            visitors = self._shaking.items()
            leaves = next((one for one, who in visitors if not who.may_stay(now())), None)
            if leaves is not None:
                del self._shaking[leaves]
                leaves.cancel()
                return
            self._eased.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S):
                    await self._eased.wait()

    def _shook(self, done: asyncio.Future[None]) -> None:
        self._shaking.pop(done, None)
        self._eased.set()

    async def _spurn(self, client: socket.socket, act: Close | Stall) -> None:
        """On purpose: close at once, or hear whatever is said until the client has enough."""
        with client, suppress(OSError):
            try:
                while isinstance(act, Stall) and await _heard(client):
                    pass
            finally:
                self.left()

    async def _let_in(
        self,
        visitor: _Visitor,
        protocol: Callable[[], asyncio.Protocol],
        shaken: asyncio.Future[None],
        context: ssl.SSLContext,
    ) -> None:
        loop = asyncio.get_running_loop()
        transport: asyncio.BaseTransport | None = None
        tls: _Tls | None = None
        if shaken.cancelled():
            visitor.client.close()
            self.left()
            return
        try:
            tls = _Tls(
                loop,
                protocol(),
                context,
                shaken,
                server_side=True,
                ssl_handshake_timeout=_HANDSHAKE_S,
                ssl_shutdown_timeout=_GOODBYE_S,
            )
            tls.visitor = visitor
            transport, _ = await loop.connect_accepted_socket(lambda: tls, visitor.client)
            await shaken
        except (OSError, asyncio.CancelledError) as error:
            # It does not speak TLS, not this, or not in time; or another one took its place.
            error.__traceback__ = None  # a cycle, and in it all that this client cost
            trouble = trouble_of(error, getattr(tls, "_sslobj", None))
            if trouble is not None and context is self._context:
                self._troubled(trouble)
            if isinstance(transport, asyncio.Transport):
                transport.abort()
            self.left()

    def _own(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
