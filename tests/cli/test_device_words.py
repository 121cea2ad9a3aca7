"""`pushkit device set`, `do` and `reset`, with a listener and without one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pushkit_cli.cli.device import _REASONS
from pushkit_cli.engine.listener import Options, Running, running
from pushkit_cli.phone.calls import EndedReason
from pushkit_cli.phone.condition import WORDS
from tests.cli.errands import failed, here, prepared
from tests.commands import objects
from tests.conftest import Told

APP = "com.example.pushkit"


@pytest.fixture(params=["with a listener", "without one"])
def place(request: pytest.FixtureRequest, home: Path, told: Told) -> Iterator[Running | None]:
    """A home with an iPhone and a watch."""
    with running(Options(home=home, port=0, production_port=0), told.append) as up:
        if request.param == "with a listener":
            yield up
            return
    yield None


def shown(name: str = "iphone") -> dict[str, Any]:
    (found,) = objects(prepared("device", "show", name, "--json").encode())
    return dict(found)


def state(name: str = "iphone") -> dict[str, Any]:
    """What is remembered of the one app in the sandbox."""
    (found,) = shown(name)["states"]
    return dict(found)


BEGINNING = ["online", "full-power", "unlocked", "background", "idle", "no-dnd", "on-face"]


def test_a_device_is_what_it_was_said_to_be(place: Running | None) -> None:
    assert shown()["condition"] == BEGINNING
    said = prepared("device", "set", "iphone", "dnd", "locked", "in-call")
    assert said == "iphone  online, full-power, locked, background, in-call, dnd, on-face\n"
    prepared("device", "set", "iphone", "foreground", "before-first-unlock")
    now = ["online", "full-power", "before-first-unlock", "foreground", "in-call", "dnd", "on-face"]
    assert shown()["condition"] == now
    assert shown("watch")["condition"] == BEGINNING
    tokens = shown()["tokens"]
    assert prepared("device", "reset", "iphone") == "reset  iphone\n"
    assert prepared("device", "reset", "iphone") == "unchanged  iphone\n"
    assert (shown()["condition"], shown()["tokens"]) == (BEGINNING, tokens)


def test_every_device_is_reset_at_once(place: Running | None) -> None:
    for name in ("iphone", "watch"):
        prepared("device", "set", name, "dnd")
    (said,) = objects(prepared("device", "reset", "--all", "--json").encode())
    assert (said["event"], said["device"]) == ("reset", None)
    assert [shown(name)["condition"] for name in ("iphone", "watch")] == [BEGINNING] * 2


def test_what_cannot_be_is_refused_and_changes_nothing(place: Running | None) -> None:
    said = failed(here("device", "set", "iphone", "dnd", "upside-down"), 2)
    assert "no device is upside-down" in said
    assert all(word in said for word in WORDS)
    for words in (
        ["set", "nobody", "dnd"],
        ["reset", "nobody"],
        ["do", "nobody", "kill"],
        ["do", "iphone", "kill", "--app", "com.example.none"],
        ["do", "iphone", "end-call", "c", "--reason", "boredom"],
        ["reset"],
        ["reset", "iphone", "--all"],
        ["set", "iphone"],
    ):
        failed(here("device", *words), 2)
    assert shown()["condition"] == BEGINNING
    assert prepared("device", "do", "iphone", "kill") == f"unchanged  iphone  {APP}\n"
    assert prepared("device", "do", "iphone", "end-call", "c") == f"unchanged  iphone  {APP}\n"


def test_a_call_rings_until_somebody_ends_it(listener: Running, told: Told) -> None:
    prepared("send", "--type", "voip", "-d", "callUUID=c1")
    prepared("inbox", "wait", "call-reported=1")
    assert state() == {
        "bundle_id": APP,
        "environment": "sandbox",
        "running": True,
        "strikes": 0,
        "is_stopped": False,
        "calls": ["c1"],
    }
    text = prepared("device", "show", "iphone")
    assert f"{APP}  sandbox\n  running, 0 strikes\n  call c1 rings\n  voip " in text
    assert all(len(line) <= 80 for line in text.splitlines())
    ended = prepared("device", "do", "iphone", "end-call", "c1", "--reason", "unanswered")
    assert ended == f"ended  iphone  {APP}\n"
    assert told.named("call-ended")[0]["reason"] == "unanswered"
    assert state()["calls"] == []
    assert prepared("device", "do", "iphone", "kill") == f"killed  iphone  {APP}\n"
    assert not state()["running"]
    prepared("send", "--type", "voip", "-d", "callUUID=c2")
    prepared("inbox", "wait", "call-reported=2")
    assert len(told.named("launched")) == 2
    prepared("device", "reset", "iphone")
    assert shown()["states"] == []


def test_calls_that_pile_up_are_shown_short_and_ended_by_their_beginnings(
    listener: Running,
) -> None:
    for name in ("a1", "a2", "a3", "b1", "B2"):
        prepared("send", "--type", "voip", "--to", "iphone", "-d", f"callUUID={name}")
    prepared("inbox", "wait", "call-reported=5")
    text = prepared("device", "show", "iphone")
    assert text.count(" rings\n") == 3
    assert "  and 2 that rang before (--json names them)\n" in text
    for ambiguous, number in (("a", 3), ("b", 2), ("", 5)):
        said = failed(here("device", "do", "iphone", "end-call", ambiguous), 2)
        assert f"{number} calls that ring begin with" in said
    assert state()["calls"] == ["a1", "a2", "a3", "b1", "B2"]
    for beginning in ("b2", "b", "a1"):
        prepared("device", "do", "iphone", "end-call", beginning)
    assert state()["calls"] == ["a2", "a3"]
    assert prepared("device", "do", "iphone", "end-call", "z") == f"unchanged  iphone  {APP}\n"


def test_what_an_order_does_to_tokens_fits_a_terminal(listener: Running) -> None:
    for words in (("rotate-token", "fileprovider"), ("uninstall",), ("reinstall",)):
        lines = prepared("device", "do", "iphone", *words).splitlines()
        assert lines[1] == "sandbox"
        assert all(len(line) <= 80 for line in lines)
    lines = prepared("device", "show", "iphone").splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert sum("unregistered  since" in line for line in lines) == 1


def test_do_not_disturb_refuses_the_next_call(listener: Running, told: Told) -> None:
    prepared("device", "set", "iphone", "dnd")
    prepared("send", "--type", "voip", "-d", "callUUID=c1")
    prepared("inbox", "wait", "call-refused=1")
    assert told.named("call-refused")[0]["reason"] == "filteredByDoNotDisturb"


def test_the_reasons_are_those_of_the_framework() -> None:
    assert tuple(one.value for one in EndedReason) == _REASONS


# What a version of a system can receive


@pytest.mark.parametrize(
    ("platform", "os", "kind", "is_there"),
    [
        ("ios", None, "accessory", True),
        ("ios", "26.4", "accessory", False),
        ("ios", "17.0", "controls", False),
        ("ios", "18.0", "controls", True),
        ("macos", "10.14", "fileprovider", False),
        ("watchos", "5.0", "complication", False),
        ("watchos", "6.0", "complication", True),
    ],
)
def test_a_device_has_the_tokens_of_its_version(
    platform: str, os: str | None, kind: str, is_there: bool
) -> None:
    version = [] if os is None else ["--os", os]
    words = ["register", "device", "x", "--app", APP, "--platform", platform, *version]
    asked = here(*words, "--type", kind)
    if not is_there:
        assert f"a device with {platform} {os} has no {kind} tokens" in failed(asked, 2)
        prepared(*words)
    kinds = {one["type"] for one in shown("x")["tokens"]}
    assert (kind in kinds) == is_there
    assert shown("x")["os"] == (os or "26.5")


def test_a_listener_keeps_the_version_that_was_registered(home: Path) -> None:
    prepared("register", "device", "iphone", "--app", APP, "--os", "17.2")
    with running(Options(home=home, port=0, production_port=0), lambda _: None):
        assert shown()["os"] == "17.2"
        assert shown("watch")["os"] == "26.5"
