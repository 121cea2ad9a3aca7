"""Whether a run was as it was expected to be: a fold over its events, and how it ended. Pure.

Events are looked at as the objects of the contract, in their order, those of this run alone.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pushkit_cli.emulator.selector import ASKED, What
from pushkit_cli.emulator.terms import Terms
from pushkit_cli.errors import ExitCode
from pushkit_cli.phone.events import Happening

KEPT = 100
"""Events and pushes that a verdict names at most; of more it has the number."""
_NOTED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRule:
    """What an app or its sender may not let happen, as the event that says it did.

    `reason` `None`: whatever the event's is. `excused_by`: an --expect that is met and names one of
    these events says that it was meant to happen.
    """

    event: Happening
    text: str
    reason: str | None = None
    excused_by: tuple[Happening, ...]

    def is_broken_by(self, event: Mapping[str, Any]) -> bool:
        """Whether an event says so."""
        return event["event"] == self.event and self.reason in (None, event["reason"])


DEVICE_RULES = (
    DeviceRule(
        event=Happening.TERMINATED,
        text="an app lives on after every push: it reports a call for each VoIP push",
        excused_by=(Happening.TERMINATED,),
    ),
    DeviceRule(
        event=Happening.VOIP_STOPPED,
        text="an app does not fail so often that VoIP pushes stop",
        excused_by=(Happening.VOIP_STOPPED,),
    ),
    DeviceRule(
        event=Happening.DISCARDED,
        reason="voip-stopped",
        text="no VoIP push is withheld from an app that failed before",
        excused_by=(Happening.DISCARDED, Happening.VOIP_STOPPED),
    ),
)
"""Every device rule there is. All else that a device tells is no failure unless it is expected not
to be: warnings (a completion that is missing among them), refused reports, spent budgets."""

_INSTALL = "let the app report its calls, then install it again: pushkit device do NAME reinstall"
REMEDIES: Mapping[str, str] = {
    "NSInternalInconsistencyException": "report a call before the delegate method returns, on "
    "every path; one that is over can be ended right after",
    "0xBAADCA11": "make the registry, with its delegate, at every launch, and keep its queue free",
    "crashed": "catch what a body or a refused report may raise: repeated crashes stop VoIP pushes",
    "too-many-failures": _INSTALL,
    "voip-stopped": _INSTALL,
    "ghost-call": "send calls with apns-expiration 0, or a few seconds",
    "slot": "let each push say how things stand: the last one alone is stored",
    "device-offline": "bring it back before the end: pushkit device set NAME online",
    "power": "send priority 10 what must arrive at once; pushkit device set NAME full-power",
}
"""What to do about a broken rule, or what keeps a push away, by the reason of the event that says
so. Ours, from Apple's "Responding to VoIP Notifications from PushKit" and the answers of DTS."""


def remedy(event: Mapping[str, Any]) -> str | None:
    """What to do about an event that says why something went wrong: its own hint, or a rule's."""
    hint = event.get("hint") or REMEDIES.get(event["reason"] or "")
    return None if hint is None else str(hint)


