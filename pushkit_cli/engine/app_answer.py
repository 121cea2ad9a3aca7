"""What an app that runs elsewhere says of its call: one JSON object, checked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pushkit_cli.apns.payload import Malformed, parse_json
from pushkit_cli.phone.calls import EndedReason, IncomingCallError, Report

KEPT_BYTES = 65_536
"""Of what an app says so much is kept; the rest is read and thrown away."""
SHAPES = '{"reported":true,"call_id":"…"}, {"refused":"…"} or {"ended":"…"}'
_MAX_ID = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """An app's own word; `report` `None`: it says that it reported no call."""

    report: Report | None


def read(body: bytes) -> Said | None:
    """What was said; `None` where nothing was. Raises ValueError, in words, for what is none."""
    if not body.strip():
        return None
    if len(body) >= KEPT_BYTES:
        raise ValueError(f"more than {KEPT_BYTES // 1024} KB")
    parsed = parse_json(body)
    if isinstance(parsed, Malformed):
        raise ValueError(parsed.detail)
    said = parsed.value
    if not isinstance(said, dict) or not said:
        raise ValueError("no JSON object")
    unknown = [name for name in said if name not in _READERS]
    if unknown:
        raise ValueError(f"{unknown[0][:40]} is no word of an answer")
    found = {name: read(said[name]) for name, read in _READERS.items() if name in said}
    return _together(found)


def _together(found: Mapping[str, Any]) -> Said:
    refused, ended, call_id = found.get("refused"), found.get("ended"), found.get("call_id")
    if found.get("reported") is False:
        if len(found) > 1:
            raise ValueError("not reported, and more was said of it")
        return Said(report=None)
    return Said(report=Report(call_id=call_id, refused=refused, ended=ended))


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("reported is true or false")
    return value


def _call_id(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_ID:
        raise ValueError(f"call_id is a text of up to {_MAX_ID} characters")
    return value


def _refused(value: object) -> IncomingCallError:
    words = [one.value for one in IncomingCallError]
    if value not in words:
        raise ValueError(f"refused is one of {', '.join(words)}")
    return IncomingCallError(value)


def _ended(value: object) -> EndedReason:
    words = [one.value for one in EndedReason]
    if value not in words:
        raise ValueError(f"ended is one of {', '.join(words)}")
    return EndedReason(value)


_READERS: Mapping[str, Callable[[object], Any]] = {
    "reported": _truth,
    "call_id": _call_id,
    "refused": _refused,
    "ended": _ended,
}
