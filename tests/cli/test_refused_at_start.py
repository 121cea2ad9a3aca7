"""What keeps a listener from starting is said at once: one error, one hint, exit 6."""

import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pushkit_cli.engine.listener import Options, running
from tests.cli.credentials import p8_file, wrong_keys
from tests.cli.errands import failed, here
from tests.commands import listening, objects


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("option", ["--port", "--production-port"])
@pytest.mark.parametrize("where", ["--ephemeral", "--keep"])
def test_a_port_in_use_names_the_way_out(taken: int, option: str, where: str) -> None:
    said = failed(here("listen", where, "--port", "0", option, str(taken)), 6)
    assert f"port {taken} is in use" in said
    assert "--port 0" in said


def test_a_second_listener_on_one_home_is_told_of_the_first() -> None:
    with listening("--port", "0") as (process, ready):
        done = here("listen", "--port", "0", "--json")
        said = failed(done, 6)
        assert f"process {process.pid}, {ready['endpoint']}" in said
        assert "--ephemeral --port 0" in said
        (error,) = objects(done.stdout)
        assert (error["event"], error["kind"], error["exit"]) == ("error", "config", 6)
        assert here("send", "--type", "voip").returncode == 0  # the first goes on


@pytest.mark.parametrize(
    ("fault", "says", "hint"),
    [
        ("voip:ServiceUnavailabel@10%", "did you mean ServiceUnavailable?", "ACTION is a reason"),
        ("vopi:stall", "did you mean voip?", "SELECTOR is a push type"),
        ("stall@nth", "nth is no time for a fault", "WHEN is one of 10%, nth3"),
    ],
)
def test_a_fault_that_is_none_says_what_it_could_be(fault: str, says: str, hint: str) -> None:
    said = failed(here("listen", "--port", "0", "--fault", fault), 2)
    assert says in " ".join(said.split())
    assert hint in " ".join(said.split())


# Databases


def _garbage(path: Path) -> None:
    path.write_bytes(b"not a database")


def _half(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\0" + bytes(200))


def _cut(path: Path) -> None:
    _made(path)
    path.write_bytes(path.read_bytes()[:5_000])


def _overwritten(path: Path) -> None:
    _made(path)
    content = bytearray(path.read_bytes())
    content[4_096:] = b"\xff" * (len(content) - 4_096)
    path.write_bytes(content)


def _newer(path: Path) -> None:
    _made(path, "PRAGMA user_version = 99")


def _without_its_table(path: Path) -> None:
    _made(path, "DROP TABLE record")


def _with_a_row_that_is_none(path: Path) -> None:
    _made(path, "INSERT INTO record VALUES ('device/x', 1000, '[1]')")


def _with_a_row_of_the_future(path: Path) -> None:
    _made(path, "INSERT INTO record VALUES ('satellite/x', 1000, '{}')")


def _on(home: Path) -> Options:
    return Options(home=home, port=0, production_port=0)


def _made(path: Path, statement: str = "PRAGMA user_version") -> None:
    """One that a listener has made, and somebody has laid hands on."""
    with running(_on(path.parent), lambda _: None):
        pass
    with closing(sqlite3.connect(path)) as sql, sql:
        sql.execute(statement)


DATABASES: dict[Callable[[Path], None], tuple[str, str]] = {
    _garbage: ("is damaged", "move it away"),
    _half: ("is damaged", "move it away"),
    _cut: ("is damaged", "move it away"),
    _overwritten: ("is damaged", "move it away"),
    _newer: (
        "was written by a newer pushkit (schema 99)",
        "update pushkit, or move this file away",
    ),
    _without_its_table: ("is damaged", "move it away"),
    _with_a_row_that_is_none: ("is damaged", "move it away"),
    _with_a_row_of_the_future: ("holds a row that cannot be read", "move it away"),
}


@pytest.mark.parametrize("spoil", DATABASES, ids=lambda spoil: spoil.__name__)
def test_a_database_that_cannot_be_used_is_named_and_kept(
    home: Path, spoil: Callable[[Path], None]
) -> None:
    home.mkdir(mode=0o700)
    path = home / "emulator.db"
    spoil(path)
    before = path.read_bytes()
    said = failed(here("listen", "--port", "0"), 6)
    error, hint = DATABASES[spoil]
    assert f"{path} {error}" in said
    assert hint in said
    assert path.read_bytes() == before


# Keys and certificates


@pytest.mark.parametrize(
    "name", sorted(wrong_keys().keys() - {"public"})
)  # half is enough to verify
def test_a_key_that_cannot_be_is_named(tmp_path: Path, name: str) -> None:
    file = p8_file(tmp_path, pem=wrong_keys()[name])
    said = failed(here("listen", "--ephemeral", "--port", "0", "--key", str(file)), 6)
    assert str(file) in said
    assert "it must be AuthKey_<id>.p8 from Apple, or its public half" in said


def test_what_is_spoilt_among_its_own_certificates_is_made_anew(home: Path) -> None:
    with running(_on(home), lambda _: None) as first:
        ca = Path(first.ready["ca_file"])
    for file in ca.parent.glob("*.pem"):
        file.write_bytes(b"garbage")
    with running(_on(home), lambda _: None):
        assert here("send", "--type", "voip").returncode == 0


def test_a_certificate_that_cannot_be_written_is_named(home: Path) -> None:
    (home / "local").mkdir(mode=0o700, parents=True)
    home.chmod(0o700)
    (home / "local" / "ca.pem").mkdir()
    said = failed(here("listen", "--port", "0"), 6)
    assert str(home / "local" / "ca.pem") in said


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ("a-b", "a_b", "a-b and a_b would share PUSHKIT_TOKEN_A_B_"),
        ("bob", "Bob", "bob and Bob would share PUSHKIT_TOKEN_BOB_"),
        ("a.b:macos", "a-b", "a.b and a-b would share PUSHKIT_TOKEN_A_B_"),
        ("bob", "bob:watchos", "two devices are called bob"),
    ],
)
def test_devices_that_no_variable_could_tell_apart(first: str, second: str, said: str) -> None:
    words = ("--device", first, "--device", second)
    assert said in failed(here("listen", "--ephemeral", "--port", "0", *words), 2)


def test_devices_of_earlier_runs_count_where_a_new_one_is_named() -> None:
    assert here("register", "device", "a-b", "--app", "com.example.app").returncode == 0
    said = failed(here("listen", "--port", "0", "--device", "a_b"), 2)
    assert "a-b and a_b would share" in said
    done = here("register", "device", "A-B", "--app", "com.example.app")
    assert "a-b and A-B would share" in failed(done, 2)
    assert here("register", "device", "a-b", "--app", "com.example.app").returncode == 0
