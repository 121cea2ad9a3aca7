"""`pushkit config`: what is configured, and where it comes from."""

from typing import TYPE_CHECKING

import click

from pushkit_cli.cli.options import json_option
from pushkit_cli.cli.render import Terminal
from pushkit_cli.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator


@click.group(epilog="Example: pushkit config show --origin")
def command() -> None:
    """Show what is configured, and where it comes from."""


@command.command("show", epilog="Example: pushkit config show --origin")
@click.option("--origin", is_flag=True, help="Say where each value comes from.")
@json_option
@click.pass_obj
def show(terminal: Terminal, /, origin: bool) -> int:
    """Show every setting that has a value; secrets are named, never shown."""
    for name, value, place in _settings(terminal):
        if terminal.as_json:
            terminal.object(
                {"v": 1, "event": "setting", "name": name, "value": value, "origin": place}
            )
        else:
            line = f"{name} = {terminal.show(value, limit=400)}"
            terminal.data(f"{line}    ({terminal.show(place, limit=400)})" if origin else line)
    return ExitCode.DONE


@command.command("path", epilog="Example: cat $(pushkit config path)")
@json_option
@click.pass_obj
def path(terminal: Terminal, /) -> int:
    """Print where this profile's file stands."""
    file = terminal.home / "profiles" / terminal.profile / "pushkit.toml"
    if terminal.as_json:
        terminal.object({"v": 1, "event": "path", "path": str(file)})
    else:
        terminal.data(terminal.show(str(file), limit=4096))
    return ExitCode.DONE


def _settings(terminal: Terminal) -> "Iterator[tuple[str, str, str]]":
    from pushkit_cli.engine.configured import settings

    return settings(terminal.setting())
