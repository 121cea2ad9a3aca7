"""A whole listener: how it starts, why it does not, what it finds of its predecessor."""

import gc
import json
import os
import socket
import sqlite3
import stat
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from pushkit_cli.apns.message import Outcome, Reply, to_request
from pushkit_cli.apns.push import Push, PushType
from pushkit_cli.apns.token import mint
from pushkit_cli.engine import host, ready
from pushkit_cli.engine.listener import DeviceSpec, Options, Running, TokenSpec, running
from pushkit_cli.engine.waiting import wait_for
from pushkit_cli.errors import (
    ConfigError,
    ExitCode,
    PortError,
    PushkitError,
    StoreError,
    UsageError,
)
from pushkit_cli.net.sender import Endpoint, exchange
from pushkit_cli.net.tls import client_context
from pushkit_cli.store.emulator_db import NAME, EmulatorDb
from pushkit_cli.store.files import Home
from tests.conftest import Told
from tests.engine.scene import PATIENCE_S, RUNNING, full_disk, handling, journal, keep


def options(home: Path | None, **values: Any) -> Options:
    return Options(**{"home": home, "port": 0, "production_port": 0, **values})


def send(up: Running, pushes: int = 1) -> list[Reply]:
    """VoIP pushes to the iPhone, over the wire."""
    facts = up.ready
    key = Path(facts["key_file"]).read_bytes()
    bearer = mint(key, team_id=facts["team_id"], key_id=facts["key_id"], now=host.now())
    first = Push(
        token=facts["devices"][0]["tokens"]["voip"],
        payload=b"{}",
        topic=f"{facts['apps'][0]}.voip",
        push_type=PushType.voip,
        priority=10,
        expiration=0,
    )
    endpoint = Endpoint(host="127.0.0.1", port=facts["port"])
    requests = [
        to_request(
            replace(first, payload=f'{{"callUUID":"{uuid4()}"}}'.encode()),
            authority=endpoint.authority,
            provider_token=bearer,
        )
        for _ in range(pushes)
    ]
    context = client_context(Path(facts["ca_file"]))
    return [one.reply for one in exchange(endpoint, context, requests, timeout=PATIENCE_S)]


def refused(error: type[PushkitError], given: Options) -> PushkitError:
    """The error that the caller gets; no thread and no socket is left behind."""
    before = threading.enumerate()
    with pytest.raises(error) as caught, running(given, lambda _: None):
        pytest.fail("it started")
    assert caught.value.hint
    assert threading.enumerate() == before
    gc.collect()
    return caught.value


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        port: int = one.getsockname()[1]
    return port


# Why it does not start


@pytest.mark.parametrize("which", ["port", "production_port"])
def test_a_port_in_use_is_told_to_the_caller(home: Path, which: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        error = refused(PortError, options(home, **{which: taken.getsockname()[1]}))
    assert error.exit_code is ExitCode.CONFIG
    with running(options(home), lambda _: None):  # the lock was given back
        pass


def test_one_port_for_both_is_told_to_the_caller(home: Path) -> None:
    port = free_port()
    refused(PortError, options(home, port=port, production_port=port))


def test_a_ready_file_that_cannot_be_written_leaves_nothing_open(home: Path) -> None:
    port = free_port()
    given = options(home, port=port, ready_file=Path("/nowhere/ready.json"))
    refused(StoreError, given)
    assert not (home / ready.RUN_FILE).exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 1)


def test_a_second_listener_is_told_of_the_first(home: Path, listener: Running) -> None:
    error = refused(ConfigError, options(home))
    assert f"process {os.getpid()}, {listener.ready['endpoint']}" in error.message
    assert [reply.outcome for reply in send(listener)] == [Outcome.ACCEPTED]
    assert ready.find(home, None) == listener.ready


def _spoil(statement: str) -> Callable[[Path], None]:
    def spoil(home: Path) -> None:
        EmulatorDb(Home(home)).close()
        sql = sqlite3.connect(home / NAME, isolation_level=None)
        sql.execute(statement)
        sql.close()

    return spoil


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda home: Home(home).write(NAME, b"garbage"), "is damaged"),
        (_spoil("PRAGMA user_version = 99"), "written by a newer pushkit (schema 99)"),
        (_spoil("DROP TABLE record"), "is damaged"),
        (_spoil("INSERT INTO record VALUES ('app/x', 1, '{')"), "is damaged"),
        (_spoil("INSERT INTO record VALUES ('ghost/x', 1, '{}')"), "a row that cannot be read"),
        (_spoil("INSERT INTO record VALUES ('app/x', 1, '{}')"), "a row that cannot be read"),
        (
            _spoil("INSERT INTO record VALUES ('process/x', 1, '{\"environment\":\"moon\"}')"),
            "a row that cannot be read",
        ),
    ],
    ids=["garbage", "newer", "no table", "no json", "no such kind", "fields", "environment"],
)
def test_a_database_that_cannot_be_read_is_named_and_kept(
    home: Path, spoil: Callable[[Path], None], words: str
) -> None:
    spoil(home)
    before = (home / NAME).read_bytes()
    error = refused(StoreError, options(home))
    assert str(home / NAME) in error.message
    assert words in error.message
    assert (home / NAME).read_bytes() == before


