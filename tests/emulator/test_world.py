"""The emulator by steps: an app is set up, a push arrives, and the app does its duty or not."""

import json
from dataclasses import replace

import pytest

from pushkit_cli.apns.acts import Settings
from pushkit_cli.apns.facts import TokenState
from pushkit_cli.apns.push import PushType
from pushkit_cli.apns.token import REFRESH_S
from pushkit_cli.emulator.moves import (
    AppReturned,
    CallApp,
    Connected,
    Emit,
    EndApp,
    Install,
    KillApp,
    Perform,
    Put,
    Register,
    SetToken,
    Started,
    Tick,
)
from pushkit_cli.emulator.push_event import PushEvent
from pushkit_cli.emulator.state import (
    App,
    Device,
    DeviceToken,
    Handling,
    SigningKey,
    to_row,
)
from pushkit_cli.phone.app_state import AppState
from pushkit_cli.phone.calls import Report
from pushkit_cli.phone.registry import token_types
from tests.emulator.play import WOKEN, Play
from tests.emulator.stage import (
    PRODUCTION,
    SANDBOX,
    Stage,
    acts,
    answer,
    called,
    happened,
    names,
    pushed,
    reason,
)
from tests.law import BODY, BUNDLE, NOW, OTHER_TEAM, TEAM, TOKEN, KeyPair

# Setting up


def test_a_record_is_put_once_and_again_when_it_changes(keys: KeyPair) -> None:
    stage = Stage(keys)
    app = App(bundle_id=BUNDLE, team_id=TEAM)
    assert stage.step(Register(record=app)) == (Put(key=f"app/{BUNDLE}", value=to_row(app)),)
    assert stage.step(Register(record=app)) == ()
    assert len(stage.step(Register(record=replace(app, team_id=OTHER_TEAM)))) == 1
    assert stage.world.state.app(BUNDLE) == replace(app, team_id=OTHER_TEAM)


def test_installing_makes_a_token_for_every_type_in_both_environments(stage: Stage) -> None:
    for device, platform in (("iphone", "ios"), ("watch", "watchos")):
        tokens = [t for t in stage.world.state.all_of(DeviceToken) if t.device == device]
        assert [(t.environment, t.type) for t in tokens] == [
            (environment, kind) for environment in (SANDBOX, PRODUCTION)
            for kind in token_types(platform, os="26.4")
        ]  # fmt: skip
    all_tokens = stage.world.state.all_of(DeviceToken)
    assert len({token.token for token in all_tokens}) == len(all_tokens)


def test_installing_again_changes_nothing(stage: Stage) -> None:
    assert stage.step(Install(device="iphone", bundle_id=BUNDLE)) == ()


def test_tokens_are_a_function_of_the_seed(stage: Stage, keys: KeyPair) -> None:
    assert Stage(keys).set_up().token() == stage.token()


@pytest.mark.parametrize(
    "event",
    [
        Install(device="nobody", bundle_id=BUNDLE),
        Install(device="iphone", bundle_id="com.example.unknown"),
        SetToken(device="nobody", bundle_id=BUNDLE, type=PushType.voip, token=TOKEN),
        SetToken(device="iphone", bundle_id="com.example.unknown", type=PushType.voip, token=TOKEN),
    ],
)
def test_what_nobody_registered_cannot_be_set_up(stage: Stage, event: Install | SetToken) -> None:
    before = dict(stage.rows)
    with pytest.raises(ValueError, match=r"no device .* or no app"):
        stage.step(event)
    assert stage.rows == before
    assert stage.rebuilt().state == stage.world.state


