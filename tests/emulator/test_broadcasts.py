"""Who has a broadcast, when and how: row by row, with the time in our hands.

Each row is played twice: by one listener, and by one that is killed before every step.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from pushkit_cli.apns import channels
from pushkit_cli.apns.channels import LONGEST_STORAGE_S
from pushkit_cli.apns.facts import Storage, TokenState
from pushkit_cli.apns.push import PushType
from pushkit_cli.emulator.channel_records import Channel, Message, Subscription
from pushkit_cli.emulator.moves import (
    Connected,
    Effect,
    EndToken,
    Input,
    Install,
    Register,
    Reinstall,
    Reset,
    SetCondition,
    Subscribe,
    Uninstall,
    Unsubscribe,
)
from pushkit_cli.emulator.state import App, Device
from tests.emulator.airing import AUTHORITY, BODY, END, broadcast, created, signed, start
from tests.emulator.stage import PRODUCTION, SANDBOX, Stage, answer, happened
from tests.law import BUNDLE, NOW, TEAM, KeyPair

HOUR = 3600.0
SHOWN = ["delivered", "displayed"]


class Air:
    """A channel, the devices that may hear of it, and what was told of them."""

    def __init__(self, stage: Stage, storage: Storage = Storage.LATEST, *, dies: bool) -> None:
        self.stage = stage
        self._dies = dies
        self.channel = created(stage, storage)
        self.told: list[tuple[str, str, str | None]] = []
        self.reasons: list[str | None] = []
        self.pushes: list[str | None] = []

    def _keep(self, effects: tuple[Effect, ...]) -> "Air":
        for one in happened(effects):
            self.told.append((one.event.value, one.device, one.channel))
            self.reasons.append(one.reason)
            self.pushes.append(one.push_id)
        if self._dies:
            self.stage.world = self.stage.rebuilt()
            self.stage.step(_CONNECTED)
        return self

    def do(self, event: Input, *, after: float = 0) -> "Air":
        return self._keep(self.stage.step(event, after=after))

    def subscribe(self, device: str = "iphone") -> "Air":
        return self.do(Subscribe(device=device, channel_id=self.channel))

    def send(self, body: bytes = BODY, *, expiration: float = 0, after: float = 0) -> "Air":
        """`expiration` is in seconds from now; 0: apns-expiration is 0."""
        until = 0 if expiration == 0 else self.stage.now + after + expiration
        asked = broadcast(self.stage, self.channel, body=body, expiration=until, after=after)
        assert answer(asked).status == 200
        return self._keep(asked)

    def is_so(self, *words: str, device: str = "iphone", after: float = 0) -> "Air":
        return self.do(SetCondition(device=device, words=words), after=after)

    def delete(self) -> "Air":
        asked = channels.to_delete(BUNDLE, self.channel, authority=AUTHORITY)
        effects = self.stage.send(signed(self.stage, asked))
        assert answer(effects).status == 204
        return self._keep(effects)

    @property
    def names(self) -> list[str]:
        return [name for name, _, _ in self.told]


_CONNECTED = Connected(connection=1, environment=SANDBOX)


@dataclass(frozen=True, kw_only=True)
class Row:
    """What is done, the names of what happens, and the last reason."""

    name: str
    play: Callable[[Air], Air]
    happens: list[str]
    reason: str | None = None
    storage: Storage = Storage.LATEST


NONE = Storage.NONE
ROWS = (
    Row(name="nobody subscribed", play=lambda air: air.send(), happens=[]),
    Row(
        name="a subscriber is reached",
        play=lambda air: air.subscribe().send(),
        happens=["subscribed", *SHOWN],
        storage=NONE,
    ),
    Row(
        name="to subscribe twice is to subscribe",
        play=lambda air: air.subscribe().subscribe().send(),
        happens=["subscribed", *SHOWN],
    ),
    Row(
        name="who left is not reached",
        play=lambda air: (
            air.subscribe()
            .do(Unsubscribe(device="iphone", channel_id=air.channel))
            .do(Unsubscribe(device="iphone", channel_id=air.channel))
            .send()
        ),
        happens=["subscribed", "unsubscribed"],
        reason="by command",
    ),
    Row(
        name="the end of an activity is the end of its subscription",
        play=lambda air: air.subscribe().send(END).send(),
        happens=["subscribed", *SHOWN, "unsubscribed"],
        reason="its Live Activity ended",
    ),
    Row(
        name="an app that is removed hears no more",
        play=lambda air: (
            air.subscribe().do(Uninstall(device="iphone", bundle_id=BUNDLE)).send()
        ),
        happens=["subscribed", "unsubscribed"],
        reason="the app was removed, or installed anew",
    ),
    Row(
        name="a device that is reset hears no more",
        play=lambda air: air.subscribe().do(Reset(device=None)).send(),
        happens=["subscribed", "unsubscribed"],
        reason="the device was reset",
    ),
    Row(
        name="a channel that is deleted takes its subscriptions with it",
        play=lambda air: air.subscribe().delete(),
        happens=["subscribed"],
    ),
    # away
    Row(
        name="nothing is stored by a channel that stores nothing",
        play=lambda air: air.subscribe().is_so("offline").send().is_so("online"),
        happens=["subscribed", "discarded"],
        reason="device-offline",
        storage=NONE,
    ),
    Row(
        name="nor with expiration 0",
        play=lambda air: air.subscribe().is_so("offline").send().is_so("online"),
        happens=["subscribed", "discarded"],
        reason="device-offline",
    ),
    Row(
        name="nor with one that has passed",
        play=lambda air: air.subscribe().is_so("offline").send(expiration=-5).is_so("online"),
        happens=["subscribed", "discarded"],
        reason="device-offline",
    ),
    Row(
        name="the most recent is delivered on return",
        play=lambda air: (
            air.subscribe().is_so("offline").send(expiration=HOUR).is_so("online", after=60)
            .is_so("offline").is_so("online")
        ),
        happens=["subscribed", "stored", *SHOWN],
    ),
    Row(
        name="and no other",
        play=lambda air: (
            air.subscribe().is_so("offline").send(expiration=HOUR).send(expiration=HOUR)
            .is_so("online")
        ),
        happens=["subscribed", "stored", "overwritten", "stored", *SHOWN],
    ),
    Row(
        name="one that is not to be stored takes its place even so",
        play=lambda air: (
            air.subscribe().is_so("offline").send(expiration=HOUR).send().is_so("online")
        ),
        happens=["subscribed", "stored", "overwritten", "discarded"],
        reason="device-offline",
    ),
    Row(
        name="what has expired is not delivered",
        play=lambda air: (
            air.subscribe().is_so("offline").send(expiration=60).is_so("online", after=60)
        ),
        happens=["subscribed", "stored", "discarded"],
        reason="expired",
    ),
    Row(
        name="nothing is kept for more than eight hours",
        play=lambda air: (
            air.subscribe().is_so("offline").send(expiration=99 * HOUR)
            .is_so("online", after=LONGEST_STORAGE_S)
        ),
        happens=["subscribed", "stored", "discarded"],
        reason="expired",
    ),
    Row(
        name="it is kept until then",
        play=lambda air: (
            air.subscribe().is_so("offline").send(expiration=99 * HOUR)
            .is_so("online", after=LONGEST_STORAGE_S - 1)
        ),
        happens=["subscribed", "stored", *SHOWN],
    ),
    Row(
        name="whoever subscribes later has the most recent too",
        play=lambda air: air.send(expiration=HOUR).subscribe(),
        happens=["subscribed", *SHOWN],
    ),
    Row(
        name="or later still, where it is away",
        play=lambda air: (
            air.send(expiration=HOUR).is_so("offline").subscribe().is_so("online")
        ),
        happens=["subscribed", *SHOWN],
    ),
    Row(
        name="who had it has it once",
        play=lambda air: air.subscribe().send(expiration=HOUR).is_so("offline").is_so("online"),
        happens=["subscribed", *SHOWN],
    ),
    Row(
        name="who subscribes after it expired has nothing",
        play=lambda air: air.send(expiration=60).is_so("locked", after=61).subscribe(),
        happens=["subscribed"],
    ),
    Row(
        name="a device that comes back to a channel that is gone",
        play=lambda air: (
            air.subscribe().is_so("offline").send(expiration=HOUR).delete().is_so("online")
        ),
        happens=["subscribed", "stored"],
    ),
)  # fmt: skip


@pytest.mark.parametrize("dies", [False, True])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_each_row(keys: KeyPair, row: Row, dies: bool) -> None:
    air = Air(Stage(keys).set_up(), row.storage, dies=dies)
    row.play(air)
    assert [name for name in air.names if not name.startswith("token-")] == row.happens
    if row.reason is not None:
        assert air.reasons[-1] == row.reason
    channel_events = [one for one in air.told if not one[0].startswith("token-")]
    assert {channel for _, _, channel in channel_events} <= {air.channel}
    assert air.stage.rebuilt().state == air.stage.world.state
    assert not air.stage.world.is_busy
    assert air.stage.world.deadline() is None
    for one in air.stage.world.state.all_of(Message):
        assert one.until is not None, "what is not kept is not there any more"


@pytest.mark.parametrize(
    ("device", "said"),
    [("watch", "has no channels"), ("old", "has no channels"), ("other", "is not on other")],
)
def test_who_cannot_subscribe_is_told_so(stage: Stage, device: str, said: str) -> None:
    channel = created(stage)
    for name, os in (("old", "17.6"), ("other", "18.0")):
        stage.step(Register(record=Device(name=name, platform="ios", os=os)))
    stage.step(Install(device="old", bundle_id=BUNDLE))
    with pytest.raises(ValueError, match=said):
        stage.step(Subscribe(device=device, channel_id=channel))
    stage.step(Install(device="other", bundle_id=BUNDLE))
    stage.step(Subscribe(device="other", channel_id=channel))
    with pytest.raises(ValueError, match="no channel has the id eA=="):
        stage.step(Subscribe(device="iphone", channel_id="eA=="))
    with pytest.raises(ValueError, match="no emulated device"):
        stage.step(Subscribe(device="nobody", channel_id=channel))


def test_where_the_app_is_not_or_has_no_token_nobody_subscribes(stage: Stage) -> None:
    channel = created(stage)
    stage.step(
        EndToken(
            device="iphone", bundle_id=BUNDLE, type=PushType.liveactivity, environment=SANDBOX,
            state=TokenState.EXPIRED,
        )
    )  # fmt: skip
    with pytest.raises(ValueError, match="is not on iphone"):
        stage.step(Subscribe(device="iphone", channel_id=channel))
    stage.step(Reinstall(device="iphone", bundle_id=BUNDLE))
    stage.step(Subscribe(device="iphone", channel_id=channel))
    stage.step(Uninstall(device="iphone", bundle_id=BUNDLE))
    with pytest.raises(ValueError, match="is not on iphone"):
        stage.step(Subscribe(device="iphone", channel_id=channel))


def test_what_is_over_leaves_nothing_behind(stage: Stage) -> None:
    def records() -> list[int]:
        state = stage.world.state
        return [len(state.all_of(Subscription)), len(state.all_of(Message))]

    channel = created(stage, Storage.LATEST)
    stage.step(Subscribe(device="iphone", channel_id=channel))
    broadcast(stage, channel, expiration=NOW - 5)
    assert records() == [1, 0]
    for _ in range(3):
        broadcast(stage, channel, expiration=NOW + 60)
        assert records() == [1, 1], "the most recent alone"
    broadcast(stage, channel)
    assert records() == [1, 0]
    broadcast(stage, channel, expiration=NOW + 60)
    stage.send(signed(stage, channels.to_delete(BUNDLE, channel, authority=AUTHORITY)))
    assert records() == [0, 0]


def test_an_app_that_is_removed_takes_its_own_subscriptions_alone(stage: Stage) -> None:
    other = "com.example.other"
    stage.step(Register(record=App(bundle_id=other, team_id=TEAM)))
    stage.step(Install(device="iphone", bundle_id=other))
    theirs = Channel(id="dHN0", bundle_id=other, environment=SANDBOX, storage=Storage.NONE)
    stage.world.state.put(theirs)
    for one in (created(stage), theirs.id):
        stage.step(Subscribe(device="iphone", channel_id=one))
    stage.step(Uninstall(device="iphone", bundle_id=BUNDLE))
    assert [one.channel_id for one in stage.world.state.all_of(Subscription)] == [theirs.id]


def test_what_waits_for_power_is_overwritten_once(stage: Stage) -> None:
    """Priority 5 waits where power is saved, and 10 does not."""
    air = Air(stage, dies=False)
    air.subscribe().is_so("power-saving")
    for priority in (5, 10, 10):
        air._keep(broadcast(stage, air.channel, expiration=NOW + 60, priority=priority))
    air.is_so("full-power")
    assert air.names == ["subscribed", "stored", "overwritten", *SHOWN, *SHOWN]
    assert air.reasons[1] == "power"


# A Live Activity that is started on a channel


def test_a_start_that_names_a_channel_subscribes(stage: Stage) -> None:
    channel = created(stage, Storage.LATEST)
    broadcast(stage, channel, expiration=NOW + 60)
    events = happened(start(stage, channel))
    assert [one.event for one in events] == [*SHOWN, "subscribed", *SHOWN]
    assert events[2].push_id == events[0].push_id
    assert events[2].channel == channel
    assert events[3].reason == "from-storage"
    assert [one.event for one in happened(broadcast(stage, channel))] == SHOWN
    assert [one.event for one in happened(start(stage, channel))] == SHOWN, "it has already"


def test_a_start_on_no_channel_of_the_apps_is_a_warning(stage: Stage) -> None:
    theirs = Channel(id="eA==", bundle_id="com.other", environment=SANDBOX, storage=Storage.NONE)
    elsewhere = Channel(id="eQ==", bundle_id=BUNDLE, environment=PRODUCTION, storage=Storage.NONE)
    for one in (theirs, elsewhere):
        stage.world.state.put(one)
        events = happened(start(stage, one.id))
        assert [one.event for one in events] == [*SHOWN, "warning"]
    events = happened(start(stage, "eA=="))
    assert [one.event for one in events] == [*SHOWN, "warning"]
    assert (events[-1].reason, events[-1].channel) == ("unknown-channel", "eA==")
    assert not stage.world.state.all_of(Subscription)


def test_a_device_before_ios_18_starts_no_such_activity(stage: Stage) -> None:
    channel = created(stage)
    stage.step(Register(record=Device(name="iphone", platform="ios", os="17.6")))
    (event,) = happened(start(stage, channel))
    assert (event.event, event.reason) == ("discarded", "no-channels")
    assert not stage.world.state.all_of(Subscription)
