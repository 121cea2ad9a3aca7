"""Faults on purpose: the options of `listen` that set them from the start."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pushkit_cli.cli import offers

if TYPE_CHECKING:
    from pushkit_cli.engine.faults import Fault

_Function = TypeVar("_Function", bound=Callable[..., Any])
GRAMMAR = (
    "SELECTOR: a push type, device=NAME, topic=TOPIC, token=HEX, channel, export, connection; "
    "ACTION: a reason, a status, 503/REASON, delay=2s, stall, reset, reset=refused, goaway, "
    "goaway=REASON, close, tls, streams=1; WHEN: 10%, nth3, first3, every500, after100, "
    "after5,per-token=1m, 30s..2m."
)


def plan_option(function: _Function) -> _Function:
    """`--fault-plan`: a file of faults."""
    return click.option(
        "--fault-plan",
        "fault_plans",
        type=click.Path(path_type=Path, dir_okay=False),
        multiple=True,
        metavar="FILE.toml",
        allow_from_autoenv=False,
        help="Faults from a file: a table [[fault]] each, with action, status, type, device, "
        "topic, token, on, when, from, until, per, within, name.",
    )(function)


def fault_options(function: _Function) -> _Function:
    """Give a command all of them."""
    return click.option(
        "--fault",
        "faults",
        multiple=True,
        metavar="[SELECTOR:]ACTION[@WHEN]",
        shell_complete=offers.faults,
        allow_from_autoenv=False,
        help=f"Misbehave on purpose. {GRAMMAR}",
    )(plan_option(function))


def given_faults(words: Mapping[str, Any]) -> "tuple[Fault, ...]":
    """What was said. Raises UsageError with the remedy for what is no fault."""
    from pushkit_cli.engine.faults import plan, read_fault

    planned = [one for file in words["fault_plans"] for one in plan(file)]
    return (*map(read_fault, words["faults"]), *planned)
