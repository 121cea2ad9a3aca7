"""`pushkit send`: one push, to one or several targets, or to all of a file."""

from typing import TYPE_CHECKING, Any

import click

from pushkit_cli.apns.compose import CONTAINERS
from pushkit_cli.apns.push import PushType
from pushkit_cli.cli import offers, replies
from pushkit_cli.cli.activity_options import activity_options
from pushkit_cli.cli.bulk_options import bulk_options, take_words
from pushkit_cli.cli.options import (
    CHANNEL_ID,
    ENVIRONMENTS,
    EXPIRATION,
    HEADER,
    PLAIN,
    TYPE_NAME,
    json_option,
)
from pushkit_cli.cli.render import Terminal
from pushkit_cli.cli.way import way_options
from pushkit_cli.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from pushkit_cli.engine.planning import Order, Plan
    from pushkit_cli.engine.setting import Setting


@click.command(
    epilog="Examples: pushkit send --type voip · pushkit send --type alert --title Hi --to iphone"
)
@click.option(
    "--type",
    "push_type",
    type=TYPE_NAME,
    metavar="TYPE",
    help=f"apns-push-type: {', '.join(PushType)}.",
)
@click.option(
    "--to",
    multiple=True,
    allow_from_autoenv=False,
    metavar="NAME|TOKEN",
    shell_complete=offers.devices,
    help="A device's name, or a token in hex or base64; more than once for several.",
)
@click.option(
    "--channel",
    type=CHANNEL_ID,
    metavar="ID",
    help="Broadcast to whoever subscribed to a channel: pushkit channel create prints its id.",
)
@click.option(
    "--app",
    metavar="BUNDLE_ID",
    shell_complete=offers.apps,
    help="The app, where the target does not tell.",
)
@click.option(
    "--env",
    type=click.Choice(ENVIRONMENTS),
    envvar=["PUSHKIT_SEND_ENV", "PUSHKIT_ENVIRONMENT"],
    help="Whose APNs: the listener's or Apple's. Known targets bring their own.",
)
@click.option("--payload", metavar="FILE|-|JSON", help="The body; .apns files are understood.")
@click.option(
    "-d",
    "--data",
    multiple=True,
    allow_from_autoenv=False,
    metavar="KEY=VALUE",
    help="Set one key: key=text, key:=json, key=@file; dots go deeper.",
)
@click.option("--title", help="aps.alert.title.")
@click.option("--subtitle", help="aps.alert.subtitle.")
@click.option("--body", help="aps.alert.body.")
@click.option("--sound", help="aps.sound.")
@click.option("--badge", type=int, help="aps.badge.")
@click.option(
    "--container",
    metavar="ID",
    help=f"container-identifier of a file provider: {', '.join(CONTAINERS)}, or an item's.",
)
@click.option("--domain", help="domain of a file provider.")
@activity_options
@click.option("--topic", type=PLAIN, help="apns-topic; else the app and the type's suffix.")
@click.option("--priority", type=int, help="apns-priority: 10, 5 or 1.")
@click.option("--expiration", type=EXPIRATION, help="apns-expiration.")
@click.option("--collapse-id", type=PLAIN, help="apns-collapse-id, at most 64 bytes.")
@click.option("--apns-id", type=PLAIN, help="apns-id, a UUID; else APNs makes one.")
@click.option(
    "--header",
    "headers",
    type=HEADER,
    multiple=True,
    allow_from_autoenv=False,
    help="One more header, as it is.",
)
@click.option(
    "--last",
    is_flag=True,
    allow_from_autoenv=False,
    help="Send what the last send sent once more, with a new apns-id; other options change it.",
)
@click.option(
    "--replay",
    metavar="ID",
    allow_from_autoenv=False,
    help="The same for one push, by its apns-id or the beginning of it.",
)
@way_options
@bulk_options
@click.option(
    "--yes",
    is_flag=True,
    allow_from_autoenv=False,
    help="Send to several in production, or once more, unasked.",
)
@click.option(
    "--as",
    "shown_as",
    type=click.Choice(["curl"]),
    help="Print a pipeline that sends the same push, holds no secret, and send nothing.",
)
@click.option("--dry-run", is_flag=True, help="Show the exact request and lint; send nothing.")
@click.option(
    "--no-lint",
    "without_lint",
    is_flag=True,
    allow_from_autoenv=False,
    help="Send what lint would hold back.",
)
@json_option
@click.pass_obj
def command(
    terminal: Terminal, /, dry_run: bool, shown_as: str | None, yes: bool, **options: Any
) -> int:
    """Send a push, and say what became of it.

    Without --to it goes to the one emulated device that can take it. Whatever APNs would refuse
    by looking at the request is held back by lint (exit 3) before anything is sent.
    """
    bulk_words = take_words(options)
    if bulk_words is not None:
        from pushkit_cli.cli import bulk

        many = bulk.order_from(options, bulk_words, shown_as)
        return bulk.send(many, terminal, dry_run=dry_run, yes=yes)
    planned = _planned(_order(options, terminal), terminal.setting())
    terminal.say(replies.heading(planned, terminal))
    for line in replies.detail_lines(planned, terminal):
        terminal.detail(line)
    for warning in planned.warnings:
        terminal.warn(warning)
    if shown_as is not None:
        return _as_curl(planned, terminal)
    if dry_run:
        return _show(planned, terminal)
    if not yes:
        _confirm(planned, terminal, is_repeated=options["last"] or options["replay"] is not None)
    return _send(planned, terminal)


