"""`pushkit env`: the variables that point a server at the listener."""

import shlex

import click

from pushkit_cli.cli.options import json_option
from pushkit_cli.cli.render import Terminal
from pushkit_cli.errors import ConfigError, ExitCode


@click.command(epilog='Example: eval "$(pushkit env)"')
@json_option
@click.pass_obj
def command(terminal: Terminal, /) -> int:
    """Print the variables that point a server at the listener, for a shell to read.

    PUSHKIT_CA_FILE is the listener's authority alone; PUSHKIT_CA_BUNDLE adds the system's roots.
    """
    from pushkit_cli.engine.variables import variables

    ready = terminal.setting().listener()
    if ready is None:
        raise ConfigError("nobody listens here", hint="start `pushkit listen` in another shell")
    found = variables(ready)
    if terminal.as_json:
        terminal.object(found)
        return ExitCode.DONE
    for name, value in found.items():
        terminal.data(f"export {name}={shlex.quote(value)}")
    return ExitCode.DONE
