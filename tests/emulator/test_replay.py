"""What the disk holds is the World: rebuilt from its Puts after every step, it is its equal."""

import json
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pushkit_cli.apns.acts import Respond
from pushkit_cli.apns.facts import Certificate, Policy, TokenState
from pushkit_cli.apns.message import Request
from pushkit_cli.apns.push import Environment, PushType
from pushkit_cli.emulator.moves import (
    AppDesires,
    AppEnded,
    AppReturned,
    CallApp,
    Connected,
    Disconnected,
    Emit,
    EndToken,
    Inject,
    Input,
    Install,
    Kill,
    KillApp,
    Perform,
    Put,
    Register,
    Reinstall,
    Requested,
    Reset,
    Revoke,
    RotateToken,
    SetCondition,
    SetToken,
    Started,
    Tick,
    Uninstall,
)
from pushkit_cli.emulator.push_event import PushEvent
from pushkit_cli.emulator.state import (
    App,
    Device,
    DeviceToken,
    Handling,
    SigningKey,
    from_row,
    to_row,
)
from pushkit_cli.emulator.world import World
from pushkit_cli.phone.app_state import PUSHKIT_TYPES, AppState
from pushkit_cli.phone.calls import Report
from pushkit_cli.phone.condition import WORDS
from pushkit_cli.phone.policy import DevicePolicy, Slot
from pushkit_cli.phone.registry import PLATFORMS
from tests.emulator.stage import Stage
from tests.law import BODY, BUNDLE, KEY_ID, NOW, OTHER_TEAM, TEAM, TOKEN, UUID, KeyPair, sized

APPS = (BUNDLE, "com.example.second", "com.example.unknown")
CERTIFICATE = Certificate(
    topics=(BUNDLE, f"{BUNDLE}.voip"), environments=frozenset({Environment.SANDBOX}), uid=BUNDLE
)
ORDERS = EndToken | RotateToken | Uninstall | Reinstall | SetCondition | Kill | Reset
DEVICES = ("iphone", "watch", "ipad", "nobody")
BODIES = (
    BODY, b"{}", b"", b"[", b"[]", b"\xff", sized(5121),
    b'{"uuid":"\\ud800\\u0000","handle":"\xc3\xa9"}',
    b'{"callUUID":"##","handle":"\\ud83d\\ude00"}',
    b'{"callUUID":1e5,"call_id":"' + b"c" * 999 + b'"}',
)  # fmt: skip
HEADERS = (
    (b"apns-id", UUID.upper().encode()), (b"apns-id", b"x"), (b"apns-priority", b"3"),
    (b"apns-expiration", b"-1"), (b"apns-push-type", b"sms"), (b"authorization", b"bearer a.b.c"),
    (b"apns-topic", b"\xff"), (b":method", b"GET"), (b":path", b"/"), (b"cookie", b"x"),
)  # fmt: skip


