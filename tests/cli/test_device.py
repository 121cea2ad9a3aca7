"""`pushkit device`: tokens as a user controls them, and what a sender then hears."""

import json
from pathlib import Path
from typing import Any

import pytest

from pushkit_cli.apns.push import PushType
from pushkit_cli.emulator.state import App, Device
from pushkit_cli.engine import emulated
from pushkit_cli.engine.listener import DeviceSpec, Running, TokenSpec, running
from pushkit_cli.engine.setting import Setting
from tests.cli.errands import Done, failed, here, prepared
from tests.commands import objects
from tests.conftest import Told
from tests.engine.test_listener import options

APP = "com.example.pushkit"


def told_by(*words: str) -> dict[str, Any]:
    done = here("device", *words, "--json")
    assert done.returncode == 0, done.stderr
    (found,) = objects(done.stdout)
    return found


def do(*words: str) -> dict[str, Any]:
    return told_by("do", *words)


def tokens(state: str = "live", kind: str = "voip", name: str = "iphone") -> list[str]:
    return [
        one["token"]
        for one in told_by("show", name)["tokens"]
        if (one["state"], one["type"], one["environment"]) == (state, kind, "sandbox")
    ]


def send(to: str, *more: str) -> Done:
    words = ("--to", to, "--app", APP, "--env", "local", "-d", "callUUID=c")
    return here("send", "--type", "voip", *words, *more)


def test_devices_are_listed_and_shown(listener: Running) -> None:
    found = objects(here("device", "list", "--json").stdout)
    assert [(one["name"], one["platform"], one["apps"]) for one in found] == [
        ("iphone", "ios", [APP]),
        ("watch", "watchos", [APP]),
    ]
    assert "iphone  ios 26.5  com.example.pushkit  18 live tokens" in prepared("device", "list")
    token = listener.ready["devices"][0]["tokens"]["voip"]
    assert token in prepared("device", "show", "iphone")
    assert token in [one["token"] for one in found[0]["tokens"]]


def test_a_sender_hears_since_when_a_token_is_gone(listener: Running) -> None:
    (token,) = tokens()
    done = do("iphone", "invalidate-token", "voip", "--at", "2026-01-02T03:04:05Z")
    assert (done["event"], done["app"]) == ("unregistered", APP)
    assert [one["token"] for one in done["tokens"]] == [token]
    heard = send(token)
    assert heard.returncode == 4
    assert b"410 Unregistered since 2026-01-02 03:04:05Z" in heard.stdout
    reply = objects(send(token, "--json").stdout)[0]
    assert reply["unregistered_at_ms"] == 1767323045000
    assert do("iphone", "invalidate-token", "voip")["event"] == "unchanged"
    do("iphone", "expire-token", "voip", "--at", "1767323045999")
    assert objects(send(token, "--json").stdout)[0]["reason"] == "ExpiredToken"


def test_a_name_leads_to_the_new_token(listener: Running) -> None:
    (old,) = tokens()
    (new,) = (one["token"] for one in do("iphone", "rotate-token", "voip")["tokens"]
              if one["state"] == "live")  # fmt: skip
    assert (tokens(), tokens("unregistered")) == ([new], [old])
    assert send("iphone").returncode == 0
    assert objects(here("inbox", "voip", "--json").stdout)[-1]["token"] == new
    assert b"410 Unregistered since" in send(old).stdout
    assert new in prepared("env")


def test_an_app_goes_and_comes_back(listener: Running) -> None:
    before = tokens()
    assert len(do("iphone", "uninstall")["tokens"]) == 18
    assert tokens() == []
    assert "no emulated device has a voip token" in failed(here("send", "--type", "voip"), 2)
    assert do("iphone", "reinstall")["event"] == "reinstalled"
    assert tokens() == before
    do("iphone", "reinstall", "--tokens", "new")
    assert tokens() != before
    assert tokens("unregistered") == before
    found = objects(here("inbox", "token-updated:voip@iphone", "--json").stdout)
    assert [one["push_id"] for one in found] == [None] * 4
    assert found[-2]["token"] in tokens()


def test_the_other_environment_is_named(listener: Running) -> None:
    done = do("iphone", "rotate-token", "voip", "--env", "production")
    assert {one["environment"] for one in done["tokens"]} == {"production"}
    assert tokens("unregistered") == []


def test_of_several_apps_the_first_of_this_run_is_meant(home: Path, told: Told) -> None:
    with running(options(home, apps=("com.example.one",)), told.append):
        pass
    with running(options(home, apps=("com.example.two", "com.example.one")), told.append):
        assert do("iphone", "rotate-token", "voip")["app"] == "com.example.two"
        named = do("iphone", "rotate-token", "voip", "--app", "com.example.one")
        assert named["app"] == "com.example.one"


