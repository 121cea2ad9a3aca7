"""The law of broadcast channels: each rule broken once, each errand there and back."""

import json
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushkit_cli.apns import channel_rules, channels, message
from pushkit_cli.apns.channel_reasons import CHANNEL_REASONS
from pushkit_cli.apns.channel_rules import FAULTS_ONLY, RULES, Allowed, decide, hint, lint
from pushkit_cli.apns.channels import Broadcast, Operation
from pushkit_cli.apns.checks import Case
from pushkit_cli.apns.facts import Basis, Broadcasts, Certificate, Channel, Credential, Storage
from pushkit_cli.apns.message import Outcome, Request, Response
from pushkit_cli.apns.push import Environment
from pushkit_cli.apns.rules import Refused
from tests.law import (
    ACCEPTED,
    BUNDLE,
    KNOWLEDGE,
    NOW,
    OTHER_KEY,
    OTHER_TEAM,
    UUID,
    Change,
    knowing,
    with_body,
    with_connection,
    with_credential,
    with_header,
    with_key,
    with_provider_token,
)

HOST = "api.sandbox.push.apple.com"
ID = "dHN0LXNyY2gtY2hubA=="
BODY = b'{"aps":{"timestamp":1764000000,"event":"update","content-state":{"score":1}}}'
KEPT = Channel(bundle_id=BUNDLE, environment=Environment.SANDBOX, storage=Storage.LATEST)
UNKEPT = replace(KEPT, storage=Storage.NONE)
LONG = "AAAA" * 257


def _signed(request: Request) -> Case:
    known = replace(KNOWLEDGE, device=None, channel=KEPT)
    case = replace(ACCEPTED, request=request, knowledge=known)
    return with_header("authorization", "bearer a.b.c")(case)


def _cases() -> dict[Operation, Case]:
    broadcast = Broadcast(
        bundle_id=BUNDLE, channel_id=ID, payload=BODY, priority=10, expiration=NOW + 60
    )
    return {
        Operation.CREATE: _signed(channels.to_create(BUNDLE, Storage.LATEST, authority=HOST)),
        Operation.SHOW: _signed(channels.to_show(BUNDLE, ID, authority=HOST)),
        Operation.LIST: _signed(channels.to_list(BUNDLE, authority=HOST)),
        Operation.DELETE: _signed(channels.to_delete(BUNDLE, ID, authority=HOST)),
        Operation.SEND: _signed(channels.to_broadcast(broadcast, authority=HOST)),
    }


