"""Whom a push is for: a device by its name, a token in hex or base64, or nobody named."""

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pushkit_cli.apns.facts import Device
from pushkit_cli.apns.push import Environment, PushType, token_type, topic_for
from pushkit_cli.apns.words import meant
from pushkit_cli.engine.where import Target
from pushkit_cli.errors import NotSentError, UsageError
from pushkit_cli.store.book import Book

_SHORTEST_TOKEN = 16
"""In bytes; a shorter text is taken for a name. Ours: Apple's tokens have 32 or more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """One token to send to; `name` and `facts` are `None` where nothing is recorded about it."""

    token: str
    name: str | None = None
    app: str | None = None
    facts: Device | None = None
    is_emulated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One token that the listener issued, or that the book records."""

    name: str
    app: str
    environment: Environment
    type: PushType
    token: str
    is_emulated: bool
    recorded: str | None = None

    @property
    def target(self) -> Target:
        """The environment to send to."""
        if self.is_emulated:
            sandbox = self.environment is Environment.SANDBOX
            return Target.local if sandbox else Target.local_production
        return Target(self.environment)

    def recipient(self) -> Recipient:
        """As somebody to send to."""
        facts = Device(
            topic=topic_for(self.app, self.type),
            environment=self.environment,
            recorded=self.recorded,
        )
        return Recipient(
            token=self.token,
            name=self.name,
            app=self.app,
            facts=facts,
            is_emulated=self.is_emulated,
        )


def known(listener: dict[str, Any] | None, book: Book) -> tuple[Known, ...]:
    """Every token the listener issued, then every one the book records."""
    return (*_issued(listener), *_recorded(book))


def find(
    names: tuple[str, ...],
    *,
    known: tuple[Known, ...],
    push_type: PushType | None,
    app: str | None,
    target: Target,
    listening: bool,
) -> tuple[Recipient, ...]:
    """Resolve `--to`; the environment chooses among an emulated device's tokens.

    Raises UsageError where a name or the choice is not clear, NotSentError with nobody listening.
    """
    kind = None if push_type is None else token_type(push_type)
    fitting = [
        one
        for one in known
        if one.type is kind
        and app in (None, one.app)
        and (one.environment is target.environment or not one.is_emulated)
    ]
    if not names:
        emulated = [one for one in fitting if one.is_emulated]
        # Of several apps the listener's first is meant: the one it names in its first lines.
        first = [one for one in emulated if one.app == emulated[0].app]
        return (_only(first, push_type, target, listening).recipient(),)
    return tuple(_named(name, known, fitting, app) for name in names)


def _named(name: str, known: tuple[Known, ...], fitting: list[Known], app: str | None) -> Recipient:
    if any(one.name == name for one in known):
        mine = [one for one in fitting if one.name == name]
        if len({one.app for one in mine}) > 1:
            apps = ", ".join(one.app for one in mine)
            raise UsageError(f"{name} has several apps: {apps}", hint="say which with --app")
        if not mine:
            theirs = [one for one in known if one.name == name]
            have = sorted({one.type for one in theirs if app in (None, one.app)})
            others = list(dict.fromkeys(one.app for one in theirs))
            raise UsageError(
                f"{name} has no token for such a push",
                hint=f"it has tokens for {', '.join(have)}"
                if have
                else f"it has no app {app}: its apps are {', '.join(others)}",
            )
        return mine[0].recipient()
    token = as_token(name)
    if token is None:
        names = list(dict.fromkeys(one.name for one in known))
        raise UsageError(
            f"{name} is neither a device nor a token{meant(name, names)}",
            hint=f"devices known here: {', '.join(names) or 'none: nobody listens here'}",
        )
    for one in known:
        if one.token == token:
            return one.recipient()
    return Recipient(token=token)


def environments(names: tuple[str, ...], known: tuple[Known, ...]) -> set[Target]:
    """The environments recorded for the targets; an emulated device's name says `local`."""
    found = set()
    for name in names:
        token = as_token(name)
        mine = [one for one in known if one.name == name or one.token == token]
        if mine:
            found.add(mine[0].target)
    return found


def as_token(text: str) -> str | None:
    """A token in lower-case hex, from hex or base64; `None` for a text that is a name."""
    if re.fullmatch(r"[0-9a-fA-F]+", text) and len(text) >= 2 * _SHORTEST_TOKEN:
        return text.lower()
    try:
        raw = base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw.hex() if len(raw) >= _SHORTEST_TOKEN else None


def _only(
    fitting: list[Known], push_type: PushType | None, target: Target, listening: bool
) -> Known:
    if not target.is_local:
        raise UsageError(f"nobody is named to send to in {target}", hint="name --to")
    if not listening:
        raise NotSentError(
            "nobody listens here", hint="start `pushkit listen` in another shell, or name --to"
        )
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        raise UsageError(
            f"no emulated device has a {push_type} token", hint="name a token with --to"
        )
    names = ", ".join(f"{one.name} ({one.app})" for one in fitting)
    raise UsageError(f"several devices can take this push: {names}", hint="say which with --to")


def _issued(listener: dict[str, Any] | None) -> Iterator[Known]:
    for device in (listener or {}).get("devices", []):
        for app in device["apps"]:
            for kind, token in app["tokens"].items():
                yield Known(
                    name=device["name"],
                    app=app["bundle_id"],
                    environment=Environment(app["environment"]),
                    type=PushType(kind),
                    token=token,
                    is_emulated=True,
                )


def _recorded(book: Book) -> Iterator[Known]:
    for name, device in book.devices.items():
        for kind, token in device.tokens.items():
            yield Known(
                name=name,
                app=device.app,
                environment=device.environment,
                type=kind,
                token=token,
                is_emulated=False,
                recorded=device.recorded,
            )
