"""Which proxy stands between a sender and a host, and the one CONNECT it is asked. Sockets only."""

import base64
import re
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from pushkit_cli.errors import NotSentError, UsageError

_VARIABLES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
_LONGEST_ANSWER = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """An HTTP proxy; the password is never shown."""

    host: str
    port: int
    credentials: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def proxy_for(host: str, *, explicit: str | None, variables: Mapping[str, str]) -> Proxy | None:
    """The proxy for a host: the one that is named, else that of the usual variables.

    Raises UsageError for one that is not `http://[user:password@]host:port`.
    """
    if explicit is not None:
        return parse(explicit)
    said = next((variables[name] for name in _VARIABLES if variables.get(name)), None)
    if said is None or _bypassed(host, variables):
        return None
    return parse(said)


def parse(text: str) -> Proxy:
    """Read a proxy's URL; what it holds of a password is never repeated in an error."""
    hint = "write it as http://host:port"
    try:
        split = urlsplit(text if "//" in text else f"http://{text}")
    except ValueError:  # its words, which repeat the password, are not even kept as a cause
        raise UsageError("the proxy is not a URL", hint=hint) from None
    try:
        port = split.port or 80
    except ValueError:
        raise UsageError("the proxy's port is not a number", hint=hint) from None
    if split.scheme != "http" or not split.hostname:
        raise UsageError(f"a proxy cannot be {split.scheme or 'nothing'}://", hint=hint)
    credentials = None
    if split.username is not None:
        credentials = f"{unquote(split.username)}:{unquote(split.password or '')}"
    return Proxy(host=split.hostname, port=port, credentials=credentials)


def _bypassed(host: str, variables: Mapping[str, str]) -> bool:
    from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

    no_proxy = variables.get("NO_PROXY") or variables.get("no_proxy") or ""
    return bool(proxy_bypass_environment(host, {"no": no_proxy}))


def tunnel(plain: socket.socket, proxy: Proxy, host: str, port: int, *, deadline: float) -> None:
    """Ask a proxy for a way to a host (RFC 9110, 9.3.6), until `deadline` (monotonic seconds).

    Raises NotSentError where it says no, TimeoutError where it says nothing in time.
    """
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}"]
    if proxy.credentials is not None:
        basic = base64.b64encode(proxy.credentials.encode("utf-8")).decode("ascii")
        lines.append(f"Proxy-Authorization: Basic {basic}")
    plain.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("ascii"))
    answer = b""
    while b"\r\n\r\n" not in answer:
        left = deadline - time.monotonic()
        if left <= 0:  # a proxy that drips bytes is one that says nothing
            raise TimeoutError
        plain.settimeout(left)
        piece = plain.recv(1)  # what follows the head belongs to TLS
        if not piece or len(answer) > _LONGEST_ANSWER:
            raise NotSentError(f"the proxy {proxy} hung up", hint="check --proxy and HTTPS_PROXY")
        answer += piece
    status = re.match(rb"HTTP/1\.\d (\d{3})", answer)
    if status is None or not status[1].startswith(b"2"):
        said = answer.partition(b"\r\n")[0].decode("latin-1")
        raise NotSentError(
            f"the proxy {proxy} refused: {said}", hint="check --proxy, HTTPS_PROXY and NO_PROXY"
        )