def test_a_token_that_a_test_already_holds_takes_the_place_of_ours(stage: Stage) -> None:
    old = stage.token()
    set_token = SetToken(device="iphone", bundle_id=BUNDLE, type=PushType.voip, token=TOKEN.upper())
    effects = stage.step(set_token)
    assert [(e.key, e.value is None) for e in effects if isinstance(e, Put)] == [
        (f"token/{old}", True),
        (f"token/{TOKEN}", False),
    ]
    assert stage.token() == TOKEN
    assert stage.step(set_token) == ()
    assert stage.step(Install(device="iphone", bundle_id=BUNDLE)) == ()
    assert reason(stage.send(stage.request(token=old))) == "BadDeviceToken"
    assert reason(stage.send(stage.request(token=TOKEN.upper()))) is None


# A push, end to end


def test_an_accepted_voip_push_answers_then_delivers_then_calls_the_app(stage: Stage) -> None:
    effects = stage.send()
    kinds = [type(effect) for effect in effects]
    assert kinds == [Perform, Perform, Emit, Emit, Emit, Put, Put, CallApp]
    assert acts(effects)[1:] == [Settings(max_streams=1000)]
    assert answer(effects).status == 200
    assert answer(effects).body == b""
    assert pushed(effects).status == 200
    assert names(effects) == ["launched", "delivered"]
    call = called(effects)
    assert call == CallApp(
        handling=call.handling,
        device="iphone",
        bundle_id=BUNDLE,
        environment=SANDBOX,
        type=PushType.voip,
        payload=json.loads(BODY),
        kill_at=NOW + 7.0,
        must_report=True,
        call_id="6b29fc40-ca47-1067-b31d-00dd010662da",
        push_id=pushed(effects).id,
        apns_id=pushed(effects).apns_id,
    )
    assert stage.world.deadline() == NOW + 7.0
    returned = stage.step(AppReturned(handling=call.handling, report=Report()), after=0.5)
    assert [type(effect) for effect in returned] == [Emit, Put]
    (report,) = happened(returned)
    assert report.event == "call-reported"
    assert report.detail == "call from +15550100 reported in 500 ms"
    assert report.push_id == pushed(effects).id
    assert report.call_id == "6b29fc40-ca47-1067-b31d-00dd010662da"
    assert stage.world.deadline() is None


def test_an_app_that_is_running_is_not_launched_again(stage: Stage) -> None:
    first = stage.send()
    stage.step(AppReturned(handling=called(first).handling, report=Report()))
    again = stage.request(body=b'{"callUUID":"another"}')
    assert names(stage.send(again)) == ["delivered"]


def test_an_app_runs_on_one_device_in_one_environment(stage: Stage) -> None:
    stage.send()
    stage.step(Connected(connection=2, environment=PRODUCTION))
    there = stage.request(token=stage.token(environment=PRODUCTION))
    assert names(stage.send(there, connection=2)) == ["launched", "delivered"]
    assert names(stage.send(stage.request("complication"))) == ["launched", "delivered"]


@pytest.mark.parametrize(
    ("kind", "happens"),
    [
        ("alert", ["delivered"]),
        ("fileprovider", ["delivered", "warning"]),
        ("widgets", ["delivered"]),
        ("pushtotalk", ["launched", "delivered"]),
    ],
)
def test_other_types_do_not_call_the_app(stage: Stage, kind: str, happens: list[str]) -> None:
    effects = stage.send(stage.request(kind))
    assert names(effects) == happens
    assert not [effect for effect in effects if isinstance(effect, CallApp)]
    assert stage.world.deadline() is None


def test_a_complication_push_calls_the_app_and_sets_no_deadline(stage: Stage) -> None:
    effects = stage.send(stage.request("complication"))
    assert (called(effects).kill_at, called(effects).device) == (None, "watch")
    assert stage.world.deadline() is None
    returned = stage.step(AppReturned(handling=called(effects).handling))
    assert [type(effect) for effect in returned] == [Put]
    assert stage.step(Tick(), after=60) == ()


def test_without_a_push_type_the_token_says_what_it_is(stage: Stage) -> None:
    asked = stage.request()
    headers = tuple(pair for pair in asked.headers if pair[0] != b"apns-push-type")
    effects = stage.send(replace(asked, headers=headers))
    assert pushed(effects).type is None
    assert called(effects).type is PushType.voip


