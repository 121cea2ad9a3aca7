"""What `pushkit doctor` looks at, in order: what a later look needs is looked at before it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from pushkit_cli.apns.push import fingerprint
from pushkit_cli.engine import doctor_credentials, doctor_home, doctor_reach, doctor_token, targets
from pushkit_cli.engine.finding import Finding, Level, note, problem
from pushkit_cli.engine.passage import Passage
from pushkit_cli.engine.setting import Setting
from pushkit_cli.engine.where import Target, Way, is_loopback, parse_endpoint
from pushkit_cli.errors import ExitCode


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope(Way):
    """What to look at; `None` is "not said"."""

    app: str | None = None
    to: str | None = None
    env: Target | None = None


def examine(scope: Scope, setting: Setting) -> Iterator[Finding]:
    """Everything there is to say; where something is wrong here, nobody is asked.

    Raises UsageError where what was said makes no sense.
    """
    yield from doctor_home.program(setting)
    files = [*doctor_home.home(setting), *doctor_home.project(setting)]
    yield from files
    if any(one.exit_code is ExitCode.CONFIG for one in files):
        return
    listener, about = doctor_reach.listener_of(setting)
    here = [
        *doctor_credentials.credentials(setting, scope.app),
        *about,
        *doctor_reach.proxies(setting),
    ]
    yield from here
    if not any(one.exit_code is ExitCode.CONFIG for one in here):
        yield from _outside(scope, setting, listener)


def _outside(scope: Scope, setting: Setting, listener: dict[str, Any] | None) -> Iterator[Finding]:
    known = targets.known(listener, setting.book)
    stated = scope.env or _written(setting)
    recorded = set() if scope.to is None else targets.environments((scope.to,), known)
    if stated is not None and recorded and stated not in recorded and not _is_emulated(recorded):
        yield problem(
            "environment",
            f"{scope.to} is registered as {', '.join(recorded)}, and {stated} is stated",
            why="a token is of one environment: the other answers BadDeviceToken",
            remedy=f"--env {min(recorded)}; PUSHKIT_ENVIRONMENT and pushkit.toml may state it too",
        )
        return
    target = stated or next(iter(recorded), None) or _at_hand(scope, setting, listener)
    if target is None:
        yield note(
            "reach", "no environment is stated: no host was asked", remedy="pushkit doctor --env E"
        )
        return
    app = _app(scope, setting, target, listener)
    way = doctor_reach.way_there(target, scope, app, setting, listener)
    if isinstance(way, Finding):
        yield way
        return
    found = list(doctor_reach.reached(way))
    yield from found
    if scope.to is not None and not any(one.level is Level.PROBLEM for one in found):
        yield from _token(scope.to, target, stated, scope, setting, listener)


def _token(
    to: str,
    target: Target,
    stated: Target | None,
    scope: Scope,
    setting: Setting,
    listener: dict[str, Any] | None,
) -> Iterator[Finding]:
    known = targets.known(listener, setting.book)
    found = doctor_token.suspects(to, targets.as_token(to), scope.app, known, stated)
    for one in found:
        yield from doctor_token.belongs(one, _ways(one.app, target, scope, setting, listener))


def _ways(
    app: str, target: Target, scope: Scope, setting: Setting, listener: dict[str, Any] | None
) -> Iterator[tuple[Target, Passage]]:
    """The environments to ask, as far as something signs there; one endpoint is one."""
    places = [target] if scope.endpoint is not None else [target, doctor_token.other(target)]
    there = partial(doctor_reach.way_there, setting=setting, listener=listener)
    for place in places:
        way = there(place, scope, app)
        if isinstance(way, Passage):
            yield place, way


def _written(setting: Setting) -> Target | None:
    said = setting.book.environment
    return None if said is None else Target(said)


def _is_emulated(recorded: set[Target]) -> bool:
    """An emulated device has tokens of both worlds."""
    return all(one.is_local for one in recorded)


def _at_hand(scope: Scope, setting: Setting, listener: dict[str, Any] | None) -> Target | None:
    """The listener, where there is one or a variable or endpoint names one."""
    named = scope.endpoint or setting.variable("PUSHKIT_ENDPOINT")
    near = named is not None and is_loopback(parse_endpoint(named).host)
    return Target.local if listener is not None or near else None


def _app(
    scope: Scope, setting: Setting, target: Target, listener: dict[str, Any] | None
) -> str | None:
    """Whose credential signs: of the app that was named, of the target's, or of the first."""
    if scope.app is not None:
        return scope.app
    token = None if scope.to is None else targets.as_token(scope.to)
    for name, device in setting.book.devices.items():
        tokens = {fingerprint(one) for one in device.tokens.values()}
        if scope.to == name or (token is not None and fingerprint(token) in tokens):
            return device.app
    if target.is_local:
        return None if listener is None else next(iter(listener["apps"]), None)
    apps = setting.book.apps.items()
    return next((name for name, app in apps if target.environment in app.credentials), None)
