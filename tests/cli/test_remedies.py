"""A refusal prints what to do about it, from what is written down here."""

from pathlib import Path
from typing import Any

import pytest

from pushkit_cli.engine.listener import Running
from tests.cli.credentials import APP, KEY, TEAM, TOKEN, p8_file
from tests.cli.errands import here, prepared
from tests.commands import listening, objects

_LOCAL_APP = "com.example.pushkit"


def _refused(*words: str, **variables: str) -> tuple[str, str]:
    """The reason and the hint of a push that the listener refuses."""
    done = here("send", "--type", "voip", "-d", "callUUID=x", "--json", *words,
        variables=variables)  # fmt: skip
    reply: dict[str, Any] = objects(done.stdout)[0]
    assert (done.returncode, reply["outcome"]) == (4, "refused"), done.stderr
    return str(reply["reason"]), str(reply["hint"])


def test_the_remedy_stands_in_one_line_after_the_refusal(listener: Running) -> None:
    words = ("--to", TOKEN, "--app", _LOCAL_APP, "--env", "local", "-d", "callUUID=x")
    done = here("send", "--type", "voip", *words)
    said = " ".join(done.stderr.decode().split())
    assert (done.returncode, said.count("hint: "), said.count("error: ")) == (4, 1, 0)


def _written_down(environment: str, app: str = _LOCAL_APP) -> str:
    """A real device in the book; the day it was written down comes back."""
    words = ("--app", app, "--type", "voip", "--token", TOKEN, "--env", environment)
    assert here("register", "device", "bob", *words).returncode == 0
    shown = objects(here("register", "show", "device", "bob", "--json").stdout)[0]
    return str(shown["recorded"])


@pytest.mark.parametrize(
    ("recorded", "asked"), [("production", "local"), ("sandbox", "local-production")]
)
def test_a_bad_device_token_names_the_environment_the_book_knows(
    listener: Running, recorded: str, asked: str
) -> None:
    day = _written_down(recorded)
    for to in ("bob", TOKEN):
        reason, hint = _refused("--to", to, "--env", asked, "--no-lint")
        assert reason == "BadDeviceToken"
        assert f"registered as {recorded} on {day}" in hint
        assert f"--env {recorded}" in hint


def test_lint_says_the_same_before_anything_is_sent(listener: Running) -> None:
    day = _written_down("production")
    done = here("send", "--type", "voip", "--to", "bob", "--env", "local", "-d", "a=b")
    assert done.returncode == 3
    said = " ".join(done.stderr.decode().split())
    assert f"registered as production on {day}; add --env production" in said


def test_a_bad_device_token_that_nobody_wrote_down_asks_about_the_environment(
    listener: Running,
) -> None:
    reason, hint = _refused("--to", TOKEN, "--app", _LOCAL_APP, "--env", "local")
    assert reason == "BadDeviceToken"
    assert "environment" in hint


@pytest.mark.parametrize(
    ("topic", "kind", "right"),
    [
        (_LOCAL_APP, "voip", f"{_LOCAL_APP}.voip"),
        (f"{_LOCAL_APP}.voip", "alert", _LOCAL_APP),
        (f"{_LOCAL_APP}.complication", "voip", f"{_LOCAL_APP}.voip"),
    ],
)
def test_a_topic_that_does_not_fit_names_the_right_one(
    listener: Running, topic: str, kind: str, right: str
) -> None:
    words = ("send", "--json", "--type", kind, "--to", "iphone", "--topic", topic, "-d", "a=b")
    for more, code in ((), 3), (("--no-lint",), 4):
        done = here(*words, *more)
        reply = objects(done.stdout)[0]
        assert done.returncode == code
        assert right in reply["hint"].replace(",", "").split()


def test_a_type_on_another_types_topic_names_both_ways_out(listener: Running) -> None:
    # The token is that of the topic, so the type alone is wrong.
    token = listener.ready["devices"][0]["tokens"]["alert"]
    words = ("--to", token, "--topic", _LOCAL_APP, "--no-lint")
    reason, hint = _refused(*words)
    assert reason == "InvalidPushType"
    assert f"the topic {_LOCAL_APP}.voip" in hint
    assert "--type alert" in hint


def test_a_suffix_that_stands_twice_is_named(listener: Running) -> None:
    reason, hint = _refused("--to", "iphone", "--topic", f"{_LOCAL_APP}.voip.voip", "--no-lint")
    assert reason in ("BadTopic", "InvalidPushType")
    assert f"send the topic {_LOCAL_APP}.voip" in hint


# A provider token that is not taken


def _with_key(file: Path, team_id: str, key_id: str) -> dict[str, str]:
    return {
        "PUSHKIT_KEY_FILE": str(file),
        "PUSHKIT_TEAM_ID": team_id,
        "PUSHKIT_KEY_ID": key_id,
    }


def test_ids_that_changed_places_are_seen_by_the_files_name(tmp_path: Path) -> None:
    file = p8_file(tmp_path)
    with listening("--port", "0", "--key", str(file), "--team-id", TEAM):
        good = here("send", "--type", "voip", variables=_with_key(file, TEAM, KEY))
        assert good.returncode == 0, good.stderr
        reason, hint = _refused("--to", "iphone", **_with_key(file, KEY, TEAM))
    assert reason == "InvalidProviderToken"
    assert hint == f"team id {KEY} and key id {TEAM} look swapped"


def test_ids_that_changed_places_are_seen_by_what_is_registered(
    listener: Running, tmp_path: Path
) -> None:
    file = str(p8_file(tmp_path))
    prepared("register", "app", APP, "--team-id", TEAM, "--key", file)
    unnamed = tmp_path / "key.p8"
    unnamed.write_bytes(Path(file).read_bytes())
    reason, hint = _refused("--to", "iphone", **_with_key(unnamed, KEY, TEAM))
    assert reason == "InvalidProviderToken"
    assert "look swapped" in hint


def test_ids_that_are_in_their_places_are_said_to_be(listener: Running, tmp_path: Path) -> None:
    reason, hint = _refused("--to", "iphone", **_with_key(p8_file(tmp_path), TEAM, KEY))
    assert reason == "InvalidProviderToken"
    assert f"check key id {KEY} and team id {TEAM}" in hint
    assert "do not look swapped" in hint
    wrong = _with_key(p8_file(tmp_path), TEAM, "XYZ123XYZ1")
    assert f"the key file says {KEY}" in _refused("--to", "iphone", **wrong)[1]
