"""The lines of a listener's screen: each event in its words, within eighty columns."""

from typing import Any

import pytest

from pushkit_cli.apns.facts import Trouble
from pushkit_cli.apns.push import Environment, PushType
from pushkit_cli.cli import stream
from pushkit_cli.cli.render import Terminal
from pushkit_cli.cli.telling import Teller
from pushkit_cli.emulator.clients import Clients
from pushkit_cli.emulator.push_event import PushEvent
from pushkit_cli.engine.objects import Happened
from pushkit_cli.phone.events import DeviceEvent, Happening
from tests.law import request


def event(name: str, detail: str | None = None, **words: Any) -> dict[str, Any]:
    return {
        "v": 1, "event": name, "seq": 1, "at": "2026-11-25T10:00:00.000Z", "push_id": "ab" * 16,
        "device": "iphone", "app": "com.example.app", "type": "voip", "reason": None,
        "detail": detail, "basis": "documented", **words,
    }  # fmt: skip


def lines(*events: dict[str, Any]) -> list[str]:
    terminal = Terminal()
    found = [line for one in events for line in stream.lines(one, terminal)]
    return [part for line in found for part in line.split("\n")]


def asked(name: str, **words: Any) -> dict[str, Any]:
    said = {
        "id": "cd" * 16, "method": "POST", "path": "/1/apps/com.example.app/channels",
        "topic": None, "channel": "dHN0", "size_bytes": 52, "status": 201, "hint": None,
        "fault": None,
    }  # fmt: skip
    return {**event(name), **said, **words}


@pytest.mark.parametrize(
    ("one", "told"),
    [
        (
            asked("channel"),
            ["-->  POST /1/apps/com.example.app/channels  channel dHN0  [cdcdcd]", "201 accepted"],
        ),
        (
            asked("push", type="liveactivity", status=200),
            [
                "-->  liveactivity  channel dHN0  com.example.app  52 bytes  [cdcdcd]",
                "200 accepted",
            ],
        ),
        (
            asked("channel", status=400, reason="BadChannelId", detail="it is not base64"),
            [
                "-->  POST /1/apps/com.example.app/channels  channel dHN0  [cdcdcd]",
                "400 BadChannelId",
            ],
        ),
    ],
)
def test_what_is_asked_of_channels_is_told_as_a_push_is(
    one: dict[str, Any], told: list[str]
) -> None:
    request, answer, *_ = lines(one)
    assert " ".join(request.split()).endswith(" ".join(told[0].split()))
    assert told[1] in answer


def test_a_fault_is_told_with_its_push_and_without_one() -> None:
    rule = {"rule": "voip:close@every500", "number": 1, "basis": "ours"}
    closed = event("fault", "the TCP connection was closed in place of the answer, 200", **rule)
    first, answer, detail = lines(asked("push", status=200, fault=rule["rule"]), closed)
    assert "-->" in first
    assert answer == f"{' ' * 10}<--  200  fault voip:close@every500"
    assert detail == f"{' ' * 10}{closed['detail']}"
    none = {"push_id": None, "device": None, "app": None, "type": None}
    told = lines({**closed, **none})
    assert told[0][8:].startswith("  fault voip:close@every500: the TCP")
    assert all(len(line) <= 80 for line in told)


def test_what_came_of_a_broadcast_names_the_device() -> None:
    assert lines(event("displayed", "Live Activity updated", channel="dHN0")) == [
        f"{' ' * 10}iphone: Live Activity updated"
    ]
    assert lines(event("delivered", channel="dHN0")) == []
    (said,) = lines(event("discarded", "nothing of it is stored", channel="dHN0"))
    assert said == f"{' ' * 10}discarded: iphone: nothing of it is stored"


def test_of_a_broadcast_to_many_some_are_shown(capfd: pytest.CaptureFixture[str]) -> None:
    with Teller(Terminal(), None) as teller:
        for number, push_id in enumerate(("ab" * 16, "cd" * 16)):
            for place in range(30):
                reached = DeviceEvent(
                    event=Happening.DISPLAYED,
                    push_id=push_id,
                    device=f"phone{place}",
                    app="com.example.app",
                    type=PushType.liveactivity,
                    detail="Live Activity updated",
                    channel="dHN0",
                )
                teller.tell(Happened(seq=number * 30 + place, at_ms=0, event=reached))
    shown = capfd.readouterr().out
    assert [shown.count(f"phone{place} ") for place in (0, 19, 20, 29)] == [2, 2, 0, 0]
    assert shown.count("and so on: pushkit inbox show ababab has all of it\n") == 1
    assert shown.count("and so on: pushkit inbox show cdcdcd has all of it\n") == 1


