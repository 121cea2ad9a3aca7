"""The emulator's database: what it keeps, in which order, and all of a turn or none of it."""

import sqlite3
from collections.abc import Iterable, Iterator
from json import loads
from pathlib import Path
from random import Random
from typing import Any

import pytest

from pushkit_cli.errors import ExitCode, StoreError
from pushkit_cli.store.emulator_db import NAME, SCHEMA, EmulatorDb, Entry
from pushkit_cli.store.files import Home
from tests.store.players import commit_for_ever, entry, fill_the_disk, heard, play, playing

Puts = Iterable[tuple[str, dict[str, Any] | None]]


@pytest.fixture
def kept(tmp_path: Path) -> Home:
    return Home(tmp_path / "place")


@pytest.fixture
def database(kept: Home) -> Iterator[EmulatorDb]:
    opened = EmulatorDb(kept)
    yield opened
    opened.close()


def journal(home: Home) -> list[tuple[int, bool, Any]]:
    """The journal as any reader sees it: number, whether it is a push, and the event."""
    sql = sqlite3.connect(home.path / NAME)
    rows = sql.execute("SELECT seq, push, value FROM journal ORDER BY seq").fetchall()
    sql.close()
    return [(seq, bool(push), loads(value)) for seq, push, value in rows]


def change(home: Home, *statements: str) -> bytes:
    """Do to the file what no listener does; its bytes thereafter."""
    EmulatorDb(home).close()
    sql = sqlite3.connect(home.path / NAME, isolation_level=None)
    sql.execute("PRAGMA journal_mode = DELETE")
    for statement in statements:
        sql.execute(statement)
    sql.close()
    return (home.path / NAME).read_bytes()


# Rows


def test_rows_come_in_the_order_in_which_they_were_first_put(kept: Home) -> None:
    database = EmulatorDb(kept)
    database.commit([("b", {"n": 1}), ("a", {"n": 2}), ("c", {"n": 3})], [])
    database.commit([("a", {"n": 4}), ("b", None), ("d", {"n": 5})], [])
    database.commit([("b", {"n": 6}), ("e", {"n": 7}), ("e", None)], [])
    expected = [("a", {"n": 4}), ("c", {"n": 3}), ("d", {"n": 5}), ("b", {"n": 6})]
    assert database.rows() == expected
    database.close()
    again = EmulatorDb(kept)
    again.commit([("0", {})], [])
    assert again.rows() == [*expected, ("0", {})]
    again.close()


def test_a_row_comes_back_as_it_went_in(database: EmulatorDb) -> None:
    row = {"text": "\u00e9 \U0001f600 \ud800 \x00", "none": None, "deep": [{"x": [1.5, True, -1]}]}
    database.commit([("app/\u00e9", row)], [])
    assert database.rows() == [("app/\u00e9", row)]


@pytest.mark.parametrize("seed", range(20))
def test_rows_are_those_of_a_dictionary(kept: Home, seed: int) -> None:
    random, expected = Random(seed), dict[str, dict[str, Any]]()
    database = EmulatorDb(kept)
    for _ in range(40):
        puts: list[tuple[str, dict[str, Any] | None]] = []
        for _ in range(random.randint(0, 4)):
            key, row = f"k/{random.randint(0, 9)}", {"n": random.random()}
            puts.append((key, None if random.random() < 0.4 else row))
        for key, value in puts:
            if value is None:
                expected.pop(key, None)
            else:
                expected[key] = value
        database.commit(puts, [])
        assert database.rows() == list(expected.items())
        if random.random() < 0.1:
            database.close()
            database = EmulatorDb(kept)
    database.close()


def test_the_journal_is_kept_as_it_was_told(database: EmulatorDb, kept: Home) -> None:
    assert database.last_seq == 0
    database.commit([], [entry(1), entry(2, is_push=False)])
    database.commit([], [entry(3)])
    assert journal(kept) == [(1, True, {"seq": 1}), (2, False, {"seq": 2}), (3, True, {"seq": 3})]
    assert database.last_seq == 3


def test_to_close_leaves_one_file(kept: Home) -> None:
    database = EmulatorDb(kept)
    database.commit([("a", {})], [])
    assert (kept.path / f"{NAME}-wal").exists()
    database.close()
    assert sorted(path.name for path in kept.path.iterdir()) == [".gitignore", NAME]


# All or nothing


def _breaking(error: Exception) -> Iterator[tuple[str, dict[str, Any] | None]]:
    yield "new", {}
    yield "old", None
    raise error


@pytest.mark.parametrize(
    ("puts", "entries", "error"),
    [
        ([("new", {}), ("old", None), ("bad", {"x": object()})], [entry(2)], TypeError),
        ([("new", {}), ("old", None), ("\ud800", {})], [entry(2)], UnicodeError),
        (_breaking(KeyError("x")), [entry(2)], KeyError),
        ([("new", {}), ("old", None)], [entry(2), entry(1)], StoreError),
        ([("new", {}), ("old", None)], [entry(2), entry(2)], StoreError),
        ([("new", {}), ("old", None)], [entry(2), entry(2**63)], OverflowError),
    ],
)
def test_an_error_in_the_middle_of_a_turn_undoes_all_of_it(
    database: EmulatorDb, kept: Home, puts: Puts, entries: list[Entry], error: type[Exception]
) -> None:
    database.commit([("old", {"n": 1})], [entry(1)])
    with pytest.raises(error):
        database.commit(puts, entries)
    assert database.rows() == [("old", {"n": 1})]
    assert [seq for seq, _, _ in journal(kept)] == [1]
    database.commit([("next", {})], [entry(2)])
    assert database.rows() == [("old", {"n": 1}), ("next", {})]
    assert database.last_seq == 2


