"""What a device does with a push, type by type."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pushkit_cli.apns.push import Environment, PushType
from pushkit_cli.phone.app_state import AppState
from pushkit_cli.phone.condition import Condition
from pushkit_cli.phone.device import Delivery, Receiver, deliver
from pushkit_cli.phone.events import DeviceEvent, Happening
from tests.law import BUNDLE, UUID

BODIES: dict[str, Any] = {
    "voip": {"callUUID": "c1"},
    "complication": {"temperature": 7},
    "fileprovider": {"container-identifier": "root", "domain": "docs"},
    "alert": {"aps": {"alert": "Hi"}},
}


def event(kind: PushType) -> DeviceEvent:
    return DeviceEvent(
        event=Happening.DELIVERED,
        push_id="p1",
        device="iphone",
        app=BUNDLE,
        type=kind,
        apns_id=UUID,
    )


def receiver(*, os: str = "26.4", running: bool = False, **more: Any) -> Receiver:
    app = AppState(
        device="iphone", bundle_id=BUNDLE, environment=Environment.SANDBOX, running=running
    )
    fresh = Receiver(os=os, condition=Condition(device="iphone"), app=app)
    return replace(fresh, **more)


def given_to(kind: PushType, payload: Any, *, running: bool = False) -> Delivery:
    return deliver(event(kind), payload, receiver(running=running))


def happenings(delivery: Delivery) -> list[str]:
    return [one.event.value for one in delivery.events]


@pytest.mark.parametrize(
    ("kind", "running", "happens", "calls_app", "kill_after_s"),
    [
        ("voip", False, ["launched", "delivered"], True, 7.0),
        ("voip", True, ["delivered"], True, 7.0),
        ("complication", False, ["launched", "delivered"], True, None),
        ("complication", True, ["delivered"], True, None),
        ("fileprovider", False, ["delivered", "signal-enumerator"], False, None),
        ("fileprovider", True, ["delivered", "signal-enumerator"], False, None),
        ("alert", False, ["delivered", "displayed"], False, None),
        ("background", False, ["launched", "delivered"], False, None),
        ("controls", False, ["delivered"], False, None),
        ("liveactivity", False, ["delivered"], False, None),
        ("location", False, ["delivered"], False, None),
        ("mdm", False, ["delivered"], False, None),
        ("pushtotalk", False, ["launched", "delivered"], False, None),
        ("widgets", False, ["delivered"], False, None),
        ("accessory", False, ["delivered"], False, None),
    ],
)
def test_each_type_has_its_own_outcome(
    kind: str, running: bool, happens: list[str], calls_app: bool, kill_after_s: float | None
) -> None:
    push_type = PushType(kind)
    outcome = given_to(push_type, BODIES.get(kind, {}), running=running)
    assert happenings(outcome) == happens
    assert (outcome.calls_app, outcome.kill_after_s) == (calls_app, kill_after_s)


def test_every_event_names_the_push_the_device_and_the_app() -> None:
    for kind, body in BODIES.items():
        for one in given_to(PushType(kind), body).events:
            assert (one.push_id, one.device, one.app) == ("p1", "iphone", BUNDLE)
            assert (one.type, one.apns_id) == (PushType(kind), UUID)


def test_events_of_a_call_name_the_call() -> None:
    assert [one.call_id for one in given_to(PushType.voip, {"callUUID": "c1"}).events] == ["c1"] * 2
    assert [one.call_id for one in given_to(PushType.complication, {"uuid": "c1"}).events] == [
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("payload", "shown"),
    [
        ({"aps": {"alert": "Hi"}}, "shown: Hi"),
        ({"aps": {"alert": {"title": "T", "body": "B"}}}, "shown: T: B"),
        ({"aps": {"alert": {"body": "B"}}}, "shown: B"),
        ({"aps": {"alert": {"title": "T", "body": 7}}}, "shown: T"),
        ({"aps": {"alert": {"title": {"loc-key": "K"}}}}, "shown: K"),
        ({"aps": {"alert": {"loc-key": "%@ calls", "loc-args": ["Ann"]}}}, "shown: Ann calls"),
        ({"aps": {"alert": {"loc-key": "CALL", "loc-args": ["Ann", 7]}}}, "shown: CALL(Ann, 7)"),
        ({"aps": {"alert": {"loc-key": "%2$@, %1$@", "loc-args": ["a", "b"]}}}, "shown: b, a"),
        ({"aps": {"alert": {"loc-key": "%@ %@ %3$@", "loc-args": ["a"]}}}, "shown: a %@ %3$@"),
        (
            {"aps": {"alert": {"title-loc-key": "T", "title-loc-args": 7, "body": "B"}}},
            "shown: T: B",
        ),
        ({"aps": {"alert": {"title": "T", "subtitle": "S", "body": "B"}}}, "shown: T: S: B"),
        ({"aps": {"sound": "ping"}}, "sound ping"),
        ({"aps": {"badge": 3, "sound": {"name": "x", "critical": 1}}}, "badge 3, sound x"),
        ({"aps": {"badge": True}}, None),
        ({"aps": {"alert": ""}}, None),
        ({"aps": {"alert": 7}}, None),
        ({"aps": {"badge": 1}}, "badge 1"),
        ({"aps": "Hi"}, None),
        ({"alert": "Hi"}, None),
        ([], None),
        (None, None),
    ],
)
def test_an_alert_is_displayed_where_it_has_words(payload: Any, shown: str | None) -> None:
    found = given_to(PushType.alert, payload).events[1:]
    assert [one.detail for one in found] == ([] if shown is None else [shown])


def test_a_file_provider_is_signalled_by_name() -> None:
    signal = given_to(PushType.fileprovider, BODIES["fileprovider"]).events[1]
    assert signal.reason == "root"
    assert signal.detail == "enumerator signalled: root in domain docs"


@pytest.mark.parametrize(
    "payload",
    [
        None,
        [],
        {},
        {"domain": "docs"},
        {"container-identifier": "root"},
        {"container-identifier": "root", "domain": 7},
        {"container-identifier": ["root"], "domain": "docs"},
        {"aps": {"container-identifier": "root", "domain": "docs"}},
    ],
)
def test_a_file_provider_body_that_says_too_little_is_a_warning(payload: Any) -> None:
    outcome = given_to(PushType.fileprovider, payload)
    assert happenings(outcome) == ["delivered", "warning"]
    assert outcome.events[1].reason == "bad-body"


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["aps", "alert", "title", "callUUID", "handle", "domain"]), inner
        )
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.sampled_from(PushType), values, st.booleans())
def test_no_body_makes_a_device_raise(kind: PushType, payload: Any, running: bool) -> None:
    outcome = given_to(kind, payload, running=running)
    assert happenings(outcome).count("delivered") == 1
    assert outcome.calls_app or outcome.kill_after_s is None


@pytest.mark.parametrize(
    ("kind", "aps", "seen"),
    [
        ("liveactivity", {"event": "start", "alert": {"title": "Go"}}, "Live Activity started: Go"),
        ("liveactivity", {"event": "update"}, "Live Activity updated"),
        ("liveactivity", {"event": "end"}, "Live Activity ended"),
        ("liveactivity", {"event": "other"}, None),
        ("widgets", {"content-changed": True}, "widgets reloaded"),
        ("widgets", {"content-changed": 1}, None),
        ("controls", {"content-changed": True}, "control reloaded"),
        ("location", {"alert": "no"}, None),
    ],
)
def test_what_appears_of_the_other_types(kind: str, aps: dict[str, Any], seen: str | None) -> None:
    outcome = given_to(PushType(kind), {"aps": aps})
    found = [one.detail for one in outcome.events if one.event is Happening.DISPLAYED]
    assert found == ([] if seen is None else [seen])
