"""Faults on purpose: the options of `listen` that set them from the start."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from pushkit_cli.engine.faults import Fault

_Function = TypeVar("_Function", bound=Callable[..., Any])
GRAMMAR = (
    "SELECTOR: a push type, device=NAME, topic=TOPIC, token=HEX, channel, connection; ACTION: a "
    "reason, a status, 503/REASON, delay=2s, stall, reset, reset=refused, goaway, goaway=REASON, "
    "close, tls, streams=1; WHEN: 10%, nth3, first3, every500, after100, after5,per-token=1m, "
    "30s..2m."
)


def fault_options(function: _Function) -> _Function:
    """Give a command all of them."""
    return click.option(
        "--fault",
        "faults",
        multiple=True,
        metavar="[SELECTOR:]ACTION[@WHEN]",
        allow_from_autoenv=False,
        help=f"Misbehave on purpose. {GRAMMAR}",
    )(function)


def given_faults(words: Mapping[str, Any]) -> "tuple[Fault, ...]":
    """What was said. Raises UsageError with the remedy for what is no fault."""
    from pushkit_cli.engine.faults import read_fault

    return tuple(read_fault(text) for text in words["faults"])
