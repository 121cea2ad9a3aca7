"""What a connection does by itself once a request has its answer: streams, and its end."""

import json

import pytest

from pushkit_cli.apns.acts import Act, GoAway, Respond, Settings
from pushkit_cli.apns.facts import Certificate, GoAwayText, Policy
from pushkit_cli.emulator.link import goodbye
from pushkit_cli.emulator.moves import Connected, Effect
from pushkit_cli.emulator.state import DeviceToken
from tests.emulator.stage import SANDBOX, Stage, acts, reason
from tests.law import NOW, TOPIC, KeyPair

THOUSAND, ONE = Settings(max_streams=1000), Settings(max_streams=1)


def beside(effects: tuple[Effect, ...]) -> list[Act]:
    """What else is done, after the answer."""
    answer, *rest = acts(effects)
    assert isinstance(answer, Respond)
    return rest


def with_certificate(stage: Stage, connection: int, *topics: str) -> None:
    certificate = Certificate(topics=topics, environments=frozenset({SANDBOX}))
    stage.step(Connected(connection=connection, environment=SANDBOX, certificate=certificate))


# Streams


def test_the_first_valid_provider_token_raises_the_limit_once(stage: Stage) -> None:
    assert beside(stage.send()) == [THOUSAND]
    assert beside(stage.send()) == []


def test_a_refused_push_raises_it_too_where_its_provider_token_was_valid(stage: Stage) -> None:
    assert beside(stage.send(stage.request(token="5f" * 32))) == [THOUSAND]


@pytest.mark.parametrize("authorization", ["", "bearer nonsense"])
def test_nothing_is_raised_without_a_valid_provider_token(stage: Stage, authorization: str) -> None:
    assert beside(stage.send(stage.request(authorization=authorization))) == []
    assert beside(stage.send()) == [THOUSAND]


def test_a_client_certificate_has_them_all_from_the_start(stage: Stage) -> None:
    with_certificate(stage, 2, TOPIC)
    assert beside(stage.send(connection=2)) == []


def test_a_refusal_may_throttle_a_connection_until_the_next_success(keys: KeyPair) -> None:
    stage = Stage(keys, policy=Policy(throttle=True)).set_up()
    refused = stage.request(apns_priority="3")
    assert beside(stage.send()) == [THOUSAND]
    assert beside(stage.send(refused)) == [ONE]
    assert beside(stage.send(refused)) == []
    assert beside(stage.send()) == [THOUSAND]


# The end


def test_too_many_refusals_end_a_connection_where_a_number_is_set(keys: KeyPair) -> None:
    stage = Stage(keys, policy=Policy(errors=2)).set_up()
    bad = stage.request(token="5f" * 32)
    assert beside(stage.send(bad)) == [THOUSAND]
    assert beside(stage.send()) == []
    (end,) = beside(stage.send(bad))
    assert end == GoAway(debug=b'{"reason":"BadDeviceToken"}')
    assert beside(stage.send(bad)) == []


def test_a_dead_token_is_no_error_of_its_connection(keys: KeyPair) -> None:
    stage = Stage(keys, policy=Policy(errors=1)).set_up()
    (token,) = (t for t in stage.world.state.all_of(DeviceToken) if t.token == stage.token())
    row = json.loads(stage.rows[token.key]) | {"state": "unregistered", "since_ms": NOW * 1000}
    kept = {**{key: json.loads(text) for key, text in stage.rows.items()}, token.key: row}
    again = Stage(keys, policy=Policy(errors=1), rows=list(kept.items()))
    again.step(Connected(connection=1, environment=SANDBOX))
    effects = again.send(stage.request())
    assert reason(effects) == "Unregistered"
    assert beside(effects) == [THOUSAND]


@pytest.mark.parametrize(
    ("form", "debug"),
    [
        (GoAwayText.JSON, b'{"reason":"BadCertificateEnvironment"}'),
        (GoAwayText.TEXT, b"BadCertificateEnvironment"),
        (GoAwayText.EMPTY, b""),
    ],
)
def test_a_goodbye_has_the_form_that_was_asked_for(form: GoAwayText, debug: bytes) -> None:
    ending = goodbye("BadCertificateEnvironment", Policy(goaway=form))
    assert ending == GoAway(debug=debug)
