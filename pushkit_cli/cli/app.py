"""The command `pushkit`: its groups, and the one boundary where failures become exit codes."""

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from traceback import walk_tb
from typing import Any

import click
from click.exceptions import NoArgsIsHelpError, NoSuchCommand, NoSuchOption

from pushkit_cli import __version__
from pushkit_cli.cli.render import COLOURS, Terminal, stand_in_for_closed_streams
from pushkit_cli.engine.host import Terminated, raise_on_sigterm
from pushkit_cli.errors import ExitCode, PushkitError


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One command: where it lives and its line in the help, so that help imports none of them."""

    group: str
    help: str


COMMANDS: Mapping[str, Entry] = {
    "register": Entry(group="main", help="Register keys, apps, devices and export tokens."),
    "send": Entry(group="main", help="Send a push, and say what became of it."),
    "listen": Entry(group="main", help="Run a local APNs with an iPhone and a watch behind it."),
    "export-metrics": Entry(
        group="main", help="Export push metrics, and see what became of the pushes."
    ),
    "device": Entry(group="emulator", help="See devices, say how they are, end their tokens."),
    "inbox": Entry(group="emulator", help="See what arrived, or wait until it does."),
    "fault": Entry(group="emulator", help="Misbehave on purpose: refuse, delay, reset, go away."),
    "clock": Entry(group="emulator", help="See the emulator's time, and move it on."),
    "env": Entry(group="emulator", help="Print the variables that point a server at the listener."),
    "ready": Entry(group="emulator", help="Wait until a listener accepts connections."),
    "certificate": Entry(
        group="emulator", help="Issue a client certificate that the listener accepts."
    ),
    "channel": Entry(group="broadcast", help="Make, show, list and delete broadcast channels."),
    "demo": Entry(group="help", help="See a call, a complication, a file and a refusal in one go."),
    "doctor": Entry(group="help", help="Find what is wrong with a set-up, and what mends it."),
    "explain": Entry(group="help", help="Say what a reason, type, header, event or switch means."),
    "template": Entry(group="help", help="Print a body to start from."),
    "snippet": Entry(group="help", help="Print a program that sends a push, in eight languages."),
    "token": Entry(group="help", help="Print a provider token."),
    "config": Entry(group="help", help="Show what is configured, and where it comes from."),
    "completion": Entry(group="help", help="Print the completion script of a shell."),
}
_OF_EVERY_COMMAND = ("-v", "--verbose", "-q", "--quiet", "--color", "--profile")
_GROUPS = {
    "main": "Main commands",
    "emulator": "While a listener runs",
    "broadcast": "Broadcasts to Live Activities",
    "help": "Help",
}


class Commands(click.Group):
    """A group whose commands are imported when they are called, not before."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Every command, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"pushkit_cli.cli.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say which one may have been meant."""
        try:
            return super().resolve_command(ctx, args)
        except NoSuchCommand as error:
            raise NoSuchCommand(error.command_name, possibilities=COMMANDS, ctx=ctx) from error

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands in their groups, from the table alone."""
        for group, title in _GROUPS.items():
            with formatter.section(title):
                rows = [(name, row.help) for name, row in COMMANDS.items() if row.group == group]
                formatter.write_dl(rows)


@click.group(
    cls=Commands,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
        "auto_envvar_prefix": "PUSHKIT",
    },
    epilog="Start with: pushkit demo",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    allow_from_autoenv=False,
    help="Write one JSON object a line to stdout.",
)
@click.option(
    "--profile", default="default", show_default=True, help="Whose keys and devices to use."
)
@click.option("-v", "--verbose", is_flag=True, help="Say more on stderr.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing on stderr but errors.")
@click.option(
    "--color",
    type=click.Choice(COLOURS),
    default="auto",
    show_default=True,
    help="Colour the output; NO_COLOR turns it off too.",
)
@click.version_option(__version__, prog_name="pushkit", allow_from_autoenv=False)
@click.pass_context
def cli(
    ctx: click.Context, as_json: bool, profile: str, verbose: bool, quiet: bool, color: str
) -> None:
    """Send Apple PushKit pushes, and emulate everything they meet.

    stdout is data, stderr is talk. Exit codes: 0 done, 2 usage, 3 held back by lint, 4 refused,
    5 not sent, 6 configuration, 7 an expectation not met, 8 sent but no answer heard, 124 a wait
    ran out.
    """
    terminal = ctx.ensure_object(Terminal)
    if profile != terminal.profile:
        from pushkit_cli.engine.setting import check_profile

        check_profile(profile)
    terminal.profile = profile
    terminal.set(as_json=as_json or terminal.as_json, verbose=verbose, quiet=quiet, colour=color)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and leave with its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    stand_in_for_closed_streams()
    raise_on_sigterm()
    sys.exit(int(run(given, os.environ)))


