"""The rules of /3/device in their order of refusal, and the two readers of them. Pure.

`decide` stops at the first rule that is broken: that is APNs. `lint` reads every rule it has the
knowledge for, and the advice beside them: that is the sender. Neither has a check of its own.

The order is ours wherever Apple's is not known. Observed: the method comes before the provider
token, that before the device token, BadDeviceToken before TopicDisallowed, that before
DeviceTokenNotForTopic, and that before InvalidPushType.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pushkit_cli.apns import activity, checks, message
from pushkit_cli.apns.checks import Case, Check
from pushkit_cli.apns.facts import Basis, KeyEnvironmentReason, Knowledge, Need, Policy
from pushkit_cli.apns.hints import hint
from pushkit_cli.apns.message import Request
from pushkit_cli.apns.payload import Parsed, advise
from pushkit_cli.apns.push import PUSH_TYPES, Push, PushType, known_type
from pushkit_cli.apns.reasons import REASONS, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One reason to refuse. `needs` is what the check must know beside the request."""

    reason: Reason
    check: Check
    needs: frozenset[Need]
    basis: Basis


def _rule(word: str, check: Check, *needs: Need, basis: Basis = Basis.DOCUMENTED) -> Rule:
    return Rule(reason=REASONS[word], check=check, needs=frozenset(needs), basis=basis)


_CREDENTIAL, _DEVICE = Need.CREDENTIAL, Need.DEVICE
_OBSERVED, _OURS = Basis.OBSERVED, Basis.OURS

RULES: tuple[Rule, ...] = (
    _rule("DuplicateHeaders", checks.repeated_header),
    _rule("BadPath", checks.unknown_path),
    _rule("MethodNotAllowed", checks.other_method),
    _rule("BadCertificateEnvironment", checks.certificate_elsewhere, _CREDENTIAL),
    _rule("MissingProviderToken", checks.no_credential, _CREDENTIAL),
    _rule("InvalidProviderToken", checks.bad_provider_token, _CREDENTIAL),
    _rule("InvalidProviderToken", checks.second_team, _CREDENTIAL, basis=_OBSERVED),
    _rule("BadEnvironmentKeyInToken", checks.key_elsewhere, _CREDENTIAL, basis=_OBSERVED),
    _rule("UnrelatedKeyIdInToken", checks.unrelated_key, _CREDENTIAL, basis=_OURS),
    _rule("ExpiredProviderToken", checks.wedged_connection, _CREDENTIAL, basis=_OBSERVED),
    _rule("ExpiredProviderToken", checks.expired_provider_token, _CREDENTIAL),
    _rule("TooManyProviderTokenUpdates", checks.too_many_new_tokens, _CREDENTIAL),
    _rule("BadMessageId", checks.bad_apns_id),
    _rule("BadExpirationDate", checks.bad_expiration),
    _rule("BadPriority", checks.bad_priority),
    _rule("BadCollapseId", checks.long_collapse_id),
    _rule("MissingDeviceToken", checks.no_device_token),
    _rule("PayloadEmpty", checks.empty_body),
    _rule("PayloadTooLarge", checks.large_body),
    _rule("PayloadEmpty", checks.malformed_body, basis=_OURS),
    _rule("MissingTopic", checks.no_topic, _CREDENTIAL),
    _rule("BadTopic", checks.bad_topic, basis=_OURS),
    _rule("BadDeviceToken", checks.bad_device_token),
    _rule("BadDeviceToken", checks.unknown_device_token, _DEVICE),
    _rule("TopicDisallowed", checks.foreign_topic, _CREDENTIAL),
    _rule("DeviceTokenNotForTopic", checks.token_of_other_topic, _DEVICE),
    _rule("InvalidPushType", checks.bad_push_type, basis=_OBSERVED),
    _rule("BadPriority", checks.priority_of_type, basis=_OURS),
    _rule("ExpiredToken", checks.expired_device_token, _DEVICE),
    _rule("Unregistered", checks.unregistered_device_token, _DEVICE),
)

_DOCUMENTED = {"BadEnvironmentKeyInToken": REASONS["BadEnvironmentKeyIdInToken"]}
"""What Apple's page calls a reason that the wire spells otherwise."""

_LAST_OF_CREDENTIAL = max(
    place for place, rule in enumerate(RULES) if rule.reason.status in (403, 429)
)

