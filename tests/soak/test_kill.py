"""A real listener under traffic, killed again and again: what it acknowledged is never lost."""

import json
import os
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest

from pushkit_cli.apns.message import Outcome, Request, as_uuid, to_request
from pushkit_cli.apns.push import Push, PushType
from pushkit_cli.apns.token import mint
from pushkit_cli.engine import ready as ready_files
from pushkit_cli.engine.host import new_id
from pushkit_cli.errors import NotSentError
from pushkit_cli.net.sender import Endpoint, exchange
from pushkit_cli.net.tls import client_context
from tests.commands import PATIENCE_S, PUSHKIT, pushkit

KILLS = 20
SENDERS = 3
BATCH = 40
KINDS = (PushType.voip, PushType.alert, PushType.fileprovider)


def named(home: Path) -> Path:
    """The ready file of every listener on this home, besides the one in it."""
    return home.with_name("ready.json")


@contextmanager
def started(home: Path, *words: str) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, Any]]]:
    """`pushkit listen` on the same home as ever, ready; killed at the end of the block."""
    with subprocess.Popen(
        [PUSHKIT, "listen", "--json", "--port", "0", "--ready-file", named(home), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PUSHKIT_HOME": str(home)},
    ) as process:
        assert process.stdout is not None
        ready: dict[str, Any] = {}
        for line in process.stdout:  # warnings of what was interrupted may come first
            ready = json.loads(line)
            if ready["event"] == "ready":
                break
        drain = threading.Thread(target=process.stdout.read)
        drain.start()
        try:
            assert ready.get("event") == "ready"
            yield process, ready
        finally:
            process.kill()
            process.wait(PATIENCE_S)
            drain.join()


class Traffic:
    """Senders that push as fast as they are answered, and remember what was acknowledged."""

    def __init__(self, ready: dict[str, Any], bearer: str) -> None:
        self._ready = ready
        self._bearer = bearer
        self._context = client_context(Path(ready["ca_file"]))
        self._endpoint = Endpoint(host="127.0.0.1", port=ready["port"])
        self._threads = [threading.Thread(target=self._send) for _ in range(SENDERS)]
        self.acknowledged: list[str] = []
        self.outcomes = set[Outcome]()

    def __enter__(self) -> "Traffic":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join()

    def _send(self) -> None:
        """Until nobody listens any more."""
        with suppress(NotSentError):
            while True:
                pushes = [self._push(KINDS[number % 3]) for number in range(BATCH)]
                done = exchange(self._endpoint, self._context, pushes, timeout=PATIENCE_S)
                for one in done:
                    self.outcomes.add(one.reply.outcome)
                    if one.reply.outcome is Outcome.ACCEPTED:
                        assert one.reply.apns_id is not None
                        self.acknowledged.append(one.reply.apns_id)

    def _push(self, kind: PushType) -> Request:
        suffix = {PushType.voip: ".voip", PushType.fileprovider: ".pushkit.fileprovider"}
        push = Push(
            token=self._ready["devices"][0]["tokens"][kind],
            payload=f'{{"aps":{{"alert":"x"}},"callUUID":"{new_id()}"}}'.encode(),
            topic=self._ready["apps"][0] + suffix.get(kind, ""),
            push_type=kind,
            priority=10,
            apns_id=as_uuid(new_id()).upper(),
        )
        return to_request(push, authority=self._endpoint.authority, provider_token=self._bearer)


def journal(home: Path) -> list[dict[str, Any]]:
    """Every event that is kept, with nobody listening."""
    sql = sqlite3.connect(home / "emulator.db")
    (checked,) = sql.execute("PRAGMA integrity_check").fetchone()
    rows = sql.execute("SELECT seq, value FROM journal ORDER BY seq").fetchall()
    sql.close()
    assert checked == "ok"
    events = [json.loads(value) for _, value in rows]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    return events


# Where the peer dies between TCP and TLS, Python's own wrap_socket leaves its socket to the
# collector: it found no peer, and what it read raised.
@pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning"
)
def test_what_was_acknowledged_survives_twenty_kills(home: Path) -> None:
    random, acknowledged = Random("kill"), list[str]()
    outcomes, devices, bearer = set[Outcome](), list[Any](), None
    for _ in range(KILLS):
        with started(home) as (process, ready):
            devices.append(ready["devices"])
            if bearer is None:
                key = Path(ready["key_file"]).read_bytes()
                now = time.time()
                bearer = mint(key, team_id=ready["team_id"], key_id=ready["key_id"], now=now)
            with Traffic(ready, bearer) as traffic:
                time.sleep(random.uniform(0.0, 1.5))  # the moment is what chance says
                process.send_signal(signal.SIGKILL)
        _nobody_is_taken_for_a_listener(home, ready)
        acknowledged += traffic.acknowledged
        outcomes |= traffic.outcomes
        events = journal(home)
        kept = {event["apns_id"] for event in events if event["event"] == "push"}
        assert [lost for lost in acknowledged if lost not in kept] == []
        assert devices[-1] == devices[0]
    assert len(acknowledged) == len(set(acknowledged)) > 1000
    assert outcomes >= {Outcome.ACCEPTED, Outcome.UNKNOWN}
    _no_command_waits_for_a_dead_one(home)
    _every_push_was_followed_by_its_events(journal(home))


