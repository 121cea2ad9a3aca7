"""The emulator's database: the state's rows, and a journal of what happened. Disk only.

WAL with synchronous NORMAL: what was committed survives SIGKILL; a power cut may take the last
turns. Written only by the process that holds the home's listen.lock.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pushkit_cli.store.database import Database
from pushkit_cli.store.files import Home

NAME = "emulator.db"
JOURNAL_PUSHES = 100_000
"""The journal forgets the oldest pushes beyond this many."""
JOURNAL_ENTRIES = 2_000_000
"""And the oldest of everything beyond this many: one broadcast has ten thousand and more."""
JOURNAL_DAYS = 7
_PRUNE_EVERY = 3_000
"""Entries; a push has three at least that is taken to its device."""
_CLEARED_AT_ONCE = 4_000

_MIGRATIONS = (
    """
    CREATE TABLE record (key TEXT PRIMARY KEY, place INTEGER NOT NULL, value TEXT NOT NULL);
    CREATE TABLE journal (
        seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, push INTEGER NOT NULL, value TEXT NOT NULL
    );
    CREATE INDEX journal_pushes ON journal (seq) WHERE push
    """,
    # Which push each entry is about (indexed for pushes alone: ids are random, and that costs); and
    # the last number given, which a cleared journal forgets.
    """
    ALTER TABLE journal ADD COLUMN push_id TEXT;
    UPDATE journal SET push_id = substr(value, instr(value, '"id":"') + 6, 32)
        WHERE push AND instr(value, '"id":"');
    UPDATE journal SET push_id = substr(value, instr(value, '"push_id":"') + 11, 32)
        WHERE NOT push AND instr(value, '"push_id":"');
    CREATE INDEX journal_ids ON journal (push_id) WHERE push;
    CREATE TABLE numbered (last INTEGER NOT NULL);
    INSERT INTO numbered VALUES (0)
    """,
)
SCHEMA = len(_MIGRATIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the journal: `at_ms` is Unix milliseconds, `value` the event as JSON text.

    `push_id` is the push it is about, `None` where no push caused it.
    """

    seq: int
    at_ms: int
    is_push: bool
    value: str
    push_id: str | None = None


