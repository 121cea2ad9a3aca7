"""A device, its apps and its tokens as `pushkit device` tells them."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pushkit_cli.cli.replies import since
from pushkit_cli.errors import ExitCode

if TYPE_CHECKING:
    from pushkit_cli.cli.render import Terminal
    from pushkit_cli.engine.devices import DeviceToken, Done, Remembered, Shown


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
    for one in done.tokens:
        terminal.data(_token_line(one))
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
        condition = {"condition": list(one.condition)}
        terminal.object(
            {"v": 1, "event": "device", **head, **condition, **states, "tokens": tokens}
        )
        return
    words = [terminal.show(device.name), f"{device.platform} {terminal.show(device.os)}"]
    terminal.data("  ".join([*words, *map(terminal.show, apps), f"{len(live)} live tokens"]))
    if not whole:
        return
    terminal.data(f"  {', '.join(one.condition)}")
    for app in apps:
        terminal.data(f"  {terminal.show(app)}")
        for state in one.apps:
            if state.bundle_id == app:
                terminal.data(terminal.wrap(f"    {_state(state, terminal)}", indent=" " * 16))
        for token in one.tokens:
            if token.bundle_id == app:
                terminal.data(_token_line(token))


def _state(app: "Remembered", terminal: "Terminal") -> str:
    words = [
        f"{app.environment:<10}",
        "running" if app.running else "not running",
        f"{app.strikes} strike{'' if app.strikes == 1 else 's'}",
        *(["VoIP is stopped: reinstall or reset"] if app.is_stopped else []),
        *(f"call {terminal.show(one)} rings" for one in app.calls),
    ]
    return "  ".join(words)


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
