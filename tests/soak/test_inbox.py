"""A journal at its bound: reading, waiting in and clearing it keeps no push waiting."""

import json
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from pushkit_cli.engine.listener import Running, running
from pushkit_cli.engine.ready import RUN_FILE
from pushkit_cli.store.emulator_db import JOURNAL_PUSHES, EmulatorDb, Entry
from pushkit_cli.store.files import Home
from tests.commands import PUSHKIT, pushkit
from tests.conftest import Told
from tests.engine.test_inbox import pushed
from tests.engine.test_listener import options, send

SLOWEST_S = 2.0
"""Disks are shared; a journal that is cleared at one go keeps a push waiting for far longer."""
EVENTS_A_PUSH = 4


@pytest.fixture
def full(home: Path, told: Told) -> Iterator[Running]:
    """A listener that captured as many pushes as it keeps."""
    with running(options(home), told.append) as up:
        pushed(up, told)
    database = EmulatorDb(Home(home))
    events = [json.loads(text) for _, text in database.after(0, limit=EVENTS_A_PUSH)]
    random, seq = Random(1), database.last_seq
    while seq < JOURNAL_PUSHES * EVENTS_A_PUSH:
        entries = []
        for _ in range(200):
            push_id = f"{random.getrandbits(128):032x}"
            for event in events:
                seq += 1
                is_push = event["event"] == "push"
                said = {**event, "seq": seq, "id" if is_push else "push_id": push_id}
                at_ms = int(time.time() * 1000)
                text = json.dumps(said, separators=(",", ":"))
                entries.append(
                    Entry(seq=seq, at_ms=at_ms, is_push=is_push, value=text, push_id=push_id)
                )
        database.commit([], entries)
    database.close()
    listener = subprocess.Popen([PUSHKIT, "listen", "--port", "0"], stdout=subprocess.DEVNULL)
    try:
        assert pushkit("ready").returncode == 0
        said = json.loads((home / RUN_FILE).read_bytes())
        yield Running(ready=said, stop=lambda: None, exposed=False, now=time.time)
    finally:
        listener.send_signal(signal.SIGINT)
        assert listener.wait(60) == 0


@contextmanager
def pushes_meanwhile(up: Running) -> Iterator[None]:
    """One push after the other; none may take long."""
    done, slowest = threading.Event(), [0.0]

    def body() -> None:
        while not done.is_set():
            begun = time.monotonic()
            assert [reply.status for reply in send(up)] == [200]
            slowest.append(time.monotonic() - begun)

    thread = threading.Thread(target=body)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
    assert len(slowest) > 2
    assert max(slowest) < SLOWEST_S, slowest


def asked(*words: str) -> str:
    done = pushkit("inbox", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def test_a_full_journal_is_read_and_cleared_beside_the_pushes(full: Running) -> None:
    with pushes_meanwhile(full):
        assert asked("push", "--json").count("\n") >= JOURNAL_PUSHES - 1000
    with pushes_meanwhile(full):
        half = f"call-reported={JOURNAL_PUSHES // 2}+"
        assert half in asked("wait", half, "--since", "0", "--timeout", "60s")
    with pushes_meanwhile(full):
        asked("clear")
    assert asked("--json").count("\n") < JOURNAL_PUSHES // 10
