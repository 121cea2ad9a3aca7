"""Phones in a row, each with an app of its own, on a real stage with a clock that stands still."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pushkit_cli.apns.push import PushType, token_type, topic_for
from pushkit_cli.emulator.moves import Connected, Install, Register
from pushkit_cli.emulator.state import App, Device, DeviceToken, SigningKey
from pushkit_cli.emulator.world import World
from pushkit_cli.engine import under_test
from pushkit_cli.engine.clock import ManualClock
from pushkit_cli.engine.objects import Happened
from pushkit_cli.engine.stage import Stage
from pushkit_cli.store.emulator_db import EmulatorDb
from pushkit_cli.store.files import Home
from tests.engine.scene import KEYS, SANDBOX, Scene
from tests.engine.test_variables import READY
from tests.law import KEY_ID, TEAM, request


@dataclass
class Phones(Scene):
    """A scene whose clock stands still; phone 0 has app 0, and so on."""

    streams: int = 0

    def send(self, phone: int = 0, body: Any = None, kind: PushType = PushType.voip) -> None:
        """A push that is accepted; in the event loop."""
        self.streams += 1
        app = f"com.example.app{phone}"
        token = next(
            one.token
            for one in self.stage.world.state.all_of(DeviceToken)
            if (one.bundle_id, one.type, one.environment) == (app, token_type(kind), SANDBOX)
        )
        words = {"apns_topic": topic_for(app, kind), "apns_push_type": str(kind)}
        text = json.dumps({"callUUID": f"c{self.streams}"} if body is None else body).encode()
        asked = request(token, body=text, bearer=self.bearer, **words)
        self.stage.requested(1, self.streams, asked)

    def of(self, phone: int = 0) -> list[str]:
        """What happened on a phone, without the pushes."""
        return [one["event"] for one in self.events(phone)]

    def events(self, phone: int = 0) -> list[dict[str, Any]]:
        """The same, whole."""
        found = [one.to_json() for one in self.told]
        return [one for one in found if one["event"] != "push" and one["device"] == f"phone{phone}"]

    def hook(self, phone: int = 0) -> dict[str, Any]:
        """The one hook event of a phone."""
        (found,) = [one for one in self.events(phone) if one["event"] == "hook"]
        return found


@contextmanager
def phones(
    place: Path, app: under_test.UnderTest, count: int = 1, platform: str = "ios"
) -> Iterator[Phones]:
    """So many phones, or watches; connection 1 is there."""
    home = Home(place)
    database = EmulatorDb(home)
    scene: Phones

    def tell(happened: Happened) -> None:
        scene.tell(happened)

    world = World()
    plays = under_test.factory(
        app,
        world.state,
        secret_file=under_test.secret_file(app, home),
        facts={**READY, "home": str(place)},
    )
    stage = Stage(world, database, tell, clock=ManualClock(), app=plays)
    scene = Phones(home=home, database=database, stage=stage)
    stage.attach(scene, failed=scene.fail)
    public = KEYS.public_pem.decode()
    inputs: list[Any] = [
        Register(record=SigningKey(key_id=KEY_ID, team_id=TEAM, public_pem=public)),
        Connected(connection=1, environment=SANDBOX),
    ]
    for number in range(count):
        inputs += [
            Register(record=App(bundle_id=f"com.example.app{number}", team_id=TEAM)),
            Register(record=Device(name=f"phone{number}", platform=platform, os="26.4")),
            Install(device=f"phone{number}", bundle_id=f"com.example.app{number}"),
        ]
    stage.apply(inputs)
    try:
        yield scene
    finally:
        stage.stop()
        database.close()


def is_alive(pid: int) -> bool:
    """Whether a process is there and not only waiting to be reaped by whoever inherited it."""
    said = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, check=False)
    return said.stdout.strip()[:1] not in (b"", b"Z")
