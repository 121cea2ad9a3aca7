"""The control socket as the listener sees it: bounded, and for its own user alone. Sockets only.

A connection carries one question and its answer. Whoever sends too much, asks twice, or keeps a
connection too long is cut off; the pushes' connections never notice.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress

from pushkit_cli.apns.acts import GoAway, Respond
from pushkit_cli.apns.message import Request, Response
from pushkit_cli.net.control import MAX_QUESTION_BYTES, is_ours, listen
from pushkit_cli.wire.server import ServerConnection

Answer = Callable[[Request], Awaitable[Response]]
"""Who answers; it raises nothing and takes `MAX_WAIT_S` at most."""

MAX_CONNECTIONS = 64
MAX_WAIT_S = 30.0
_PATIENCE_S = 60.0
"""A connection's whole life: one wait, and a slow reader."""
_MAX_BYTES = 2 * MAX_QUESTION_BYTES
"""All that a client may send in that time, frames and window updates included."""


class ControlServer:
    """A listening socket and the connections on it."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._server: asyncio.Server | None = None
        self._bound: socket.socket | None = None
        self._open: set[_Peer] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, bound: socket.socket) -> None:
        """Let commands in."""
        listen(bound)
        self._bound = bound
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(lambda: _Peer(self), sock=bound)

    async def stop(self, *, grace: float) -> None:
        """Let nobody in any more, give those who are in `grace` seconds, and end what is left.

        Whoever answers knows that it is the end, and lets nobody wait.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + grace
        if self._bound is not None:
            loop.remove_reader(self._bound)
        await asyncio.sleep(0.01)  # some were let in a moment ago, and have not asked yet
        if self._server is not None:
            # Not before: asyncio forgets whom it accepted for a server that is closed since, and
            # he waits at a socket that nobody closes.
            self._server.close()
        while self._open and loop.time() < deadline:
            await asyncio.sleep(0.01)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for peer in list(self._open):
            peer.abort()
        await asyncio.sleep(0)

    def _opened(self, peer: "_Peer", transport: asyncio.Transport) -> bool:
        """Whether a client may stay."""
        if len(self._open) >= MAX_CONNECTIONS or not is_ours(transport.get_extra_info("socket")):
            return False
        self._open.add(peer)
        return True

    def _lost(self, peer: "_Peer") -> None:
        self._open.discard(peer)

    def _asked(self, peer: "_Peer", stream: int, request: Request) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(self._respond(peer, stream, request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _respond(self, peer: "_Peer", stream: int, request: Request) -> None:
        peer.respond(stream, await self._answer(request))


class _Peer(asyncio.Protocol):
    """One client: asyncio's callbacks on one side, a ServerConnection on the other."""

    def __init__(self, server: ControlServer) -> None:
        self._server = server
        self._wire = ServerConnection(max_body=MAX_QUESTION_BYTES)
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._read = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if not self._server._opened(self, transport):
            transport.abort()
            return
        self._timer = asyncio.get_running_loop().call_later(_PATIENCE_S, self.abort)
        self._write()

    def data_received(self, data: bytes) -> None:
        self._read += len(data)
        if self._read > _MAX_BYTES:
            self.abort()
            return
        for received in self._wire.receive(data):
            if self._task is not None:
                self.abort()
                return
            self._task = self._server._asked(self, received.stream, received.request)
        self._write()

    def connection_lost(self, _exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:  # nobody hears the answer any more
            self._task.cancel()
        self._server._lost(self)

    def respond(self, stream: int, response: Response) -> None:
        """The answer, and after it nothing more."""
        self._wire.act(Respond(stream=stream, response=response))
        self._wire.act(GoAway())
        self._write()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def _write(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        while data := self._wire.outgoing():  # an answer is bounded, and so is all of it
            transport.write(data)
        if self._wire.finished:
            with suppress(OSError):
                transport.close()
