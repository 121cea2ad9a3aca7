"""Faults in a World: whom they strike, what is answered and told, and that it can be repeated."""

import json
from collections.abc import Callable

import pytest

from pushkit_cli.apns import channels
from pushkit_cli.apns.acts import Act, Close, FailTls, GoAway, Reset, Respond, Settings, Stall
from pushkit_cli.apns.facts import TokenState
from pushkit_cli.emulator.fault_event import FaultEvent
from pushkit_cli.emulator.fault_words import read_fault
from pushkit_cli.emulator.faults import MAX_FAULTS, FaultRule
from pushkit_cli.emulator.moves import ClearFaults, Connected, Effect, Emit, Knocked, SetFaults
from pushkit_cli.errors import UsageError
from tests.emulator.airing import AUTHORITY, broadcast, created, signed
from tests.emulator.stage import SANDBOX, Stage, acts, answer, names, pushed, reason
from tests.law import BUNDLE, KeyPair

Effects = tuple[Effect, ...]


@pytest.fixture
def faulty(keys: KeyPair) -> Callable[..., Stage]:
    def make(*texts: str, seed: int = 0) -> Stage:
        stage = Stage(keys, seed=seed).set_up()
        stage.step(SetFaults(faults=tuple(read_fault(text) for text in texts)))
        return stage

    return make


def told(effects: Effects) -> FaultEvent:
    (event,) = [
        one.event for one in effects if isinstance(one, Emit) and isinstance(one.event, FaultEvent)
    ]
    return event


def struck(stage: Stage, times: int, **words: object) -> str:
    """What becomes of so many pushes: x is struck, . is not."""
    made = [stage.send(stage.request(**words)) for _ in range(times)]  # type: ignore[arg-type]
    return "".join("." if pushed(one).fault is None else "x" for one in made)


# Whom they strike


@pytest.mark.parametrize(
    ("when", "seen"),
    [
        ("", "xxxxxxx"),
        ("@nth3", "..x...."),
        ("@first3", "xxx...."),
        ("@every3", "..x..x."),
        ("@after4", "....xxx"),
        ("@100%", "xxxxxxx"),
    ],
)
def test_by_number(faulty: Callable[..., Stage], when: str, seen: str) -> None:
    assert struck(faulty(f"ServiceUnavailable{when}"), 7) == seen


def test_by_chance_as_the_seed_has_it(faulty: Callable[..., Stage]) -> None:
    seen = {seed: struck(faulty("503@30%", seed=seed), 100) for seed in (7, 8)}
    assert seen[7] == struck(faulty("503@30%", seed=7), 100)
    assert seen[7] != seen[8]
    assert 20 <= seen[7].count("x") <= 40
    two = faulty("503@30%", "503@30%", seed=7)
    assert len({told(one).number for one in map(two.send, [None] * 60) if pushed(one).fault}) == 2


def test_by_time_since_it_was_set(faulty: Callable[..., Stage]) -> None:
    stage = faulty("ServiceUnavailable@30s..1m,first2")
    assert struck(stage, 1) == "."
    stage.now += 30
    assert struck(stage, 3) == "xx."
    stage.step(SetFaults(faults=(read_fault("503@..30s"),)))
    stage.now += 29.9
    assert struck(stage, 1) == "x"
    stage.now += 0.1
    assert struck(stage, 1) == "."


def test_by_device_token_each_by_itself(faulty: Callable[..., Stage]) -> None:
    stage = faulty("TooManyRequests@after2,per-token=1m")
    assert struck(stage, 4) == "..xx"
    assert struck(stage, 3, kind="alert") == "..x"
    stage.now += 60
    assert struck(stage, 3) == "..x"


def test_of_countless_tokens_those_that_came_last_are_remembered() -> None:
    fault = read_fault("429@after1,per-token")
    rule = FaultRule(number=1, fault=fault, since=0.0)
    fired = [rule.fires(str(number), 1.0, 0) for number in (*range(20_000), 19_999, 0)]
    assert fired[-2:] == [True, False]
    assert not any(fired[:-2])


