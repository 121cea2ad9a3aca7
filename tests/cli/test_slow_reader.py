"""Whoever reads `pushkit listen` may be slow, stopped or gone: no answer waits for him."""

import json
import os
import pty
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.commands import PATIENCE_S, PUSHKIT, objects, pushkit
from tests.pushing import push

PUSHES = 60
"""Their events fill a pipe: 64 KB on Linux."""


@contextmanager
def listening(
    home: Path, *arguments: str, stdout: int, file_size: int | None = None
) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, Any]]]:
    """A listener whose stdout somebody else reads, or does not; it is ready."""
    words = [str(PUSHKIT), "listen", "--port", "0", *arguments]
    if file_size is not None:
        limited = (
            "import os, resource, sys; size = int(sys.argv[1]);"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)); os.execv(sys.argv[2], "
            "sys.argv[2:])"
        )
        words = [sys.executable, "-c", limited, str(file_size), *words]
    process = subprocess.Popen(
        words, stdout=stdout, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL
    )
    try:
        assert pushkit("ready").returncode == 0
        yield process, json.loads((home / "run" / "listen.json").read_bytes())
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=PATIENCE_S)


def stopped(process: subprocess.Popen[bytes]) -> str:
    """What it says on stderr when it is told to stop, as it does."""
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    return err.decode()


def test_answers_do_not_wait_for_a_pipe_that_nobody_reads(home: Path) -> None:
    reading, writing = os.pipe()
    with listening(home, "--json", stdout=writing) as (process, ready):
        os.close(writing)
        push(ready, PUSHES)
        push(ready, PUSHES)
        with os.fdopen(reading, "rb") as pipe:  # now somebody does, and nothing is missing
            process.send_signal(signal.SIGINT)
            told = objects(pipe.read())
        assert process.wait(PATIENCE_S) == 0
    assert [one["event"] for one in told].count("push") == 2 * PUSHES
    assert (told[0]["event"], told[-1]["event"]) == ("ready", "closed")
    assert [one["seq"] for one in told[1:-1]] == list(range(1, len(told) - 1))


def test_answers_do_not_wait_for_a_reader_who_has_gone(home: Path, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    events = tmp_path / "events.ndjson"
    with listening(home, "--json", "--events", str(events), stdout=writing) as (process, ready):
        os.close(writing)
        os.close(reading)
        push(ready, PUSHES)
        assert "Traceback" not in stopped(process)
    told = [one["event"] for one in objects(events.read_bytes())]
    assert (told[0], told.count("push"), told[-1]) == ("ready", PUSHES, "closed")


def test_answers_do_not_wait_for_a_terminal_that_was_stopped(home: Path) -> None:
    master, slave = pty.openpty()
    with listening(home, stdout=slave) as (process, ready):
        termios.tcflow(slave, termios.TCOOFF)  # ^S
        push(ready, PUSHES)
        termios.tcflow(slave, termios.TCOON)
        process.send_signal(signal.SIGINT)
        shown = b""
        while shown.count(b"-->") < PUSHES:
            shown += os.read(master, 65_536)
        _, err = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, err
    os.close(slave)
    os.close(master)


def test_a_pipe_that_was_named_for_the_events_is_a_reader_like_any(
    home: Path, tmp_path: Path
) -> None:
    fifo = tmp_path / "events"
    os.mkfifo(fifo)
    reading = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reading, True)
    with listening(home, "--events", str(fifo), stdout=subprocess.DEVNULL) as (process, ready):
        push(ready, PUSHES)
        push(ready, PUSHES)
        os.close(reading)
        push(ready, 1)
        stopped(process)


def test_a_file_of_events_that_cannot_grow_ends_the_listener_and_says_so(
    home: Path, tmp_path: Path
) -> None:
    events = tmp_path / "events.ndjson"
    size = 4 * 2**20  # more than its database needs
    events.write_bytes(b"\n" * (size - 6_000))
    arguments = ("--events", str(events))
    with listening(home, *arguments, stdout=subprocess.DEVNULL, file_size=size) as (process, ready):
        push(ready, 1)  # what is answered is answered
        _, err = process.communicate(timeout=PATIENCE_S)
    said = " ".join(err.decode().split())
    assert process.returncode == 6
    assert f"{events} cannot be written: File too large" in said
    assert (said.count("error: "), said.count("hint: ")) == (1, 1)
    whole = [line for line in events.read_bytes().splitlines() if line]
    assert json.loads(whole[0])["event"] == "ready"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")
def test_a_stdout_that_cannot_grow_ends_the_listener_and_says_so(home: Path) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    with listening(home, "--json", stdout=full) as (process, ready):
        push(ready, 1)
        _, err = process.communicate(timeout=PATIENCE_S)
    os.close(full)
    said = " ".join(err.decode().split())
    assert (process.returncode, "no space left on device" in said) == (6, True), said
    assert (said.count("error: "), said.count("hint: ")) == (1, 1)
