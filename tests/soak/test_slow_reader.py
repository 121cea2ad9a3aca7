"""Five thousand pushes while the reader of --json is stopped: he learns what he has missed."""

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests import pushing
from tests.commands import PATIENCE_S
from tests.soak.listener import Subject, subject

PUSHES = 5_000
BATCH = 100

COPY = "import shutil, sys; shutil.copyfileobj(sys.stdin.buffer, open(sys.argv[1], 'wb'))"


@contextmanager
def reader(to: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Somebody who copies what he reads, and the end of the pipe to write to."""
    reading, writing = os.pipe()
    with subprocess.Popen([sys.executable, "-c", COPY, to], stdin=reading) as process:
        os.close(reading)
        try:
            yield process, writing
        finally:
            process.kill()


def pushed(up: Subject, count: int) -> list[float]:
    """Send so many in batches; how long each took, in milliseconds, the slowest last."""
    took = [ms for _ in range(count // BATCH) for ms in pushing.push(up.ready, BATCH)]
    return sorted(took)


def told(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_bytes().splitlines()]


def test_a_stopped_reader_is_told_how_many_he_missed(
    home: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    file = tmp_path / "told.ndjson"
    with reader(file) as (copier, writing), subject(home, "--json", stdout=writing) as up:
        os.close(writing)
        before = pushed(up, 1_000)
        memory = up.memory
        copier.send_signal(signal.SIGSTOP)
        stopped = pushed(up, PUSHES)
        grown = up.memory - memory
        copier.send_signal(signal.SIGCONT)
        up.stop()
        assert copier.wait(PATIENCE_S) == 0
    events = told(file)
    seqs = [event["seq"] for event in events if event["event"] not in ("ready", "closed")]
    missed = [event for event in events if event["event"] == "warning"]
    assert (events[0]["event"], events[-1]["event"]) == ("ready", "closed")
    assert {event["reason"] for event in missed} == {"dropped"}
    # The journal is complete, and so is the reader's count: events read, and events missed.
    sent = events[-1]["seq"]
    assert sent > 3 * PUSHES
    assert len(seqs) - len(missed) + sum(event["count"] for event in missed) == sent
    assert seqs == sorted(seqs)
    at = 0
    for event in events[1:-1]:
        at += event.get("count", 1)
        assert event["seq"] == at
    assert grown < 48
    # Answers are as quick as they were, whatever else this machine does.
    assert statistics.median(stopped) < 2 * statistics.median(before) + 20
    assert stopped[-PUSHES // 100] < 3 * before[-10] + 100
    record_property("reader", {
        "p50_ms": (statistics.median(before), statistics.median(stopped)),
        "p99_ms": (before[-10], stopped[-PUSHES // 100]),
        "grown_mib": grown,
        "missed": sum(event["count"] for event in missed),
        "sent": sent,
    })  # fmt: skip


def test_the_end_does_not_wait_for_a_reader_who_never_reads(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "told.ndjson"
    with reader(file) as (copier, writing), subject(home, "--json", stdout=writing) as up:
        os.close(writing)
        copier.send_signal(signal.SIGSTOP)
        pushed(up, 500)
        began = time.monotonic()
        up.process.send_signal(signal.SIGINT)
        assert up.process.wait(PATIENCE_S) == 0
        assert time.monotonic() - began < 8
        assert "nobody reads them" in up.said.read_text()
        copier.send_signal(signal.SIGCONT)
        assert copier.wait(PATIENCE_S) == 0
    whole = file.read_bytes().rpartition(b"\n")[0].splitlines()
    assert json.loads(whole[0])["event"] == "ready"


def test_a_reader_who_dies_is_not_missed(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "told.ndjson"
    with reader(file) as (copier, writing), subject(home, "--json", stdout=writing) as up:
        os.close(writing)
        copier.kill()
        copier.wait(PATIENCE_S)
        pushed(up, 500)
        up.stop()