@pytest.mark.parametrize(
    "token",
    [
        TokenSpec(device="ghost", type=PushType.voip, token="ab" * 32),
        TokenSpec(device=None, type=PushType.complication, token="ab" * 32),
    ],
)
def test_a_token_for_nobody_is_the_users_mistake(home: Path, token: TokenSpec) -> None:
    phones = (DeviceSpec(name="iphone", platform="ios"),)
    refused(UsageError, options(home, devices=phones, tokens=(token,)))


def test_a_home_that_cannot_be_trusted_is_refused(home: Path) -> None:
    home.mkdir()
    home.chmod(0o755)
    assert "can be read by other users" in refused(StoreError, options(home)).message


# How it ends


def test_an_error_inside_the_block_ends_the_listener(home: Path) -> None:
    with pytest.raises(KeyError), running(options(home), lambda _: None) as up:
        raise KeyError
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", up.ready["port"]), 1)
    assert ready.find(home, None) is None
    assert not (home / ready.RUN_FILE).exists()


def test_an_ephemeral_home_is_private_and_gone_at_the_end(told: Told) -> None:
    with running(options(None), told.append) as up:
        place = Path(up.ready["home"])
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
        assert [reply.outcome for reply in send(up)] == [Outcome.ACCEPTED]
    assert not place.exists()


def test_clients_that_never_get_to_a_push_are_events_and_not_many(
    listener: Running, told: Told
) -> None:
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", listener.ready["port"])) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
            sock.recv(100)
    assert send(listener)[0].outcome is Outcome.ACCEPTED
    assert wait_for(lambda: told.named("call-reported") or None, timeout=PATIENCE_S)
    warnings = told.named("warning")
    assert [(one["reason"], one["count"]) for one in warnings] == [("no-tls", n) for n in (1, 2, 3)]
    assert {one["device"] for one in warnings} == {None}


def test_a_disk_that_is_full_ends_it_and_what_was_not_kept_was_not_answered(
    home: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pushkit_cli.engine.listener._GRACE_S", 0.1)
    full = pytest.raises(StoreError, match="disk I/O error")
    with full, running(options(home), told.append) as up:
        assert [reply.outcome for reply in send(up)] == [Outcome.ACCEPTED]
        assert wait_for(lambda: told.named("call-reported") or None, timeout=PATIENCE_S)
        before = journal(home)
        with full_disk(home):
            (reply,) = send(up)
        assert (reply.outcome, reply.status) == (Outcome.UNKNOWN, None)
    assert journal(home) == before
    with running(options(home), told.append) as up:
        assert [reply.outcome for reply in send(up)] == [Outcome.ACCEPTED]
    seqs = [event["seq"] for event in journal(home)]
    assert seqs == list(range(1, len(seqs) + 1))


# What it finds


def test_what_was_being_handled_when_the_last_one_died_is_told_once(home: Path, told: Told) -> None:
    with running(options(home, apps=("com.example.app",)), told.append):
        pass
    keep(Home(home), RUNNING, handling(host.now() + 7), handling(None, "h2"))
    with running(options(home), told.append):
        pass
    first, second = told.named("warning")
    for warning in (first, second):
        assert (warning["reason"], warning["push_id"]) == ("interrupted", "p1")
        assert (warning["device"], warning["app"]) == ("iphone", "com.example.app")
    database = EmulatorDb(Home(home))
    kinds = {key.partition("/")[0] for key, _ in database.rows()}
    database.close()
    assert kinds == {"app", "app-state", "key", "device", "token"}
    with running(options(home), told.append):
        pass
    assert len(told.named("warning")) == 2


def test_numbers_and_tokens_go_on_from_listener_to_listener(home: Path, told: Told) -> None:
    devices = []
    for run in range(3):
        with running(options(home), told.append) as up:
            assert up.ready["seq"] == len(told)
            assert {reply.outcome for reply in send(up, run + 1)} == {Outcome.ACCEPTED}
            devices.append(up.ready["devices"])
    assert devices[0] == devices[1] == devices[2]
    assert [one.seq for one in told] == list(range(1, len(told) + 1))
    assert [one.to_json() for one in told] == journal(home)


def test_the_word_of_a_killed_listener_is_gone_before_the_next_is_ready(home: Path) -> None:
    Home(home).write(ready.RUN_FILE, json.dumps({"event": "ready", "port": 1}).encode())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused(PortError, options(home, production_port=taken.getsockname()[1]))
    assert not (home / ready.RUN_FILE).exists()


def test_who_looks_for_a_listener_does_not_keep_one_from_starting(home: Path) -> None:
    Home(home).folder("run")
    lock = Home(home).lock(ready.LOCK_FILE)
    assert lock.take(wait=False)
    soon = threading.Timer(0.05, lock.release)
    soon.start()
    with running(options(home), lambda _: None) as up:
        assert ready.find(home, None) == up.ready
    soon.join()


def test_listeners_on_homes_of_their_own_do_not_meet(tmp_path: Path) -> None:
    first, second = Told(), Told()
    with (
        running(options(tmp_path / "a"), first.append) as one,
        running(options(tmp_path / "b"), second.append) as other,
    ):
        assert one.ready["port"] != other.ready["port"]
        send(one)
        send(other, 2)
        send(one)
    assert [len(told.named("push")) for told in (first, second)] == [2, 2]