def _order(options: dict[str, Any], terminal: Terminal) -> "Order":
    """What the command line says, in place of what the history says where that was asked for."""
    from pushkit_cli.cli.ordering import filled, order_from

    prefix = options["replay"]
    if prefix is None and not options["last"]:
        return order_from(options)
    if prefix is not None and options["last"]:
        raise UsageError("--last and --replay do not go together", hint="leave one of them out")
    from pushkit_cli.engine.again import recall

    again = recall(prefix, terminal.setting(), to=options["to"])
    terminal.say(again.about)
    return order_from(filled(options, again))


def _planned(order: "Order", setting: "Setting") -> "Plan":
    from pushkit_cli.engine import planning

    if order.channel is None:
        return planning.plan(order, setting)
    from pushkit_cli.engine import broadcasting

    return broadcasting.plan(order, setting)


def _show(planned: "Plan", terminal: Terminal) -> int:
    """A dry run: what would leave, and what lint thinks of it."""
    for shot in planned.shots:
        if terminal.as_json:
            terminal.object(replies.request_object(shot, planned))
            continue
        for line in replies.request_lines(shot.request, planned, terminal):
            terminal.data(line)
        for line in replies.finding_lines(shot, terminal, with_source=True):
            terminal.say(line)
    return ExitCode.HELD if any(shot.held for shot in planned.shots) else ExitCode.DONE


def _send(planned: "Plan", terminal: Terminal) -> int:
    from pushkit_cli.engine.sending import dispatch

    sample = replies.sample_line(planned)
    if sample is not None:
        terminal.say(terminal.wrap(sample, indent="  "))
    for shot in planned.shots:
        for line in replies.finding_lines(shot, terminal):
            terminal.say(line)
    terminal.work_counts()
    run = dispatch(planned)
    for place, result in enumerate(run.results, start=1):
        if terminal.as_json:
            terminal.object(replies.reply_object(result, planned, line=place, run=run))
            continue
        terminal.data(replies.reply_line(result, terminal))
        if result.hint is not None:
            terminal.hint(result.hint)
    for warning in run.warnings:
        terminal.warn(warning)
    if terminal.as_json:
        terminal.object(replies.summary_object(run))
    return run.exit_code


def _confirm(planned: "Plan", terminal: Terminal, *, is_repeated: bool) -> None:
    """Several pushes to production, or one once more, are asked about where somebody can answer."""
    count = len(planned.shots)
    if str(planned.where.target) != "production" or (count < 2 and not is_repeated):
        return
    pushes = f"{count} pushes" if count > 1 else "this push once more"
    if not terminal.ask(f"Send {pushes} to production?"):
        raise UsageError("nothing was sent: production was not confirmed", hint="add --yes")


def _as_curl(planned: "Plan", terminal: Terminal) -> int:
    from pushkit_cli.engine.curl import pipeline

    for shot in planned.shots:
        terminal.data(pipeline(shot, planned))
    return ExitCode.DONE