def test_with_nobody_listening_it_holds_for_the_next_listener(home: Path) -> None:
    assert here("device", "list").stdout == b""
    prepared("register", "device", "alice", "--app", APP, "--type", "voip")
    (old,) = tokens(name="alice")
    do("alice", "invalidate-token", "voip")
    with running(options(home), lambda _: None) as up:
        assert b"410 Unregistered" in send(old).stdout
        assert "voip" not in up.ready["devices"][0]["tokens"]
        assert "voip" in up.ready["devices"][1]["tokens"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("show", "bob"), "no emulated device is called bob"),
        (("do", "bob", "uninstall"), "no emulated device is called bob"),
        (("do", "watch", "rotate-token", "voip"), "watch has no voip token; it has complication"),
        (("do", "iphone", "rotate-token", "vip"), "no push type is called vip"),
        (("do", "iphone", "rotate-token", "voip", "--app", "x.y"), "iphone never had the app x.y"),
        (("do", "iphone", "invalidate-token", "voip", "--at", "2999-01-01T00:00:00Z"), "to come"),
        (("do", "iphone", "invalidate-token", "voip", "--at", "soon"), "soon is no moment"),
        (("do", "iphone", "reinstall", "--tokens", "old"), "not one of"),
        (("do", "iphone", "explode"), "No such command"),
    ],
)
def test_what_cannot_be_done_is_said(listener: Running, words: tuple[str, ...], says: str) -> None:
    assert says in failed(here("device", *words), 2)


# register, while a listener runs


def test_a_registered_device_is_known_to_the_running_listener(listener: Running) -> None:
    text = prepared("register", "device", "bob", "--app", APP, "--type", "voip")
    token = text.split()[-1]
    assert send("bob").returncode == 0
    assert objects(here("inbox", "voip@bob", "--json").stdout)[0]["token"] == token
    assert prepared("register", "device", "bob", "--app", APP).startswith("unchanged")
    prepared("register", "app", "com.example.second")
    assert "com.example.second" in listener.ready["apps"]
    assert "bob" in prepared("register", "list")


def test_a_device_does_not_become_another(listener: Running) -> None:
    said = failed(here("register", "device", "watch", "--app", APP), 6)
    assert "another device is called watch: watchos" in said
    assert prepared("register", "device", "watch", "--app", APP, "--platform", "watchos")


# listen --token


@pytest.mark.parametrize("size", [4, 32, 80, 100])
def test_a_given_token_is_found_in_both_cases(home: Path, size: int) -> None:
    given = TokenSpec(device=None, type=PushType.voip, token="AB" * size)
    with running(options(home, tokens=(given,)), lambda _: None) as up:
        assert up.ready["devices"][0]["tokens"]["voip"] == "ab" * size
    if size >= 32:
        with running(options(home), lambda _: None):
            assert [send(one).returncode for one in ("ab" * size, "AB" * size)] == [0, 0]


@pytest.mark.parametrize("value", ["xy", "abc", "", "ab" * 101, "0x" + "ab" * 31])
def test_a_token_that_is_none_is_exit_2(value: str) -> None:
    assert "not hexadecimal" in failed(here("listen", "--port", "0", "--token", f"voip={value}"), 2)


def test_a_token_of_another_is_exit_2(home: Path) -> None:
    twice = ("--token", f"alice/voip={'ab' * 32}", "--token", f"bob/voip={'AB' * 32}")
    words = ("listen", "--port", "0", "--device", "alice", "--device", "bob")
    said = failed(here(*words, *twice), 2)
    assert "the token abababab is alice's sandbox voip token of com.example.pushkit already" in said
    with running(options(home), lambda _: None) as up:
        theirs = up.ready["devices"][1]["tokens"]["complication"]
    failed(here("listen", "--port", "0", "--token", f"iphone/voip={theirs}"), 2)


def test_a_given_token_that_ended_stays_so(home: Path) -> None:
    phone = (DeviceSpec(name="iphone", platform="ios"),)
    given = options(home, devices=phone, tokens=(
        TokenSpec(device=None, type=PushType.voip, token="ab" * 32),))  # fmt: skip
    with running(given, lambda _: None):
        do("iphone", "invalidate-token", "voip")
    with running(given, lambda _: None) as up:
        assert "voip" not in up.ready["devices"][0]["tokens"]
        assert json.loads((home / "run/listen.json").read_bytes()) == up.ready


def test_of_one_device_the_others_are_but_named(home: Path, listener: Running) -> None:
    setting = Setting(home=home, variables={})
    everything, one = emulated.state(setting), emulated.state(setting, device="iphone")
    assert [device.name for device in one.all_of(Device)] == ["iphone", "watch"]
    assert one.tokens_of("iphone") == everything.tokens_of("iphone") != []
    assert one.tokens_of("watch") == []
    assert one.all_of(App) == everything.all_of(App) != []
