"""What to do about one answer of a bulk run, and when refusals are too many. No input or output.

Source of the classes: Apple, "Handling notification responses from APNs": six reasons are never
tried again, 429 with a delay, 5xx after fifteen minutes, an expired provider token with another.
"""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType

from pushkit_cli.apns.message import Outcome, Reply
from pushkit_cli.apns.reasons import Retry, retry_class

CHANGED_TOO_OFTEN = "TooManyProviderTokenUpdates"
"""Of a connection: another one may be used again (Apple), and no other provider token helps."""
WINDOW = 1_000
"""Answers over which a share of refusals is taken."""
STOP_AT: Mapping[str, float] = MappingProxyType(
    {"BadDeviceToken": 0.05, "DeviceTokenNotForTopic": 0.05, "TopicDisallowed": 0.01}
)
"""Shares of the last answers at which a run stops by itself: no single token is to blame then."""


class Step(Enum):
    """What follows from an answer."""

    FINAL = auto()
    """It stands."""
    NOW = auto()
    """Send it again."""
    LATER = auto()
    """Send it again after a while: this token alone is too busy."""
    PAUSE = auto()
    """Nobody sends for a while, then it is sent again."""
    RENEW = auto()
    """The provider token was refused: get another."""


def step(reply: Reply, *, tries: int, retries: int, has_token: bool) -> Step:
    """What follows from an answer to the push that was answered `tries` times."""
    if reply.outcome is not Outcome.REFUSED:
        return Step.FINAL
    status = reply.status or 0
    if status == 403:
        return Step.RENEW if has_token else Step.FINAL
    wanted = retry_class(status, reply.reason)
    if wanted not in (Retry.NOW, Retry.LATER) or tries > retries:
        return Step.FINAL
    if is_for_all(reply):
        return Step.PAUSE
    return Step.NOW if wanted is Retry.NOW and tries == 1 else Step.LATER


def is_for_all(reply: Reply) -> bool:
    """Whether a refusal is about the service or the sender, and not about this one token."""
    if reply.reason == CHANGED_TOO_OFTEN:
        return True
    return (reply.status or 0) >= 500 and retry_class(
        reply.status or 0, reply.reason
    ) is Retry.LATER


@dataclass(frozen=True, slots=True, kw_only=True)
class TooMany:
    """A reason that has reached its share of the last answers."""

    reason: str
    count: int
    of: int


class Window:
    """The last answers, and whether a reason has too large a share of them."""

    def __init__(self, limits: Mapping[str, float], size: int = WINDOW) -> None:
        self._limits = limits
        self._size = size
        self._heard = 0
        self._watched: deque[tuple[int, str]] = deque()
        self._counts: Counter[str] = Counter()

    def heard(self, reason: str | None) -> TooMany | None:
        """Count an answer; `None` for one that was accepted. A share is taken of a full window."""
        self._heard += 1
        if reason is not None and reason in self._limits:
            self._watched.append((self._heard, reason))
            self._counts[reason] += 1
        if not self._watched or self._heard < self._size:
            return None
        if self._watched[0][0] <= self._heard - self._size:
            self._counts[self._watched.popleft()[1]] -= 1
        for name, count in self._counts.items():
            if count and count >= self._limits[name] * self._size:
                return TooMany(reason=name, count=count, of=self._size)
        return None
