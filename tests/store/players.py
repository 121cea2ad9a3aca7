"""What other processes do to a home: each function is run in one of its own."""

import json
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from pushkit_cli.errors import StoreError
from pushkit_cli.store.emulator_db import EmulatorDb, Entry
from pushkit_cli.store.files import Home

ROOT = Path(__file__).parents[2]
PATIENCE_S = 30.0
SIZE = 4_000_000


def entry(seq: int, *, at_ms: int = 0, is_push: bool = True) -> Entry:
    return Entry(seq=seq, at_ms=at_ms, is_push=is_push, value=json.dumps({"seq": seq}))


def say(word: object) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


# Played in a process of its own


def make_everything(place: str) -> None:
    """One file of every kind; says the modes of all that is there."""
    home = Home(Path(place))
    home.write("written", b"x")
    home.write("local/key", b"x")
    home.create("created")
    home.folder("run")
    home.lock("run/lock").take()
    database = EmulatorDb(home)
    database.commit([("app/a", {})], [entry(1)])
    found = {path: path.stat().st_mode & 0o7777 for path in home.path.rglob("*")}
    say(json.dumps({str(path.relative_to(home.path)): mode for path, mode in found.items()}))


def write_for_ever(place: str) -> None:
    """Replace one file with one letter, then with the other, and so on."""
    home = Home(Path(place))
    home.write("file", b"A" * SIZE)
    say("begun")
    for turn in count():
        home.write("file", (b"B", b"A")[turn % 2] * SIZE)


def write_too_much(place: str) -> None:
    """Write beyond what a file may hold; say what it came to."""
    home = Home(Path(place))
    _limit(1_000)
    try:
        home.write("file", b"new" * 1_000)
    except StoreError as error:
        say(json.dumps([error.message, error.hint]))


def hold(place: str) -> None:
    """Hold the lock until killed."""
    lock = Home(Path(place)).lock("lock")
    say(lock.take(wait=False))
    sys.stdin.read()


def wait(place: str) -> None:
    """Wait for the lock, and say so before and after."""
    lock = Home(Path(place)).lock("lock")
    say(lock.take(wait=False))
    say(lock.take())


def add(place: str, times: str) -> None:
    """Add one to a number in a file, so many times, each time under the lock."""
    home = Home(Path(place))
    for _ in range(int(times)):
        with home.lock("lock"):
            home.write("number", str(int(home.read("number") or b"0") + 1).encode())


def commit_for_ever(place: str) -> None:
    """Commit turn after turn; each number that is said was committed."""
    database = EmulatorDb(Home(Path(place)))
    for seq in count(1):
        database.commit([(f"app/{seq}", {"seq": seq})], [entry(seq)])
        say(seq)


def fill_the_disk(place: str, size: str) -> None:
    """Commit a turn that finds no room, then, with room again, one more."""
    database = EmulatorDb(Home(Path(place)))
    database.commit([("app/before", {})], [entry(1)])
    log = Path(place) / "emulator.db-wal"
    before = _limit(log.stat().st_size)
    try:
        puts = ((f"app/{place}", {"text": "x" * 100_000}) for place in range(int(size)))
        database.commit(puts, [entry(2)])
    except StoreError as error:
        say(json.dumps([error.message, error.hint]))
    _limit(before)
    say(json.dumps([database.rows(), database.last_seq]))
    database.commit([("app/after", {})], [entry(2)])
    database.close()


def _limit(size: int) -> int:
    """How large a file may become; what it was before."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    return soft


# Called by the tests


def _command(player: Callable[..., None], arguments: tuple[object, ...]) -> list[str]:
    words = [player.__name__, *(str(one) for one in arguments)]
    return [sys.executable, "-m", "tests.store.players", *words]


def play(player: Callable[..., None], *arguments: object, umask: int = -1) -> list[str]:
    """Run to the end; the lines that were said."""
    done = subprocess.run(
        _command(player, arguments),
        cwd=ROOT,
        umask=umask,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@contextmanager
def playing(player: Callable[..., None], *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Run beside the test; killed at the end of the block."""
    with subprocess.Popen(
        _command(player, arguments),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def heard(process: subprocess.Popen[str]) -> str:
    """The next line that a process says."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
