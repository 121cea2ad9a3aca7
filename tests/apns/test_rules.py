"""The law: each rule by itself, the rules together, and that both readers read the same."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pushkit_cli.apns.checks import Case, Check
from pushkit_cli.apns.facts import Certificate, MalformedBody, Need, Policy
from pushkit_cli.apns.push import PUSH_TYPES, Auth, Environment, PushType
from pushkit_cli.apns.rules import FAULTS_ONLY, RULES, Accepted, Refused, Verdict, decide, lint
from pushkit_cli.apns.token import TokenFault
from tests.apns.defects import DEFECTS, Defect
from tests.law import (
    ACCEPTED,
    ARRIVAL,
    BUNDLE,
    EVERYTHING,
    MDM_TOPIC,
    NOW,
    OTHER_KEY,
    OTHER_TEAM,
    PROVIDER_TOKEN,
    TOPIC,
    UUID,
    Change,
    changed,
    garbage_requests,
    in_a_row,
    knowing,
    on_topic,
    sized,
    with_body,
    with_connection,
    with_credential,
    with_device,
    with_header,
    with_key,
    with_more,
    with_provider_token,
    with_token,
)

PLACES: dict[Check, int] = {rule.check: place for place, rule in enumerate(RULES)}


def judge(case: Case) -> Verdict:
    return decide(case.request, case.knowledge)


def reasons(case: Case, knows: frozenset[Need]) -> list[str]:
    found = lint(case.request, replace(case.knowledge, knows=knows))
    return [finding.reason for finding in found if finding.reason is not None]


@st.composite
def several_defects(draw: st.DrawFn, most: int = 6) -> list[Defect]:
    chosen: list[Defect] = []
    for defect in draw(st.lists(st.sampled_from(DEFECTS), min_size=1, max_size=most)):
        if defect.fits(chosen):
            chosen.append(defect)
    return chosen


def broken(defects: list[Defect]) -> Case:
    return changed(ACCEPTED, (defect.change for defect in defects))


# One rule at a time


def test_the_push_that_the_table_breaks_is_accepted_and_lint_has_nothing_to_say() -> None:
    assert isinstance(judge(ACCEPTED), Accepted)
    assert lint(ACCEPTED.request, ACCEPTED.knowledge) == ()


def test_the_table_breaks_every_rule() -> None:
    assert {defect.check for defect in DEFECTS} == set(PLACES)
    assert len(PLACES) == len(RULES)


def test_the_names_in_the_table_are_unique() -> None:
    assert len({defect.name for defect in DEFECTS}) == len(DEFECTS)


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_one_defect_is_refused_with_its_reason_by_its_rule(defect: Defect) -> None:
    case = broken([defect])
    verdict = judge(case)
    assert isinstance(verdict, Refused)
    assert (verdict.reason.word, verdict.rule.check) == (defect.reason, defect.check)
    assert verdict.detail
    assert defect.reason in reasons(case, EVERYTHING)


def certificate(*topics: str, uid: str | None = None) -> Change:
    return with_credential(
        certificate=Certificate(topics=topics, environments=frozenset(Environment), uid=uid)
    )


EDGES: dict[str, Change] = {
    "5120 bytes of VoIP": with_body(sized(5120)),
    "5120 bytes on a VoIP topic, no type": in_a_row(
        with_header("apns-push-type", None), with_body(sized(5120))
    ),
    "4096 bytes of alert": in_a_row(on_topic(BUNDLE, "alert"), with_body(sized(4096))),
    "an empty object": with_body(b"{}"),
    "a body that is not JSON where that is accepted": in_a_row(
        with_body(b"{"), knowing(policy=Policy(malformed_body=MalformedBody.ACCEPT))
    ),
    "a collapse id of 64 bytes": with_header("apns-collapse-id", "c" * 64),
    "32 letters of two bytes": with_header("apns-collapse-id", "é" * 32),
    "an empty collapse id": with_header("apns-collapse-id", ""),
    "a token of 100 bytes": with_token("5f" * 100),
    "a token of one byte": with_token("5f"),
    "a token in upper case": with_token("5F" * 32),
    "an id in upper case": with_header("apns-id", UUID.upper()),
    "an id in lower case": with_header("apns-id", UUID),
    "no expiration": with_header("apns-expiration", None),
    "an expiration long ago": with_header("apns-expiration", "300"),
    "an expiration of 15 digits": with_header("apns-expiration", "9" * 15),
    "no priority": with_header("apns-priority", None),
    "priority 5": with_header("apns-priority", "5"),
    "priority 1": with_header("apns-priority", "1"),
    "no push type": with_header("apns-push-type", None),
    "background without priority": in_a_row(
        on_topic(BUNDLE, "background"), with_header("apns-priority", None)
    ),
    "background with priority 1": in_a_row(
        on_topic(BUNDLE, "background"), with_header("apns-priority", "1")
    ),
    "an hour old to the second": with_provider_token(issued_at=NOW - 3600),
    "an hour ahead to the second": with_provider_token(issued_at=NOW + 3600),
    "a second token after 20 minutes": in_a_row(
        with_provider_token(digest="second"),
        with_connection(arrivals=(replace(ARRIVAL, at=NOW - 1200),)),
    ),
    "a second token where two may come": in_a_row(
        with_provider_token(digest="second"), knowing(policy=Policy(new_tokens=2))
    ),
    "a first token of a second key": in_a_row(
        with_provider_token(digest="second"),
        with_connection(arrivals=(replace(ARRIVAL, key_id="ANOTHERKEY"),)),
    ),
    "a connection that is not bound yet": with_connection(
        team_id=None, first_key=None, arrivals=()
    ),
    "two keys of one team": with_connection(first_key=OTHER_KEY),
    "the partner that the first key names": with_connection(
        first_key=replace(OTHER_KEY, topics=frozenset({BUNDLE}), related=PROVIDER_TOKEN.key_id)
    ),
    "the partner that names the first key": in_a_row(
        with_connection(first_key=OTHER_KEY),
        with_key(topics=frozenset({BUNDLE}), related=OTHER_KEY.key_id),
    ),
    "a key of this environment": with_key(environment=Environment.SANDBOX),
    "a key for this app": with_key(topics=frozenset({BUNDLE})),
    "headers that nobody knows": with_more((b"user-agent", b"x"), (b"content-type", b"\xff")),
    "a cookie in two pieces": with_more((b"cookie", b"a=1"), (b"cookie", b"b=2")),
    "a topic of 255 letters": in_a_row(
        with_header("apns-topic", "a" * 250 + ".voip"), with_device(topic="a" * 250 + ".voip")
    ),
    "a certificate for the topic": certificate(BUNDLE, TOPIC),
    "a certificate whose only topic is meant": in_a_row(
        certificate(TOPIC, uid=TOPIC), with_header("apns-topic", None)
    ),
    "a certificate whose only topic is meant, by an empty header": in_a_row(
        certificate(TOPIC, uid=TOPIC), with_header("apns-topic", "")
    ),
    # Documented: beside a certificate the authorization header is ignored.
    "a certificate and a provider token that is broken": in_a_row(
        with_credential(fault=TokenFault(detail="x"), key=None), certificate(TOPIC)
    ),
    "a certificate and a provider token that is old": in_a_row(
        with_provider_token(issued_at=0), certificate(TOPIC)
    ),
    "a certificate and a provider token of a second team": in_a_row(
        with_connection(team_id=OTHER_TEAM), certificate(TOPIC)
    ),
    "a certificate and a key of production": in_a_row(
        with_key(environment=Environment.PRODUCTION), certificate(TOPIC)
    ),
    "a certificate and an unrelated key": in_a_row(
        with_key(topics=frozenset({BUNDLE})), with_connection(first_key=OTHER_KEY),
        certificate(TOPIC),
    ),
    "a certificate and one new provider token too many": in_a_row(
        with_provider_token(digest="second"), certificate(TOPIC)
    ),
}  # fmt: skip


@pytest.mark.parametrize("change", [pytest.param(v, id=k) for k, v in EDGES.items()])
def test_what_lies_just_inside_a_limit_is_accepted(change: Change) -> None:
    case = change(ACCEPTED)
    assert isinstance(judge(case), Accepted)
    assert reasons(case, EVERYTHING) == []


def test_a_topic_that_the_certificate_implies_is_in_the_push() -> None:
    implied = in_a_row(certificate(TOPIC, uid=TOPIC), with_header("apns-topic", None))
    verdict = judge(implied(ACCEPTED))
    assert isinstance(verdict, Accepted)
    assert verdict.push.topic == TOPIC


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_a_timestamp_goes_with_410_alone(defect: Defect) -> None:
    case = in_a_row(defect.change)(ACCEPTED)
    verdict = judge(case)
    assert isinstance(verdict, Refused)
    gone = verdict.reason.status == 410
    assert verdict.timestamp_ms == (NOW * 1000 if gone else None)


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_the_credential_has_passed_when_a_later_rule_refuses(defect: Defect) -> None:
    verdict = judge(broken([defect]))
    assert isinstance(verdict, Refused)
    before = verdict.reason.status in (403, 404, 405, 429)
    assert verdict.authenticated is not (before or defect.reason == "DuplicateHeaders")


# Several at once


@settings(deadline=None, max_examples=300)
@given(several_defects())
def test_of_several_defects_the_first_rule_speaks_and_mending_it_moves_on(
    defects: list[Defect],
) -> None:
    verdict = judge(broken(defects))
    assert isinstance(verdict, Refused)
    named = PLACES[verdict.rule.check]
    assert named == min(PLACES[defect.check] for defect in defects)
    rest = [defect for defect in defects if defect.check is not verdict.rule.check]
    again = judge(broken(rest))
    assert isinstance(again, Refused) if rest else isinstance(again, Accepted)
    if isinstance(again, Refused):
        assert PLACES[again.rule.check] >= named


def test_the_order_that_was_seen_on_the_wire_holds() -> None:
    words = [rule.reason.word for rule in RULES]
    for sooner, later in (
        ("MethodNotAllowed", "MissingProviderToken"),
        ("MissingProviderToken", "InvalidProviderToken"),
        ("InvalidProviderToken", "MissingDeviceToken"),
        ("InvalidProviderToken", "BadDeviceToken"),
        ("BadDeviceToken", "TopicDisallowed"),
        ("TopicDisallowed", "DeviceTokenNotForTopic"),
        ("DeviceTokenNotForTopic", "InvalidPushType"),
    ):
        assert words.index(sooner) < words.index(later)


# Two readers, one law


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Anything a server may meet: garbage or good, and every state of knowledge."""
    case = changed(ACCEPTED, (defect.change for defect in draw(several_defects(most=3))))
    return replace(case, request=draw(garbage_requests | st.just(case.request)))


