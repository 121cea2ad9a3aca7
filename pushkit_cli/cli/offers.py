"""What a shell is offered that only this machine knows: apps, devices, keys; and long tables.

Each is a `shell_complete` of click's. Whatever fails offers nothing: a shell wants no error.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from pushkit_cli.apns.push import PushType
from pushkit_cli.errors import PushkitError

if TYPE_CHECKING:
    from pushkit_cli.engine.setting import Setting

Offer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _offer(known: "Callable[[click.Context], Iterable[str]]") -> Offer:
    def begin(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        with suppress(PushkitError, OSError, KeyError, TypeError):
            words = dict.fromkeys(word for word in known(ctx) if word.startswith(incomplete))
            return [CompletionItem(word) for word in words]
        return []

    return begin


def _setting(ctx: click.Context) -> "Setting":
    """The world outside; the callback that takes `--profile` does not run while completing."""
    root = ctx.find_root()
    setting: Setting = root.obj.setting()
    profile = root.params.get("profile") or setting.profile
    return type(setting)(
        home=setting.home, variables=setting.variables, profile=profile, folder=setting.folder
    )


def _apps(ctx: click.Context) -> Iterable[str]:
    setting = _setting(ctx)
    yield from (setting.listener() or {}).get("apps", [])
    yield from setting.book.apps


def _devices(ctx: click.Context) -> Iterable[str]:
    yield from _emulated(ctx)
    yield from _setting(ctx).book.devices


def _emulated(ctx: click.Context) -> Iterable[str]:
    listener = _setting(ctx).listener() or {}
    yield from (device["name"] for device in listener.get("devices", []))


def _keys(ctx: click.Context) -> Iterable[str]:
    yield from _setting(ctx).book.keys


def _channels(ctx: click.Context) -> Iterable[str]:
    from pushkit_cli.engine.channel_records import known

    return known(_setting(ctx))


def _registered(ctx: click.Context) -> Iterable[str]:
    """Names of the kind that was said before."""
    kind = ctx.params.get("kind")
    found = {"app": _apps, "device": _devices, "key": _keys}.get(str(kind))
    return () if found is None else found(ctx)


def _reasons(_ctx: click.Context) -> Iterable[str]:
    from pushkit_cli.apns.channel_reasons import CHANNEL_REASONS
    from pushkit_cli.apns.reasons import REASONS

    return (*REASONS, *CHANNEL_REASONS)


def _faults(ctx: click.Context) -> Iterable[str]:
    """Actions; and with a selector before them, for shells that do not break words at a colon."""
    from pushkit_cli.engine.faults import VERBS

    actions = (*VERBS, *_reasons(ctx))
    yield from actions
    for selector in (*PushType, "connection", "channel"):
        yield from (f"{selector}:{action}" for action in actions)


def _whats(_ctx: click.Context) -> Iterable[str]:
    from pushkit_cli.engine.vocabulary import EVENTS

    return (*PushType, "refused", *EVENTS)


def _conditions(_ctx: click.Context) -> Iterable[str]:
    from pushkit_cli.engine.devices import CONDITIONS

    return CONDITIONS


def _words(_ctx: click.Context) -> Iterable[str]:
    from pushkit_cli.cli import words

    return (word.lstrip("-") for word in words.every())  # what begins with one is an option


apps, devices, emulated, keys = map(_offer, (_apps, _devices, _emulated, _keys))
registered, faults, whats, words = map(_offer, (_registered, _faults, _whats, _words))
conditions, channels = _offer(_conditions), _offer(_channels)
