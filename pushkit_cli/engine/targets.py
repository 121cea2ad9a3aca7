"""Whom a push is for: a name of an emulated device, a token in hex or base64, or nobody named."""

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pushkit_cli.apns.facts import Device
from pushkit_cli.apns.push import Environment, PushType, token_type, topic_for
from pushkit_cli.errors import NotSentError, UsageError

_SHORTEST_TOKEN = 16
"""In bytes; a shorter text is taken for a name. Ours: Apple's tokens have 32 or more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """One token to send to; `name` and `facts` are `None` where nothing is recorded about it."""

    token: str
    name: str | None = None
    app: str | None = None
    facts: Device | None = None

    @property
    def is_emulated(self) -> bool:
        """Whether the token is one the listener issued."""
        return self.name is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Issued:
    name: str
    app: str
    environment: Environment
    type: PushType
    token: str

    def recipient(self) -> Recipient:
        topic = topic_for(self.app, self.type)
        facts = Device(topic=topic, environment=self.environment)
        return Recipient(token=self.token, name=self.name, app=self.app, facts=facts)


def find(
    names: tuple[str, ...],
    *,
    listener: dict[str, Any] | None,
    push_type: PushType | None,
    app: str | None,
    environment: Environment,
) -> tuple[Recipient, ...]:
    """Resolve `--to`; `environment` chooses among an emulated device's tokens.

    Raises UsageError where a name or the choice is not clear, NotSentError with nobody listening.
    """
    issued = list(_issued(listener))
    kind = None if push_type is None else token_type(push_type)
    fitting = [
        one
        for one in issued
        if one.type is kind and one.environment is environment and app in (None, one.app)
    ]
    if not names:
        return (_only(fitting, push_type, listener is not None).recipient(),)
    return tuple(_named(name, issued, fitting) for name in names)


def _named(name: str, issued: list[_Issued], fitting: list[_Issued]) -> Recipient:
    if any(one.name == name for one in issued):
        mine = [one for one in fitting if one.name == name]
        if len({one.app for one in mine}) > 1:
            apps = ", ".join(one.app for one in mine)
            raise UsageError(f"{name} has several apps: {apps}", hint="say which with --app")
        if not mine:
            have = sorted({one.type for one in issued if one.name == name})
            raise UsageError(
                f"{name} has no token for such a push", hint=f"it has tokens for {', '.join(have)}"
            )
        return mine[0].recipient()
    token = as_token(name)
    if token is None:
        known = ", ".join(dict.fromkeys(one.name for one in issued)) or "none: nobody listens here"
        raise UsageError(
            f"{name} is neither a device nor a token", hint=f"devices known here: {known}"
        )
    for one in issued:
        if one.token == token:
            return one.recipient()
    return Recipient(token=token)


def is_recorded(name: str, listener: dict[str, Any] | None, environment: Environment) -> bool:
    """Whether a name or a token belongs to an emulated device in an environment."""
    token = as_token(name)
    return any(
        one.environment is environment and (one.name == name or one.token == token)
        for one in _issued(listener)
    )


def as_token(text: str) -> str | None:
    """A token in lower-case hex, from hex or base64; `None` for a text that is a name."""
    if re.fullmatch(r"[0-9a-fA-F]+", text) and len(text) >= 2 * _SHORTEST_TOKEN:
        return text.lower()
    try:
        raw = base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw.hex() if len(raw) >= _SHORTEST_TOKEN else None


def _only(fitting: list[_Issued], push_type: PushType | None, listening: bool) -> _Issued:
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


def _issued(listener: dict[str, Any] | None) -> Iterator[_Issued]:
    for device in (listener or {}).get("devices", []):
        for app in device["apps"]:
            for kind, token in app["tokens"].items():
                yield _Issued(
                    name=device["name"],
                    app=app["bundle_id"],
                    environment=Environment(app["environment"]),
                    type=PushType(kind),
                    token=token,
                )