@settings(deadline=None, max_examples=250)
@given(cases())
def test_lint_reports_whatever_decide_refuses(case: Case) -> None:
    verdict = judge(case)
    if isinstance(verdict, Accepted):
        assert reasons(case, EVERYTHING) == []
        return
    assert verdict.reason.word == reasons(case, EVERYTHING)[0]
    if not verdict.rule.needs:
        assert verdict.reason.word == reasons(case, frozenset())[0]


@settings(deadline=None, max_examples=200)
@given(cases())
def test_lint_says_no_less_when_it_knows_more(case: Case) -> None:
    alone = reasons(case, frozenset())
    for need in Need:
        assert set(alone) <= set(reasons(case, frozenset({need})))
        assert set(reasons(case, frozenset({need}))) <= set(reasons(case, EVERYTHING))


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_lint_does_not_judge_by_what_it_does_not_know(defect: Defect) -> None:
    needs = RULES[PLACES[defect.check]].needs
    found = lint(broken([defect]).request, replace(broken([defect]).knowledge, knows=frozenset()))
    details = {finding.detail for finding in found if finding.reason == defect.reason}
    said = defect.check(broken([defect])) in details
    assert said is not bool(needs)


def test_lint_speaks_of_no_topic_where_there_is_none() -> None:
    for change in (with_header("apns-topic", None), with_header("apns-topic", "")):
        for by in (certificate(BUNDLE, TOPIC), with_credential()):
            assert reasons(in_a_row(change, by)(ACCEPTED), EVERYTHING) == ["MissingTopic"]


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_lint_says_nothing_twice_of_what_is_absent(defect: Defect) -> None:
    if defect.reason in {"PayloadEmpty", "MissingDeviceToken", "MissingTopic"}:
        assert reasons(broken([defect]), EVERYTHING) == [defect.reason]


