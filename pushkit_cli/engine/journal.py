"""Reading the journal a page at a time, so that whoever serves it can do other things between."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from pushkit_cli.emulator.push_event import PUSH
from pushkit_cli.emulator.selector import Filter
from pushkit_cli.store.emulator_db import EmulatorDb

NEVER = 2**53
"""A number no entry will have."""
PAGE_BYTES = 262_144
"""Enough for one page; the last event of it may be a large one."""
_PAGE_ROWS = 200
_SEARCHED_AT_ONCE = 10_000
_ALIKE = 5


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
        events, looked_at = _matching(rows, wanted)
        more = looked_at < len(rows) or len(rows) == _PAGE_ROWS
        after = rows[looked_at - 1][0] if more else max(after, last)
        yield Page(events=events, at=after, more=more)
        if not more:
            return


def backward(database: EmulatorDb, wanted: Filter, before: int, after: int = 0) -> Iterator[Page]:
    """Everything before a number and behind another, newest first."""
    if wanted.since_ms is not None:
        after = max(after, database.last_before(wanted.since_ms))
    while True:
        rows = database.before(before, limit=_PAGE_ROWS, pushes_alone=wanted.pushes_alone)
        new = [row for row in rows if row[0] > after]
        events, looked_at = _matching(new, wanted)
        more = looked_at < len(new) or len(new) == _PAGE_ROWS
        before = new[looked_at - 1][0] if new else 0
        yield Page(events=events, at=before, more=more)
        if not more:
            return


def about(database: EmulatorDb, prefix: str) -> Iterator[list[str]]:
    """The push whose id begins so and what followed from it; of several, the pushes alone."""
    pushes = database.pushes(prefix, limit=_ALIKE)
    yield [text for _, text in pushes]
    if len(pushes) != 1:
        return
    at, push_id = pushes[0][0], str(json.loads(pushes[0][1])["id"])
    while at < database.last_seq:
        yield database.about(push_id, after=at, upto=at + _SEARCHED_AT_ONCE)
        at += _SEARCHED_AT_ONCE


def _matching(rows: list[tuple[int, str]], wanted: Filter) -> tuple[list[str], int]:
    """What was asked for, and how many rows were looked at until that was enough."""
    found: list[str] = []
    size = 0
    for number, (_, text) in enumerate(rows, start=1):
        event = json.loads(text)
        is_meant = wanted.what is not None or event["event"] == PUSH
        if is_meant and wanted.matches(event):
            found.append(text)
            size += len(text)
            if size >= PAGE_BYTES:
                return found, number
    return found, len(rows)
