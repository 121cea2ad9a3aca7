"""The judge: what is counted, what is excused, and which exit code comes first."""

from collections.abc import Sequence
from itertools import count, product
from random import Random
from typing import Any

import pytest

from pushkit_cli.emulator.terms import read_terms
from pushkit_cli.emulator.verdict import (
    DEVICE_RULES,
    KEPT,
    By,
    Ending,
    Judge,
    Verdict,
    decide,
)
from pushkit_cli.errors import ExitCode, UsageError

_NUMBERS = count(1)
Event = dict[str, Any]


def push(kind: str = "voip", status: int = 200, device: str = "iphone", **more: Any) -> Event:
    number = next(_NUMBERS)
    return {
        "event": "push",
        "seq": number,
        "id": f"{number:032x}",
        "type": kind,
        "device": device,
        "status": status,
        "reason": None if status == 200 else "BadDeviceToken",
        "headers": {"apns-expiration": "0"},
        "payload": {"callUUID": "c1"},
        **more,
    }


def happened(event: str, device: str = "iphone", kind: str = "voip", **more: Any) -> Event:
    number = next(_NUMBERS)
    return {"event": event, "seq": number, "device": device, "type": kind, "reason": None, **more}


def judged(
    events: Sequence[Event],
    *expects: str,
    requires: Sequence[str] = (),
    ending: Ending | None = None,
) -> Verdict:
    judge = Judge(read_terms(expects, requires))
    for event in events:
        judge.see(event)
    return judge.verdict(ending or Ending(child_exit=0), devices=["iphone", "watch"])


KILLED = happened("terminated")
STOPPED = happened("voip-stopped")
WITHHELD = happened("discarded", reason="voip-stopped")


@pytest.mark.parametrize(
    ("events", "expects", "code", "by"),
    [
        ([], [], 0, None),
        ([push()], ["voip=1"], 0, None),
        ([push()], ["voip@iphone=1", "voip@watch=0"], 0, None),
        ([push()], ["voip=2"], 7, By.EXPECTATION),
        ([push(), push()], ["voip=1"], 7, By.EXPECTATION),
        ([push(), push()], ["voip=1..3", "voip=2+"], 0, None),
        ([push(status=400)], ["voip=0", "refused=1", "refused:BadDeviceToken=1"], 0, None),
        ([push(status=400)], ["refused:BadTopic=1"], 7, By.EXPECTATION),
        ([happened("call-reported")], ["call-reported:voip=1"], 0, None),
        ([happened("call-reported")], ["call-reported:alert=1"], 7, By.EXPECTATION),
        # A device rule, and what excuses it
        ([KILLED], [], 7, By.DEVICE_RULE),
        ([KILLED], ["terminated=1"], 0, None),
        ([KILLED], ["terminated:voip@iphone=1+"], 0, None),
        ([KILLED], ["terminated=2"], 7, By.EXPECTATION),
        ([KILLED], ["terminated@watch=0"], 7, By.DEVICE_RULE),
        ([KILLED], ["terminated:background=0"], 7, By.DEVICE_RULE),
        ([KILLED, happened("terminated", device="watch")], ["terminated@iphone=1"], 7,
         By.DEVICE_RULE),
        ([KILLED, STOPPED], ["terminated=1"], 7, By.DEVICE_RULE),
        ([KILLED, STOPPED], ["terminated=1", "voip-stopped=1"], 0, None),
        ([WITHHELD], [], 7, By.DEVICE_RULE),
        ([WITHHELD], ["discarded=1"], 0, None),
        ([WITHHELD, STOPPED], ["voip-stopped=1"], 0, None),
        # What is no device rule
        ([happened("discarded", reason="budget")], [], 0, None),
        ([happened("warning", reason="no-completion")], [], 0, None),
        ([happened("warning", reason="no-completion")], ["warning=0"], 7, By.EXPECTATION),
        ([happened("call-refused")], [], 0, None),
    ],
)  # fmt: skip
def test_what_came_of_a_run(
    events: list[Event], expects: list[str], code: int, by: By | None
) -> None:
    found = judged(events, *expects)
    assert (found.exit, found.by) == (code, by)


@pytest.mark.parametrize(
    ("push_event", "require", "met"),
    [
        (push(), "voip:headers.apns-expiration=0", True),
        (push(), "voip:headers.apns-expiration=1", False),
        (push(), "voip:headers.apns-priority", False),
        (push(), "voip:payload.callUUID", True),
        (push(payload=None), "voip:payload.callUUID", False),
        (push(kind="alert", payload=None), "voip:payload.callUUID", True),
        (push(status=400, payload=None), "voip:payload.callUUID", True),
    ],
)
def test_what_every_accepted_push_of_a_type_must_hold(
    push_event: Event, require: str, met: bool
) -> None:
    found = judged([push(), push_event], requires=[require, "alert:payload"])
    assert found.requirements[0].met or not met
    if not met:
        otherwise = found.requirements[0].otherwise
        assert push_event["id"] in [one.push_id for one in otherwise]
        assert (found.exit, found.by) == (7, By.EXPECTATION)
    else:
        assert found.requirements[0].failed == 0


@pytest.mark.parametrize("text", ["voip", "voip:", "call:x", ":x", "refused:payload.x=1"])
def test_a_requirement_that_says_nothing_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as raised:
        read_terms([], [text])
    assert raised.value.hint


