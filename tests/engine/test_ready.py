"""How commands find a listener: its file counts while its lock is held, and only then."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from pushkit_cli.engine import ready
from pushkit_cli.engine.listener import Options, Running, running
from pushkit_cli.errors import ExitCode, PortError, StoreError
from pushkit_cli.store.files import Home, Lock
from tests.conftest import Told
from tests.store.players import heard, hold, playing

WORD: dict[str, Any] = {"v": 1, "event": "ready", "nonce": "n", "port": 1}
GARBAGE = [
    b"", b"{", b"[]", b"null", b'"ready"', b"\xff\xfe", b'{"event":"push"}', b"{}", b"\0",
    b'{"event":"ready"}',
]  # fmt: skip


def left_behind(home: Path, content: bytes = json.dumps(WORD).encode()) -> Lock:
    """What a listener that was killed leaves in its home; its lock, which nobody holds."""
    kept = Home(home)
    kept.write(ready.RUN_FILE, content)
    return kept.lock(ready.LOCK_FILE)


def test_without_a_home_nobody_listens_and_none_is_made(home: Path) -> None:
    assert ready.find(home, None) is None
    assert not home.exists()


def test_a_home_without_a_lock_has_no_listener(home: Path) -> None:
    Home(home).write(ready.RUN_FILE, json.dumps(WORD).encode())
    assert ready.find(home, None) is None
    assert not (home / ready.LOCK_FILE).exists()


@pytest.mark.parametrize("content", [json.dumps(WORD).encode(), *GARBAGE])
def test_the_word_of_who_holds_no_lock_does_not_count(home: Path, content: bytes) -> None:
    lock = left_behind(home, content)
    assert ready.find(home, None) is None
    assert (home / ready.RUN_FILE).read_bytes() == content
    assert lock.take(wait=False)  # to look does not take it away
    lock.release()


def test_the_word_of_who_holds_the_lock_counts(home: Path) -> None:
    with left_behind(home):
        assert ready.find(home, None) == WORD
        assert ready.find(home, None) == WORD
    assert ready.find(home, None) is None


def test_the_lock_of_another_process_counts(home: Path) -> None:
    left_behind(home)
    (home / ready.LOCK_FILE).rename(home / "lock")
    (home / ready.LOCK_FILE).hardlink_to(home / "lock")
    with playing(hold, home) as process:
        assert heard(process) == "True"
        assert ready.find(home, None) == WORD
    assert ready.find(home, None) is None


def test_who_holds_the_lock_and_has_not_spoken_is_not_ready(home: Path) -> None:
    lock = left_behind(home)
    (home / ready.RUN_FILE).unlink()
    with lock:
        assert ready.find(home, None) is None


@pytest.mark.parametrize("content", GARBAGE)
def test_garbage_from_who_holds_the_lock_is_named(home: Path, content: bytes) -> None:
    with left_behind(home, content):
        _named(home, None)


@pytest.mark.parametrize("content", GARBAGE)
def test_garbage_in_a_file_that_was_named_is_named(
    home: Path, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "ready.json"
    file.write_bytes(content)
    _named(home, file)


def test_a_folder_in_the_place_of_the_file_is_named(home: Path, tmp_path: Path) -> None:
    _named(home, tmp_path)


def _named(home: Path, file: Path | None) -> None:
    with pytest.raises(StoreError) as caught:
        ready.find(home, file)
    assert caught.value.message == f"{file or home / ready.RUN_FILE} is not a ready file"
    assert caught.value.hint
    assert caught.value.exit_code is ExitCode.CONFIG


def test_a_file_that_was_named_goes_before_the_home(
    listener: Running, told: Told, tmp_path: Path
) -> None:
    home, file = Path(listener.ready["home"]), tmp_path / "ready.json"
    assert ready.find(home, None) == listener.ready
    assert ready.find(home, file) is None  # its listener has gone, or is not there yet
    other = Options(home=tmp_path / "other", port=0, production_port=0, ready_file=file)
    with running(other, told.append) as second:
        assert ready.find(home, file) == second.ready != listener.ready
        left = file.read_bytes()
    file.write_bytes(left)  # as one that was killed leaves it
    assert ready.find(home, file) is None


NOBODYS: dict[str, dict[str, Any]] = {
    "no home": {"home": None},
    "a home that is none": {"home": 5},
    "a home that is gone": {"home": "/nowhere/home"},
    "the word of its predecessor": {"nonce": "another"},
    "a nonce that is none": {"nonce": None},
}


@pytest.mark.parametrize("name", NOBODYS)
def test_a_file_whose_writer_does_not_live_does_not_count(
    listener: Running, tmp_path: Path, name: str
) -> None:
    file = tmp_path / "ready.json"
    file.write_text(json.dumps(listener.ready))
    assert ready.find(tmp_path, file) == listener.ready
    file.write_text(json.dumps(listener.ready | NOBODYS[name]))
    assert ready.find(tmp_path, file) is None


def test_what_a_killed_listener_left_is_gone_before_the_next_is_ready(
    home: Path, tmp_path: Path
) -> None:
    file = tmp_path / "ready.json"
    file.write_text(json.dumps(WORD | {"home": str(home)}))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        options = Options(home=home, port=0, production_port=port, ready_file=file)
        with pytest.raises(PortError), running(options, lambda _: None):
            pytest.fail("it started")
    assert not file.exists()


def test_the_word_of_another_listener_and_a_file_of_another_kind_are_left_alone(
    listener: Running, tmp_path: Path
) -> None:
    file = tmp_path / "ready.json"
    for content in (json.dumps(listener.ready).encode(), *GARBAGE):
        file.write_bytes(content)
        ready.clear(file)
        assert file.read_bytes() == content


def test_a_home_that_cannot_be_trusted_is_not_looked_into(home: Path) -> None:
    left_behind(home)
    home.chmod(0o755)
    with pytest.raises(StoreError, match="can be read by other users"):
        ready.find(home, None)


def test_a_listener_is_found_from_its_ready_event_to_its_end(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "ready.json"
    options = Options(home=home, port=0, production_port=0, ready_file=file)
    with running(options, lambda _: None) as up:
        assert ready.find(home, None) == ready.find(home, file) == up.ready
        for path in (file, home / ready.RUN_FILE):
            assert path.stat().st_mode & 0o777 == 0o600
    assert ready.find(home, None) is None
    assert ready.find(home, file) is None
    assert not file.exists()


def test_a_home_that_was_named_from_here_is_found_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "ready.json"
    monkeypatch.chdir(tmp_path)
    options = Options(home=Path("home"), port=0, production_port=0, ready_file=file)
    with running(options, lambda _: None) as up:
        monkeypatch.chdir("/")
        assert ready.find(tmp_path, file) == up.ready
