"""The app under test and its device: the options of `listen` that say how they behave."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pushkit_cli.apns.push import known_type
from pushkit_cli.apns.words import seconds_in
from pushkit_cli.cli.options import CLOCK, DURATION
from pushkit_cli.errors import UsageError

if TYPE_CHECKING:
    from pushkit_cli.apns.push import PushType
    from pushkit_cli.engine.app_process import AppSpec
    from pushkit_cli.engine.under_test import DevicePolicy, Place, UnderTest

_Function = TypeVar("_Function", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--app-module",
        metavar="FILE.py:CLASS",
        allow_from_autoenv=False,
        help="Run this delegate as the app on every device: a class that uses pushkit_cli.pushkit, "
        "in a process of its own. Ours: 8 processes at once, 30 s to return, 64 KB of output a "
        "push.",
    ),
    click.option(
        "--app-behavior",
        metavar="never-reports|slow=5s|crashes|no-completion|hangs",
        help="How the app that is built in misbehaves; without it, it reports every call at once. "
        "What a phone makes of each is documented or observed, hangs is our word.",
    ),
    click.option(
        "--on-push",
        metavar="CMD",
        allow_from_autoenv=False,
        help="The app is this command, without a shell: the payload on stdin, exit 0 is a reported "
        "call. At most eight run at once (ours).",
    ),
    click.option(
        "--forward-to",
        multiple=True,
        metavar="[TYPE=]URL",
        allow_from_autoenv=False,
        help="The app is this URL: each push is POSTed there, signed; a 2xx is a reported call.",
    ),
    click.option(
        "--call-id-path",
        metavar="PATH",
        help="Where a VoIP body names its call; else the first of callUUID, uuid, callId, call_id "
        "(ours).",
    ),
    click.option(
        "--cancel-if",
        metavar="PATH=VALUE",
        help="What makes a VoIP body a cancel, which has to be reported like any other (ours).",
    ),
    click.option(
        "--via-nse",
        metavar="PATH",
        help="Where an alert with mutable-content holds an object, a notification service "
        "extension finds a call there, as an encrypted messenger's does, and the app is handed it "
        "as a VoIP push. Ours: the path stands for decryption, and for its entitlement.",
    ),
    click.option(
        "--strikes",
        type=click.IntRange(min=1),
        default=3,
        show_default=True,
        metavar="N",
        help="Calls not reported, and crashes, until no VoIP push is handed over any more. Ours: "
        "that it happens is documented, the number is not.",
    ),
    click.option(
        "--stale-after",
        type=DURATION,
        default="30s",
        show_default=True,
        help="Age of a push from which iOS 26.4 insists on no report any more (ours).",
    ),
    click.option(
        "--attempt-window",
        type=DURATION,
        default="30s",
        show_default=True,
        help="How long a push with expiration 0 is tried for a device that is away. Ours: Apple "
        "says that one attempt may take some time.",
    ),
    click.option(
        "--slot",
        type=click.Choice(["token", "bundle"]),
        default="token",
        show_default=True,
        help="APNs stores one push for each device token, or for each app on a device. Apple's "
        "text says both; whether a call and an alert share a slot is not known.",
    ),
    click.option(
        "--store-chaos",
        type=click.IntRange(min=0),
        metavar="SEED",
        help="Of two pushes for one slot chance keeps one, and what was kept arrives in any order. "
        "Documented: neither is guaranteed; ours: how it is drawn.",
    ),
    click.option(
        "--forgive/--no-forgive",
        default=False,
        show_default=True,
        help="A reported call takes the strikes back. Ours: Apple does not say.",
    ),
    click.option(
        "--clock",
        type=CLOCK,
        default="system",
        show_default=True,
        help="manual: the emulator's time stands still until `pushkit clock advance`; a TIME, as "
        "2026-11-25T09:30:00Z: it does so from then on.",
    ),
)


def app_options(function: _Function) -> _Function:
    """Give a command all of them."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def app_under_test(words: Mapping[str, Any], variables: Mapping[str, str]) -> "UnderTest":
    """What plays the app. Raises UsageError where two things should."""
    from pushkit_cli.engine.under_test import Builtin, Forwarded, Hook

    names = ("app_behavior", "on_push", "forward_to", "app_module")
    said = [f"--{name.replace('_', '-')}" for name in names if words.get(name)]
    if len(said) > 1:
        raise UsageError(f"{' and '.join(said)}: one app cannot be both", hint="name one of them")
    if words.get("app_module") is not None:
        return _module(words["app_module"])
    if words["on_push"] is not None:
        from pushkit_cli.engine.hooks import command_of

        return Hook(command=command_of(words["on_push"]), variables=variables)
    if words["forward_to"]:
        return Forwarded(urls=_urls(words["forward_to"]), variables=variables)
    return Builtin() if words["app_behavior"] is None else _behavior(words["app_behavior"])


