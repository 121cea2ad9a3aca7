"""What becomes of device tokens: ended, replaced, gone with their app and back with it."""

import json

import pytest

from pushkit_cli.apns.facts import TokenState
from pushkit_cli.apns.push import Environment, PushType
from pushkit_cli.emulator.moves import (
    EndToken,
    Install,
    KillApp,
    Register,
    Reinstall,
    RotateToken,
    SetToken,
    Uninstall,
)
from pushkit_cli.emulator.orders import Order, from_data, to_data
from pushkit_cli.emulator.state import App, Device, DeviceToken, Handling, SigningKey
from pushkit_cli.phone.app_state import AppState
from pushkit_cli.phone.events import DeviceEvent
from pushkit_cli.phone.registry import token_types
from tests.emulator.stage import PRODUCTION, SANDBOX, Stage, answer, happened, names, reason
from tests.law import BUNDLE, TEAM, KeyPair

VOIP = PushType.voip
EVERY = 2 * len(token_types("ios", os="26.4"))


def end(
    state: TokenState = TokenState.UNREGISTERED, *, at_ms: int | None = None, device: str = "iphone"
) -> EndToken:
    return EndToken(
        device=device, bundle_id=BUNDLE, type=VOIP, environment=SANDBOX, state=state, at_ms=at_ms
    )


ROTATE = RotateToken(device="iphone", bundle_id=BUNDLE, type=VOIP, environment=SANDBOX)
UNINSTALL = Uninstall(device="iphone", bundle_id=BUNDLE)
REINSTALL = Reinstall(device="iphone", bundle_id=BUNDLE)
ANEW = Reinstall(device="iphone", bundle_id=BUNDLE, new_tokens=True)


def live(stage: Stage, device: str = "iphone") -> list[str]:
    return [
        one.token
        for one in stage.world.state.all_of(DeviceToken)
        if one.device == device and one.state is TokenState.LIVE
    ]


def said(stage: Stage, token: str) -> tuple[str | None, int | None]:
    """How APNs answers a push to a token: the reason and its timestamp."""
    effects = stage.send(stage.request(token=token))
    body = answer(effects).body
    return reason(effects), json.loads(body).get("timestamp") if body else None


# Ended


@pytest.mark.parametrize(
    ("state", "word"),
    [(TokenState.UNREGISTERED, "Unregistered"), (TokenState.EXPIRED, "ExpiredToken")],
)
@pytest.mark.parametrize("ago_ms", [None, 0, 86_400_000])
def test_a_token_that_ended_is_answered_410_with_the_time(
    stage: Stage, state: TokenState, word: str, ago_ms: int | None
) -> None:
    token, now_ms = stage.token(), int(stage.now * 1000)
    at_ms = None if ago_ms is None else now_ms - ago_ms
    effects = stage.step(end(state, at_ms=at_ms))
    assert names(effects) == ["token-invalidated"]
    assert said(stage, token) == (word, now_ms if at_ms is None else at_ms)
    assert said(stage, token.upper())[0] == word


def test_the_event_says_which_token_and_that_no_push_caused_it(stage: Stage) -> None:
    token = stage.token()
    (event,) = happened(stage.step(end()))
    assert (event.push_id, event.apns_id, event.call_id) == (None, None, None)
    assert (event.device, event.app, event.type) == ("iphone", BUNDLE, VOIP)
    assert (event.token, event.reason) == (token, "invalidated")


def test_the_same_again_changes_nothing_and_another_end_does(stage: Stage) -> None:
    token, now_ms = stage.token(), int(stage.now * 1000)
    stage.step(end())
    assert stage.step(end(), after=60) == ()
    assert stage.step(end(at_ms=now_ms), after=60) == ()
    assert said(stage, token) == ("Unregistered", now_ms)
    stage.step(end(at_ms=5))
    assert said(stage, token) == ("Unregistered", 5)
    stage.step(end(TokenState.EXPIRED))
    assert said(stage, token) == ("ExpiredToken", int(stage.now * 1000))


def test_other_tokens_live_on(stage: Stage) -> None:
    before = live(stage)
    token = stage.token()
    stage.step(end())
    assert live(stage) == [one for one in before if one != token]


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (end(device="nobody"), "no emulated device is called nobody"),
        (end(device="watch"), "watch has no voip token; it has complication, alert"),
        (end(at_ms=2**52), "at a moment to come"),
        (RotateToken(device="iphone", bundle_id="x", type=VOIP, environment=SANDBOX), "never had"),
        (Uninstall(device="iphone", bundle_id="com.example.other"), "never had the app com.exam"),
        (Reinstall(device="nobody", bundle_id=BUNDLE), "no emulated device is called nobody"),
        (Uninstall(device="iphone", bundle_id=BUNDLE, at_ms=2**52), "at a moment to come"),
    ],
)
def test_what_is_not_there_cannot_change(stage: Stage, order: Order, words: str) -> None:
    before = dict(stage.world.state.records)
    with pytest.raises(ValueError, match=words):
        stage.step(order)
    assert stage.world.state.records == before


