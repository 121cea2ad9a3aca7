"""Commands and a listener: where they meet, what is answered, and that a change holds at once."""

import json
import os
import signal
import stat
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pushkit_cli.apns.facts import TokenState
from pushkit_cli.apns.push import Environment, PushType
from pushkit_cli.emulator.moves import (
    EndToken,
    Install,
    Register,
    RotateToken,
    SetToken,
)
from pushkit_cli.emulator.orders import MAX_ORDERS, to_data
from pushkit_cli.emulator.selector import Filter
from pushkit_cli.emulator.selector import to_data as filter_data
from pushkit_cli.emulator.state import App, Device
from pushkit_cli.engine import emulated, ready
from pushkit_cli.engine.asking import Listener, listener_of
from pushkit_cli.engine.emulated_keys import Scope, register_app, register_key, revoke_key
from pushkit_cli.engine.listener import Running, running
from pushkit_cli.engine.registering import Change
from pushkit_cli.engine.setting import Setting
from pushkit_cli.errors import ConfigError, ListenerError, StoreError, UsageError
from pushkit_cli.net import control
from pushkit_cli.store.files import Home
from tests.commands import PUSHKIT, listening
from tests.conftest import Told
from tests.engine.scene import full_disk
from tests.engine.test_listener import options, send
from tests.law import new_key

APP = "com.example.pushkit"
LOST = SetToken(device="nobody", bundle_id=APP, type=PushType.voip, token="ab")


@pytest.fixture
def setting(home: Path) -> Setting:
    return Setting(home=home, variables={})


def _device(name: str) -> list[Any]:
    return [
        Register(record=Device(name=name, platform="ios", os="26.4")),
        Install(device=name, bundle_id=APP),
    ]


def _names(up: Running) -> list[str]:
    return [device["name"] for device in up.ready["devices"]]


def _voip(device: dict[str, Any]) -> str | None:
    return next((app["tokens"].get("voip") for app in device["apps"]), None)


# Where they meet


def test_the_socket_is_the_users_alone_and_gone_at_the_end(home: Path, told: Told) -> None:
    with running(options(home), told.append) as up:
        path = Path(up.ready["control"])
        assert stat.S_ISSOCK(path.stat().st_mode)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert json.loads((home / ready.RUN_FILE).read_bytes())["control"] == str(path)
    assert not path.exists()


def test_an_ephemeral_home_has_one_too(told: Told) -> None:
    with running(options(None), told.append) as up:
        here = Setting(home=Path(up.ready["home"]), variables={})
        assert emulated.change(here, _device("alice"))
        path = Path(up.ready["control"])
    assert not path.exists()


@pytest.mark.parametrize("depth", [1, 40, 80, 200])
def test_a_home_of_any_depth_has_one(tmp_path: Path, told: Told, depth: int) -> None:
    deep = tmp_path / ("d" * depth)
    with running(options(deep), told.append) as up:
        path = Path(up.ready["control"])
        assert len(os.fsencode(path)) <= 100
        assert (path.parent == deep / "run") is (len(os.fsencode(deep / "run/control.sock")) <= 100)
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert emulated.change(Setting(home=deep, variables={}), _device("alice"))
    assert not path.exists()
    assert path.parent == deep / "run" or not path.parent.exists()


@pytest.mark.parametrize("depth", [1, 120])
def test_what_a_killed_listener_left_is_cleared_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: Told, depth: int
) -> None:
    with tempfile.TemporaryDirectory(prefix="pk-") as short:
        deep = Path(short, "d" * depth)
        monkeypatch.setenv("PUSHKIT_HOME", str(deep))
        with listening("--port", "0") as (process, said):
            assert emulated.change(Setting(home=deep, variables={}), _device("bob"))
            process.send_signal(signal.SIGKILL)
            process.wait()
        path = Path(said["control"])
        assert path.exists()
        with pytest.raises(ListenerError):
            control.ask(path, "/x", b"", timeout=1)
        with running(options(deep), told.append) as up:
            assert emulated.change(Setting(home=deep, variables={}), _device("alice"))
            assert path.exists() is (str(path) == up.ready["control"])
            assert {"alice", "bob"} <= set(_names(up))
        assert not path.exists()
        assert depth == 1 or not path.parent.exists()


@pytest.mark.parametrize("said", ["/etc/hosts", "elsewhere/control.sock", 7, None])
def test_no_other_file_is_cleared_away(home: Path, tmp_path: Path, said: object) -> None:
    other = tmp_path / "elsewhere" / "control.sock"
    other.parent.mkdir()
    other.write_text("mine")
    said = str(other) if said == "elsewhere/control.sock" else said
    Home(home).write(ready.RUN_FILE, json.dumps({"event": "ready", "control": said}).encode())
    with running(options(home), lambda _: None):
        pass
    assert other.read_text() == "mine"


# A change holds at once


