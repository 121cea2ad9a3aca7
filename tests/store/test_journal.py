"""The journal forgets: beyond so many pushes, and beyond so many days."""

import sqlite3
from pathlib import Path

import pytest

from pushkit_cli.errors import StoreError
from pushkit_cli.store import emulator_db
from pushkit_cli.store.emulator_db import JOURNAL_DAYS, NAME, EmulatorDb, Entry
from pushkit_cli.store.files import Home
from tests.store.players import entry

DAY_MS = 86_400_000
NOW = 1_764_000_000_000


@pytest.fixture
def kept(tmp_path: Path) -> Home:
    return Home(tmp_path / "place")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five pushes are kept, and it is looked after every three."""
    monkeypatch.setattr(emulator_db, "JOURNAL_PUSHES", 5)
    monkeypatch.setattr(emulator_db, "_PRUNE_EVERY", 3)


def told(home: Home) -> list[tuple[int, bool]]:
    sql = sqlite3.connect(home.path / NAME)
    rows = sql.execute("SELECT seq, push FROM journal ORDER BY seq").fetchall()
    sql.close()
    return [(seq, bool(push)) for seq, push in rows]


def push(seq: int, *, days_ago: float = 0) -> Entry:
    return entry(seq, at_ms=NOW - int(days_ago * DAY_MS))


def test_the_limits_are_those_the_house_promises() -> None:
    assert (emulator_db.JOURNAL_PUSHES, JOURNAL_DAYS) == (100_000, 7)
    assert emulator_db.JOURNAL_ENTRIES == 2_000_000


def test_the_oldest_pushes_are_forgotten_beyond_a_number(kept: Home, small: None) -> None:
    database = EmulatorDb(kept)
    for seq in range(1, 40):
        database.commit([("app/a", {"seq": seq})], [push(seq)])
        seqs = [number for number, _ in told(kept)]
        assert seqs == list(range(seqs[0], seq + 1))
        assert min(seq, 5) <= len(seqs) <= 5 + 2
    assert database.rows() == [("app/a", {"seq": 39})]
    database.close()


def test_what_a_push_made_happen_does_not_count_and_goes_with_the_pushes(
    kept: Home, small: None
) -> None:
    database = EmulatorDb(kept)
    for seq in range(1, 61, 3):
        events = [entry(seq + it, at_ms=NOW, is_push=False) for it in (1, 2)]
        database.commit([], [push(seq), *events])
    kept_pushes = [seq for seq, is_push in told(kept) if is_push]
    assert 5 <= len(kept_pushes) <= 7
    assert kept_pushes[-1] == 58
    first = told(kept)[0][0]
    assert told(kept) == [(seq, seq % 3 == 1) for seq in range(first, 61)]
    assert first in (kept_pushes[0] - 2, kept_pushes[0])
    database.close()


def test_many_pushes_in_one_turn_are_kept_up_to_the_number(kept: Home, small: None) -> None:
    database = EmulatorDb(kept)
    database.commit([], [push(seq) for seq in range(1, 101)])
    assert [seq for seq, _ in told(kept)] == [96, 97, 98, 99, 100]
    assert database.last_seq == 100
    database.close()


def test_one_push_that_made_much_happen_does_not_fill_the_disk(
    kept: Home, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emulator_db, "JOURNAL_ENTRIES", 20)
    database = EmulatorDb(kept)
    database.commit([], [push(1)])
    for seq in range(2, 101):
        database.commit([], [entry(seq, at_ms=NOW, is_push=False)])
        seqs = [number for number, _ in told(kept)]
        assert seqs == list(range(seqs[0], seq + 1))
        assert min(seq, 20) <= len(seqs) <= 20 + 2
    database.close()


def test_what_is_older_than_a_week_is_forgotten(kept: Home) -> None:
    database = EmulatorDb(kept)
    ages = (30, 8, 7.01, 6.99, 3, 0.5)
    entries = [push(seq, days_ago=age) for seq, age in enumerate(ages, start=1)]
    database.commit([], [*entries, entry(7, at_ms=NOW, is_push=False)])
    assert [seq for seq, _ in told(kept)] == [4, 5, 6, 7]
    database.close()


def test_a_year_of_short_runs_is_forgotten_too(kept: Home) -> None:
    for seq, days_ago in enumerate(range(365, -1, -5), start=1):
        database = EmulatorDb(kept)
        database.commit([], [push(seq, days_ago=days_ago)])
        assert database.last_seq == seq
        database.close()
        assert [number for number, _ in told(kept)] == [seq - 1, seq][seq == 1 :]


def test_numbers_go_on_where_all_else_was_forgotten(kept: Home) -> None:
    database = EmulatorDb(kept)
    database.commit([], [push(seq, days_ago=100) for seq in range(1, 6)])
    database.close()
    database = EmulatorDb(kept)
    assert database.last_seq == 5
    database.commit([], [push(6)])
    assert told(kept) == [(6, True)]
    assert database.last_seq == 6
    database.close()


def test_a_turn_without_events_forgets_nothing(kept: Home, small: None) -> None:
    database = EmulatorDb(kept)
    database.commit([("app/a", {})], [])
    database.commit([], [push(1), push(2)])
    database.commit([("app/a", None)], [])
    assert [seq for seq, _ in told(kept)] == [1, 2]
    database.close()


def test_a_turn_that_fails_forgets_nothing(kept: Home, small: None) -> None:
    database = EmulatorDb(kept)
    database.commit([], [push(seq) for seq in range(1, 6)])
    with pytest.raises(StoreError):
        database.commit([], [*(push(seq) for seq in range(6, 16)), push(1)])
    assert [seq for seq, _ in told(kept)] == [1, 2, 3, 4, 5]
    database.commit([], [push(seq) for seq in range(6, 16)])
    assert [seq for seq, _ in told(kept)] == [11, 12, 13, 14, 15]
    database.close()


def test_a_clock_that_was_set_back_loses_nothing_new(kept: Home) -> None:
    database = EmulatorDb(kept)
    database.commit([], [push(1, days_ago=-300)])
    database.close()
    database = EmulatorDb(kept)
    database.commit([], [push(2), push(3)])
    assert [seq for seq, _ in told(kept)] == [1, 2, 3]
    database.close()
