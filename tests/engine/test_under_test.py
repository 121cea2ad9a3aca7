"""A whole listener in a thread, with an app under test that runs outside of it."""

import os
from pathlib import Path

from pushkit_cli.engine.listener import Options, running
from pushkit_cli.engine.under_test import Hook
from pushkit_cli.engine.waiting import wait_for
from tests.conftest import Told
from tests.engine.scene import PATIENCE_S
from tests.engine.test_listener import send


def test_a_hook_runs_where_the_listener_has_a_thread_of_its_own(
    home: Path, tmp_path: Path, told: Told
) -> None:
    hook = Hook(command=("sh", "-c", f"env >{tmp_path}/env"), variables=dict(os.environ))
    with running(Options(home=home, port=0, production_port=0, app=hook), told.append) as up:
        send(up)
        assert wait_for(lambda: told.named("call-reported") or None, timeout=PATIENCE_S)
        assert f"PUSHKIT_ENDPOINT={up.ready['endpoint']}\n" in (tmp_path / "env").read_text()


def test_a_hook_that_hangs_does_not_hold_up_the_end(home: Path, tmp_path: Path, told: Told) -> None:
    hook = Hook(command=("sh", "-c", f"touch {tmp_path}/up; exec sleep 99"), variables={})
    options = Options(home=home, port=0, production_port=0, app=hook)
    with running(options, told.append) as up:
        send(up)
        assert wait_for(lambda: (tmp_path / "up").exists() or None, timeout=PATIENCE_S)
    with running(options, told.append):
        pass
    assert [one["reason"] for one in told.named("warning")] == ["interrupted"]
