"""What a delegate says of calls, the types there are, and what the façade costs."""

import subprocess
import sys

import pytest

from pushkit_cli.apns.push import PUSH_TYPES
from pushkit_cli.apns.push import PushType as WireType
from pushkit_cli.callkit import (
    CallEndedReason,
    CallProvider,
    ConversationManager,
    IncomingCallError,
)
from pushkit_cli.phone import availability
from pushkit_cli.phone.calls import IncomingCallError as Refusal
from pushkit_cli.pushkit import PushType
from tests.app_phone import phone

VOIP, COMPLICATION, FILES = PushType.VOIP, PushType.COMPLICATION, PushType.FILE_PROVIDER


@pytest.mark.parametrize(("number", "reason"), list(enumerate(Refusal)))
def test_a_report_that_is_refused_raises_apples_code(number: int, reason: Refusal) -> None:
    with phone() as device:
        device.answer = reason.value
        with pytest.raises(IncomingCallError, match=reason.value) as failed:
            CallProvider().report_new_incoming_call("c")
        assert (failed.value.code, failed.value.reason) == (number, reason)


def test_what_an_app_says_of_its_calls() -> None:
    with phone() as device:
        calls = CallProvider()
        calls.report_new_incoming_call("c", handle="+15550100")
        calls.report_call_ended("c", CallEndedReason.ANSWERED_ELSEWHERE)
        calls.report_new_incoming_voip_push_payload({"uuid": "d"})
        conversations = ConversationManager()
        conversations.report_new_incoming_conversation("e")
        conversations.report_new_incoming_voip_push_payload({"uuid": "f"})
    assert device.said == [
        {"report": 1, "call_id": "c", "handle": "+15550100"},
        {"ended": "c", "reason": "answeredElsewhere"},
        {"payload": {"uuid": "d"}},
        {"report": 2, "call_id": "e", "handle": None},
        {"payload": {"uuid": "f"}},
    ]


# Types


def test_the_types_are_apples() -> None:
    assert [one.raw_value for one in (VOIP, COMPLICATION, FILES)] == [
        "PKPushTypeVoIP",
        "PKPushTypeComplication",
        "PKPushTypeFileProvider",
    ]
    assert PushType(raw_value="PKPushTypeVoIP") == VOIP
    assert PushType.of(WireType.fileprovider) == FILES
    assert PushType(raw_value="x").wire is None
    assert PushType(raw_value="x").introduced == PushType(raw_value="x").deprecated == {}
    with pytest.raises(ValueError, match="alert is not a type of PushKit"):
        PushType.of(WireType.alert)


@pytest.mark.parametrize(
    ("kind", "platform", "before", "since"),
    [
        (VOIP, "ios", "8.4", "9.0"),
        (VOIP, "maccatalyst", "13.1", "14.0"),
        (VOIP, "watchos", "8.7", "9.0"),
        (VOIP, "visionos", "0.9", "1.0"),
        (VOIP, "macos", "26.4", None),
        (COMPLICATION, "ipados", "8", "9.0"),
        (COMPLICATION, "watchos", "5.3", "6.0"),
        (COMPLICATION, "visionos", "26.4", None),
        (FILES, "ios", "10.3", "11.0"),
        (FILES, "macos", "10.14", "10.15"),
        (FILES, "watchos", "26.4", None),
        (FILES, "tvos", "26.4", None),
    ],
)
def test_since_when_a_system_has_a_type(
    kind: PushType, platform: str, before: str, since: str | None
) -> None:
    assert not kind.is_available(platform, before)
    assert kind.introduced.get(platform) == since
    assert since is None or kind.is_available(platform, since)
    wire = kind.wire
    assert wire is not None
    served = since is not None and platform in PUSH_TYPES[wire].platforms
    assert availability.is_available(wire, platform, since or before) is served


def test_complications_are_deprecated_on_a_phone() -> None:
    assert COMPLICATION.deprecated["ios"] == "13.0"
    assert "watchos" not in COMPLICATION.deprecated
    assert VOIP.deprecated == {}


def test_the_facade_costs_little() -> None:
    heavy = {"asyncio", "ssl", "cryptography", "jwt", "rich", "click", "h2", "threading", "sqlite3"}
    code = "import sys, pushkit_cli.pushkit, pushkit_cli.callkit; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert heavy.isdisjoint(done.stdout.decode().split())
