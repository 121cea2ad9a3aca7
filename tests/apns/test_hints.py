"""The one line that says what to do about a refusal."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pushkit_cli.apns.facts import Device
from pushkit_cli.apns.hints import hint
from pushkit_cli.apns.message import Request
from pushkit_cli.apns.push import Environment
from pushkit_cli.apns.reasons import REASONS
from tests.law import BUNDLE, TOPIC, garbage_requests, request

SANDBOX, PRODUCTION = Environment.SANDBOX, Environment.PRODUCTION
HERE = Device(topic=TOPIC, environment=SANDBOX)
THERE = Device(topic=TOPIC, environment=PRODUCTION)


@pytest.mark.parametrize(
    ("word", "topic", "kind", "device", "said"),
    [
        ("BadDeviceToken", TOPIC, "voip", THERE,
         "this token was issued for production; you asked sandbox"),
        ("DeviceTokenNotForTopic", BUNDLE, "alert", HERE,
         "the topic com.example.app.voip, or"),
        ("InvalidPushType", TOPIC, "alert", None,
         "send --type voip, or the topic com.example.app"),
        ("InvalidPushType", BUNDLE, "voip", None,
         "send --type alert or background, or the topic com.example.app.voip"),
        ("InvalidPushType", TOPIC, "sms", None, "send --type voip"),
        ("BadTopic", f"{TOPIC}.voip", "voip", None,
         "the suffix stands twice: send the topic com.example.app.voip"),
        ("InvalidPushType", f"{TOPIC}.voip", "alert", None,
         "the suffix stands twice: send the topic com.example.app.voip"),
    ],
)  # fmt: skip
def test_what_is_known_about_the_push_is_said(
    word: str, topic: str, kind: str, device: Device | None, said: str
) -> None:
    asked = request(apns_topic=topic, apns_push_type=kind)
    assert said in (hint(word, asked, environment=SANDBOX, device=device) or "")


@pytest.mark.parametrize(
    ("word", "asked", "device"),
    [
        *((word, request(), None) for word in REASONS),
        ("BadDeviceToken", request(), HERE),
        ("BadTopic", request(apns_topic="a b"), None),
        ("BadTopic", request(apns_topic="a b", apns_push_type="sms"), None),
        ("BadTopic", Request(headers=()), None),
        ("InvalidPushType", Request(headers=()), None),
        ("Unregistered", request(), HERE),
    ],
)
def test_where_nothing_more_is_known_the_remedy_of_the_table_is_said(
    word: str, asked: Request, device: Device | None
) -> None:
    assert hint(word, asked, environment=SANDBOX, device=device) == REASONS[word].remedy


def test_a_word_that_nobody_knows_has_no_hint() -> None:
    for word in (None, "", "WordOfTomorrow"):
        assert hint(word, request(), environment=SANDBOX, device=THERE) is None


@settings(deadline=None)
@given(st.sampled_from(sorted(REASONS)), garbage_requests, st.sampled_from([None, HERE, THERE]))
def test_no_request_makes_it_raise(word: str, asked: Request, device: Device | None) -> None:
    assert hint(word, asked, environment=SANDBOX, device=device)
