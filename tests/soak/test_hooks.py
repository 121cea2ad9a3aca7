"""Ten thousand pushes to many apps with a hook: never more than eight alive, and nothing left."""

import asyncio
import os
import subprocess
from pathlib import Path

import pytest

from pushkit_cli.engine import hooks
from tests.engine.phones import Phones, phones
from tests.engine.test_hooks import script, until_handled

PUSHES, APPS, BURST = 10_000, 40, 200
PATIENCE_S = 1200


def children() -> list[str]:
    """The states of this process's children."""
    said = subprocess.run(["ps", "-A", "-o", "stat=,ppid="], capture_output=True, check=True)
    found = [line.split() for line in said.stdout.decode().splitlines()]
    return [stat for stat, parent in found if parent == str(os.getpid())]


def test_ten_thousand_pushes_have_eight_hooks_alive_and_leave_no_zombie(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.engine.scene.PATIENCE_S", PATIENCE_S)
    most = 0

    async def body(scene: Phones) -> None:
        nonlocal most

        def look(it: Phones) -> bool:
            nonlocal most
            most = max(most, len(list((tmp_path / "alive").iterdir())))
            return until_handled(it)

        for start in range(0, PUSHES, BURST):
            for number in range(start, start + BURST):
                scene.send(number % APPS)
            await scene.until(lambda it: len(it.acts) == it.streams)
            await scene.until(look)
        await scene.stage.app.stop()

    (tmp_path / "alive").mkdir()
    app = script(tmp_path, 'touch "alive/$$"; sleep 0.05; rm "alive/$$"')
    with phones(home, app, APPS) as scene:
        asyncio.run(body(scene))
        reported = [one for one in scene.told if one.event.event == "call-reported"]
        assert len(reported) == PUSHES
    assert most == hooks.SEATS
    assert not [stat for stat in children() if stat.startswith("Z")]
