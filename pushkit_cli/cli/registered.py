"""`pushkit register list`, `show` and `remove`, and how a registered thing is shown."""

from typing import TYPE_CHECKING, Any

import click

from pushkit_cli.apns.push import fingerprint
from pushkit_cli.cli import offers
from pushkit_cli.cli.options import json_option
from pushkit_cli.cli.render import Terminal
from pushkit_cli.cli.text import short_token
from pushkit_cli.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from pushkit_cli.engine.registered import Item

_KINDS = ("app", "key", "device", "export-token")


@click.command("list", epilog="Example: pushkit register list")
@json_option
@click.pass_obj
def listing(terminal: Terminal, /) -> int:
    """List everything that is registered."""
    from pushkit_cli.engine.registered import items

    found = items(terminal.setting())
    for item in found:
        shown(terminal, item, whole=False)
    if not found:
        terminal.say("nothing is registered; `pushkit listen` needs nothing")
    return ExitCode.DONE


@click.command("show", epilog="Example: pushkit register show app com.example.app")
@click.argument("kind", type=click.Choice(_KINDS))
@click.argument("name", shell_complete=offers.registered)
@json_option
@click.pass_obj
def show(terminal: Terminal, /, kind: str, name: str) -> int:
    """Show what goes by a name; no secret is part of it."""
    from pushkit_cli.engine.registered import find

    for item in find(terminal.setting(), kind, name):
        shown(terminal, item, whole=True)
    return ExitCode.DONE


@click.command("remove", epilog="Example: pushkit register remove key ABC123DEFG")
@click.argument("kind", type=click.Choice(_KINDS))
@click.argument("name", shell_complete=offers.registered)
@click.option(
    "--local",
    "is_local",
    is_flag=True,
    allow_from_autoenv=False,
    help="Revoke a key that the local APNs knows, instead of one's own.",
)
@json_option
@click.pass_obj
def remove(terminal: Terminal, /, kind: str, name: str, is_local: bool) -> int:
    """Remove a thing and every copy of its secrets."""
    from pushkit_cli.engine import emulated_keys, registered
    from pushkit_cli.engine.registering import Change

    setting = terminal.setting()
    if is_local and kind != "key":
        raise UsageError(
            f"the local APNs keeps every {kind} it has seen", hint="--local goes with a key"
        )
    if is_local:
        emulated_keys.revoke_key(setting, name)
    else:
        registered.remove(setting, setting.cabinet(), kind, name)
    return said(terminal, kind, name, Change.removed)


def said(terminal: Terminal, kind: str, name: str, change: Any, **facts: Any) -> int:
    """Say what became of a registration."""
    if terminal.as_json:
        body = {"v": 1, "event": str(change), "kind": kind, "name": name, **facts}
        terminal.object(body)
    else:
        terminal.data(f"{change}  {kind}  {terminal.show(name)}")
    return ExitCode.DONE


def shown(terminal: Terminal, item: "Item", *, whole: bool) -> None:
    """Show a registered thing, in one line or whole."""
    facts = dict(item.facts)
    tokens = facts.pop("tokens", {})
    if terminal.as_json:
        terminal.object(_object(item, facts, tokens))
        return
    short = {kind: short_token(one, ascii_only=terminal.ascii_only) for kind, one in tokens.items()}
    pairs = {**facts, **short}
    words = [f"{name} {terminal.show(str(value))}" for name, value in pairs.items() if value]
    first = f"{item.kind:<12}  {terminal.show(item.name)}"
    if not whole:
        terminal.data("  ".join([first, *words]))
        return
    for line in (first, *(f"  {word}" for word in words)):
        terminal.data(line)


def _object(item: "Item", facts: dict[str, Any], tokens: dict[str, str]) -> dict[str, Any]:
    return {
        "v": 1,
        "event": "item",
        "kind": item.kind,
        "name": item.name,
        "origin": item.origin,
        **facts,
        "tokens": {
            kind: {"token": short_token(one, ascii_only=True), "token_fp": fingerprint(one)}
            for kind, one in tokens.items()
        },
    }