def run(arguments: list[str], variables: Mapping[str, str]) -> int:
    """Run one command; whatever happens becomes a line for the reader and an exit code."""
    terminal = Terminal(variables=variables, home=_home(variables))
    terminal.set(as_json=_wants_json(arguments))
    try:
        code = _invoke(arguments, terminal)
    except PushkitError as error:
        code = terminal.failed(error.kind, error.message, error.hint, error.exit_code)
    except NoArgsIsHelpError as error:
        code = _without_a_command(error, terminal)
    except click.UsageError as error:
        code = terminal.failed("usage", *_usage(error), ExitCode.USAGE)
    except click.ClickException as error:
        code = terminal.failed("usage", error.format_message(), None, ExitCode.USAGE)
    except (click.Abort, KeyboardInterrupt):
        code = terminal.failed("interrupted", "interrupted", None, ExitCode.INTERRUPTED)
    except Terminated:
        code = terminal.failed("terminated", "terminated", None, ExitCode.TERMINATED)
    except Exception as error:  # the boundary: a traceback is for those who ask for it
        if isinstance(error, OSError) and (error is terminal.unwritable or _is_of_help(error)):
            terminal.abandon(sys.stdout)
            said = f"stdout cannot be written: {error.strerror}"
            return terminal.failed("config", said, "send stdout somewhere else", ExitCode.CONFIG)
        if variables.get("PUSHKIT_DEBUG") == "1":
            raise
        said = f"a bug in pushkit: {type(error).__name__}: {error}"
        code = terminal.failed(
            "bug", said, "PUSHKIT_DEBUG=1 shows where; please report it", ExitCode.BUG
        )
    terminal.close()
    return code


def _invoke(arguments: list[str], terminal: Terminal) -> int:
    try:
        result: Any = cli.main(arguments, prog_name="pushkit", standalone_mode=False, obj=terminal)
    except SystemExit:  # click's, where nobody reads its help to the end
        return ExitCode.DONE
    return int(result) if isinstance(result, int) else ExitCode.DONE


def _is_of_help(error: OSError) -> bool:
    """Whether stdout failed under --help or --version, which click writes itself."""
    *_, (frame, _) = walk_tb(error.__traceback__)
    return str(frame.f_globals.get("__name__")).startswith("click.")


def _without_a_command(error: NoArgsIsHelpError, terminal: Terminal) -> int:
    """A person who says nothing is shown what can be said."""
    assert error.ctx is not None
    if terminal.as_json:
        return terminal.failed(
            "usage", "no command is named", f"{error.ctx.command_path} --help", ExitCode.USAGE
        )
    terminal.say(error.ctx.get_help(), loud=True)
    return ExitCode.USAGE


def _usage(error: click.UsageError) -> tuple[str, str]:
    where = error.ctx.command_path if error.ctx is not None else "pushkit"
    hint = f"{where} --help shows what can be said"
    match error:
        case click.MissingParameter(param=click.Parameter(type=click.Choice(choices=words)) as it):
            return f"{(it.name or '').upper()} is missing: {', '.join(words)}", hint
        case NoSuchOption(option_name=name) if where != "pushkit" and name in _OF_EVERY_COMMAND:
            ours = where.removeprefix("pushkit ")
            return f"{name} stands before the command's name", f"pushkit {name} {ours} …"
    return error.format_message().rstrip("."), hint


def _wants_json(arguments: list[str]) -> bool:
    """Whether `--json` stands among our own words, so that a mistyped command answers in JSON."""
    ours = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in ours


def _home(variables: Mapping[str, str]) -> Path:
    """PUSHKIT_HOME, else the platform's folder for an application's own files."""
    said = variables.get("PUSHKIT_HOME")
    return Path(said).expanduser() if said else Path(click.get_app_dir("pushkit"))