def test_a_device_is_known_to_the_running_listener_at_once(
    setting: Setting, listener: Running
) -> None:
    assert _names(listener) == ["iphone", "watch"]
    assert emulated.change(setting, _device("alice"))
    assert _names(listener) == ["iphone", "watch", "alice"]
    assert ready.find(setting.home, None) == listener.ready
    assert not emulated.change(setting, _device("alice"))
    listener.ready["devices"].reverse()  # send() takes the first
    assert [reply.status for reply in send(listener)] == [200]


def test_a_token_that_ended_is_refused_at_once_and_announced_no_more(
    setting: Setting, listener: Running, told: Told
) -> None:
    order = EndToken(
        device="iphone",
        bundle_id=APP,
        type=PushType.voip,
        environment=Environment.SANDBOX,
        state=TokenState.UNREGISTERED,
        at_ms=1_700_000_000_000,
    )
    before = json.loads(json.dumps(listener.ready))
    assert emulated.change(setting, [order])
    (reply,) = send(replace(listener, ready=before))
    assert (reply.status, reply.reason) == (410, "Unregistered")
    assert reply.unregistered_at_ms == 1_700_000_000_000
    assert _voip(listener.ready["devices"][0]) is None
    (event,) = told.named("token-invalidated")
    assert (event["push_id"], event["token"]) == (None, _voip(before["devices"][0]))


def test_an_app_belongs_to_the_team_of_the_listener(home: Path, setting: Setting) -> None:
    with running(options(home, team_id="TEAM000001"), lambda _: None):
        for app, change in (("com.example.second", Change.registered), (APP, Change.unchanged)):
            assert register_app(setting, app, None, replacing=False) is change
        apps = emulated.state(setting).all_of(App)
    assert {app.team_id for app in apps} == {"TEAM000001"}


def test_a_key_is_known_and_revoked_at_once(
    setting: Setting, listener: Running, tmp_path: Path
) -> None:
    file = tmp_path / "AuthKey_MYKEY00001.p8"
    file.write_bytes(new_key().private_pem)
    said = {**listener.ready, "key_file": str(file), "key_id": "MYKEY00001"}
    mine = replace(listener, ready=said)
    reasons = [send(mine)[0].reason]
    register_key(
        setting,
        file.read_bytes(),
        file=file,
        team_id=said["team_id"],
        key_id=None,
        scope=Scope(environments=tuple(Environment)),
        replacing=False,
    )
    reasons.append(send(mine)[0].reason)
    revoke_key(setting, "MYKEY00001")
    reasons.append(send(mine)[0].reason)
    assert reasons == ["InvalidProviderToken", None, "InvalidProviderToken"]


def test_with_nobody_listening_the_next_listener_knows_it(home: Path, setting: Setting) -> None:
    with running(options(home), lambda _: None):
        pass
    assert emulated.change(setting, _device("alice"))
    assert emulated.state(setting).device("alice") is not None
    with running(options(home), lambda _: None) as up:
        assert "alice" in _names(up)


def test_a_named_listener_is_the_one_that_is_spoken_to(tmp_path: Path, listener: Running) -> None:
    file = tmp_path / "ready.json"
    file.write_text(json.dumps(listener.ready))
    elsewhere = Setting(home=tmp_path / "other", variables={"PUSHKIT_READY_FILE": str(file)})
    assert emulated.change(elsewhere, _device("alice"))
    assert "alice" in _names(listener)
    assert emulated.state(elsewhere).device("alice") is not None
    assert not (tmp_path / "other").exists()


# All or nothing


@pytest.mark.parametrize("listening_here", [True, False])
def test_orders_that_cannot_be_carried_out_change_nothing(
    home: Path, setting: Setting, told: Told, listening_here: bool
) -> None:
    register_app(setting, APP, None, replacing=False)

    def refused() -> None:
        before = emulated.state(setting).records
        with pytest.raises(UsageError, match="no device nobody"):
            emulated.change(setting, [*_device("alice"), LOST])
        assert emulated.state(setting).records == before
        assert emulated.change(setting, _device("bob"))

    if listening_here:
        with running(options(home), told.append):
            refused()
    else:
        refused()
    known = emulated.state(setting)
    assert (known.device("alice"), known.device("bob") is None) == (None, False)


