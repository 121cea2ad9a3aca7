"""`pushkit register`: keys, apps, devices and export tokens."""

import re
from pathlib import Path
from typing import Any

import click

from pushkit_cli.apns.push import Environment, PushType, fingerprint
from pushkit_cli.apns.words import no_push_type
from pushkit_cli.cli import offers, register_local, registered
from pushkit_cli.cli.options import TYPE_NAME, environments, file_bytes, json_option
from pushkit_cli.cli.registered import said
from pushkit_cli.cli.render import Terminal
from pushkit_cli.errors import ExitCode, UsageError

_FILE = click.Path(path_type=Path, dir_okay=False, allow_dash=True)
_WORLDS = tuple(str(one) for one in Environment)
_ENVIRONMENTS = (*_WORLDS, "both")
_DATASETS = ("delivery", "broadcast-app", "broadcast-channel")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,63}")
_team = click.option("--team-id", metavar="ID", help="Ten characters, under Membership.")
_key_id = click.option("--key-id", metavar="ID", help="Else from the file's name, AuthKey_ID.p8.")
_local = click.option(
    "--local",
    "is_local",
    is_flag=True,
    allow_from_autoenv=False,
    help="Make it known to the local APNs, and keep nothing that signs.",
)
_replace = click.option(
    "--replace",
    "replacing",
    is_flag=True,
    allow_from_autoenv=False,
    help="Take the place of another of the same name.",
)


@click.group(epilog="Example: pushkit register key AuthKey_ABC123DEFG.p8 --team-id DEF123GHIJ")
def command() -> None:
    """Register keys, apps, devices and export tokens."""


for _one in (registered.listing, registered.show, registered.remove):
    command.add_command(_one)


@command.command("key", epilog="Example: pushkit register key AuthKey_ABC123DEFG.p8 --team-id T")
@click.argument("file", type=_FILE)
@_team
@_key_id
@click.option("--env", type=click.Choice(_ENVIRONMENTS), default="both", show_default=True,
    help="Where it is good for.")  # fmt: skip
@click.option("--topic", "topics", multiple=True, allow_from_autoenv=False, metavar="BUNDLE_ID",
    shell_complete=offers.apps,
    help="An app of a topic-specific key; none for a team-scoped one.")  # fmt: skip
@click.option("--related", metavar="ID",
    help="With --local: the key that a topic-specific key rotates with.")  # fmt: skip
@_local
@_replace
@json_option
@click.pass_obj
def key(terminal: Terminal, /, file: Path, team_id: str | None, key_id: str | None, env: str,
        topics: tuple[str, ...], related: str | None, is_local: bool, replacing: bool
        ) -> int:  # fmt: skip
    """Keep a signing key (FILE.p8, or - for standard input) after checking it.

    With --local the local APNs verifies provider tokens with it; FILE may be its public half.
    """
    from pushkit_cli.engine.registering import register_key

    if is_local:
        scope = register_local.scope(env, topics, related)
        owner = _needed(team_id, "--team-id")
        return register_local.key(terminal, file, owner, key_id, scope, replacing=replacing)
    if related is not None:
        raise UsageError("--related is for the local APNs", hint="add --local")
    drawer = terminal.setting().cabinet().drawer
    named, change = register_key(
        drawer,
        file_bytes(file),
        name=None if str(file) == "-" else file,
        team_id=_needed(team_id, "--team-id"),
        key_id=key_id,
        environments=environments(env),
        topics=topics,
        replacing=replacing,
    )
    return said(terminal, "key", named, change)


@command.command("app", epilog="Example: pushkit register app com.example.app --team-id T --key K")
@click.argument("bundle_id", shell_complete=offers.apps)
@_team
@_key_id
@click.option("--key", "key_file", type=_FILE, help="The key itself: registered as well.")
@click.option("--cert", type=_FILE, help="A push certificate, PEM or PKCS#12.")
@click.option("--cert-key", type=_FILE, help="Its key, where it stands in a file of its own.")
@click.option("--password-file", type=_FILE, help="Its password, in a file.")
@click.option("--env", type=click.Choice(_ENVIRONMENTS), default="both", show_default=True,
    help="Where it is good for.")  # fmt: skip
@_local
@_replace
@json_option
@click.pass_obj
def app(terminal: Terminal, /, bundle_id: str, env: str, is_local: bool, replacing: bool,
        **given: Any) -> int:  # fmt: skip
    """Register an app: what signs for it, or nothing more than its name for the emulator.

    With --local it is the emulator's app of the team that --team-id names.
    """
    from pushkit_cli.engine.registering import check_bundle_id, register_app

    check_bundle_id(bundle_id)
    if is_local or not any(given.values()):
        return register_local.app(terminal, bundle_id, given, replacing=replacing)
    drawer = terminal.setting().cabinet().drawer
    change = register_app(
        drawer,
        bundle_id,
        _material(given),
        environments=environments(env),
        replacing=replacing,
    )
    return said(terminal, "app", bundle_id, change)


@command.command("device", epilog="Example: pushkit register device bob --app com.example.app "
    "--type voip --token HEX --env sandbox")  # fmt: skip
@click.argument("name", shell_complete=offers.devices)
@click.option(
    "--app",
    required=True,
    metavar="BUNDLE_ID",
    shell_complete=offers.apps,
    help="The app the token belongs to.",
)
@click.option("--type", "kinds", type=TYPE_NAME, multiple=True, allow_from_autoenv=False,
    help="The token's push type; for an emulated device more than once.")  # fmt: skip
