"""`pushkit template`: a body to start from, for each type of push."""

import json

import click

from pushkit_cli.apns.push import known_type
from pushkit_cli.apns.words import no_push_type
from pushkit_cli.cli.options import TYPE_NAME, json_option
from pushkit_cli.cli.render import Terminal
from pushkit_cli.errors import ExitCode


@click.command(epilog="Example: pushkit template voip > call.json")
@click.argument("push_type", type=TYPE_NAME, metavar="TYPE")
@json_option
@click.pass_obj
def command(terminal: Terminal, /, push_type: str) -> int:
    """Print a body to start from: the one that send takes where none is given.

    Change it, then: pushkit send --type TYPE --payload FILE.
    """
    from pushkit_cli.engine.planning import sample_of

    kind = known_type(push_type)
    if kind is None:
        raise no_push_type(push_type)
    body = sample_of(kind)
    if terminal.as_json:
        terminal.object({"v": 1, "event": "template", "type": kind, "payload": body})
    else:
        terminal.data(json.dumps(body, indent=2))
    return ExitCode.DONE
