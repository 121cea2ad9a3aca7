"""`pushkit clock`: the emulator's time."""

from typing import TYPE_CHECKING

import click

from pushkit_cli.cli.options import DURATION, json_option
from pushkit_cli.cli.render import Terminal
from pushkit_cli.errors import ExitCode

if TYPE_CHECKING:
    from pushkit_cli.engine.timekeeping import Time


@click.group(epilog="Example: pushkit clock advance 7s")
def command() -> None:
    """See the emulator's time, and move it where `listen --clock manual` runs.

    A listener judges provider tokens by it too, and `pushkit send` makes them by it; those of
    another sender have expired when the two are an hour apart.
    """


@command.command("show", epilog="Example: pushkit clock show")
@json_option
@click.pass_obj
def show(terminal: Terminal, /) -> int:
    """Show what time it is for the listener."""
    from pushkit_cli.engine.timekeeping import show

    return _tell(terminal, show(terminal.setting()))


@command.command("advance", epilog="Example: pushkit clock advance 7s")
@click.argument("duration", type=DURATION)
@json_option
@click.pass_obj
def advance(terminal: Terminal, /, duration: float) -> int:
    """Move it on: whatever is due by then has happened when this returns."""
    from pushkit_cli.engine.timekeeping import advance

    return _tell(terminal, advance(terminal.setting(), duration))


def _tell(terminal: Terminal, time: "Time") -> int:
    clock = "manual" if time.is_manual else "system"
    if terminal.as_json:
        terminal.object({"v": 1, "event": "clock", "clock": clock, "now": time.at})
    else:
        terminal.data(f"{time.at}  {clock}")
    return ExitCode.DONE