ORDER: tuple[tuple[Ending, bool, bool, int, By | None], ...] = (
    (Ending(), True, False, 0, None),
    (Ending(child_exit=0), True, False, 0, None),
    (Ending(child_exit=0), True, True, 7, By.DEVICE_RULE),
    (Ending(child_exit=0), False, True, 7, By.EXPECTATION),
    (Ending(timed_out=True), False, True, 124, By.TIMEOUT),
    (Ending(child_exit=42), False, True, 42, By.CHILD),
    (Ending(child_exit=42, signalled=ExitCode.INTERRUPTED), False, True, 130, By.SIGNAL),
    (Ending(child_exit=0, signalled=ExitCode.TERMINATED), True, False, 143, By.SIGNAL),
)


@pytest.mark.parametrize(("ending", "is_met", "is_broken", "code", "by"), ORDER)
def test_what_decides_comes_in_an_order(
    ending: Ending, is_met: bool, is_broken: bool, code: int, by: By | None
) -> None:
    assert decide(ending, is_met=is_met, is_broken=is_broken) == (code, by)


def test_the_order_holds_for_everything_that_can_come_together() -> None:
    """Whatever else happened, what stands further up in the order decides."""
    signals, exits = (None, ExitCode.INTERRUPTED, ExitCode.TERMINATED), (None, 0, 1, 137)
    for signalled, code, late, is_met, is_broken in product(
        signals, exits, (False, True), (False, True), (False, True)
    ):
        ending = Ending(signalled=signalled, child_exit=code, timed_out=late)
        found, by = decide(ending, is_met=is_met, is_broken=is_broken)
        assert (found == 0) is (by is None)
        assert (by is By.SIGNAL) is (signalled is not None)
        if signalled is None:
            assert (by is By.CHILD) is bool(code)
        if by in (By.EXPECTATION, By.DEVICE_RULE):
            assert (found, late) == (7, False)


def test_the_order_of_events_does_not_matter() -> None:
    events = [push(), push(), push(status=400), KILLED, STOPPED, happened("call-reported")]
    terms = ("voip=2", "refused=1", "terminated=1", "call-reported=0..1")
    random = Random(7)
    codes = set()
    for _ in range(50):
        random.shuffle(events)
        codes.add((judged(events, *terms).exit, judged(events, *terms, "voip-stopped=1").exit))
    assert codes == {(7, 0)}


def test_too_many_is_known_at_once_and_enough_as_well() -> None:
    judge = Judge(read_terms(["voip=1..2", "refused=0"], []))
    seen = []
    for _ in range(4):
        seen.append((judge.has_enough, judge.is_exceeded))
        judge.see(push())
    assert seen == [(False, False), (True, False), (True, False), (True, True)]
    assert not judge.waits_for_more
    assert Judge(read_terms(["voip=1+"], [])).waits_for_more
    assert not Judge(read_terms([], [])).waits_for_more


@pytest.mark.parametrize(
    ("expects", "broken"),
    [
        ((), True),
        (("call-reported=1",), True),
        (("terminated=2",), False),
        (("terminated@watch=1",), True),
        (("terminated:voip=0..1",), False),
    ],
)
def test_a_rule_is_broken_for_good_where_nothing_could_excuse_it(
    expects: tuple[str, ...], broken: bool
) -> None:
    judge = Judge(read_terms(expects, []))
    assert not judge.is_broken
    judge.see(KILLED)
    assert judge.is_broken is broken


def test_what_is_kept_does_not_grow() -> None:
    kills = [happened("terminated") for _ in range(KEPT * 3)]
    bad = [push(payload=None) for _ in range(KEPT * 3)]
    found = judged([*kills, *bad], requires=["voip:payload.callUUID"])
    assert (len(found.broken), found.broken_total) == (KEPT, KEPT * 3)
    assert found.broken[0]["seq"] == kills[0]["seq"]
    (required,) = found.requirements
    assert (required.checked, required.failed, len(required.otherwise)) == (
        KEPT * 3,
        KEPT * 3,
        KEPT,
    )
    assert len(found.noted) < KEPT


def test_a_device_that_is_not_there_is_named() -> None:
    (one,) = judged([], "voip@iphnoe=1").expectations
    assert one.detail == "no device is called iphnoe: there are iphone, watch"
    assert judged([], "voip@watch=1").expectations[0].detail is None


def test_nothing_is_met_by_a_device_that_is_not_there() -> None:
    assert judged([], "voip@iphnoe=0").exit == ExitCode.EXPECTATION
    assert judged([], "voip@watch=0").exit == ExitCode.DONE


def test_the_object_of_the_contract_has_its_keys() -> None:
    found = judged([push(), KILLED], "voip=2", requires=["voip:headers.apns-expiration=0"])
    said = found.to_json()
    assert said == {
        "event": "verdict",
        "exit": 7,
        "by": "expectation",
        "child_exit": 0,
        "busy_s": None,
        "expectations": [{"what": "voip", "count": "2", "got": 1, "met": False}],
        "requirements": [
            {
                "require": "voip:headers.apns-expiration=0",
                "checked": 1,
                "failed": 0,
                "met": True,
                "pushes": [],
                "found": [],
            }
        ],
        "broken": [KILLED],
        "broken_total": 1,
    }


def test_every_rule_can_be_broken_and_excused() -> None:
    for rule in DEVICE_RULES:
        event = happened(rule.event, reason=rule.reason)
        assert judged([event]).by is By.DEVICE_RULE
        assert judged([event], f"{rule.event}=1").exit == 0
