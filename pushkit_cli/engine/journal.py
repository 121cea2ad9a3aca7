"""Reading the journal a page at a time, so that whoever serves it can do other things between."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from pushkit_cli.emulator.selector import Filter
from pushkit_cli.store.emulator_db import EmulatorDb

NEVER = 2**53
"""A number no entry will have."""
_PAGE_ROWS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Events of one page that were asked for, as JSON text in the order they were read.

    `at` is the number up to which the journal has been read; `more`: there are further pages.
    """

    events: list[str]
    at: int
    more: bool


def forward(database: EmulatorDb, wanted: Filter, after: int) -> Iterator[Page]:
    """Everything behind a number, oldest first."""
    if wanted.since_ms is not None:
        after = max(after, database.last_before(wanted.since_ms))
    while True:
        last = database.last_seq
        rows = database.after(after, limit=_PAGE_ROWS, pushes_alone=wanted.pushes_alone)
        more = len(rows) == _PAGE_ROWS
        after = rows[-1][0] if more else max(after, last)
        yield Page(events=_matching(rows, wanted), at=after, more=more)
        if not more:
            return


def backward(database: EmulatorDb, wanted: Filter, before: int, after: int = 0) -> Iterator[Page]:
    """Everything before a number and behind another, newest first."""
    if wanted.since_ms is not None:
        after = max(after, database.last_before(wanted.since_ms))
    while True:
        rows = database.before(before, limit=_PAGE_ROWS, pushes_alone=wanted.pushes_alone)
        more = len(rows) == _PAGE_ROWS and rows[-1][0] > after
        before = rows[-1][0] if rows else 0
        yield Page(
            events=_matching([row for row in rows if row[0] > after], wanted), at=before, more=more
        )
        if not more:
            return


def _matching(rows: list[tuple[int, str]], wanted: Filter) -> list[str]:
    return [text for _, text in rows if wanted.matches(json.loads(text))]
