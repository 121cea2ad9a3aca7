"""A device, its apps and its tokens as `pushkit device` tells them."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pushkit_cli.cli.replies import moment, since
from pushkit_cli.cli.text import short_token
from pushkit_cli.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pushkit_cli.cli.render import Terminal
    from pushkit_cli.engine.devices import DeviceToken, Done, Remembered, Shown, Stored

_CALLS = 3
"""Of those that ring so many are shown."""


def said(terminal: "Terminal", name: str, what: str, done: "Done") -> int:
    """What an order to a device came to."""
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
    for environment in dict.fromkeys(token.environment for token in done.tokens):
        terminal.data(f"{environment}")
        _tokens(terminal, [one for one in done.tokens if one.environment is environment])
    return ExitCode.DONE


def tell(terminal: "Terminal", one: "Shown", *, whole: bool) -> None:
    """A device; `whole`: with every token, and what it remembers of its apps."""
    device = one.device
    live = [token for token in one.tokens if token.state == "live"]
    apps = list(dict.fromkeys(token.bundle_id for token in one.tokens))
    if terminal.as_json:
        head = {"name": device.name, "platform": device.platform, "os": device.os, "apps": apps}
        told = one.tokens if whole else live
        tokens = [_token(token) for token in told]
        states = {"states": [asdict(app) for app in one.apps]} if whole else {}
        if whole:
            states["stored"] = [_stored(push) for push in one.stored]
        condition = {"condition": list(one.condition)}
        states |= {"channels": [asdict(channel) for channel in one.channels]} if whole else {}
        terminal.object(
            {"v": 1, "event": "device", **head, **condition, **states, "tokens": tokens}
        )
        return
    words = [terminal.show(device.name), f"{device.platform} {terminal.show(device.os)}"]
    terminal.data("  ".join([*words, *map(terminal.show, apps), f"{len(live)} live tokens"]))
    if not whole:
        return
    terminal.data(f"  {', '.join(one.condition)}")
    for push in one.stored:
        kept = f"{push.type} push waits, until {moment(int(push.until * 1000))}"
        terminal.data(f"  {kept}  [{push.push_id[:6]}]")
    for app, environment in dict.fromkeys((one.bundle_id, one.environment) for one in one.tokens):
        place = (app, environment)
        terminal.data(f"{terminal.show(app)}  {environment}")
        for state in one.apps:
            if (state.bundle_id, state.environment) == place:
                _state(terminal, state)
        for channel in one.channels:
            if (channel.bundle_id, channel.environment) == place:
                terminal.data(f"  channel {channel.id}")
        _tokens(terminal, [it for it in one.tokens if (it.bundle_id, it.environment) == place])


def _state(terminal: "Terminal", app: "Remembered") -> None:
    """Whether it runs, its failures, and what rings: the newest first, and not all of many."""
    words = [
        "running" if app.running else "not running",
        f"{app.strikes} strike{'' if app.strikes == 1 else 's'}",
        *(["VoIP is stopped: reinstall or reset"] if app.is_stopped else []),
    ]
    terminal.data(f"  {', '.join(words)}")
    for call in app.calls[: -_CALLS - 1 : -1]:
        terminal.data(f"  call {terminal.show(call)} rings")
    if len(app.calls) > _CALLS:
        terminal.data(f"  and {len(app.calls) - _CALLS} that rang before (--json names them)")


def _stored(push: "Stored") -> dict[str, Any]:
    """A push that waits for the device, without its body."""
    return {
        "push_id": push.push_id,
        "app": push.bundle_id,
        "type": str(push.type),
        "environment": str(push.environment),
        "apns_id": push.apns_id,
        "accepted_at_ms": int(push.at * 1000),
        "until_at_ms": int(push.until * 1000),
    }


def _token(token: "DeviceToken") -> dict[str, Any]:
    return {
        "bundle_id": token.bundle_id,
        "type": str(token.type),
        "environment": str(token.environment),
        "token": token.token,
        "state": str(token.state),
        "unregistered_at_ms": token.since_ms,
    }


def _tokens(terminal: "Terminal", tokens: "Iterable[DeviceToken]") -> None:
    """A line each, of 80 columns: a live one whole, to be copied; of one that ended what it was."""
    for token in tokens:
        words = [f"  {token.type:<12}", token.token]
        if token.state != "live":
            short = short_token(token.token, ascii_only=terminal.ascii_only)
            ended = [] if token.since_ms is None else [since(token.since_ms)]
            words[1:] = [short, str(token.state), *ended]
        terminal.data("  ".join(words))
