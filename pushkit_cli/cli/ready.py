"""`pushkit ready`: wait for a listener."""

import click

from pushkit_cli.cli.options import DURATION, json_option
from pushkit_cli.cli.render import Terminal
from pushkit_cli.errors import ExitCode, WaitError


@click.command(epilog="Example: pushkit listen & pushkit ready --timeout 10s")
@click.option("--timeout", type=DURATION, default="30s", show_default=True, help="Longest wait.")
@json_option
@click.pass_obj
def command(terminal: Terminal, /, timeout: float) -> int:
    """Wait until a listener accepts connections: exit 0, or 124 when the time is up."""
    from pushkit_cli.engine.asking import answering
    from pushkit_cli.engine.waiting import Deadline, wait_for

    setting, end = terminal.setting(), Deadline(timeout)
    ready = wait_for(lambda: answering(setting, within_s=end.left), timeout=timeout)
    if ready is None:
        silent = setting.listener()
        if silent is not None:
            raise WaitError(
                f"the listener (process {silent['pid']}) did not answer within {timeout:g} s",
                hint=f"was it stopped? kill -CONT {silent['pid']} lets it go on",
            )
        raise WaitError(
            f"no listener was ready within {timeout:g} s",
            hint="is `pushkit listen` running with the same PUSHKIT_HOME?",
        )
    if terminal.as_json:
        terminal.object(ready)
    else:
        terminal.data(f"{ready['endpoints']['sandbox']}  {ready['endpoints']['production']}")
    return ExitCode.DONE
