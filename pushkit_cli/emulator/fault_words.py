"""The grammar of faults: [SELECTOR:]ACTION[@WHEN], read into values. Pure.

SELECTOR: a push type, `device=`, `topic=`, `token=`, `channel`, `export` or `connection`; several
with commas, all of which must hold. ACTION: a reason, a status, or one of the verbs. WHEN: which of
the pushes that match, and between which moments; several with commas. The grammar is ours.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from pushkit_cli.apns.channel_reasons import CHANNEL_REASONS
from pushkit_cli.apns.push import PushType, known_type
from pushkit_cli.apns.reasons import REASONS, Reason
from pushkit_cli.apns.words import meant, seconds_in
from pushkit_cli.errors import UsageError


class Kind(StrEnum):
    """What a fault does; but for the first, as it is written."""

    ANSWER = "answer"
    DELAY = "delay"
    STALL = "stall"
    RESET = "reset"
    GOAWAY = "goaway"
    CLOSE = "close"
    TLS = "tls"
    STREAMS = "streams"


class Order(StrEnum):
    """Which of the pushes that match are meant, by their number."""

    NTH = "nth"
    FIRST = "first"
    EVERY = "every"
    AFTER = "after"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What happens in place of the answer, or to it.

    ANSWER: `status` with `reason`, or without a body. DELAY: so many `seconds` later. STREAMS: so
    many `streams` at once. GOAWAY: the `reason` it names. RESET: `unread` says REFUSED_STREAM, by
    which the push was never looked at (RFC 9113, 8.7).
    """

    kind: Kind
    status: int | None = None
    reason: Reason | None = None
    seconds: float = 0.0
    streams: int = 0
    unread: bool = False

    @property
    def word(self) -> str:
        """What it is called in one word: the reason, the status, or the verb."""
        if self.kind is not Kind.ANSWER:
            return str(self.kind)
        return self.reason.word if self.reason is not None else str(self.status)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """Which pushes are meant, broadcasts among them: all that is said must hold.

    `channel`: none, but what makes, shows, lists and deletes channels; `export`: none, but requests
    for metrics; `connection`: none, but a client who connects.
    """

    type: str | None = None
    device: str | None = None
    topic: str | None = None
    token: str | None = None
    channel: bool = False
    export: bool = False
    connection: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """Which of those that match: by chance, by number, by time; `None` is no condition.

    `share` is of 1. `since_s` and `until_s` count from when the fault was set, by the emulator's
    clock. `per_token`: each device token is counted by itself, anew every `within_s` seconds.
    """

    share: float | None = None
    order: Order | None = None
    number: int = 0
    since_s: float = 0.0
    until_s: float | None = None
    per_token: bool = False
    within_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One rule; `name` is what its events call it: its own words, or what a plan says."""

    text: str
    name: str
    action: Action
    selector: Selector
    when: When


ACTIONS = "a reason (ServiceUnavailable), a status (503, 503/ServiceUnavailable), delay=2s, stall, \
reset, reset=refused, goaway, goaway=REASON, close, tls, streams=1"
SELECTORS = "a push type, device=NAME, topic=TOPIC, token=HEX, channel, export, or connection"
WHENS = "10%, nth3, first3, every500, after100, per-token, per-token=1m, 30s..2m"

_REASONS: Mapping[str, Reason] = {**CHANNEL_REASONS, **REASONS}
_STATUS = re.compile(r"[2-5]\d\d")
_COUNTED = re.compile(r"(nth|first|every|after)(\d{1,9})")
_SHARE = re.compile(r"(\d{1,3}(?:\.\d{1,6})?)%")
VERBS = tuple(kind for kind in Kind if kind is not Kind.ANSWER)
_OF_CONNECTIONS = (Kind.CLOSE, Kind.STALL, Kind.TLS)
_MAX_STREAMS = 1000
_MAX_TEXT = 1000


def read_fault(text: str, *, name: str | None = None) -> Fault:
    """Read one fault as it is written on the command line. Raises UsageError with the remedy."""
    if len(text) > _MAX_TEXT or not text.isprintable():
        raise UsageError(
            "a fault is too long, or holds characters that nobody sees",
            hint="voip:ServiceUnavailable@10%",
        )
    head, at, when = text.partition("@")
    selector, _, action = head.rpartition(":")
    if at and not when:
        raise UsageError(f"{text} says nothing behind @", hint=f"WHEN is one of {WHENS}")
    fault = Fault(
        text=text,
        name=name or text,
        action=read_action(action),
        selector=read_selector(selector),
        when=read_when(when),
    )
    return check(fault)


def check(fault: Fault) -> Fault:
    """The fault, where its parts fit together. Raises UsageError."""
    kind, selector = fault.action.kind, fault.selector
    if kind is Kind.TLS:
        fault = replace(fault, selector=replace(selector, connection=True))
    if not fault.selector.connection:
        return fault
    if selector != replace(Selector(), connection=selector.connection):
        raise UsageError(
            f"{fault.text}: no push is known yet when a client connects",
            hint=f"{kind} alone, or connection:{kind}; with @WHEN its connections are counted",
        )
    if kind not in _OF_CONNECTIONS:
        raise UsageError(
            f"{fault.text}: {fault.action.word} is nothing that can happen to a new connection",
            hint=f"connection goes with {', '.join(_OF_CONNECTIONS)}",
        )
    if fault.when.per_token:
        raise UsageError(
            f"{fault.text}: a new connection has no device token", hint="leave per-token out"
        )
    return fault


# Actions


def read_action(text: str) -> Action:
    """Read ACTION. Raises UsageError."""
    verb, equals, value = text.partition("=")
    if verb in VERBS:
        return _READERS[Kind(verb)](value if equals else None)
    status, slash, word = text.partition("/")
    if _STATUS.fullmatch(status):
        return Action(
            kind=Kind.ANSWER, status=int(status), reason=_reason(word, text) if slash else None
        )
    reason = _reason(text, text)
    return Action(kind=Kind.ANSWER, status=reason.status, reason=reason)


def _reason(word: str, text: str) -> Reason:
    found = _REASONS.get(word)
    if found is None:
        near = meant(word, [*_REASONS, *VERBS])
        raise UsageError(
            f"{text or 'nothing'} is no fault, and no reason of APNs{near}",
            hint=f"ACTION is {ACTIONS}",
        )
    return found


def _delay(value: str | None) -> Action:
    seconds = seconds_in(value or "")
    if not seconds:
        raise UsageError(f"delay={value or ''} is no delay", hint="delay=500ms, delay=2s")
    return Action(kind=Kind.DELAY, seconds=seconds)


def _reset(value: str | None) -> Action:
    if value not in (None, "refused"):
        raise UsageError(f"reset={value} is not known", hint="reset, or reset=refused")
    return Action(kind=Kind.RESET, unread=value is not None)


def _goaway(value: str | None) -> Action:
    reason = REASONS["Shutdown"] if value is None else _reason(value, f"goaway={value}")
    return Action(kind=Kind.GOAWAY, reason=reason)


def _streams(value: str | None) -> Action:
    if not re.fullmatch(r"\d{1,4}", value or "") or int(value or 0) > _MAX_STREAMS:
        raise UsageError(
            f"streams={value or ''} is no number of streams",
            hint=f"streams=1, up to {_MAX_STREAMS}",
        )
    return Action(kind=Kind.STREAMS, streams=int(value or 0))


def _bare(kind: Kind) -> Callable[[str | None], Action]:
    def read(value: str | None) -> Action:
        if value is not None:
            raise UsageError(f"{kind}={value}: nothing follows {kind}", hint=f"{kind} alone")
        return Action(kind=kind)

    return read


_READERS: Mapping[Kind, Callable[[str | None], Action]] = {
    Kind.DELAY: _delay,
    Kind.RESET: _reset,
    Kind.GOAWAY: _goaway,
    Kind.STREAMS: _streams,
    **{kind: _bare(kind) for kind in (Kind.STALL, Kind.CLOSE, Kind.TLS)},
}


# Selectors


def read_selector(text: str) -> Selector:
    """Read SELECTOR; of nothing, every push. Raises UsageError."""
    said: dict[str, str | bool] = {}
    for part in text.split(",") if text else ():
        name, value = _selected(part)
        if name in said:
            raise UsageError(f"{text} says its {name} twice", hint="one fault for each")
        said[name] = value
    return Selector(**said)  # type: ignore[arg-type]


def _selected(part: str) -> tuple[str, str | bool]:
    name, equals, value = part.partition("=")
    if part in ("channel", "export", "connection"):
        return part, True
    if not equals and known_type(part) is not None:
        return "type", part
    if equals and name in ("device", "topic") and value:
        return name, value
    if name == "token" and re.fullmatch(r"(?:[0-9a-fA-F]{2}){1,100}", value):
        return name, value.lower()
    words = [*PushType, "device", "topic", "token", "channel", "export", "connection"]
    raise UsageError(
        f"{part or 'nothing'} selects no pushes{meant(name, words)}",
        hint=f"SELECTOR is {SELECTORS}; types are {', '.join(PushType)}",
    )


# When


def read_when(text: str) -> When:
    """Read WHEN; of nothing, always. Raises UsageError."""
    said: dict[str, object] = {}
    for part in text.split(",") if text else ():
        found = _condition(part)
        twice = found.keys() & said.keys()
        if twice:
            raise UsageError(f"@{text} says the same thing twice", hint="one fault for each")
        said |= found
    when = When(**said)  # type: ignore[arg-type]
    if when.per_token and when.order is None:
        raise UsageError(
            f"@{text} counts each token, and says no number", hint="after5,per-token=1m"
        )
    return when


def _condition(part: str) -> dict[str, object]:
    if found := _SHARE.fullmatch(part):
        share = float(found[1]) / 100
        if 0 < share <= 1:
            return {"share": share}
        raise UsageError(f"{part} is no share", hint="more than 0%, up to 100%")
    if found := _COUNTED.fullmatch(part):
        order, number = Order(found[1]), int(found[2])
        if number or order is Order.AFTER:
            return {"order": order, "number": number}
        raise UsageError(f"{part} counts nothing", hint=f"{order}1")
    word, equals, value = part.partition("=")
    if word == "per-token" and not equals:
        return {"per_token": True}
    if word == "per-token" and (seconds := seconds_in(value)):
        return {"per_token": True, "within_s": seconds}
    if ".." in part:
        return _window(part)
    raise UsageError(
        f"{part or 'nothing'} is no time for a fault{meant(part, _WORDS)}",
        hint=f"WHEN is one of {WHENS}",
    )


_WORDS: Iterable[str] = ("nth3", "first3", "every500", "after100", "per-token", "10%")


def _window(part: str) -> dict[str, object]:
    begin, _, end = part.partition("..")
    since, until = seconds_in(begin or "0s"), seconds_in(end) if end else None
    if since is None or (end and until is None):
        raise UsageError(f"{part} is no time", hint="30s..2m, 30s.., ..2m: since it was set")
    if until is not None and until <= since:
        raise UsageError(f"{part} ends before it begins", hint=f"{end}..{begin}")
    return {"since_s": since, "until_s": until}