def test_a_refused_push_touches_no_device(stage: Stage) -> None:
    stage.send()
    effects = stage.send(stage.request(apns_priority="3"))
    assert [type(effect) for effect in effects] == [Perform, Emit]
    seen = pushed(effects)
    assert (seen.status, seen.reason, seen.basis) == (400, "BadPriority", "documented")
    assert (seen.app, seen.device) == (BUNDLE, "iphone")
    assert seen.detail == "apns-priority is 3"
    assert seen.hint


# The duty to report


def test_an_app_that_never_returns_is_terminated_at_the_deadline(stage: Stage) -> None:
    call = called(stage.send())
    assert stage.step(Tick(), after=6.999) == ()
    effects = stage.step(Tick(), after=0.001)
    assert [type(effect) for effect in effects] == [Put, KillApp, Put, Emit, EndApp]
    assert KillApp(handling=call.handling) in effects
    (end,) = happened(effects)
    assert (end.event, end.reason, end.basis) == ("terminated", "0xBAADCA11", "observed")
    assert stage.world.deadline() is None
    assert stage.step(AppReturned(handling=call.handling, report=Report())) == ()
    assert stage.step(Tick(), after=7) == ()
    assert names(stage.send()) == ["launched", "delivered"]


def test_an_app_that_returns_and_reports_nothing_is_terminated_at_once(stage: Stage) -> None:
    call = called(stage.send())
    effects = stage.step(AppReturned(handling=call.handling), after=1)
    assert [type(effect) for effect in effects] == [Put, Put, Emit, EndApp]
    (end,) = happened(effects)
    assert (end.event, end.reason) == ("terminated", "NSInternalInconsistencyException")
    assert stage.world.deadline() is None
    assert stage.step(Tick(), after=7) == ()
    assert names(stage.send()) == ["launched", "delivered"]


def test_a_return_that_comes_late_or_twice_or_from_nowhere_is_ignored(stage: Stage) -> None:
    call = called(stage.send())
    stage.step(AppReturned(handling=call.handling, report=Report()))
    for handling in (call.handling, "nobody", ""):
        assert stage.step(AppReturned(handling=handling, report=Report())) == ()
        assert stage.step(AppReturned(handling=handling)) == ()


def test_a_return_after_the_deadline_reports_nothing_even_before_the_tick(stage: Stage) -> None:
    call = called(stage.send())
    effects = stage.step(AppReturned(handling=call.handling, report=Report()), after=7)
    assert names(effects) == ["terminated"]
    assert KillApp(handling=call.handling) in effects


def test_what_else_an_app_was_busy_with_dies_with_it(stage: Stage) -> None:
    first = called(stage.send())
    second = called(stage.send(after=1))
    effects = stage.step(AppReturned(handling=first.handling), after=1)
    assert names(effects) == ["terminated", "discarded"]
    assert [one.reason for one in happened(effects)][1] == "app-terminated"
    assert KillApp(handling=second.handling) in effects
    assert stage.step(AppReturned(handling=second.handling, report=Report())) == ()
    assert stage.world.deadline() is None


def test_one_tick_ends_everything_that_is_overdue_in_order(stage: Stage) -> None:
    first = called(stage.send())
    second = called(stage.send(after=1))
    third = called(stage.send(after=1))
    assert stage.world.deadline() == NOW + 7.0
    stage.step(AppReturned(handling=first.handling, report=Report()))
    assert stage.world.deadline() == NOW + 8.0
    effects = stage.step(Tick(), after=60)
    killed = [effect.handling for effect in effects if isinstance(effect, KillApp)]
    assert killed == [second.handling, third.handling]
    assert names(effects) == ["terminated", "discarded"], "an app dies once"


