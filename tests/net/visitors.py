"""A port that treats one visitor after the other as a script says: the last script goes on."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from random import Random
from typing import Any

from pushkit_cli.apns.message import Request, read_reply
from pushkit_cli.engine.local import Trust
from pushkit_cli.net.fleet import Fleet, Route
from pushkit_cli.net.link import Errand
from pushkit_cli.net.sender import Endpoint
from pushkit_cli.wire.client import Answered, ClientEvent, Unprocessed
from tests.wire import raw

PATIENCE_S = 10.0
Script = Callable[[socket.socket], object]


def route(endpoint: Endpoint, context: ssl.SSLContext, **more: Any) -> Route:
    """A way to a port of ours, with a test's patience."""
    return Route(**{"endpoint": endpoint, "context": context, "timeout": PATIENCE_S, **more})


@contextmanager
def visited(trust: Trust | None, *scripts: Script) -> Iterator[Endpoint]:
    """Each visitor is served in a thread of its own, over TLS where there is a trust."""
    threads: list[threading.Thread] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if trust is not None:
        context.load_cert_chain(trust.chain_file, trust.chain_key_file)
        context.set_alpn_protocols(["h2"])

    def serve(plain: socket.socket, script: Script) -> None:
        with suppress(OSError), plain:
            plain.settimeout(PATIENCE_S)
            if trust is None:
                script(plain)
                return
            with context.wrap_socket(plain, server_side=True) as spoken:
                script(spoken)

    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            for number in range(1000):
                try:
                    plain, _ = listening.accept()
                except OSError:
                    return
                script = scripts[min(number, len(scripts) - 1)]
                threads.append(threading.Thread(target=serve, args=(plain, script)))
                threads[-1].start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield Endpoint(host="127.0.0.1", port=listening.getsockname()[1])
        finally:
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            listening.close()
            accepting.join()
            for thread in threads:
                thread.join()


def until_gone(visitor: socket.socket) -> None:
    while visitor.recv(65_536):
        pass


def apns(
    *,
    answers: int | None = None,
    then: Callable[[int], bytes] = lambda stream: b"",
    greeting: bytes | None = None,
    stay: bool = False,
) -> Script:
    """Answer so many requests, write what `then` makes of the last stream; hang up or stay."""

    def script(visitor: socket.socket) -> None:
        heard, answered = raw.Listener(preface=True), set[int]()
        visitor.sendall(raw.settings() if greeting is None else greeting)
        while answers is None or len(answered) < answers:
            piece = visitor.recv(65_536)
            if not piece:
                return
            heard.hear(piece)
            ended = [s for s, m in heard.messages.items() if m.ended and s not in answered]
            for stream in ended:
                if answers is not None and len(answered) >= answers:
                    break
                answered.add(stream)
                visitor.sendall(raw.headers(stream))
        visitor.sendall(then(max(answered, default=0)))
        if stay:
            until_gone(visitor)

    return script


class Sheaf:
    """Requests by their number, and what became of each; unprocessed ones are taken again."""

    def __init__(self, requests: list[Request]) -> None:
        self.requests = dict(enumerate(requests))
        self.left = list(reversed(range(len(requests))))
        self.outcomes: dict[int, str] = {}
        self.again = 0
        self.taken = 0
        self.troubles: list[Exception] = []
        self.over = asyncio.Event()
        self.at_take: Callable[[], None] = lambda: None
        self.endure = 0

    def take(self, room: int) -> list[Errand]:
        self.at_take()
        taken: list[Errand] = []
        while self.left and len(taken) < room:
            place = self.left.pop()
            taken.append(Errand(place=place, request=self.requests[place]))
        self.taken += len(taken)
        return taken

    def settled(self, place: int, event: ClientEvent, elapsed_ms: float) -> None:
        assert elapsed_ms >= 0
        if isinstance(event, Unprocessed):
            self.again += 1
            self.left.append(place)
            return
        word = str(read_reply(event.response).status) if isinstance(event, Answered) else "lost"
        self._decide(place, word)

    def unfit(self, place: int, detail: str) -> None:
        assert "HTTP/2 cannot carry" in detail
        self._decide(place, "unfit")

    def unreached(self, error: Exception) -> None:
        self.troubles.append(error)
        if len(self.troubles) > self.endure:
            self.over.set()

    def _decide(self, place: int, word: str) -> None:
        assert place not in self.outcomes, "settled twice"
        self.outcomes[place] = word
        if len(self.outcomes) == len(self.requests):
            self.over.set()

    @property
    def words(self) -> list[str]:
        """The outcomes in the order of the requests."""
        return [self.outcomes[place] for place in sorted(self.outcomes)]


def drive(
    route: Route,
    requests: list[Request],
    *,
    connections: int = 1,
    prepare: Callable[[Sheaf, Fleet], None] = lambda sheaf, fleet: None,
) -> Sheaf:
    """Let a fleet carry requests until each has an outcome, or no connection comes about."""

    async def run() -> Sheaf:
        sheaf = Sheaf(requests)
        chance = Random(1)
        fleet = Fleet(route, sheaf, connections=connections, chance=chance, first_pause=0.005)
        prepare(sheaf, fleet)
        async with asyncio.timeout(PATIENCE_S):
            await fleet.run(sheaf.over)
        return sheaf

    return asyncio.run(run())
