"""`pushkit doctor`: what is wrong with a set-up, why it matters, and what mends it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from pushkit_cli.cli import offers
from pushkit_cli.cli.options import ENVIRONMENTS, json_option
from pushkit_cli.cli.render import Terminal
from pushkit_cli.cli.way import way_options
from pushkit_cli.errors import ExitCode

if TYPE_CHECKING:
    from pushkit_cli.engine.finding import Finding

_COLOURS = {"ok": "green", "note": "dim", "problem": "red"}
_LABEL = 8


@click.command(epilog="Examples: pushkit doctor · pushkit doctor --to iphone --env local")
@click.option(
    "--app",
    metavar="BUNDLE_ID",
    shell_complete=offers.apps,
    help="Look at what this app needs, not at every app.",
)
@click.option(
    "--to",
    metavar="NAME|TOKEN",
    shell_complete=offers.devices,
    allow_from_autoenv=False,
    help="Ask to which environment, app and type a device token belongs, with pushes that APNs "
    "must refuse: no phone rings.",
)
@click.option(
    "--env",
    type=click.Choice(ENVIRONMENTS),
    envvar=["PUSHKIT_DOCTOR_ENV", "PUSHKIT_ENVIRONMENT"],
    help="Whose APNs is asked; the listener's where one runs.",
)
@way_options
@json_option
@click.pass_obj
def command(terminal: Terminal, /, env: str | None, **options: Any) -> int:
    """Look at keys, certificates, files and the way to APNs, and say what mends what is wrong.

    Exit 0 where nothing is; else 6 for a configuration, 5 for a host that cannot be reached, 7 for
    anything else. The host is asked with a push to a device that does not exist.
    """
    from pushkit_cli.engine.doctor import Scope, examine
    from pushkit_cli.engine.finding import Level, verdict
    from pushkit_cli.engine.where import Target

    found = []
    scope = Scope(**options, env=None if env is None else Target(env))
    for one in examine(scope, terminal.setting()):
        found.append(one)
        if terminal.as_json:
            terminal.object(_object(one, len(found)))
            continue
        for line in _lines(one, terminal):
            terminal.data(line)
    problems = sum(one.level is Level.PROBLEM for one in found)
    code = verdict(found)
    if terminal.as_json:
        terminal.object({"v": 1, "event": "diagnosis", "problems": problems, "exit": int(code)})
    else:
        terminal.data(f"{problems} problem{'' if problems == 1 else 's'}")
    return ExitCode(code)


def _object(one: "Finding", seq: int) -> dict[str, object]:
    return {
        "v": 1,
        "event": "finding",
        "seq": seq,
        "check": one.check,
        "level": str(one.level),
        "what": one.what,
        "why": one.why,
        "remedy": one.remedy,
        "how": str(one.how),
        "exit": int(one.exit_code),
    }


def _lines(one: "Finding", terminal: Terminal) -> Iterator[str]:
    label = terminal.paint(f"{one.level:<{_LABEL}}", _COLOURS[one.level])
    inferred = " (inferred)" if one.how == "inferred" else ""
    what = terminal.show(one.what, limit=400)
    head = terminal.wrap(f"{one.level:<{_LABEL}}{one.check}: {what}{inferred}", indent=" " * _LABEL)
    yield label + head[_LABEL:]
    for name, text in (("why", one.why), ("do", one.remedy)):
        if text is not None:
            shown = terminal.show(text, limit=400)
            yield terminal.wrap(f"{'':<{_LABEL}}{name:<4}{shown}", indent=" " * (_LABEL + 4))