def test_another_push_for_a_call_that_is_in_hand_is_noticed(stage: Stage) -> None:
    play = Play(stage).push(body=b'{"uuid":"x"}').push(body=b"{}").push(body=b"{}").push()
    assert play.said == [*WOKEN, *["delivered"] * 3]
    assert play.push(body=b'{"uuid":"x"}').said[5:] == ["delivered", "warning"]
    assert play.reasons[-1] == "duplicate-call"


# Restart


def test_what_a_listener_left_in_the_middle_is_interrupted(stage: Stage) -> None:
    stage.send()
    stage.send(stage.request("complication"), after=1)
    again = Stage(stage.keys, rows=[(k, json.loads(v)) for k, v in stage.rows.items()])
    assert again.world.deadline() == NOW + 7.0
    effects = again.step(Started())
    assert names(effects) == ["warning", "warning"]
    assert [one.reason for one in happened(effects)] == ["interrupted", "interrupted"]
    assert again.world.state.all_of(Handling) == []
    assert again.world.state.all_of(AppState)[0].running is False
    assert again.world.deadline() is None
    assert again.step(Started()) == ()
    again.step(Connected(connection=1, environment=SANDBOX))
    assert names(again.send()) == ["launched", "delivered"]


# Tokens that are gone


def test_a_token_that_is_gone_is_answered_410_with_its_time(stage: Stage) -> None:
    gone = {TokenState.UNREGISTERED: "Unregistered", TokenState.EXPIRED: "ExpiredToken"}
    for state, word in gone.items():
        rows = {key: json.loads(row) for key, row in stage.rows.items()}
        rows[f"token/{stage.token()}"] |= {"state": str(state), "since_ms": 1454948015990}
        again = Stage(stage.keys, rows=list(rows.items()))
        again.step(Connected(connection=1, environment=SANDBOX))
        effects = again.send()
        assert answer(effects).status == 410
        assert answer(effects).body == b'{"reason":"%s","timestamp":1454948015990}' % word.encode()
        assert pushed(effects).unregistered_at_ms == 1454948015990
        assert names(effects) == []


def test_a_key_and_a_device_can_be_made_known_while_pushes_arrive(
    stage: Stage, other_keys: KeyPair
) -> None:
    asked = stage.request(authorization=f"bearer {stage.bearer(key_id='NEWKEY1234')}")
    assert reason(stage.send(asked)) == "InvalidProviderToken"
    pem = stage.keys.public_pem.decode()
    stage.step(Register(record=SigningKey(key_id="NEWKEY1234", team_id=TEAM, public_pem=pem)))
    assert reason(stage.send(asked)) is None
    strange = SigningKey(
        key_id="NEWKEY1234", team_id=TEAM, public_pem=other_keys.public_pem.decode()
    )
    stage.step(Register(record=strange))
    assert reason(stage.send(asked)) == "InvalidProviderToken"
    stage.step(Register(record=Device(name="ipad", platform="ipados", os="26.4")))
    stage.step(Install(device="ipad", bundle_id=BUNDLE))
    assert names(stage.send(stage.request(token=stage.token(device="ipad")))) == [
        "launched",
        "delivered",
    ]


def test_a_provider_token_of_this_tool_is_renewed_before_it_expires(stage: Stage) -> None:
    fresh = stage.request(authorization=f"bearer {stage.bearer(issued_at=NOW)}")
    assert reason(stage.send(fresh, after=REFRESH_S)) is None
    assert reason(stage.send(fresh, after=3601 - REFRESH_S)) == "ExpiredProviderToken"


def test_every_event_of_a_push_bears_its_ids(stage: Stage) -> None:
    effects = stage.send()
    seen = pushed(effects)
    assert isinstance(seen, PushEvent)
    for one in happened(effects):
        assert (one.push_id, one.apns_id, one.device, one.app) == (
            seen.id,
            seen.apns_id,
            "iphone",
            BUNDLE,
        )
