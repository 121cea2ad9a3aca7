"""`pushkit device`: emulated devices, how they are, and what becomes of their tokens."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pushkit_cli.apns.push import Environment, known_type
from pushkit_cli.apns.words import no_push_type
from pushkit_cli.cli import offers
from pushkit_cli.cli.device_lines import said, tell
from pushkit_cli.cli.options import MOMENT, TYPE_NAME, json_option
from pushkit_cli.cli.render import Terminal
from pushkit_cli.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from pushkit_cli.apns.push import PushType

_REASONS = ("failed", "remoteEnded", "unanswered", "answeredElsewhere", "declinedElsewhere")
_Function = TypeVar("_Function", bound=Callable[..., Any])
_app = click.option(
    "--app",
    metavar="BUNDLE_ID",
    shell_complete=offers.apps,
    help="Which app; else the first the device has in this run.",
)
_env = click.option(
    "--env",
    type=click.Choice([str(one) for one in Environment]),
    default="sandbox",
    show_default=True,
    help="Which of the app's tokens: a phone has one in each environment.",
)
_at = click.option(
    "--at", type=MOMENT, help="The timestamp of the 410, RFC 3339 or milliseconds; else now."
)


def _on_token(function: _Function) -> _Function:
    return click.argument("kind", metavar="TYPE", type=TYPE_NAME)(_app(_env(json_option(function))))


@click.group(epilog="Example: pushkit device do iphone invalidate-token voip")
def command() -> None:
    """See emulated devices, say how they are, and what becomes of their tokens.

    With a listener running here it changes at once; else what is kept for the next one.
    """


@command.command("list", epilog="Example: pushkit device list --json")
@json_option
@click.pass_obj
def listing(terminal: Terminal, /) -> int:
    """List the emulated devices, their apps and how many live tokens they have."""
    from pushkit_cli.engine.devices import listed

    found = listed(terminal.setting())
    for one in found:
        tell(terminal, one, whole=False)
    if not found:
        terminal.say("no device is emulated yet: `pushkit listen` makes two")
    return ExitCode.DONE


@command.command("show", epilog="Example: pushkit device show iphone")
@click.argument("name", shell_complete=offers.emulated)
@json_option
@click.pass_obj
def show(terminal: Terminal, /, name: str) -> int:
    """Show one device: how it is, its apps, and every token it has or had."""
    from pushkit_cli.engine.devices import find

    tell(terminal, find(terminal.setting(), name), whole=True)
    return ExitCode.DONE


@command.command("set", epilog="Example: pushkit device set iphone dnd locked")
@click.argument("name", shell_complete=offers.emulated)
@click.argument(
    "words", metavar="WORD...", nargs=-1, required=True, shell_complete=offers.conditions
)
@json_option
@click.pass_obj
def set_(terminal: Terminal, /, name: str, words: tuple[str, ...]) -> int:
    """Say how a device is from now on.

    \b
    offline | online                          out of APNs's reach: pushes are stored
    power-saving | full-power                 takes priority 10 alone, or all of it
    unlocked | locked | before-first-unlock   somebody has unlocked it, or not yet
    foreground | background                   the app under test
    in-call | idle                            the app has an active call, or none
    dnd | no-dnd                              Do Not Disturb refuses reported calls
    on-face | off-face                        its complication is on the watch face
    """
    from pushkit_cli.engine.devices import set_condition

    now = set_condition(terminal.setting(), name, words)
    if terminal.as_json:
        terminal.object({"v": 1, "event": "set", "device": name, "condition": list(now)})
    else:
        terminal.data(f"{terminal.show(name)}  {', '.join(now)}")
    return ExitCode.DONE


@command.command("reset", epilog="Example: pushkit device reset iphone")
@click.argument("name", required=False, shell_complete=offers.emulated)
@click.option("--all", "every", is_flag=True, allow_from_autoenv=False, help="Every device.")
@json_option
@click.pass_obj
def reset(terminal: Terminal, /, name: str | None, every: bool) -> int:
    """Put a device back to its beginning: condition, strikes, budget, calls, what
    APNs stores for it. Tokens stay."""
    from pushkit_cli.engine.devices import reset

    if (name is None) is not every:
        raise UsageError("which device?", hint="pushkit device reset NAME, or --all")
    word = "reset" if reset(terminal.setting(), name) else "unchanged"
    if terminal.as_json:
        terminal.object({"v": 1, "event": word, "device": name})
    else:
        terminal.data(f"{word}  {terminal.show(name or 'every device')}")
    return ExitCode.DONE


@command.group("do", epilog="Example: pushkit device do iphone rotate-token voip")
@click.argument("name", shell_complete=offers.emulated)
@click.pass_context
def do(ctx: click.Context, /, name: str) -> None:
    """Do something to the device NAME."""
    ctx.meta["device"] = name


@do.command("kill", epilog="Example: pushkit device do iphone kill")
@_app
@json_option
@click.pass_context
def kill(ctx: click.Context, /, app: str | None) -> int:
    """Remove an app from memory, as a user does; the next push launches it again."""
    from pushkit_cli.engine import devices

    terminal, name = _place(ctx)
    return said(terminal, name, "killed", devices.kill(terminal.setting(), name, app=app))


@do.command("end-call", epilog="Example: pushkit device do iphone end-call 0b6e4a52")
@click.argument("call_id", metavar="ID")
@_app
@click.option(
    "--reason",
    type=click.Choice(_REASONS),
    default="remoteEnded",
    show_default=True,
    help="CXCallEndedReason.",
)
@json_option
@click.pass_context
def end_call(ctx: click.Context, /, call_id: str, app: str | None, reason: str) -> int:
    """End a call that rings, as whoever calls may do.

    ID is the call's, as its push named it, or the beginning of one.
    """
    from pushkit_cli.engine import devices

    terminal, name = _place(ctx)
    done = devices.end_call(
        terminal.setting(), name, call_id, app=app, reason=devices.EndedReason(reason)
    )
    return said(terminal, name, "ended", done)


@do.command("rotate-token", epilog="Example: pushkit device do iphone rotate-token voip")
@_on_token
@click.pass_context
def rotate_token(ctx: click.Context, /, kind: str, app: str | None, env: str) -> int:
    """Issue a new token in place of one.

    The old one is answered with 410 Unregistered from now on.
    """
    from pushkit_cli.engine import devices

    terminal, name = _place(ctx)
    done = devices.rotate_token(
        terminal.setting(), name, _kind(kind), app=app, environment=Environment(env)
    )
    return said(terminal, name, "rotated", done)


@do.command("invalidate-token", epilog="Example: pushkit device do iphone invalidate-token voip")
@_on_token
@_at
@click.pass_context
def invalidate_token(
    ctx: click.Context, /, kind: str, app: str | None, env: str, at: float | None
) -> int:
    """End a token: 410 Unregistered.

    The timestamp of the answer is now, or --at.
    """
    return _ended(ctx, "unregistered", kind, app=app, env=env, at=at)


@do.command("expire-token", epilog="Example: pushkit device do iphone expire-token liveactivity")
@_on_token
@_at
@click.pass_context
def expire_token(
    ctx: click.Context, /, kind: str, app: str | None, env: str, at: float | None
) -> int:
    """End a token: 410 ExpiredToken.

    Apple names the reason and says nowhere when it comes: that a token expires by command is ours.
    """
    return _ended(ctx, "expired", kind, app=app, env=env, at=at)


_channel = click.argument("channel_id", metavar="CHANNEL", shell_complete=offers.channels)


@do.command("subscribe", epilog="Example: pushkit device do iphone subscribe bXkgY2hhbm5lbA==")
@_channel
@json_option
@click.pass_context
def subscribe(ctx: click.Context, /, channel_id: str) -> int:
    """Let a Live Activity hear of a broadcast channel.

    The CHANNEL's most recent message comes at once, where it keeps one (ours). A push that starts
    an activity and has input-push-channel subscribes too.
    """
    from pushkit_cli.engine import devices

    terminal, name = _place(ctx)
    done = devices.subscribe(terminal.setting(), name, channel_id)
    return said(terminal, name, "subscribed", done)


@do.command("unsubscribe", epilog="Example: pushkit device do iphone unsubscribe bXkgY2hhbm5lbA==")
@_channel
@json_option
@click.pass_context
def unsubscribe(ctx: click.Context, /, channel_id: str) -> int:
    """Let it hear of a broadcast channel no more."""
    from pushkit_cli.engine import devices

    terminal, name = _place(ctx)
    done = devices.subscribe(terminal.setting(), name, channel_id, ends=True)
    return said(terminal, name, "unsubscribed", done)


@do.command("uninstall", epilog="Example: pushkit device do iphone uninstall")
@_app
@_at
@json_option
@click.pass_context
def uninstall(ctx: click.Context, /, app: str | None, at: float | None) -> int:
    """Remove an app and end its tokens.

    All of them there, in both environments, are Unregistered at once, which is ours: Apple's
    answer changes minutes to a day later.
    """
    from pushkit_cli.engine import devices

    terminal, name = _place(ctx)
    done = devices.uninstall(terminal.setting(), name, app=app, at=at)
    return said(terminal, name, "uninstalled", done)


@do.command("reinstall", epilog="Example: pushkit device do iphone reinstall --tokens new")
@_app
@click.option(
    "--tokens",
    type=click.Choice(["same", "new"]),
    default="same",
    show_default=True,
    help="The tokens it had are live again, or it gets new ones. Ours: a phone may do either.",
)
@json_option
@click.pass_context
def reinstall(ctx: click.Context, /, app: str | None, tokens: str) -> int:
    """Put an app back.

    In both environments; what ran of it is stopped.
    """
    from pushkit_cli.engine import devices

    terminal, name = _place(ctx)
    done = devices.reinstall(terminal.setting(), name, app=app, new_tokens=tokens == "new")
    return said(terminal, name, "reinstalled", done)


def _ended(
    ctx: click.Context, state: str, kind: str, *, app: str | None, env: str, at: float | None
) -> int:
    from pushkit_cli.apns.facts import TokenState
    from pushkit_cli.engine import devices

    terminal, name = _place(ctx)
    done = devices.end_token(
        terminal.setting(),
        name,
        _kind(kind),
        app=app,
        environment=Environment(env),
        state=TokenState(state),
        at=at,
    )
    return said(terminal, name, state, done)


def _place(ctx: click.Context) -> tuple[Terminal, str]:
    terminal = ctx.obj
    assert isinstance(terminal, Terminal)
    return terminal, str(ctx.meta["device"])


def _kind(word: str) -> "PushType":
    found = known_type(word)
    if found is None:
        raise no_push_type(word)
    return found
