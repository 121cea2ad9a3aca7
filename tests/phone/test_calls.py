"""The duty to report a call: which call, and the two ways an app is terminated."""

from dataclasses import replace
from typing import Any

import pytest

from pushkit_cli.apns.facts import Basis
from pushkit_cli.apns.push import PushType
from pushkit_cli.phone import calls
from pushkit_cli.phone.calls import IncomingCallError, Report
from pushkit_cli.phone.condition import Condition, Lock
from pushkit_cli.phone.events import DeviceEvent, Happening
from pushkit_cli.phone.paths import Place
from pushkit_cli.phone.policy import DevicePolicy
from tests.law import BUNDLE

OF = DeviceEvent(
    event=Happening.DELIVERED,
    push_id="p1",
    device="iphone",
    app=BUNDLE,
    type=PushType.voip,
    call_id="c1",
)


@pytest.mark.parametrize(
    ("payload", "call"),
    [
        ({"callUUID": "a"}, "a"),
        ({"uuid": "b"}, "b"),
        ({"callId": "c"}, "c"),
        ({"call_id": "d"}, "d"),
        ({"call_id": "d", "callId": "c", "uuid": "b", "callUUID": "a"}, "a"),
        ({"callUUID": 1, "uuid": "b"}, "b"),
        ({"callUUID": ""}, ""),
        ({"calluuid": "a"}, None),
        ({"aps": {"callUUID": "a"}}, None),
        ({}, None),
        ([{"callUUID": "a"}], None),
        ("callUUID", None),
        (None, None),
    ],
)
def test_a_body_names_its_call(payload: Any, call: str | None) -> None:
    assert calls.call_id(payload) == call


@pytest.mark.parametrize(
    ("payload", "who"),
    [
        ({"handle": "+15550100"}, "+15550100"),
        ({"handle": 15550100}, None),
        ({"Handle": "x"}, None),
        ({}, None),
        (["handle"], None),
        (None, None),
    ],
)
def test_a_body_names_who_calls(payload: Any, who: str | None) -> None:
    assert calls.caller(payload) == who


def test_a_report_says_who_called_and_how_soon() -> None:
    said = calls.reported(OF, after_s=0.4126, handle="+15550100")
    detail = "call from +15550100 reported in 413 ms"
    assert said == replace(OF, event=Happening.CALL_REPORTED, detail=detail)
    unnamed = calls.reported(OF, after_s=0.0, handle=None)
    assert unnamed.detail == "call reported in 0 ms"


def test_the_first_check_terminates_with_the_exception_of_pushkit() -> None:
    said = calls.returned_without_report(OF)
    assert said.event is Happening.TERMINATED
    assert (said.reason, said.basis) == ("NSInternalInconsistencyException", Basis.DOCUMENTED)
    assert "never posted an incoming call" in (said.detail or "")


def test_the_second_check_terminates_with_the_code_of_the_call_service() -> None:
    said = calls.overdue(OF)
    assert said.event is Happening.TERMINATED
    assert (said.reason, said.basis) == ("0xBAADCA11", Basis.OBSERVED)
    assert said.detail == "no call was reported within 7 s of delivery"


@pytest.mark.parametrize(
    ("is_so", "age_s", "has_metadata", "insists"),
    [
        ({}, 0, True, True),
        ({}, 0, False, True),
        ({"foreground": True}, 0, True, False),
        ({"foreground": True}, 0, False, False),
        ({"in_call": True}, 0, True, False),
        ({"in_call": True}, 0, False, False),
        ({"do_not_disturb": True}, 0, True, True),
        ({"lock": Lock.BEFORE_FIRST_UNLOCK}, 0, True, True),
        ({}, 30, True, True),
        ({}, 30.1, True, False),
        ({}, 3600, False, True),
    ],
)
def test_when_ios_insists_on_a_report(
    is_so: dict[str, Any], age_s: float, has_metadata: bool, insists: bool
) -> None:
    condition = Condition(device="iphone", **is_so)
    policy = DevicePolicy(stale_after_s=30)
    found = calls.must_report(condition, age_s=age_s, has_metadata=has_metadata, policy=policy)
    assert found is insists


@pytest.mark.parametrize(
    ("report", "is_so", "ringing", "error"),
    [
        (Report(), {}, (), None),
        (Report(), {}, ("c2",), None),
        (Report(), {}, ("c1",), "callUUIDAlreadyExists"),
        (Report(call_id="c2"), {}, ("c2",), "callUUIDAlreadyExists"),
        (Report(), {"do_not_disturb": True}, (), "filteredByDoNotDisturb"),
        (Report(refused=IncomingCallError.CALL_IS_PROTECTED), {}, (), "callIsProtected"),
    ],
)
def test_what_the_system_says_to_a_report(
    report: Report, is_so: dict[str, Any], ringing: tuple[str, ...], error: str | None
) -> None:
    condition = Condition(device="iphone", **is_so)
    assert calls.judged(report, OF, condition=condition, ringing=ringing) == error


def test_a_call_id_stands_where_the_policy_says() -> None:
    policy = DevicePolicy(call_id=Place(path=("meta", "id")))
    assert calls.call_id({"meta": {"id": "x"}, "callUUID": "y"}, policy) == "x"
    assert calls.call_id({"callUUID": "y"}, policy) is None
    assert calls.call_id({"meta": {"id": 7}}, policy) is None


def test_both_checks_name_the_push_and_the_call() -> None:
    for said in (calls.overdue(OF), calls.returned_without_report(OF)):
        assert (said.push_id, said.device, said.app, said.call_id) == ("p1", "iphone", BUNDLE, "c1")


def test_the_second_check_comes_seven_seconds_after_delivery() -> None:
    assert calls.REPORT_WITHIN_S == 7.0
