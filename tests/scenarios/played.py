"""Plays a scenario as a user does: `pushkit listen … -- sh -c SCRIPT`, each in its own process."""

import os
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, TypeVar

from tests.commands import PUSHKIT, objects, pushkit
from tests.scenarios.problems import PROBLEMS, Problem

_T = TypeVar("_T")

APPS = Path(__file__).with_name("delegates.py")
SEND = "pushkit send --type voip"


@dataclass(frozen=True, kw_only=True)
class Played:
    """How it ended: the exit code, everything that was said in one line, the events of it."""

    exit: int
    said: str
    events: Sequence[dict[str, Any]] = ()

    def named(self, event: str) -> list[str | None]:
        """The reasons of the events of one name."""
        return [one.get("reason") for one in self.events if one["event"] == event]


def run(*words: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """One command; scripts inside find `pushkit` on their PATH."""
    path = f"{PUSHKIT.parent}{os.pathsep}{os.environ['PATH']}"
    return pushkit(*words, variables={"PATH": path, **variables})


def played(done: subprocess.CompletedProcess[bytes], events: bytes = b"") -> Played:
    """What became of a command."""
    said = (done.stderr + done.stdout).decode().replace("\npushkit:     ", " ")
    return Played(exit=done.returncode, said=" ".join(said.split()), events=objects(events))


def listen(folder: Path, script: str, *options: str, app: str | None = None) -> Played:
    """A listener of its own around a script; `app` is a class of `delegates.py`."""
    events = Path(mkdtemp(dir=folder)) / "events"
    module = () if app is None else ("--app-module", f"{APPS}:{app}")
    words = ("listen", "--events", str(events), *module, *options, "--", "sh", "-ec", script)
    return played(run(*words), events.read_bytes())


def both(*plays: Callable[[], _T]) -> list[_T]:
    """Play at once what does not depend on each other: the wrong way and the repaired one."""
    with ThreadPoolExecutor(len(plays)) as pool:
        return [one.result() for one in [pool.submit(play) for play in plays]]


def problem(number: int) -> Problem:
    """The row of a problem."""
    return PROBLEMS[number - 1]


def caught(row: int | Problem, wrong: Played) -> None:
    """The wrong way is caught as the table says."""
    row = problem(row) if isinstance(row, int) else row
    assert wrong.exit == row.exit, wrong.said
    assert row.words in wrong.said
    if row.event is not None:
        assert row.reason in wrong.named(row.event), wrong.events


def rings(repaired: Played) -> None:
    """The repaired way ends well, and the last call rings."""
    assert repaired.exit == 0, repaired.said
    assert "call-reported" in [one["event"] for one in repaired.events], repaired.events
