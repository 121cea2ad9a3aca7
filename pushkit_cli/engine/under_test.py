"""What the app under test is, as a listener is told, and who then plays it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pushkit_cli.apns.push import PushType
from pushkit_cli.emulator.exports import ExportTerms as ExportTerms
from pushkit_cli.emulator.state import State
from pushkit_cli.engine import hooks
from pushkit_cli.engine.app_host import AppHost, BadApp, Feed, GoodApp, Manner
from pushkit_cli.engine.app_launch import look
from pushkit_cli.engine.app_module import app_module
from pushkit_cli.engine.app_process import AppSpec
from pushkit_cli.engine.child_env import child_environment
from pushkit_cli.engine.clock import Clock
from pushkit_cli.engine.outside import OutsideApp
from pushkit_cli.errors import StoreError
from pushkit_cli.phone.paths import Place
from pushkit_cli.phone.policy import DevicePolicy, Slot
from pushkit_cli.store.files import Home, read_private

__all__ = ["Builtin", "DevicePolicy", "Factory", "Forwarded", "Hook", "Place", "Slot", "UnderTest",
    "factory", "secret_file"]  # fmt: skip

Factory = Callable[[Feed, Clock], AppHost]


@dataclass(frozen=True, slots=True, kw_only=True)
class Builtin:
    """An app that is built in; `manner` `None`: it does everything right."""

    manner: Manner | None = None
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A command, as words; `variables` are those of this process."""

    command: tuple[str, ...]
    variables: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forwarded:
    """URLs by push type, `None`: for every other; `variables` are those of this process."""

    urls: Mapping[PushType | None, str]
    variables: Mapping[str, str]


UnderTest = Builtin | Hook | Forwarded | AppSpec


def factory(
    app: UnderTest, state: State, *, secret_file: Path | None, facts: Mapping[str, Any]
) -> Factory:
    """Who plays it in a world of this state. `facts` is the ready object, once there is one.

    Raises ConfigError where that cannot work, so that it is known before the listener is ready.
    """
    match app:
        case Builtin(manner=None):
            return lambda feed, _: GoodApp(feed)
        case Builtin(manner=manner, delay_s=delay_s):
            assert manner is not None
            return lambda feed, clock: BadApp(feed, clock, manner, delay_s=delay_s)
        case Hook(command=command, variables=variables):
            environment = child_environment(variables)
            hooks.check(command, environment)
            run = hooks.Hooks(command, environment, facts)
            return lambda feed, _: OutsideApp(feed, run.handle, run.close, seats=hooks.SEATS)
        case AppSpec():
            look(app)
            return app_module(app, state)
        case Forwarded():
            return _forwarding(app, secret_file)


def secret_file(app: UnderTest, home: Home) -> Path | None:
    """The file with the secret that signs what is forwarded; `None` where nothing is."""
    if not isinstance(app, Forwarded):
        return None
    from pushkit_cli.engine.forward import secret_of

    return secret_of(home)


def _forwarding(app: Forwarded, secret_file: Path | None) -> Factory:
    from pushkit_cli.engine import forward  # httpx: only where something is forwarded

    secret = None if secret_file is None else read_private(secret_file)
    if secret is None:
        raise StoreError(f"{secret_file} is gone", hint="start the listener again")
    post = forward.Forward(app.urls, secret=secret, variables=app.variables)
    return lambda feed, _: OutsideApp(feed, post.handle, post.close, seats=forward.SEATS)