class By(StrEnum):
    """What decided the exit code."""

    SIGNAL = "signal"
    CHILD = "child"
    TIMEOUT = "timeout"
    EXPECTATION = "expectation"
    DEVICE_RULE = "device-rule"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a run came to its end.

    `child_exit`: with what the command left, 128 and the signal's number where it died of one;
    `None` where there was no command, or it was we who ended it. `signalled`: the code of the
    signal that interrupted a command. `timed_out`: the command's time was up. `busy_s`: for so
    many seconds an app was waited for at the end, which has not returned even so; `None`: none was.
    """

    child_exit: int | None = None
    signalled: ExitCode | None = None
    timed_out: bool = False
    busy_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """An expectation and what came of it; `detail` says what else may be the matter."""

    what: str
    count: str
    got: int
    met: bool
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Otherwise:
    """A push that a requirement does not hold of; `found` stands in its place, `None`: nothing."""

    push_id: str
    found: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Required:
    """A requirement, and how many pushes it was asked of; `otherwise` are the first that failed."""

    text: str
    checked: int
    failed: int
    otherwise: tuple[Otherwise, ...]

    @property
    def place(self) -> str:
        """Where it looks in a push: `headers.apns-expiration`."""
        return self.text.partition(":")[2].partition("=")[0]

    @property
    def met(self) -> bool:
        """Whether every push was as it must be."""
        return not self.failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of a run. `broken` are events, the first KEPT of `broken_total`.

    `noted` are the last events that may say why something is missing. `hooks` are, by push, what an
    app that runs elsewhere said when it failed.
    """

    exit: int
    by: By | None
    child_exit: int | None
    busy_s: float | None
    expectations: tuple[Counted, ...]
    requirements: tuple[Required, ...]
    broken: tuple[Mapping[str, Any], ...]
    broken_total: int
    noted: tuple[Mapping[str, Any], ...]
    hooks: Mapping[str, Mapping[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """The object of the contract, but for `v`, `seq` and `at`."""
        return {
            "event": "verdict",
            "exit": self.exit,
            "by": self.by,
            "child_exit": self.child_exit,
            "busy_s": self.busy_s,
            "expectations": [
                {"what": one.what, "count": one.count, "got": one.got, "met": one.met}
                for one in self.expectations
            ],
            "requirements": [
                {
                    "require": one.text,
                    "checked": one.checked,
                    "failed": one.failed,
                    "met": one.met,
                    "pushes": [other.push_id for other in one.otherwise],
                    "found": [other.found for other in one.otherwise],
                }
                for one in self.requirements
            ],
            "broken": [dict(event) for event in self.broken],
            "broken_total": self.broken_total,
        }


@dataclass(slots=True)
class _Asked:
    checked: int = 0
    failed: int = 0
    otherwise: list[Otherwise] = field(default_factory=list)


class Judge:
    """Sees every event of a run; what it keeps does not grow with their number."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self._got = [0] * len(terms.expectations)
        self._asked = [_Asked() for _ in terms.requirements]
        self._broken: dict[_Kind, _Broken] = {}
        self._noted: deque[Mapping[str, Any]] = deque(maxlen=_NOTED)
        self._hooks: dict[str, Mapping[str, Any]] = {}

    def see(self, event: Mapping[str, Any]) -> None:
        """Take one event."""
        for place, expected in enumerate(self.terms.expectations):
            self._got[place] += expected.what.matches(event)
        for required, asked in zip(self.terms.requirements, self._asked, strict=True):
            if required.what.matches(event):
                asked.checked += 1
                if not required.condition.holds(event):
                    asked.failed += 1
                    if len(asked.otherwise) < KEPT:
                        found = required.condition.find(event)
                        asked.otherwise.append(Otherwise(push_id=event["id"], found=found))
        for rule in DEVICE_RULES:
            if rule.is_broken_by(event):
                kind = (rule, event["device"], event["type"])
                self._broken.setdefault(kind, _Broken()).add(event)
        if _is_failed_hook(event) and event["push_id"] is not None and len(self._hooks) < KEPT:
            self._hooks[event["push_id"]] = event
        self._note(event)

    def _note(self, event: Mapping[str, Any]) -> None:
        """Keep what may say why something is missing; what has arrived is kept away no longer."""
        if _says_why(event):
            self._noted.append(event)
        elif event["event"] == Happening.DELIVERED:
            others = [one for one in self._noted if not _waited(one, event["push_id"])]
            self._noted = deque(others, maxlen=_NOTED)

    @property
    def is_exceeded(self) -> bool:
        """Whether there is too much of something, and always will be."""
        pairs = zip(self.terms.expectations, self._got, strict=True)
        return any(expected.count.is_exceeded(got) for expected, got in pairs)

    @property
    def is_broken(self) -> bool:
        """Whether a device rule is broken, and nothing that was said can excuse it any more."""
        whats = [expected.what for expected in self.terms.expectations]
        return any(not any(_names(what, kind) for what in whats) for kind in self._broken)

    @property
    def has_enough(self) -> bool:
        """Whether nothing is missing."""
        pairs = zip(self.terms.expectations, self._got, strict=True)
        return all(got >= expected.count.least for expected, got in pairs)

    @property
    def waits_for_more(self) -> bool:
        """Whether having enough says anything: where none is enough, nothing ever does."""
        counts = [expected.count for expected in self.terms.expectations]
        return bool(counts) and all(count.least > 0 for count in counts)

    def verdict(self, ending: Ending, *, devices: Iterable[str]) -> Verdict:
        """Judge what was seen; `devices` are the names of those there are."""
        names = list(devices)
        counted = tuple(
            Counted(
                what=expected.what.text,
                count=str(expected.count),
                got=got,
                met=unknown is None and expected.count.allows(got),
                detail=unknown,
            )
            for expected, got in zip(self.terms.expectations, self._got, strict=True)
            for unknown in [_unknown_device(expected.what, names)]
        )
        required = tuple(
            Required(
                text=one.text,
                checked=asked.checked,
                failed=asked.failed,
                otherwise=(*asked.otherwise,),
            )
            for one, asked in zip(self.terms.requirements, self._asked, strict=True)
        )
        unexcused = [found for kind, found in self._broken.items() if not self._is_excused(kind)]
        broken = sorted(
            (e for found in unexcused for e in found.first), key=lambda e: int(e["seq"])
        )
        total = sum(found.number for found in unexcused)
        is_met = all(one.met for one in counted) and all(one.met for one in required)
        code, by = decide(ending, is_met=is_met, is_broken=total > 0)
        return Verdict(
            exit=code,
            by=by,
            child_exit=ending.child_exit,
            busy_s=ending.busy_s,
            expectations=counted,
            requirements=required,
            broken=tuple(broken[:KEPT]),
            broken_total=total,
            noted=tuple(self._noted),
            hooks=dict(self._hooks),
        )

    def _is_excused(self, kind: "_Kind") -> bool:
        pairs = zip(self.terms.expectations, self._got, strict=True)
        return any(
            got > 0 and expected.count.allows(got) and _names(expected.what, kind)
            for expected, got in pairs
        )


def _names(what: What, kind: "_Kind") -> bool:
    """Whether an expectation speaks of what broke a rule."""
    rule, device, push_type = kind
    return (
        what.event in rule.excused_by
        and what.device in (None, device)
        and what.type in (None, push_type)
    )


_Kind = tuple[DeviceRule, str | None, str | None]
"""A rule, and the device and the push type it was broken for."""


@dataclass(slots=True)
class _Broken:
    number: int = 0
    first: list[Mapping[str, Any]] = field(default_factory=list)

    def add(self, event: Mapping[str, Any]) -> None:
        self.number += 1
        if len(self.first) < KEPT:
            self.first.append(event)


def decide(ending: Ending, *, is_met: bool, is_broken: bool) -> tuple[int, By | None]:
    """The exit code, and what decided it; the first that holds."""
    if ending.signalled is not None:
        return ending.signalled, By.SIGNAL
    if ending.child_exit:
        return ending.child_exit, By.CHILD
    if ending.timed_out:
        return ExitCode.TIMEOUT, By.TIMEOUT
    if not is_met:
        return ExitCode.EXPECTATION, By.EXPECTATION
    if is_broken:
        return ExitCode.EXPECTATION, By.DEVICE_RULE
    return ExitCode.DONE, None


_WHYS = frozenset(
    {Happening.TERMINATED, Happening.VOIP_STOPPED, Happening.DISCARDED, Happening.CALL_REFUSED,
     Happening.WARNING, Happening.STORED, Happening.OVERWRITTEN, Happening.DEFERRED}
)  # fmt: skip


def _says_why(event: Mapping[str, Any]) -> bool:
    """Whether an event may be the reason why another never came."""
    is_refused = event["event"] in ASKED and event["reason"] is not None
    return event["event"] in _WHYS or is_refused or _is_failed_hook(event)


def _waited(event: Mapping[str, Any], push_id: str | None) -> bool:
    """Whether an event says that this push has to wait."""
    waits = event["event"] in (Happening.STORED, Happening.DEFERRED)
    return waits and event["push_id"] == push_id


def _is_failed_hook(event: Mapping[str, Any]) -> bool:
    """Whether an app that runs elsewhere says how it failed; all went well where it just said."""
    return bool(event["event"] == Happening.HOOK and event["reason"] != "said")


def _unknown_device(what: What, names: list[str]) -> str | None:
    if what.device is None or what.device in names:
        return None
    return f"no device is called {what.device}: there are {', '.join(names)}"
