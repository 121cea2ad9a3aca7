"""The days that are asked for, in words of the command line. Pure.

Days are those of UTC, as Apple's reports have them.
"""

import re
from dataclasses import dataclass
from datetime import date, timedelta

from pushkit_cli.errors import UsageError

DEFAULT_DAYS = 7
_NUMBER = re.compile(r"(\d{1,4})d")
_NAMED = {"today": 0, "yesterday": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """The first and the last day, both included."""

    first: date
    last: date

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first} to {self.last}"


def first_day(text: str, *, today: date, newest: date | None = None) -> date:
    """A date, `yesterday`, `today`, or `7d`: seven days ending with the newest that there is.

    That is yesterday where nothing else is said. Raises UsageError.
    """
    number = _NUMBER.fullmatch(text)
    if number is None:
        return _day("--since", text, today)
    return _before(newest or _before(today, 1), int(number[1]) - 1)


def last_day(text: str, *, today: date) -> date:
    """A date, `yesterday` or `today`. Raises UsageError."""
    return _day("--until", text, today)


def days(since: str | None, until: str | None, *, today: date, has_today: bool = False) -> Days:
    """What is asked for; by default seven days ending yesterday, or `has_today`. Raises UsageError.

    Where only the first is said, the last is the newest that there is.
    """
    newest = today if has_today else _before(today, 1)
    last = newest if until is None else last_day(until, today=today)
    if since is None:
        return Days(first=_before(last, DEFAULT_DAYS - 1), last=last)
    first = first_day(since, today=today, newest=newest)
    if first > last:
        raise UsageError(
            f"--since {first} lies behind --until {last}", hint="the first day comes first"
        )
    return Days(first=first, last=last)


def _day(option: str, text: str, today: date) -> date:
    back = _NAMED.get(text)
    if back is not None:
        return _before(today, back)
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"{option} {text} is no day", hint=f"{option} 2026-11-01, {option} yesterday"
        ) from error


def _before(day: date, number: int) -> date:
    try:
        return day - timedelta(days=number)
    except OverflowError as error:
        raise UsageError(f"{number} days are too many", hint="--since 7d") from error
