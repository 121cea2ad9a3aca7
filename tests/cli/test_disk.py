"""Homes that cannot be written, disks that are full: what still works, and nothing half written."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pushkit_cli.apns.message import Response
from tests.cli.credentials import APP, KEY, TEAM, TOKEN, p8, p8_file
from tests.cli.errands import Done, failed, files_below, here, left_behind, prepared, spoken
from tests.cli.hosts import always, raw_host
from tests.commands import PATIENCE_S, PUSHKIT, objects

_SEND = ("send", "--type", "voip", "--to", TOKEN, "--app", APP, "--env", "local", "-d",
    "callUUID=x", "--retries", "0")  # fmt: skip
_OK = Response(status=200)
_STATELESS = {"PUSHKIT_TEAM_ID": TEAM, "PUSHKIT_KEY_ID": KEY}


def _through(program: str, arguments: tuple[str, ...], **more: Any) -> Done:
    """A command behind a program that changes its own process first, then becomes it."""
    return subprocess.run(
        [sys.executable, "-c", program, PUSHKIT, *arguments],
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
        **more,
    )


# A home that cannot be written

_AS_ROOT_TOO = """
import ctypes, os, sys
if os.geteuid() == 0:  # root may write anywhere, unless it gives that up
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        if ctypes.CDLL(None).prctl(24, capability, 0, 0, 0):  # PR_CAPBSET_DROP
            sys.exit(99)
os.execv(sys.argv[1], sys.argv[1:])
"""
Command = Callable[..., Done]


@pytest.fixture
def bound(home: Path) -> Iterator[Command]:
    """Runs a command that file modes hold back, whoever runs the tests; the home is read-only."""
    if os.geteuid() == 0 and sys.platform != "linux":
        pytest.skip("root can only be held back by file modes on Linux")

    def command(*arguments: str, **variables: str) -> Done:
        done = _through(_AS_ROOT_TOO, arguments, env={**os.environ, **variables})
        if done.returncode == 99:
            pytest.skip("this root may not give up its right to write anywhere")
        return done

    yield command
    for folder in (home, *(path for path in home.rglob("*") if path.is_dir())):
        folder.chmod(0o700)


def _make_read_only(home: Path) -> None:
    home.mkdir(mode=0o700, exist_ok=True)
    for path in (*home.rglob("*"), home):
        path.chmod(0o500 if path.is_dir() else 0o400)


def _listing(home: Path) -> dict[str, bytes]:
    return {str(path.relative_to(home)): path.read_bytes() for path in files_below(home)}


@pytest.mark.parametrize("used", [False, True])
def test_a_read_only_home_can_be_sent_from_with_one_warning(
    home: Path, tmp_path: Path, bound: Command, used: bool
) -> None:
    if used:
        prepared("register", "key", str(p8_file(tmp_path, "XYZ123XYZ1")), "--team-id", TEAM)
        assert here("token").returncode == 0
    _make_read_only(home)
    before = _listing(home)
    said = {**_STATELESS, "PUSHKIT_KEY": p8().decode()}
    with raw_host(tmp_path, always(_OK)) as host:
        done = bound(*_SEND, *host.trusted, **said)
    assert done.returncode == 0, done.stderr
    assert spoken(done).count("warning: ") == 1
    assert "provider token is not kept" in spoken(done)
    done = bound("token", **said)
    assert (done.returncode, spoken(done).count("warning: ")) == (0, 1)
    assert _listing(home) == before


def test_a_read_only_home_gives_its_registered_keys(
    home: Path, tmp_path: Path, bound: Command
) -> None:
    file = str(p8_file(tmp_path))
    prepared("register", "app", APP, "--team-id", TEAM, "--key", file)
    _make_read_only(home)
    with raw_host(tmp_path, always(_OK)) as host:
        done = bound(*_SEND, *host.trusted, "--env", "sandbox")
    assert done.returncode == 0, done.stderr
    assert spoken(done).count("warning: ") == 1


@pytest.mark.parametrize("kind", ["file", "below a file", "dangling link"])
def test_a_home_that_cannot_be_is_no_hindrance_to_sending(
    home: Path, tmp_path: Path, kind: str
) -> None:
    home.write_bytes(b"mine") if kind != "dangling link" else home.symlink_to("/nowhere/else")
    said = {
        "PUSHKIT_HOME": str(home / "below" if kind == "below a file" else home),
        "PUSHKIT_KEY": p8().decode(),
        **_STATELESS,
    }
    with raw_host(tmp_path, always(_OK)) as host:
        done = here(*_SEND, *host.trusted, variables=said)
    assert done.returncode == 0, done.stderr
    assert spoken(done).count("warning: ") == 1
    if kind != "dangling link":
        assert home.read_bytes() == b"mine"
    words = ("register", "key", "-", "--team-id", TEAM, "--key-id", KEY)
    failed(here(*words, stdin=p8(), variables=said), 6)


@pytest.mark.parametrize(
    "words",
    [
        ["register", "key", "-", "--team-id", TEAM, "--key-id", KEY],
        ["register", "app", APP],
        ["register", "device", "bob", "--app", APP, "--type", "voip"],
        ["listen", "--port", "0"],
        _SEND,
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_a_read_only_home_cannot_be_written(home: Path, bound: Command, words: list[str]) -> None:
    _make_read_only(home)
    done = bound(*words)
    assert "permission denied" in failed(done, 6)
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o707])
def test_a_home_that_others_can_read_is_not_used(home: Path, tmp_path: Path, mode: int) -> None:
    home.mkdir()
    home.chmod(mode)
    said = {**_STATELESS, "PUSHKIT_KEY": p8().decode()}
    for words in (("register", "app", APP), ("token",), ("listen", "--port", "0"), _SEND):
        assert "can be read by other users" in failed(here(*words, variables=said), 6)
    assert list(home.iterdir()) == []


# A disk that is full

_FULL = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))  # no file grows beyond 100 bytes
os.execv(sys.argv[1], sys.argv[1:])
"""


