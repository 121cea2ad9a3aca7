"""A broadcast to many: turn by turn, each once, and the disk holds all of it."""

import json
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pushkit_cli.apns.facts import Storage
from pushkit_cli.emulator import broadcasts
from pushkit_cli.emulator.channel_records import Message
from pushkit_cli.emulator.moves import (
    Connected,
    Input,
    Install,
    Register,
    Reinstall,
    Reset,
    SetCondition,
    Subscribe,
    Tick,
    Unsubscribe,
)
from pushkit_cli.emulator.state import Device
from tests.emulator.airing import BODY, END, broadcast, created
from tests.emulator.stage import SANDBOX, Stage, happened
from tests.law import BUNDLE, NOW, KeyPair

_CONNECTED = Connected(connection=1, environment=SANDBOX)


def _is_busy(stage: Stage) -> bool:
    return stage.world.is_busy


def _crowd(stage: Stage, number: int) -> list[str]:
    names = [f"phone{place}" for place in range(number)]
    for name in names:
        stage.step(Register(record=Device(name=name, platform="ios", os="26.5")))
        stage.step(Install(device=name, bundle_id=BUNDLE))
    return names


def test_a_broadcast_reaches_many_turn_by_turn_and_each_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broadcasts, "AT_ONCE", 3)
    names = _crowd(stage, 10)
    channel = created(stage)
    for name in names:
        stage.step(Subscribe(device=name, channel_id=channel))
    turns = [broadcast(stage, channel)]
    assert _is_busy(stage)
    stage.step(Unsubscribe(device=names[9], channel_id=channel))
    stage.step(Unsubscribe(device=names[0], channel_id=channel))
    stage.step(Subscribe(device=names[0], channel_id=channel))
    while _is_busy(stage):
        deadline = stage.world.deadline()
        assert deadline is not None
        assert deadline <= stage.now
        assert stage.rebuilt().deadline() == deadline
        stage.world = stage.rebuilt()
        turns.append(stage.step(Tick()))
        assert len(turns) < 9
    reached = [[one.device for one in happened(turn) if one.event == "delivered"] for turn in turns]
    assert [one for turn in reached for one in turn] == names[:9]
    assert {len(turn) for turn in reached[:-1]} == {3}
    assert stage.world.deadline() is None


def test_messages_go_out_in_the_order_they_came(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broadcasts, "AT_ONCE", 2)
    names = _crowd(stage, 3)
    big, small = created(stage), created(stage)
    for name in names:
        stage.step(Subscribe(device=name, channel_id=big))
    stage.step(Subscribe(device=names[0], channel_id=small))
    turns = [broadcast(stage, big), broadcast(stage, small)]
    while _is_busy(stage):
        turns.append(stage.step(Tick()))
    heard = [
        [(one.device, one.channel) for one in happened(turn) if one.event == "delivered"]
        for turn in turns
    ]
    assert heard == [
        [(names[0], big), (names[1], big)], [], [(names[2], big), (names[0], small)]
    ]  # fmt: skip


def test_who_comes_back_has_what_is_under_way_to_it_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broadcasts, "AT_ONCE", 1)
    channel = created(stage, Storage.LATEST)
    near, far = _crowd(stage, 2)
    for name in (near, far):
        stage.step(Subscribe(device=name, channel_id=channel))
    stage.step(SetCondition(device=far, words=("offline",)))
    broadcast(stage, channel, expiration=NOW + 60)
    stage.step(Tick())
    told = [broadcast(stage, channel, expiration=NOW + 60)]
    told.append(stage.step(SetCondition(device=far, words=("online",))))
    told.append(stage.step(Tick()))
    assert [[(one.event, one.device) for one in happened(turn)] for turn in told] == [
        [("delivered", near), ("displayed", near)],
        [],
        [("overwritten", far), ("delivered", far), ("displayed", far)],
    ]
    assert not _is_busy(stage)


# Whatever is done, the disk holds it


def _chance(random: Random, stage: Stage, ids: list[str]) -> Input | None:
    pick = random.choice
    device, channel = pick(["iphone", "phone0", "phone1", "watch"]), pick([*ids, "eA=="])
    choices: list[Input | None] = [
        Subscribe(device=device, channel_id=channel),
        Subscribe(device=device, channel_id=channel),
        Unsubscribe(device=device, channel_id=channel),
        SetCondition(device=device, words=(pick(["online", "offline"]),)),
        Reset(device=pick([None, device])),
        Reinstall(device=device, bundle_id=BUNDLE),
        *[Tick()] * 3,
        *[None] * 4,
    ]
    return pick(choices)


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 2**32))
def test_a_world_rebuilt_from_its_puts_is_its_equal(keys: KeyPair, seed: int) -> None:
    random = Random(seed)
    stage = Stage(keys).set_up()
    _crowd(stage, 2)
    ids = [created(stage, storage) for storage in (Storage.LATEST, Storage.NONE)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(broadcasts, "AT_ONCE", 1)
        for _ in range(120):
            event = _chance(random, stage, ids)
            after = random.choice([0, 0, 1, 20])
            try:
                if event is None:
                    body = random.choice([BODY, BODY, END, b'{"aps":5}'])
                    until = random.choice([0, stage.now + after + random.choice([-1, 5, 60])])
                    broadcast(stage, random.choice(ids), body=body, expiration=until, after=after)
                else:
                    stage.step(event, after=after)
            except ValueError:
                assert isinstance(event, Subscribe | Unsubscribe | Reinstall)
            rebuilt = stage.rebuilt()
            assert rebuilt.state == stage.world.state
            assert rebuilt.deadline() == stage.world.deadline()
            assert rebuilt.is_busy == stage.world.is_busy
            assert json.dumps([*rebuilt.state.channels.kept]) == json.dumps(
                [*stage.world.state.channels.kept]
            )
            if random.random() < 0.1:
                stage.world = rebuilt
                stage.step(_CONNECTED)
        while _is_busy(stage):
            stage.step(Tick())
    leftover = [one for one in stage.world.state.all_of(Message) if one.until is None]
    assert not leftover
