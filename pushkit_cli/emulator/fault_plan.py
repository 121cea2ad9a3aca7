"""A plan of faults, in TOML: what its tables say, in the words of the command line. Pure.

[[fault]]
name = "rush hour"            # what its events call it; else its own words
action = "ServiceUnavailable" # ACTION; `status` beside it says another status
type = "voip"                 # SELECTOR: type, device, topic, token, or on = "connection"
when = "10%"                  # WHEN: 10%, nth3, first3, every500, after100
from = "30s"                  # since the fault was set, by the emulator's clock
until = "2m"
per = "token"                 # count each device token by itself
within = "1m"                 # … anew after so long
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pushkit_cli.apns.words import meant
from pushkit_cli.emulator.fault_words import (
    Fault,
    read_action,
    read_fault,
    read_selector,
    read_when,
)
from pushkit_cli.errors import UsageError

_SELECTS = ("device", "topic", "token")
_ON = ("connection", "channel", "export")
KEYS = (
    "name", "action", "status", "type", *_SELECTS, "on", "when", "from", "until", "per", "within",
)  # fmt: skip
_AT_LINE = re.compile(r"\(at (?:line (\d+), column \d+|end of document)\)")
_MAX_TEXT = 200
_HEADER = re.compile(r"\s*\[\[\s*fault\s*\]\]")
_TABLE = re.compile(r"\s*\[")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A table of a plan, and where it stands."""

    file: str
    lines: tuple[str, ...]
    begins: int

    def of(self, key: str) -> int:
        """The line of a key, else that of the table; counted from 1."""
        wanted = re.compile(rf"\s*(?:\[\[\s*fault\s*\]\]\s*)?[\"']?{re.escape(key)}[\"']?\s*=")
        for number in range(self.begins, len(self.lines) + 1):
            line = self.lines[number - 1]
            if number > self.begins and _TABLE.match(line):
                break
            if wanted.match(line):
                return number
        return self.begins

    def wrong(self, key: str, said: str, hint: str | None) -> UsageError:
        """What to raise about a key."""
        return UsageError(f"{self.file}:{self.of(key)}: {said}", hint=hint)


def read_plan(text: str, *, file: str) -> tuple[Fault, ...]:
    """Read a plan; `file` is what its errors call it.

    Raises UsageError for what is no fault, with its line and the remedy.
    """
    try:
        plan = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _not_toml(str(error), file, text) from error
    lines = tuple(text.splitlines())
    top = _Place(file=file, lines=lines, begins=1)
    for key in plan:
        if key != "fault":
            line = next((at for at, one in enumerate(lines, 1) if key in one), 1)
            raise UsageError(
                f"{file}:{line}: a plan has no {key}{meant(key, ['fault'])}",
                hint="each fault is a table: [[fault]]",
            )
    tables = plan.get("fault", [])
    if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
        raise top.wrong("fault", "fault is no list of tables", "write [[fault]] above each")
    headers = [number for number, line in enumerate(lines, 1) if _HEADER.match(line)]
    begins = headers if len(headers) == len(tables) else [1] * len(tables)
    return tuple(
        _fault(table, _Place(file=file, lines=lines, begins=begin))
        for table, begin in zip(tables, begins, strict=True)
    )


def _not_toml(said: str, file: str, text: str) -> UsageError:
    found = _AT_LINE.search(said)
    line = found[1] if found and found[1] else len(text.splitlines())
    return UsageError(
        f"{file}:{line}: that is no TOML: {_AT_LINE.sub('', said).strip().lower()}",
        hint='[[fault]], then action = "ServiceUnavailable" and the like, each on its line',
    )


def _fault(table: Mapping[str, Any], place: _Place) -> Fault:
    for key, value in table.items():
        _check(key, value, place)
    if "action" not in table and "status" not in table:
        raise place.wrong("action", "a fault without an action", 'action = "ServiceUnavailable"')
    selector = ",".join(_selector(table, place))
    action = _action(table, place)
    when = ",".join(_when(table, place))
    text = f"{selector}:{action}" if selector else action
    text = f"{text}@{when}" if when else text
    try:
        return read_fault(text, name=table.get("name"))
    except UsageError as error:
        raise place.wrong("action", error.message, error.hint) from error


def _check(key: str, value: Any, place: _Place) -> None:
    if key not in KEYS:
        raise place.wrong(
            key, f"a fault has no {key}{meant(key, KEYS)}", f"it may have {', '.join(KEYS)}"
        )
    if key == "status":
        if type(value) is not int or not 200 <= value <= 599:
            raise place.wrong(key, "a status is a number from 200 to 599", "status = 503")
    elif not isinstance(value, str) or not value:
        raise place.wrong(key, f"{key} is a text", f'{key} = "…", in quotes')
    elif not value.isprintable() or len(value) > _MAX_TEXT:
        said = f"{key} is too long, or holds characters that nobody sees"
        raise place.wrong(key, said, f'{key} = "…", in plain words')
    elif key != "name" and re.search(r"[,@]", value):
        raise place.wrong(key, f"{key} holds , or @", "each condition has a key of its own")


def _selector(table: Mapping[str, Any], place: _Place) -> Iterator[str]:
    on = table.get("on")
    if on is not None and on not in _ON:
        raise place.wrong("on", f"nothing is called {on}{meant(on, _ON)}", 'on = "connection"')
    if on is not None:
        yield on
    for key in ("type", *_SELECTS):
        if key in table:
            word = table[key] if key == "type" else f"{key}={table[key]}"
            _try(read_selector, word, key, place)
            yield word


def _action(table: Mapping[str, Any], place: _Place) -> str:
    action = table.get("action")
    if action is not None:
        _try(read_action, action, "action", place)
    if "status" not in table:
        return str(action)
    if action is None:
        return str(table["status"])
    text = f"{table['status']}/{action}"
    _try(read_action, text, "status", place)
    return text


def _when(table: Mapping[str, Any], place: _Place) -> Iterator[str]:
    if "when" in table:
        _try(read_when, table["when"], "when", place)
        yield table["when"]
    if "from" in table or "until" in table:
        window = f"{table.get('from', '')}..{table.get('until', '')}"
        _try(read_when, window, "from" if "from" in table else "until", place)
        yield window
    per, within = table.get("per"), table.get("within")
    if per not in (None, "token"):
        raise place.wrong("per", f"faults are not counted per {per}", 'per = "token"')
    if within is not None and per is None:
        raise place.wrong("within", "within says of what each is counted", 'per = "token"')
    if per is not None:
        if "when" not in table:
            raise place.wrong("per", "what is counted has no number", 'when = "after5"')
        word = "per-token" if within is None else f"per-token={within}"
        _try(read_when, f"{table['when']},{word}", "per" if within is None else "within", place)
        yield word


def _try(read: Any, text: str, key: str, place: _Place) -> None:
    try:
        read(text)
    except UsageError as error:
        raise place.wrong(key, error.message, error.hint) from error
