"""`pushkit register … --local`: what the local APNs is to know of the user's teams and keys."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pushkit_cli.cli.options import environments, file_bytes
from pushkit_cli.cli.registered import said
from pushkit_cli.cli.render import Terminal
from pushkit_cli.errors import UsageError

if TYPE_CHECKING:
    from pushkit_cli.engine.emulated_keys import Scope


def scope(env: str, topics: tuple[str, ...], related: str | None) -> "Scope":
    """What a key is to be good for."""
    from pushkit_cli.engine.emulated_keys import Scope

    return Scope(environments=environments(env), topics=topics, related=related)


def key(
    terminal: Terminal,
    file: Path,
    team_id: str,
    key_id: str | None,
    scope: "Scope",
    *,
    replacing: bool,
) -> int:
    """Make a key's public half known."""
    from pushkit_cli.engine.emulated_keys import register_key

    named, change = register_key(
        terminal.setting(),
        file_bytes(file),
        file=None if str(file) == "-" else file,
        team_id=team_id,
        key_id=key_id,
        scope=scope,
        replacing=replacing,
    )
    return said(terminal, "key", named, change, environment="local")


def app(terminal: Terminal, bundle_id: str, given: dict[str, Any], *, replacing: bool) -> int:
    """Make an app known, by its name and team alone."""
    from pushkit_cli.engine.emulated_keys import homeless, register_app

    if any(value for name, value in given.items() if name != "team_id"):
        raise UsageError(
            "the local APNs keeps no credential of an app",
            hint=f"pushkit register key FILE --local; register app {bundle_id} without it",
        )
    change = register_app(terminal.setting(), bundle_id, given["team_id"], replacing=replacing)
    code = said(terminal, "app", bundle_id, change, environment="local")
    device = homeless(terminal.setting(), bundle_id)
    if device is not None:
        terminal.hint(
            "no device of the running listener has it yet: "
            f"pushkit register device {device} --app {bundle_id}"
        )
    return code