CASES = _cases()
ALL = tuple(Operation)
ONE = (Operation.SHOW, Operation.DELETE, Operation.SEND)
CREATE, SEND = (Operation.CREATE,), (Operation.SEND,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A change that breaks one rule of some operations."""

    word: str
    change: Change
    of: tuple[Operation, ...] = ALL
    basis: Basis = Basis.DOCUMENTED


def _path(path: str) -> Change:
    return with_header(":path", path)


def _created(body: object) -> Change:
    return with_body(json.dumps(body).encode())


def _policy(policy: object) -> Change:
    return _created({"message-storage-policy": policy, "push-type": "LiveActivity"})


_ELSEWHERE = Certificate(topics=(BUNDLE,), environments=frozenset({Environment.PRODUCTION}))
_WITH_ELSEWHERE = knowing(credential=Credential(certificate=_ELSEWHERE))

ROWS = (
    Row(word="MethodNotAllowed", change=with_header(":method", "PUT")),
    Row(word="MethodNotAllowed", change=with_header(":method", "post")),
    Row(word="BadPath", change=_path("/1/apps//channels")),
    Row(word="BadPath", change=_path(f"/1/apps/{BUNDLE}/channels/{ID}")),
    Row(word="BadPath", change=_path(f"/1/apps/{BUNDLE}/channels\n")),
    Row(word="BadPath", change=with_header(":method", "DELETE"), of=(Operation.LIST, *SEND)),
    Row(word="BadPath", change=with_header(":method", "POST"), of=(Operation.LIST,)),
    Row(word="BadCertificateEnvironment", change=_WITH_ELSEWHERE),
    Row(word="MissingProviderToken", change=knowing(credential=Credential())),
    Row(word="InvalidProviderToken", change=with_credential(key=None)),
    Row(
        word="InvalidProviderToken",
        change=with_connection(team_id=OTHER_TEAM),
        basis=Basis.OURS,
    ),
    Row(
        word="BadEnvironmentKeyInToken",
        change=with_key(environment=Environment.PRODUCTION),
        basis=Basis.OURS,
    ),
    Row(word="ExpiredProviderToken", change=with_provider_token(issued_at=NOW - 3601)),
    Row(word="ExpiredProviderToken", change=with_connection(wedged=True), basis=Basis.OURS),
    Row(word="BadMessageId", change=with_header("apns-request-id", "42")),
    Row(word="TopicMismatch", change=knowing(owner=OTHER_TEAM)),
    Row(word="FeatureNotEnabled", change=knowing(broadcasts=Broadcasts(enabled=False))),
    Row(word="MissingChannelId", change=with_header("apns-channel-id", None), of=ONE),
    Row(word="BadChannelId", change=with_header("apns-channel-id", "no base64"), of=ONE),
    Row(word="BadChannelId", change=with_header("apns-channel-id", "A"), of=ONE),
    Row(word="BadChannelId", change=with_header("apns-channel-id", LONG), of=ONE),
    Row(word="ChannelNotRegistered", change=knowing(channel=None), of=ONE),
    Row(
        word="ChannelNotRegistered",
        change=knowing(channel=replace(KEPT, bundle_id="com.example.other")),
        of=ONE,
    ),
    Row(
        word="ChannelNotRegistered",
        change=knowing(channel=replace(KEPT, environment=Environment.PRODUCTION)),
        of=ONE,
    ),
    Row(word="MissingPushType", change=with_header("apns-push-type", None), of=SEND),
    Row(word="InvalidPushType", change=with_header("apns-push-type", "alert"), of=SEND),
    Row(
        word="BadPriority",
        change=with_header("apns-priority", None),
        of=SEND,
        basis=Basis.OBSERVED,
    ),
    Row(word="BadPriority", change=with_header("apns-priority", "9"), of=SEND),
    Row(word="BadExpirationDate", change=with_header("apns-expiration", None), of=SEND),
    Row(word="BadExpirationDate", change=with_header("apns-expiration", "soon"), of=SEND),
    Row(word="BadExpirationDate", change=knowing(channel=UNKEPT), of=SEND),
    Row(word="PayloadEmpty", change=with_body(b""), of=CREATE + SEND),
    Row(word="PayloadTooLarge", change=with_body(BODY, 5121), of=CREATE + SEND),
    Row(word="BadRequestPayload", change=with_body(b"{"), of=CREATE + SEND),
    Row(word="BadRequestPayload", change=with_body(b"[]"), of=CREATE + SEND),
    Row(
        word="BadRequestPayload",
        change=with_body(b'{"aps":{"event":"start"}}'),
        of=SEND,
        basis=Basis.OURS,
    ),
    Row(word="BadRequestParams", change=_created({}), of=CREATE),
    Row(word="BadRequestParams", change=_policy(2), of=CREATE),
    Row(word="BadRequestParams", change=_policy(True), of=CREATE),
    Row(word="BadRequestParams", change=_policy("1"), of=CREATE),
    Row(
        word="BadRequestParams",
        change=_created({"message-storage-policy": 1, "push-type": "LiveActivity", "x": 1}),
        of=CREATE,
    ),
    Row(
        word="MissingPushType",
        change=_created({"message-storage-policy": 1}),
        of=CREATE,
        basis=Basis.OURS,
    ),
    Row(
        word="InvalidPushType",
        change=_created({"message-storage-policy": 1, "push-type": "liveactivity"}),
        of=CREATE,
    ),
    Row(
        word="CannotCreateChannelConfig",
        change=knowing(broadcasts=Broadcasts(channels=channels.MAX_CHANNELS)),
        of=CREATE,
    ),
)
TRIED = [(row, operation) for row in ROWS for operation in row.of]
_CREDENTIALS = frozenset({
    "MissingProviderToken", "InvalidProviderToken", "ExpiredProviderToken", "MethodNotAllowed",
    "BadEnvironmentKeyInToken", "BadCertificateEnvironment", "BadPath",
})  # fmt: skip
"""Refusals before a credential has passed."""


@pytest.mark.parametrize("operation", Operation)
def test_what_a_sender_writes_is_taken_as_it_was_meant(operation: Operation) -> None:
    case = CASES[operation]
    said = decide(case.request, case.knowledge)
    assert isinstance(said, Allowed)
    assert (said.asked.operation, said.asked.bundle_id) == (operation, BUNDLE)
    assert said.asked.channel_id == (ID if operation in ONE else None)
    assert said.asked.storage is (Storage.LATEST if operation is Operation.CREATE else None)
    assert (said.asked.broadcast is not None) is (operation is Operation.SEND)
    assert [one for one in lint(case.request, case.knowledge) if one.reason] == []


def test_a_broadcast_is_read_back_whole() -> None:
    sent = Broadcast(
        bundle_id=BUNDLE,
        channel_id=ID,
        payload=BODY,
        priority=5,
        expiration=0,
        request_id=UUID,
    )
    case = _signed(channels.to_broadcast(sent, authority=HOST))
    said = decide(case.request, replace(case.knowledge, channel=UNKEPT))
    assert isinstance(said, Allowed)
    assert said.asked.broadcast == sent


@pytest.mark.parametrize(
    ("row", "operation"), TRIED, ids=[f"{row.word}-{operation}" for row, operation in TRIED]
)
def test_each_rule_refuses_with_its_word(row: Row, operation: Operation) -> None:
    case = row.change(CASES[operation])
    said = decide(case.request, case.knowledge)
    assert isinstance(said, Refused)
    assert (said.reason.word, said.basis) == (row.word, row.basis)
    assert said.authenticated is (row.word not in _CREDENTIALS)
    found = lint(case.request, case.knowledge)
    assert found[0].reason == row.word
    assert found[0].detail == said.detail
    assert found[0].remedy
    assert hint(row.word, case.request, case.knowledge) == found[0].remedy


def test_a_suffix_is_taken_for_a_topic_and_the_app_is_named() -> None:
    request = channels.to_list(f"{BUNDLE}.push-type.liveactivity", authority=HOST)
    case = _signed(request)
    said = decide(case.request, case.knowledge)
    assert isinstance(said, Refused)
    assert said.reason.word == "TopicDisallowed"
    assert hint("TopicDisallowed", request, case.knowledge) == f"say --app {BUNDLE}"


def test_a_second_new_token_on_a_connection_is_one_too_many() -> None:
    case = with_provider_token(digest="second")(CASES[Operation.LIST])
    said = decide(case.request, case.knowledge)
    assert isinstance(said, Refused)
    assert (said.reason.word, said.authenticated) == ("TooManyProviderTokenUpdates", False)


def test_a_key_of_no_kin_is_unrelated() -> None:
    scoped = replace(OTHER_KEY, topics=frozenset({BUNDLE}))
    case = with_connection(first_key=scoped)(CASES[Operation.LIST])
    said = decide(case.request, case.knowledge)
    assert isinstance(said, Refused)
    assert said.reason.word == "UnrelatedKeyIdInToken"


def test_every_rule_was_broken_and_every_word_of_apples_stands_somewhere() -> None:
    alone = {"TopicDisallowed", "TooManyProviderTokenUpdates", "UnrelatedKeyIdInToken"}
    assert {row.word for row in ROWS} | alone == {rule.reason.word for rule in RULES}
    documented = {
        *("FeatureNotEnabled", "MissingChannelId", "BadChannelId", "ChannelNotRegistered"),
        *("BadRequestParams", "BadRequestPayload", "PayloadEmpty", "BadMessageId"),
        *("MissingPushType", "InvalidPushType", "CannotCreateChannelConfig", "BadExpirationDate"),
        *("TopicDisallowed", "BadPriority", "BadCertificate", "BadCertificateEnvironment"),
        *("TopicMismatch", "MissingProviderToken", "ExpiredProviderToken", "InvalidProviderToken"),
        *("BadPath", "MethodNotAllowed", "PayloadTooLarge", "TooManyRequests"),
        *("TooManyProviderTokenUpdates", "InternalServerError", "ServiceUnavailable"),
        *("Service Unavailable", "Shutdown"),
    }
    ours = {"BadEnvironmentKeyInToken", "BadEnvironmentKeyIdInToken", "UnrelatedKeyIdInToken"}
    assert set(CHANNEL_REASONS) == documented | ours
    assert {
        *("BadCertificate", "InternalServerError", "ServiceUnavailable", "Service Unavailable"),
        *("Shutdown", "TooManyRequests"),
    } == FAULTS_ONLY


def test_hints_name_where_a_channel_belongs() -> None:
    request = CASES[Operation.SHOW].request
    other = replace(KNOWLEDGE, channel=replace(KEPT, bundle_id="com.example.other"))
    there = replace(KNOWLEDGE, channel=replace(KEPT, environment=Environment.PRODUCTION))
    assert "--app com.example.other" in (hint("ChannelNotRegistered", request, other) or "")
    assert "production" in (hint("ChannelNotRegistered", request, there) or "")
    assert "channel list" in (hint("ChannelNotRegistered", request, KNOWLEDGE) or "")
    assert hint("Invented", request, KNOWLEDGE) is None


@pytest.mark.parametrize("expiration", ["0", "00"])
def test_a_channel_that_stores_nothing_takes_nought(expiration: str) -> None:
    case = with_header("apns-expiration", expiration)(CASES[Operation.SEND])
    assert isinstance(decide(case.request, replace(case.knowledge, channel=UNKEPT)), Allowed)


def test_an_expiration_may_be_left_out_where_that_is_asked_for() -> None:
    case = with_header("apns-expiration", None)(CASES[Operation.SEND])
    policy = replace(case.knowledge.policy, broadcast_expiration=False)
    assert isinstance(decide(case.request, replace(case.knowledge, policy=policy)), Allowed)


@pytest.mark.parametrize("size", [channels.MAX_BROADCAST_BYTES, 1])
def test_a_body_may_be_as_large_as_the_limit(size: int) -> None:
    body = BODY[:-1] + b',"p":"' + b"x" * (size - len(BODY) - 7) + b'"}' if size > 1 else b"5"
    case = with_body(body, max(size, len(body)))(CASES[Operation.SEND])
    said = decide(case.request, case.knowledge)
    assert isinstance(said, Allowed) is (size > 1)


@given(st.binary(max_size=80), st.text(max_size=40), st.sampled_from(Operation))
def test_no_body_and_no_id_makes_the_judge_stumble(
    body: bytes, channel_id: str, operation: Operation
) -> None:
    said = with_header("apns-channel-id", channel_id.encode("utf-8", "surrogatepass"))
    case = said(with_body(body)(CASES[operation]))
    decide(case.request, case.knowledge)
    lint(case.request, case.knowledge)


# Answers

ANSWERS: tuple[tuple[Response, dict[str, object]], ...] = (
    (channels.created(channel_id=ID, request_id=UUID), {"channel_id": ID}),
    (channels.shown(Storage.NONE, request_id=UUID), {"storage": Storage.NONE}),
    (channels.shown(Storage.LATEST, request_id=UUID), {"storage": Storage.LATEST}),
    (channels.listed((ID, "eA=="), request_id=UUID), {"channel_ids": (ID, "eA==")}),
    (channels.listed((), request_id=UUID), {"channel_ids": ()}),
    (channels.deleted(request_id=UUID), {}),
    (channels.sent(request_id=UUID, unique_id=UUID), {}),
)


@pytest.mark.parametrize(("response", "said"), ANSWERS)
def test_what_a_service_answers_is_read_back(response: Response, said: dict[str, object]) -> None:
    answer = channels.read_answer(response)
    assert answer.reply.outcome is Outcome.ACCEPTED
    assert answer.reply.status == response.status
    assert answer.reply.apns_request_id == UUID
    read = {"channel_id": None, "storage": None, "channel_ids": None, **said}
    assert (answer.channel_id, answer.storage, answer.channel_ids) == tuple(read.values())


def test_the_statuses_are_apples() -> None:
    assert [response.status for response, _ in ANSWERS] == [201, 200, 200, 200, 200, 204, 200]


@pytest.mark.parametrize("word", CHANNEL_REASONS)
def test_a_refusal_is_read_back(word: str) -> None:
    reason = CHANNEL_REASONS[word]
    answer = channels.read_answer(channels.refuse(reason, request_id=UUID))
    assert answer.reply.outcome is Outcome.REFUSED
    assert (answer.reply.status, answer.reply.reason) == (reason.status, reason.word)
    assert answer.reply.apns_request_id == UUID
    for text in (reason.meaning, reason.remedy, reason.source):
        assert text
        assert not text.endswith(".")


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"message-storage-policy":true}', b'{"channels":1}']
)
def test_an_answer_in_other_words_says_nothing(body: bytes) -> None:
    answer = channels.read_answer(Response(status=200, headers=(), body=body))
    assert answer.reply.outcome is Outcome.ACCEPTED
    assert (answer.channel_id, answer.storage, answer.channel_ids) == (None, None, None)


def test_a_request_is_known_by_its_path() -> None:
    for case in CASES.values():
        assert channels.is_for_channels(case.request)
    assert not channels.is_for_channels(ACCEPTED.request)
    assert CASES[Operation.SHOW].request.field(message.CHANNEL_ID) == ID
    assert ID.encode() not in CASES[Operation.SHOW].request.path


def test_the_order_is_the_documented_one() -> None:
    """Authenticate, then the channel, then the rest of a broadcast."""
    words = [rule.reason.word for rule in channel_rules.RULES]
    order = ("MissingProviderToken", "MissingChannelId", "MissingPushType", "PayloadEmpty")
    places = [words.index(word) for word in order]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("hours", "channel", "advised"),
    [(8, KEPT, False), (9, KEPT, True), (9, None, True), (9, UNKEPT, False)],
)
def test_more_than_a_channel_keeps_is_advised_upon(
    hours: int, channel: Channel | None, advised: bool
) -> None:
    case = with_header("apns-expiration", str(NOW + hours * 3600))(CASES[Operation.SEND])
    found = lint(case.request, replace(case.knowledge, channel=channel))
    said = [one.remedy for one in found if not one.holds]
    assert said == ["send --expiration 8h, or less"] * advised
