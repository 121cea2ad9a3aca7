"""A connection to an APNs host and a blocking drive over it: for one push, or a few. Sockets only.

Every push ends in a Reply; only what keeps all of them from leaving is an exception.
"""

import socket
import ssl
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from pushkit_cli.apns.message import Outcome, Reply, Request, read_reply
from pushkit_cli.errors import NotSentError, UntrustedError
from pushkit_cli.net.proxy import Proxy, tunnel
from pushkit_cli.net.tls import ALPN
from pushkit_cli.wire.client import Answered, ClientConnection, ClientEvent, Lost

_READ_BYTES = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where an APNs host answers."""

    host: str
    port: int

    @property
    def authority(self) -> str:
        """`:authority`: the port is left out where it is 443, as Apple's clients do."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == 443 else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"https://{self.authority}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One push's reply, and how long it took from hand-over to outcome, in milliseconds."""

    reply: Reply
    elapsed_ms: float


def exchange(
    endpoint: Endpoint,
    context: ssl.SSLContext,
    requests: Sequence[Request],
    *,
    timeout: float,
    proxy: Proxy | None = None,
) -> tuple[Exchange, ...]:
    """Send requests over one connection and wait for every outcome, in the order given.

    `timeout` is in seconds and covers the whole. Raises NotSentError where no connection comes
    about; a request that HTTP/2 cannot carry raises ValueError.
    """
    deadline = time.monotonic() + timeout
    tls = connect(endpoint, context, timeout=timeout, proxy=proxy)
    with tls:
        return _Drive(tls, requests, deadline).run()


def connect(
    endpoint: Endpoint, context: ssl.SSLContext, *, timeout: float, proxy: Proxy | None = None
) -> ssl.SSLSocket:
    """Reach a host over TCP and TLS with HTTP/2, or say what stood in the way."""
    where = f"{endpoint.host}:{endpoint.port}"
    deadline = time.monotonic() + timeout
    if proxy is None:
        plain = _reach(endpoint.host, endpoint.port, timeout)
    else:
        plain = through(proxy, endpoint, timeout)
    try:
        plain.settimeout(max(0.001, deadline - time.monotonic()))  # 0 would be: do not wait
        tls = context.wrap_socket(plain, server_hostname=endpoint.host)
    except (OSError, ValueError) as error:
        plain.close()
        raise tls_failed(error, where) from error
    if tls.selected_alpn_protocol() != ALPN:
        tls.close()
        raise no_http2(where)
    return tls


def tls_failed(error: Exception, where: str) -> NotSentError:
    """Why a handshake did not end well, in our words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return UntrustedError(
            f"{where} showed a certificate that is not trusted: {error.verify_message}",
            hint="name its authority with --cacert",
        )
    if refuses_us(error):
        return refused(error)
    return NotSentError(
        f"{where} did not complete TLS: {words(error)}", hint="is this an APNs host?"
    )


def no_http2(where: str) -> NotSentError:
    """The host took no `h2` in ALPN."""
    return UntrustedError(f"{where} does not speak HTTP/2", hint="is this an APNs host?")


def unreachable(error: Exception, host: str, port: int) -> NotSentError:
    """Why TCP did not come about, in our words."""
    if isinstance(error, socket.gaierror):
        return NotSentError(
            f"no address is known for {host}", hint="check the name and the network"
        )
    return NotSentError(
        f"{host}:{port} cannot be reached: {words(error)}",
        hint="is it running? `pushkit listen` starts a local one",
    )


def _reach(host: str, port: int, timeout: float) -> socket.socket:
    try:
        plain = socket.create_connection((host, port), timeout)
    except (OSError, UnicodeError) as error:
        raise unreachable(error, host, port) from error
    with suppress(OSError):  # macOS says EINVAL where the peer has hung up already
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return plain


def through(proxy: Proxy, endpoint: Endpoint, timeout: float) -> socket.socket:
    """TCP by way of a proxy. Raises NotSentError."""
    deadline = time.monotonic() + timeout
    plain = _reach(proxy.host, proxy.port, timeout)
    try:
        tunnel(plain, proxy, endpoint.host, endpoint.port, deadline=deadline)
    except NotSentError:
        plain.close()
        raise
    except OSError as error:
        plain.close()
        raise NotSentError(
            f"the proxy {proxy} did not answer: {words(error)}", hint="check --proxy"
        ) from error
    return plain