def _module(text: str) -> "AppSpec":
    from pushkit_cli.engine.app_process import AppSpec

    file, colon, name = text.rpartition(":")
    if not colon or not file or not name.isidentifier():
        raise UsageError(f"--app-module {text} is not FILE.py:CLASS", hint="like app.py:MyDelegate")
    return AppSpec(file=Path(file), name=name)


def device_policy(words: Mapping[str, Any]) -> "DevicePolicy":
    """What the switches say of a device."""
    from pushkit_cli.engine.under_test import DevicePolicy, Slot

    return DevicePolicy(
        strikes=words["strikes"],
        forgive=words["forgive"],
        stale_after_s=words["stale_after"],
        attempt_window_s=words["attempt_window"],
        slot=Slot(words["slot"]),
        store_chaos=words["store_chaos"],
        call_id=_place("--call-id-path", words["call_id_path"], has_value=False),
        cancel=_place("--cancel-if", words["cancel_if"], has_value=True),
        via_nse=_place("--via-nse", words["via_nse"], has_value=False),
    )


def _behavior(text: str) -> "UnderTest":
    from pushkit_cli.engine.app_host import Manner
    from pushkit_cli.engine.under_test import Builtin

    word, equals, rest = text.partition("=")
    hint = "--app-behavior never-reports|slow=5s|crashes|no-completion|hangs"
    if word not in [one.value for one in Manner]:
        raise UsageError(f"no app behaves {text}", hint=hint)
    manner = Manner(word)
    if (manner is Manner.SLOW) != bool(equals):
        raise UsageError(
            "how slow? slow=5s" if manner is Manner.SLOW else f"{word} takes no value", hint=hint
        )
    delay_s = seconds_in(rest) if equals else 0.0
    if delay_s is None:
        raise UsageError(f"{rest} is not a duration", hint="write 500ms, 30s or 5m")
    return Builtin(manner=manner, delay_s=delay_s)


def _urls(given: tuple[str, ...]) -> "dict[PushType | None, str]":
    from pushkit_cli.engine.forward import check

    urls: dict[PushType | None, str] = {}
    for text in given:
        word, equals, rest = text.partition("=")
        kind = known_type(word) if equals else None
        url = text if kind is None else rest
        check(url, kind)
        if kind in urls:
            which = "every type" if kind is None else kind
            raise UsageError(f"--forward-to: two URLs for {which}", hint="an app is in one place")
        urls[kind] = url
    return urls


def _place(option: str, text: str | None, *, has_value: bool) -> "Place | None":
    from pushkit_cli.engine.under_test import Place

    if text is None:
        return None
    path, equals, value = text.partition("=")
    names = tuple(path.split("."))
    if not all(names) or bool(equals) is not has_value:
        wanted = "PATH=VALUE, as kind=cancel" if has_value else "a dotted path, as meta.callId"
        raise UsageError(f"{option} {text} is not {wanted}", hint="names joined by dots")
    return Place(path=names, value=value if equals else None)
