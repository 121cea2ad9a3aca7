"""One SQLite file of ours: private, versioned, and in words of ours when something is wrong.

A newer schema is refused, an older one is backed up and migrated, a damaged file is kept.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pushkit_cli.errors import StoreError
from pushkit_cli.store.files import Home, write_private

_BUSY_S = 10.0


def storable(value: Any) -> Any:
    """SQLite takes no lone surrogates, and foreign text may hold some: they become escapes."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    return value


class Database:
    """An open file. `migrations[n]` makes schema n + 1 of schema n; the first makes the tables.

    Write-ahead logging where the disk allows it, synchronous NORMAL: what was committed survives
    SIGKILL; a power cut may take the last transactions.
    """

    def __init__(self, home: Home, name: str, migrations: Sequence[str]) -> None:
        """Open, make or migrate. Raises StoreError."""
        self.path = home.create(name)
        with self.translated():
            self._sql = sqlite3.connect(self.path, isolation_level=None, timeout=_BUSY_S)
        try:
            self._prepare(migrations)
        except BaseException:
            self._sql.close()
            raise

    def run(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        """One statement; its rows."""
        with self.translated():
            return self._sql.execute(query, values).fetchall()

    def run_many(self, query: str, rows: Sequence[Sequence[Any]]) -> None:
        """One statement for many rows."""
        with self.translated():
            self._sql.executemany(query, rows)

    def number(self, query: str) -> int:
        """The one number a query answers with."""
        return int(self.run(query)[0][0])

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it or nothing; only one process at a time is inside."""
        self.run("BEGIN IMMEDIATE")
        try:
            yield
            self.run("COMMIT")
        except BaseException:
            if self._sql.in_transaction:  # a full disk has ended it already
                self._sql.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Close; the write-ahead log is folded in."""
        self._sql.close()

    def _prepare(self, migrations: Sequence[str]) -> None:
        version = self.number("PRAGMA user_version")
        if version > len(migrations):
            raise StoreError(
                f"{self.path} was written by a newer pushkit (schema {version})",
                hint="update pushkit, or move this file away",
            )
        # A network home refuses WAL; SQLite then stays with the rollback journal.
        self.run("PRAGMA journal_mode = WAL")
        self.run("PRAGMA synchronous = NORMAL")
        if version == len(migrations):
            return
        if version > 0:
            self._back_up(version)
        with self.transaction():
            version = self.number("PRAGMA user_version")  # another process may have been quicker
            for script in migrations[version:]:
                for statement in script.split(";"):
                    self.run(statement)
            self.run(f"PRAGMA user_version = {len(migrations)}")

    def _back_up(self, version: int) -> Path:
        with self.translated():
            data = self._sql.serialize()
        beside = self.path.with_name(f"{self.path.name}.schema{version}")
        write_private(beside, data)
        return beside

    @contextmanager
    def translated(self) -> Iterator[None]:
        """SQLite's errors as StoreError."""
        try:
            yield
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR:  # a lost table
                raise self.damaged(error) from error
            raise StoreError(
                f"{self.path} cannot be used: {error}",
                hint="check the disk's free space and the file's mode",
            ) from error
        except sqlite3.DatabaseError as error:
            raise self.damaged(error) from error

    def damaged(self, error: Exception) -> StoreError:
        """What to say of a file whose contents make no sense."""
        return StoreError(
            f"{self.path} is damaged: {error}",
            hint="it is kept as it is; move it away to start afresh",
        )
