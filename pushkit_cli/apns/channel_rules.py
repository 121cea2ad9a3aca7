"""The rules of the channel service and of broadcasts, in their order of refusal. Pure.

Two readers as in `rules`: `decide` stops at the first broken rule, `lint` reads every one it has
the knowledge for. Documented of the order: authenticate, then the channel, then the rest of a
broadcast. All else of it is ours.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from pushkit_cli.apns import activity, channel_checks, channels, checks, message
from pushkit_cli.apns.channel_checks import ChannelCase
from pushkit_cli.apns.channel_reasons import CHANNEL_REASONS
from pushkit_cli.apns.channels import Asked, Broadcast, Operation, errand
from pushkit_cli.apns.facts import Basis, Knowledge, Need, Storage
from pushkit_cli.apns.message import Request
from pushkit_cli.apns.payload import Parsed, advise
from pushkit_cli.apns.push import Priority, PushType, split_topic
from pushkit_cli.apns.rules import Finding, Refused, Rule, spelt


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
    _rule("MethodNotAllowed", channel_checks.other_method),
    _rule("BadPath", channel_checks.pushed_here, _APP, basis=_OURS),
    _rule("BadPath", channel_checks.unknown_path),
    _rule("BadCertificateEnvironment", checks.certificate_elsewhere, _CREDENTIAL),
    _rule("MissingProviderToken", checks.no_credential, _CREDENTIAL),
    _rule("InvalidProviderToken", checks.bad_provider_token, _CREDENTIAL),
    _rule("InvalidProviderToken", checks.second_team, _CREDENTIAL, basis=_OURS),
    _rule("BadEnvironmentKeyInToken", checks.key_elsewhere, _CREDENTIAL, basis=_OURS),
    _rule("UnrelatedKeyIdInToken", checks.unrelated_key, _CREDENTIAL, basis=_OURS),
    _rule("ExpiredProviderToken", checks.wedged_connection, _CREDENTIAL, basis=_OURS),
    _rule("ExpiredProviderToken", checks.expired_provider_token, _CREDENTIAL),
    _rule("TooManyProviderTokenUpdates", checks.too_many_new_tokens, _CREDENTIAL),
    _rule("BadMessageId", channel_checks.bad_request_id),
    _rule("TopicDisallowed", channel_checks.suffixed_app),
    _rule("TopicMismatch", checks.foreign_topic, _CREDENTIAL),
    _rule("FeatureNotEnabled", channel_checks.not_enabled, _APP),
    _rule("MissingChannelId", channel_checks.no_channel_id, of=_NAMES_ONE),
    _rule("BadChannelId", channel_checks.bad_channel_id, of=_NAMES_ONE),
    _rule("ChannelNotRegistered", channel_checks.unknown_channel, _CHANNEL, of=_NAMES_ONE),
    _rule("MissingPushType", channel_checks.no_push_type, of=_SEND),
    _rule("InvalidPushType", channel_checks.bad_push_type, of=_SEND),
    _rule("BadPriority", channel_checks.no_priority, of=_SEND, basis=_OBSERVED),
    _rule("BadPriority", checks.bad_priority, of=_SEND),
    _rule("BadExpirationDate", channel_checks.no_expiration, of=_SEND),
    _rule("BadExpirationDate", checks.bad_expiration, of=_SEND),
    _rule("BadExpirationDate", channel_checks.expiration_of_storage, _CHANNEL, of=_SEND),
    _rule("PayloadEmpty", channel_checks.empty_body, of=_CREATE | _SEND),
    _rule("PayloadTooLarge", channel_checks.large_body, of=_CREATE | _SEND),
    _rule("BadRequestPayload", channel_checks.malformed_body, of=_CREATE | _SEND),
    _rule("BadRequestPayload", channel_checks.starts_one, of=_SEND, basis=_OURS),
    _rule("BadRequestParams", channel_checks.unknown_parameter, of=_CREATE),
    _rule("MissingPushType", channel_checks.no_channel_type, of=_CREATE, basis=_OURS),
    _rule("InvalidPushType", channel_checks.bad_channel_type, of=_CREATE),
    _rule("CannotCreateChannelConfig", channel_checks.too_many, _APP, of=_CREATE),
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
    if channel_checks.starts_one(case):
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
    if _is_kept_too_long(case):
        yield Finding(
            reason=None,
            detail="a channel keeps its latest push for 8 hours at most",
            remedy="send --expiration 8h, or less",
            source="Apple: Sending channel management requests to APNs",
        )


def _is_kept_too_long(case: ChannelCase) -> bool:
    """Whether a broadcast asks for more than any channel does; one that is refused asks nothing."""
    said = case.request.field(message.EXPIRATION)
    if said is None or checks.bad_expiration(case) or channel_checks.expiration_of_storage(case):
        return False
    return int(said) > case.knowledge.now + channels.LONGEST_STORAGE_S


def hint(word: str | None, request: Request, knowledge: Knowledge) -> str | None:
    """The most specific remedy that the facts allow; `None` for a word nobody knows."""
    channel, asked = knowledge.channel, errand(request)
    if word == "ChannelNotRegistered" and channel is not None:
        if channel.bundle_id != asked.bundle_id:
            return f"it was made for {channel.bundle_id}: say --app {channel.bundle_id}"
        if channel.environment is not knowledge.environment:
            return f"it was made in {channel.environment}; you asked {knowledge.environment}"
    if word == "BadRequestPayload" and channel_checks.starts_one(
        ChannelCase(request=request, knowledge=knowledge)
    ):
        return "start it with a push to its push-to-start token, and broadcast update or end"
    if word == "BadPath" and knowledge.manages:
        return "send to the port for pushes: 443 and 2197 at Apple, endpoints.sandbox here"
    if word == "TopicDisallowed":
        return f"say --app {split_topic(asked.bundle_id).bundle_id}"
    reason = CHANNEL_REASONS.get(word or "")
    return None if reason is None else reason.remedy
