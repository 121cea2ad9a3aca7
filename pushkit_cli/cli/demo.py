"""`pushkit demo`: the main job in one command, with nothing to configure."""

import click

from pushkit_cli.cli.options import json_option
from pushkit_cli.cli.render import Terminal
from pushkit_cli.errors import ExitCode


@click.command(epilog="Example: pushkit demo")
@json_option
@click.pass_obj
def command(terminal: Terminal, /) -> int:
    """See a call, a complication, a file and a refusal in one go.

    A listener is started on free ports, four pushes are sent to it over real HTTP/2 and TLS, and
    everything is gone again at the end.
    """
    from pushkit_cli.cli.narrator import Narrator
    from pushkit_cli.engine.demonstration import SCENES, stage

    with stage() as theatre:
        narrator = Narrator(terminal)
        narrator.begin(theatre.ready)
        for number, scene in enumerate(SCENES, start=1):
            narrator.announce(number, scene)
            narrator.tell(theatre.play(scene))
    narrator.end()
    return ExitCode.DONE
