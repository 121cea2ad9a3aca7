"""The rules of the channel service and of broadcasts, in their order of refusal. Pure.

Two readers as in `rules`: `decide` stops at the first broken rule, `lint` reads every one it has
the knowledge for. Documented of the order: authenticate, then the channel, then the rest of a
broadcast. All else of it is ours.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from pushkit_cli.apns import activity, channels, checks, message
from pushkit_cli.apns.channel_reasons import CHANNEL_REASONS
from pushkit_cli.apns.channels import Asked, Broadcast, Errand, Operation, errand
from pushkit_cli.apns.checks import Case, is_uuid
from pushkit_cli.apns.facts import Basis, Knowledge, Need, Storage
from pushkit_cli.apns.message import Request
from pushkit_cli.apns.payload import Malformed, Parsed, advise
from pushkit_cli.apns.push import Priority, PushType, split_topic
from pushkit_cli.apns.rules import Finding, Refused, Rule, spelt

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


ChannelCheck = Callable[[ChannelCase], str | None]


def unknown_path(case: ChannelCase) -> str | None:
    """The path is one of three, and the method is one that it takes (documented)."""
    if case.errand.bundle_id and case.errand.operation:
        return None
    if case.errand.bundle_id:
        return f"this path does not take {case.request.method}"
    path = case.request.path.decode("latin-1")
    return f"the path is {path[:200]}: no operation, or no bundle id in it"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRule(Rule):
    """One reason to refuse some operations; no operation is known where the path is not."""

    operations: frozenset[Operation | None]


_ALL: frozenset[Operation | None] = frozenset({None, *Operation})
_CREATE = frozenset({Operation.CREATE})
_SEND = frozenset({Operation.SEND})
_NAMES_ONE = frozenset({Operation.SHOW, Operation.DELETE, Operation.SEND})
_CREDENTIAL, _CHANNEL, _APP = Need.CREDENTIAL, Need.CHANNEL, Need.APP
_OURS, _OBSERVED = Basis.OURS, Basis.OBSERVED


def _rule(
    word: str,
    check: Callable[..., str | None],
    *needs: Need,
    of: frozenset[Operation | None] | frozenset[Operation] = _ALL,
    basis: Basis = Basis.DOCUMENTED,
) -> ChannelRule:
    return ChannelRule(
        reason=CHANNEL_REASONS[word],
        check=check,
        needs=frozenset(needs),
        basis=basis,
        operations=frozenset(of),
    )


RULES: tuple[ChannelRule, ...] = (
    _rule("MethodNotAllowed", other_method),
    _rule("BadPath", unknown_path),
    _rule("BadCertificateEnvironment", checks.certificate_elsewhere, _CREDENTIAL),
    _rule("MissingProviderToken", checks.no_credential, _CREDENTIAL),
    _rule("InvalidProviderToken", checks.bad_provider_token, _CREDENTIAL),
    _rule("InvalidProviderToken", checks.second_team, _CREDENTIAL, basis=_OURS),
    _rule("BadEnvironmentKeyInToken", checks.key_elsewhere, _CREDENTIAL, basis=_OURS),
    _rule("UnrelatedKeyIdInToken", checks.unrelated_key, _CREDENTIAL, basis=_OURS),
    _rule("ExpiredProviderToken", checks.wedged_connection, _CREDENTIAL, basis=_OURS),
    _rule("ExpiredProviderToken", checks.expired_provider_token, _CREDENTIAL),
    _rule("TooManyProviderTokenUpdates", checks.too_many_new_tokens, _CREDENTIAL),
    _rule("BadMessageId", bad_request_id),
    _rule("TopicDisallowed", suffixed_app),
    _rule("TopicMismatch", checks.foreign_topic, _CREDENTIAL),
    _rule("FeatureNotEnabled", not_enabled, _APP),
    _rule("MissingChannelId", no_channel_id, of=_NAMES_ONE),
    _rule("BadChannelId", bad_channel_id, of=_NAMES_ONE),
    _rule("ChannelNotRegistered", unknown_channel, _CHANNEL, of=_NAMES_ONE),
    _rule("MissingPushType", no_push_type, of=_SEND),
    _rule("InvalidPushType", bad_push_type, of=_SEND),
    _rule("BadPriority", no_priority, of=_SEND, basis=_OBSERVED),
    _rule("BadPriority", checks.bad_priority, of=_SEND),
    _rule("BadExpirationDate", no_expiration, of=_SEND),
    _rule("BadExpirationDate", checks.bad_expiration, of=_SEND),
    _rule("BadExpirationDate", expiration_of_storage, _CHANNEL, of=_SEND),
    _rule("PayloadEmpty", empty_body, of=_CREATE | _SEND),
    _rule("PayloadTooLarge", large_body, of=_CREATE | _SEND),
    _rule("BadRequestPayload", malformed_body, of=_CREATE | _SEND),
    _rule("BadRequestPayload", starts_one, of=_SEND, basis=_OURS),
    _rule("BadRequestParams", unknown_parameter, of=_CREATE),
    _rule("MissingPushType", no_channel_type, of=_CREATE, basis=_OURS),
    _rule("InvalidPushType", bad_channel_type, of=_CREATE),
    _rule("CannotCreateChannelConfig", too_many, _APP, of=_CREATE),
)

_LAST_OF_CREDENTIAL = next(
    place for place, rule in enumerate(RULES) if rule.reason.word == "TooManyProviderTokenUpdates"
)

FAULTS_ONLY = frozenset(CHANNEL_REASONS) - {
    "BadEnvironmentKeyIdInToken",
    *(rule.reason.word for rule in RULES),
}
"""Reasons that no rule raises, because nobody knows what does: they come from faults alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """What is to be done: accepting is parsing."""

    asked: Asked


