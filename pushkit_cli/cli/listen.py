"""`pushkit listen`: a local APNs, and the devices behind it."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pushkit_cli.apns.push import PushType, known_type
from pushkit_cli.apns.words import meant, no_push_type
from pushkit_cli.cli import offers
from pushkit_cli.cli.app_options import app_options, app_under_test, device_policy
from pushkit_cli.cli.fault_options import fault_options, given_faults
from pushkit_cli.cli.judged import WithCommand, inside, judged, run_judged
from pushkit_cli.cli.judged import trial as read_trial
from pushkit_cli.cli.options import json_option
from pushkit_cli.cli.render import Terminal
from pushkit_cli.cli.switches import export_terms, policy, switches
from pushkit_cli.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from pushkit_cli.engine.listener import DeviceSpec, Options, Running, TokenSpec

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(
    cls=WithCommand,
    epilog="Example: pushkit listen --expect voip=1 --expect call-reported=1 -- npm test",
)
@click.option(
    "--app",
    "apps",
    multiple=True,
    metavar="BUNDLE_ID",
    shell_complete=offers.apps,
    allow_from_autoenv=False,
    help="An app on every device, or in its place an MDM topic or a pass type id; "
    "com.example.pushkit where none is named.",
)
@click.option(
    "--device",
    "devices",
    multiple=True,
    metavar="NAME[:PLATFORM]",
    allow_from_autoenv=False,
    help="A device; iphone and watch where none is named. Platforms: ios, ipados, macos, "
    "visionos, watchos.",
)
@click.option(
    "--token",
    "tokens",
    multiple=True,
    metavar="[DEVICE/]TYPE=HEX",
    allow_from_autoenv=False,
    help="Give a device's sandbox token a value your fixtures hold: 32 to 100 bytes as Apple's "
    "have, and shorter ones (ours). One that has ended stays so.",
)
@click.option("--team-id", metavar="ID", help="The team that owns the apps and the key.")
@click.option("--key-id", metavar="ID", help="The key's id; else from its file's name.")
@click.option(
    "--key",
    type=_FILE,
    help="Verify provider tokens with this key (.p8, or its public half) instead of a local one.",
)
@click.option(
    "--host",
    metavar="ADDR",
    allow_from_autoenv=False,
    help="Listen on this address instead of 127.0.0.1 and ::1.",
)
@click.option(
    "--san",
    "sans",
    multiple=True,
    metavar="NAME",
    allow_from_autoenv=False,
    help="A host name or address that the listener's certificate holds besides.",
)
@click.option(
    "--client-ca",
    "client_authorities",
    type=_FILE,
    multiple=True,
    allow_from_autoenv=False,
    help="Accept client certificates of this authority too (PEM), beside those of "
    "`pushkit certificate`.",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Sandbox port: 2197; 0, and a command, find one."
)
@click.option(
    "--production-port", type=click.IntRange(0, 65535), help="Production port: 2198; 0 finds one."
)
@click.option(
    "--manage-port",
    type=click.IntRange(0, 65535),
    metavar="N",
    help="Where sandbox channels are managed: Apple's 2195, or a free port where --port is not "
    "2197. Ours: the port for pushes answers for channels too.",
)
@click.option(
    "--manage-production-port",
    type=click.IntRange(0, 65535),
    metavar="N",
    help="The same for production: Apple's 2196, or a free port.",
)
@click.option(
    "--ephemeral/--keep",
    default=None,
    help="Forget everything at the end (the default with a command), or keep state between runs "
    "(--keep, the default without).",
)
@click.option(
    "--seed",
    type=int,
    help="Tokens follow from it (without it those of 0), the chance of faults, and ids, so that a "
    "run can be played again.",
)
@switches
@app_options
@fault_options
@click.option("--ready-file", type=_FILE, help="Write the ready object here as well.")
@click.option("--events", type=_FILE, help="Append every event to this file as NDJSON.")
@judged
@json_option
@click.pass_obj
def command(terminal: Terminal, /, events: Path | None, **words: Any) -> int:
    """Run a local APNs with an iPhone and a watch behind it, until ^C.

    Real HTTP/2 over TLS on 127.0.0.1 and ::1, sandbox and production, judged as strictly as
    Apple's. Nothing needs to be registered first.

    With a command behind -- it runs until that ends: on free ports, with a home of its own, and
    with variables that point the command at it (those of pushkit env). The command's own failure
    is the exit code, else 7 where something expected is missing or a device rule was broken: an
    app was terminated, or VoIP pushes stopped, and no --expect says that this was meant.
    """
    from pushkit_cli.cli.screens import ready_lines
    from pushkit_cli.cli.telling import Teller
    from pushkit_cli.engine.listener import Running, run

    command = inside(terminal, events)
    trial = read_trial(words, command, terminal)
    with Teller(terminal, events, inside=command is not None) as teller:

        def started(listener: Running) -> None:
            teller.now = listener.now
            teller.object(listener.ready)
            _warn(words, listener, terminal)
            if not terminal.as_json and command is None:
                teller.say("Ready. A local APNs, with devices behind it.  ^C stops it.")
                is_ephemeral = bool(words["ephemeral"])
                teller.say(ready_lines(listener.ready, terminal, is_ephemeral=is_ephemeral) + "\n")

        options = _options(words, terminal, inside=command is not None)
        if trial is not None:
            return run_judged(options, trial, terminal, started, teller, junit=words["junit"])
        run(options, started=started, tell=teller.tell)
        teller.closed()
    return ExitCode.DONE


def _warn(words: dict[str, Any], listener: "Running", terminal: Terminal) -> None:
    if listener.exposed:
        terminal.warn(
            f"{words['host']} can be reached from other machines: whoever does can send here and "
            "be answered; this is a tool for tests"
        )
    if words["auth"] == "any":
        terminal.warn(
            "--auth any: provider tokens of any key are taken, and no signature is looked at. "
            "Apple would answer InvalidProviderToken."
        )


def _options(words: dict[str, Any], terminal: Terminal, *, inside: bool) -> "Options":
    from pushkit_cli.engine import doors, listener, local
    from pushkit_cli.engine.registering import check_bundle_id

    port, production, ephemeral = words["port"], words["production_port"], words["ephemeral"]
    if port is None:
        port = 0 if inside else doors.SANDBOX_PORT
    if production is None:
        production = 0 if inside or port == 0 else doors.PRODUCTION_PORT
    if port == production != 0:
        raise UsageError("both environments on one port", hint="name another --production-port")
    return listener.Options(
        home=None if (inside if ephemeral is None else ephemeral) else terminal.home,
        apps=tuple(check_bundle_id(app) for app in words["apps"]),
        devices=tuple(_device(text) for text in words["devices"]),
        tokens=tuple(_token(text) for text in words["tokens"]),
        team_id=words["team_id"] or local.TEAM_ID,
        key_id=words["key_id"],
        key=words["key"],
        port=port,
        production_port=production,
        manage_port=words["manage_port"],
        manage_production_port=words["manage_production_port"],
        seed=words["seed"],
        host=words["host"],
        sans=words["sans"],
        policy=policy(words),
        client_authorities=words["client_authorities"],
        ready_file=words["ready_file"],
        app=app_under_test(words, terminal.variables),
        device_policy=device_policy(words),
        exports=export_terms(words),
        is_clock_manual=words["clock"] != "system",
        clock_at=words["clock"] if isinstance(words["clock"], float) else None,
        faults=given_faults(words),
    )


def _device(text: str) -> "DeviceSpec":
    from pushkit_cli.engine.listener import PLATFORMS, DeviceSpec
    from pushkit_cli.engine.targets import as_token

    name, _, platform = text.partition(":")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,63}", name) or as_token(name):
        raise UsageError(f"{name} cannot name a device", hint="use letters, digits and hyphens")
    platform = platform or ("watchos" if name.startswith("watch") else "ios")
    if platform not in PLATFORMS:
        raise UsageError(
            f"no platform is called {platform}{meant(platform, PLATFORMS)}",
            hint=f"there are {', '.join(PLATFORMS)}",
        )
    return DeviceSpec(name=name, platform=platform)


def _token(text: str) -> "TokenSpec":
    from pushkit_cli.engine.listener import TokenSpec

    place, equals, token = text.partition("=")
    device, slash, kind = place.rpartition("/")
    push_type = known_type(kind)
    if equals and push_type is None:
        raise no_push_type(kind)
    if not equals or push_type is None:
        raise UsageError(
            f"--token {text} is not [DEVICE/]TYPE=HEX", hint=f"TYPE: {', '.join(PushType)}"
        )
    if not re.fullmatch(r"(?:[0-9a-fA-F]{2}){1,100}", token):
        raise UsageError(
            f"--token {text}: the value is not hexadecimal", hint="two digits a byte, up to 100"
        )
    return TokenSpec(device=device if slash else None, type=push_type, token=token.lower())
