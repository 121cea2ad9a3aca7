"""Apps of tests/scenarios under a stage: they are played, and what they said is found again."""

import asyncio
import os
import re
import subprocess
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from pushkit_cli.apns.message import Request
from pushkit_cli.apns.push import PushType
from pushkit_cli.emulator.moves import Install, Register
from pushkit_cli.emulator.state import Device, Handling
from pushkit_cli.engine.app_launch import launch_of
from pushkit_cli.engine.app_module import AppModule
from pushkit_cli.engine.app_process import AppSpec
from pushkit_cli.engine.clock import ManualClock
from pushkit_cli.engine.waiting import wait_for
from tests.engine.scene import PATIENCE_S, SANDBOX, Scene, opened, set_up
from tests.law import BUNDLE

DELEGATES = Path(__file__).parents[1] / "scenarios" / "delegates.py"
Play = Callable[[Scene], Awaitable[None]]


def play(home: Path, name: str, body: Play, *, processes: int = 8) -> Scene:
    """Let a delegate run while a play goes on; then nothing of it is left."""
    spec = AppSpec(file=DELEGATES, name=name)
    with opened(
        home,
        clock=ManualClock(),
        app=lambda world: (
            lambda feed, clock: AppModule(
                spec, feed, clock, lambda key: launch_of(world.state, key), processes=processes
            )
        ),
    ) as scene:
        scene.stage.apply(set_up())

        async def whole() -> None:
            try:
                await body(scene)
            finally:
                await scene.stage.app.stop()

        asyncio.run(whole())
        assert scene.stage.failure is None
        assert has_ended(*pids(scene))
        return scene


async def push(scene: Scene, until: str, kind: PushType = PushType.voip) -> None:
    """Send a push, and wait for an event that it brings about, a good one or not."""
    before = len(scene.told)
    scene.stage.requested(1, 1, scene.push(kind))
    await scene.until(lambda it: until in it.names()[before:])


def said(scene: Scene) -> list[str]:
    """What apps wrote, line by line."""
    notes = [one.to_json() for one in scene.told]
    return [line for one in notes if one["event"] == "hook" for line in one["detail"].splitlines()]


def pids(scene: Scene) -> list[int]:
    """The processes that told of themselves."""
    return [
        int(word) for line in said(scene) if line.startswith("pid") for word in line.split()[1:]
    ]


def is_alive(pid: int) -> bool:
    """Whether there is such a process, be it a zombie."""
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def has_ended(*processes: int, within: float = PATIENCE_S) -> bool:
    """Whether none of them runs; an orphan that was ended stays until its new parent looks."""
    left = [str(pid) for pid in processes if is_alive(pid)]

    def look() -> bool | None:
        done = subprocess.run(["ps", "-o", "stat=", "-p", ",".join(left)], stdout=subprocess.PIPE)
        states = done.stdout.split()
        return True if all(state.startswith(b"Z") for state in states) else None

    return not left or bool(wait_for(look, timeout=within))


def reasons(scene: Scene, event: str) -> list[object]:
    """Why, of each event of one name."""
    return [it["reason"] for it in (one.to_json() for one in scene.told) if it["event"] == event]


async def idle(scene: Scene) -> None:
    """Until the app has returned from every push."""
    await scene.until(lambda it: not it.stage.world.state.all_of(Handling))


def scene_token(scene: Scene, device: str = "iphone") -> str:
    """The token for calls that the app has on a device."""
    found = launch_of(scene.stage.world.state, (device, SANDBOX, BUNDLE))
    return found.tokens["PKPushTypeVoIP"]


def to(asked: Request, token: str) -> Request:
    """A push to a token."""
    path = f"/3/device/{token}".encode()
    headers = tuple((name, path if name == b":path" else value) for name, value in asked.headers)
    return Request(headers=headers, body=asked.body, body_size=asked.body_size)


def told_by(app: object) -> list[int]:
    """The processes of which an app that still runs has told; none before it has told of all."""
    found = re.search(rb"pids (\d+) (\d+)\n", output_of(app))
    return [] if found is None else [int(found[1]), int(found[2])]


def output_of(app: object) -> bytes:
    """What the app has written by now, and nobody has asked for."""
    running = app._apps.values()  # type: ignore[attr-defined]
    return b"".join(one.process._kept for one in running)


async def push_to(scene: Scene, device: str) -> None:
    """Send a call to a device, and wait for what its app writes."""
    before = scene.names().count("hook")
    scene.stage.requested(1, 1, to(scene.push(), scene_token(scene, device)))
    await scene.until(lambda it: it.names().count("hook") > before)


def phones(scene: Scene, *names: str, platform: str = "ios") -> None:
    """More devices that have the app."""
    for name in names:
        device = Device(name=name, platform=platform, os="26.4")
        scene.stage.apply([Register(record=device), Install(device=name, bundle_id=BUNDLE)])