def test_reasons_that_no_rule_raises_come_from_faults_alone() -> None:
    assert {
        "BadCertificate",
        "Forbidden",
        "IdleTimeout",
        "InternalServerError",
        "ServiceUnavailable",
        "Shutdown",
        "TooManyRequests",
    } == FAULTS_ONLY


# Push types

TYPES = (
    ("alert", "", 4096, "both"),
    ("background", "", 4096, "both"),
    ("complication", ".complication", 4096, "both"),
    ("controls", ".push-type.controls", 4096, "token"),
    ("fileprovider", ".pushkit.fileprovider", 4096, "token"),
    ("liveactivity", ".push-type.liveactivity", 4096, "token"),
    ("location", ".location-query", 4096, "token"),
    ("mdm", "", 4096, "certificate"),
    ("pushtotalk", ".voip-ptt", 4096, "both"),
    ("voip", ".voip", 5120, "both"),
    ("widgets", ".push-type.widgets", 4096, "token"),
    ("accessory", ".push-type.accessory", 4096, "token"),
)


def own_topic(kind: str, suffix: str) -> str:
    return MDM_TOPIC if kind == "mdm" else BUNDLE + suffix


def correct(kind: str, topic: str) -> Change:
    return in_a_row(on_topic(topic, kind), with_header("apns-priority", "5"))


