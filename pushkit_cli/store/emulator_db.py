"""The emulator's database: the state's rows, and a journal of what happened. Disk only.

WAL with synchronous NORMAL: what was committed survives SIGKILL; a power cut may take the last
turns. Written only by the process that holds the home's listen.lock.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pushkit_cli.errors import StoreError
from pushkit_cli.store.files import Home

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "emulator.db"
SCHEMA = 1
JOURNAL_PUSHES = 100_000
"""The journal forgets the oldest pushes beyond this many."""
JOURNAL_DAYS = 7
_PRUNE_EVERY = 1_000

_TABLES = """
CREATE TABLE record (key TEXT PRIMARY KEY, place INTEGER NOT NULL, value TEXT NOT NULL);
CREATE TABLE journal (
    seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, push INTEGER NOT NULL, value TEXT NOT NULL
);
CREATE INDEX journal_pushes ON journal (seq) WHERE push;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the journal: `at_ms` is Unix milliseconds, `value` the event as JSON text."""

    seq: int
    at_ms: int
    is_push: bool
    value: str


class EmulatorDb:
    """One open emulator.db."""

    def __init__(self, home: Home) -> None:
        """Open, or make. Raises StoreError for one that is damaged or newer than this program."""
        self._path = home.create(NAME)
        with self._translated():
            self._sql = sqlite3.connect(self._path, isolation_level=None, timeout=10)
        try:
            with self._translated():
                self._prepare()
                self._place = self._one("SELECT coalesce(max(place), 0) FROM record")
        except BaseException:
            self._sql.close()
            raise
        self._since_prune = _PRUNE_EVERY  # the first entry of each run prunes: runs may be short

    @property
    def last_seq(self) -> int:
        """The number of the newest journal entry, 0 where there is none."""
        with self._translated():
            return self._one("SELECT coalesce(max(seq), 0) FROM journal")

    def rows(self) -> list[tuple[str, dict[str, Any]]]:
        """Every record, in the order they were first put."""
        with self._translated():
            found = self._sql.execute("SELECT key, value FROM record ORDER BY place").fetchall()
        try:
            return [(key, _object(value)) for key, value in found]
        except ValueError as error:
            raise self._damaged(error) from error

    def commit(
        self, puts: Iterable[tuple[str, Mapping[str, Any] | None]], entries: Iterable[Entry]
    ) -> None:
        """Keep a turn: all of it or nothing. Raises StoreError, a full disk among the causes."""
        with self._translated(), self._transaction():
            for key, value in puts:
                self._put(key, value)
            journal = [(e.seq, e.at_ms, e.is_push, e.value) for e in entries]
            self._sql.executemany("INSERT INTO journal VALUES (?, ?, ?, ?)", journal)
            self._since_prune += sum(1 for row in journal if row[2])
            if journal and self._since_prune >= _PRUNE_EVERY:
                self._prune(journal[-1][1])

    def close(self) -> None:
        """Close; the write-ahead log is folded in."""
        self._sql.close()

    def _put(self, key: str, value: Mapping[str, Any] | None) -> None:
        if value is None:
            self._sql.execute("DELETE FROM record WHERE key = ?", (key,))
            return
        self._place += 1
        self._sql.execute(
            "INSERT INTO record VALUES (?, ?, ?)"
            " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (key, self._place, json.dumps(value, separators=(",", ":"))),
        )

    def _prune(self, now_ms: int) -> None:
        self._since_prune = 0
        oldest = now_ms - JOURNAL_DAYS * 86_400_000
        # In the order of time: the search ends at the first entry that stays.
        self._sql.execute(
            "DELETE FROM journal WHERE seq < coalesce("
            "(SELECT seq FROM journal WHERE at_ms >= ? ORDER BY seq LIMIT 1), 0)",
            (oldest,),
        )
        self._sql.execute(
            "DELETE FROM journal WHERE seq <= coalesce("
            "(SELECT seq FROM journal WHERE push ORDER BY seq DESC LIMIT 1 OFFSET ?), 0)",
            (JOURNAL_PUSHES,),
        )

    def _prepare(self) -> None:
        version = self._one("PRAGMA user_version")
        if version > SCHEMA:
            raise StoreError(
                f"{self._path} was written by a newer pushkit (schema {version})",
                hint="update pushkit, or move this file away",
            )
        # A network home refuses WAL; SQLite then stays with the rollback journal.
        self._sql.execute("PRAGMA journal_mode = WAL")
        self._sql.execute("PRAGMA synchronous = NORMAL")
        if version == 0:
            with self._transaction():
                for statement in _TABLES.split(";"):
                    self._sql.execute(statement)
                self._sql.execute(f"PRAGMA user_version = {SCHEMA}")

    def _one(self, query: str) -> int:
        return int(self._sql.execute(query).fetchone()[0])

    @contextmanager
    def _transaction(self) -> "Iterator[None]":
        self._sql.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._sql.execute("COMMIT")
        except BaseException:
            if self._sql.in_transaction:  # a full disk has ended it already
                self._sql.execute("ROLLBACK")
            raise

    @contextmanager
    def _translated(self) -> "Iterator[None]":
        try:
            yield
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR:  # a lost table
                raise self._damaged(error) from error
            raise StoreError(
                f"{self._path} cannot be used: {error}",
                hint="check the disk's free space and the file's mode",
            ) from error
        except sqlite3.DatabaseError as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> StoreError:
        return StoreError(
            f"{self._path} is damaged: {error}",
            hint="it is kept as it is; move it away to start afresh",
        )


def _object(text: str) -> dict[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError(f"{text} is no record")
    return value
