"""What was sent and what became of it, without a credential or a whole device token. Disk only."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any

from pushkit_cli.store.database import Database
from pushkit_cli.store.files import Home

NAME = "sender.db"
KEPT = 10_000
"""Pushes remembered; the oldest are forgotten beyond this many."""

_MIGRATIONS = (
    """
    CREATE TABLE history (
        seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, profile TEXT NOT NULL,
        environment TEXT NOT NULL, app TEXT, device TEXT, token_fp TEXT NOT NULL,
        type TEXT NOT NULL, topic TEXT, payload BLOB NOT NULL,
        outcome TEXT NOT NULL, status INTEGER, reason TEXT, apns_id TEXT
    )
    """,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """One push; `at_ms` is Unix milliseconds, `token_fp` the fingerprint of the device token."""

    at_ms: int
    profile: str
    environment: str
    app: str | None
    device: str | None
    token_fp: str
    type: str
    topic: str | None
    payload: bytes
    outcome: str
    status: int | None
    reason: str | None
    apns_id: str | None


def _storable(value: Any) -> Any:
    """SQLite takes no lone surrogates, and a server's reason may hold some: they become escapes."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    return value


class History:
    """The history of one home; opened for one transaction, then closed."""

    def __init__(self, home: Home) -> None:
        """Open or make it. Raises StoreError."""
        self._database = Database(home, NAME, _MIGRATIONS)

    def add(self, pushes: Sequence[Remembered]) -> None:
        """Remember pushes, and forget the oldest."""
        marks = ", ".join("?" * 13)
        with self._database.transaction():
            self._database.run_many(
                f"INSERT INTO history VALUES (NULL, {marks})",  # noqa: S608 (marks alone)
                [tuple(map(_storable, astuple(push))) for push in pushes],
            )
            self._database.run(
                "DELETE FROM history WHERE seq <= (SELECT max(seq) FROM history) - ?", (KEPT,)
            )

    def last(self, count: int) -> list[Remembered]:
        """The newest pushes, newest first."""
        rows = self._database.run("SELECT * FROM history ORDER BY seq DESC LIMIT ?", (count,))
        names = Remembered.__slots__
        return [Remembered(**dict(zip(names, row[1:], strict=True))) for row in rows]

    def close(self) -> None:
        """Close."""
        self._database.close()
