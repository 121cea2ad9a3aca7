"""A real `pushkit listen` in a process of its own, and what it costs the machine it runs on."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from pushkit_cli.engine import ready
from pushkit_cli.engine.waiting import wait_for
from tests import pushing
from tests.commands import PATIENCE_S, PUSHKIT

MIB = 1024
"""In kilobytes, the unit in which memory is said."""


@dataclass
class Subject:
    """The listener that is tried; `said` is its stderr."""

    process: subprocess.Popen[bytes]
    ready: dict[str, Any]
    said: Path

    @property
    def memory(self) -> float:
        """What it holds now, in MiB."""
        words = ["ps", "-o", "rss=", "-p", str(self.process.pid)]
        return int(subprocess.run(words, capture_output=True, check=True).stdout) / MIB

    @property
    def peak(self) -> float:
        """The most it held, in MiB; where the system does not keep that, what it holds now."""
        status = Path(f"/proc/{self.process.pid}/status")
        if not status.exists():
            return self.memory
        (line,) = [one for one in status.read_text().splitlines() if one.startswith("VmHWM")]
        return int(line.split()[1]) / MIB

    @property
    def complaints(self) -> str:
        """What it said since it was ready that is not a person's business."""
        said = self.said.read_text(errors="replace")
        return "" if said.strip() in ("", "Stopped.") else said

    def good_push(self) -> float:
        """A push on a connection of its own is accepted; how long that took, in seconds."""
        began = time.monotonic()
        pushing.push(self.ready)
        return time.monotonic() - began

    def stop(self) -> None:
        """^C, and no complaint at the end either."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(PATIENCE_S) == 0, self.said.read_text()
        assert self.complaints == ""


@contextmanager
def subject(
    home: Path, *arguments: str, stdout: int | BinaryIO = subprocess.DEVNULL
) -> Iterator[Subject]:
    """A listener on this home that has just become ready; its asyncio complains aloud."""
    said = home.with_name("stderr")
    with (
        said.open("wb") as err,
        subprocess.Popen(
            [PUSHKIT, "-q", "listen", "--port", "0", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=err,
            env={**os.environ, "PUSHKIT_HOME": str(home), "PYTHONWARNINGS": "default"},
        ) as process,
    ):
        try:
            up = wait_for(lambda: ready.find(home, None), timeout=PATIENCE_S)
            assert up is not None, said.read_text()
            yield Subject(process, up, said)
        finally:
            if process.poll() is None:
                process.kill()
