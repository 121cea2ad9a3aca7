"""Where a push goes, whom the sender trusts there, and what may sign for it."""

import ipaddress
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pushkit_cli.apns.push import Environment
from pushkit_cli.engine.setting import Setting
from pushkit_cli.errors import UsageError
from pushkit_cli.net.proxy import Proxy, proxy_for
from pushkit_cli.net.sender import Endpoint


class Target(StrEnum):
    """The values of `--env`."""

    local = "local"
    local_production = "local-production"
    sandbox = "sandbox"
    production = "production"

    @property
    def is_local(self) -> bool:
        """Whether the emulator answers, not Apple."""
        return self in (Target.local, Target.local_production)

    @property
    def environment(self) -> Environment:
        """Which of the two worlds its tokens belong to."""
        sandbox = self in (Target.local, Target.sandbox)
        return Environment.SANDBOX if sandbox else Environment.PRODUCTION


_APPLE = {
    Target.sandbox: Endpoint(host="api.sandbox.push.apple.com", port=443),
    Target.production: Endpoint(host="api.push.apple.com", port=443),
}
_APPLE_MANAGES = {
    Target.sandbox: Endpoint(host="api-manage-broadcast.sandbox.push.apple.com", port=2195),
    Target.production: Endpoint(host="api-manage-broadcast.push.apple.com", port=2196),
}
"""Where channels are made and unmade; broadcasts go to the hosts of pushes (Apple: Sending channel
management requests to APNs)."""
_LOCAL = {
    Target.local: ("PUSHKIT_ENDPOINT", "sandbox", 2197),
    Target.local_production: ("PUSHKIT_PRODUCTION_ENDPOINT", "production", 2198),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """A place to send to; `cacert` `None`: the system's roots."""

    target: Target
    endpoint: Endpoint
    cacert: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """What the command line says about the way to a host; `timeout` is in seconds, of it all."""

    endpoint: str | None = None
    cacert: Path | None = None
    send_key_to: str | None = None
    insecure: bool = False
    proxy: str | None = None
    timeout: float = 30.0
    retries: int = 2


def place(
    target: Target,
    *,
    endpoint: str | None,
    cacert: Path | None,
    setting: Setting,
    listener: dict[str, Any] | None,
    managing: bool = False,
) -> Where:
    """Find the endpoint of an environment; no variable ever diverts one of Apple's.

    `managing` asks for the one that makes channels: a listener that says none takes it all at its
    main one, by path (ours).
    """
    if endpoint is not None:
        named = parse_endpoint(endpoint)
        ours = None if is_apple(named.host) else _ca(setting, listener)
        return Where(target=target, endpoint=named, cacert=cacert or ours)
    if target in _APPLE:
        of_apple = _APPLE_MANAGES if managing else _APPLE
        return Where(target=target, endpoint=of_apple[target], cacert=cacert)
    variable, name, port = _LOCAL[target]
    said = setting.variable(variable)
    if listener is not None and said in (None, listener["endpoints"][name]):
        own = listener["endpoints"].get(f"manage_{name}") if managing else None
        said = str(own or listener["endpoints"][name])
    found = Endpoint(host="127.0.0.1", port=port) if said is None else parse_endpoint(said)
    return Where(target=target, endpoint=found, cacert=cacert or _ca(setting, listener))


def _ca(setting: Setting, listener: dict[str, Any] | None) -> Path | None:
    said = setting.path_of("PUSHKIT_CA_FILE")
    if said is not None:
        return said
    if listener is not None:
        return Path(listener["ca_file"])
    kept = setting.home / "local" / "ca.pem"
    return kept if kept.exists() else None


def parse_endpoint(text: str) -> Endpoint:
    """Read `https://host[:port]`, or the same without the scheme. Raises UsageError."""
    hint = "write it as https://127.0.0.1:2197"
    try:
        split = urlsplit(text if "//" in text else f"https://{text}")
        port = 443 if split.port is None else split.port
    except ValueError as error:
        raise UsageError(f"{text} has no host or port that can be", hint=hint) from error
    if port == 0:
        raise UsageError(f"{text}: nobody answers on port 0", hint=hint)
    host = split.hostname or ""
    if split.scheme != "https":
        raise UsageError(f"{text} is not https: APNs is spoken over TLS alone", hint=hint)
    if split.path not in ("", "/") or split.query or split.fragment or "@" in split.netloc:
        raise UsageError(f"{text} is more than a host and a port", hint=hint)
    if not re.fullmatch(r"[0-9A-Za-z.\-:_]{1,253}", host):
        raise UsageError(f"{text} names no host", hint=hint)
    return Endpoint(host=host, port=port)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its name or address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_apple(host: str) -> bool:
    """Whether a host is one of Apple's push hosts."""
    return host.endswith(".push.apple.com")


def check_may_sign(endpoint: Endpoint, send_key_to: str | None) -> None:
    """Refuse to show a credential to a host that is neither Apple's, nor this machine, nor named.

    Raises UsageError.
    """
    host = endpoint.host
    if is_loopback(host) or is_apple(host) or send_key_to == host:
        return
    raise UsageError(
        f"a provider token would go to {host}, which is neither Apple's nor this machine",
        hint=f"if that is what you want, add --send-key-to {host}",
    )


def check_may_sign_there(way: Way, where: Where) -> None:
    """A foreign host is named twice on the command line: no variable points a key at it."""
    host = where.endpoint.host
    check_may_sign(where.endpoint, way.send_key_to)
    if way.insecure and is_apple(host):
        raise UsageError(
            "--insecure would show a provider token to whoever answers for Apple",
            hint="leave it out; to trust a proxy's authority, name it with --cacert",
        )
    if way.endpoint is None and not (is_apple(host) or is_loopback(host)):
        raise UsageError(
            f"a variable names {host}, and a provider token follows no variable there",
            hint=f"if that is what you want, add --endpoint {where.endpoint}",
        )


def proxy_there(way: Way, where: Where, setting: Setting) -> Proxy | None:
    """The usual variables speak of Apple's hosts alone, and never of this machine."""
    host = where.endpoint.host
    if is_loopback(host):
        return None
    variables = setting.variables if is_apple(host) else {}
    return proxy_for(host, explicit=way.proxy, variables=variables)
