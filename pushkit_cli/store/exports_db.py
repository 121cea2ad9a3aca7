"""Exports that were asked for, where to ask how far they are, and what they said. Disk only.

No token is in it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pushkit_cli.store.database import Database, storable
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
    """
    CREATE TABLE history (
        source TEXT NOT NULL, app TEXT NOT NULL, dataset TEXT NOT NULL, channel TEXT NOT NULL,
        day TEXT NOT NULL, kind TEXT NOT NULL, status TEXT NOT NULL, hidden INTEGER NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY (source, app, dataset, channel, day, kind, status, hidden)
    ) WITHOUT ROWID
    """,
)

Count = tuple[tuple[str, str, str], int | None]
"""Push type, status and day, and how many; `None`: the number is hidden."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Of what a history is kept: whose count, `apple` or `local`, of which dataset of which app."""

    source: str
    app: str
    dataset: str
    channel: str

    @property
    def _values(self) -> Sequence[str]:
        return (self.source, self.app, self.dataset, self.channel)


_OF = "source = ? AND app = ? AND dataset = ? AND channel = ?"


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

    def add(self, series: Series, counts: Iterable[Count]) -> None:
        """Take over a report: a day that it has is from now on as it says, other days stay."""
        rows = [
            (*series._values, *map(storable, (day, kind, status)), count is None, count or 0)
            for (kind, status, day), count in counts
        ]
        days = dict.fromkeys(row[4] for row in rows)
        with self._database.transaction():
            self._database.run_many(
                f"DELETE FROM history WHERE {_OF} AND day = ?",  # noqa: S608 (ours)
                [(*series._values, day) for day in days],
            )
            self._database.run_many("INSERT INTO history VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def counts(self, series: Series) -> Iterator[Count]:
        """Everything that is kept of a series, day by day."""
        query = f"SELECT kind, status, day, hidden, count FROM history WHERE {_OF}"  # noqa: S608
        for kind, status, day, is_hidden, count in self._database.run(
            f"{query} ORDER BY day, kind, status", series._values
        ):
            yield (kind, status, day), None if is_hidden else count

    def close(self) -> None:
        """Close."""
        self._database.close()
