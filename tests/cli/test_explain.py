"""`pushkit explain` and `pushkit template`: every word, every switch, every type."""

import json

import pytest

from pushkit_cli.apns.push import PushType
from pushkit_cli.cli import words
from pushkit_cli.cli.app import COMMANDS
from pushkit_cli.engine.vocabulary import EVENTS
from pushkit_cli.phone.events import Happening
from tests.cli.errands import failed, here
from tests.commands import objects


def test_every_word_that_is_offered_is_explained() -> None:
    every = list(dict.fromkeys(words.every()))
    assert {"BadDeviceToken", "voip", "apns-topic", "8", "verdict", "--wedge"} <= set(every)
    assert [word for word in every if not list(words.explain(word))] == []


def test_every_event_of_a_device_has_a_meaning() -> None:
    assert set(Happening) <= set(EVENTS)


def test_every_command_gave_its_switches() -> None:
    with_switches = {command.partition(" ")[0] for command, _ in words.options()}
    assert with_switches == {"pushkit", *COMMANDS} - {"completion"}


def test_every_switch_says_what_it_does() -> None:
    silent = [(command, option.opts) for command, option in words.options() if not option.help]
    assert silent == []


def test_a_reason_is_told_with_remedy_and_source() -> None:
    said = here("explain", "BadDeviceToken").stdout.decode()
    assert said.startswith("BadDeviceToken  (reason)\n  means        the token is malformed")
    assert "do           check the environment first" in said
    assert "Apple: Handling notification responses from APNs (documented)" in said
    assert max(len(line) for line in said.splitlines()) <= 80


@pytest.mark.parametrize("word", ["--wedge", "wedge", "no-wedge", "--no-wedge"])
def test_a_switch_is_told_with_its_command(word: str) -> None:
    (one,) = objects(here("explain", "--json", word).stdout)
    assert (one["kind"], one["word"]) == ("switch", "--wedge, --no-wedge")
    assert one["facts"] == [{"label": "of", "text": "listen"}]
    assert one["basis"] == "observed"


def test_a_word_of_several_kinds_is_told_once_for_each() -> None:
    found = objects(here("explain", "channel", "--json").stdout)
    assert {one["kind"] for one in found} == {"event", "switch"}


@pytest.mark.parametrize(
    ("word", "near"),
    [("BadTopik", "BadTopic"), ("viop", "voip"), ("apns-topik", "apns-topic"),
     ("expirtion", "--expiration"), ("terminatd", "terminated")],
)  # fmt: skip
def test_a_mistyped_word_is_told_what_was_meant(word: str, near: str) -> None:
    assert f"did you mean {near}?" in failed(here("explain", word), 2)


@pytest.mark.parametrize("kind", PushType)
def test_what_template_prints_can_be_sent_as_it_is(kind: PushType) -> None:
    body = here("template", kind).stdout
    assert isinstance(json.loads(body), dict)
    topic = ("--topic", "com.apple.mgmt.External.1") if kind is PushType.mdm else ()
    done = here("send", "--type", kind, "--dry-run", "--json", "--payload", "-", "--to", "ab" * 32,
        "--app", "com.example.pushkit", "--env", "local", *topic, stdin=body)  # fmt: skip
    assert done.returncode == 0, done.stderr
    (request,) = objects(done.stdout)
    assert json.loads(request["body"]) == json.loads(body)
    assert request["lint"] == []


def test_a_template_as_an_object() -> None:
    (one,) = objects(here("template", "complication", "--json").stdout)
    assert (one["event"], one["type"], one["payload"]) == (
        "template",
        "complication",
        {"steps": 4210},
    )


def test_no_template_for_a_type_that_is_none() -> None:
    assert "did you mean voip?" in failed(here("template", "viop"), 2)
