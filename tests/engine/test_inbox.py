"""What was captured: listed in pages, followed, waited for, shown whole, and forgotten."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pushkit_cli.apns.message import Request
from pushkit_cli.apns.push import Environment, PushType
from pushkit_cli.emulator.moves import RotateToken
from pushkit_cli.emulator.selector import Filter, to_data
from pushkit_cli.engine import emulated, inbox, journal
from pushkit_cli.engine.asking import EVENTS
from pushkit_cli.engine.control import Control
from pushkit_cli.engine.inbox import Asked, Since
from pushkit_cli.engine.listener import Running, running
from pushkit_cli.engine.setting import Setting
from pushkit_cli.engine.waiting import wait_for
from pushkit_cli.errors import ExpectationError, ListenerError, UsageError, WaitError
from tests.conftest import Told
from tests.engine.scene import PATIENCE_S, Scene, opened, set_up
from tests.engine.scene import journal as kept_journal
from tests.engine.test_listener import options, send
from tests.law import BUNDLE

ROTATE = RotateToken(
    device="iphone", bundle_id=BUNDLE, type=PushType.voip, environment=Environment.SANDBOX
)
CALL = ["push", "launched", "delivered", "call-reported"]


@pytest.fixture
def setting(home: Path) -> Setting:
    return Setting(home=home, variables={})


def pushed(up: Running, told: Told, pushes: int = 1) -> None:
    """So many accepted pushes, and everything that came of them."""
    before = len(told.named("call-reported"))
    assert {reply.status for reply in send(up, pushes)} == {200}
    done = lambda: len(told.named("call-reported")) == before + pushes or None  # noqa: E731
    assert wait_for(done, timeout=PATIENCE_S)


def listed(setting: Setting, newest: int | None = None, **asked: Any) -> list[dict[str, Any]]:
    return list(inbox.listing(setting, Asked(**asked), newest=newest, follow=False))


def names(events: list[dict[str, Any]]) -> list[str]:
    return [event["event"] for event in events]


# Listed


@pytest.fixture(params=["listening", "kept"])
def captured(
    request: pytest.FixtureRequest, home: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[dict[str, Any]]]:
    """Five calls, in pages of three rows: of a listener that runs, and of one that did."""
    monkeypatch.setattr(journal, "_PAGE_ROWS", 3)
    monkeypatch.setattr(journal, "_SEARCHED_AT_ONCE", 2)
    with running(options(home), told.append) as up:
        pushed(up, told)
        pushed(up, told, 4)
        if request.param == "listening":
            yield kept_journal(home)
            return
    yield kept_journal(home)


def test_every_push_is_listed_in_order(setting: Setting, captured: list[dict[str, Any]]) -> None:
    pushes = [event for event in captured if event["event"] == "push"]
    assert len(pushes) == 5
    assert listed(setting) == pushes
    assert listed(setting, what="push") == pushes
    assert listed(setting, what="voip@iphone") == pushes
    assert listed(setting, what="voip@watch") == []
    assert all("authorization" not in event["headers"] for event in listed(setting))


def test_events_are_listed_by_what_they_are(
    setting: Setting, captured: list[dict[str, Any]]
) -> None:
    reported = [event for event in captured if event["event"] == "call-reported"]
    assert listed(setting, what="call-reported") == reported
    assert listed(setting, what="call-reported:voip@iphone") == reported
    first = listed(setting)[0]
    assert names(listed(setting, what="delivered", apns_id=first["apns_id"].lower())) == [
        "delivered"
    ]
    call = first["payload"]["callUUID"]
    where = (f"id={first['id']}", f"payload.callUUID={call}", "headers.apns-expiration=0")
    assert listed(setting, where=where) == [first]
    assert listed(setting, app="com.example.other") == []


def test_large_events_come_in_pages_of_their_own(
    setting: Setting, captured: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    every = listed(setting, what="delivered")
    monkeypatch.setattr(journal, "PAGE_BYTES", 1)
    assert listed(setting, what="delivered") == every
    assert listed(setting, newest=3, what="delivered") == every[-3:]
    assert len(listed(setting)) == 5


@pytest.mark.parametrize("newest", [1, 2, 5, 99])
def test_the_newest_alone_are_listed_in_order(
    setting: Setting, captured: list[dict[str, Any]], newest: int
) -> None:
    assert listed(setting, newest=newest) == listed(setting)[-newest:]
    assert (
        listed(setting, newest=newest, what="delivered")
        == (listed(setting, what="delivered")[-newest:])
    )


def test_since_is_behind_a_number_or_from_a_moment_on(
    setting: Setting, captured: list[dict[str, Any]]
) -> None:
    pushes = listed(setting)
    assert listed(setting, since=Since(seq=pushes[1]["seq"])) == pushes[2:]
    assert listed(setting, since=Since(seq=0)) == pushes
    assert listed(setting, since=Since(within_s=3600)) == pushes
    assert listed(setting, since=Since(at=time.time() + 60)) == []
    assert listed(setting, since=Since(at=0.0), newest=2) == pushes[-2:]
    assert listed(setting, since=Since(seq=pushes[3]["seq"]), newest=9) == pushes[4:]


def test_one_push_is_shown_with_what_followed(
    setting: Setting, captured: list[dict[str, Any]]
) -> None:
    first, second = listed(setting)[:2]
    mine = [event for event in captured if first["id"] in (event.get("push_id"), event.get("id"))]
    assert names(mine) == CALL
    for word in (first["id"], first["id"][:8], first["id"][:8].upper(), first["apns_id"]):
        assert inbox.show(setting, word) == mine
    assert names(inbox.show(setting, second["apns_id"].lower()))[0] == "push"
    for nobody in ("f" * 32, "00000000-0000-0000-0000-000000000000"):
        with pytest.raises(UsageError, match="was captured"):
            inbox.show(setting, nobody)


@pytest.mark.parametrize("word", ["", "abcde", "xyzxyz", "a" * 33, "é" * 6, "%%%%%%"])
def test_what_is_no_push_is_refused(setting: Setting, word: str) -> None:
    with pytest.raises(UsageError, match="is no push"):
        inbox.show(setting, word)


def test_several_pushes_that_begin_alike_are_named(setting: Setting) -> None:
    events = [{"event": "push", "id": f"abcdef{n}" + "0" * 25} for n in range(3)]
    with pytest.raises(UsageError, match="several pushes begin with abcdef: abcdef000000, "):
        inbox._one_push(events, "abcdef")


def test_what_is_forgotten_is_gone_and_numbers_go_on(
    setting: Setting, captured: list[dict[str, Any]]
) -> None:
    last = captured[-1]["seq"]
    inbox.clear(setting)
    assert listed(setting) == []
    assert kept_journal(setting.home) == []
    assert emulated.change(setting, [replace(ROTATE, bundle_id="com.example.pushkit")])
    (event,) = listed(setting, what="token-updated")
    assert event["seq"] == last + 1


def test_nobody_here_and_nothing_kept_is_said(setting: Setting) -> None:
    for ask in (
        lambda: listed(setting),
        lambda: inbox.show(setting, "abcdef"),
        lambda: inbox.wait(setting, Asked(what="voip=1"), timeout=0.1),
    ):
        with pytest.raises(ListenerError, match="nobody listens here") as caught:
            ask()
        assert "pushkit listen" in (caught.value.hint or "")
    assert not setting.home.exists()


def test_what_was_kept_cannot_be_followed(setting: Setting, home: Path) -> None:
    with running(options(home), lambda _: None):
        pass
    with pytest.raises(ListenerError, match="nothing will come"):
        list(inbox.listing(setting, Asked(), newest=None, follow=True))


# Waited for


def _aside(act: Callable[[], Any]) -> Callable[[], Any]:
    """Do something in a thread of its own; what is called then waits for what came of it."""
    came: list[Any] = []

    def body() -> None:
        try:
            came.append(act())
        except Exception as error:  # given back to the test
            came.append(error)

    thread = threading.Thread(target=body)
    thread.start()

    def result() -> Any:
        thread.join(PATIENCE_S)
        return came[0]

    return result


@pytest.mark.parametrize("what", ["voip=1", "voip@iphone=1+", "call-reported=1..3", "push:voip=1"])
def test_who_waits_is_there_before_the_push(
    setting: Setting, listener: Running, told: Told, what: str
) -> None:
    result = _aside(lambda: inbox.wait(setting, Asked(what=what), timeout=PATIENCE_S))
    begun = time.monotonic()
    pushed(listener, told)
    tally = result()
    assert (tally.number, tally.count.least) == (1, 1)
    assert time.monotonic() - begun < PATIENCE_S / 2
    assert tally.seq >= 1


def test_what_came_since_the_listener_started_counts(
    home: Path, setting: Setting, told: Told
) -> None:
    with running(options(home), told.append) as up:
        pushed(up, told, 2)
    with running(options(home), told.append) as up:
        assert inbox.wait(setting, Asked(what="voip=0"), timeout=0.05).number == 0
        pushed(up, told)
        first = inbox.wait(setting, Asked(what="voip=1"), timeout=PATIENCE_S)
        every = Asked(what="voip=3", since=Since(seq=0))
        assert inbox.wait(setting, every, timeout=PATIENCE_S).number == 3
        later = Asked(what="voip=0", since=Since(seq=first.seq))
        assert inbox.wait(setting, later, timeout=0.05).number == 0


def test_too_many_fail_at_once(setting: Setting, listener: Running, told: Told) -> None:
    result = _aside(lambda: inbox.wait(setting, Asked(what="voip=0"), timeout=60))
    pushed(listener, told, 2)
    error = result()
    assert isinstance(error, ExpectationError)
    assert "voip came, and 0 were expected" in error.message
    with pytest.raises(ExpectationError, match="2 voip came, and 1 were expected"):
        inbox.wait(setting, Asked(what="voip=1"), timeout=60)


def test_too_few_run_out_of_time(setting: Setting, listener: Running, told: Told) -> None:
    pushed(listener, told)
    with pytest.raises(WaitError, match=r"1 voip came within 0.05 s, not 2\+"):
        inbox.wait(setting, Asked(what="voip=2+"), timeout=0.05)
    with pytest.raises(WaitError) as caught:
        inbox.wait(setting, Asked(what="voip@iphon=1"), timeout=0.01)
    assert caught.value.hint == "no device is called iphon: there are iphone, watch"
    elsewhere = Asked(what="voip=1", where=("payload.callUUID=other",))
    with pytest.raises(WaitError):
        inbox.wait(setting, elsewhere, timeout=0.01)


def test_a_wait_that_allows_none_lasts_to_its_end(setting: Setting, listener: Running) -> None:
    for count in ("0", "0..3", "0+"):
        begun = time.monotonic()
        assert inbox.wait(setting, Asked(what=f"voip={count}"), timeout=0.1).number == 0
        assert time.monotonic() - begun >= 0.1


def test_who_waits_hears_that_the_listener_ends(home: Path) -> None:
    asked = _question({**live_question(), "wait_ms": 30_000})

    async def body(scene: Scene) -> dict[str, Any]:
        control = Control(scene.stage, lambda: None)
        answer = asyncio.create_task(control.answer(asked))
        done, _ = await asyncio.wait([answer], timeout=0.05)
        assert not done
        control.end()
        found: dict[str, Any] = json.loads((await answer).body)
        return found

    with opened(home) as scene:
        assert asyncio.run(body(scene)) == {
            "events": [], "at": 0, "last": 0, "more": False, "ended": True,
        }  # fmt: skip


def test_what_comes_while_the_last_page_is_read_is_not_missed(home: Path) -> None:
    question = {**live_question(), "filter": to_data(Asked(what="token-updated").filter())}
    asked = _question({**question, "wait_ms": 30_000})

    async def body(scene: Scene) -> dict[str, Any]:
        scene.stage.apply(set_up())
        answer = asyncio.create_task(Control(scene.stage, lambda: None).answer(asked))
        asyncio.get_running_loop().call_soon(scene.stage.change, [ROTATE])
        found: dict[str, Any] = json.loads((await asyncio.wait_for(answer, PATIENCE_S)).body)
        return found

    with opened(home) as scene:
        assert names(asyncio.run(body(scene))["events"]) == ["token-updated"]


def _question(said: dict[str, Any]) -> Request:
    return Request(
        headers=((b":method", b"POST"), (b":path", EVENTS.encode())), body=json.dumps(said).encode()
    )


def live_question() -> dict[str, Any]:
    return {"filter": to_data(Filter()), "after": 0, "before": None, "count": False}


@pytest.mark.parametrize("what", ["", "voip", "vopi=1", "voip=", "voip=x"])
def test_what_cannot_be_waited_for_is_refused(setting: Setting, what: str) -> None:
    with pytest.raises(UsageError):
        inbox.wait(setting, Asked(what=what), timeout=1)


# Followed


def test_who_follows_sees_all_of_it_until_the_listener_ends(
    home: Path, setting: Setting, told: Told
) -> None:
    seen: list[dict[str, Any]] = []

    def follow() -> None:
        for event in inbox.listing(setting, Asked(), newest=None, follow=True):
            seen.append(event)

    with running(options(home), told.append) as up:
        pushed(up, told, 12)
        result = _aside(follow)
        assert wait_for(lambda: len(seen) >= 10 or None, timeout=PATIENCE_S)
        for turn in range(3):
            pushed(up, told)
            assert wait_for(lambda n=turn: len(seen) == 11 + n or None, timeout=PATIENCE_S)  # type: ignore[misc]
    assert result() is None
    assert seen == listed(setting)[-13:]


def test_who_waits_costs_the_pushes_nothing(
    setting: Setting, listener: Running, told: Told
) -> None:
    waits = [
        _aside(lambda: inbox.wait(setting, Asked(what="voip=40"), timeout=PATIENCE_S))
        for _ in range(10)
    ]
    pushed(listener, told, 40)
    assert [wait().number for wait in waits] == [40] * 10