def test_the_table_of_push_types_is_apples() -> None:
    assert (
        tuple(
            (kind.value, row.suffix, row.limit, row.auth.value) for kind, row in PUSH_TYPES.items()
        )
        == TYPES
    )
    assert set(PUSH_TYPES) == set(PushType)
    assert {kind for kind, row in PUSH_TYPES.items() if row.refused} == {PushType.background}
    assert {row.auth for row in PUSH_TYPES.values()} == set(Auth)


@pytest.mark.parametrize(("kind", "suffix", "limit", "auth"), TYPES)
def test_a_push_is_accepted_on_its_own_topic_up_to_its_limit(
    kind: str, suffix: str, limit: int, auth: str
) -> None:
    case = correct(kind, own_topic(kind, suffix))(ACCEPTED)
    full = judge(with_body(sized(limit))(case))
    assert isinstance(full, Accepted)
    assert full.push.push_type is PushType(kind)
    over = judge(with_body(sized(limit + 1))(case))
    assert isinstance(over, Refused)
    assert over.reason.word == "PayloadTooLarge"


@pytest.mark.parametrize(("kind", "suffix", "limit", "auth"), TYPES)
def test_a_push_is_refused_on_the_topic_of_every_other_suffix(
    kind: str, suffix: str, limit: int, auth: str
) -> None:
    topics = {own_topic(other, end) for other, end, _, _ in TYPES} - {own_topic(kind, suffix)}
    assert len(topics) == 10
    for topic in topics:
        verdict = judge(correct(kind, topic)(ACCEPTED))
        assert isinstance(verdict, Refused), topic
        assert verdict.reason.word == "InvalidPushType"
