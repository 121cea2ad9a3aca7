"""What a server does next on one of its connections. Pure values.

`after` is a delay in seconds, counted from the moment the act is decided.
"""

from dataclasses import dataclass

from pushkit_cli.apns.message import Response


@dataclass(frozen=True, slots=True, kw_only=True)
class Respond:
    """Answer one stream."""

    stream: int
    response: Response
    after: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GoAway:
    """Open no further stream on this connection; those already read are still answered."""

    debug: bytes = b""
    after: float = 0.0


Act = Respond | GoAway