LONG = "it did a great many things that take a great many words to tell to anybody who reads them"


@pytest.mark.parametrize(
    ("one", "begins"),
    [
        (event("terminated", LONG, reason="0xBAADCA11"), "KILLED 0xBAADCA11: it did"),
        (event("voip-stopped", LONG), "STOPPED: it did"),
        (event("discarded", LONG, reason="budget"), "discarded: it did"),
        (event("call-refused", LONG), "refused: it did"),
        (event("call-ended", "call ended: remoteEnded"), "call ended: remoteEnded"),
        (event("warning", LONG), "warning: it did"),
        (event("hook", "exit 3 after 5 ms"), "hook: exit 3 after 5 ms"),
        (event("hook", "exit 3 after 5 ms; stderr: oh"), "hook: exit 3 after 5 ms; stderr: oh"),
    ],
)
def test_each_is_told_in_its_words(one: dict[str, Any], begins: str) -> None:
    told = lines(one)
    assert told[0].startswith(f"{' ' * 10}{begins}")
    assert all(len(line) <= 80 and line.startswith(" " * 10) for line in told)


def test_the_last_lines_of_a_hook_are_marked_as_its_own() -> None:
    wide = "::error::" + "x" * 300
    said = f"exit 3 after 5 ms; stderr: one\ntwo\n\x1b[2Jthree\n{wide}"
    told = lines(event("hook", said))
    assert told[0] == f"{' ' * 10}hook: exit 3 after 5 ms; stderr:"
    assert [line[:12] for line in told[1:]] == [f"{' ' * 10}| "] * 3
    assert "two" in told[1]
    assert "\\x1b[2Jthree" in told[2]
    assert all(len(line) <= 80 for line in told)
    assert "\x1b" not in "".join(told)


def test_what_is_no_longer_below_its_push_names_it(
    capfd: pytest.CaptureFixture[str],
) -> None:
    late = DeviceEvent(
        event=Happening.CALL_REPORTED,
        push_id="ab" * 16,
        device="iphone",
        app="com.example.app",
        type=PushType.voip,
        detail="call reported in 5000 ms",
    )
    with Teller(Terminal(), None) as teller:
        teller.tell(Happened(seq=1, at_ms=0, event=late))
    line = " ".join(capfd.readouterr().out.split())
    assert "call-reported iphone com.example.app voip" in line
    assert "[ababab]" in line


def test_a_line_belongs_to_what_stands_above_it(capfd: pytest.CaptureFixture[str]) -> None:
    push = PushEvent(
        id="ab" * 16, connection=1, request=request(), environment=Environment.SANDBOX, status=200,
        apns_id="x",
    )  # fmt: skip
    mine, other = (
        DeviceEvent(
            event=Happening.DEFERRED, push_id=push_id, device="iphone", app="com.example.app",
            type=PushType.voip, detail="it waits",
        )
        for push_id in (push.id, "cd" * 16)
    )  # fmt: skip
    with Teller(Terminal(), None) as teller:
        told: tuple[PushEvent | DeviceEvent, ...] = (push, mine, other, mine)
        for seq, one in enumerate(told, start=1):
            teller.tell(Happened(seq=seq, at_ms=0, event=one))
    own, others, later = capfd.readouterr().out.splitlines()[2:]
    assert own == f"{' ' * 10}it waits"
    assert (others[-8:], later[-8:]) == ("[cdcdcd]", "[ababab]")


@pytest.mark.parametrize("trouble", list(Trouble))
def test_a_client_that_no_device_heard_of_is_told_of_with_the_remedy(trouble: Trouble) -> None:
    clients = Clients()
    for number in (1, 2):
        said = clients.troubled(trouble)
        assert said is not None
        told = Happened(seq=number, at_ms=0, event=said)
        first, *rest = lines(told.to_json())
        assert first[10:].startswith("warning: a ")
        assert any(line.startswith(f"{' ' * 10}hint: ") for line in rest)
        assert all(len(line) <= 80 for line in (first, *rest))
