"""`pushkit inbox`: what arrived at the listener, shown, followed and waited for."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from pushkit_cli.apns.push import PushType
from pushkit_cli.cli import offers, stream
from pushkit_cli.cli.options import DURATION, SINCE, json_option
from pushkit_cli.cli.render import Terminal
from pushkit_cli.cli.text import to_json
from pushkit_cli.errors import ExitCode

if TYPE_CHECKING:
    from pushkit_cli.engine.inbox import Asked

_Function = TypeVar("_Function", bound=Callable[..., Any])
_LIST = "list"


class What(click.ParamType[str]):
    """A push type, `refused`, or an event; it is read where the known ones are known."""

    name = "what"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """What events can be asked for, and what else can be said here."""
        del ctx, param
        from pushkit_cli.engine.inbox import EVENTS

        words = (*PushType, "refused", *EVENTS, "show", "clear", "wait")
        return [CompletionItem(str(word)) for word in words if word.startswith(incomplete)]


class Inbox(click.Group):
    """Without a command of its own it lists: `pushkit inbox voip` is short for a list of them."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the command that is meant first."""
        first = next((one for one in args if one != "--json"), None)
        if first not in (*self.commands, "--help", "-h"):
            args = [_LIST, *args]
        elif args[0] == "--json":
            args = [str(first), "--json", *[one for one in args if one not in ("--json", first)]]
        return super().parse_args(ctx, args)

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """What can stand here: a list's words, or a command."""
        formatter.write_usage(ctx.command_path, "[OPTIONS] [WHAT[@DEVICE]] | show | clear | wait")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list's options, then the other commands."""
        self.commands[_LIST].format_options(ctx, formatter)
        self.format_commands(ctx, formatter)


def _asked(function: _Function) -> _Function:
    """The options that say which events are meant, in the order of the help."""
    options = (
        click.option(
            "--app",
            metavar="BUNDLE_ID",
            shell_complete=offers.apps,
            help="Of this app; its topic's, if refused.",
        ),
        click.option("--apns-id", metavar="ID", help="Of the push with this apns-id."),
        click.option(
            "--since",
            type=SINCE,
            help="5m ago, a moment (2026-11-25T09:30:00Z), or behind an event's seq.",
        ),
        click.option(
            "--where",
            multiple=True,
            metavar="PATH=VALUE",
            allow_from_autoenv=False,
            help="What stands at a dotted path of the event, as text or JSON: "
            "payload.callUUID=c1, headers.apns-expiration=0. PATH alone: anything but null.",
        ),
        json_option,
    )
    for option in reversed(options):
        function = option(function)
    return function


@click.group(
    cls=Inbox,
    subcommand_metavar="[WHAT]",
    epilog="Example: pushkit inbox refused --since 5m --where headers.apns-topic=com.example.app",
)
def command() -> None:
    """See what arrived: every push, or those events that WHAT names.

    WHAT is a push type (pushes answered 200), refused, refused:REASON, the name of an event
    (call-reported, terminated, token-updated, ...), EVENT:TYPE; @DEVICE narrows it. With nobody
    listening the journal that was kept is read: 100,000 pushes, or seven days of them.
    """


@command.command(_LIST, hidden=True, epilog="Example: pushkit inbox voip@iphone --limit 5")
@click.argument(
    "what", required=False, type=What(), shell_complete=offers.whats, metavar="[WHAT[@DEVICE]]"
)
@_asked
@click.option("--limit", type=click.IntRange(1), metavar="N", help="The newest N alone.")
@click.option(
    "-f", "--follow", is_flag=True, allow_from_autoenv=False,
    help="Go on with those that come, until ^C or the listener's end; begins with the newest 10 "
    "unless --limit or --since is said.",
)  # fmt: skip
@click.pass_obj
def listing(terminal: Terminal, /, limit: int | None, follow: bool, **words: Any) -> int:
    """List events, oldest first."""
    from pushkit_cli.engine.inbox import ENDED, listing

    asked, number = _read(words), 0
    try:
        for event in listing(terminal.setting(), asked, newest=limit, follow=follow):
            number += 1
            _tell(terminal, event, alone=True)
            if not terminal.is_read:
                return ExitCode.DONE
    except KeyboardInterrupt:  # how whoever follows ends it
        if not follow:
            raise
        return ExitCode.DONE
    if follow:
        terminal.say(ENDED)
    elif not number:
        terminal.say("nothing of that kind was captured" if any(words.values()) else "no push yet")
    return ExitCode.DONE


