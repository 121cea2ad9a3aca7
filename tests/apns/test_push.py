"""Topics taken apart and put together, and what the tables say beside the push types."""

from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushkit_cli.apns.push import (
    MAX_BODY_BYTES,
    MAX_COLLAPSE_ID_BYTES,
    MAX_TOKEN_BYTES,
    PUSH_TYPES,
    Environment,
    Priority,
    Push,
    PushType,
    Topic,
    known_type,
    split_topic,
    token_type,
    topic_for,
)
from tests.law import BUNDLE, MDM_TOPIC, TOKEN


@pytest.mark.parametrize(
    ("topic", "bundle_id", "suffix", "types"),
    [
        (BUNDLE, BUNDLE, "", {"alert", "background"}),
        (f"{BUNDLE}.voip", BUNDLE, ".voip", {"voip"}),
        (f"{BUNDLE}.voip-ptt", BUNDLE, ".voip-ptt", {"pushtotalk"}),
        (f"{BUNDLE}.complication", BUNDLE, ".complication", {"complication"}),
        (f"{BUNDLE}.pushkit.fileprovider", BUNDLE, ".pushkit.fileprovider", {"fileprovider"}),
        (f"{BUNDLE}.location-query", BUNDLE, ".location-query", {"location"}),
        (f"{BUNDLE}.push-type.controls", BUNDLE, ".push-type.controls", {"controls"}),
        (f"{BUNDLE}.push-type.widgets", BUNDLE, ".push-type.widgets", {"widgets"}),
        (f"{BUNDLE}.push-type.liveactivity", BUNDLE, ".push-type.liveactivity", {"liveactivity"}),
        (f"{BUNDLE}.push-type.accessory", BUNDLE, ".push-type.accessory", {"accessory"}),
        (MDM_TOPIC, MDM_TOPIC, "", {"mdm"}),
        (f"{BUNDLE}.voip.voip", f"{BUNDLE}.voip", ".voip", {"voip"}),
        (f"{BUNDLE}.voip.voip-ptt", f"{BUNDLE}.voip", ".voip-ptt", {"pushtotalk"}),
        (f"{BUNDLE}.voip-ptt.voip", f"{BUNDLE}.voip-ptt", ".voip", {"voip"}),
        (f"{BUNDLE}.voip-pt", f"{BUNDLE}.voip-pt", "", {"alert", "background"}),
        (f"{BUNDLE}.VOIP", f"{BUNDLE}.VOIP", "", {"alert", "background"}),
        (f"{BUNDLE}.fileprovider", f"{BUNDLE}.fileprovider", "", {"alert", "background"}),
        (f"{BUNDLE}.push-type.", f"{BUNDLE}.push-type.", "", {"alert", "background"}),
        ("voip", "voip", "", {"alert", "background"}),
        (".voip", ".voip", "", {"alert", "background"}),
        ("", "", "", {"alert", "background"}),
    ],
)
def test_a_topic_is_taken_apart(topic: str, bundle_id: str, suffix: str, types: set[str]) -> None:
    parts = split_topic(topic)
    assert parts == Topic(bundle_id=bundle_id, suffix=suffix)
    assert set(parts.types) == types


@pytest.mark.parametrize("kind", PushType)
def test_a_topic_that_was_put_together_comes_apart(kind: PushType) -> None:
    parts = split_topic(topic_for(BUNDLE, kind))
    assert parts.bundle_id == BUNDLE
    assert kind in parts.types or kind is PushType.mdm


@given(st.text())
def test_no_text_makes_the_split_raise(topic: str) -> None:
    parts = split_topic(topic)
    assert parts.bundle_id + parts.suffix == topic
    assert parts.types


def test_only_the_words_of_the_wire_are_push_types() -> None:
    assert [known_type(kind.value) for kind in PushType] == list(PushType)
    for word in (None, "", "VoIP", "VOIP", "voip ", "sms", "PushType.voip", "__class__"):
        assert known_type(word) is None


def test_background_pushes_go_to_the_alert_token() -> None:
    shared = {kind: token_type(kind) for kind in PushType if token_type(kind) is not kind}
    assert shared == {PushType.background: PushType.alert}


def test_each_environment_is_the_other_ones_other() -> None:
    assert Environment.SANDBOX.other is Environment.PRODUCTION
    assert Environment.PRODUCTION.other is Environment.SANDBOX


def test_the_limits_are_apples() -> None:
    assert (MAX_BODY_BYTES, MAX_TOKEN_BYTES, MAX_COLLAPSE_ID_BYTES) == (5120, 100, 64)
    assert sorted(Priority) == [1, 5, 10]


def test_what_is_sent_when_nothing_is_said_is_never_refused() -> None:
    for row in PUSH_TYPES.values():
        assert row.priority not in row.refused
    once = {kind for kind, row in PUSH_TYPES.items() if row.expiration == 0}
    assert once == {PushType.voip, PushType.pushtotalk}
    considerate = {kind for kind, row in PUSH_TYPES.items() if row.priority != Priority.IMMEDIATE}
    assert considerate == {PushType.background}


def test_a_push_cannot_be_changed() -> None:
    push = Push(token=TOKEN, payload=b"{}")
    with pytest.raises(FrozenInstanceError):
        push.token = "other"  # type: ignore[misc]