Ruling = Allowed | Refused


def decide(request: Request, knowledge: Knowledge) -> Ruling:
    """Judge one request as the channel service does: the first broken rule refuses it."""
    case = ChannelCase(request=request, knowledge=knowledge)
    operation = case.errand.operation
    for place, rule in enumerate(RULES):
        detail = rule.check(case) if operation in rule.operations else None
        if detail is not None:
            reason, basis = spelt(rule, knowledge.policy)
            return Refused(
                rule=rule,
                reason=reason,
                basis=basis,
                detail=detail,
                authenticated=place > _LAST_OF_CREDENTIAL,
            )
    assert operation is not None  # BadPath otherwise
    return Allowed(asked=_asked(case, operation))


def _asked(case: ChannelCase, operation: Operation) -> Asked:
    asked = Asked(
        operation=operation,
        bundle_id=case.errand.bundle_id,
        channel_id=case.channel_id if operation in _NAMES_ONE else None,
    )
    if operation is Operation.CREATE and case.body is not None:
        policy = case.body[channels.POLICY_KEY]
        return replace(asked, storage=next(one for one in Storage if one.policy == policy))
    return replace(asked, broadcast=_broadcast(case)) if operation is Operation.SEND else asked


def _broadcast(case: ChannelCase) -> Broadcast:
    request = case.request
    expiration = request.field(message.EXPIRATION)
    return Broadcast(
        bundle_id=case.errand.bundle_id,
        channel_id=case.channel_id,
        payload=request.body,
        push_type=PushType.liveactivity,
        priority=int(request.field(message.PRIORITY) or Priority.IMMEDIATE),
        expiration=None if expiration is None else int(expiration),
        request_id=request.field(message.REQUEST_ID),
    )


def lint(request: Request, knowledge: Knowledge) -> tuple[Finding, ...]:
    """Everything that can be said before sending, in the order of refusal, advice last."""
    case = ChannelCase(request=request, knowledge=knowledge)
    operation = case.errand.operation
    found = [
        Finding(
            reason=rule.reason.word,
            detail=detail,
            remedy=hint(rule.reason.word, request, knowledge) or rule.reason.remedy,
            source=f"{rule.reason.source} ({rule.basis})",
        )
        for rule in RULES
        if rule.needs <= knowledge.knows and operation in rule.operations
        if (detail := rule.check(case)) is not None
    ]
    return (*found, *_advice(case))


def _advice(case: ChannelCase) -> Iterator[Finding]:
    read = case.request.json
    if case.errand.operation is not Operation.SEND or not isinstance(read, Parsed):
        return
    if starts_one(case):
        return
    for advice in advise(read.value, read.repeated, PushType.liveactivity):
        yield Finding(reason=None, detail=advice.detail, remedy=advice.remedy, source=advice.source)
    if case.request.field(message.PRIORITY) == "1":
        yield Finding(
            reason=None,
            detail="a Live Activity push takes the priorities 10 and 5",
            remedy="send --priority 5, which draws on no budget",
            source=activity.SOURCE,
        )


def hint(word: str | None, request: Request, knowledge: Knowledge) -> str | None:
    """The most specific remedy that the facts allow; `None` for a word nobody knows."""
    channel, asked = knowledge.channel, errand(request)
    if word == "ChannelNotRegistered" and channel is not None:
        if channel.bundle_id != asked.bundle_id:
            return f"it was made for {channel.bundle_id}: say --app {channel.bundle_id}"
        if channel.environment is not knowledge.environment:
            return f"it was made in {channel.environment}; you asked {knowledge.environment}"
    if word == "BadRequestPayload" and starts_one(
        ChannelCase(request=request, knowledge=knowledge)
    ):
        return "start it with a push to its push-to-start token, and broadcast update or end"
    if word == "TopicDisallowed":
        return f"say --app {split_topic(asked.bundle_id).bundle_id}"
    reason = CHANNEL_REASONS.get(word or "")
    return None if reason is None else reason.remedy