def _on_a_full_disk(*arguments: str, stdin: bytes = b"") -> Done:
    return _through(_FULL, arguments, input=stdin)


@pytest.mark.parametrize(
    "words",
    [
        ["register", "key", "-", "--team-id", TEAM, "--key-id", KEY],
        ["register", "app", APP],
        ["listen", "--port", "0"],
        ["token"],
        ["demo"],
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_a_full_disk_leaves_no_file_half_written(
    home: Path, tmp_path: Path, words: list[str]
) -> None:
    done = _on_a_full_disk(*words, stdin=p8())
    failed(done, 6)
    assert left_behind(home) == []
    assert all(path.stat().st_size < 100 for path in files_below(home))
    assert here("config", "show").returncode == 0


def test_a_full_disk_keeps_what_was_there(home: Path) -> None:
    words = ("register", "key", "-", "--team-id", TEAM, "--key-id", KEY)
    first = p8()
    here(*words, stdin=first)
    before = _listing(home)
    failed(_on_a_full_disk(*words, "--replace", stdin=p8()), 6)
    assert _listing(home) == before
    assert here(*words, stdin=first).stdout.startswith(b"unchanged")


def test_a_push_on_a_full_disk_is_sent_and_the_trouble_is_a_warning(
    home: Path, tmp_path: Path
) -> None:
    assert here("token").returncode == 0
    for token in (home / "tokens").glob("*.jwt"):
        token.unlink()
    with raw_host(tmp_path, always(_OK)) as host:
        done = _on_a_full_disk(*_SEND, *host.trusted, "--json")
    assert (done.returncode, objects(done.stdout)[0]["outcome"]) == (0, "accepted"), done.stderr
    assert spoken(done).count("warning: ") == 1
    assert left_behind(home) == []


def test_a_history_that_fails_after_the_answer_is_a_warning(home: Path, tmp_path: Path) -> None:
    assert here("token").returncode == 0
    (home / "sender.db").write_bytes(b"not a database at all, but kept")
    with raw_host(tmp_path, always(_OK)) as host:
        done = here(*_SEND, *host.trusted, "--json")
    assert (done.returncode, objects(done.stdout)[-1]["exit"]) == (0, 0)
    assert "history was not written" in spoken(done)
    assert (home / "sender.db").read_bytes() == b"not a database at all, but kept"
