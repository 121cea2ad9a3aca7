"""Bodies put together from a few words: what `-d`, `--title` and their kin mean. Pure.

Shapes of the samples: Apple's articles on each push type.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pushkit_cli.apns.payload import MAX_DEPTH, Malformed, parse_json
from pushkit_cli.apns.push import PushType

CONTAINERS = {
    "working-set": "NSFileProviderWorkingSetContainerItemIdentifier",
    "root": "NSFileProviderRootContainerItemIdentifier",
}
"""Short names of the two container identifiers that Apple spells out."""

ReadFile = Callable[[str], bytes]
_ITEM = re.compile(r"(?P<path>(?:\\.|[^\\=])+?)(?P<sign>:?=)(?P<value>.*)", re.DOTALL)
_STEP = re.compile(r"(?:\\.|[^\\.])+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What the command line says about a body; `None` is "not said".

    `activity` holds keys of `aps` that a Live Activity takes.
    """

    base: dict[str, Any] | None = None
    data: tuple[str, ...] = ()
    title: str | None = None
    subtitle: str | None = None
    body: str | None = None
    sound: str | None = None
    badge: int | None = None
    container: str | None = None
    domain: str | None = None
    activity: Mapping[str, Any] = field(default_factory=dict)

    @property
    def silent(self) -> bool:
        """Whether nothing at all was said."""
        return self == Words()


def compose(kind: PushType | None, words: Words, *, now: float, read: ReadFile) -> bytes:
    """The body as compact JSON; what is said later wins: base, options, then `-d` in order.

    Raises ValueError with one sentence for an item that cannot be read.
    """
    body = dict(words.base or {})
    aps = _aps(kind, words)
    if aps:
        below = body.get("aps", {})
        if not isinstance(below, dict):
            raise ValueError("aps is not an object, so nothing can be added to it")
        body["aps"] = {**below, **aps}
    for key, value in _file_provider(words).items():
        body[key] = value
    for item in words.data:
        _assign(body, item, read)
    if kind is PushType.liveactivity and isinstance(body.get("aps"), dict):
        body["aps"].setdefault("timestamp", int(now))
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode(
        "utf-8", "surrogatepass"
    )


def sample(kind: PushType, *, new_id: str, now: float) -> dict[str, Any]:
    """A body that makes an emulated device do what the type is for."""
    stamp = int(now)
    samples: Mapping[PushType, dict[str, Any]] = {
        PushType.alert: {"aps": {"alert": {"title": "pushkit", "body": "Hello"}}},
        PushType.background: {"aps": {"content-available": 1}},
        PushType.voip: {"callUUID": new_id, "handle": "+15550100"},
        PushType.complication: {"steps": 4210},
        PushType.fileprovider: {
            "container-identifier": CONTAINERS["working-set"],
            "domain": "example",
        },
        PushType.liveactivity: {
            "aps": {"timestamp": stamp, "event": "update", "content-state": {"score": 1}}
        },
        PushType.controls: {"aps": {"content-changed": True}},
        PushType.widgets: {"aps": {"content-changed": True}},
        PushType.pushtotalk: {"activeSpeaker": "Alice"},
        PushType.mdm: {"mdm": new_id},
        PushType.accessory: {
            "aps": {
                "encryptedData": "AAAA",
                "sessionIdentifier": new_id,
                "keyID": "AAAA",
                "messageIndex": "0",
            }
        },
    }
    return samples.get(kind, {})


def _aps(kind: PushType | None, words: Words) -> dict[str, Any]:
    aps: dict[str, Any] = {}
    alert = {"title": words.title, "subtitle": words.subtitle, "body": words.body}
    said = {key: value for key, value in alert.items() if value is not None}
    if said:
        aps["alert"] = said
    if words.sound is not None and said and kind is PushType.liveactivity:
        said["sound"] = words.sound  # where Apple's samples of Live Activities have it
    elif words.sound is not None:
        aps["sound"] = words.sound
    if words.badge is not None:
        aps["badge"] = words.badge
    return {**aps, **words.activity}


def _file_provider(words: Words) -> dict[str, str]:
    found = {}
    if words.container is not None:
        found["container-identifier"] = CONTAINERS.get(words.container, words.container)
    if words.domain is not None:
        found["domain"] = words.domain
    return found


def _assign(body: dict[str, Any], item: str, read: ReadFile) -> None:
    match = _ITEM.fullmatch(item)
    if match is None:
        raise ValueError(f"-d {item} is neither key=text nor key:=json")
    path, sign, text = match["path"], match["sign"], match["value"]
    raw = read(text[1:]) if text.startswith("@") else text.encode("utf-8", "surrogatepass")
    value = _json(raw, item) if sign == ":=" else raw.decode("utf-8", "replace")
    steps = [re.sub(r"\\(.)", r"\1", step) for step in _STEP.findall(path)]
    if not steps:
        raise ValueError(f"-d {item}: no key stands before the {sign}")
    if len(steps) > MAX_DEPTH:
        raise ValueError(f"-d {item[:40]}…: more than {MAX_DEPTH} names with dots between them")
    place = body
    for step in steps[:-1]:
        below = place.setdefault(step, {})
        if not isinstance(below, dict):
            raise ValueError(f"-d {item}: {step} already holds a value, not an object")
        place = below
    place[steps[-1]] = value


def _json(raw: bytes, item: str) -> Any:
    read_value = parse_json(raw)
    if isinstance(read_value, Malformed):
        raise ValueError(f"-d {item}: the value is not JSON: {read_value.detail}")
    return read_value.value
