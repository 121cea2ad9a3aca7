"""`pushkit fault`: misbehave on purpose while a listener runs."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pushkit_cli.cli import offers
from pushkit_cli.cli.fault_options import GRAMMAR, plan_option
from pushkit_cli.cli.options import json_option
from pushkit_cli.cli.render import Terminal
from pushkit_cli.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from pushkit_cli.engine.faults import Standing


@click.group(epilog="Example: pushkit fault add 'voip:ServiceUnavailable@first3'")
def command() -> None:
    """Misbehave on purpose: refuse, delay, stall, reset, go away, close.

    Faults are the running listener's, and end with it; `listen --fault` sets them from the start.
    """


@command.command("add", epilog="Example: pushkit fault add goaway@every500 'voip:stall@10%'")
@click.argument(
    "faults", nargs=-1, shell_complete=offers.faults, metavar="[[SELECTOR:]ACTION[@WHEN]]..."
)
@plan_option
@json_option
@click.pass_obj
def add(terminal: Terminal, /, faults: tuple[str, ...], fault_plans: tuple[Path, ...]) -> int:
    """Set faults: when this returns they hold for the next push."""
    from pushkit_cli.engine.faults import add, plan, read_fault

    read = [read_fault(text) for text in faults]
    read += [one for file in fault_plans for one in plan(file)]
    if not read:
        raise UsageError("no fault is named", hint="pushkit fault add 'voip:stall@first1'")
    for one in add(terminal.setting(), tuple(read)):
        _tell(terminal, one)
    return ExitCode.DONE


@command.command("list", epilog="Example: pushkit fault list")
@json_option
@click.pass_obj
def list_(terminal: Terminal, /) -> int:
    """List what is set, with how many pushes each matched and struck."""
    from pushkit_cli.engine.faults import standing

    found = standing(terminal.setting())
    for one in found:
        _tell(terminal, one, f"matched {one.matched}", f"struck {one.struck}")
    if not found:
        terminal.say("no fault is set")
    return ExitCode.DONE


@command.command("clear", epilog="Example: pushkit fault clear")
@click.argument("numbers", nargs=-1, type=click.IntRange(min=1), metavar="[NUMBER]...")
@json_option
@click.pass_obj
def clear(terminal: Terminal, /, numbers: tuple[int, ...]) -> int:
    """Take faults away: those of these numbers, or all."""
    from pushkit_cli.engine.faults import clear

    gone = clear(terminal.setting(), numbers)
    if terminal.as_json:
        terminal.object({"v": 1, "event": "cleared", "numbers": gone})
    else:
        terminal.data(f"cleared  {', '.join(map(str, gone)) or 'nothing'}")
    return ExitCode.DONE


def _tell(terminal: Terminal, one: "Standing", *more: str) -> None:
    if terminal.as_json:
        terminal.object({"v": 1, "event": "fault-rule", **asdict(one)})
        return
    name = [] if one.name == one.fault else [f"({terminal.show(one.name)})"]
    told = "  ".join([str(one.number), terminal.show(one.fault), *name, *more])
    terminal.data(terminal.wrap(told, indent="   "))


add.help = f"{add.help}\n\n    {GRAMMAR}"
