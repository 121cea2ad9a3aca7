"""How much a peer may ask of one connection beside its requests, and how long it may take. Pure.

What is over a bound ends the connection with ENHANCE_YOUR_CALM (RFC 9113, 10.5). The numbers are
ours: Apple's are not known. A client that works never comes near them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from pushkit_cli.wire.frames import ACK, Code, ConnectionEnd, Kind

MAX_STREAMS = 1000
"""Streams open at once, as Apple announces; also what a client may use that knows no limit yet."""
MAX_BLOCK_BYTES = 32_768
"""A compressed header block. No encoder makes so many of the 8,000 bytes that it may stand for."""
MAX_BLOCK_FRAMES = 64
"""A header block in more pieces is no header block."""
MAX_HELD_BYTES = 4 * 2**20
"""What requests may take that are not whole yet: 1000 of usual headers, with half their bodies."""
GREETING_S = 30.0
"""From the connection to the client's SETTINGS, which it sends unasked (RFC 9113, 3.4)."""
REQUEST_S = 30.0
"""From the first to the last byte of a request, which fits two frames."""
WINDOW_S = 30.0
"""How long an answer waits at a window that nobody opens."""
LINGER_S = 1.0
"""How long a client is still heard that was told to go: what it sent before it knew is on its way,
and TCP answers that with a reset, which takes what the client has not read yet."""
FIELD_COST = 100
"""What Python needs for a header beside its bytes."""


class Flood(StrEnum):
    """What a client can do again and again at next to no cost."""

    RESET = "streams that the client resets"
    MADE_RESET = "streams that the client makes us reset"
    REFUSED = "streams above the limit"
    FORGOTTEN = "streams after the goodbye"
    PING = "PING frames"
    SETTINGS = "SETTINGS frames"
    EMPTY_DATA = "DATA frames without data"
    WINDOW_UPDATE = "WINDOW_UPDATE frames"
    PRIORITY = "PRIORITY frames"
    OTHER = "frames that mean nothing here"


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """How many may come at once, and how many more with a second, an answer, a KiB of bodies."""

    at_once: int
    a_second: float
    an_answer: float = 0.0
    a_kib: float = 0.0


ALLOWED: Mapping[Flood, Allowance] = {
    # Every open stream may be given up at once, and again; then whatever is answered too late.
    Flood.RESET: Allowance(at_once=2 * MAX_STREAMS, a_second=50, an_answer=1),
    # Only a client that breaks HTTP/2 on a stream causes these (CVE-2025-8671).
    Flood.MADE_RESET: Allowance(at_once=200, a_second=5),
    # Whoever overlooks the limit sends all it has, and again what was refused.
    Flood.REFUSED: Allowance(at_once=5 * MAX_STREAMS, a_second=500, an_answer=10),
    # What was sent before the GOAWAY arrived: no more than the limit.
    Flood.FORGOTTEN: Allowance(at_once=MAX_STREAMS, a_second=0),
    # Clients ask once a second or in an hour, some with every request.
    Flood.PING: Allowance(at_once=1000, a_second=20, an_answer=2),
    # Each changes every window and is acknowledged; clients send one.
    Flood.SETTINGS: Allowance(at_once=100, a_second=2, an_answer=0.1),
    # RFC 9113, 10.5 names them; an empty frame that ends its stream is none.
    Flood.EMPTY_DATA: Allowance(at_once=1000, a_second=10, an_answer=2),
    # Two with every answer that has a body; Go's client two for each 4 KiB of a long one.
    Flood.WINDOW_UPDATE: Allowance(at_once=1000, a_second=20, an_answer=4, a_kib=2),
    # Deprecated, and in some clients one with every request (RFC 9113, 5.3.2).
    Flood.PRIORITY: Allowance(at_once=1000, a_second=20, an_answer=4),
    Flood.OTHER: Allowance(at_once=1000, a_second=20, an_answer=4),
}
_COUNTED: Mapping[int, Flood] = {
    Kind.PRIORITY: Flood.PRIORITY,
    Kind.RST_STREAM: Flood.RESET,
    Kind.SETTINGS: Flood.SETTINGS,
    Kind.PING: Flood.PING,
    Kind.WINDOW_UPDATE: Flood.WINDOW_UPDATE,
}


class Patience:
    """What is left of each allowance on one connection.

    `begun`: the first frame need not be SETTINGS, as where a server says only GOAWAY.
    """

    def __init__(self, *, begun: bool = False) -> None:
        self._spent: dict[Flood, float] = {}
        self._unacknowledged = 1
        self.begun = begun

    def begin(self, kind: int, flags: int) -> None:
        """Take the first frame. Raises ConnectionEnd unless it is SETTINGS (RFC 9113, 3.4)."""
        if kind != Kind.SETTINGS or flags & ACK:
            raise ConnectionEnd("the first frame is not SETTINGS")
        self.begun = True

    def admit(self, kind: int, flags: int) -> None:
        """Count a frame that carries no request. Raises ConnectionEnd where it is one too many."""
        if kind == Kind.SETTINGS and flags & ACK and self._unacknowledged:
            self._unacknowledged -= 1
        else:
            self.spend(_COUNTED.get(kind, Flood.OTHER))

    def spend(self, on: Flood) -> None:
        """Count one more. Raises ConnectionEnd where it is one too many."""
        spent = self._spent[on] = self._spent.get(on, 0.0) + 1
        if spent > ALLOWED[on].at_once:
            raise ConnectionEnd(f"too many {on}", Code.ENHANCE_YOUR_CALM)

    def settings_sent(self) -> None:
        """The client owes one more acknowledgement, which costs it nothing."""
        self._unacknowledged += 1

    def answered(self) -> None:
        """A request was answered."""
        if self._spent:
            self._give_back(lambda allowed: allowed.an_answer)

    def sent(self, size: int) -> None:
        """So many bytes of bodies went out."""
        if self._spent:
            self._give_back(lambda allowed: allowed.a_kib * size / 1024)

    def tick(self, seconds: float) -> None:
        """So many seconds have passed."""
        self._give_back(lambda allowed: allowed.a_second * seconds)

    def _give_back(self, share: Callable[[Allowance], float]) -> None:
        for flood, spent in list(self._spent.items()):
            left = spent - share(ALLOWED[flood])
            if left > 0:
                self._spent[flood] = left
            else:
                del self._spent[flood]
