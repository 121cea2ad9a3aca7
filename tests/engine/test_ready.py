"""How commands find a listener: its file counts while its lock is held, and only then."""

import json
from pathlib import Path
from typing import Any

import pytest

from pushkit_cli.engine import ready
from pushkit_cli.engine.listener import Options, Running, running
from pushkit_cli.errors import ExitCode, StoreError
from pushkit_cli.store.files import Home, Lock
from tests.store.players import heard, hold, playing

WORD: dict[str, Any] = {"v": 1, "event": "ready", "port": 1}
GARBAGE = [b"", b"{", b"[]", b"null", b'"ready"', b"\xff\xfe", b'{"event":"push"}', b"{}", b"\0"]


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


def test_a_file_that_was_named_goes_before_the_home(listener: Running, tmp_path: Path) -> None:
    home, file = Path(listener.ready["home"]), tmp_path / "ready.json"
    assert ready.find(home, None) == listener.ready
    assert ready.find(home, file) is None  # its listener has gone, or is not there yet
    file.write_bytes(json.dumps(WORD).encode())
    assert ready.find(home, file) == WORD


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