def test_a_change_that_cannot_be_kept_is_told_and_ends_the_listener(
    home: Path, setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pushkit_cli.engine.listener._GRACE_S", 0.1)
    many = [order for n in range(60) for order in _device(f"d{n}")]
    with (
        pytest.raises(StoreError, match="disk I/O error"),
        running(options(home), lambda _: None),
        full_disk(home),
        pytest.raises((StoreError, ListenerError), match=r"disk I/O error|does not answer"),
    ):
        emulated.change(setting, many)
    assert emulated.state(setting).device("d1") is None


def test_commands_at_once_do_not_lose_each_others_changes(home: Path) -> None:
    """Some meet a listener that starts, some nobody, some one that ends."""
    heard: list[object] = []

    def body(number: int) -> None:
        try:
            mine = Setting(home=home, variables={})
            emulated.register_device(mine, f"d{number}", app=APP, platform="ios", os=None, types=())
        except Exception as error:  # told by the test
            heard.append(error)

    threads = [threading.Thread(target=body, args=(number,)) for number in range(12)]
    for thread in threads[:4]:
        thread.start()
    for thread in threads[:4]:
        thread.join()
    with running(options(home), lambda _: None):
        for thread in threads[4:]:
            thread.start()
    for thread in threads[4:]:
        thread.join()
    assert heard == []
    state = emulated.state(Setting(home=home, variables={}))
    assert {f"d{number}" for number in range(12)} <= {one.name for one in state.all_of(Device)}


def test_who_holds_the_lock_and_is_no_listener_is_named(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emulated, "_PATIENCE_S", 0.1)
    home = Home(setting.home)
    home.folder("run")
    with home.lock(ready.LOCK_FILE), pytest.raises(ListenerError, match="another process holds"):
        emulated.change(setting, _device("alice"))


@pytest.mark.parametrize("said", [{}, {"control": None}, {"control": "/nowhere/control.sock"}])
def test_a_listener_that_cannot_be_asked_is_an_error(
    tmp_path: Path, said: dict[str, object]
) -> None:
    file = tmp_path / "ready.json"
    file.write_text(json.dumps({"event": "ready", **said}))
    elsewhere = Setting(home=tmp_path / "other", variables={"PUSHKIT_READY_FILE": str(file)})
    with pytest.raises(ConfigError) as caught:
        emulated.change(elsewhere, _device("alice"))
    assert caught.value.hint


# What is asked


@pytest.fixture
def asked(setting: Setting, listener: Running) -> Iterator[Listener]:
    found = listener_of(setting)
    assert found is not None
    yield found
    assert emulated.change(setting, _device("after-all"))


_EVENTS = {"filter": filter_data(Filter()), "after": 0, "before": None, "wait_ms": 0,
    "count": False}  # fmt: skip


NONSENSE = (
    ("/change", b""),
    ("/change", b"[]"),
    ("/change", b"[" * 5_000),
    ("/change", b"\xff"),
    ("/change", b'{"orders":7}'),
    ("/change", b'{"orders":[7]}'),
    ("/change", json.dumps({"orders": [to_data(LOST)] * (MAX_ORDERS + 1)}).encode()),
    ("/change", b'{"orders":[{"order":"tick"}]}'),
    ("/records", b"{}"),
    ("/records", b'{"after":-1}'),
    ("/records", b'{"after":1e99}'),
    ("/records", b'{"after":true}'),
    ("/events", b"{}"),
    ("/events", json.dumps({**_EVENTS, "filter": None}).encode()),
    ("/events", json.dumps({**_EVENTS, "after": 2**70}).encode()),
    ("/events", json.dumps({**_EVENTS, "wait_ms": "x"}).encode()),
    ("/events", json.dumps({**_EVENTS, "before": []}).encode()),
    ("/about", b'{"prefix":7}'),
    ("/about", '{"prefix":"\u00e9"}'.encode()),
)


def test_a_question_that_makes_no_sense_is_refused(asked: Listener) -> None:
    for question, body in NONSENSE:
        answer = control.ask(asked.socket, question, body, timeout=5)
        assert answer.status == 400, (question, body[:80])
        assert json.loads(answer.body)["message"]


def test_a_question_that_nobody_knows_is_refused(asked: Listener) -> None:
    for question in ("/", "/nothing", "/change/", "/3/device/ab", "/%00"):
        assert control.ask(asked.socket, question, b"{}", timeout=5).status == 404


def test_a_question_that_is_too_long_is_refused(asked: Listener) -> None:
    body = b'{"x":"%s"}' % (b"x" * control.MAX_QUESTION_BYTES)
    assert control.ask(asked.socket, "/change", body, timeout=5).status == 413


def test_no_secret_is_among_the_records(setting: Setting, listener: Running) -> None:
    records = emulated.state(setting).records
    assert {key.split("/")[0] for key in records} == {"app", "key", "device", "token"}
    assert "PRIVATE" not in str(records)


def test_many_records_come_in_pages(setting: Setting, listener: Running) -> None:
    for turn in range(2):
        orders = [order for n in range(20) for order in _device(f"d{turn}-{n}")]
        assert emulated.change(setting, orders)
    rotate = RotateToken(
        device="d1-3", bundle_id=APP, type=PushType.voip, environment=Environment.SANDBOX
    )
    assert emulated.change(setting, [rotate])
    known = emulated.state(setting)
    assert len(known.records) > 700
    assert len(list(emulated.tokens_of(known, "d1-3"))) == 17


def test_a_command_needs_no_asyncio(listener: Running, setting: Setting) -> None:
    script = (
        "import sys; from pushkit_cli.cli.app import run; import os;"
        "code = run(sys.argv[1:], os.environ);"
        "sys.exit(code or 'asyncio' in sys.modules)"
    )
    for words in (("inbox",), ("device", "do", "iphone", "rotate-token", "voip")):
        done = subprocess.run(
            [PUSHKIT.with_name("python"), "-c", script, *words], capture_output=True, check=False
        )
        assert done.returncode == 0, (words, done.stdout, done.stderr)
