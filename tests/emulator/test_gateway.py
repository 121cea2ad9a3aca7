"""The emulator's gateway: ids, environments, credentials, and what a connection remembers."""

import re

import pytest
from hypothesis import given, settings

from pushkit_cli.apns.facts import Policy
from pushkit_cli.apns.message import Request
from pushkit_cli.emulator.moves import Connected, Disconnected, Perform, Register
from pushkit_cli.emulator.state import App, SigningKey
from tests.emulator.stage import PRODUCTION, SANDBOX, Stage, answer, pushed, reason
from tests.law import (
    BUNDLE,
    NOW,
    OTHER_KEY_ID,
    OTHER_TEAM,
    TEAM,
    TOKEN,
    UUID,
    KeyPair,
    garbage_requests,
    request,
)

UPPER = re.compile(rb"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}")
LOWER = re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def with_second_team(stage: Stage) -> Stage:
    """Another team with an app and a key; the secret half is the first team's."""
    stage.step(Register(record=App(bundle_id="com.other.app", team_id=OTHER_TEAM)))
    pem = stage.keys.public_pem.decode()
    stage.step(Register(record=SigningKey(key_id=OTHER_KEY_ID, team_id=OTHER_TEAM, public_pem=pem)))
    return stage


def by(stage: Stage, issued_at: float = NOW - 60, **who: str) -> Request:
    bearer = stage.bearer(issued_at=issued_at, **who)
    return stage.request(authorization=f"bearer {bearer}")


# Ids


def test_an_apns_id_that_was_sent_is_echoed_byte_for_byte(stage: Stage) -> None:
    for sent in (UUID, UUID.upper()):
        effects = stage.send(stage.request(apns_id=sent))
        assert answer(effects).headers[0] == (b"apns-id", sent.encode())
        assert pushed(effects).apns_id == sent


def test_an_apns_id_that_was_not_sent_is_made_in_upper_case(stage: Stage) -> None:
    ids = {dict(answer(stage.send()).headers)[b"apns-id"] for _ in range(3)}
    assert len(ids) == 3
    assert all(UPPER.fullmatch(made) for made in ids)


def test_an_apns_id_that_is_none_is_refused_under_a_new_one(stage: Stage) -> None:
    effects = stage.send(stage.request(apns_id="not-a-uuid\xff"))
    assert reason(effects) == "BadMessageId"
    assert UPPER.fullmatch(dict(answer(effects).headers)[b"apns-id"])


def test_a_unique_id_is_given_on_the_sandbox_alone(stage: Stage) -> None:
    here = answer(stage.send())
    assert [name for name, _ in here.headers] == [b"apns-id", b"apns-unique-id"]
    assert LOWER.fullmatch(here.headers[1][1])
    stage.step(Connected(connection=2, environment=PRODUCTION))
    asked = stage.request(token=stage.token(environment=PRODUCTION))
    there = answer(stage.send(asked, connection=2))
    assert (there.status, [name for name, _ in there.headers]) == (200, [b"apns-id"])
    refused = answer(stage.send(stage.request(apns_priority="3")))
    assert [name for name, _ in refused.headers] == [b"apns-id"]


# Environments


def test_a_token_of_the_other_environment_is_bad_and_the_hint_says_why(stage: Stage) -> None:
    effects = stage.send(stage.request(token=stage.token(environment=PRODUCTION)))
    assert reason(effects) == "BadDeviceToken"
    assert "production" in (pushed(effects).hint or "")
    stage.step(Connected(connection=2, environment=PRODUCTION))
    assert reason(stage.send(connection=2)) == "BadDeviceToken"


def test_a_token_that_nobody_was_issued_is_bad(stage: Stage) -> None:
    effects = stage.send(stage.request(token=TOKEN))
    assert reason(effects) == "BadDeviceToken"
    assert (pushed(effects).app, pushed(effects).device) == (None, None)


# Credentials


@pytest.mark.parametrize("scheme", ["bearer", "Bearer", "BEARER", "bearer "])
def test_the_scheme_may_be_written_in_any_case(stage: Stage, scheme: str) -> None:
    assert reason(stage.send(stage.request(authorization=f"{scheme} {stage.bearer()}"))) is None


@pytest.mark.parametrize(
    ("authorization", "word"),
    [
        ("", "MissingProviderToken"),
        ("bearer", "MissingProviderToken"),
        ("bearer  ", "MissingProviderToken"),
        ("basic dTpw", "MissingProviderToken"),
        ("eyJhbGciOiJFUzI1NiJ9.e30.AAAA", "MissingProviderToken"),
        ("bearer nonsense", "InvalidProviderToken"),
        ("bearer ..", "InvalidProviderToken"),
        ("bearer eyJhbGciOiJub25lIn0.e30.", "InvalidProviderToken"),
    ],
)
def test_no_credential_and_a_bad_one_are_two_things(
    stage: Stage, authorization: str, word: str
) -> None:
    effects = stage.send(stage.request(authorization=authorization))
    assert reason(effects) == word
    assert answer(effects).status == 403
    assert pushed(effects).auth is None


def test_a_signature_counts_for_the_whole_token_and_the_registered_key(stage: Stage) -> None:
    header, claims, signature = stage.bearer().split(".")
    other = stage.bearer(issued_at=NOW - 61).split(".")
    assert reason(stage.send()) is None
    for forged in (
        (header, other[1], signature),
        (header, claims, other[2]),
        (header, claims, ""),
    ):
        asked = stage.request(authorization=f"bearer {'.'.join(forged)}")
        assert reason(stage.send(asked)) == "InvalidProviderToken"
    assert reason(stage.send()) is None


