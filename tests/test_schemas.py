"""docs/schemas against what is really written: every key, and what kind each is of."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pushkit_cli.apns.facts import Trouble
from pushkit_cli.cli.text import to_json
from pushkit_cli.emulator.clients import Clients
from pushkit_cli.emulator.terms import read_terms
from pushkit_cli.emulator.verdict import Ending, Judge
from pushkit_cli.engine.app_host import Manner
from pushkit_cli.engine.listener import Options, Running, running
from pushkit_cli.engine.objects import Happened, closed, dropped, stamp
from pushkit_cli.engine.under_test import Builtin
from pushkit_cli.engine.vocabulary import EVENTS
from pushkit_cli.engine.waiting import wait_for
from pushkit_cli.phone.events import Happening
from tests.cli.errands import here
from tests.commands import objects
from tests.conftest import Told
from tests.schemas import FOLDER, SCHEMAS, faults, name_of

Objects = list[dict[str, Any]]
_SEND = ("send", "--json", "--type")


def _written(*arguments: str) -> Objects:
    return objects(here(*arguments).stdout)


def _pushes(folder: Path) -> Iterator[dict[str, Any]]:
    """Replies of every outcome, one push and many, and the requests of a dry run."""
    yield from _written(*_SEND, "voip")
    yield from _written(*_SEND, "alert", "--to", "iphone", "--title", "Hi")
    yield from _written(
        *_SEND, "voip", "--to", "ab" * 32, "--app", "a.b", "--env", "local", "-d", "a=b"
    )
    yield from _written(*_SEND, "voip", "--priority", "7")
    yield from _written(*_SEND, "voip", "--dry-run", "--priority", "7")
    targets, results = folder / "targets", folder / "results.ndjson"
    targets.write_text('{"to":"iphone","id":"x"}\n{"token":"' + "cd" * 32 + '"}\n')
    many = ("--targets", str(targets), "--results", str(results), "-d", "a=b")
    yield from _written(*_SEND, "voip", "--env", "local", "--app", "com.example.pushkit", *many)
    lines = [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]
    yield from (line for line in lines if line.get("event") in ("reply", "summary"))


def _shown() -> Iterator[dict[str, Any]]:
    """What is looked at, while a push waits for a device."""
    app = ("--app", "com.example.pushkit", "--env", "local")
    (made,) = _written("channel", "create", *app, "--storage", "none", "--json")
    yield made
    here("device", "do", "iphone", "subscribe", made["channel"])
    yield from _written("channel", "list", *app, "--json")
    yield from _written("device", "list", "--json")
    yield from _written("device", "show", "iphone", "--json")
    yield from _written("fault", "list", "--json")
    yield from _written("clock", "show", "--json")
    yield from _written("config", "show", "--json")
    yield from _written("template", "voip", "--json")
    yield from _written("snippet", "go", "--json")


def _phone() -> Iterator[dict[str, Any]]:
    """What happens on a device, and to its tokens."""
    here("device", "set", "iphone", "offline")
    here("send", "--type", "alert", "--to", "iphone", "--title", "1")
    here("send", "--type", "alert", "--to", "iphone", "--title", "2")
    here("fault", "add", "alert:ServiceUnavailable@nth3")
    yield from _shown()
    here("device", "set", "iphone", "online")
    here("device", "do", "iphone", "rotate-token", "voip")
    here("fault", "add", "alert:ServiceUnavailable@first1")
    here("send", "--type", "alert", "--to", "iphone", "--title", "3")


@pytest.fixture
def seen(listener: Running, told: Told, tmp_path: Path) -> Objects:
    """Objects of every kind that one listener and its commands write."""
    found = [listener.ready, *_pushes(tmp_path), *_phone()]
    wait_for(lambda: told.named("fault") or None, timeout=10)
    events = [event.to_json() for event in list(told)]
    found += events
    found += [dropped(9, 3), closed(10, now=1.0), _verdict(events)]
    found += _written("send", "--json", "--type", "viop")
    found += _written("explain", "--json", "PayloadEmpty")
    found += _written("explain", "--json", "wedge")
    found += _written("doctor", "--json")
    return [_read(one) for one in found]


def _read(value: dict[str, Any]) -> dict[str, Any]:
    """An object as whoever reads it has it."""
    found: dict[str, Any] = json.loads(to_json(value))
    return found


def _verdict(events: Objects) -> dict[str, Any]:
    judge = Judge(read_terms(["voip=1", "refused=5"], ["voip:payload.nothing"]))
    for event in events:
        judge.see(event)
    said = judge.verdict(Ending(child_exit=1), devices=["iphone"]).to_json()
    return stamp(said, seq=11, at_ms=1)


def test_what_is_written_is_as_the_files_say(seen: Objects) -> None:
    wrong = [(one["event"], said) for one in seen for said in faults(one, SCHEMAS[name_of(one)])]
    assert wrong == []
    assert {name_of(one) for one in seen} == set(SCHEMAS), "each of them was looked at"


def test_a_client_that_never_sends_is_told_so() -> None:
    event = Clients().troubled(Trouble.NO_TLS)
    assert event is not None
    found = _read(Happened(seq=1, at_ms=1, event=event).to_json())
    assert list(faults(found, SCHEMAS["device-event"])) == []


def test_an_app_that_never_reports_is_told_so(home: Path) -> None:
    told = Told()
    silent = Builtin(manner=Manner.NEVER_REPORTS)
    options = Options(home=home, port=0, production_port=0, app=silent)
    with running(options, told.append):
        here("send", "--type", "voip")
        wait_for(lambda: told.named("terminated") or None, timeout=10)
    for event in list(told):
        found = _read(event.to_json())
        assert list(faults(found, SCHEMAS[name_of(found)])) == []


def test_every_event_of_a_device_has_its_schema() -> None:
    said = {*SCHEMAS["device-event"]["properties"]["event"]["enum"], "fault"}
    assert said == set(Happening)


def test_a_schema_says_what_explain_says() -> None:
    for name, schema in SCHEMAS.items():
        assert schema["title"] == name
        if name in EVENTS and name != "push":
            assert schema["description"] == EVENTS[name]


@pytest.mark.parametrize(
    "change",
    [
        lambda one: one.pop("hint"),
        lambda one: one.update(status="200"),
        lambda one: one.update(attempts=True),
        lambda one: one.update(outcome="gone"),
        lambda one: one.update(at="yesterday"),
        lambda one: one.update(new=1),
        lambda one: one.update(v=2),
        lambda one: one["lint"].append({"reason": None}),
    ],
)
def test_the_reader_of_schemas_finds_what_is_wrong(
    change: Callable[[dict[str, Any]], Any], listener: Running
) -> None:
    one, _ = _written(*_SEND, "voip")
    assert list(faults(one, SCHEMAS["reply"])) == []
    change(one)
    assert list(faults(one, SCHEMAS["reply"]))


def test_the_document_names_every_schema() -> None:
    text = (FOLDER.parent / "json.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\(schemas/([a-z-]+)\.json\)", text)) == set(SCHEMAS)
