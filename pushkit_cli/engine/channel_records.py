"""What this home knows of broadcast channels, and what follows from it for a request to one."""

from collections.abc import Callable
from typing import Any, TypeVar

from pushkit_cli.apns import channel_rules
from pushkit_cli.apns.facts import Channel, Knowledge, Need
from pushkit_cli.apns.message import Request
from pushkit_cli.apns.rules import Finding
from pushkit_cli.engine import host
from pushkit_cli.engine.setting import Setting
from pushkit_cli.engine.where import Target, Where, is_loopback, parse_endpoint
from pushkit_cli.errors import NotSentError, StoreError, UsageError
from pushkit_cli.store.files import Home
from pushkit_cli.store.keystore import TokenCache
from pushkit_cli.store.sender_db import NAME, ChannelRecord, Channels

_Found = TypeVar("_Found")


def recall(
    setting: Setting, look: Callable[[Channels], _Found | None]
) -> tuple[_Found | None, tuple[str, ...]]:
    """Look into the records, with warnings where they cannot be read; no home is made for it."""
    if not (setting.home / NAME).exists():
        return None, ()
    try:
        channels = Channels(Home(setting.home))
        try:
            return look(channels), ()
        finally:
            channels.close()
    except StoreError as error:
        return None, (f"what is known of channels was not read: {error.message}",)


def known(setting: Setting) -> list[str]:
    """The ids of every channel that this home knows of, the newest first."""
    found, _ = recall(setting, lambda channels: channels.every())
    return [one.id for one in found or []]


def write(cache: TokenCache, change: Callable[[Channels], None]) -> tuple[str, ...]:
    """Change the records, after an answer: a failure is a warning."""
    if cache.home is None:  # said already: this home cannot be written
        return ()
    try:
        channels = Channels(cache.home)
        try:
            change(channels)
        finally:
            channels.close()
    except StoreError as error:
        return (f"the channel was not written down: {error.message}",)
    return ()


def target_of(
    env: Target | None,
    *,
    endpoint: str | None,
    channel_id: str | None,
    record: ChannelRecord | None,
    setting: Setting,
) -> Target:
    """`--env`, the files, what is recorded of the channel; `local` where nothing else can be.

    Raises UsageError for a channel that nobody recorded.
    """
    if env is not None:
        return env
    if setting.book.environment is not None:
        return Target(setting.book.environment)
    if record is not None:
        return Target(record.environment)
    if endpoint is not None and is_loopback(parse_endpoint(endpoint).host):
        return Target.local
    if channel_id is None:
        return Target.local
    raise UsageError(
        "no environment is known for this channel",
        hint="add --env: local, sandbox (Xcode builds) or production (TestFlight, App Store)",
    )


def app_of(
    app: str | None,
    *,
    target: Target,
    endpoint: str | None,
    record: ChannelRecord | None,
    listener: dict[str, Any] | None,
) -> str:
    """`--app`, what is recorded of the channel, else the first app of the listener.

    Raises UsageError where no app is known, NotSentError where nobody listens.
    """
    known = app or (None if record is None else record.app)
    if known is not None:
        return known
    if not target.is_local or endpoint is not None:
        raise UsageError(f"whose channels in {target}?", hint="add --app BUNDLE_ID")
    if listener is None:
        raise NotSentError(
            "nobody listens here", hint="start `pushkit listen` in another shell, or name --app"
        )
    return str(listener["apps"][0])


def knowledge(record: ChannelRecord | None, where: Where) -> Knowledge:
    """What a sender knows of a channel, as the rules want it."""
    known, channel = frozenset[Need](), None
    if record is not None:
        known = frozenset({Need.CHANNEL})
        channel = Channel(
            bundle_id=record.app,
            environment=Target(record.environment).environment,
            storage=record.storage,
        )
    return Knowledge(
        environment=where.target.environment, now=host.now(), knows=known, channel=channel
    )


def findings(request: Request, record: ChannelRecord | None, where: Where) -> tuple[Finding, ...]:
    """What lint says of a request, from all that is recorded of its channel."""
    found = channel_rules.lint(request, knowledge(record, where))
    if record is None or Target(record.environment) is where.target:
        return found
    stranger = Finding(
        reason="ChannelNotRegistered",
        detail=f"this channel was made in {record.environment}, and you asked {where.target}",
        remedy=f"say --env {record.environment}",
        source="ours",
    )
    rest = (one for one in found if one.reason != stranger.reason)
    return (stranger, *rest)
