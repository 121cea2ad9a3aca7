"""What a person sees of a push: alerts with their words filled in, Live Activities, widgets. Pure.

Source: Apple, "Generating a remote notification" and "Starting and updating Live Activities".
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pushkit_cli.apns.push import PushType

_FORMAT = re.compile(r"%(?:(\d{1,2})\$)?@")


def shown(kind: PushType, payload: Any) -> str | None:
    """One line about what appears on the screen, `None` where nothing does."""
    aps = payload.get("aps") if isinstance(payload, dict) else None
    show = _SCREENS.get(kind)
    return None if show is None or not isinstance(aps, dict) else show(aps)


def _alert(aps: Mapping[str, Any]) -> str | None:
    words = _words(aps.get("alert"))
    if words:
        return f"shown: {words}"
    marks = [f"badge {aps['badge']}"] if _is_number(aps.get("badge")) else []
    marks += [f"sound {name}" for name in _sound(aps.get("sound"))]
    return ", ".join(marks) or None


def _live_activity(aps: Mapping[str, Any]) -> str | None:
    event = aps.get("event")
    done = {"start": "started", "update": "updated", "end": "ended"}
    if not isinstance(event, str) or event not in done:
        return None
    words = _words(aps.get("alert"))
    return f"Live Activity {done[event]}" + (f": {words}" if words else "")


def _reloaded(what: str) -> Callable[[Mapping[str, Any]], str | None]:
    return lambda aps: f"{what} reloaded" if aps.get("content-changed") is True else None


_SCREENS: Mapping[PushType, Callable[[Mapping[str, Any]], str | None]] = {
    PushType.alert: _alert,
    PushType.liveactivity: _live_activity,
    PushType.widgets: _reloaded("widgets"),
    PushType.controls: _reloaded("control"),
}


def _words(alert: Any) -> str:
    if isinstance(alert, str):
        return alert
    if not isinstance(alert, dict):
        return ""
    return ": ".join(text for part in ("title", "subtitle", "body") for text in _part(alert, part))


def _part(alert: Mapping[str, Any], part: str) -> Iterator[str]:
    """A part of an alert: its text, or its key with the arguments filled in."""
    said = alert.get(part)
    prefix = "" if part == "body" or isinstance(said, dict) else f"{part}-"
    within = said if isinstance(said, dict) else alert  # Live Activities put an object there
    key, arguments = within.get(f"{prefix}loc-key"), within.get(f"{prefix}loc-args")
    if isinstance(key, str) and key:
        yield _filled(key, arguments if isinstance(arguments, list) else [])
    elif isinstance(said, str) and said:
        yield said


def _filled(key: str, arguments: list[Any]) -> str:
    """A localised string as a device shows it that has no translation: the key, filled in."""
    texts = [str(one) for one in arguments]
    rest = iter(texts)

    def fill(found: re.Match[str]) -> str:
        place = None if found[1] is None else int(found[1]) - 1
        if place is None:
            return next(rest, found[0])
        return texts[place] if 0 <= place < len(texts) else found[0]

    if _FORMAT.search(key):
        return _FORMAT.sub(fill, key)
    return f"{key}({', '.join(texts)})" if texts else key


def _sound(sound: Any) -> Iterator[str]:
    name = sound.get("name") if isinstance(sound, dict) else sound
    if isinstance(name, str) and name:
        yield name


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
