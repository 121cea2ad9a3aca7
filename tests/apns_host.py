"""A host that answers as it is told, over real sockets, TLS and HTTP/2: the emulator's own door."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pushkit_cli.apns.acts import Act, Respond
from pushkit_cli.apns.facts import Certificate, Door, Trouble
from pushkit_cli.apns.message import Request, Response
from pushkit_cli.apns.push import Environment
from pushkit_cli.engine.local import ensure_trust
from pushkit_cli.net.binding import bind
from pushkit_cli.net.server import Server
from pushkit_cli.net.tls import server_context
from pushkit_cli.store.files import Home
from pushkit_cli.wire.bounds import MAX_STREAMS

Answer = Callable[[Request], Response | None]


@dataclass
class Host:
    """Where it listens, whom to trust, and what it was asked."""

    port: int
    ca_file: Path
    asked: list[Request] = field(default_factory=list)

    @property
    def url(self) -> str:
        """As an endpoint."""
        return f"https://127.0.0.1:{self.port}"


class _Handler:
    """Answers each request with what a function says; `None` is silence."""

    def __init__(self, host: Host, answer: Answer) -> None:
        self._host, self._answer = host, answer
        self.server: Server | None = None

    def knocked(self) -> None:
        """Let everybody in."""

    def connected(self, connection: int, door: Door, certificate: Certificate | None) -> None:
        """Nothing to do."""

    def disconnected(self, connection: int) -> None:
        """Nothing to do."""

    def troubled(self, trouble: Trouble) -> None:
        """Nothing to do."""

    def requested(self, connection: int, stream: int, request: Request) -> None:
        """Answer."""
        self._host.asked.append(request)
        response = self._answer(request)
        if response is not None and self.server is not None:
            act: Act = Respond(stream=stream, response=response)
            self.server.perform(connection, act)


@contextmanager
def answering(folder: Path, answer: Answer, *, max_streams: int = MAX_STREAMS) -> Iterator[Host]:
    """A host with a certificate of its own authority, in a thread, gone at the end."""
    trust = ensure_trust(Home(folder / "host"))
    sockets = bind(0)
    host = Host(port=sockets[0].getsockname()[1], ca_file=trust.ca_file)
    handler = _Handler(host, answer)
    up, loops, done = threading.Event(), list[asyncio.AbstractEventLoop](), asyncio.Event()

    async def serve() -> None:
        context = server_context(chain=trust.chain_file, key=trust.chain_key_file)
        handler.server = Server(handler, context, max_streams=max_streams)
        await handler.server.start(Door(environment=Environment.SANDBOX), sockets)
        loops.append(asyncio.get_running_loop())
        up.set()
        await done.wait()
        await handler.server.stop(grace=0.0)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    up.wait()
    try:
        yield host
    finally:
        loops[0].call_soon_threadsafe(done.set)
        thread.join()
