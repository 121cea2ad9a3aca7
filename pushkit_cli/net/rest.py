"""Ordinary HTTPS services: a request goes out, a bounded answer comes back. httpx lives here alone.

Redirects are not followed: httpx would carry every header but `authorization` to another host.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import httpx

from pushkit_cli.errors import NotSentError, PushkitError, UnknownOutcomeError, UsageError
from pushkit_cli.net.proxy import Proxy
from pushkit_cli.net.tls import client_context

MAX_ANSWER_BYTES = 65_536
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


@contextmanager
def translated() -> Iterator[None]:
    """Turn what httpx raises into two sentences: it was not sent, or nobody knows."""
    try:
        yield
    except _FOREIGN as error:
        kind: type[PushkitError] = (
            NotSentError if isinstance(error, _BEFORE_SENDING) else UnknownOutcomeError
        )
        why = (str(error) or type(error).__name__).splitlines()[0]
        raise kind(f"no answer: {why}", hint="does somebody listen there?") from error


def _via(proxy: Proxy) -> httpx.Proxy:
    name = f"[{proxy.host}]" if ":" in proxy.host else proxy.host
    user, _, password = (proxy.credentials or "").partition(":")
    auth = None if proxy.credentials is None else (user, password)
    return httpx.Proxy(f"http://{name}:{proxy.port}", auth=auth)
