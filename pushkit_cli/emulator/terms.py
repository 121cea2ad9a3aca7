"""By what a run is judged: what was said to be expected, and to be required. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from pushkit_cli.apns.push import PushType
from pushkit_cli.emulator.selector import (
    Count,
    What,
    read_condition,
    read_expectation,
    read_what,
)
from pushkit_cli.errors import UsageError
from pushkit_cli.phone.paths import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """WHAT[@DEVICE]=COUNT."""

    what: What
    count: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """TYPE:PATH[=VALUE]: what must hold of every accepted push of a type."""

    text: str
    what: What
    condition: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """By what a run is judged."""

    expectations: tuple[Expectation, ...] = ()
    requirements: tuple[Requirement, ...] = ()


def read_terms(expectations: Iterable[str], requirements: Iterable[str]) -> Terms:
    """Read what was said. Raises UsageError."""
    read = (read_expectation(text) for text in expectations)
    return Terms(
        expectations=tuple(Expectation(what=what, count=count) for what, count in read),
        requirements=tuple(_requirement(text) for text in requirements),
    )


def _requirement(text: str) -> Requirement:
    kind, colon, path = text.partition(":")
    if not colon or kind not in [*PushType]:
        raise UsageError(
            f"{text} is not TYPE:PATH[=VALUE]",
            hint=f"voip:headers.apns-expiration=0; TYPE is one of {', '.join(PushType)}",
        )
    return Requirement(text=text, what=read_what(kind), condition=read_condition(path))
