"""A verdict as JUnit XML, which every CI system reads: a case for each thing that was judged."""

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

from pushkit_cli.emulator.verdict import DEVICE_RULES, By, Required, Verdict
from pushkit_cli.errors import StoreError

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML 1.0 document can hold (2.2), not even escaped."""
_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case; `failure` is one line, `detail` the rest. `failure` `None`: it passed."""

    group: str
    name: str
    failure: str | None = None
    detail: str = ""


def begin(path: Path) -> None:
    """Make sure that the file can be written, and that none of an earlier run is taken for ours."""
    _write(path, b"")


def write(path: Path, verdict: Verdict, command: tuple[str, ...] | None, took_s: float) -> None:
    """Write the whole file. Raises StoreError."""
    _write(path, to_xml(list(cases(verdict, command)), took_s))


def cases(verdict: Verdict, command: tuple[str, ...] | None) -> Iterator[Case]:
    """The command where there is one, each expectation, each requirement, each device rule."""
    if command is not None:
        yield Case(group="pushkit.command", name=shlex.join(command), failure=_of_command(verdict))
    for one in verdict.expectations:
        yield Case(
            group="pushkit.expect",
            name=f"{one.what}={one.count}",
            failure=None if one.met else f"got {one.got}",
            detail=one.detail or _lines(verdict.noted),
        )
    for required in verdict.requirements:
        told = f"{required.failed} of {required.checked} pushes are otherwise"
        yield Case(
            group="pushkit.require",
            name=required.text,
            failure=None if required.met else told,
            detail="\n".join(told_otherwise(required)),
        )
    for rule in DEVICE_RULES:
        found = [event for event in verdict.broken if rule.is_broken_by(event)]
        word = ":".join(filter(None, (rule.event, rule.reason)))
        yield Case(
            group="pushkit.device-rule",
            name=f"{word}: {rule.text}",
            failure=_told(found[0]) if found else None,
            detail=_lines(_with_hooks(found, verdict)),
        )


def told_otherwise(required: Required) -> Iterator[str]:
    """What stood in some pushes instead of what a requirement says, a line each."""
    for one in required.otherwise[:_SHOWN]:
        what = "is not there" if one.found is None else f"is {json.dumps(one.found)}"
        yield f"push {one.push_id}: {required.place} {what}"


def to_xml(found: list[Case], took_s: float) -> bytes:
    """The document."""
    failures = sum(case.failure is not None for case in found)
    totals = {
        "tests": str(len(found)),
        "failures": str(failures),
        "errors": "0",
        "skipped": "0",
        "time": f"{took_s:.3f}",
    }
    top = Xml.Element("testsuites", totals)
    suite = Xml.SubElement(top, "testsuite", {"name": "pushkit", **totals})
    for case in found:
        words = {"classname": case.group, "name": _clean(case.name), "time": "0"}
        element = Xml.SubElement(suite, "testcase", words)
        if case.failure is not None:
            said = Xml.SubElement(element, "failure", {"message": _clean(case.failure)})
            said.text = _clean(case.detail)
    return bytes(Xml.tostring(top, encoding="utf-8", xml_declaration=True)) + b"\n"


def _of_command(verdict: Verdict) -> str | None:
    match verdict.by:
        case By.CHILD:
            return f"it left {verdict.child_exit}"
        case By.TIMEOUT:
            return "it still ran when its time was up"
        case By.SIGNAL:
            return "it was interrupted"
    return None


def _lines(events: Iterable[Mapping[str, Any]]) -> str:
    return "\n".join(_told(event) for event in islice(events, _SHOWN))


def _with_hooks(events: list[Mapping[str, Any]], verdict: Verdict) -> Iterator[Mapping[str, Any]]:
    """Events, each followed by what the app said that failed with its push."""
    for event in events:
        yield event
        if event["push_id"] in verdict.hooks:
            yield verdict.hooks[event["push_id"]]


def _told(event: Mapping[str, Any]) -> str:
    """An event in one line."""
    names = ("at", "event", "device", "app", "type", "reason", "detail", "basis", "apns_id")
    return "  ".join(str(event[name]) for name in names if event[name] is not None)


def _clean(text: str) -> str:
    return _NO_XML.sub("\ufffd", text)


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise StoreError(
            f"{path} cannot be written: {error.strerror}", hint="check --junit"
        ) from error