def words(error: Exception) -> str:
    """What the system or OpenSSL says, in lower case."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ssl.SSLError):
        reason: str | None = getattr(error, "reason", None)  # OpenSSL alone gives one
        return (reason or "the handshake failed").replace("_", " ").lower()
    return str(getattr(error, "strerror", None) or error).lower()


_REFUSALS = (
    *("BAD_CERTIFICATE", "UNSUPPORTED_CERTIFICATE", "CERTIFICATE_REVOKED", "CERTIFICATE_EXPIRED"),
    *("CERTIFICATE_UNKNOWN", "CERTIFICATE_REQUIRED", "UNKNOWN_CA", "ACCESS_DENIED"),
)
"""Alerts by which a server refuses a client certificate (RFC 8446, 6.2)."""


def refuses_us(error: Exception) -> bool:
    """Whether TLS ended because the server does not take our client certificate."""
    reason = getattr(error, "reason", None) if isinstance(error, ssl.SSLError) else None
    return isinstance(reason, str) and reason.endswith(_REFUSALS) and "ALERT" in reason


def refused(error: Exception) -> NotSentError:
    """Our client certificate was not taken, in our words."""
    return UntrustedError(
        f"the client certificate was refused: {words(error)}",
        hint="has it ended, was it revoked, or does another authority vouch for it?",
    )


class _Drive:
    """One blocking pass: requests go out as the connection has room, outcomes come back."""

    def __init__(self, tls: ssl.SSLSocket, requests: Sequence[Request], deadline: float) -> None:
        self._tls = tls
        self._requests = requests
        self._deadline = deadline
        self._wire = ClientConnection()
        self._place: dict[int, int] = {}
        self._since: dict[int, float] = {}
        self._done: dict[int, Exchange] = {}
        self._heard = False

    def run(self) -> tuple[Exchange, ...]:
        waiting = iter(range(len(self._requests)))
        more = True
        while more or self._wire.waiting:
            while more and self._wire.room:
                more = self._start(next(waiting, None))
            if self._wire.closed or (self._wire.goaway and not self._wire.waiting):
                break
            self._turn()
        self._part()
        unsent = Reply(outcome=Outcome.UNSENT, detail=self._why())
        nothing = Exchange(reply=unsent, elapsed_ms=0.0)
        return tuple(self._done.get(place, nothing) for place in range(len(self._requests)))

    def _start(self, place: int | None) -> bool:
        if place is None:
            return False
        stream = self._wire.send(self._requests[place])
        self._place[stream], self._since[stream] = place, time.monotonic()
        return True

    def _turn(self) -> None:
        """Write what there is, read what comes; the end of either settles what is open."""
        try:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError  # noqa: TRY301 (the socket's own time-out is treated alike)
            self._tls.settimeout(left)
            self._tls.sendall(self._wire.outgoing())
            if not self._wire.waiting and self._wire.room:
                return
            data = self._tls.recv(_READ_BYTES)
        except TimeoutError:
            self._settle(self._wire.lost("no answer in time"))
        except OSError as error:
            # With TLS 1.3 we may speak before the server has looked at our certificate; after
            # such an alert it has read nothing of what we said, and HTTP/2 has no later look.
            if not self._heard and refuses_us(error):
                raise refused(error) from error
            self._settle(self._wire.lost(f"the connection broke: {words(error)}"))
        else:
            self._heard = True
            ended = self._wire.lost("the server closed the connection") if not data else ()
            self._settle(ended or self._wire.receive(data))

    def _settle(self, events: tuple[ClientEvent, ...]) -> None:
        for event in events:
            if isinstance(event, Answered):
                reply = read_reply(event.response)
            else:
                lost = isinstance(event, Lost)
                outcome = Outcome.UNKNOWN if lost else Outcome.UNSENT
                reply = Reply(outcome=outcome, detail=event.detail)
            elapsed = (time.monotonic() - self._since[event.stream]) * 1000
            self._done[self._place[event.stream]] = Exchange(reply=reply, elapsed_ms=elapsed)

    def _part(self) -> None:
        self._wire.close()
        with suppress(OSError):
            self._tls.settimeout(1.0)
            self._tls.sendall(self._wire.outgoing())

    def _why(self) -> str:
        goaway = self._wire.goaway
        if goaway is None:
            return "the connection ended before it was this one's turn"
        text = goaway.debug.decode("utf-8", "replace")
        return f"the server is going away: {text or f'code {goaway.code}'}"
