"""What one connection is to APNs while it lasts: where it leads, who it serves. Pure."""

from dataclasses import dataclass, field

from pushkit_cli.apns.facts import Certificate, Connection
from pushkit_cli.apns.push import Environment


@dataclass(slots=True, kw_only=True)
class Link:
    """What a connection remembers; gone with it."""

    environment: Environment
    certificate: Certificate | None = None
    bound: Connection = field(default_factory=Connection)
