"""`pushkit completion`: the script that teaches a shell our words."""

import click
from click.shell_completion import ShellComplete, get_completion_class

from pushkit_cli.cli.render import Terminal
from pushkit_cli.errors import ExitCode

SHELLS = ("bash", "zsh", "fish")


@click.command(epilog='Example: eval "$(pushkit completion bash)"')
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_obj
def command(terminal: Terminal, /, shell: str) -> int:
    """Print the completion script of a shell."""
    terminal.data(script(shell).rstrip("\n"))
    return ExitCode.DONE


def script(shell: str) -> str:
    """The completion script for one of SHELLS, as click writes it."""
    from pushkit_cli.cli.app import cli

    found = get_completion_class(shell)
    assert found is not None
    # The base class's method: bash's own one starts a bash to learn its version.
    complete = found(cli, {}, "pushkit", "_PUSHKIT_COMPLETE")
    return ShellComplete.source(complete)