FAULTS_ONLY = frozenset(REASONS) - {
    reason.word for reason in (*_DOCUMENTED.values(), *(rule.reason for rule in RULES))
}
"""Reasons that no rule raises, because nobody knows what does: they come from faults alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The push as read: accepting is parsing."""

    push: Push


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The first broken rule, what APNs answers, and who says that it does.

    `timestamp_ms` (Unix) goes with 410, `detail` is in our words. `authenticated`: the provider's
    credential had passed when the request was refused.
    """

    rule: Rule
    reason: Reason
    basis: Basis
    detail: str
    authenticated: bool
    timestamp_ms: int | None = None


Verdict = Accepted | Refused


def decide(request: Request, knowledge: Knowledge) -> Verdict:
    """Judge one request as APNs does: the first broken rule refuses it."""
    case = Case(request=request, knowledge=knowledge)
    for place, rule in enumerate(RULES):
        detail = rule.check(case)
        if detail is not None:
            gone = knowledge.device if rule.reason.status == 410 else None
            reason, basis = spelt(rule, knowledge.policy)
            return Refused(
                rule=rule,
                reason=reason,
                basis=basis,
                detail=detail,
                authenticated=place > _LAST_OF_CREDENTIAL,
                timestamp_ms=None if gone is None else gone.since_ms,
            )
    push = message.to_push(request)
    return Accepted(push=push if push.topic else replace(push, topic=case.topic))


def spelt(rule: Rule, policy: Policy) -> tuple[Reason, Basis]:
    """The word of a rule, and who says so: another where the documented spelling is asked for."""
    documented = _DOCUMENTED.get(rule.reason.word)
    if documented is None or policy.key_environment_reason is KeyEnvironmentReason.WIRE:
        return rule.reason, rule.basis
    return documented, Basis.DOCUMENTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What lint has to say: `reason` is the word APNs would refuse with, `None` for advice."""

    reason: str | None
    detail: str
    remedy: str
    source: str

    @property
    def holds(self) -> bool:
        """Whether this finding keeps a push from being sent."""
        return self.reason is not None


def lint(request: Request, knowledge: Knowledge) -> tuple[Finding, ...]:
    """Everything that can be said before sending, in the order of refusal, advice last."""
    case = Case(request=request, knowledge=knowledge)
    broken = ((rule, rule.check(case)) for rule in RULES if rule.needs <= knowledge.knows)
    found = [
        Finding(
            reason=rule.reason.word,
            detail=detail,
            remedy=_remedy(rule, case),
            source=f"{rule.reason.source} ({rule.basis})",
        )
        for rule, detail in broken
        if detail is not None
    ]
    return (*found, *_advice(case))


def _remedy(rule: Rule, case: Case) -> str:
    specific = hint(
        rule.reason.word,
        case.request,
        environment=case.knowledge.environment,
        device=case.knowledge.device,
    )
    return specific or rule.reason.remedy


def _advice(case: Case) -> Iterator[Finding]:
    request = case.request
    kind = request.field(message.PUSH_TYPE)
    if kind is None:
        yield Finding(
            reason=None,
            detail="apns-push-type is absent",
            remedy="send it: watchOS 6 and later need it",
            source="Apple: Sending notification requests to APNs",
        )
    yield from _late(request, kind)
    read = request.json
    if isinstance(read, Parsed) and request.body_size:
        for advice in advise(read.value, read.repeated, kind):
            yield Finding(
                reason=None, detail=advice.detail, remedy=advice.remedy, source=advice.source
            )


def _late(request: Request, kind: str | None) -> Iterator[Finding]:
    expiration, priority = request.field(message.EXPIRATION), request.field(message.PRIORITY)
    known = known_type(kind)
    if known and PUSH_TYPES[known].expiration == 0 and expiration is None:
        yield Finding(
            reason=None,
            detail=f"a {kind} push without apns-expiration is kept for up to 30 days: a ghost call",
            remedy="send --expiration 0, or a few seconds",
            source="Apple: Responding to VoIP Notifications from PushKit",
        )
    if kind == PushType.pushtotalk and priority not in (None, "10"):
        yield Finding(
            reason=None,
            detail=f"a pushtotalk push with priority {priority}",
            remedy="send --priority 10",
            source="Apple: Creating a Push to Talk app",
        )
    if kind == PushType.liveactivity and priority == "1":
        yield Finding(
            reason=None,
            detail="a Live Activity push takes the priorities 10 and 5",
            remedy="send --priority 5, which draws on no budget",
            source=activity.SOURCE,
        )