class Chance:
    """A user, a sender, an app and a clock that know no measure."""

    def __init__(self, stage: Stage, random: Random) -> None:
        self.stage = stage
        self.random = random
        self.handlings = ["nobody"]

    def next(self) -> Input:
        makers = (
            self.push, self.returned, self.tick, self.connection, self.set_up, Started, self.said,
            self.device,
        )  # fmt: skip
        (make,) = self.random.choices(makers, (9, 6, 4, 2, 2, 1, 2, 3))
        return make()

    def push(self) -> Input:
        state, pick = self.stage.world.state, self.random.choice
        tokens = [*state.all_of(DeviceToken)]
        live = [t for t in tokens if t.state is TokenState.LIVE]
        called = [t for t in live if t.type in (PushType.voip, PushType.complication)]
        token = pick(called if called and self.random.random() < 0.7 else [*tokens])
        asked = self.stage.request(token=token.token, body=self.body())
        expires = pick([0, int(self.stage.now) + pick([-1, 2, 600, 90_000])])
        said = {
            b"apns-topic": token.topic.encode(),
            b"apns-push-type": token.type.encode(),
            b"authorization": f"bearer {self.bearer()}".encode(),
            b"apns-priority": pick([b"10", b"5", b"1"]),
            b"apns-expiration": str(expires).encode(),
        }
        headers = [(name, said.get(name, value)) for name, value in asked.headers]
        if self.random.random() < 0.3:
            spoilt = pick(HEADERS)
            headers = [*(pair for pair in headers if pair[0] != spoilt[0]), spoilt]
        if self.random.random() < 0.1:
            del headers[self.random.randrange(len(headers))]
        request = Request(headers=tuple(headers), body=asked.body, body_size=asked.body_size)
        return Requested(connection=self.random.randint(1, 4), stream=1, request=request)

    def body(self) -> bytes:
        return BODY if self.random.random() < 0.5 else self.random.choice(BODIES)

    def bearer(self) -> str:
        hour = self.stage.now // 3000 * 3000
        late = self.random.random() < 0.1
        return self.stage.bearer(issued_at=hour - 4000 if late else hour)

    def returned(self) -> Input:
        handling = self.random.choice(self.handlings[-6:])
        return AppReturned(
            handling=handling, report=Report() if self.random.random() < 0.6 else None
        )

    def said(self) -> Input:
        """What an app, or its process, says between pushes."""
        device, app = self.random.choice(DEVICES), self.random.choice(APPS)
        where = self.random.choice([*Environment])
        types = self.random.choice([(), PUSHKIT_TYPES, PUSHKIT_TYPES])
        choices: list[Input] = [
            AppDesires(device=device, bundle_id=app, environment=where, types=types),
            AppEnded(device=device, bundle_id=app, environment=where),
            Inject(device=device, bundle_id=app, environment=where, payload={"uuid": "x"}),
        ]
        return self.random.choice(choices)

    def device(self) -> Input:
        """How a device is, and what its user does."""
        name, pick = self.random.choice([*DEVICES[:3] * 4, DEVICES[3]]), self.random.choice
        words = tuple(pick([*WORDS]) for _ in range(self.random.randint(1, 3)))
        waits = SetCondition(device=name, words=(pick(["offline"] * 3 + ["online"]),))
        choices: list[Input] = [
            waits, waits, waits, SetCondition(device=name, words=words),
            Kill(device=name, bundle_id=BUNDLE), Reset(device=name if len(words) > 1 else None),
        ]  # fmt: skip
        return pick(choices)

    def tick(self) -> Input:
        deadline = self.stage.world.deadline()
        if deadline is not None and self.random.random() < 0.7:
            self.stage.now = max(self.stage.now, deadline)
        return Tick()

    def connection(self) -> Input:
        number = self.random.randint(1, 4)
        if self.random.random() < 0.3:
            return Disconnected(connection=number)
        return Connected(
            connection=number,
            environment=self.random.choice([*Environment]),
            certificate=self.random.choice([*[None] * 4, CERTIFICATE]),
        )

    def set_up(self) -> Input:
        pick = self.random.choice
        name, app = pick(DEVICES), pick(APPS)
        theirs = pick(self.stage.world.state.all_of(DeviceToken)).token
        token = pick([TOKEN, TOKEN.upper(), "not hexadecimal/\u00e9", theirs])
        choices: list[Input] = [
            Register(record=App(bundle_id=pick(APPS[:2]), team_id=pick([TEAM, TEAM, OTHER_TEAM]))),
            Register(record=Device(name=pick(DEVICES[:3]), platform=pick(PLATFORMS), os="26.4")),
            Install(device=name, bundle_id=app),
            SetToken(device=name, bundle_id=app, type=pick([*PushType]), token=token),
            Revoke(key_id=pick([KEY_ID, *["NOBODYSKEY"] * 9])),
            *[Register(record=self.key(pick([*[None] * 8, Environment.PRODUCTION])))] * 3,
            *[pick(self.token_orders(name))] * 2,
        ]
        return pick(choices)

    def key(self, environment: Environment | None) -> SigningKey:
        pem = self.stage.keys.public_pem.decode()
        return SigningKey(key_id=KEY_ID, team_id=TEAM, public_pem=pem, environment=environment)

    def token_orders(self, name: str) -> list[Input]:
        pick = self.random.choice
        ended = pick([TokenState.UNREGISTERED, TokenState.EXPIRED])
        at_ms = pick([None, 0, int(self.stage.now * 1000) + pick([-5, 5])])
        kind, environment = pick([PushType.voip, PushType.alert]), pick([*Environment])
        app = pick(APPS[:1] * 3 + APPS)
        return [
            EndToken(
                device=name, bundle_id=app, type=kind, environment=environment, state=ended,
                at_ms=at_ms,
            ),
            RotateToken(device=name, bundle_id=app, type=kind, environment=environment),
            Uninstall(device=name, bundle_id=app, at_ms=at_ms),
            Reinstall(device=name, bundle_id=app, new_tokens=pick([True, False])),
        ]  # fmt: skip


def one_live_token_a_slot(stage: Stage) -> bool:
    """An app on a device has at most one live token of a type and environment."""
    live = [
        (one.device, one.bundle_id, one.type, one.environment)
        for one in stage.world.state.all_of(DeviceToken)
        if one.state is TokenState.LIVE
    ]
    return len(live) == len(set(live))


