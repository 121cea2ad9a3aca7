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


def export_token(terminal: Terminal, app: str, dataset: str, file: Path | None) -> int:
    """Make an export token for the emulator; it opens nothing of Apple's, so it is shown."""
    from pushkit_cli.apns.exports import Dataset
    from pushkit_cli.engine.export_tokens import local_token
    from pushkit_cli.engine.registering import Change

    if file is not None:
        raise UsageError("the emulator makes its own tokens", hint="leave --token-file out")
    token, team_id = local_token(terminal.setting(), app, Dataset(dataset))
    facts = {"environment": "local", "team_id": team_id, "token": token}
    code = said(terminal, "export-token", f"{app}/{dataset}", Change.registered, **facts)
    if not terminal.as_json:
        terminal.data(f"  {token}")
    return code
