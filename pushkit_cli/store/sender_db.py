"""What a sender remembers: pushes and what became of them, and channels. Disk only.

No credential is part of it, and no whole device token.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any

from pushkit_cli.apns.facts import Storage
from pushkit_cli.store.database import Database, storable
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
    """
    ALTER TABLE history RENAME TO earlier;
    CREATE TABLE history (
        seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, profile TEXT NOT NULL,
        environment TEXT NOT NULL, app TEXT, device TEXT, token_fp TEXT,
        type TEXT NOT NULL, topic TEXT, payload BLOB NOT NULL,
        outcome TEXT NOT NULL, status INTEGER, reason TEXT, apns_id TEXT, channel TEXT
    );
    INSERT INTO history SELECT *, NULL FROM earlier;
    DROP TABLE earlier;
    CREATE TABLE channels (
        id TEXT PRIMARY KEY, app TEXT NOT NULL, environment TEXT NOT NULL, storage TEXT,
        at_ms INTEGER NOT NULL
    )
    """,
    "ALTER TABLE history ADD COLUMN headers TEXT",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """One push, to a device by its token or to a channel; `at_ms` is Unix milliseconds.

    `token_fp` is the fingerprint of the device token; a broadcast's `apns_id` is the id that its
    request was answered with. `headers` is a JSON object of what was said beside topic, type and
    ids, `None` where that was not written down.
    """

    at_ms: int
    profile: str
    environment: str
    app: str | None
    device: str | None
    token_fp: str | None
    type: str
    topic: str | None
    payload: bytes
    outcome: str
    status: int | None
    reason: str | None
    apns_id: str | None
    channel: str | None = None
    headers: str | None = None


class History:
    """The history of one home; opened for one transaction, then closed."""

    def __init__(self, home: Home) -> None:
        """Open or make it. Raises StoreError."""
        self._database = Database(home, NAME, _MIGRATIONS)

    def add(self, pushes: Sequence[Remembered]) -> None:
        """Remember pushes, and forget the oldest."""
        marks = ", ".join("?" * len(Remembered.__slots__))
        with self._database.transaction():
            self._database.run_many(
                f"INSERT INTO history VALUES (NULL, {marks})",  # noqa: S608 (marks alone)
                [tuple(map(storable, astuple(push))) for push in pushes],
            )
            self._database.run(
                "DELETE FROM history WHERE seq <= (SELECT max(seq) FROM history) - ?", (KEPT,)
            )

    def last(self, count: int) -> list[Remembered]:
        """The newest pushes, newest first."""
        rows = self._database.run("SELECT * FROM history ORDER BY seq DESC LIMIT ?", (count,))
        return [_push(row) for row in rows]

    def newest(self, profile: str) -> list[Remembered]:
        """Every push of a profile's newest command, in the order they were sent."""
        return self._found(
            "profile = ?1 AND at_ms = (SELECT at_ms FROM history WHERE profile = ?1 "
            "ORDER BY seq DESC LIMIT 1)",
            (profile,),
        )

    def called(self, prefix: str, profile: str) -> list[Remembered]:
        """The pushes of a profile whose id begins so, whatever its case, oldest first."""
        return self._found(
            "profile = ? AND lower(substr(apns_id, 1, ?)) = ?",
            (profile, len(prefix), storable(prefix.lower())),
        )

    def _found(self, where: str, values: tuple[Any, ...]) -> list[Remembered]:
        query = f"SELECT * FROM history WHERE {where} ORDER BY seq"  # noqa: S608 (ours alone)
        return [_push(row) for row in self._database.run(query, values)]

    def close(self) -> None:
        """Close."""
        self._database.close()


def _push(row: Sequence[Any]) -> Remembered:
    return Remembered(**dict(zip(Remembered.__slots__, row[1:], strict=True)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRecord:
    """A broadcast channel as its service told of it at `at_ms` (Unix milliseconds).

    `environment` is a value of `--env`; `storage` `None`: it was not said.
    """

    id: str
    app: str
    environment: str
    storage: Storage | None
    at_ms: int


class Channels:
    """The channels that this home knows of; opened for one transaction, then closed."""

    def __init__(self, home: Home) -> None:
        """Open or make the file. Raises StoreError."""
        self._database = Database(home, NAME, _MIGRATIONS)

    def find(self, channel_id: str) -> ChannelRecord | None:
        """What is known of one; ids are never used again."""
        rows = self._database.run("SELECT * FROM channels WHERE id = ?", (storable(channel_id),))
        return _channel(rows[0]) if rows else None

    def every(self) -> list[ChannelRecord]:
        """All that are known, the newest first."""
        rows = self._database.run("SELECT * FROM channels ORDER BY at_ms DESC")
        return [_channel(row) for row in rows]

    def of(self, app: str, environment: str) -> dict[str, ChannelRecord]:
        """Those of an app in one environment, by their id."""
        rows = self._database.run(
            "SELECT * FROM channels WHERE app = ? AND environment = ?", (app, environment)
        )
        return {str(row[0]): _channel(row) for row in rows}

    def ids(self) -> list[str]:
        """The id of every one, the newest first."""
        rows = self._database.run("SELECT id FROM channels ORDER BY at_ms DESC")
        return [str(row[0]) for row in rows]

    def put(self, record: ChannelRecord) -> None:
        """Write what is known of one."""
        with self._database.transaction():
            self._database.run(
                "INSERT OR REPLACE INTO channels VALUES (?, ?, ?, ?, ?)",
                tuple(map(storable, astuple(record))),
            )

    def forget(self, channel_id: str) -> None:
        """Forget one."""
        with self._database.transaction():
            self._database.run("DELETE FROM channels WHERE id = ?", (storable(channel_id),))

    def close(self) -> None:
        """Close."""
        self._database.close()


def _channel(row: Sequence[Any]) -> ChannelRecord:
    name, app, environment, storage, at_ms = row
    kept = None if storage is None else Storage(storage)
    return ChannelRecord(id=name, app=app, environment=environment, storage=kept, at_ms=at_ms)
