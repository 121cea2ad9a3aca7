"""What one connection is to APNs while it lasts: where it leads, who it serves. Pure."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from pushkit_cli.apns.acts import Act, GoAway, Settings
from pushkit_cli.apns.channel_rules import Ruling
from pushkit_cli.apns.facts import Certificate, Connection, GoAwayText, Policy
from pushkit_cli.apns.push import Environment
from pushkit_cli.apns.rules import Refused, Verdict

FIRST_STREAMS = 1
"""Streams before the first valid provider token (documented: establishing a connection)."""
STREAMS = 1000
"""Streams afterwards, and with a client certificate from the start (observed since 2020)."""

_CLOSES = frozenset({"BadCertificateEnvironment"})
"""Refusals that end the connection (observed: the reason comes in GOAWAY)."""
_NO_ERRORS = frozenset({"Unregistered", "ExpiredToken"})
"""Refusals that do not count against a connection (documented: 410 is not an error)."""


@dataclass(slots=True, kw_only=True)
class Link:
    """What a connection remembers; gone with it. `streams` is the limit that was last announced.

    `pinned` is one that a fault has set: nothing changes it any more.
    """

    environment: Environment
    certificate: Certificate | None = None
    manages: bool = False
    bound: Connection = field(default_factory=Connection)
    streams: int = field(init=False)
    pinned: int | None = None
    errors: int = 0

    def __post_init__(self) -> None:
        self.streams = FIRST_STREAMS if self.certificate is None else STREAMS

    def after(self, verdict: Verdict | Ruling | None, policy: Policy) -> Iterator[Act]:
        """What the connection itself does once a request has its answer."""
        refused = verdict if isinstance(verdict, Refused) else None
        if refused is not None and refused.reason.word == "ExpiredProviderToken":
            self.bound = replace(self.bound, wedged=policy.expired_wedges)
        streams = self._streams(refused, policy) if self.pinned is None else self.pinned
        if streams != self.streams:
            self.streams = streams
            yield Settings(max_streams=streams)
        if refused is not None and self._ends(refused, policy):
            yield goodbye(refused.reason.word, policy)

    def _streams(self, refused: Refused | None, policy: Policy) -> int:
        if refused is None:
            return STREAMS
        if policy.throttle:
            return FIRST_STREAMS
        return STREAMS if refused.authenticated else self.streams

    def _ends(self, refused: Refused, policy: Policy) -> bool:
        word = refused.reason.word
        if word not in _NO_ERRORS:
            self.errors += 1
        return word in _CLOSES or self.errors == policy.errors


def goodbye(word: str, policy: Policy) -> GoAway:
    """GOAWAY for a reason, in the form that was asked for."""
    match policy.goaway:
        case GoAwayText.JSON:
            return GoAway(debug=json.dumps({"reason": word}, separators=(",", ":")).encode())
        case GoAwayText.TEXT:
            return GoAway(debug=word.encode())
        case GoAwayText.EMPTY:
            return GoAway()
