"""Faults of the listener that runs here: what a command may set, see and take away."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pushkit_cli.emulator.fault_plan import read_plan
from pushkit_cli.emulator.fault_words import VERBS, Fault, read_fault
from pushkit_cli.emulator.faults import FaultRule
from pushkit_cli.engine.asking import CLEAR_FAULTS, FAULTS, SET_FAULTS, Listener, listener_of
from pushkit_cli.engine.given import read_given
from pushkit_cli.engine.setting import Setting
from pushkit_cli.errors import ListenerError, UsageError

__all__ = ["VERBS", "Fault", "Standing", "add", "clear", "plan", "read_fault", "standing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A fault that is set: its number, its words, what its events call it, what it came to.

    `matched` counts the pushes that its selector and its time allow, `struck` those it acted on.
    """

    number: int
    fault: str
    name: str
    matched: int
    struck: int


def plan(file: Path) -> tuple[Fault, ...]:
    """The faults of a plan, in TOML. Raises UsageError with the line and the remedy."""
    try:
        text = read_given(file).decode("utf-8")
    except OSError as error:
        raise UsageError(
            f"{file} cannot be read: {(error.strerror or str(error)).lower()}",
            hint="--fault-plan takes a TOML file",
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is no text", hint="--fault-plan takes a TOML file") from error
    return read_plan(text, file=str(file))


def standing(setting: Setting) -> list[Standing]:
    """Those that are set. Raises ListenerError where nobody listens."""
    return _standing(_listener(setting).ask(FAULTS, {}))


def add(setting: Setting, faults: tuple[Fault, ...]) -> list[Standing]:
    """Set more; when this returns they hold for the next push."""
    said = [{"text": one.text, "name": one.name} for one in faults]
    return _standing(_listener(setting).ask(SET_FAULTS, {"faults": said}))


def clear(setting: Setting, numbers: tuple[int, ...]) -> list[int]:
    """Take some away, all where none is named; the numbers of those that were."""
    return list(_listener(setting).ask(CLEAR_FAULTS, {"numbers": list(numbers)})["numbers"])


def to_data(rule: FaultRule) -> dict[str, Any]:
    """A fault that is set, as the control socket tells it."""
    return asdict(
        Standing(
            number=rule.number,
            fault=rule.fault.text,
            name=rule.fault.name,
            matched=rule.matched,
            struck=rule.struck,
        )
    )


def read(data: object) -> tuple[Fault, ...]:
    """Faults from data that anybody may have made. Raises ValueError or UsageError."""
    if not isinstance(data, list):
        raise ValueError("faults are a list")
    return tuple(_read(one) for one in data)


def _read(data: object) -> Fault:
    match data:
        case {"text": str(text), "name": str(name)} if (text + name).isprintable():
            return read_fault(text, name=name)
    raise ValueError("that is no fault")


def _listener(setting: Setting) -> Listener:
    found = listener_of(setting)
    if found is None:
        raise ListenerError(
            "nobody listens here: faults are set while a listener runs",
            hint="pushkit listen --fault 'voip:ServiceUnavailable@10%'",
        )
    return found


def _standing(said: dict[str, Any]) -> list[Standing]:
    return [Standing(**one) for one in said["faults"]]
