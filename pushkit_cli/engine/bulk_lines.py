"""One line of a targets file as a value: a token, or an object about one. No input or output.

A line that does not say a thing that can be sent is a Misfit; it never stops the others.
"""

import re
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any
from uuid import UUID

from pushkit_cli.apns.message import APNS_ID, not_yours
from pushkit_cli.apns.payload import Parsed, parse_json
from pushkit_cli.engine.targets import as_token

LONGEST_LINE = 65_536
"""In bytes: the largest body, escaped, and as much again beside it. Ours."""
OURS = ("apns_id", "id", "line")
"""Variables that every line has."""
_KEYS = frozenset({"token", "to", "id", "payload", "topic", "headers", "vars"})
_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,64}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_VARIABLE = re.compile(r"\{\{ *([A-Za-z_][A-Za-z0-9_.-]{0,63}) *\}\}")
_MARK = "{{"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Whom one line names, and in what its push differs from the others'.

    `token` is lower-case hex; with `to` it is not known yet. `id` is the user's own name for the
    line. `apns_id` is `None` where the run makes one.
    """

    number: int
    token: str | None = None
    to: str | None = None
    id: str | None = None
    apns_id: str | None = None
    payload: dict[str, Any] | None = None
    topic: str | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()
    vars: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Misfit:
    """A line that is held, why, and what to do; `short` is the same in two or three words.

    `reason` is APNs' word for it, where it has one. A `repeat` was asked to be held, and is no
    mistake. `token` and `id` are what the line says, where it says them.
    """

    number: int
    detail: str
    short: str
    remedy: str | None = None
    reason: str | None = None
    token: str | None = None
    id: str | None = None
    is_repeat: bool = False


def read_line(number: int, raw: bytes) -> Line | Misfit | None:
    """Read a line without its end; `None` for a blank one."""
    if len(raw) > LONGEST_LINE:
        return _misfit(number, f"the line is longer than {LONGEST_LINE} bytes", "too long")
    try:
        text = raw.decode("utf-8").strip(" \t\r\n")
    except UnicodeDecodeError:
        return _misfit(number, "the line is not UTF-8", "not UTF-8")
    if not text:
        return None
    if text.startswith("{"):
        return _object(number, text.encode("utf-8"))
    token = as_token(text)
    return _no_token(number) if token is None else Line(number=number, token=token)


def _object(number: int, raw: bytes) -> Line | Misfit:
    read = parse_json(raw)
    if not isinstance(read, Parsed):
        return _misfit(number, f"the line is not JSON: {read.detail}", "not JSON")
    body = read.value
    if not isinstance(body, dict):
        return _misfit(number, "the line is no JSON object", "not an object")
    if read.repeated:
        return _misfit(number, f"{read.repeated[0]} stands twice in the line", "a key twice")
    strange = sorted(set(body) - _KEYS)
    if strange:
        return _misfit(
            number, f"{strange[0]} is no key of a target", "unknown keys", remedy=_known_keys()
        )
    try:
        return _line(number, body)
    except _WrongError as wrong:
        named = body.get("id") if isinstance(body.get("id"), str) else None
        return _misfit(number, wrong.detail, wrong.short, id=named)


class _WrongError(Exception):
    def __init__(self, detail: str, short: str) -> None:
        super().__init__(detail)
        self.detail = detail
        self.short = short


def _line(number: int, body: dict[str, Any]) -> Line | Misfit:
    token, to = _text(body, "token"), _text(body, "to")
    if (token is None) == (to is None):
        raise _WrongError("a line names one of token and to", "no token")
    named = token if token is not None else to or ""
    found = as_token(named)
    mine = _own_id(body.get("id"))
    if found is None and token is not None:
        return _no_token(number, mine=mine)
    variables = body.get("vars", {})
    if not isinstance(variables, dict):
        raise _WrongError("vars is no object", "vars")
    payload = body.get("payload")
    if "payload" in body and not isinstance(payload, dict):
        raise _WrongError("payload is no object", "payload")
    topic = _text(body, "topic")
    if topic is not None and _CONTROL.search(topic):
        raise _WrongError("topic holds control characters", "topic")
    headers = _headers(body.get("headers", {}))
    given = dict(headers).get(APNS_ID)
    return Line(
        number=number,
        token=found,
        to=to if found is None else None,
        id=mine,
        apns_id=given.decode("utf-8") if given is not None else _as_uuid(mine),
        payload=payload,
        topic=topic,
        headers=tuple(pair for pair in headers if pair[0] != APNS_ID),
        vars=variables,
    )


def _text(body: dict[str, Any], key: str) -> str | None:
    value = body.get(key)
    if key in body and not isinstance(value, str):
        raise _WrongError(f"{key} is no text", key)
    return value


def _own_id(value: Any) -> str | None:
    if value is None or (isinstance(value, str) and len(value) <= 256):
        return value
    if type(value) is int:
        return str(value)
    raise _WrongError("id is neither a text of at most 256 characters nor a whole number", "id")


def _as_uuid(text: str | None) -> str | None:
    """An `id` that is a UUID as APNs wants it is the apns-id as well."""
    try:
        same = text is not None and str(UUID(text)) == text.lower()
    except ValueError:
        return None
    return text if same else None


def _headers(value: Any) -> tuple[tuple[bytes, bytes], ...]:
    if not isinstance(value, dict):
        raise _WrongError("headers is no object", "headers")
    found = []
    for name, text in value.items():
        lower = name.lower()
        if not _NAME.fullmatch(lower):
            raise _WrongError("headers holds a name that no header can have", "headers")
        if not_yours(lower):
            raise _WrongError(f"the header {lower} is not yours to choose here", "headers")
        if type(text) is int:
            text = str(text)
        if not isinstance(text, str) or _CONTROL.search(text) or len(text) > 4_096:
            raise _WrongError(f"the header {lower} has a value that no header can carry", "headers")
        found.append((lower.encode("ascii"), text.encode("utf-8")))
    if len(dict(found)) != len(found):
        raise _WrongError("headers holds one name twice", "headers")
    return tuple(found)


def _no_token(number: int, *, mine: str | None = None) -> Misfit:
    return _misfit(
        number,
        "the line is no device token, in hex or base64",
        "not hex",
        remedy="a line is a token, or a JSON object with a token",
        reason="BadDeviceToken",
        id=mine,
    )


def _misfit(number: int, detail: str, short: str, **more: Any) -> Misfit:
    return Misfit(number=number, detail=detail, short=short, **more)


def _known_keys() -> str:
    return f"keys are {', '.join(sorted(_KEYS))}"


# Variables


def has_variables(value: Any) -> bool:
    """Whether a parsed body holds `{{name}}` in one of its texts."""
    if isinstance(value, str):
        return _MARK in value and _VARIABLE.search(value) is not None
    if isinstance(value, list):
        return any(map(has_variables, value))
    return isinstance(value, dict) and any(map(has_variables, value.values()))


def fill(value: Any, variables: Mapping[str, Any]) -> Any:
    """The value with its variables replaced: in parsed texts, never in JSON, and not in keys.

    A text that is nothing but one variable becomes its value, of whatever type; within a longer
    text a variable is a text or a number. Raises KeyError with the name of one that is missing,
    TypeError with the name of one that cannot stand within a text.
    """
    if isinstance(value, str):
        return _fill_text(value, variables) if _MARK in value else value
    if isinstance(value, list):
        return [fill(one, variables) for one in value]
    if isinstance(value, dict):
        return {key: fill(one, variables) for key, one in value.items()}
    return value


def _fill_text(text: str, variables: Mapping[str, Any]) -> Any:
    whole = _VARIABLE.fullmatch(text)
    if whole is not None:
        return variables[whole[1]]

    def written(match: re.Match[str]) -> str:
        value = variables[match[1]]
        if isinstance(value, str):
            return value
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(match[1])
        return str(value)

    return _VARIABLE.sub(written, text)


class Seen:
    """Which (token, body) were seen: eight bytes each, of a million some sixteen megabytes.

    Two that differ are taken for one with a chance of one in 30 million, at a million of them.
    """

    def __init__(self) -> None:
        self._count = 0
        self._table = array("Q", bytes(8 * 1024))

    def add(self, token: str, body: bytes) -> bool:
        """Whether it was seen before; from now on it was."""
        both = token.encode("ascii") + b"\n" + body
        key = int.from_bytes(blake2b(both, digest_size=8).digest())
        if 5 * self._count > 3 * len(self._table):
            self._grow()
        at = self._place(key or 1)
        if self._table[at]:
            return True
        self._table[at] = key or 1
        self._count += 1
        return False

    def _place(self, key: int) -> int:
        table = self._table
        size = len(table)
        at = key % size
        while table[at] not in (0, key):
            at = (at + 1) % size
        return at

    def _grow(self) -> None:
        old, self._table = self._table, array("Q", bytes(16 * len(self._table)))
        for key in old:
            if key:
                self._table[self._place(key)] = key
