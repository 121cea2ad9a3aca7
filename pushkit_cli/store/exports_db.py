"""Exports that were asked for, and where to ask how far they are. Disk only, and no token in it."""

from collections.abc import Sequence
from dataclasses import dataclass

from pushkit_cli.store.database import Database
from pushkit_cli.store.files import Home

NAME = "exports.db"

_MIGRATIONS = (
    """
    CREATE TABLE requests (
        origin TEXT NOT NULL, app TEXT NOT NULL, dataset TEXT NOT NULL, channel TEXT NOT NULL,
        first TEXT NOT NULL, last TEXT NOT NULL, status_url TEXT NOT NULL, at REAL NOT NULL,
        PRIMARY KEY (origin, app, dataset, channel, first, last)
    )
    """,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request: whose, of what, and which days, as `yyyy-MM-dd`. No channel is an empty one."""

    origin: str
    app: str
    dataset: str
    channel: str
    first: str
    last: str

    @property
    def _values(self) -> Sequence[str]:
        return (self.origin, self.app, self.dataset, self.channel, self.first, self.last)


_IS = "origin = ? AND app = ? AND dataset = ? AND channel = ? AND first = ? AND last = ?"


class ExportsDb:
    """The exports of one home; opened for a moment, then closed."""

    def __init__(self, home: Home) -> None:
        """Open or make it. Raises StoreError."""
        self._database = Database(home, NAME, _MIGRATIONS)

    def status_url(self, request: Request, *, since: float) -> str | None:
        """Where to ask, where it was asked for after `since` (Unix seconds)."""
        rows = self._database.run(
            f"SELECT status_url FROM requests WHERE {_IS} AND at > ?",  # noqa: S608 (ours)
            (*request._values, since),
        )
        return str(rows[0][0]) if rows else None

    def remember(self, request: Request, status_url: str, *, at: float, until: float) -> None:
        """Keep where to ask; what was asked for before `until` is forgotten."""
        with self._database.transaction():
            self._database.run(
                "INSERT OR REPLACE INTO requests VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (*request._values, status_url, at),
            )
            self._database.run("DELETE FROM requests WHERE at <= ?", (until,))

    def forget(self, request: Request) -> None:
        """Ask anew the next time."""
        self._database.run(f"DELETE FROM requests WHERE {_IS}", request._values)  # noqa: S608

    def close(self) -> None:
        """Close."""
        self._database.close()