@command.command("show", epilog="Example: pushkit inbox show 8a4f2c")
@click.argument("identifier", metavar="ID")
@json_option
@click.pass_obj
def show(terminal: Terminal, /, identifier: str) -> int:
    """Show one push whole, and what the device made of it.

    ID is the beginning of the id in brackets, six digits or more, or a whole apns-id.
    """
    from pushkit_cli.engine.inbox import show

    for event in show(terminal.setting(), identifier):
        _tell(terminal, event, alone=False)
        if event["event"] == "push" and not terminal.as_json:
            _whole(terminal, event)
    return ExitCode.DONE


@command.command("clear", epilog="Example: pushkit inbox clear")
@json_option
@click.pass_obj
def clear(terminal: Terminal, /) -> int:
    """Forget what was captured.

    Devices and tokens stay, and numbers go on.
    """
    from pushkit_cli.engine.inbox import clear

    clear(terminal.setting())
    if terminal.as_json:
        terminal.object({"v": 1, "event": "cleared"})
    else:
        terminal.say("forgotten")
    return ExitCode.DONE


@command.command("wait", epilog="Example: pushkit inbox wait voip@iphone=1 --where "
    "payload.callUUID=c1 --timeout 5s")  # fmt: skip
@click.argument("what", type=What(), shell_complete=offers.whats, metavar="WHAT[@DEVICE]=COUNT")
@_asked
@click.option("--timeout", type=DURATION, default="10s", show_default=True, help="Longest wait.")
@click.pass_obj
def wait(terminal: Terminal, /, timeout: float, **words: Any) -> int:
    """Wait until as many came as COUNT says.

    Exit 0, 7 for too many, 124 when the time is up.

    COUNT is 2, 2+, 1..3 or 0. What came since the listener started counts too, unless --since says
    otherwise. It ends as soon as there are enough; where none is right as well (0, 0..3), it waits
    the whole time and ends with 7 as soon as there are too many.
    """
    from pushkit_cli.engine.inbox import wait

    asked = _read(words)
    tally = wait(terminal.setting(), asked, timeout=timeout)
    if terminal.as_json:
        found = {"what": asked.what, "count": tally.number, "seq": tally.seq}
        terminal.object({"v": 1, "event": "waited", **found})
    else:
        terminal.data(f"{tally.number}  {terminal.show(asked.what)}")
    return ExitCode.DONE


def _read(words: dict[str, Any]) -> "Asked":
    from pushkit_cli.engine.inbox import Asked

    return Asked(**words)


def _tell(terminal: Terminal, event: dict[str, Any], *, alone: bool) -> None:
    if terminal.as_json:
        terminal.object(event)
        return
    for line in stream.lines(event, terminal, alone=alone):
        terminal.data(line)


def _whole(terminal: Terminal, event: dict[str, Any]) -> None:
    """What the listener's screen leaves out of a push."""
    auth = event["auth"] or {}
    signed = [f"{name} {auth[name]}" for name in ("team_id", "key_id") if auth.get(name)]
    rows = {
        "id": event["id"],
        "seq": str(event["seq"]),
        "apns-id": event["apns_id"],
        "apns-unique-id": event["apns_unique_id"],
        "environment": event["environment"],
        "app": event["app"],
        "token": event["token"],
        "signed by": "  ".join(signed) or None,
        **event["headers"],
        "body": event["body_b64"] if event["payload"] is None else to_json(event["payload"]),
    }
    for name, value in rows.items():
        if value is not None:
            terminal.data(f"{' ' * 10}{terminal.show(name)}: {terminal.show(value, limit=6000)}")