def test_an_app_of_another_team_is_disallowed(stage: Stage) -> None:
    with_second_team(stage)
    assert reason(stage.send(stage.request(apns_topic="com.other.app.voip"))) == "TopicDisallowed"
    assert reason(stage.send(stage.request(apns_topic="com.no.app.voip"))) == "TopicDisallowed"
    assert reason(stage.send(stage.request("alert", token=stage.token()))) == (
        "DeviceTokenNotForTopic"
    )


def test_who_asked_is_told_and_with_what_is_not(stage: Stage) -> None:
    seen = pushed(stage.send())
    assert seen.auth is not None
    assert (seen.auth.kind, seen.auth.team_id, seen.auth.issued_at) == ("token", TEAM, NOW - 60)
    assert stage.bearer() not in str(seen.to_json())


# What a connection remembers


def test_a_connection_serves_one_team(stage: Stage) -> None:
    with_second_team(stage)
    theirs = by(stage, team_id=OTHER_TEAM, key_id=OTHER_KEY_ID)
    assert reason(stage.send()) is None
    assert reason(stage.send(theirs)) == "InvalidProviderToken"
    stage.step(Connected(connection=2, environment=SANDBOX))
    assert reason(stage.send(theirs, connection=2)) == "TopicDisallowed"
    assert reason(stage.send(connection=2)) == "InvalidProviderToken"
    assert reason(stage.send()) is None


def test_a_credential_that_fails_binds_no_connection(keys: KeyPair) -> None:
    stage = with_second_team(Stage(keys, policy=Policy(expired_wedges=False)).set_up())
    theirs = by(stage, team_id=OTHER_TEAM, key_id=OTHER_KEY_ID, issued_at=NOW - 3601)
    assert reason(stage.send(theirs)) == "ExpiredProviderToken"
    assert reason(stage.send()) is None


def test_a_connection_stays_unusable_after_an_expired_provider_token(stage: Stage) -> None:
    assert reason(stage.send(by(stage, issued_at=NOW - 3601))) == "ExpiredProviderToken"
    effects = stage.send()
    assert reason(effects) == "ExpiredProviderToken"
    assert pushed(effects).basis == "observed"
    stage.step(Connected(connection=2, environment=SANDBOX))
    assert reason(stage.send(connection=2)) is None


def test_a_second_new_token_within_20_minutes_is_one_too_many(stage: Stage) -> None:
    assert reason(stage.send(by(stage))) is None
    second = by(stage, issued_at=NOW)
    assert reason(stage.send(second)) == "TooManyProviderTokenUpdates"
    assert reason(stage.send(second, after=1199)) == "TooManyProviderTokenUpdates"
    assert reason(stage.send(by(stage))) is None
    assert reason(stage.send(second, after=1)) is None
    assert reason(stage.send(by(stage))) is None
    assert reason(stage.send(by(stage, issued_at=NOW + 1))) == "TooManyProviderTokenUpdates"


def test_another_connection_has_a_memory_of_its_own(stage: Stage) -> None:
    stage.send(by(stage))
    second = by(stage, issued_at=NOW)
    stage.step(Connected(connection=2, environment=SANDBOX))
    assert reason(stage.send(second, connection=2)) is None
    stage.step(Disconnected(connection=1))
    stage.step(Connected(connection=1, environment=SANDBOX))
    assert reason(stage.send(second)) is None


def test_how_many_new_tokens_may_come_is_a_switch(keys: KeyPair) -> None:
    stage = Stage(keys, policy=Policy(new_tokens=3)).set_up()
    said = [reason(stage.send(by(stage, issued_at=NOW - age))) for age in range(5)]
    assert said == [None, None, None, *["TooManyProviderTokenUpdates"] * 2]


def test_a_request_of_a_connection_that_has_ended_has_no_effect(stage: Stage) -> None:
    asked = stage.request()
    stage.step(Disconnected(connection=1))
    stage.step(Disconnected(connection=1))
    assert stage.send(asked) == ()
    assert stage.send(asked, connection=99) == ()


# Chance


@pytest.fixture(scope="session")
def shared(keys: KeyPair) -> Stage:
    return Stage(keys).set_up()


@settings(deadline=None, max_examples=300)
@given(garbage_requests)
def test_garbage_is_answered_once_and_never_makes_it_raise(shared: Stage, asked: Request) -> None:
    before = dict(shared.rows)
    effects = shared.send(asked)
    assert answer(effects).status >= 400
    assert pushed(effects).to_json()["status"] == answer(effects).status
    performed = [effect for effect in effects if isinstance(effect, Perform)]
    assert {(one.connection, one.act.after) for one in performed} == {(1, 0.0)}
    assert shared.rows == before


@settings(deadline=None, max_examples=200)
@given(garbage_requests)
def test_garbage_with_a_good_credential_is_answered_once_too(shared: Stage, asked: Request) -> None:
    good = tuple(pair for pair in asked.headers if pair[0] not in {b"authorization", b":path"})
    path = (b":path", f"/3/device/{shared.token()}".encode())
    bearer = (b"authorization", f"bearer {shared.bearer(issued_at=shared.now)}".encode())
    body = {"body": asked.body, "body_size": asked.body_size}
    effects = shared.send(Request(headers=(path, bearer, *good), **body))  # type: ignore[arg-type]
    assert answer(effects).status != 403
    assert pushed(effects).to_json()["token"] == shared.token()


def test_garbage_would_be_accepted_if_it_were_none(shared: Stage) -> None:
    plain = request(
        token=shared.token(), authorization=f"bearer {shared.bearer(issued_at=shared.now)}"
    )
    assert plain.field(b"apns-topic") == f"{BUNDLE}.voip"
    assert reason(shared.send(plain)) is None
