"""A stdout or stderr that cannot be written: what a send says of its pushes stays true."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pushkit_cli.engine.listener import Running
from tests.commands import PATIENCE_S, PUSHKIT

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")


@pytest.fixture
def full() -> Iterator[int]:
    place = os.open("/dev/full", os.O_WRONLY)
    yield place
    os.close(place)


def _run(*words: str, stdout: int, stderr: int) -> "subprocess.CompletedProcess[bytes]":
    command = [sys.executable, "-c", "from pushkit_cli.cli.app import main; main()", *words]
    return subprocess.run(command, stdout=stdout, stderr=stderr, timeout=60, check=False)


def test_a_push_that_was_delivered_is_no_failure(listener: Running, full: int) -> None:
    done = _run("send", "--type", "voip", stdout=full, stderr=subprocess.PIPE)
    said = " ".join(done.stderr.decode().split())
    assert (done.returncode, said.count("warning: stdout cannot be written")) == (0, 1), said
    assert "error: " not in said


def test_talk_that_nobody_can_hear_changes_nothing(listener: Running, full: int) -> None:
    done = _run("send", "--type", "voip", stdout=subprocess.PIPE, stderr=full)
    assert (done.returncode, done.stdout[:8]) == (0, b"accepted")


def test_output_that_is_the_purpose_fails(home: Path, full: int) -> None:
    done = _run("config", "show", stdout=full, stderr=subprocess.PIPE)
    said = " ".join(done.stderr.decode().split())
    assert (done.returncode, said.count("error: "), said.count("hint: ")) == (6, 1, 1), said


def _in_shell(line: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["sh", "-c", line, PUSHKIT], capture_output=True, timeout=PATIENCE_S, check=False,
        env={**os.environ, **variables},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "code", "code_unheard"),
    [
        ("--help", 0, 6),
        ("device do iphone kill --help", 0, 6),
        ("config path --json", 0, 6),
        ("register list", 0, 0),  # it has nothing to say on stdout
        ("nonsense --json", 2, 2),
        ("send --type voip --to nobody", 2, 2),
    ],
)
def test_a_stream_that_is_closed_or_full_makes_no_bug(
    home: Path, words: str, code: int, code_unheard: int
) -> None:
    for streams in ("<&-", "2>&-"):
        done = _in_shell(f'"$0" {words} {streams}')
        assert done.returncode == code, (streams, done.stderr)
    for streams in (">&-", ">/dev/full", "<&- >&- 2>&-"):
        done = _in_shell(f'"$0" {words} {streams}')
        said = done.stderr.decode()
        assert done.returncode == code_unheard, (streams, said)
        is_heard = "2>&-" not in streams and code_unheard != 0
        assert said.count("error: ") == said.count("hint: ") == int(is_heard), (streams, said)


def test_a_help_that_cannot_be_written_is_no_bug_without_buffers_either() -> None:
    done = _in_shell('"$0" --version >/dev/full', PYTHONUNBUFFERED="1")
    assert (done.returncode, done.stderr.count(b"stdout cannot be written")) == (6, 1)


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_whoever_reads_no_help_makes_no_failure(unbuffered: str) -> None:
    done = _in_shell('{ "$0" send --help; echo $? >&2; } | true', PYTHONUNBUFFERED=unbuffered)
    assert done.stderr == b"0\n"


def test_a_push_is_sent_and_its_answer_true_whatever_stream_is_closed(listener: Running) -> None:
    for streams in (">&-", "2>&-", "<&- >&- 2>&-"):
        done = _in_shell(f'"$0" send --type voip {streams}')
        assert done.returncode == 0, (streams, done.stderr)
        assert b"accepted" in done.stdout or ">&- " in f"{streams} "
