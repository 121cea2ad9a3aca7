"""`pushkit channel`: broadcast channels, made, shown, listed and deleted."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pushkit_cli.cli import channel_lines, offers, way
from pushkit_cli.cli.options import CHANNEL_ID, ENVIRONMENTS, PLAIN, json_option
from pushkit_cli.cli.render import Terminal
from pushkit_cli.cli.way import way_options
from pushkit_cli.errors import UsageError

if TYPE_CHECKING:
    from pushkit_cli.engine.channels import Plan

_Function = TypeVar("_Function", bound=Callable[..., Any])
_OPTIONS = (
    click.option(
        "--app",
        type=PLAIN,
        metavar="BUNDLE_ID",
        shell_complete=offers.apps,
        help="Whose channels; else what is known of the channel, or the listener's first app.",
    ),
    click.option(
        "--env",
        type=click.Choice(ENVIRONMENTS),
        envvar=["PUSHKIT_CHANNEL_ENV", "PUSHKIT_ENVIRONMENT"],
        help="Whose service: the listener's or Apple's. Known channels bring their own.",
    ),
    way_options,
    click.option(
        "--no-lint",
        "without_lint",
        is_flag=True,
        allow_from_autoenv=False,
        help="Ask what lint would hold back.",
    ),
    json_option,
)
_id = click.argument("channel_id", metavar="ID", type=CHANNEL_ID, shell_complete=offers.channels)


def _asking(function: _Function) -> _Function:
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@click.group(epilog="Example: pushkit channel create --app com.example.app --env sandbox")
def command() -> None:
    """Make, show, list and delete the channels of broadcast pushes.

    A broadcast updates the Live Activities of everybody who subscribed to a channel: pushkit send
    --type liveactivity --channel ID. Channels that were made or shown here are remembered with
    their app and environment.
    """


@command.command(
    "create",
    epilog="Example: id=$(pushkit channel create --app com.example.app --env sandbox "
    "--storage latest)",
)
@click.option(
    "--storage",
    type=click.Choice(["none", "latest"]),
    default="none",
    show_default=True,
    help="Keep nothing for who is away, or the latest push, for 8 hours at most. It stays so.",
)
@_asking
@click.pass_obj
def create(terminal: Terminal, /, storage: str, **words: Any) -> int:
    """Make a channel, and print its id.

    An app may have 10,000 in each environment. Where no answer was heard (exit 8) there may be a
    new one: `pushkit channel list` shows them all.
    """
    return channel_lines.told(terminal, _planned(terminal, "create", words, storage=storage))


@command.command("show", epilog="Example: pushkit channel show dHN0LXNyY2gtY2hubA==")
@_id
@_asking
@click.pass_obj
def show(terminal: Terminal, /, channel_id: str, **words: Any) -> int:
    """Show what a channel stores."""
    return channel_lines.told(terminal, _planned(terminal, "show", words, channel_id=channel_id))


@command.command("list", epilog="Example: pushkit channel list --app com.example.app --env sandbox")
@_asking
@click.pass_obj
def listing(terminal: Terminal, /, **words: Any) -> int:
    """List the channels of an app in one environment.

    The service knows their ids alone; what each stores is said of those made or shown here.
    """
    return channel_lines.told(terminal, _planned(terminal, "list", words))


@command.command("delete", epilog="Example: pushkit channel delete dHN0LXNyY2gtY2hubA==")
@_id
@_asking
@click.option(
    "--yes", is_flag=True, allow_from_autoenv=False, help="Delete it in production unasked."
)
@click.pass_obj
def delete(terminal: Terminal, /, channel_id: str, yes: bool, **words: Any) -> int:
    """Delete a channel, for good.

    In production it asks on a terminal, and wants --yes elsewhere.
    """
    planned = _planned(terminal, "delete", words, channel_id=channel_id)
    if not yes and planned.held is None:
        _confirm(planned, terminal)
    return channel_lines.told(terminal, planned)


def _planned(
    terminal: Terminal,
    operation: str,
    words: dict[str, Any],
    *,
    channel_id: str | None = None,
    storage: str | None = None,
) -> "Plan":
    """Everything decided, and where it goes said."""
    from pushkit_cli.apns.channels import Operation
    from pushkit_cli.apns.facts import Storage
    from pushkit_cli.engine.channels import Order, plan
    from pushkit_cli.engine.where import Target

    order = Order(
        operation=Operation(operation),
        app=words["app"],
        env=None if words["env"] is None else Target(words["env"]),
        channel_id=channel_id,
        storage=None if storage is None else Storage(storage),
        lint=not words["without_lint"],
        **{name: words[name] for name in way.NAMES},
    )
    planned = plan(order, terminal.setting())
    channel_lines.announce(terminal, planned)
    return planned


def _confirm(planned: "Plan", terminal: Terminal) -> None:
    """What is gone in production is gone for every phone."""
    if str(planned.where.target) != "production":
        return
    app = terminal.show(planned.bundle_id)
    question = f"Delete channel {terminal.show(planned.channel_id)} of {app} in production?"
    if not terminal.ask(question):
        raise UsageError("nothing was deleted: production was not confirmed", hint="add --yes")
