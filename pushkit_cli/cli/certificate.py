"""`pushkit certificate`: a client certificate that the local listener takes for one of Apple's."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pushkit_cli.apns.push import Environment
from pushkit_cli.cli import offers
from pushkit_cli.cli.options import environments, file_bytes, json_option
from pushkit_cli.cli.render import Terminal
from pushkit_cli.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from pushkit_cli.engine.certificates import Made

_KINDS = ("app", "voip", "watchkit", "mdm", "pass")


@click.command(epilog="Example: pushkit certificate app --app com.example.app")
@click.argument("kind", type=click.Choice(_KINDS))
@click.option(
    "--app",
    "name",
    metavar="BUNDLE_ID",
    shell_complete=offers.apps,
    help="The app. With pass the pass type id (pass.…), with mdm the topic (com.apple.mgmt.…; one "
    "is made up where none is said).",
)
@click.option(
    "--env",
    type=click.Choice((*(str(one) for one in Environment), "both")),
    help="Where it is good; else as Apple's of this kind: both, with mdm and pass production.",
)
@click.option("--team-id", metavar="ID", help="The team in its subject; else the local one.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write it here, as PKCS#12 where the name ends in .p12; else as PEM inside the home.",
)
@click.option(
    "--password-file",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="Lock the key with the password in this file.",
)
@click.option(
    "--days",
    type=click.IntRange(-365, 397),
    default=365,
    show_default=True,
    help="How long it is good. With -1 it ended yesterday, and TLS refuses it.",
)
@click.option(
    "--replace",
    "replacing",
    is_flag=True,
    allow_from_autoenv=False,
    help="Overwrite what --out names.",
)
@json_option
@click.pass_obj
def command(terminal: Terminal, /, kind: str, **words: Any) -> int:
    """Issue a test client certificate with its key, and print where it is.

    Subject, topics and flags are those of Apple's certificates. The listener of this home accepts
    it, whether it runs already or starts later; nobody else does, and it vouches for no server.
    """
    from pushkit_cli.engine import local
    from pushkit_cli.engine.certificates import Wanted, make_certificate

    password = words["password_file"]
    wanted = Wanted(
        kind=kind,
        name=words["name"],
        team_id=words["team_id"] or local.TEAM_ID,
        environments=None if words["env"] is None else frozenset(environments(words["env"])),
        days=words["days"],
        out=words["out"],
        password=None if password is None else _password(password),
        replacing=words["replacing"],
    )
    _tell(terminal, kind, make_certificate(terminal.setting().cabinet().home, wanted))
    return ExitCode.DONE


def _password(path: Path) -> bytes:
    found = file_bytes(path).strip(b"\r\n")
    if not found:
        raise UsageError(f"{path} holds no password", hint="leave --password-file out for none")
    return found


def _tell(terminal: Terminal, kind: str, made: "Made") -> None:
    where = [str(one) for one in Environment if one in made.says.environments]
    if terminal.as_json:
        terminal.object(
            {
                "v": 1,
                "event": "certificate",
                "kind": kind,
                "name": made.name,
                "file": str(made.file),
                "uid": made.says.uid,
                "topics": list(made.says.topics),
                "team_id": made.says.team_id,
                "environments": where,
                "not_before": made.not_before.isoformat(),
                "not_after": made.not_after.isoformat(),
            }
        )
        return
    terminal.data(terminal.show(str(made.file), limit=4096))
    file, team = terminal.show(str(made.file), limit=400), terminal.show(made.says.team_id or "T")
    terminal.say(f"topics  {terminal.show(', '.join(made.says.topics), limit=400)}")
    terminal.say(f"good    {' and '.join(where)}, until {made.not_after:%Y-%m-%d}")
    terminal.say(f"try     pushkit register app {made.name} --team-id {team} --cert {file}")