# Replaced


def test_a_rotated_token_is_gone_and_the_new_one_works(stage: Stage) -> None:
    old = stage.token()
    (event,) = happened(stage.step(ROTATE))
    (new,) = [token for token in live(stage) if token == event.token]
    assert (event.event, event.reason, len(new)) == ("token-updated", "rotated", 64)
    assert said(stage, old) == ("Unregistered", int(stage.now * 1000))
    assert said(stage, new) == (None, None)


def test_new_tokens_are_a_function_of_the_seed_and_their_number(keys: KeyPair) -> None:
    series = []
    for _ in range(2):
        stage = Stage(keys).set_up()
        first = stage.token()
        series.append([first, *(happened(stage.step(ROTATE))[0].token for _ in range(3))])
    assert series[0] == series[1]
    assert len(set(series[0])) == 4


def test_a_new_token_is_never_one_that_anybody_had(stage: Stage) -> None:
    seen = {one.token for one in stage.world.state.all_of(DeviceToken)}
    for turn in range(6):
        event = happened(stage.step(ROTATE))[0]
        assert event.token not in seen
        seen.add(str(event.token))
        if turn % 2:  # a fixture's token takes the place of the live one, and fewer are known
            given = f"{turn:02x}" * 32
            stage.step(SetToken(device="iphone", bundle_id=BUNDLE, type=VOIP, token=given))
            seen.add(given)


def test_a_token_that_ended_can_be_rotated(stage: Stage) -> None:
    token = stage.token()
    stage.step(end(at_ms=5))
    stage.step(ROTATE)
    assert said(stage, token) == ("Unregistered", 5)
    assert len(live(stage)) == EVERY


# Gone with the app, and back


def test_an_app_that_is_removed_takes_all_its_tokens_along(stage: Stage) -> None:
    token, others = stage.token(), live(stage, "watch")
    effects = stage.step(UNINSTALL)
    assert names(effects) == ["token-invalidated"] * EVERY
    assert {event.reason for event in happened(effects)} == {"uninstalled"}
    assert (live(stage), live(stage, "watch")) == ([], others)
    assert said(stage, token) == ("Unregistered", int(stage.now * 1000))
    assert stage.step(UNINSTALL) == ()


def test_what_an_app_was_doing_ends_with_it(stage: Stage) -> None:
    stage.send()
    effects = stage.step(UNINSTALL)
    assert [type(effect) for effect in effects].count(KillApp) == 1
    assert not stage.world.state.all_of(Handling)
    assert not stage.world.state.all_of(AppState)
    assert stage.world.deadline() is None


def test_it_comes_back_with_the_same_tokens(stage: Stage) -> None:
    before = live(stage)
    stage.step(UNINSTALL)
    effects = stage.step(REINSTALL)
    assert names(effects) == ["token-updated"] * EVERY
    assert {event.basis.value for event in happened(effects)} == {"ours"}
    assert sorted(live(stage)) == sorted(before)
    assert stage.step(REINSTALL) == ()
    assert said(stage, stage.token()) == (None, None)


@pytest.mark.parametrize("first", [UNINSTALL, ROTATE, end()])
def test_it_comes_back_with_new_ones(stage: Stage, first: Order) -> None:
    stage.step(first)
    before = {one.token for one in stage.world.state.all_of(DeviceToken) if one.device == "iphone"}
    stage.step(ANEW)
    assert len(live(stage)) == EVERY
    assert not before & set(live(stage))


def test_the_last_token_comes_back_and_no_older_one(stage: Stage) -> None:
    old = stage.token()
    new = happened(stage.step(ROTATE))[0].token
    stage.step(UNINSTALL)
    stage.step(REINSTALL)
    assert new in live(stage)
    assert said(stage, old)[0] == "Unregistered"


def test_installing_brings_nothing_back_and_replaces_nothing(stage: Stage) -> None:
    install = Install(device="iphone", bundle_id=BUNDLE)
    stage.step(ROTATE)
    assert stage.step(install) == ()
    stage.step(UNINSTALL)
    assert stage.step(install) == ()
    assert live(stage) == []


# Given tokens


def given(token: str, *, device: str = "iphone", kind: PushType = VOIP) -> SetToken:
    return SetToken(device=device, bundle_id=BUNDLE, type=kind, token=token)


