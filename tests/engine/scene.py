"""A stage on a real database, with a wire and an audience that write down what they get."""

import asyncio
import json
import resource
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from pushkit_cli.apns.acts import Act, Respond
from pushkit_cli.apns.facts import Door
from pushkit_cli.apns.message import Request
from pushkit_cli.apns.push import Environment, PushType, topic_for
from pushkit_cli.apns.token import mint
from pushkit_cli.emulator.moves import Connected, Input, Install, Register
from pushkit_cli.emulator.state import (
    App,
    Device,
    DeviceToken,
    Handling,
    Record,
    SigningKey,
    to_row,
)
from pushkit_cli.emulator.world import World
from pushkit_cli.engine.app_host import AppHost, Feed
from pushkit_cli.engine.clock import Clock
from pushkit_cli.engine.objects import Happened
from pushkit_cli.engine.stage import Stage
from pushkit_cli.phone.app_state import AppState
from pushkit_cli.store.emulator_db import NAME, EmulatorDb
from pushkit_cli.store.files import Home
from tests.law import BODY, BUNDLE, KEY_ID, TEAM, KeyPair, new_key, request

PATIENCE_S = 5.0
SANDBOX = Environment.SANDBOX
DOOR = Door(environment=SANDBOX)
KEYS = new_key()


def set_up(keys: KeyPair = KEYS) -> list[Input]:
    """One app of one team on an iPhone, and a connection 1 to the sandbox."""
    public = keys.public_pem.decode()
    return [
        Register(record=App(bundle_id=BUNDLE, team_id=TEAM)),
        Register(record=SigningKey(key_id=KEY_ID, team_id=TEAM, public_pem=public)),
        Register(record=Device(name="iphone", platform="ios", os="26.4")),
        Install(device="iphone", bundle_id=BUNDLE),
        Connected(connection=1, environment=SANDBOX),
    ]


def handling(kill_at: float | None, name: str = "h1") -> Handling:
    """A call that the app on the iPhone has not returned from."""
    return Handling(
        id=name,
        push_id="p1",
        device="iphone",
        bundle_id=BUNDLE,
        environment=SANDBOX,
        type=PushType.voip,
        at=time.time() - 7,
        kill_at=kill_at,
    )


RUNNING = AppState(device="iphone", bundle_id=BUNDLE, environment=SANDBOX, running=True)


def keep(home: Home, *records: Record) -> None:
    """Leave records behind, as a listener that was killed."""
    database = EmulatorDb(home)
    database.commit([(record.key, to_row(record)) for record in records], [])
    database.close()


def journal(home: Path) -> list[dict[str, Any]]:
    """The events of a home in the order of their numbers, whoever has it open."""
    sql = sqlite3.connect(home / NAME)
    rows = sql.execute("SELECT seq, value FROM journal ORDER BY seq").fetchall()
    sql.close()
    events = [json.loads(value) for _, value in rows]
    assert [event["seq"] for event in events] == [seq for seq, _ in rows]
    return events


def _bearer() -> str:
    return mint(KEYS.private_pem, team_id=TEAM, key_id=KEY_ID, now=time.time() - 1)


@dataclass
class Scene:
    """The stage, and what came of it; `log` is everything in its order."""

    home: Home
    database: EmulatorDb
    stage: Stage
    log: list[str] = field(default_factory=list)
    acts: list[tuple[int, Act]] = field(default_factory=list)
    told: list[Happened] = field(default_factory=list)
    on_act: Callable[[], None] = lambda: None
    on_tell: Callable[[], None] = lambda: None
    failed: int = 0
    bearer: str = field(default_factory=_bearer)
    _calls: int = 0

    def perform(self, connection: int, act: Act) -> None:
        if not isinstance(act, Respond):
            return  # what a connection does besides is not what these scenes are about
        self.on_act()
        self.log.append("act")
        self.acts.append((connection, act))

    def flush(self) -> None:
        self.log.append("flush")

    def tell(self, happened: Happened) -> None:
        self.log.append(str(happened.event.event))
        self.told.append(happened)
        self.on_tell()

    def fail(self) -> None:
        self.failed += 1

    def push(self, kind: PushType = PushType.voip) -> Request:
        """A push that is accepted."""
        tokens = self.stage.world.state.all_of(DeviceToken)
        token = next(one.token for one in tokens if (one.type, one.environment) == (kind, SANDBOX))
        topic = topic_for(BUNDLE, kind)
        self._calls += 1
        body = BODY.replace(b"6b29fc40", f"{self._calls:08x}".encode())  # each is another call
        words = {"apns_topic": topic, "apns_push_type": str(kind)}
        return request(token, body=body, bearer=self.bearer, **words)

    def statuses(self) -> list[int]:
        return [act.response.status for _, act in self.acts if isinstance(act, Respond)]

    def names(self) -> list[str]:
        return [str(one.event.event) for one in self.told]

    async def until(self, look: Callable[[Self], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not look(self):
                await asyncio.sleep(0.001)


@contextmanager
def opened(
    place: Path,
    *,
    clock: Clock | None = None,
    app: Callable[[World], Callable[[Feed, Clock], AppHost]] | None = None,
) -> Iterator[Scene]:
    """A scene on a home: what is kept there is what the world knows."""
    home = Home(place)
    database = EmulatorDb(home)
    scene: Scene
    world = World(database.rows())
    stage = Stage(
        world,
        database,
        lambda happened: scene.tell(happened),
        clock=clock,
        app=None if app is None else app(world),
    )
    scene = Scene(home=home, database=database, stage=stage)
    stage.attach(scene, failed=scene.fail)
    try:
        yield scene
    finally:
        stage.stop()
        database.close()


@contextmanager
def full_disk(home: Path) -> Iterator[None]:
    """No file of this process may grow beyond what the database's log has by now."""
    with no_file_beyond((home / f"{NAME}-wal").stat().st_size):
        yield


@contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    """No file of this process may grow beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
