"""A stdout or stderr that cannot be written: what a send says of its pushes stays true."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pushkit_cli.engine.listener import Running

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
