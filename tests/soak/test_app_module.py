"""More apps than processes, and pushes for all of them: never more than eight are alive."""

from pathlib import Path

from tests.engine.apps import idle, is_alive, phones, pids, play, scene_token, to
from tests.engine.scene import Scene

APPS, ROUNDS = 20, 5


def test_twenty_apps_share_eight_processes(home: Path) -> None:
    alive: list[int] = []

    async def body(scene: Scene) -> None:
        names = [f"d{number}" for number in range(APPS)]
        phones(scene, *names)
        scene.on_tell = lambda: alive.append(sum(map(is_alive, set(pids(scene)))))
        for done in range(1, ROUNDS + 1):
            for name in names:
                scene.stage.requested(1, 1, to(scene.push(), scene_token(scene, name)))
            while scene.names().count("call-reported") < done * APPS:
                seen = len(scene.told)
                await scene.until(lambda it, seen=seen: len(it.told) > seen)  # type: ignore[misc]
        await idle(scene)

    scene = play(home, "Good", body)
    assert 4 < max(alive) <= 8
    assert "terminated" not in scene.names()
    assert scene.names().count("call-reported") == APPS * ROUNDS
