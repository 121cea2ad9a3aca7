"""Pushes of several types to devices in several states, and the export that counts just those."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pushkit_cli.emulator.fault_words import read_fault
from pushkit_cli.emulator.moves import Subscribe
from pushkit_cli.engine.emulated import change
from pushkit_cli.engine.listener import DeviceSpec, Options, Running, running
from pushkit_cli.engine.setting import Setting
from tests.cli.told import Told, tell
from tests.conftest import Told as Events

APP = "com.example.pushkit"


@pytest.fixture
def up(home: Path, told: Events) -> Iterator[Running]:
    """A phone that stays, one that is away, one that comes back, one whose app goes."""
    devices = tuple(
        DeviceSpec(name=name, platform="ios") for name in ("here", "away", "late", "ex")
    )
    options = Options(home=home, port=0, production_port=0, devices=devices, is_clock_manual=True)
    with running(options, told.append) as listener:
        yield listener


def do(capfd: pytest.CaptureFixture[str], *words: str, code: int = 0) -> Told:
    found = tell(capfd, *words)
    assert found.code == code, found.err
    return found


def send(capfd: pytest.CaptureFixture[str], kind: str, to: str, *more: str, code: int = 0) -> None:
    words = ("--title", "x") if kind == "alert" else ()
    do(capfd, "send", "--type", kind, "--to", to, *words, *more, code=code)


def rows(capfd: pytest.CaptureFixture[str], *words: str) -> dict[tuple[str, str], int]:
    found = do(capfd, "export-metrics", "--format", "ndjson", *words).objects
    return {(str(one["type"]), str(one["status"])): int(str(one["count"])) for one in found}


def test_it_counts_exactly_what_happened(up: Running, capfd: pytest.CaptureFixture[str]) -> None:
    token = next(one["tokens"]["alert"] for one in up.ready["devices"] if one["name"] == "ex")
    for device in ("away", "late"):
        do(capfd, "device", "set", device, "offline")
    for _ in range(3):
        send(capfd, "voip", "here", "-d", f"callUUID={datetime.now(tz=UTC).timestamp()}")
    send(capfd, "alert", "here")
    send(capfd, "alert", "late", "--expiration", "1h")
    send(capfd, "alert", "away", "--expiration", "60s")
    send(capfd, "background", "late", "--expiration", "1h")
    do(capfd, "device", "do", "ex", "uninstall")
    send(capfd, "alert", token, "--app", APP, "--env", "local", "--no-lint", code=4)
    do(capfd, "clock", "advance", "90s")
    do(capfd, "device", "set", "late", "online")
    assert rows(capfd) == {
        ("voip", "Received by APNs"): 3,
        ("voip", "Delivered to Device"): 3,
        ("alert", "Received by APNs"): 4,
        ("alert", "Delivered to Device"): 1,
        ("alert", "Stored - Device Offline"): 2,
        ("alert", "Discarded - Overwritten (From Storage)"): 1,
        ("alert", "Discarded - Expired (From Storage)"): 1,
        ("alert", "Discarded - Token Unregistered"): 1,
        ("background", "Received by APNs"): 1,
        ("background", "Stored - Device Offline"): 1,
        ("background", "Delivered to Device (From Storage)"): 1,
    }


@pytest.mark.usefixtures("up")
def test_broadcasts_are_counted_too(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    made = do(capfd, "channel", "create", "--app", APP, "--env", "local").out.strip()
    setting = Setting(home=home, variables={})
    change(setting, [Subscribe(device=device, channel_id=made) for device in ("here", "late")])
    do(capfd, "send", "--type", "liveactivity", "--channel", made, "--env", "local",
       "--event", "update", "--content-state", '{"a":1}')  # fmt: skip
    words = ("export-metrics", "--dataset", "broadcast-channel", "--channel", made)
    (row,) = do(capfd, *words, "--format", "ndjson").objects
    wanted = {"broadcasts_published": 1, "broadcasts_delivered": 2, "total_subscriptions": 2}
    assert {name: row[name] for name in wanted} == wanted
    (every,) = do(
        capfd, "export-metrics", "--dataset", "broadcast-app", "--format", "ndjson"
    ).objects
    assert {name: every[name] for name in wanted} == wanted
    assert every["unique_subscribers"] == 2
    gone = tell(capfd, "export-metrics", "--dataset", "broadcast-channel", "--channel", "bm9uZQ==")
    assert (gone.code, "knows no channel" in gone.err) == (4, True)


def test_what_was_counted_is_kept(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for number in (1, 2):
        with running(Options(home=home, port=0, production_port=0), lambda _: None):
            send(capfd, "alert", "iphone")
            lines = do(capfd, "export-metrics").out.splitlines()
            assert next(line for line in lines if "alert" in line).split()[1] == str(number)


def test_faults_reach_the_service(
    home: Path, capfd: pytest.CaptureFixture[str], told: Events
) -> None:
    options = Options(
        home=home, port=0, production_port=0, faults=(read_fault("export:403@first1"),)
    )
    with running(options, told.append):
        failed = tell(capfd, "export-metrics")
        assert (failed.code, "refused the request (403)" in failed.err) == (4, True)
        assert tell(capfd, "export-metrics").code == 0
    assert [one["detail"] for one in told.named("fault")] == [
        "an export of metrics: answered 403, whatever the push was"
    ]


@pytest.mark.usefixtures("up")
def test_with_a_token_of_apples_the_listener_is_asked_where_that_is_said(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("an-opaque-token-of-apples")
    words = ("--app", APP, "--dataset", "delivery", "--token-file", str(tmp_path / "token"))
    do(capfd, "register", "export-token", *words)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")  # so that nothing leaves
    apple = do(capfd, "export-metrics", "--team-id", "TEAM123456", code=5)
    assert apple.err.startswith("Apple: delivery metrics")
    assert "the listener" in do(capfd, "export-metrics", "--env", "local").err
    monkeypatch.setenv("PUSHKIT_ENVIRONMENT", "local")  # as in a command inside `listen`
    assert "the listener" in do(capfd, "export-metrics").err
