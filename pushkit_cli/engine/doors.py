"""Where a listener is reached: a port for pushes and one to manage channels, per environment.

Management has Apple's own two ports, 2195 and 2196; which port pushes have is ours, for Apple tells
its environments apart by host names.
"""

import socket
from collections.abc import Mapping

from pushkit_cli.apns.facts import Door
from pushkit_cli.apns.push import Environment
from pushkit_cli.engine.announce import Address
from pushkit_cli.errors import PortError, PushkitError
from pushkit_cli.net.binding import as_client_sees, bind

_OF_PRODUCTION = "--manage-production-port"
SANDBOX_PORT, PRODUCTION_PORT = 2197, 2198
MANAGE_PORT, MANAGE_PRODUCTION_PORT = 2195, 2196


def ports(
    sandbox: int, production: int, manage: int | None, manage_production: int | None
) -> dict[Door, int]:
    """The port of every door; 0 finds a free one.

    Where none is said for management it is Apple's beside the usual port for pushes, else a free
    one: two listeners on ports of their own are not in each other's way.
    """
    if manage is None:
        manage = MANAGE_PORT if sandbox == SANDBOX_PORT else 0
    if manage_production is None:
        manage_production = MANAGE_PRODUCTION_PORT if production == PRODUCTION_PORT else 0
    return {
        Door(environment=Environment.SANDBOX): sandbox,
        Door(environment=Environment.PRODUCTION): production,
        Door(environment=Environment.SANDBOX, manages=True): manage,
        Door(environment=Environment.PRODUCTION, manages=True): manage_production,
    }


def bind_all(wanted: Mapping[Door, int], host: str | None) -> dict[Door, list[socket.socket]]:
    """Sockets at every door, or at none. Raises PortError and UsageError as `bind` does."""
    bound: dict[Door, list[socket.socket]] = {}
    try:
        for door, port in wanted.items():
            bound[door] = bind(port, host)
    except PushkitError as error:
        for sockets in bound.values():
            for one in sockets:
                one.close()
        if door.manages and isinstance(error, PortError):
            other = "--manage-port" if door.environment is Environment.SANDBOX else _OF_PRODUCTION
            hint = f"channels are managed there: name another port, or {other} 0"
            raise PortError(error.message, hint=hint) from error
        raise
    return bound


def addresses(bound: Mapping[Door, list[socket.socket]], host: str | None) -> dict[Door, Address]:
    """Where a client on this machine finds every door."""
    seen = "127.0.0.1" if host is None else as_client_sees(host)
    return {
        door: Address(host=seen, port=sockets[0].getsockname()[1])
        for door, sockets in bound.items()
    }
