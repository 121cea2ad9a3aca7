"""Child processes of the interop tests: found, started, waited for, ended, and gone with a trace.

Each runs in a session of its own, so that whatever it leaves behind can be found.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

PUSHKIT = Path(sys.executable).with_name("pushkit")
_FOUND = TypeVar("_FOUND")


def need(program: str) -> str:
    """Where a program is; without it the test is skipped, and the closing line says so."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program}: not installed")
    return path


def until(what: str, look: Callable[[], _FOUND | None], *, within: float = 15.0) -> _FOUND:
    """Look again and again until there is something, `within` so many seconds."""
    deadline = time.monotonic() + within
    while (found := look()) is None:
        assert time.monotonic() < deadline, f"no {what} within {within} s"
        time.sleep(0.01)
    return found


def environment(home: Path, **more: str) -> dict[str, str]:
    """The whole environment of a child: nothing of ours gets in but the way to programs."""
    scratch = home / "tmp"
    scratch.mkdir(parents=True, exist_ok=True)
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TMPDIR": str(scratch),
        "LC_ALL": "C.UTF-8",
        "PUSHKIT_HOME": str(home / "pushkit"),
        **more,
    }


@contextmanager
def child(
    argv: Sequence[str | Path], *, env: Mapping[str, str], log: Path, stop: signal.Signals
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that runs during the block, in the folder of `log`.

    stdout goes to `log`, stderr to `log` + `.err`.

    At the end it gets `stop` and 15 seconds. Nothing of its session may be left then.
    """
    with log.open("wb") as out, log.with_name(f"{log.name}.err").open("wb") as err:
        running = subprocess.Popen(
            argv,
            cwd=log.parent,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
    try:
        yield running
        if running.poll() is None:
            running.send_signal(stop)
        running.wait(15)
        until("end of what it started", lambda: None if _session_lives(running.pid) else True)
    finally:
        if running.poll() is None or _session_lives(running.pid):
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()


def _session_lives(leader: int) -> bool:
    try:
        os.killpg(leader, 0)
    except (ProcessLookupError, PermissionError):  # macOS says the latter of a zombie
        return False
    return True


def free_port() -> int:
    """A port nobody has on 127.0.0.1; for programs that cannot find one themselves."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(host: str, port: int) -> bool:
    """Whether somebody accepts connections there."""
    try:
        socket.create_connection((host, port), 1.0).close()
    except OSError:
        return False
    return True
