"""What lint adds to the rules: advice, which never keeps a push from being sent."""

import pytest
from hypothesis import given, settings

from pushkit_cli.apns.message import Request
from pushkit_cli.apns.push import PushType
from pushkit_cli.apns.rules import Finding, lint
from tests.law import (
    ACCEPTED,
    BUNDLE,
    EVERYTHING,
    KNOWLEDGE,
    Change,
    garbage_requests,
    in_a_row,
    knowing,
    on_topic,
    with_body,
    with_header,
)


def advice(*changes: Change) -> list[Finding]:
    case = in_a_row(*changes)(ACCEPTED)
    return [finding for finding in lint(case.request, case.knowledge) if not finding.holds]


def talk(priority: str | None) -> Change:
    return in_a_row(
        on_topic(f"{BUNDLE}.voip-ptt", "pushtotalk"), with_header("apns-priority", priority)
    )


ADVISED: dict[str, tuple[Change, str]] = {
    "no push type": (with_header("apns-push-type", None), "apns-push-type is absent"),
    "a call that is kept": (with_header("apns-expiration", None), "a voip push without"),
    "a talk that is kept": (
        in_a_row(talk("10"), with_header("apns-expiration", None)),
        "a pushtotalk push without apns-expiration",
    ),
    "a talk that may wait": (talk("5"), "a pushtotalk push with priority 5"),
    "an activity of the lowest priority": (
        in_a_row(
            on_topic(f"{BUNDLE}.push-type.liveactivity", "liveactivity"),
            with_header("apns-priority", "1"),
            with_body(b'{"aps":{"timestamp":1,"event":"update","content-state":{}}}'),
        ),
        "priorities 10 and 5",
    ),
    "a call without a call id": (with_body(b"{}"), "no call id"),
    "a key twice": (with_body(b'{"uuid":"a","uuid":"b"}'), "the key uuid stands twice"),
    "a body that is no object": (with_body(b"[]"), "an array, not an object"),
}


@pytest.mark.parametrize(("change", "said"), [pytest.param(*v, id=k) for k, v in ADVISED.items()])
def test_what_the_device_will_not_like_is_advised(change: Change, said: str) -> None:
    (found,) = advice(change)
    assert said in found.detail
    assert found.remedy
    assert found.source
    assert found.reason is None


@pytest.mark.parametrize(
    "change",
    [
        in_a_row(),
        with_header("apns-expiration", "1764000030"),
        talk("10"),
        talk(None),
        in_a_row(on_topic(BUNDLE, "alert"), with_header("apns-expiration", None),
                 with_body(b'{"aps":{"alert":"Hi"}}')),
        # What is refused by a rule is not advised on as well.
        with_body(b""),
        with_body(b"["),
    ],
)  # fmt: skip
def test_where_all_is_well_nothing_is_advised(change: Change) -> None:
    assert advice(change) == []


def test_advice_comes_after_what_holds_and_needs_no_knowledge() -> None:
    wrong = in_a_row(
        with_header("apns-priority", "3"),
        with_header("apns-expiration", None),
        with_body(b"{}"),
        knowing(knows=frozenset()),
    )(ACCEPTED)
    found = lint(wrong.request, wrong.knowledge)
    assert [finding.holds for finding in found] == [True, False, False]
    assert (found[0].reason, found[0].detail) == ("BadPriority", "apns-priority is 3")
    assert "(documented)" in found[0].source


def test_a_finding_says_who_says_so() -> None:
    case = with_header("apns-push-type", "alert")(ACCEPTED)
    (found,) = (one for one in lint(case.request, case.knowledge) if one.holds)
    assert found.reason == "InvalidPushType"
    assert "(observed)" in found.source


@settings(deadline=None)
@given(garbage_requests)
def test_findings_that_hold_come_first_in_any_case(asked: Request) -> None:
    found = lint(asked, KNOWLEDGE)
    assert KNOWLEDGE.knows == EVERYTHING
    holds = [finding.holds for finding in found]
    assert holds == sorted(holds, reverse=True)
    assert all(finding.detail and finding.remedy and finding.source for finding in found)


def test_only_pushes_that_ring_are_tried_once() -> None:
    kept = with_header("apns-expiration", None)
    for kind in PushType:
        said = [one.detail for one in advice(on_topic(BUNDLE, kind), kept)]
        ghost = any("ghost call" in detail for detail in said)
        assert ghost is (kind in (PushType.voip, PushType.pushtotalk))
