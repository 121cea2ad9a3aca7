"""The sockets a listener listens on: this machine's own, or an address that was named."""

import errno
import socket
from ipaddress import ip_address

from pushkit_cli.errors import PortError, UsageError

_Place = tuple[int, str]
"""An address family and an address."""
_LOOPBACK: tuple[_Place, ...] = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
_TRIES_FOR_A_FREE_PORT = 20
_BACKLOG = 512
_KEEP_ALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPALIVE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4}
"""Whoever vanished is noticed within two minutes; macOS calls the first of them otherwise."""
_ABSENT = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


def bind(port: int, host: str | None = None) -> list[socket.socket]:
    """Sockets on one port of `host`; 0 finds a free one.

    Without a host: 127.0.0.1 and, on the same port, ::1 where there is one. Raises PortError where
    the port is taken or not allowed, UsageError for an address that this machine does not have.
    """
    places = _LOOPBACK if host is None else _places(host)
    for _ in range(_TRIES_FOR_A_FREE_PORT):
        try:
            return _bind_all(places, port)
        except OSError as error:
            if port == 0 and error.errno == errno.EADDRINUSE:
                continue
            if error.errno in _ABSENT:
                raise _not_here(host) from error
            raise _port_error(port, error) from error
    raise PortError("no free port was found", hint="name one with --port")


def as_client_sees(host: str) -> str:
    """The address under which a client on this machine reaches what listens on `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (named, not bound)


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine can reach what listens there."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _places(host: str) -> tuple[_Place, ...]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise _not_here(host) from error
    return tuple(dict.fromkeys((int(family), str(where[0])) for family, *_, where in found))


def _bind_all(places: tuple[_Place, ...], port: int) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    try:
        for family, address in places:
            try:
                bound = _bind_one(family, address, port)
            except OSError as error:
                if sockets and error.errno in _ABSENT:
                    continue  # no IPv6 on this machine
                raise
            sockets.append(bound)
            port = bound.getsockname()[1]
    except OSError:
        for bound in sockets:
            bound.close()
        raise
    return sockets


def _bind_one(family: int, address: str, port: int) -> socket.socket:
    # Without the protocol's number asyncio does not set TCP_NODELAY, and answers come 40 ms late.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _keep_alive(bound)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind((address, port))
        bound.listen(_BACKLOG)
        bound.setblocking(False)
    except OSError:
        bound.close()
        raise
    return bound


def _keep_alive(bound: socket.socket) -> None:
    """Have the kernel look after the connections of a socket, which inherit this."""
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEP_ALIVE.items():
        if hasattr(socket, name):
            bound.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _not_here(host: str | None) -> UsageError:
    return UsageError(
        f"{host or '127.0.0.1'} is no address of this machine",
        hint="--host takes one of this machine's addresses; 0.0.0.0 is all of IPv4",
    )


def _port_error(port: int, error: OSError) -> PortError:
    if error.errno == errno.EADDRINUSE:
        return PortError(
            f"port {port} is in use", hint="stop what uses it, or take free ports: --port 0"
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return PortError(f"port {port} may not be used", hint="take one above 1023, or --port 0")
    return PortError(f"port {port} cannot be used: {error.strerror}", hint="try --port 0")
