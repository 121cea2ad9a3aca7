"""What became of a notification: Apple's status labels, and the families they belong to. Pure.

The families are Apple's words; labels are those its console shows. No list of them is documented,
so one is read by its words: the family before the dash, the cause behind it. A label that nobody
knows keeps its name and counts in no family.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

_FROM_STORAGE = re.compile(r"\s*\(\s*from storage\s*\)\s*$", re.IGNORECASE)
_DASH = re.compile(r"\s*[\u2010-\u2015]\s*|\s+-\s*|\s*-\s+")


class Family(StrEnum):
    """What a status counts towards."""

    received = "received"
    delivered = "delivered"
    stored = "stored"
    discarded = "discarded"
    other = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """One label as read; `cause` is in lower case, `None` where the label names none."""

    label: str
    family: Family
    cause: str | None
    from_storage: bool


@lru_cache(maxsize=1024)
def status_of(label: str) -> Status:
    """Read a label; every text gets an answer."""
    short = _FROM_STORAGE.sub("", label)
    head, *rest = _DASH.split(short.strip(), maxsplit=1)
    word = head.partition(" ")[0].casefold()
    family = Family.__members__.get(word, Family.other)
    return Status(
        label=label,
        family=family,
        cause=rest[0].casefold() if rest and rest[0] else None,
        from_storage=short != label,
    )