@pytest.mark.parametrize("size", [1, 8, 32, 80, 100])
def test_a_given_token_of_any_size_works_in_both_cases(stage: Stage, size: int) -> None:
    token = "aB" * size
    stage.step(given(token))
    assert [said(stage, one) for one in (token, token.lower(), token.upper())] == [(None, None)] * 3


def test_a_token_of_another_is_refused(stage: Stage) -> None:
    for theirs in (
        stage.token("alert"),
        stage.token("complication", device="watch"),
        stage.token(environment=PRODUCTION),
    ):
        with pytest.raises(ValueError, match=f"the token {theirs[:8]} is .* already"):
            stage.step(given(theirs.upper()))
    stage.step(end())
    with pytest.raises(ValueError, match="is iphone's sandbox voip token"):  # dead, and still its
        stage.step(given(stage.token(), kind=PushType.alert))


def test_a_token_that_ended_does_not_come_back_by_being_named(stage: Stage) -> None:
    stage.step(given("ab" * 32))
    stage.step(end())
    assert stage.step(given("ab" * 32)) == ()
    assert said(stage, "ab" * 32)[0] == "Unregistered"


def test_an_app_that_comes_later_does_not_take_what_was_given_away(stage: Stage) -> None:
    derived = Stage(stage.keys).set_up()
    derived.step(Register(record=Device(name="ipad", platform="ipados", os="26.4")))
    derived.step(Install(device="ipad", bundle_id=BUNDLE))
    theirs = derived.token(device="ipad")
    stage.step(given(theirs))
    stage.step(Register(record=Device(name="ipad", platform="ipados", os="26.4")))
    stage.step(Install(device="ipad", bundle_id=BUNDLE))
    assert stage.token() == theirs
    assert stage.token(device="ipad") != theirs


# Orders as data


RECORDS = (
    App(bundle_id=BUNDLE, team_id=TEAM),
    Device(name="alice", platform="ios", os="26.4"),
    SigningKey(key_id="K", team_id=TEAM, public_pem="-----BEGIN\nx\n"),
    SigningKey(
        key_id="K", team_id=TEAM, public_pem="x", environment=Environment.SANDBOX,
        topics=("a", "b"), related="L",
    ),
)  # fmt: skip
ORDERS: tuple[Order, ...] = (
    *(Register(record=record) for record in RECORDS),
    Install(device="alice", bundle_id=BUNDLE),
    given("ab" * 8),
    end(at_ms=7),
    end(TokenState.EXPIRED),
    ROTATE,
    UNINSTALL,
    ANEW,
)


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: type(order).__name__)
def test_an_order_travels_as_json(order: Order) -> None:
    data = json.loads(json.dumps(to_data(order)))
    assert from_data(data) == order


_SPOILT: tuple[dict[str, object], ...] = (
    {"order": "format-disk"}, {"order": None}, {"order": ["install"]}, {"order": {}},
    {"device": 1}, {"device": ""}, {"device": "x" * 5000}, {"device": "a\x1b[2J"},
    {"device": "\ud800"}, {"device": None}, {"more": 1},
    {"order": "register"}, {"order": "register", "kind": "process"}, {"order": "rotate-token"},
)  # fmt: skip


@pytest.mark.parametrize("spoilt", _SPOILT)
def test_an_order_that_is_none_is_refused(spoilt: dict[str, object]) -> None:
    data = {**to_data(Install(device="iphone", bundle_id=BUNDLE)), **spoilt}
    with pytest.raises(ValueError, match=r"."):
        from_data(data)


@pytest.mark.parametrize(
    "data",
    [
        None, "install", 7, [], {},
        {**to_data(given("ab")), "token": "xy"}, {**to_data(given("ab")), "token": "ab" * 101},
        {**to_data(given("ab")), "type": "sms"}, {**to_data(end()), "state": "live"},
        {**to_data(end()), "at_ms": -1}, {**to_data(end()), "at_ms": True},
        {**to_data(end()), "at_ms": 1.5}, {**to_data(end()), "environment": "moon"},
        {**to_data(ANEW), "new_tokens": 1}, {**to_data(ORDERS[1]), "platform": "amiga"},
        {**to_data(ORDERS[1]), "name": "-rf"}, {**to_data(ORDERS[3]), "topics": "ab"},
        {**to_data(ORDERS[3]), "topics": [1]},
    ],
)  # fmt: skip
def test_a_value_that_is_none_is_refused(data: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_data(data)


def test_events_of_tokens_are_json(stage: Stage) -> None:
    for event in happened(stage.step(UNINSTALL)):
        assert isinstance(event, DeviceEvent)
        assert event.token is not None
