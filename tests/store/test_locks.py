"""One process at a time holds a lock, and a lock dies with who holds it."""

import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pushkit_cli.store.files import Home
from tests.store.players import add, heard, hold, playing, wait


@pytest.fixture
def kept(tmp_path: Path) -> Home:
    return Home(tmp_path / "place")


def test_another_process_does_not_get_a_lock_that_is_held(kept: Home) -> None:
    lock = kept.lock("lock")
    with playing(hold, kept.path) as process:
        assert heard(process) == "True"
        assert not lock.take(wait=False)
        assert not lock.take(wait=False)
    assert lock.take(wait=False)
    lock.release()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_a_lock_dies_with_its_process(kept: Home, end: signal.Signals) -> None:
    lock = kept.lock("lock")
    with playing(hold, kept.path) as process:
        assert heard(process) == "True"
        process.send_signal(end)
        process.wait()
        assert lock.take(wait=False)
        lock.release()


def test_who_waits_gets_the_lock_when_it_is_given_back(kept: Home) -> None:
    lock = kept.lock("lock")
    assert lock.take()
    with playing(wait, kept.path) as process:
        assert heard(process) == "False"
        assert process.stdout is not None
        assert select.select([process.stdout], [], [], 0.1)[0] == []
        lock.release()
        assert heard(process) == "True"


def test_two_locks_of_one_process_exclude_each_other(kept: Home) -> None:
    first, second = kept.lock("lock"), kept.lock("lock")
    assert first.take(wait=False)
    assert not second.take(wait=False)
    first.release()
    assert second.take(wait=False)
    second.release()


def test_to_release_what_is_not_held_is_no_fault(kept: Home) -> None:
    lock = kept.lock("lock")
    lock.release()
    assert lock.take()
    lock.release()
    lock.release()
    assert kept.lock("lock").take(wait=False)


def test_an_error_inside_gives_the_lock_back(kept: Home) -> None:
    with pytest.raises(KeyError), kept.lock("lock"):
        raise KeyError
    lock = kept.lock("lock")
    assert lock.take(wait=False)
    lock.release()


def test_a_child_does_not_keep_the_lock_of_its_parent(kept: Home) -> None:
    lock = kept.lock("lock")
    assert lock.take()
    code = "import sys; print('up', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        close_fds=False,
    ) as child:
        try:
            assert heard(child) == "up"
            lock.release()
            assert lock.take(wait=False)
            lock.release()
        finally:
            child.kill()


def test_nothing_is_lost_where_several_add_under_the_lock(kept: Home) -> None:
    with (
        playing(add, kept.path, 25) as first,
        playing(add, kept.path, 25) as second,
        playing(add, kept.path, 25) as third,
    ):
        assert [process.wait(30) for process in (first, second, third)] == [0, 0, 0]
    assert kept.read("number") == b"75"
