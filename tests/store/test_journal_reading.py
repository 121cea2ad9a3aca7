"""The journal as it is read: in pages, from a moment on, about one push, and cleared."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from pushkit_cli.store import emulator_db
from pushkit_cli.store.emulator_db import NAME, EmulatorDb, Entry
from pushkit_cli.store.files import Home

PUSH, OTHER = "ab" * 16, "cd" * 16


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "place")


@pytest.fixture
def database(home: Home) -> Iterator[EmulatorDb]:
    opened = EmulatorDb(home)
    opened.commit([], [_entry(seq) for seq in range(1, 10)])
    yield opened
    opened.close()


def _entry(seq: int, push_id: str | None = None) -> Entry:
    """Every third one is a push; ten milliseconds lie between two."""
    value = json.dumps({"seq": seq})
    return Entry(seq=seq, at_ms=seq * 10, is_push=seq % 3 == 0, value=value, push_id=push_id)


def _seqs(rows: list[tuple[int, str]]) -> list[int]:
    assert [json.loads(text)["seq"] for _, text in rows] == [seq for seq, _ in rows]
    return [seq for seq, _ in rows]


def test_a_page_has_an_end_and_goes_either_way(database: EmulatorDb) -> None:
    assert _seqs(database.after(0, limit=4)) == [1, 2, 3, 4]
    assert _seqs(database.after(4, limit=99)) == [5, 6, 7, 8, 9]
    assert _seqs(database.after(9, limit=4)) == []
    assert _seqs(database.before(10, limit=2)) == [9, 8]
    assert _seqs(database.before(1, limit=2)) == []
    assert _seqs(database.after(0, limit=2, pushes_alone=True)) == [3, 6]
    assert _seqs(database.before(9, limit=9, pushes_alone=True)) == [6, 3]


@pytest.mark.parametrize(
    ("at_ms", "last"), [(0, 0), (10, 0), (11, 1), (45, 4), (50, 4), (90, 8), (91, 9), (10**15, 9)]
)
def test_a_moment_has_a_place(database: EmulatorDb, at_ms: int, last: int) -> None:
    assert database.last_before(at_ms) == last


def test_a_moment_has_a_place_where_the_journal_has_gaps(database: EmulatorDb) -> None:
    database.clear(7)
    database.commit([], [Entry(seq=50, at_ms=100, is_push=True, value="{}")])
    assert [database.last_before(at_ms) for at_ms in (0, 80, 81, 95, 100, 101)] == [
        7, 7, 8, 49, 49, 50,
    ]  # fmt: skip


def test_what_is_about_a_push_is_found_by_the_beginning_of_its_id(database: EmulatorDb) -> None:
    database.commit([], [_entry(21, PUSH), _entry(22, OTHER), _entry(23, PUSH), _entry(24, OTHER)])
    assert _seqs(database.pushes("abab", limit=9)) == [21]
    assert _seqs(database.pushes("", limit=9)) == [21, 24]
    assert database.pushes("ef", limit=9) == []
    found = database.about(PUSH, after=21, upto=99)
    assert [json.loads(text)["seq"] for text in found] == [23]
    assert database.about(PUSH, after=21, upto=22) == []


def test_numbers_go_on_after_the_journal_was_cleared(
    home: Home, database: EmulatorDb, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emulator_db, "_CLEARED_AT_ONCE", 4)
    turns = 1
    while database.clear(7):
        turns += 1
    assert turns == 2
    assert _seqs(database.after(0, limit=99)) == [8, 9]
    database.clear(99)
    assert database.after(0, limit=99) == []
    assert database.last_seq == 9
    database.close()
    again = EmulatorDb(home)
    assert again.last_seq == 9
    again.commit([], [_entry(10)])
    assert again.last_seq == 10
    again.close()


def test_an_older_journal_learns_which_push_each_entry_is_about(home: Home) -> None:
    sql = sqlite3.connect(home.create(NAME), isolation_level=None)
    for statement in emulator_db._MIGRATIONS[0].split(";"):
        sql.execute(statement)
    sql.execute("PRAGMA user_version = 1")
    values = (
        f'{{"v":1,"event":"push","seq":1,"at":"x","id":"{PUSH}","headers":{{"id":"no"}}}}',
        f'{{"v":1,"event":"delivered","seq":2,"at":"x","push_id":"{PUSH}","device":"d"}}',
        '{"v":1,"event":"warning","seq":3,"at":"x","push_id":null}',
    )
    for seq, value in enumerate(values, start=1):
        sql.execute("INSERT INTO journal VALUES (?, 0, ?, ?)", (seq, seq == 1, value))
    sql.close()
    database = EmulatorDb(home)
    assert database.pushes(PUSH[:6], limit=9) == [(1, values[0])]
    assert database.about(PUSH, after=1, upto=9) == [values[1]]
    assert database.last_seq == 3
    database.close()
    assert (home.path / f"{NAME}.schema1").stat().st_mode & 0o777 == 0o600
