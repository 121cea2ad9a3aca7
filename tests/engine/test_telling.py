"""Telling never waits: what a slow reader misses is counted in the place where it is missing."""

import errno
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from pushkit_cli.engine.telling import Gap, Line, Spool
from pushkit_cli.errors import ExitCode, StoreError

PATIENCE_S = 10.0


@dataclass
class Pipe:
    """A real pipe, and a spool that writes to it."""

    reading: int
    writing: int
    spool: Spool

    def write(self, text: str) -> None:
        data = (text + "\n").encode()
        while data:
            data = data[os.write(self.writing, data) :]

    def events(self, first: int, last: int) -> None:
        for seq in range(first, last + 1):
            self.spool.event(Line(write=self.write, text=f"event {seq} ".ljust(100, ".")), seq)

    def rest(self) -> str:
        """All that is written until the end, which this thread is told to bring about."""
        ended: list[bool] = []

        def end() -> None:
            ended.append(self.spool.close(patience=PATIENCE_S))
            os.close(self.writing)

        thread = threading.Thread(target=end)
        thread.start()
        with os.fdopen(self.reading, encoding="ascii") as reading:
            text = reading.read()
        thread.join()
        assert ended == [True]
        return text


@contextmanager
def piped(limit: int) -> Iterator[Pipe]:
    reading, writing = os.pipe()
    pipe: Pipe

    def word(gap: Gap) -> Line:
        return Line(write=pipe.write, text=f"missed {gap.seq} {gap.count}")

    pipe = Pipe(reading, writing, Spool(word, limit=limit))
    yield pipe


def seen(lines: list[str]) -> tuple[int, int]:
    """How many events were read and how many were missed; each gap is where it says it is."""
    at = read = missed = 0
    for line in lines:
        word, seq, more = line.split()
        if word == "missed":
            missed += int(more)
            at += int(more)
        else:
            read += 1
            at += 1
        assert int(seq) == at
    return read, missed


def test_who_keeps_up_misses_nothing_and_gets_it_in_order() -> None:
    with piped(limit=1_000_000) as pipe:
        pipe.events(1, 500)
        lines = pipe.rest().splitlines()
    assert seen(lines) == (500, 0)


def test_telling_does_not_wait_for_who_does_not_read_and_little_is_kept() -> None:
    with piped(limit=100_000) as pipe:
        began = time.monotonic()
        pipe.events(1, 50_000)  # five megabytes for a pipe of 64 KB
        assert time.monotonic() - began < PATIENCE_S / 2
        lines = pipe.rest().splitlines()
    read, missed = seen(lines)
    assert read + missed == 50_000
    # The pipe, what was on its way to it, and the queue; macOS has a pipe of 16 KB.
    assert 900 <= read <= 3_000


def test_what_comes_after_the_gap_is_told_again() -> None:
    with piped(limit=10_000) as pipe:
        pipe.events(1, 5_000)
        begun = os.read(pipe.reading, 500_000).decode("ascii")
        while not begun.endswith("\n") or sum(seen(begun.splitlines())) < 5_000:
            begun += os.read(pipe.reading, 500_000).decode("ascii")
        pipe.events(5_001, 5_003)
        lines = (begun + pipe.rest()).splitlines()
    assert sum(seen(lines)) == 5_003
    assert [line.split()[1] for line in lines[-3:]] == ["5001", "5002", "5003"]


def test_a_reader_who_is_always_a_little_too_slow_is_told_of_few_gaps() -> None:
    with piped(limit=10_000) as pipe:
        text = ""
        for at in range(0, 5_000, 50):
            pipe.events(at + 1, at + 50)
            text += os.read(pipe.reading, 2_000).decode("ascii")
        lines = (text + pipe.rest()).splitlines()
    read, missed = seen(lines)
    assert read + missed == 5_000
    gaps = sum(line.startswith("missed") for line in lines)
    assert 1 <= gaps <= missed / 30


def test_what_nobody_may_miss_is_never_dropped() -> None:
    with piped(limit=1_000) as pipe:
        pipe.events(1, 5_000)
        pipe.spool.put(Line(write=pipe.write, text="closed 0 0"))
        lines = pipe.rest().splitlines()
    assert lines[-1] == "closed 0 0"


def test_the_end_does_not_wait_longer_than_it_says() -> None:
    with piped(limit=1_000_000) as pipe:
        pipe.events(1, 5_000)
        began = time.monotonic()
        assert not pipe.spool.close(patience=0.1)
        assert time.monotonic() - began < PATIENCE_S / 2
        assert seen(pipe.rest().splitlines()) == (5_000, 0)


def test_a_place_that_takes_no_more_is_told_to_whoever_tells() -> None:
    def full(_text: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    spool = Spool(lambda gap: Line(write=full, text="missed"))
    spool.event(Line(write=full, text="x"), 1)
    with pytest.raises(StoreError, match="no space left") as caught:
        spool.close(patience=PATIENCE_S)
    with pytest.raises(StoreError):
        spool.event(Line(write=full, text="y"), 2)
    assert caught.value.exit_code is ExitCode.CONFIG
    assert caught.value.hint


def test_a_bug_in_the_writing_is_told_to_whoever_tells() -> None:
    def broken(_text: str) -> None:
        raise ZeroDivisionError

    spool = Spool(lambda gap: Line(write=broken, text="missed"))
    spool.event(Line(write=broken, text="x"), 1)
    with pytest.raises(ZeroDivisionError):
        spool.close(patience=PATIENCE_S)
