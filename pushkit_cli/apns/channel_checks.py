"""The predicates of the rules for channels: each says what is broken, or nothing. Pure.

Order, reason, basis and source of each stand in `channel_rules`.
"""

import re
from dataclasses import dataclass
from functools import cached_property

from pushkit_cli.apns import channels, message
from pushkit_cli.apns.channels import Errand, Operation, errand
from pushkit_cli.apns.checks import Case, is_uuid
from pushkit_cli.apns.facts import Storage
from pushkit_cli.apns.payload import Malformed, Parsed
from pushkit_cli.apns.push import PushType, split_topic

_METHODS = frozenset({"GET", "POST", "DELETE"})
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/_\-]{4})*(?:[A-Za-z0-9+/_\-]{2}==|[A-Za-z0-9+/_\-]{3}=)?")


@dataclass(frozen=True, kw_only=True)
class ChannelCase(Case):
    """One request before the judge of channels."""

    @cached_property
    def errand(self) -> Errand:
        """What it asks for."""
        return errand(self.request)

    @cached_property
    def topic(self) -> str | None:
        """The app in the path: what a credential is held against."""
        return self.errand.bundle_id or None

    @cached_property
    def channel_id(self) -> str:
        """`apns-channel-id`, possibly nothing."""
        return self.request.field(message.CHANNEL_ID) or ""

    @cached_property
    def body(self) -> dict[str, object] | None:
        """The body where it is an object."""
        read = self.request.json
        return read.value if isinstance(read, Parsed) and isinstance(read.value, dict) else None


def unknown_path(case: ChannelCase) -> str | None:
    """The path is one of three, and the method is one that it takes (documented)."""
    if case.errand.bundle_id and case.errand.operation:
        return None
    if case.errand.bundle_id:
        return f"this path does not take {case.request.method}"
    path = case.request.path.decode("latin-1")
    return f"the path is {path[:200]}: no operation, or no bundle id in it"


def pushed_here(case: ChannelCase) -> str | None:
    """Where channels are managed nothing is pushed. Ours: that it is refused, and in this word."""
    manages = case.knowledge.manages and case.errand.operation in (None, Operation.SEND)
    is_push = case.request.names_device or channels.is_broadcast(case.request)
    return "channels are managed here; pushes go to the other port" if manages and is_push else None


def other_method(case: ChannelCase) -> str | None:
    """The method is one that some path takes."""
    method = case.request.method
    return None if method in _METHODS else f"the method is {method}"


def bad_request_id(case: ChannelCase) -> str | None:
    """`apns-request-id` is a UUID."""
    value = case.request.field(message.REQUEST_ID)
    return None if value is None or is_uuid(value) else f"apns-request-id is {value}"


def suffixed_app(case: ChannelCase) -> str | None:
    """The path names the app, not a topic of it."""
    parts = split_topic(case.errand.bundle_id)
    return f"{case.errand.bundle_id} ends in {parts.suffix}" if parts.suffix else None


def not_enabled(case: ChannelCase) -> str | None:
    """The app may use broadcasts."""
    enabled = case.knowledge.broadcasts.enabled
    return None if enabled else f"broadcasts are switched off for {case.errand.bundle_id}"


def too_many(case: ChannelCase) -> str | None:
    """The app has fewer channels than it may have."""
    count = case.knowledge.broadcasts.channels
    if count < channels.MAX_CHANNELS:
        return None
    return f"the app has {count} channels in {case.knowledge.environment}"


def no_channel_id(case: ChannelCase) -> str | None:
    """There is an id."""
    return None if case.channel_id else "apns-channel-id is absent"


def bad_channel_id(case: ChannelCase) -> str | None:
    """The id is base64, of either alphabet (that both are taken is ours)."""
    if not case.channel_id:
        return None
    if len(case.channel_id) > channels.LONGEST_ID:
        return f"the channel id has {len(case.channel_id)} characters"
    return None if _BASE64.fullmatch(case.channel_id) else f"{case.channel_id} is not base64"


