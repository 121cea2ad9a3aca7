"""What words mean: a duration, and what somebody may have meant who mistyped one. Pure."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

from pushkit_cli.apns.push import PushType
from pushkit_cli.errors import UsageError

_UNITS = {"ms": 0.001, "s": 1, "": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d|)")


def seconds_in(text: str) -> float | None:
    """The seconds a duration means (`500ms 30s 5m 2h 7d`, bare: seconds); `None`: it is none."""
    match = _DURATION.fullmatch(text)
    return None if match is None else float(match[1]) * _UNITS[match[2]]


def meant(word: str, names: Iterable[object]) -> str:
    """`; did you mean voip?` where a name is close to a word, else nothing: to end a message."""
    close = get_close_matches(word, [str(one) for one in names], n=1)
    return f"; did you mean {close[0]}?" if close else ""


def no_push_type(word: str, *, hint: str = "") -> UsageError:
    """What to raise where a word is no push type; `hint` goes on behind those that are."""
    return UsageError(
        f"no push type is called {word}{meant(word, PushType)}",
        hint=f"known are {', '.join(PushType)}{hint}",
    )
