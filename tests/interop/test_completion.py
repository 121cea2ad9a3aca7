"""The completion scripts in real shells, with what only this machine knows: emulated devices."""

import os
import pty
import select
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pushkit_cli.engine.listener import Options, Running, running
from tests.completions import FILES, FOLDER
from tests.interop.processes import PUSHKIT, need

PATIENCE_S = 30.0
LINES = (("pushkit send --to ip", "iphone"), ("pushkit explain BadDev", "BadDeviceToken"))


@pytest.fixture
def near(home: Path) -> Iterator[Running]:
    """A listener on this test's home."""
    with running(Options(home=home, port=0, production_port=0), lambda _: None) as up:
        yield up


def _environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{PUSHKIT.parent}:{os.environ['PATH']}", "TERM": "dumb"}


def _told(*argv: str) -> str:
    done = subprocess.run(
        argv, env=_environment(), capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.usefixtures("near")
@pytest.mark.parametrize(("line", "word"), LINES)
def test_bash(line: str, word: str) -> None:
    words = line.split()
    told = _told(
        need("bash"),
        "--norc",
        "-c",
        f'source "{FOLDER / FILES["bash"]}"; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; '
        f'_pushkit_completion pushkit; printf "%s\\n" "${{COMPREPLY[@]}}"',
    )
    assert told.splitlines() == [word]


@pytest.mark.usefixtures("near")
@pytest.mark.parametrize(("line", "word"), LINES)
def test_fish(line: str, word: str) -> None:
    script = f'source "{FOLDER / FILES["fish"]}"; complete --do-complete "{line}"'
    told = _told(need("fish"), "--no-config", "-c", script)
    assert [one.split("\t")[0] for one in told.splitlines()] == [word]


@pytest.mark.usefixtures("near")
@pytest.mark.parametrize(("line", "word"), LINES)
def test_zsh(line: str, word: str) -> None:
    """In a terminal, by its Tab key: zsh completes nowhere else."""
    ours, theirs = pty.openpty()
    shell = subprocess.Popen(
        [need("zsh"), "-f", "-i"],
        stdin=theirs, stdout=theirs, stderr=theirs, env=_environment(), start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    try:
        start = (
            f"autoload -U compinit; compinit -D -u; source {FOLDER / FILES['zsh']}; PS1=rea''dy\n"
        )
        os.write(ours, start.encode())
        _read_until(ours, "ready")
        os.write(ours, f"{line}\t".encode())
        _read_until(ours, word)
    finally:
        shell.kill()
        shell.wait()
        os.close(ours)


def _read_until(terminal: int, word: str) -> None:
    seen, deadline = "", time.monotonic() + PATIENCE_S
    while word not in seen:
        assert time.monotonic() < deadline, seen
        if select.select([terminal], [], [], 0.1)[0]:
            seen += os.read(terminal, 4096).decode("utf-8", "replace")