def play(stage: Stage, chance: Chance) -> set[str]:
    """Take one step, check what holds after every step, and say what was seen."""
    event = chance.next()
    before = stage.world.state.records.copy()
    try:
        effects = stage.step(event, after=chance.random.choice([0, 0, 0.25, 1.5, 4, 600]))
    except ValueError:
        assert isinstance(event, Install | SetToken | ORDERS)
        assert stage.world.state.records == before
        effects = ()
    assert one_live_token_a_slot(stage)
    rebuilt = stage.rebuilt()
    assert rebuilt.state == stage.world.state
    assert rebuilt.deadline() == stage.world.deadline()
    assert [*rebuilt.state.records] == [*stage.world.state.records]

    performed = [effect for effect in effects if isinstance(effect, Perform)]
    answered = [e for e in effects if isinstance(e, Emit) and isinstance(e.event, PushEvent)]
    if isinstance(event, Requested) and effects:
        assert {one.connection for one in performed} == {event.connection}
        assert [one for one in performed if isinstance(one.act, Respond)] == performed[:1]
        assert len(answered) == 1
    else:
        assert not performed
        assert not answered
    for effect in effects:
        if isinstance(effect, CallApp):
            chance.handlings.append(effect.handling)
            assert stage.world.state.handling(effect.handling) is not None
        if isinstance(effect, KillApp):
            assert stage.world.state.handling(effect.handling) is None
    deadline = stage.world.deadline()
    if isinstance(event, Tick):
        assert deadline is None or deadline > stage.now
    return {type(event).__name__, *(type(effect).__name__ for effect in effects), *(
        effect.event.event for effect in effects if isinstance(effect, Emit)
    )}  # fmt: skip


@settings(deadline=None, max_examples=12)
@given(seed=st.integers(0, 2**32))
def test_a_world_rebuilt_from_its_puts_is_its_equal_after_every_step(
    keys: KeyPair, seed: int
) -> None:
    random = Random(seed)
    devices = DevicePolicy(slot=random.choice([*Slot]), store_chaos=random.choice([None, 7]))
    policy = Policy(new_tokens=random.choice([1, 2, 9]))
    stage = Stage(keys, policy=policy, devices=devices).set_up()
    chance = Chance(stage, random)
    for _ in range(200):
        play(stage, chance)
        if random.random() < 0.02:  # the listener is killed; the next one has the disk alone
            stage.world = stage.rebuilt()


def test_chance_meets_every_input_and_every_effect(keys: KeyPair) -> None:
    devices = DevicePolicy(slot=Slot.BUNDLE)
    stage = Stage(keys, policy=Policy(new_tokens=9), devices=devices).set_up()
    chance = Chance(stage, Random(3))
    seen = set[str]().union(*(play(stage, chance) for _ in range(1500)))
    assert seen >= {
        "Requested", "Connected", "Disconnected", "AppReturned", "Started", "Register", "Install",
        "SetToken", "Revoke", "EndToken", "RotateToken", "Uninstall", "Reinstall", "Tick", "Put",
        "Perform", "Emit", "CallApp", "KillApp",
        "push", "launched", "delivered", "call-reported", "terminated", "warning",
        "token-updated", "token-invalidated", "stored", "overwritten", "deferred", "discarded",
        "SetCondition", "Kill", "Reset",
    }  # fmt: skip


def test_a_put_that_is_lost_is_noticed(keys: KeyPair) -> None:
    stage = Stage(keys).set_up()
    stage.send()
    (lost,) = (key for key in stage.rows if key.startswith("handling/"))
    del stage.rows[lost]
    assert stage.rebuilt().state != stage.world.state
    assert stage.rebuilt().deadline() != stage.world.deadline()


# Rows

RECORDS = (
    App(bundle_id=BUNDLE, team_id=TEAM),
    Device(name="iphone \ud800", platform="ios", os="26.4"),
    AppState(device="iphone", bundle_id=BUNDLE, environment=Environment.PRODUCTION),
    Handling(
        id="h1", push_id="p1", device="iphone", bundle_id=BUNDLE, type=PushType.voip,
        environment=Environment.SANDBOX, at=NOW + 0.1, kill_at=NOW + 7.1, handle="\u0000",
    ),
)  # fmt: skip


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.key)
def test_a_row_is_json_and_comes_back_as_the_record(
    record: App | Device | AppState | Handling,
) -> None:
    row = json.loads(json.dumps(to_row(record)))
    assert from_row(record.key, row) == record


@pytest.mark.parametrize(
    ("key", "row"),
    [
        ("ghost/1", {}),
        ("", {}),
        ("app/x", {"bundle_id": "x"}),
        ("app/x", {"bundle_id": "x", "team_id": "t", "more": 1}),
        ("token/x", {"token": "x", "type": "sms"}),
        ("process/x", {"device": "x", "bundle_id": "b", "environment": "staging"}),
    ],
)
def test_a_row_that_nobody_wrote_is_refused(key: str, row: dict[str, str]) -> None:
    with pytest.raises((ValueError, TypeError)):
        World([(key, row)])


def test_a_forgotten_put_is_none_and_a_kept_one_is_the_record(keys: KeyPair) -> None:
    stage = Stage(keys).set_up()
    effects = stage.send()
    for effect in effects:
        if isinstance(effect, Put):
            assert effect.value == to_row(stage.world.state.records[effect.key])
