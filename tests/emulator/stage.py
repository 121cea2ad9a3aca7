"""A World with its clock, its ids and its disk in our hands: how the tests of the emulator play."""

import json
from collections.abc import Iterable
from hashlib import sha256

from pushkit_cli.apns.acts import Act, Respond
from pushkit_cli.apns.facts import Policy
from pushkit_cli.apns.message import Request, Response
from pushkit_cli.apns.push import Environment, PushType, token_type, topic_for
from pushkit_cli.apns.token import mint
from pushkit_cli.emulator.moves import (
    CallApp,
    Connected,
    Effect,
    Emit,
    Input,
    Install,
    Perform,
    Put,
    Register,
    Requested,
)
from pushkit_cli.emulator.push_event import PushEvent
from pushkit_cli.emulator.state import App, Device, DeviceToken, SigningKey
from pushkit_cli.emulator.world import World
from pushkit_cli.phone.events import DeviceEvent
from pushkit_cli.phone.policy import DevicePolicy
from tests.law import BODY, BUNDLE, KEY_ID, NOW, TEAM, KeyPair, request

SANDBOX, PRODUCTION = Environment.SANDBOX, Environment.PRODUCTION


class Stage:
    """One World, and what a disk would hold of it."""

    def __init__(
        self,
        keys: KeyPair,
        *,
        policy: Policy | None = None,
        devices: DevicePolicy | None = None,
        rows: Iterable[tuple[str, dict[str, object]]] = (),
        seed: int = 0,
    ) -> None:
        self.keys = keys
        self.policy = policy
        self.devices = devices
        self.world = World(rows, policy=policy, devices=devices, seed=seed)
        self.rows = {key: json.dumps(row) for key, row in rows}
        self.now: float = NOW
        self._made = 0
        self._bearers: dict[tuple[str, str, float], str] = {}

    def new_id(self) -> str:
        self._made += 1
        return sha256(str(self._made).encode()).hexdigest()[:32]

    def step(self, event: Input, *, after: float = 0.0) -> tuple[Effect, ...]:
        """Take one input so many seconds later, and keep what is to be kept."""
        self.now += after
        effects = self.world.step(event, self.now, self.new_id)
        for effect in effects:
            if isinstance(effect, Put) and effect.value is None:
                del self.rows[effect.key]
            elif isinstance(effect, Put):
                self.rows[effect.key] = json.dumps(effect.value)
        return effects

    def rebuilt(self) -> World:
        """What a listener would load that started now."""
        rows = ((key, json.loads(row)) for key, row in self.rows.items())
        return World(rows, policy=self.policy, devices=self.devices)

    def set_up(self) -> "Stage":
        """One app of one team on an iPhone and a watch, and a connection 1 to the sandbox."""
        for record in (
            App(bundle_id=BUNDLE, team_id=TEAM),
            SigningKey(key_id=KEY_ID, team_id=TEAM, public_pem=self.keys.public_pem.decode()),
            Device(name="iphone", platform="ios", os="26.4"),
            Device(name="watch", platform="watchos", os="26.4"),
        ):
            self.step(Register(record=record))
        for device in ("iphone", "watch"):
            self.step(Install(device=device, bundle_id=BUNDLE))
        self.step(Connected(connection=1, environment=SANDBOX))
        return self

    def bearer(
        self, *, team_id: str = TEAM, key_id: str = KEY_ID, issued_at: float = NOW - 60
    ) -> str:
        """A provider token, kept like a sender keeps it: to mint twice gives two tokens."""
        name = (team_id, key_id, issued_at)
        if name not in self._bearers:
            self._bearers[name] = mint(
                self.keys.private_pem, team_id=team_id, key_id=key_id, now=issued_at
            )
        return self._bearers[name]

    def token(
        self, kind: str = "voip", *, device: str = "iphone", environment: Environment = SANDBOX
    ) -> str:
        found = [
            token.token
            for token in self.world.state.all_of(DeviceToken)
            if (token.type, token.device, token.environment) == (kind, device, environment)
        ]
        assert len(found) == 1, found
        return found[0]

    def request(
        self,
        kind: str = "voip",
        *,
        token: str | None = None,
        body: bytes = BODY,
        **headers: str | None,
    ) -> Request:
        """A push of a type to the iPhone, or to whoever has the token."""
        device = "watch" if kind == "complication" else "iphone"
        values: dict[str, str | None] = {
            "apns_topic": topic_for(BUNDLE, PushType(kind)),
            "apns_push_type": kind,
            **headers,
        }
        to = self.token(token_type(PushType(kind)), device=device) if token is None else token
        return request(to, body=body, bearer=self.bearer(), **values)

    def send(
        self, asked: Request | None = None, *, connection: int = 1, after: float = 0.0
    ) -> tuple[Effect, ...]:
        event = Requested(
            connection=connection, stream=7, request=self.request() if asked is None else asked
        )
        return self.step(event, after=after)


def answer(effects: Iterable[Effect]) -> Response:
    """The one answer of a step."""
    (response,) = (act.response for act in acts(effects) if isinstance(act, Respond))
    return response


def acts(effects: Iterable[Effect]) -> list[Act]:
    """What a step does on connections, in its order."""
    return [effect.act for effect in effects if isinstance(effect, Perform)]


def reason(effects: Iterable[Effect]) -> str | None:
    """Apple's word for no, or nothing."""
    response = answer(effects)
    said = json.loads(response.body)["reason"] if response.body else None
    assert said is None or isinstance(said, str)
    return said


def pushed(effects: Iterable[Effect]) -> PushEvent:
    """The one push event of a step."""
    (event,) = (
        effect.event
        for effect in effects
        if isinstance(effect, Emit) and isinstance(effect.event, PushEvent)
    )
    return event


def happened(effects: Iterable[Effect]) -> list[DeviceEvent]:
    """The device events of a step."""
    return [
        effect.event
        for effect in effects
        if isinstance(effect, Emit) and isinstance(effect.event, DeviceEvent)
    ]


def names(effects: Iterable[Effect]) -> list[str]:
    return [one.event.value for one in happened(effects)]


def called(effects: Iterable[Effect]) -> CallApp:
    """The one call of the app in a step."""
    (call,) = (effect for effect in effects if isinstance(effect, CallApp))
    return call