@pytest.mark.parametrize(
    ("selector", "voip", "complication"),
    [
        ("voip", "x", "."),
        ("device=watch", ".", "x"),
        ("topic=com.example.app.voip", "x", "."),
        ("complication,device=iphone", ".", "."),
    ],
)
def test_by_what_the_push_is(
    faulty: Callable[..., Stage], selector: str, voip: str, complication: str
) -> None:
    stage = faulty(f"{selector}:503")
    assert struck(stage, 1) == voip
    assert struck(stage, 1, kind="complication") == complication


def test_by_its_token(faulty: Callable[..., Stage]) -> None:
    stage = faulty()
    stage.step(SetFaults(faults=(read_fault(f"token={stage.token().upper()}:503"),)))
    assert struck(stage, 1) == "x"
    assert struck(stage, 1, kind="alert") == "."


def test_the_first_that_fires_acts_and_each_counts(faulty: Callable[..., Stage]) -> None:
    stage = faulty("500@nth2", "voip:503@every2", "429@first1")
    seen = [pushed(stage.send()).status for _ in range(4)]
    assert seen == [429, 500, 200, 503]
    assert [(one.matched, one.struck) for one in stage.world.faults.rules] == [(4, 1)] * 3


# What is answered


def test_a_reason_in_place_of_what_was_judged(faulty: Callable[..., Stage]) -> None:
    stage = faulty("voip:ServiceUnavailable@first1")
    done = stage.send()
    assert (answer(done).status, reason(done)) == (503, "ServiceUnavailable")
    seen = pushed(done)
    assert (seen.status, seen.reason, seen.basis) == (503, "ServiceUnavailable", "ours")
    assert seen.to_json()["fault"] == "voip:ServiceUnavailable@first1"
    assert "a fault on purpose" in str(seen.detail)
    event = told(done)
    assert (event.push_id, event.device, event.type) == (seen.id, "iphone", "voip")
    assert (event.rule, event.number, event.delivered) == (seen.fault, 1, False)
    assert names(done) == [], "nothing reaches the device"
    assert answer(stage.send()).status == 200


@pytest.mark.parametrize(
    ("text", "status", "body"),
    [
        ("503", 503, b""),
        ("200", 200, b""),
        ("500/Shutdown", 500, b'{"reason":"Shutdown"}'),
    ],
)
def test_any_status(faulty: Callable[..., Stage], text: str, status: int, body: bytes) -> None:
    done = faulty(text).send()
    assert (answer(done).status, answer(done).body) == (status, body)
    assert pushed(done).status == status
    assert not names(done)


def test_410_has_a_timestamp(faulty: Callable[..., Stage]) -> None:
    stage = faulty("Unregistered")
    body = json.loads(answer(stage.send()).body)
    assert body == {"reason": "Unregistered", "timestamp": int(stage.now * 1000)}
    assert stage.world.state.token(stage.token()).state is TokenState.LIVE  # type: ignore[union-attr]


def test_an_answer_also_to_what_would_be_refused(faulty: Callable[..., Stage]) -> None:
    stage = faulty("503/ServiceUnavailable")
    assert reason(stage.send(stage.request(token="00" * 32))) == "ServiceUnavailable"


def test_broadcasts_are_pushes_and_errands_of_channels_are_not(
    faulty: Callable[..., Stage],
) -> None:
    stage = faulty("liveactivity:ServiceUnavailable@first1", "channel:503@nth2")
    first = created(stage)
    done = broadcast(stage, first)
    assert reason(done) == "ServiceUnavailable"
    assert pushed(done).apns_request_id is not None
    assert told(done).delivered is False
    assert answer(broadcast(stage, first)).status == 200
    asked = channels.to_list(BUNDLE, authority=AUTHORITY)
    refused = answer(stage.send(signed(stage, asked)))
    assert (refused.status, refused.body) == (503, b"")


# What the connection does


def doing(effects: Effects) -> list[Act]:
    return [one for one in acts(effects) if not isinstance(one, Settings)]


def test_a_late_answer_and_a_push_in_time(faulty: Callable[..., Stage]) -> None:
    done = faulty("delay=2s").send()
    (act,) = doing(done)
    assert isinstance(act, Respond)
    assert (act.after, act.response.status) == (2.0, 200)
    assert "delivered" in names(done)
    assert told(done).delivered