class EmulatorDb:
    """One open emulator.db."""

    def __init__(self, home: Home) -> None:
        """Open, or make. Raises StoreError for one that is damaged or newer than this program."""
        self._database = Database(home, NAME, _MIGRATIONS)
        try:
            self._place = self._database.number("SELECT coalesce(max(place), 0) FROM record")
        except BaseException:
            self._database.close()
            raise
        self._since_prune = _PRUNE_EVERY  # the first entry of each run prunes: runs may be short

    @property
    def last_seq(self) -> int:
        """The number of the newest entry there ever was, 0 where there was none."""
        return self._database.number(
            "SELECT max(last, (SELECT coalesce(max(seq), 0) FROM journal)) FROM numbered"
        )

    def rows(self) -> list[tuple[str, dict[str, Any]]]:
        """Every record, in the order they were first put."""
        found = self._database.run("SELECT key, value FROM record ORDER BY place")
        try:
            return [(key, _object(value)) for key, value in found]
        except ValueError as error:
            raise self._database.damaged(error) from error

    def commit(
        self, puts: Iterable[tuple[str, Mapping[str, Any] | None]], entries: Iterable[Entry]
    ) -> None:
        """Keep a turn: all of it or nothing. Raises StoreError, a full disk among the causes."""
        with self._database.transaction():
            for key, value in puts:
                self._put(key, value)
            journal = [(e.seq, e.at_ms, e.is_push, e.value, e.push_id) for e in entries]
            self._database.run_many("INSERT INTO journal VALUES (?, ?, ?, ?, ?)", journal)
            self._since_prune += len(journal)
            if journal and self._since_prune >= _PRUNE_EVERY:
                self._prune(journal[-1][1], journal[-1][0])

    def after(self, seq: int, *, limit: int, pushes_alone: bool = False) -> list[tuple[int, str]]:
        """At most `limit` entries with a higher number, oldest first: each number, and the event.

        Short queries, so that whoever reads a long journal keeps nobody from writing it.
        """
        also = "AND push" if pushes_alone else ""
        return self._database.run(
            f"SELECT seq, value FROM journal WHERE seq > ? {also} ORDER BY seq LIMIT ?",  # noqa: S608
            (seq, limit),
        )

    def before(self, seq: int, *, limit: int, pushes_alone: bool = False) -> list[tuple[int, str]]:
        """At most `limit` entries with a lower number, newest first."""
        also = "AND push" if pushes_alone else ""
        return self._database.run(
            f"SELECT seq, value FROM journal WHERE seq < ? {also} ORDER BY seq DESC LIMIT ?",  # noqa: S608
            (seq, limit),
        )

    def pushes(self, prefix: str, *, limit: int) -> list[tuple[int, str]]:
        """At most `limit` pushes whose id begins so: each number, and the event."""
        return self._database.run(
            "SELECT seq, value FROM journal WHERE push AND push_id >= ? AND push_id < ?"
            " ORDER BY push_id LIMIT ?",
            (prefix, prefix + "\x7f", limit),
        )

    def about(self, push_id: str, *, after: int, upto: int) -> list[str]:
        """What happened because of a push, of the entries behind a number and up to another."""
        found = self._database.run(
            "SELECT value FROM journal WHERE seq > ? AND seq <= ? AND push_id = ? ORDER BY seq",
            (after, upto, push_id),
        )
        return [text for (text,) in found]

    def last_before(self, at_ms: int) -> int:
        """The number of the last entry before a moment, 0 where there is none.

        Found by halving: entries are numbered in the order of time.
        """
        low, high = 0, self.last_seq
        while low < high:
            middle = (low + high + 1) // 2
            found = self._database.run(
                "SELECT at_ms FROM journal WHERE seq <= ? ORDER BY seq DESC LIMIT 1", (middle,)
            )
            if found and found[0][0] >= at_ms:
                high = middle - 1
            else:
                low = middle
        return low

    def clear(self, upto: int) -> bool:
        """Forget some of the entries up to a number; whether there are more. Numbers go on.

        In pieces, so that a long journal keeps nobody waiting.
        """
        with self._database.transaction():
            self._database.run("UPDATE numbered SET last = max(last, ?)", (self.last_seq,))
            self._database.run(
                "DELETE FROM journal WHERE seq IN"
                " (SELECT seq FROM journal WHERE seq <= ? ORDER BY seq LIMIT ?)",
                (upto, _CLEARED_AT_ONCE),
            )
            return self._database.number("SELECT changes()") == _CLEARED_AT_ONCE

    def close(self) -> None:
        """Close; the write-ahead log is folded in."""
        self._database.close()

    def _put(self, key: str, value: Mapping[str, Any] | None) -> None:
        if value is None:
            self._database.run("DELETE FROM record WHERE key = ?", (key,))
            return
        self._place += 1
        self._database.run(
            "INSERT INTO record VALUES (?, ?, ?)"
            " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (key, self._place, json.dumps(value, separators=(",", ":"))),
        )

    def _prune(self, now_ms: int, last: int) -> None:
        self._since_prune = 0
        self._database.run("DELETE FROM journal WHERE seq <= ?", (last - JOURNAL_ENTRIES,))
        oldest = now_ms - JOURNAL_DAYS * 86_400_000
        # In the order of time: the search ends at the first entry that stays.
        self._database.run(
            "DELETE FROM journal WHERE seq < coalesce("
            "(SELECT seq FROM journal WHERE at_ms >= ? ORDER BY seq LIMIT 1), 0)",
            (oldest,),
        )
        self._database.run(
            "DELETE FROM journal WHERE seq <= coalesce("
            "(SELECT seq FROM journal WHERE push ORDER BY seq DESC LIMIT 1 OFFSET ?), 0)",
            (JOURNAL_PUSHES,),
        )


def _object(text: str) -> dict[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError(f"{text} is no record")
    return value
