"""A file of ours through its versions: made, migrated with a backup, refused when newer."""

import sqlite3
from pathlib import Path

import pytest

from pushkit_cli.errors import StoreError
from pushkit_cli.store.database import Database
from pushkit_cli.store.files import Home

_FIRST = "CREATE TABLE thing (name TEXT)"
_SECOND = "ALTER TABLE thing ADD COLUMN size INTEGER; UPDATE thing SET size = 7"


@pytest.fixture
def kept(tmp_path: Path) -> Home:
    return Home(tmp_path / "kept")


def _opened(home: Home, *migrations: str) -> list[tuple[object, ...]]:
    database = Database(home, "x.db", migrations)
    try:
        return list(database.run("SELECT * FROM thing"))
    finally:
        database.close()


def test_a_new_file_is_made_by_every_migration(kept: Home) -> None:
    assert _opened(kept, _FIRST, _SECOND) == []
    assert (kept.path / "x.db").stat().st_mode & 0o777 == 0o600
    assert not list(kept.path.glob("x.db.schema*"))


def test_an_older_file_is_backed_up_and_migrated(kept: Home) -> None:
    first = Database(kept, "x.db", (_FIRST,))
    first.run("INSERT INTO thing VALUES ('a')")
    first.close()
    assert _opened(kept, _FIRST, _SECOND) == [("a", 7)]
    backup = kept.path / "x.db.schema1"
    assert backup.stat().st_mode & 0o777 == 0o600
    with sqlite3.connect(backup) as old:
        assert old.execute("SELECT * FROM thing").fetchall() == [("a",)]
    old.close()


def test_a_migration_that_fails_changes_nothing(kept: Home) -> None:
    first = Database(kept, "x.db", (_FIRST,))
    first.run("INSERT INTO thing VALUES ('a')")
    first.close()
    with pytest.raises(StoreError):
        Database(kept, "x.db", (_FIRST, "DELETE FROM thing; DELETE FROM nothing"))
    assert _opened(kept, _FIRST) == [("a",)]


def test_a_newer_file_is_refused_and_left_alone(kept: Home) -> None:
    _opened(kept, _FIRST, _SECOND)
    before = (kept.path / "x.db").read_bytes()
    with pytest.raises(StoreError, match="written by a newer pushkit"):
        Database(kept, "x.db", (_FIRST,))
    assert (kept.path / "x.db").read_bytes() == before


def test_a_transaction_is_all_or_nothing(kept: Home) -> None:
    database = Database(kept, "x.db", (_FIRST,))
    with pytest.raises(StoreError), database.transaction():
        database.run("INSERT INTO thing VALUES ('a')")
        database.run("INSERT INTO nothing VALUES ('a')")
    assert database.number("SELECT count(*) FROM thing") == 0
    database.close()