@click.option("--platform", default="ios", show_default=True, help="Of an emulated device.")
@click.option("--os", metavar="VERSION", help="Of an emulated device.")
@click.option("--token", metavar="HEX", help="A real device's token; else it is emulated.")
@click.option("--env", type=click.Choice(_WORLDS), help="A real token's environment.")
@_replace
@json_option
@click.pass_obj
def device(terminal: Terminal, /, name: str, token: str | None, **given: Any) -> int:
    """Write a real device's token down, or make an emulated device: its tokens come back."""
    from pushkit_cli.engine.targets import as_token

    if as_token(name) is not None:
        raise UsageError(f"{name} looks like a token, not a name", hint="choose a shorter name")
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name} cannot name a device", hint="use letters, digits and hyphens")
    if token is None:
        return _emulated(terminal, name, given)
    found = as_token(token)
    if found is None:
        raise UsageError("the token is neither hex nor base64", hint="16 bytes or more")
    return _recorded(terminal, name, found, given)


def _emulated(terminal: Terminal, name: str, given: dict[str, Any]) -> int:
    from pushkit_cli.engine import emulated
    from pushkit_cli.engine.registering import Change, check_bundle_id

    changed, tokens = emulated.register_device(
        terminal.setting(),
        name,
        app=check_bundle_id(given["app"]),
        platform=given["platform"],
        os=given["os"],
        types=tuple(_kind(one) for one in given["kinds"]),
    )
    done = Change.registered if changed else Change.unchanged
    code = said(terminal, "device", name, done, environment="local", tokens=tokens)
    if not terminal.as_json:
        for kind, value in tokens.items():
            terminal.data(f"  {kind}  {value}")
    return code


def _recorded(terminal: Terminal, name: str, token: str, given: dict[str, Any]) -> int:
    from pushkit_cli.engine.registering import register_device

    if given["env"] is None:
        raise UsageError(
            "a real token belongs to one environment",
            hint="--env sandbox (Xcode builds) or --env production (TestFlight, App Store)",
        )
    if len(given["kinds"]) != 1:
        raise UsageError("a token is for one push type", hint="--type voip")
    drawer = terminal.setting().cabinet().drawer
    change = register_device(
        drawer,
        name,
        app=given["app"],
        environment=Environment(given["env"]),
        tokens={_kind(given["kinds"][0]): token},
        replacing=given["replacing"],
    )
    return said(terminal, "device", name, change, token_fp=fingerprint(token))


@command.command("use-key", epilog="Example: pushkit register use-key K --team-id T --env sandbox")
@click.argument("key_id", shell_complete=offers.keys)
@_team
@click.option("--env", required=True, type=click.Choice(_WORLDS), help="Where it signs.")
@json_option
@click.pass_obj
def use_key(terminal: Terminal, /, key_id: str, team_id: str | None, env: str) -> int:
    """Sign for every app of a team with another key from now on."""
    from pushkit_cli.engine.registering import Change
    from pushkit_cli.engine.registering import use_key as rotate

    cabinet = terminal.setting().cabinet()
    apps = rotate(
        cabinet.drawer,
        cabinet.cache,
        key_id,
        team_id=_needed(team_id, "--team-id"),
        environment=Environment(env),
    )
    for name in apps:
        said(terminal, "app", name, Change.registered, key_id=key_id, environment=env)
    if not apps:
        terminal.warn(f"no app of team {team_id} is registered: nothing changed")
    return ExitCode.DONE


@command.command("export-token", epilog="Example: pushkit register export-token --app B "
    "--dataset delivery --token-file -")  # fmt: skip
@click.option(
    "--app",
    required=True,
    metavar="BUNDLE_ID",
    shell_complete=offers.apps,
    help="The app it is for.",
)
@click.option("--dataset", required=True, type=click.Choice(_DATASETS), help="What it exports.")
@click.option("--token-file", type=_FILE, help="Where the token stands; else it is asked for.")
@click.option("--env", type=click.Choice(["local"]),
    help="Make one that the emulator takes, and print it.")  # fmt: skip
@_replace
@json_option
@click.pass_obj
def export_token(
    terminal: Terminal, /, app: str, dataset: str, token_file: Path | None, env: str | None,
    replacing: bool,
) -> int:  # fmt: skip
    """Keep a data export token; it is read from a file or a hidden prompt, never an argument."""
    from pushkit_cli.engine.registering import check_bundle_id, register_export_token

    if env is not None:
        return register_local.export_token(terminal, check_bundle_id(app), dataset, token_file)
    raw = terminal.ask_secret("Data export token") if token_file is None else file_bytes(token_file)
    drawer = terminal.setting().cabinet().drawer
    change = register_export_token(drawer, check_bundle_id(app), dataset, raw, replacing=replacing)
    return said(terminal, "export-token", f"{app}/{dataset}", change)


def _material(given: dict[str, Any]) -> Any:
    from pushkit_cli.engine.registering import Material

    def with_bytes(path: Path | None) -> tuple[Path, bytes] | None:
        return None if path is None else (path, file_bytes(path))

    password = given["password_file"]
    cert_key = given["cert_key"]
    return Material(
        team_id=_needed(given["team_id"], "--team-id"),
        key_id=given["key_id"],
        key=with_bytes(given["key_file"]),
        certificate=with_bytes(given["cert"]),
        certificate_key=None if cert_key is None else file_bytes(cert_key),
        password=None if password is None else file_bytes(password).strip(b"\r\n"),
    )


def _needed(value: str | None, option: str) -> str:
    if value is None:
        raise UsageError(f"{option} is missing", hint=f"add {option}")
    return value


def _kind(word: str) -> PushType:
    try:
        return PushType(word)
    except ValueError as error:
        raise no_push_type(word) from error