def unknown_channel(case: ChannelCase) -> str | None:
    """The channel is one of the app's in this environment."""
    found, here = case.knowledge.channel, case.knowledge.environment
    if found is None:
        return "nobody was given this channel id"
    if (found.bundle_id, found.environment) == (case.errand.bundle_id, here):
        return None
    return f"the channel belongs to {found.bundle_id} in {found.environment}"


def empty_body(case: ChannelCase) -> str | None:
    """There is a body."""
    return None if case.request.body_size else "the body has no bytes"


def large_body(case: ChannelCase) -> str | None:
    """The body of a broadcast is within its limit."""
    size, most = case.request.body_size, channels.MAX_BROADCAST_BYTES
    return None if size <= most else f"{size} bytes, and at most {most} are taken"


def malformed_body(case: ChannelCase) -> str | None:
    """The body is a JSON object."""
    read = case.request.json
    if not case.request.body_size:
        return None
    if isinstance(read, Malformed):
        return f"the body is not JSON: {read.detail}"
    return None if isinstance(read.value, dict) else "the body is not an object"


def unknown_parameter(case: ChannelCase) -> str | None:
    """A new channel's body says its two things and nothing else."""
    if case.body is None:
        return None
    strange = sorted(case.body.keys() - {channels.POLICY_KEY, channels.TYPE_KEY})
    if strange:
        return f"nothing is called {', '.join(strange[:3])}"
    policy = case.body.get(channels.POLICY_KEY)
    if type(policy) is int and policy in {storage.policy for storage in Storage}:
        return None
    return f"{channels.POLICY_KEY} is not 0 or 1"


def no_channel_type(case: ChannelCase) -> str | None:
    """A new channel's body says its push type (that its absence has this word is ours)."""
    missing = case.body is not None and channels.TYPE_KEY not in case.body
    return f"{channels.TYPE_KEY} is absent" if missing else None


def bad_channel_type(case: ChannelCase) -> str | None:
    """The push type of a channel is LiveActivity, written so."""
    said = (case.body or {}).get(channels.TYPE_KEY, channels.PUSH_TYPE)
    return None if said == channels.PUSH_TYPE else f"{channels.TYPE_KEY} is not LiveActivity"


def no_push_type(case: ChannelCase) -> str | None:
    """A broadcast says its push type."""
    absent = case.request.field(message.PUSH_TYPE) is None
    return "apns-push-type is absent" if absent else None


def bad_push_type(case: ChannelCase) -> str | None:
    """It is liveactivity; Apple's pages write it in three ways, so its case does not matter."""
    said = case.request.field(message.PUSH_TYPE)
    if said is None or said.lower() == PushType.liveactivity:
        return None
    return f"apns-push-type is {said}"


def no_priority(case: ChannelCase) -> str | None:
    """A broadcast says its priority: it has no default (observed: node-apn issue 172)."""
    absent = case.request.field(message.PRIORITY) is None
    return "apns-priority is absent, and has no default here" if absent else None


def no_expiration(case: ChannelCase) -> str | None:
    """A broadcast says its expiration: Apple's table has it as required, a sample lacks it."""
    absent = case.request.field(message.EXPIRATION) is None
    return (
        "apns-expiration is absent"
        if absent and case.knowledge.policy.broadcast_expiration
        else None
    )


def expiration_of_storage(case: ChannelCase) -> str | None:
    """A channel that stores nothing takes 0 alone."""
    channel, said = case.knowledge.channel, case.request.field(message.EXPIRATION)
    keeps = channel is None or channel.storage is not Storage.NONE
    if keeps or said is None or not said.strip("0"):
        return None
    return f"apns-expiration is {said}, and the channel stores nothing"


def starts_one(case: ChannelCase) -> str | None:
    """A broadcast updates or ends a Live Activity; in which word a start is refused is ours."""
    aps = (case.body or {}).get("aps")
    event = aps.get("event") if isinstance(aps, dict) else None
    return "a broadcast cannot start a Live Activity" if event == "start" else None
