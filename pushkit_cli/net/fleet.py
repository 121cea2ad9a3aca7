"""Several connections to one APNs host in one event loop: the driver for many pushes. Sockets only.

Each connection is replaced as soon as it takes no more: gone, going away, used up, or made with a
provider token that was changed. Connecting backs off, and takes the host's addresses in turn.
"""

import asyncio
import os
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any

from pushkit_cli.errors import NotSentError
from pushkit_cli.net.backoff import FIRST_S, pause_s
from pushkit_cli.net.link import Link, Work
from pushkit_cli.net.proxy import Proxy
from pushkit_cli.net.sender import (
    Endpoint,
    no_http2,
    refused,
    through,
    tls_failed,
    unreachable,
)
from pushkit_cli.net.tls import ALPN

_WORTH_IT = 100
"""Answers after which a connection that ends is replaced without a pause."""
_GOODBYE_S = 1.0
"""How long a peer may take to let go."""
_LOOKS = 8
"""How often in one time-out late answers are looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How the host is reached. `timeout` (seconds) is for one connection and for one answer."""

    endpoint: Endpoint
    context: ssl.SSLContext
    timeout: float
    proxy: Proxy | None = None
    last_stream: int | None = None


class Fleet:
    """Keeps so many connections at work until it is stopped.

    `chance` spreads the pauses between tries; `first_pause` (seconds) is the shortest.
    """

    def __init__(
        self,
        route: Route,
        work: Work,
        *,
        connections: int,
        chance: Random,
        first_pause: float = FIRST_S,
    ) -> None:
        self._route = route
        self._work = work
        self._size = connections
        self._chance = chance
        self._first_pause = first_pause
        self._links: set[Link] = set()
        self._opened = 0

    @property
    def waiting(self) -> int:
        """How many requests have no outcome yet."""
        return sum(link.waiting for link in self._links)

    async def run(self, over: asyncio.Event) -> None:
        """Work until `over` is set; then say goodbye, and give up what is still unanswered."""
        tasks = [asyncio.create_task(self._keep()) for _ in range(self._size)]
        tasks.append(asyncio.create_task(self._look_out()))
        try:
            await _first(over, tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._part()

    def wake(self) -> None:
        """There is work again."""
        for link in list(self._links):
            link.fill()

    def renew(self) -> None:
        """Make new connections: the provider token has changed. The old ones finish first."""
        for link in list(self._links):
            link.retire()

    def abort(self, detail: str) -> None:
        """Give up everything that is unanswered."""
        for link in list(self._links):
            link.abort(detail)

    async def _keep(self) -> None:
        """One connection after the other."""
        failures = 0
        while True:
            try:
                link = await self._open()
            except NotSentError as error:
                failures += 1
                self._work.unreached(error)
            else:
                await link.retired.wait()
                if link.was_refused and link.failure is not None:
                    self._work.unreached(refused(link.failure))
                if link.answers >= _WORTH_IT:
                    failures = 0
                    continue
                failures = 1 if link.answers else failures + 1
            await asyncio.sleep(pause_s(failures, self._chance, first=self._first_pause))

    async def _open(self) -> Link:
        route = self._route
        where = f"{route.endpoint.host}:{route.endpoint.port}"
        loop = asyncio.get_running_loop()
        deadline = loop.time() + route.timeout
        plain = await self._reach(deadline)
        try:
            transport, link = await loop.create_connection(
                lambda: Link(self._work, last_stream=route.last_stream),
                sock=plain,
                ssl=route.context,
                server_hostname=route.endpoint.host,
                ssl_handshake_timeout=max(0.001, deadline - loop.time()),
                ssl_shutdown_timeout=_GOODBYE_S,
            )
        except (OSError, ValueError) as error:
            plain.close()
            raise tls_failed(error, where) from error
        except BaseException:
            plain.close()
            raise
        spoken: ssl.SSLObject = transport.get_extra_info("ssl_object")
        if spoken.selected_alpn_protocol() != ALPN:
            link.abort("the host does not speak HTTP/2")
            raise no_http2(where)
        self._links.add(link)
        return link

    async def _reach(self, deadline: float) -> socket.socket:
        """TCP to the next address of the host, or to another one; each is looked up anew."""
        loop, route = asyncio.get_running_loop(), self._route
        host, port = route.endpoint.host, route.endpoint.port
        left = deadline - loop.time()
        if route.proxy is not None:
            plain = await loop.run_in_executor(None, through, route.proxy, route.endpoint, left)
            plain.setblocking(False)
            return plain
        failure: Exception = TimeoutError()
        try:
            async with asyncio.timeout_at(deadline):
                found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise unreachable(error, host, port) from error
        turn = self._opened % len(found)
        self._opened += 1
        addresses = [*found[turn:], *found[:turn]]
        for number, address in enumerate(addresses):
            share = (deadline - loop.time()) / (len(addresses) - number)
            try:
                async with asyncio.timeout(share):
                    return await _connect(address)
            except OSError as error:
                failure = error
        raise unreachable(failure, host, port) from failure

    async def _look_out(self) -> None:
        """Give up what is unanswered for too long; forget links that are gone."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._route.timeout / _LOOKS)
            for link in list(self._links):
                link.give_up_before(loop.time() - self._route.timeout)
                if link.gone.is_set():
                    self._links.discard(link)

    async def _part(self) -> None:
        """Close every connection; a peer that does not let go is cut off."""
        for link in self._links:
            link.retire()
        with suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_S):
                for link in self._links:
                    if not link.waiting:
                        await link.gone.wait()
        for link in self._links:
            link.abort("the run has ended")
        for link in self._links:
            await link.gone.wait()
        self._links.clear()


async def _connect(address: tuple[Any, ...]) -> socket.socket:
    family, kind, proto, _, where = address
    plain = socket.socket(family, kind, proto)
    try:
        plain.setblocking(False)
        await asyncio.get_running_loop().sock_connect(plain, where)
    except OSError as error:
        plain.close()  # asyncio's words for it repeat the address
        raise OSError(error.errno, os.strerror(error.errno or 0)) from error
    except BaseException:
        plain.close()
        raise
    return plain


async def _first(over: asyncio.Event, tasks: list[asyncio.Task[None]]) -> None:
    """Wait for the end, or for a task that broke: its error is raised."""
    ending = asyncio.create_task(over.wait())
    try:
        done, _ = await asyncio.wait([ending, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        ending.cancel()
