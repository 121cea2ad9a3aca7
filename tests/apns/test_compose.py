"""Bodies put together from words: what a Live Activity's holds, and what cannot be put together."""

import json
from typing import Any

import pytest

from pushkit_cli.apns.compose import Words, compose, sample
from pushkit_cli.apns.payload import advise
from pushkit_cli.apns.push import PushType

NOW = 1_764_000_000.9
UPDATE = {"event": "update", "content-state": {}}
END = {"event": "end"}


def _body(kind: PushType, **words: Any) -> dict[str, Any]:
    body = compose(kind, Words(**words), now=NOW, read=lambda name: name.encode())
    found: dict[str, Any] = json.loads(body)
    return found


ACTIVITIES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "options": ({"activity": {"event": "update", "content-state": {"a": 1}}},
                {"event": "update", "content-state": {"a": 1}}),
    "-d alone": ({"data": ("aps.event=update", "aps.content-state:={}")},
                 {"event": "update", "content-state": {}}),
    "a file, and an option": ({"base": {"aps": {"content-state": {}}}, "activity": END},
                              {"content-state": {}, "event": "end"}),
    "a sound stands in the alert": (
        {"activity": UPDATE, "title": "Goal", "sound": "goal.aiff"},
        {"event": "update", "content-state": {}, "alert": {"title": "Goal", "sound": "goal.aiff"}},
    ),
    "words of another language": (
        {"activity": UPDATE, "data": ("aps.alert.title.loc-key=GOAL",)},
        {"event": "update", "content-state": {}, "alert": {"title": {"loc-key": "GOAL"}}},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("words", "aps"), ACTIVITIES.values(), ids=ACTIVITIES.keys())
def test_an_activity_is_dated_now(words: dict[str, Any], aps: dict[str, Any]) -> None:
    assert _body(PushType.liveactivity, **words) == {"aps": {**aps, "timestamp": 1_764_000_000}}


def test_a_date_that_was_said_stays() -> None:
    said = {"aps": {"timestamp": 7}}
    assert _body(PushType.liveactivity, base=said, activity=END)["aps"]["timestamp"] == 7
    told = _body(PushType.liveactivity, activity=END, data=("aps.timestamp:=8",))
    assert told["aps"]["timestamp"] == 8


def test_no_other_push_is_dated() -> None:
    alert = {"title": "Hi", "sound": "default"}
    assert _body(PushType.alert, **alert) == {"aps": {"alert": {"title": "Hi"}, "sound": "default"}}
    assert _body(PushType.liveactivity, data=("a=b",)) == {"a": "b"}


def test_a_start_that_options_say_whole_gets_no_advice() -> None:
    body = _body(
        PushType.liveactivity,
        title="Kick-off",
        activity={"event": "start", "content-state": {"score": 0}, "attributes-type": "Match"},
        data=('aps.attributes:={"home":"A"}',),
    )
    assert list(advise(body, (), "liveactivity")) == []


@pytest.mark.parametrize("kind", PushType)
def test_no_sample_gets_advice(kind: PushType) -> None:
    assert list(advise(sample(kind, new_id="an-id", now=NOW), (), kind)) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"base": {"aps": 1}, "title": "Hi"}, "aps is not an object"),
        ({"data": ("aps=1", "aps.event=end")}, "aps already holds a value"),
    ],
)
def test_what_cannot_be_put_together_is_said(words: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        _body(PushType.liveactivity, **words)
