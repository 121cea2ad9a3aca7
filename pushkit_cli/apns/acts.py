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
class Settings:
    """Say anew how many streams may be open at once (RFC 9113, 6.5.2)."""

    max_streams: int
    after: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GoAway:
    """Open no further stream on this connection; those already read are still answered.

    `code` is an error code of RFC 9113, 7; `debug` is what goes with it: JSON, text, or nothing.
    """

    code: int = 0
    debug: bytes = b""
    after: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """End one stream without an answer: RST_STREAM with an error code of RFC 9113, 7."""

    stream: int
    code: int
    after: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall:
    """Never answer one stream, nor end it; of a client that only connected: never say a word."""

    stream: int = 0
    after: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """Close the TCP connection without a goodbye, be it of HTTP/2 or of TLS."""

    after: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FailTls:
    """Refuse the TLS handshake of a client that only connected, with an alert."""

    after: float = 0.0


Act = Respond | Settings | GoAway | Reset | Stall | Close | FailTls
