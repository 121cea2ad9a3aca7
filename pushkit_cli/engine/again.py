"""A push from the history as an order: what was sent, to be sent once more."""

import json
from dataclasses import dataclass
from typing import Any

from pushkit_cli.apns import message
from pushkit_cli.apns.message import Headers
from pushkit_cli.apns.push import fingerprint, known_type, topic_for
from pushkit_cli.engine import host, targets
from pushkit_cli.engine.setting import Setting
from pushkit_cli.errors import UsageError
from pushkit_cli.store.files import Home
from pushkit_cli.store.sender_db import NAME, History, Remembered

_KEPT_ELSEWHERE = frozenset(
    {
        *(message.TOPIC, message.PUSH_TYPE, message.APNS_ID, message.REQUEST_ID),
        *(message.CHANNEL_ID, message.AUTHORIZATION),
    }
)
_OWN = tuple(name.decode() for name in (message.PRIORITY, message.EXPIRATION, message.COLLAPSE_ID))
_SHORTEST_ID = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """What is sent again: options of `send`, called as they are there, and a line about it.

    `expiration` is Unix seconds and `expires_in` seconds from now, as in an Order; neither is
    set where the header was absent, and `is_dated` is False where nothing is known of it.
    """

    push_type: str
    to: tuple[str, ...]
    channel: str | None
    app: str | None
    env: str
    topic: str | None
    payload: bytes
    priority: int | None
    expiration: int | None
    expires_in: float | None
    is_dated: bool
    collapse_id: str | None
    headers: tuple[tuple[str, str], ...]
    about: str


def headers_of(headers: Headers) -> str:
    """What the history keeps of a request's headers: no pseudo-header, id or credential."""
    kept = {
        name.decode("latin-1"): value.decode("latin-1")
        for name, value in headers
        if not name.startswith(b":") and name.lower() not in _KEPT_ELSEWHERE
    }
    return json.dumps(kept)


def recall(prefix: str | None, setting: Setting, *, to: tuple[str, ...] = ()) -> Again:
    """The push of an id, or of its beginning; with `None` all of the newest command.

    `to` are other targets than those of then. Raises UsageError where there is no such push, or
    more than one, or nobody knows its token any more.
    """
    found = _rows(prefix, setting)
    if not found:
        what = "nothing was sent yet" if prefix is None else f"no push of the history is {prefix}"
        raise UsageError(
            f"{what} with the profile {setting.profile}",
            hint="--replay takes an apns-id, or its beginning, of the last 10,000 pushes",
        )
    if prefix is not None and len({row.apns_id for row in found}) > 1:
        ids = ", ".join(str(row.apns_id) for row in found[:3])
        raise UsageError(f"several pushes begin with {prefix}: {ids}", hint="say more of it")
    if prefix is not None:
        found = found[-1:]
    return _again(found, setting, to)


def _rows(prefix: str | None, setting: Setting) -> list[Remembered]:
    if prefix is not None and len(prefix) < _SHORTEST_ID:
        raise UsageError(f"{prefix} is too short for an id", hint="say more of the apns-id")
    if not (setting.home / NAME).exists():
        return []
    history = History(Home(setting.home))
    try:
        if prefix is None:
            return history.newest(setting.profile)
        return history.called(prefix, setting.profile)
    finally:
        history.close()


def _again(rows: list[Remembered], setting: Setting, to: tuple[str, ...]) -> Again:
    first = rows[0]
    kept: dict[str, str] = {} if first.headers is None else json.loads(first.headers)
    kind = known_type(first.type)
    if first.channel is None and not to:
        to = tuple(_name(row, setting) for row in rows)
    usual = None if kind is None or first.app is None else topic_for(first.app, kind)
    priority, collapse_id = kept.get(_OWN[0]), kept.get(_OWN[2])
    return Again(
        push_type=first.type,
        to=to,
        channel=first.channel,
        app=first.app,
        env=first.environment,
        topic=None if first.topic == usual else first.topic,
        payload=bytes(first.payload),
        priority=int(priority) if priority and priority.isdecimal() else None,
        **_expiration(kept.get(_OWN[1]), first.at_ms),
        is_dated=first.headers is not None,
        collapse_id=collapse_id,
        headers=tuple((name, value) for name, value in kept.items() if name not in _OWN),
        about=f"again: what was sent at {host.rfc3339(first.at_ms)} ({first.outcome})",
    )


def _expiration(said: str | None, at_ms: int) -> dict[str, Any]:
    """A moment that lay ahead then lies as far ahead now."""
    if said is None or not said.isdecimal():
        return {"expiration": None, "expires_in": None}
    ahead = int(said) - at_ms / 1000
    if ahead <= 0:
        return {"expiration": int(said), "expires_in": None}
    return {"expiration": None, "expires_in": ahead}


def _name(row: Remembered, setting: Setting) -> str:
    """A device by its name; a token that nobody named is known by its fingerprint alone."""
    if row.device is not None:
        return row.device
    for one in targets.known(setting.listener(), setting.book):
        if fingerprint(one.token) == row.token_fp:
            return one.token
    raise UsageError(
        f"the history keeps no device tokens, and nobody knows that of {row.token_fp} here",
        hint="name it with --to",
    )
