"""What a number may be at least or at most, for scripts: `delivered=95%`. Pure, and no eval.

    LIMIT = WHAT[":" CAUSE]["@" TYPE] "=" NUMBER["%"]

A share is of what was received, of the same push type where one is named.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from pushkit_cli.apns.exports import Dataset
from pushkit_cli.errors import UsageError
from pushkit_cli.metrics.report import Period, Tally
from pushkit_cli.metrics.statuses import Family

_LIMIT = re.compile(
    r"(?P<what>[a-z-]+)(?::(?P<cause>[^@=]{1,100}))?(?:@(?P<type>[^=]{1,200}))?"
    r"=(?P<number>\d{1,15}(?:\.\d{1,6})?)(?P<percent>%?)"
)
_COUNTS: Mapping[str, Callable[[Tally], int]] = MappingProxyType(
    {
        "received": lambda one: one.received,
        "delivered": lambda one: one.delivered,
        "at-once": lambda one: one.at_once,
        "from-storage": lambda one: one.from_storage,
        "stored": lambda one: one.stored,
        "discarded": lambda one: one.discarded,
    }
)
_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "published": "Broadcasts Published",
        "delivered": "Broadcasts Delivered",
        "subscriptions": "Total Subscriptions",
        "subscribers": "Unique Subscribers",
    }
)
_WITH_A_CAUSE = (Family.stored.value, Family.discarded.value)


class Bound(StrEnum):
    """Which side is limited."""

    least = "min"
    most = "max"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One limit as read; `number` is a share from 0 to 1 where `is_share`."""

    bound: Bound
    text: str
    what: str
    cause: str | None
    type: str | None
    number: float
    is_share: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A limit against a report; `got` is `None` where there is no number to judge by."""

    limit: Limit
    got: float | None
    is_met: bool
    why: str | None = None


def read_limit(bound: Bound, text: str) -> Limit:
    """Read one limit. Raises UsageError."""
    option = f"--{bound}"
    found = _LIMIT.fullmatch(text)
    if found is None:
        raise UsageError(
            f"{option} {text} is no limit",
            hint=f"{option} delivered=95%, {option} discarded:disabled@voip=2%",
        )
    what, cause, number = found["what"], found["cause"], float(found["number"])
    if what not in _COUNTS and what not in _COLUMNS:
        known = ", ".join(dict.fromkeys((*_COUNTS, *_COLUMNS)))
        raise UsageError(f"{option} {text}: nothing is called {what}", hint=f"known are {known}")
    if cause is not None and what not in _WITH_A_CAUSE:
        raise UsageError(
            f"{option} {text}: {what} has no causes",
            hint=f"a cause goes with {' and '.join(_WITH_A_CAUSE)}",
        )
    is_share = bool(found["percent"])
    if is_share and (number > 100 or what not in _COUNTS or what == "received"):
        raise UsageError(
            f"{option} {text}: that can be no share of what was received",
            hint="a share is from 0% to 100%, and not of received itself",
        )
    return Limit(
        bound=bound,
        text=text,
        what=what,
        cause=None if cause is None else cause.strip().casefold(),
        type=found["type"],
        number=number / 100 if is_share else number,
        is_share=is_share,
    )


def hold(limit: Limit, period: Period) -> Held:
    """Judge a period. Raises UsageError where its dataset does not have such a number."""
    if period.export.dataset is Dataset.delivery:
        return _delivery(limit, period)
    return _broadcast(limit, period)


def _delivery(limit: Limit, period: Period) -> Held:
    if limit.what not in _COUNTS:
        raise _not_here(limit, _COUNTS)
    tally = period.total if limit.type is None else period.by_type.get(limit.type, Tally({}))
    if limit.cause is None:
        count = _COUNTS[limit.what](tally)
    else:
        count = tally.causes(Family(limit.what)).get(limit.cause, 0)
    if not limit.is_share:
        return _judged(limit, count)
    share = tally.share(count)
    if share is None:
        # A share of nothing: no minimum can be met by it, and no maximum broken.
        is_met = limit.bound is Bound.most
        return Held(limit=limit, got=None, is_met=is_met, why="nothing was received")
    return _judged(limit, share)


def _broadcast(limit: Limit, period: Period) -> Held:
    here = {word: name for word, name in _COLUMNS.items() if name in period.columns}
    if limit.what not in here or limit.type is not None or limit.is_share:
        raise _not_here(limit, here)
    days = period.columns[here[limit.what]]
    got = period.in_all(here[limit.what])
    is_hidden = None in days.values()
    if is_hidden and (got is None or limit.bound is Bound.most or got < limit.number):
        # What is hidden may be anything: only a minimum that is met without it is met.
        return Held(limit=limit, got=None, is_met=False, why="Apple hides some of the days")
    return _judged(limit, got or 0)


def _judged(limit: Limit, got: float) -> Held:
    if limit.bound is Bound.least:
        return Held(limit=limit, got=got, is_met=got >= limit.number)
    return Held(limit=limit, got=got, is_met=got <= limit.number)


def _not_here(limit: Limit, known: Mapping[str, object]) -> UsageError:
    return UsageError(
        f"--{limit.bound} {limit.text}: this dataset has no such number",
        hint=f"it has {', '.join(known)}",
    )