@pytest.mark.parametrize(
    ("text", "act"),
    [
        ("stall", Stall(stream=7)),
        ("reset", Reset(stream=7, code=2)),
        ("close", Close()),
    ],
)
def test_a_swallowed_answer_is_that_of_a_push_which_was_delivered(
    faulty: Callable[..., Stage], text: str, act: Act
) -> None:
    done = faulty(text).send()
    assert doing(done) == [act]
    assert (pushed(done).status, pushed(done).fault) == (200, text)
    assert (told(done).reason, told(done).delivered) == (text, True)
    assert "200" in told(done).detail
    assert "delivered" in names(done)


def test_a_swallowed_refusal_delivers_nothing(faulty: Callable[..., Stage]) -> None:
    stage = faulty("reset")
    done = stage.send(stage.request(token="00" * 32))
    assert told(done).delivered is False
    assert "400 BadDeviceToken" in told(done).detail


def test_a_refused_stream_is_no_push_at_all(faulty: Callable[..., Stage]) -> None:
    stage = faulty("reset=refused@first1")
    done = stage.send()
    assert acts(done) == [Reset(stream=7, code=7)]
    (event,) = [one.event for one in done if isinstance(one, Emit)]
    assert isinstance(event, FaultEvent)
    assert (event.push_id, event.device, event.delivered) == (None, "iphone", False)
    assert answer(stage.send()).status == 200


def test_goaway_comes_behind_the_answer(faulty: Callable[..., Stage]) -> None:
    done = faulty("goaway@nth1").send()
    first, last = doing(done)
    assert isinstance(first, Respond)
    assert last == GoAway(debug=b'{"reason":"Shutdown"}')
    assert told(done).delivered
    other = doing(faulty("goaway=Forbidden").send())
    assert other[-1] == GoAway(debug=b'{"reason":"Forbidden"}')


def test_what_was_read_behind_a_close_was_never_there(faulty: Callable[..., Stage]) -> None:
    stage = faulty("close@first1")
    stage.send()
    assert stage.send() == ()
    stage.step(Connected(connection=2, environment=SANDBOX))
    assert answer(stage.send(connection=2)).status == 200


def test_a_limit_of_streams_stays(faulty: Callable[..., Stage]) -> None:
    stage = faulty("streams=3@nth2")
    assert Settings(max_streams=1000) in acts(stage.send())
    assert Settings(max_streams=3) in acts(stage.send())
    assert [one for one in acts(stage.send()) if isinstance(one, Settings)] == []


# Clients that only connect


@pytest.mark.parametrize(
    ("text", "act"),
    [("tls", FailTls()), ("connection:close", Close()), ("connection:stall", Stall())],
)
def test_at_the_door(faulty: Callable[..., Stage], text: str, act: Act) -> None:
    stage = faulty(f"{text}@every2")
    assert stage.step(Knocked()) == ()
    done = stage.step(Knocked())
    assert acts(done) == [act]
    assert (told(done).rule, told(done).connection) == (f"{text}@every2", None)
    assert struck(stage, 2) == "..", "a push is no connection"


# Setting and clearing


def test_clearing_some_and_all(faulty: Callable[..., Stage]) -> None:
    stage = faulty("500", "502", "503")
    stage.step(ClearFaults(numbers=(1, 3)))
    assert pushed(stage.send()).status == 502
    with pytest.raises(UsageError, match="no fault has the number 3"):
        stage.step(ClearFaults(numbers=(2, 3)))
    stage.step(SetFaults(faults=(read_fault("504"),)))
    assert [one.number for one in stage.world.faults.rules] == [2, 4]
    stage.step(ClearFaults())
    assert struck(stage, 1) == "."


def test_a_device_that_is_not_there_is_told_at_once(faulty: Callable[..., Stage]) -> None:
    stage = faulty()
    with pytest.raises(UsageError, match="no device is called ipone; did you mean iphone"):
        stage.step(SetFaults(faults=(read_fault("503"), read_fault("device=ipone:503"))))
    assert struck(stage, 1) == "."


def test_there_are_not_too_many(faulty: Callable[..., Stage]) -> None:
    stage = faulty(*["503"] * MAX_FAULTS)
    with pytest.raises(UsageError, match="cannot be set"):
        stage.step(SetFaults(faults=(read_fault("504"),)))