def _nobody_is_taken_for_a_listener(home: Path, killed: dict[str, Any]) -> None:
    """Both files are there, and neither is believed."""
    for file in (home / ready_files.RUN_FILE, named(home)):
        assert json.loads(file.read_bytes())["nonce"] == killed["nonce"]
    assert ready_files.find(home, None) is None
    assert ready_files.find(home, named(home)) is None


def _no_command_waits_for_a_dead_one(home: Path) -> None:
    file = {"PUSHKIT_READY_FILE": str(named(home))}
    assert pushkit("ready", "--timeout", "100ms").returncode == 124
    assert pushkit("ready", "--timeout", "100ms", variables=file).returncode == 124
    with started(home) as (_, ready):
        left = named(home).read_bytes()
        found = pushkit("ready", "--json", variables=file)
        assert json.loads(found.stdout) == ready
    with started(home):  # its successor lives on the same home, with the same lock
        named(home).write_bytes(left)
        assert pushkit("ready", "--timeout", "100ms", variables=file).returncode == 124
        assert pushkit("ready", "--timeout", "100ms").returncode == 0


def _every_push_was_followed_by_its_events(events: list[dict[str, Any]]) -> None:
    """A turn is kept whole: what a push made happen at once stands beside it."""
    delivered = {event["push_id"] for event in events if event["event"] == "delivered"}
    accepted = {event["id"] for event in events if event["event"] == "push"}
    assert {event["status"] for event in events if event["event"] == "push"} == {200}
    assert delivered == accepted
    ends = [event for event in events if event["event"] in ("call-reported", "warning")]
    calls = {e["id"] for e in events if e["event"] == "push" and e["type"] == "voip"}
    ended = [event["push_id"] for event in ends if event["type"] == "voip"]
    last = {event["id"] for event in events[-500:] if event["event"] == "push"}
    assert len(ended) == len(set(ended))
    assert calls - set(ended) <= last  # the last listener left some in the middle


def test_a_listener_that_is_killed_while_it_starts_leaves_a_home_that_works(home: Path) -> None:
    random = Random("start")
    environment = {**os.environ, "PUSHKIT_HOME": str(home)}
    for _ in range(KILLS):
        with subprocess.Popen(
            [PUSHKIT, "listen", "--json", "--port", "0"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
        ) as process:
            time.sleep(random.uniform(0.05, 0.6))
            process.kill()
    with started(home) as (_, first):
        pass
    with started(home) as (_, second):
        assert second["devices"] == first["devices"]
        assert second["key_id"] == first["key_id"]
