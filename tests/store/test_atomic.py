"""A file in a home is whole or absent, whatever happens to who writes it."""

import re
import signal
import subprocess
import threading
import time
from json import loads
from pathlib import Path

import pytest

from pushkit_cli.store.files import Home
from tests.store.players import (
    PATIENCE_S,
    SIZE,
    heard,
    play,
    playing,
    write_for_ever,
    write_too_much,
)

WHOLE = {b"A" * SIZE, b"B" * SIZE}


def _unfinished(place: Path) -> list[Path]:
    return [path for path in place.iterdir() if path.name.startswith(".file.")]


def _in_the_middle(place: Path, process: subprocess.Popen[str]) -> None:
    """Come back at a moment at which a file is being written."""
    assert heard(process) == "begun"
    end = time.monotonic() + PATIENCE_S
    while not _unfinished(place):
        assert time.monotonic() < end


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "place"


@pytest.mark.parametrize("round_", range(4))
def test_who_is_killed_while_writing_leaves_a_whole_file(place: Path, round_: int) -> None:
    with playing(write_for_ever, place) as process:
        _in_the_middle(place, process)
    assert (place / "file").read_bytes() in WHOLE
    left = _unfinished(place)
    assert all(re.fullmatch(r"\.file\.[0-9a-f]{12}", path.name) for path in left)
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in left)
    assert Home(place).write("file", b"next").read_bytes() == b"next"


@pytest.mark.parametrize("round_", range(4))
def test_who_is_interrupted_while_writing_leaves_nothing_else(place: Path, round_: int) -> None:
    with playing(write_for_ever, place) as process:
        _in_the_middle(place, process)
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE_S)
    assert (place / "file").read_bytes() in WHOLE
    assert sorted(path.name for path in place.iterdir()) == [".gitignore", "file"]


def test_a_full_disk_leaves_the_old_file_and_nothing_else(place: Path) -> None:
    Home(place).write("file", b"old")
    (said,) = play(write_too_much, place)
    message, hint = loads(said)
    assert message == f"{place / 'file'}: file too large"
    assert hint
    assert sorted(path.name for path in place.iterdir()) == [".gitignore", "file"]
    assert (place / "file").read_bytes() == b"old"


def test_a_full_disk_leaves_no_new_file(place: Path) -> None:
    play(write_too_much, place)
    assert [path.name for path in place.iterdir()] == [".gitignore"]


def test_who_reads_while_another_writes_sees_whole_files_alone(place: Path) -> None:
    with playing(write_for_ever, place) as process:
        assert heard(process) == "begun"
        home, seen = Home(place), set[bytes]()
        end = time.monotonic() + PATIENCE_S
        while seen != WHOLE:
            assert time.monotonic() < end
            seen.add(home.read("file") or b"")
            assert seen <= WHOLE


def test_writers_do_not_meet_in_the_middle(place: Path) -> None:
    home = Home(place)

    def write(letter: bytes) -> None:
        for _ in range(20):
            home.write("file", letter * 10_000)

    threads = [threading.Thread(target=write, args=(bytes((65 + it,)),)) for it in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    last = home.read("file") or b""
    assert len(last) == 10_000
    assert len(set(last)) == 1
    assert _unfinished(place) == []
