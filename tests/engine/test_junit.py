"""JUnit XML of a verdict: a case a thing, and it parses whatever the payloads hold."""

import stat
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from pushkit_cli.emulator.terms import read_terms
from pushkit_cli.emulator.verdict import DEVICE_RULES, Ending, Judge, Verdict
from pushkit_cli.engine import junit
from pushkit_cli.errors import ExitCode, StoreError
from tests.emulator.test_verdict import happened, push
from tests.hostile import HOSTILE

KILLED = happened(
    "terminated", push_id="ab" * 16, app="com.example.app", detail="why", basis="documented",
    at="2026-11-25T14:02:40.120Z", apns_id="ID",
)  # fmt: skip


def verdict_of(*events: dict[str, object], ending: Ending | None = None) -> Verdict:
    judge = Judge(read_terms(["voip=1", "alert@ghost=1"], ["voip:payload.x", "alert:payload.y"]))
    for event in events:
        judge.see(event)
    return judge.verdict(ending or Ending(child_exit=0), devices=["iphone"])


def parsed(verdict: Verdict, command: tuple[str, ...] | None) -> Xml.Element:
    return Xml.fromstring(junit.to_xml(list(junit.cases(verdict, command)), 1.5))


def test_each_thing_that_was_judged_has_a_case() -> None:
    top = parsed(verdict_of(push(), KILLED), ("npm", "test"))
    cases = {case.attrib["name"]: case.find("failure") for case in top.iter("testcase")}
    rules = [name for name in cases if name.startswith(tuple(r.event for r in DEVICE_RULES))]
    assert list(cases)[:5] == [
        "npm test",
        "voip=1",
        "alert@ghost=1",
        "voip:payload.x",
        "alert:payload.y",
    ]
    assert len(rules) == len(DEVICE_RULES)
    failed = [name for name, failure in cases.items() if failure is not None]
    assert failed == ["alert@ghost=1", "voip:payload.x", rules[0]]
    (suite,) = top
    assert suite.attrib["failures"] == top.attrib["failures"] == "3"
    assert suite.attrib["tests"] == str(len(cases))
    ghost, rule = cases["alert@ghost=1"], cases[rules[0]]
    assert ghost is not None
    assert (ghost.attrib["message"], ghost.text) == (
        "got 0",
        "no device is called ghost: there are iphone",
    )
    assert rule is not None
    assert "com.example.app" in rule.attrib["message"]
    missing = cases["voip:payload.x"]
    assert missing is not None
    assert (missing.text or "").endswith(": payload.x is not there")


def test_a_hook_has_its_say_in_the_case_of_the_rule_it_broke() -> None:
    hook = happened("hook", push_id=KILLED["push_id"], app="com.example.app", at=KILLED["at"],
                    reason="failed", detail="exit 3; stderr: no such user", basis="ours",
                    apns_id="ID")  # fmt: skip
    top = parsed(verdict_of(hook, KILLED), None)
    (said,) = (
        one.text or "" for one in top.iter("failure") if "com.example.app" in one.attrib["message"]
    )
    first, second = said.splitlines()
    assert "terminated" in first
    assert "failed  exit 3; stderr: no such user" in second


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        (Ending(child_exit=0), None),
        (Ending(child_exit=42), "it left 42"),
        (Ending(timed_out=True), "it still ran when its time was up"),
        (Ending(signalled=ExitCode.INTERRUPTED), "it was interrupted"),
    ],
)
def test_the_command_is_a_case_too(ending: Ending, said: str | None) -> None:
    failure = next(parsed(verdict_of(ending=ending), ("x",)).iter("testcase")).find("failure")
    assert (None if failure is None else failure.attrib["message"]) == said


def test_without_a_command_there_is_no_case_for_it() -> None:
    groups = [case.attrib["classname"] for case in parsed(verdict_of(), None).iter("testcase")]
    assert "pushkit.command" not in groups


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_it_parses_whatever_it_is_about(text: str) -> None:
    killed = {**KILLED, "app": text, "detail": text, "reason": text, "device": text, "type": text}
    refused = push(status=400, detail=text, at=text, basis=None, apns_id=text, app=text)
    top = parsed(verdict_of(killed, refused), (text, text))
    assert len(list(top.iter("testcase"))) == 5 + len(DEVICE_RULES)
    name = next(top.iter("testcase")).attrib["name"]
    assert all(ord(character) >= 0x20 or character in "\t\n\r" for character in name)


def test_none_of_an_earlier_run_is_taken_for_ours(tmp_path: Path) -> None:
    file = tmp_path / "report.xml"
    file.write_text("<testsuites tests='1'/>")
    junit.begin(file)
    assert file.read_bytes() == b""
    junit.write(file, verdict_of(), None, 0.1)
    assert Xml.fromstring(file.read_bytes()).tag == "testsuites"
    assert stat.S_ISREG(file.stat().st_mode)


def test_a_file_that_cannot_be_written_is_a_failure_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as raised:
        junit.begin(tmp_path / "nowhere" / "report.xml")
    assert raised.value.hint == "check --junit"
