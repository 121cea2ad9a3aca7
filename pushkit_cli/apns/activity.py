"""What the body of a Live Activity push has to hold, as tables. Pure.

APNs refuses none of it: the device starts, changes or ends nothing, and says nothing.
"""

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping
from typing import Any

SOURCE = "Apple: Starting and updating Live Activities with ActivityKit push notifications"

NEEDED: Mapping[str, tuple[str, ...]] = {
    "start": ("alert", "attributes-type", "attributes", "content-state"),
    "update": ("content-state",),
    "end": (),
}
"""The three events, and what each needs in `aps` beside `timestamp` and `event`."""

BELONGS: Mapping[str, str] = {
    "attributes-type": "start",
    "attributes": "start",
    "input-push-channel": "start",
    "input-push-token": "start",
    "dismissal-date": "end",
}
"""Keys that one event alone takes notice of."""

_LIKELY_MS = 100_000_000_000
"""A larger number of seconds lies beyond the year 5000: milliseconds were meant."""

_HOW: Mapping[str, str] = {
    "timestamp": "the Unix time in seconds, which is added to all but a whole --payload",
    "event": "--event start, update or end",
    "alert": "--title and --body",
    "attributes-type": "--attributes-type NAME, the Swift type of its attributes",
    "attributes": "--attributes '{…}'",
    "content-state": "--content-state '{…}'",
}


def event_of(payload: Any) -> str | None:
    """`aps.event` of a body, where it has one."""
    return _of_aps(payload, "event")


def channel_of(payload: Any) -> str | None:
    """The channel that a body starts a Live Activity on (iOS 18); `None` where it names none."""
    return _of_aps(payload, "input-push-channel") if event_of(payload) == "start" else None


def _of_aps(payload: Any, key: str) -> str | None:
    aps = payload.get("aps") if isinstance(payload, dict) else None
    found = aps.get(key) if isinstance(aps, dict) else None
    return found if isinstance(found, str) else None


def complaints(aps: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What is wrong with an `aps`, and how to say it better."""
    event = aps.get("event")
    known = NEEDED.get(event) if isinstance(event, str) else None
    missing = [key for key in ("timestamp", "event", *(known or ())) if key not in aps]
    if missing:
        yield (
            f"a Live Activity push without aps.{', aps.'.join(missing)} changes nothing",
            f"send {'; '.join(_HOW[key] for key in missing)}",
        )
    if "event" in aps and known is None:
        yield f"aps.event is none of {', '.join(NEEDED)}", f"send {_HOW['event']}"
    if event == "end" and "content-state" not in aps:
        yield (
            "an end without aps.content-state leaves the last state it had on the screen",
            f"send the final one: {_HOW['content-state']}",
        )
    for key, only in BELONGS.items():
        if key in aps and known is not None and event != only:
            yield f"aps.{key} means nothing in an event {event}", f"leave it to the {only}"
    for key, (fits, kind) in _KINDS.items():
        if key in aps and not fits(aps[key]):
            yield f"aps.{key} is not {kind}", f"send {kind}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_moment(value: Any) -> bool:
    return _is_number(value) and value < _LIKELY_MS


def _is_base64(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(base64.b64decode(value, validate=True))
    except (binascii.Error, ValueError):
        return False


def _is_a(kind: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kind)


_MOMENT = (_is_moment, "a number of seconds since 1970")
_OBJECT = (_is_a(dict), "an object")
_KINDS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "timestamp": _MOMENT,
    "stale-date": _MOMENT,
    "dismissal-date": _MOMENT,
    "content-state": _OBJECT,
    "attributes": _OBJECT,
    "attributes-type": (_is_a(str), "text"),
    "relevance-score": (_is_number, "a number"),
    "input-push-channel": (_is_base64, "a channel's id, which is base64"),
    "input-push-token": (lambda value: _is_number(value) and value == 1, "the number 1"),
}
