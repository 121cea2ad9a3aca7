"""`pushkit device`: emulated devices, and what becomes of their tokens."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pushkit_cli.apns.push import Environment, known_type
from pushkit_cli.cli.options import MOMENT, TYPE_NAME, json_option
from pushkit_cli.cli.render import Terminal
from pushkit_cli.cli.replies import since
from pushkit_cli.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from pushkit_cli.apns.push import PushType
    from pushkit_cli.engine.devices import DeviceToken, Done, Shown

_Function = TypeVar("_Function", bound=Callable[..., Any])
_app = click.option(
    "--app", metavar="BUNDLE_ID", help="Which app; else the first the device has in this run."
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
    """See emulated devices, and decide what becomes of their tokens.

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
        _tell(terminal, one, whole=False)
    if not found:
        terminal.say("no device is emulated yet: `pushkit listen` makes two")
    return ExitCode.DONE


@command.command("show", epilog="Example: pushkit device show iphone")
@click.argument("name")
@json_option
@click.pass_obj
def show(terminal: Terminal, /, name: str) -> int:
    """Show one device with every token it has or had."""
    from pushkit_cli.engine.devices import find

    _tell(terminal, find(terminal.setting(), name), whole=True)
    return ExitCode.DONE


@command.group("do", epilog="Example: pushkit device do iphone rotate-token voip")
@click.argument("name")
@click.pass_context
def do(ctx: click.Context, /, name: str) -> None:
    """Do something to the device NAME."""
    ctx.meta["device"] = name


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
    return _said(terminal, name, "rotated", done)


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
    return _said(terminal, name, "uninstalled", done)


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
    return _said(terminal, name, "reinstalled", done)


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
    return _said(terminal, name, state, done)


def _place(ctx: click.Context) -> tuple[Terminal, str]:
    terminal = ctx.obj
    assert isinstance(terminal, Terminal)
    return terminal, str(ctx.meta["device"])


def _kind(word: str) -> "PushType":
    found = known_type(word)
    if found is None:
        from pushkit_cli.apns.push import PushType

        raise UsageError(f"no push type is called {word}", hint=f"known are {', '.join(PushType)}")
    return found


def _said(terminal: Terminal, name: str, what: str, done: "Done") -> int:
    word = what if done.changed else "unchanged"
    if terminal.as_json:
        terminal.object(
            {
                "v": 1,
                "event": word,
                "device": name,
                "app": done.app,
                "tokens": [_token(one) for one in done.tokens],
            }
        )
        return ExitCode.DONE
    terminal.data(f"{word}  {terminal.show(name)}  {terminal.show(done.app)}")
    for one in done.tokens:
        terminal.data(_token_line(one))
    return ExitCode.DONE


def _tell(terminal: Terminal, one: "Shown", *, whole: bool) -> None:
    device = one.device
    live = [token for token in one.tokens if token.state == "live"]
    apps = list(dict.fromkeys(token.bundle_id for token in one.tokens))
    if terminal.as_json:
        head = {"name": device.name, "platform": device.platform, "os": device.os, "apps": apps}
        told = one.tokens if whole else live
        tokens = [_token(token) for token in told]
        terminal.object({"v": 1, "event": "device", **head, "tokens": tokens})
        return
    words = [terminal.show(device.name), f"{device.platform} {terminal.show(device.os)}"]
    terminal.data("  ".join([*words, *map(terminal.show, apps), f"{len(live)} live tokens"]))
    if not whole:
        return
    for app in apps:
        terminal.data(f"  {terminal.show(app)}")
        for token in one.tokens:
            if token.bundle_id == app:
                terminal.data(_token_line(token))


def _token(token: "DeviceToken") -> dict[str, Any]:
    return {
        "bundle_id": token.bundle_id,
        "type": str(token.type),
        "environment": str(token.environment),
        "token": token.token,
        "state": str(token.state),
        "unregistered_at_ms": token.since_ms,
    }


def _token_line(token: "DeviceToken") -> str:
    words = [f"    {token.environment:<10}", f"{token.type:<12}", f"{token.state:<12}", token.token]
    if token.since_ms is not None:
        words.append(since(token.since_ms))
    return "  ".join(words)