@pytest.mark.parametrize("size", [1, 100], ids=["at the commit", "in the middle of a large turn"])
def test_a_full_disk_undoes_the_turn_and_says_so(kept: Home, size: int) -> None:
    (message, hint), (rows, last), *_ = map(loads, play(fill_the_disk, kept.path, size))
    assert message == f"{kept.path / NAME} cannot be used: disk I/O error"
    assert "free space" in hint
    assert (rows, last) == ([["app/before", {}]], 1)
    database = EmulatorDb(kept)
    assert database.rows() == [("app/before", {}), ("app/after", {})]
    assert [seq for seq, _, _ in journal(kept)] == [1, 2]
    database.close()


@pytest.mark.parametrize("turns", [1, 20, 300])
def test_what_was_committed_survives_sigkill(kept: Home, turns: int) -> None:
    with playing(commit_for_ever, kept.path) as process:
        committed = [int(heard(process)) for _ in range(turns)][-1]
    database = EmulatorDb(kept)
    seqs = [seq for seq, _, _ in journal(kept)]
    assert database.last_seq >= committed == turns
    assert seqs == list(range(1, database.last_seq + 1))
    assert database.rows() == [(f"app/{seq}", {"seq": seq}) for seq in seqs]
    database.close()


def test_a_reader_is_not_kept_waiting_by_a_turn(database: EmulatorDb, kept: Home) -> None:
    def puts() -> Iterator[tuple[str, dict[str, Any] | None]]:
        yield "new", {}
        assert journal(kept) == []

    database.commit(puts(), [entry(1)])
    assert len(journal(kept)) == 1


# Files that are refused, and kept as they are


def _refused(home: Home, words: str, hint: str) -> None:
    before = (home.path / NAME).read_bytes()
    with pytest.raises(StoreError) as caught:
        _read_all(home)
    assert caught.value.exit_code is ExitCode.CONFIG
    assert str(home.path / NAME) in caught.value.message
    assert words in caught.value.message
    assert hint in (caught.value.hint or "")
    assert (home.path / NAME).read_bytes() == before


def _read_all(home: Home) -> None:
    database = EmulatorDb(home)
    try:
        database.rows()
        assert database.last_seq >= 0
    finally:
        database.close()


def test_a_newer_schema_is_refused(kept: Home) -> None:
    change(kept, f"PRAGMA user_version = {SCHEMA + 1}")
    _refused(kept, f"written by a newer pushkit (schema {SCHEMA + 1})", "update pushkit")


@pytest.mark.parametrize(
    "content",
    [b"not a database", b"SQLite format 3\0" + bytes(84), b"\0" * 5000],
    ids=["text", "a header alone", "zeros"],
)
def test_a_file_that_is_no_database_is_refused(kept: Home, content: bytes) -> None:
    kept.write(NAME, content)
    _refused(kept, "is damaged: file is not a database", "move it away")


@pytest.mark.parametrize("table", ["record", "journal"])
def test_a_database_without_a_table_is_refused(kept: Home, table: str) -> None:
    change(kept, "PRAGMA journal_mode = WAL", f"DROP TABLE {table}")
    _refused(kept, f"is damaged: no such table: {table}", "move it away")


@pytest.mark.parametrize("value", ["", "{", "[]", '"x"', "null", "\ud7ff", "[" * 300])
def test_a_row_that_is_no_record_is_refused(kept: Home, value: str) -> None:
    change(
        kept,
        "PRAGMA journal_mode = WAL",
        "INSERT INTO record VALUES ('app/good', 1, '{}')",
        f"INSERT INTO record VALUES ('app/bad', 2, '{value}')",
    )
    _refused(kept, "is damaged: ", "move it away")


def test_damaged_pages_are_refused_or_read_but_never_a_traceback(kept: Home) -> None:
    database = EmulatorDb(kept)
    for start in range(0, 300, 100):
        puts = [(f"app/{seq}", {"text": "x" * 90}) for seq in range(start, start + 100)]
        database.commit(puts, [entry(seq) for seq in range(start + 1, start + 101)])
    database.close()
    whole = (kept.path / NAME).read_bytes()
    outcomes = {_with_damage(kept, whole, Random(seed)) for seed in range(60)}
    assert outcomes == {"read", "refused"}


def _with_damage(home: Home, whole: bytes, random: Random) -> str:
    page = random.randrange(len(whole) // 4096) * 4096
    spoilt = whole[:page] + random.randbytes(random.choice([16, 4096])) + whole[page + 4096 :]
    spoilt = spoilt if len(spoilt) == len(whole) else spoilt + whole[len(spoilt) :]
    home.write(NAME, spoilt)
    try:
        _read_all(home)
    except StoreError as error:
        assert error.hint
        return "refused"
    return "read"


def test_a_database_that_was_closed_raises_nothing_else(kept: Home) -> None:
    database = EmulatorDb(kept)
    database.close()
    with pytest.raises(StoreError):
        database.commit([("a", {})], [])
    with pytest.raises(StoreError):
        database.rows()
    with pytest.raises(StoreError):
        assert database.last_seq
