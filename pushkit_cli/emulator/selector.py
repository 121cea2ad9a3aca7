"""Which events are meant, how many of them, and what must stand in them: WHAT[@DEVICE]=COUNT. Pure.

WHAT is a push type (requests that were answered 200), `refused`, `refused:REASON` (pushes and what
else is asked of channels), an event's name or `EVENT:TYPE`. Events are the objects of the contract.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pushkit_cli.apns.channel_reasons import CHANNEL_REASONS
from pushkit_cli.apns.push import PushType, split_topic
from pushkit_cli.apns.reasons import REASONS
from pushkit_cli.apns.words import meant
from pushkit_cli.emulator.push_event import CHANNEL, PUSH
from pushkit_cli.errors import UsageError
from pushkit_cli.phone.events import Happening
from pushkit_cli.phone.paths import Place

REFUSED = "refused"
ASKED = frozenset({PUSH, CHANNEL})
"""Events that are a request and its answer."""
EVENTS = (PUSH, CHANNEL, *Happening)
"""Names of the events that a journal holds."""
_GOOD = range(200, 300)
_COUNT = re.compile(r"(\d{1,9})(\+|\.\.(\d{1,9}))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class What:
    """Which events are meant; what is `None` may be anything. `accepted`: a 2xx, or not."""

    text: str
    event: str
    type: str | None = None
    accepted: bool | None = None
    reason: str | None = None
    device: str | None = None

    def matches(self, event: Mapping[str, Any]) -> bool:
        """Whether an event is one of them."""
        is_refused = self.accepted is False
        return (
            (event["event"] in ASKED if is_refused else event["event"] == self.event)
            and self.type in (None, event["type"])
            and self.device in (None, event["device"])
            and self.reason in (None, event["reason"])
            and self.accepted in (None, event.get("status") in _GOOD)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many there may be; `most` `None`: no end."""

    least: int
    most: int | None

    def is_exceeded(self, number: int) -> bool:
        """Whether there are too many, and always will be."""
        return self.most is not None and number > self.most

    def allows(self, number: int) -> bool:
        """Whether the number is right."""
        return number >= self.least and not self.is_exceeded(number)

    def __str__(self) -> str:
        if self.most is None:
            return f"{self.least}+"
        return f"{self.least}" if self.least == self.most else f"{self.least}..{self.most}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which events are asked for: all that is said must hold. `since_ms` is Unix milliseconds."""

    what: What | None = None
    app: str | None = None
    apns_id: str | None = None
    since_ms: int | None = None
    where: tuple[Place, ...] = ()

    @property
    def pushes_alone(self) -> bool:
        """Whether only requests can match; without WHAT pushes are meant."""
        return self.what is None or self.what.event in ASKED

    def matches(self, event: Mapping[str, Any]) -> bool:
        """Whether an event is asked for."""
        if self.what is not None and not self.what.matches(event):
            return False
        if self.app is not None and self.app != _app(event):
            return False
        if self.apns_id is not None and self.apns_id.lower() != (event["apns_id"] or "").lower():
            return False
        return all(condition.holds(event) for condition in self.where)


def read_what(text: str) -> What:
    """Read WHAT[@DEVICE]. Raises UsageError for what nobody could ever see."""
    name, at, device = text.partition("@")
    head, colon, tail = name.partition(":")
    if at and not device:
        raise UsageError(f"{text} names no device", hint=f"{name}@NAME, or {name} alone")
    where = device or None
    if head == REFUSED:
        return What(
            text=text,
            event=PUSH,
            accepted=False,
            reason=_one_of(tail, (*REASONS, *CHANNEL_REASONS), "reason") if colon else None,
            device=where,
        )
    if head in EVENTS:
        kind = _one_of(tail, PushType, "push type") if colon else None
        return What(text=text, event=head, type=kind, device=where)
    if head in [*PushType]:
        if colon:
            raise UsageError(
                f"{text}: nothing follows a push type", hint=f"{head}, or EVENT:{head}"
            )
        return What(text=text, event=PUSH, type=head, accepted=True, device=where)
    known = ", ".join((REFUSED, *EVENTS))
    raise UsageError(
        f"nothing is called {head or text}{meant(head, [*PushType, REFUSED, *EVENTS])}",
        hint=f"a push type ({', '.join(PushType)}), or {known}",
    )


def read_count(text: str) -> Count:
    """Read COUNT: `2`, `2+`, `1..3`, `0`. Raises UsageError."""
    found = _COUNT.fullmatch(text)
    if found is None:
        raise UsageError(f"{text or 'nothing'} is no count", hint="write 2, 2+, 1..3 or 0")
    least = int(found[1])
    if found[2] is None:
        return Count(least=least, most=least)
    most = None if found[3] is None else int(found[3])
    if most is not None and most < least:
        raise UsageError(f"{text} ends before it begins", hint=f"{most}..{least}")
    return Count(least=least, most=most)


def read_expectation(text: str) -> tuple[What, Count]:
    """Read WHAT[@DEVICE]=COUNT. Raises UsageError."""
    what, equals, count = text.partition("=")
    meant = read_what(what)
    if not equals:
        raise UsageError(f"{text} says no count", hint=f"{what}=1, {what}=2+, {what}=1..3")
    return meant, read_count(count)


def read_condition(text: str) -> Place:
    r"""Read PATH[=VALUE]: names with dots between them, `\.` a dot in one. Raises UsageError."""
    path, equals, value = text.partition("=")
    names = tuple(one.replace("\\.", ".") for one in re.split(r"(?<!\\)\.", path))
    if not all(names):
        raise UsageError(
            f"{text} is not PATH=VALUE", hint="payload.callUUID=c1, headers.apns-expiration=0"
        )
    return Place(path=names, value=value if equals else None)


def to_data(given: Filter) -> dict[str, Any]:
    """A filter as JSON-able values."""
    return {
        "what": None if given.what is None else given.what.text,
        "app": given.app,
        "apns_id": given.apns_id,
        "since_ms": given.since_ms,
        "where": [[list(one.path), one.value] for one in given.where],
    }


def from_data(data: object) -> Filter:
    """A filter from data that anybody may have made. Raises ValueError or UsageError."""
    match data:
        case {
            "what": str() | None as what,
            "app": str() | None as app,
            "apns_id": str() | None as apns_id,
            "since_ms": int() | None as since_ms,
            "where": list() as where,
        }:
            return Filter(
                what=None if what is None else read_what(what),
                app=app,
                apns_id=apns_id,
                since_ms=since_ms,
                where=tuple(_condition(one) for one in where),
            )
    raise ValueError("that is no filter")


def _condition(data: object) -> Place:
    match data:
        case [[_, *_] as path, str() | None as value]:
            return Place(path=tuple(str(name) for name in path), value=value)
    raise ValueError("that is no condition")


def _app(event: Mapping[str, Any]) -> str | None:
    """The app of an event; of a push that reached none, the one its topic names."""
    app: str | None = event["app"]
    topic = event.get("topic")
    return split_topic(topic).bundle_id if app is None and topic else app


def _one_of(word: str, known: Iterable[str], what: str) -> str:
    names = [str(one) for one in known]
    if word not in names:
        raise UsageError(
            f"no {what} is called {word or 'nothing'}{meant(word, names)}",
            hint=f"known are {', '.join(names)}",
        )
    return word
