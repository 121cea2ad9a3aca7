"""What a body is: one JSON reader for hostile bytes, and advice per push type. Pure.

Source of the keys: Apple, "Generating a remote notification", and each type's own article.
"""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from pushkit_cli.apns import activity
from pushkit_cli.apns.push import PushType

MAX_DEPTH = 100
"""Deepest nesting read, in levels. Ours: no source gives one; a phone needs a handful."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """A body that is JSON; `repeated` are keys that stood twice in one object (the last won)."""

    value: Any
    repeated: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Malformed:
    """A body that is not JSON (RFC 8259), and why, in words of ours."""

    detail: str


def parse_json(body: bytes) -> Parsed | Malformed:
    """Read a body as strict JSON in UTF-8; every input gets an answer, none raises.

    Stricter than the standard library where that is lax: no NaN or Infinity, no UTF-16 or UTF-32,
    no byte order mark, no nesting beyond MAX_DEPTH, no number that Python refuses to read.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        return Malformed(detail=f"not UTF-8 at byte {error.start}")
    if _too_deep(text):
        return Malformed(detail=f"nested more than {MAX_DEPTH} deep")
    repeated: list[str] = []

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) != len(pairs):
            counts = Counter(key for key, _ in pairs)
            repeated.extend(key for key, count in counts.items() if count > 1)
        return value

    try:
        value = json.loads(
            text,
            object_pairs_hook=members,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
    except json.JSONDecodeError as error:
        return Malformed(detail=f"{error.msg} at line {error.lineno}, column {error.colno}")
    except ValueError as error:  # 4,300 digits or more, NaN, Infinity
        return Malformed(detail=str(error).partition(";")[0])
    return Parsed(value=value, repeated=tuple(repeated))


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError("a number is too large to be one")
    return value


def _too_deep(text: str) -> bool:
    """Whether brackets outside of strings nest too deep; cheap for every ordinary body."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return False
    depth = 0
    in_string = escaped = False
    for char in text:
        if in_string:
            in_string = escaped or char != '"'
            escaped = char == "\\" and not escaped
        elif char == '"':
            in_string = True
        elif char in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif char in "]}":
            depth -= 1
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """Something APNs accepts and the device, or the person holding it, will not like."""

    detail: str
    remedy: str
    source: str


CALL_ID_KEYS = ("callUUID", "uuid", "callId", "call_id")
"""Where a VoIP body names its call, first match wins. Ours: the body is the app's own."""

# fmt: off
_APS_KEYS = frozenset({
    "alert", "badge", "sound", "thread-id", "category", "content-available", "mutable-content",
    "target-content-id", "interruption-level", "relevance-score", "filter-criteria", "stale-date",
    "dismissal-date", "timestamp", "event", "content-state", "attributes-type",
    "attributes", "input-push-channel", "input-push-token", "content-changed", "encryptedData",
    "sessionIdentifier", "keyID", "messageIndex",
})
# fmt: on
_GENERATING = "Apple: Generating a remote notification"


def advise(value: Any, repeated: tuple[str, ...], push_type: str | None) -> Iterator[Advice]:
    """What to tell the sender about a body that is JSON; APNs itself refuses none of it."""
    for key in repeated:
        yield Advice(
            detail=f"the key {key} stands twice in one object",
            remedy="readers differ in which one they take: send it once",
            source="RFC 8259, section 4",
        )
    if not isinstance(value, dict):
        yield Advice(
            detail=f"the body is {_kind(value)}, not an object",
            remedy="send a JSON object",
            source=_GENERATING,
        )
        return
    aps = value.get("aps")
    if isinstance(aps, dict):
        yield from _advise_aps(aps)
    check = _PER_TYPE.get(push_type or "")
    if check is not None:
        yield from check(value, aps if isinstance(aps, dict) else {})


def _kind(value: Any) -> str:
    names = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def _advise_aps(aps: dict[str, Any]) -> Iterator[Advice]:
    unknown = sorted(key for key in aps if key not in _APS_KEYS)
    if unknown:
        yield Advice(
            detail=f"aps holds {', '.join(unknown[:3])}, which the system ignores",
            remedy="put your own keys beside aps, not inside it",
            source=_GENERATING,
        )


def _advise_alert(_value: dict[str, Any], aps: dict[str, Any]) -> Iterator[Advice]:
    if not any(key in aps for key in ("alert", "badge", "sound")):
        yield Advice(
            detail="an alert push without aps.alert, aps.badge or aps.sound shows nothing",
            remedy='send {"aps":{"alert":"…"}}, or --type background',
            source=_GENERATING,
        )


def _advise_background(_value: dict[str, Any], aps: dict[str, Any]) -> Iterator[Advice]:
    source = "Apple: Pushing background updates to your app"
    if aps.get("content-available") != 1:
        yield Advice(
            detail="a background push without aps.content-available 1 wakes nothing",
            remedy='send {"aps":{"content-available":1}}',
            source=source,
        )
    if any(key in aps for key in ("alert", "badge", "sound")):
        yield Advice(
            detail="a background push with alert, badge or sound may be delayed or dropped",
            remedy="send --type alert, or leave these keys out",
            source=source,
        )


def _advise_voip(value: dict[str, Any], aps: dict[str, Any]) -> Iterator[Advice]:
    if "alert" in aps:
        yield Advice(
            detail="a VoIP body with aps.alert: the device logs a complaint and shows no alert",
            remedy="leave aps out; the app reads the whole body itself",
            source="observed: flutter-webrtc/callkeep issue 162",
        )
    if not any(isinstance(value.get(key), str) for key in CALL_ID_KEYS):
        yield Advice(
            detail="no call id: the app cannot tell which call this push is about",
            remedy=f"send one of {', '.join(CALL_ID_KEYS)}",
            source="Apple: Responding to VoIP Notifications from PushKit",
        )


def _advise_fileprovider(value: dict[str, Any], _aps: dict[str, Any]) -> Iterator[Advice]:
    for key in ("container-identifier", "domain"):
        if not isinstance(value.get(key), str):
            yield Advice(
                detail=f"a file-provider body without the text {key} signals nothing",
                remedy="send --container and --domain",
                source="Apple: Using push notifications to signal changes",
            )


def _advise_liveactivity(_value: dict[str, Any], aps: dict[str, Any]) -> Iterator[Advice]:
    for detail, remedy in activity.complaints(aps):
        yield Advice(detail=detail, remedy=remedy, source=activity.SOURCE)


def _advise_changed(_value: dict[str, Any], aps: dict[str, Any]) -> Iterator[Advice]:
    if aps.get("content-changed") is not True:
        yield Advice(
            detail="without aps.content-changed true nothing is reloaded",
            remedy='send {"aps":{"content-changed":true}}',
            source="Apple: Updating widgets with WidgetKit push notifications",
        )


_PER_TYPE: dict[str, Callable[[dict[str, Any], dict[str, Any]], Iterator[Advice]]] = {
    PushType.alert: _advise_alert,
    PushType.background: _advise_background,
    PushType.voip: _advise_voip,
    PushType.fileprovider: _advise_fileprovider,
    PushType.liveactivity: _advise_liveactivity,
    PushType.widgets: _advise_changed,
    PushType.controls: _advise_changed,
}
