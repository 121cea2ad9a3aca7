"""Where captured events are read: over a control socket, or in a journal that was kept."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from pushkit_cli.emulator.selector import Filter, to_data
from pushkit_cli.engine import emulated, journal
from pushkit_cli.engine.asking import ABOUT, EVENTS, Listener, listener_of
from pushkit_cli.engine.setting import Setting
from pushkit_cli.errors import ListenerError
from pushkit_cli.store.emulator_db import NAME, EmulatorDb
from pushkit_cli.store.files import Home


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A piece of the journal: events, or only how many; `ended`: nothing more will come.

    `at` is the number up to which was read, `last` the newest there was when that began.
    """

    events: list[dict[str, Any]]
    number: int
    at: int
    last: int
    more: bool
    ended: bool


class Source(Protocol):
    """Where a journal is read."""

    def piece(self, wanted: Filter, *, after: int, before: int | None = None) -> Piece:
        """What there is behind a number, oldest first; with `before`, from there backward."""

    def about(self, prefix: str) -> list[dict[str, Any]]:
        """The push whose id begins so and what followed from it; of several, the pushes alone."""


class Live:
    """The journal of a listener."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def piece(self, wanted: Filter, *, after: int, before: int | None = None) -> Piece:
        """See Source."""
        return self._ask(wanted, after, before, wait_s=0.0, count=False)

    def wait(self, wanted: Filter, *, after: int, wait_s: float, count: bool) -> Piece:
        """What there is behind a number, or comes within so many seconds; `count`: how many."""
        return self._ask(wanted, after, None, wait_s=wait_s, count=count)

    def _ask(
        self, wanted: Filter, after: int, before: int | None, *, wait_s: float, count: bool
    ) -> Piece:
        question = {
            "filter": to_data(wanted),
            "after": after,
            "before": before,
            "wait_ms": int(wait_s * 1000),
            "count": count,
        }
        said = self._listener.ask(EVENTS, question, wait_s=wait_s)
        events = said["events"]
        return Piece(
            events=[] if count else events,
            number=events if count else len(events),
            at=said["at"],
            last=said["last"],
            more=said["more"],
            ended=said["ended"],
        )

    def about(self, prefix: str) -> list[dict[str, Any]]:
        """See Source."""
        events: list[dict[str, Any]] = self._listener.ask(ABOUT, {"prefix": prefix})["events"]
        return events


class Kept:
    """The journal in a home where nobody listens."""

    def __init__(self, database: EmulatorDb) -> None:
        self._database = database

    def piece(self, wanted: Filter, *, after: int, before: int | None = None) -> Piece:
        """See Source."""
        last = self._database.last_seq
        if before is None:
            page = next(journal.forward(self._database, wanted, after))
        else:
            page = next(journal.backward(self._database, wanted, before, after))
        events = [json.loads(text) for text in page.events]
        return Piece(
            events=events,
            number=len(events),
            at=page.at,
            last=last,
            more=page.more,
            ended=not page.more,
        )

    def about(self, prefix: str) -> list[dict[str, Any]]:
        """See Source."""
        return [
            json.loads(text) for piece in journal.about(self._database, prefix) for text in piece
        ]


@contextmanager
def opened(setting: Setting) -> Iterator[Live | Kept]:
    """The journal that commands here speak of. Raises ListenerError where there is none."""
    listener = listener_of(setting)
    if listener is not None:
        yield Live(listener)
        return
    if not (setting.home / NAME).exists():
        raise ListenerError(
            "nobody listens here, and nothing was kept",
            hint="start `pushkit listen` in another shell",
        )
    emulated.by_holder(setting, lambda _: None)  # from now on its schema is this program's
    database = EmulatorDb(Home(setting.home))
    try:
        yield Kept(database)
    finally:
        database.close()
