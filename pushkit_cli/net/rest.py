"""Ordinary HTTPS services: a request goes out, a bounded answer comes back. httpx lives here alone.

Redirects are not followed: httpx would carry every header but `authorization` to another host.
"""

import asyncio
import os
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from pushkit_cli.apns.message import Request, Response
from pushkit_cli.errors import (
    NotSentError,
    PushkitError,
    RefusedError,
    UnknownOutcomeError,
    UsageError,
)
from pushkit_cli.net.proxy import Proxy
from pushkit_cli.net.sender import (
    Endpoint,
    no_http2,
    refused,
    refuses_us,
    tls_failed,
    unreachable,
)
from pushkit_cli.net.tls import ALPN, client_context

MAX_ANSWER_BYTES = 65_536
MAX_LISTING_BYTES = 8 * 1024 * 1024
"""10,000 channels with ids of 800 bytes; nobody has said how long an id may be."""
_CONNECTIONS = 64
_BEFORE_SENDING = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)
_FOREIGN = (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, OSError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A response; of a longer body the rest was not read."""

    status: int
    body: bytes

    @property
    def is_good(self) -> bool:
        """Whether it is a 2xx."""
        return 200 <= self.status < 300

    @property
    def phrase(self) -> str:
        """The status in the words of RFC 9110."""
        try:
            return f"{self.status} {HTTPStatus(self.status).phrase}"
        except ValueError:
            return str(self.status)


class Place:
    """One URL. `cacert` alone is trusted, else the system's roots; nothing here has a timeout."""

    def __init__(self, url: str, *, cacert: Path | None = None, proxy: Proxy | None = None) -> None:
        """Raises UsageError for what is no URL, ConfigError for a `cacert` that is none."""
        try:
            self._url = httpx.URL(url)
        except httpx.InvalidURL:  # its words repeat what may be a secret
            raise UsageError("that is no URL", hint="http://127.0.0.1:3000/push") from None
        self._client = httpx.AsyncClient(
            verify=client_context(cacert),
            http2=True,
            proxy=None if proxy is None else _via(proxy),
            trust_env=False,
            timeout=None,  # noqa: S113 (who waits says how long)
            # A kept connection may end just when it is used again, and who posts cannot repeat.
            limits=httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=0),
        )

    async def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send a body. Raises NotSentError, or UnknownOutcomeError where no answer came."""
        with translated():
            request = self._client.build_request(
                "POST", self._url, content=body, headers={**headers, "accept-encoding": "identity"}
            )
            response = await self._client.send(request, stream=True)
            try:
                kept = bytearray()
                async for piece in response.aiter_raw():
                    kept += piece
                    if len(kept) >= MAX_ANSWER_BYTES:
                        break
            finally:
                await response.aclose()
        return Answer(status=response.status_code, body=bytes(kept[:MAX_ANSWER_BYTES]))

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """An answer whose body is still coming, as `pieces` that are as the wire has them.

    `headers` by lower-case name. What pieces raise is NotSentError or UnknownOutcomeError.
    """

    status: int
    headers: Mapping[str, str]
    pieces: Iterator[bytes]


class Service:
    """Requests one after another, over HTTP/2 or 1.1. Redirects are not followed.

    `cacert` alone is trusted, else the system's roots. `may_reach` is asked about the address
    that a connection came to, before a byte of TLS leaves; not where a proxy connects.
    """

    def __init__(
        self,
        *,
        cacert: Path | None = None,
        proxy: Proxy | None = None,
        may_reach: Callable[[str], bool] | None = None,
    ) -> None:
        self._may_reach = None if proxy is not None else may_reach
        self._proxy = proxy
        self._client = httpx.Client(
            verify=client_context(cacert),
            http2=True,
            proxy=None if proxy is None else _via(proxy),
            trust_env=False,
        )

    @contextmanager
    def asking(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes = b"",
        timeout: float,
    ) -> Iterator[Arrival]:
        """Ask for one thing. `timeout` in seconds is for each step: connect, write, next piece.

        Raises NotSentError, or UnknownOutcomeError where the answer did not come whole.
        """
        try:
            request = self._client.build_request(
                method,
                url,
                content=body or None,
                headers=headers,
                timeout=timeout,
                extensions={"trace": self._notice},
            )
            response = self._client.send(request, stream=True)
        except _FOREIGN as error:
            raise self._failed(error, url) from error
        try:
            yield Arrival(
                status=response.status_code,
                headers={name.lower(): value for name, value in response.headers.items()},
                pieces=_pieces(response),
            )
        finally:
            with suppress(*_FOREIGN):
                response.close()

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def _failed(self, error: Exception, url: str) -> PushkitError:
        """What a failure means, in the words in which `Errand` says it."""
        split = urlsplit(url)
        endpoint = Endpoint(host=split.hostname or "", port=split.port or 443)
        errand = Errand(endpoint, self._proxy)
        errand.left = not isinstance(error, _BEFORE_SENDING)
        return errand.failed(error)

    def _notice(self, event: str, info: Mapping[str, Any]) -> None:
        if event != "connection.connect_tcp.complete" or self._may_reach is None:
            return
        stream = info["return_value"]
        address = str(stream.get_extra_info("server_addr")[0])
        if not self._may_reach(address):
            stream.close()
            raise RefusedError(
                f"this address is no place to fetch from: {address}",
                hint="it belongs to this machine or to a private network",
            )


def _pieces(response: httpx.Response) -> Iterator[bytes]:
    with translated():
        yield from response.iter_raw()


def ask(
    endpoint: Endpoint,
    context: ssl.SSLContext,
    request: Request,
    *,
    timeout: float,
    proxy: Proxy | None = None,
) -> Response:
    """Send one request over HTTP/2 and hear its whole answer, in `timeout` seconds altogether.

    Raises NotSentError where it provably was not processed, else UnknownOutcomeError.
    """
    return asyncio.run(Errand(endpoint, proxy).run(context, request, timeout))


class Errand:
    """One request on its way: how far it came decides what a failure means."""

    def __init__(self, endpoint: Endpoint, proxy: Proxy | None) -> None:
        self._endpoint = endpoint
        self._proxy = proxy
        self.left = False
        """Whether the request began to leave."""

    async def run(self, context: ssl.SSLContext, request: Request, timeout: float) -> Response:
        """Do it, as `ask` says."""
        proxy = None if self._proxy is None else _via(self._proxy)
        client = httpx.AsyncClient(
            verify=context,
            http1=False,
            http2=True,
            proxy=proxy,
            trust_env=False,
            timeout=None,  # noqa: S113 (one end for all of it stands below)
        )
        try:
            async with client, asyncio.timeout(timeout):
                return await self._whole(client, request)
        except (*_FOREIGN, TimeoutError) as error:
            raise self.failed(error) from error

    async def _whole(self, client: httpx.AsyncClient, request: Request) -> Response:
        fields = [pair for pair in request.headers if not pair[0].startswith(b":")]
        asked = httpx.Request(
            request.method,
            f"{self._endpoint}{request.path.decode('latin-1')}",
            headers=[(b"host", request.fields[b":authority"]), *fields],
            content=request.body or None,
            extensions={"trace": self._notice},
        )
        response = await client.send(asked, stream=True)
        kept = bytearray()
        async for piece in response.aiter_raw():
            kept += piece
            if len(kept) > MAX_LISTING_BYTES:
                raise UnknownOutcomeError("the answer has no end", hint="is this Apple's host?")
        headers = tuple((name.lower(), value) for name, value in response.headers.raw)
        return Response(status=response.status_code, headers=headers, body=bytes(kept))

    async def _notice(self, event: str, info: Mapping[str, Any]) -> None:
        """What httpcore reports of its progress."""
        if event.endswith("start_tls.complete"):
            tls = info["return_value"].get_extra_info("ssl_object")
            if tls is not None and tls.selected_alpn_protocol() != ALPN:
                await info["return_value"].aclose()
                raise no_http2(f"{self._endpoint.host}:{self._endpoint.port}")
        self.left = self.left or event == "http2.send_request_headers.started"

    def failed(self, error: BaseException) -> PushkitError:
        """What a failure of httpx means, in the words in which `sender` says it."""
        where, causes = f"{self._endpoint.host}:{self._endpoint.port}", _causes(error)
        for cause in causes:
            if isinstance(cause, ssl.SSLError) and (refuses_us(cause) or not self.left):
                return refused(cause) if refuses_us(cause) else tls_failed(cause, where)
            if isinstance(cause, httpx.ProxyError):
                return NotSentError(
                    f"the proxy {self._proxy} refused: {_first_line(cause)}",
                    hint="check --proxy, HTTPS_PROXY and NO_PROXY",
                )
        goaway = _goaway(causes)
        if goaway is not None:
            code, last, said = goaway
            kind = UnknownOutcomeError if last else NotSentError
            hint = _UNHEARD if last else "nothing was processed: asking again is safe"
            return kind(f"the server is going away: {said or f'code {code}'}", hint=hint)
        if self.left:
            timed_out = isinstance(error, TimeoutError)
            why = "no answer in time" if timed_out else f"no answer: {_first_line(error)}"
            return UnknownOutcomeError(why, hint=_UNHEARD)
        met = self._proxy or self._endpoint
        return unreachable(_of_system(causes), met.host, met.port)


_UNHEARD = "it may have been done: ask what there is before you do it again"


def _causes(error: BaseException | None) -> list[BaseException]:
    """An error and what lies behind it, the nearest first."""
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _goaway(causes: list[BaseException]) -> tuple[int, int, str] | None:
    """Code, last stream and text of a GOAWAY: httpcore keeps its event as an argument."""
    for cause in causes:
        event: Any = cause.args[0] if cause.args else None
        if hasattr(event, "last_stream_id"):
            text = (event.additional_data or b"").decode("utf-8", "replace")
            return int(event.error_code or 0), int(event.last_stream_id or 0), text
    return None


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def _of_system(causes: list[BaseException]) -> OSError:
    """What the system said, in its own words: asyncio repeats the address in its."""
    for cause in reversed(causes):
        if isinstance(cause, socket.gaierror):
            return cause
        if isinstance(cause, OSError) and cause.errno is not None:
            return OSError(cause.errno, os.strerror(cause.errno))
    first = causes[0]
    return TimeoutError() if isinstance(first, TimeoutError) else OSError(_first_line(first))


@contextmanager
def translated() -> Iterator[None]:
    """Turn what httpx raises into two sentences: it was not sent, or nobody knows."""
    try:
        yield
    except _FOREIGN as error:
        kind: type[PushkitError] = (
            NotSentError if isinstance(error, _BEFORE_SENDING) else UnknownOutcomeError
        )
        raise kind(
            f"no answer: {_first_line(error)}", hint="does somebody listen there?"
        ) from error


def _via(proxy: Proxy) -> httpx.Proxy:
    name = f"[{proxy.host}]" if ":" in proxy.host else proxy.host
    user, _, password = (proxy.credentials or "").partition(":")
    auth = None if proxy.credentials is None else (user, password)
    return httpx.Proxy(f"http://{name}:{proxy.port}", auth=auth)
