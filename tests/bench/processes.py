"""What a whole process takes: one push from the shell, help, version and completion."""

import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pushkit_cli.engine.local import ensure_trust
from pushkit_cli.store.files import Home
from tests.bench import hosts
from tests.bench.jobs import BODY, PEERS, Job
from tests.bench.method import Figures, PeerFailedError, Table, in_turn
from tests.interop.processes import PUSHKIT

ROUNDS = 11
"""More than of longer runs: each is short."""
ONE, STORE = "pushkit send", "pushkit send, the system's roots"
NODE, BARE = "@parse/node-apn", "python -c pass"
Words = Sequence[str | Path]


def one_push(place: Path) -> list[Table]:
    """A fresh process, the provider token cached."""
    timed, missing = Timed(), list[str]()
    with hosts.sink(place) as (_, job):
        home = Home(place / "home")
        system = ensure_trust(home).ca_bundle_file
        timed("register", _register(job), home=home.path)()
        runs = {
            ONE: timed(ONE, _send(job, job.ca), home=home.path),
            STORE: timed(STORE, _send(job, system), home=home.path),
        }
        for name in ("httpx", NODE, "sideshow/apns2"):
            if PEERS[name].absent is None:
                file = replace(job, in_flight=1).written(1, 0)
                runs[name] = timed(name, PEERS[name].command(file), of_others=True)
            else:
                missing.append(f"{name}, without {PEERS[name].absent}")
        if shutil.which("curl") is not None:
            runs["curl"] = timed("curl", _curl(job), of_others=True)
        tables = timed.tables(f"One push, a whole process, {ROUNDS} runs", NODE, runs, missing)
    for table in tables:
        table.ratio(f"to {NODE}", ONE, NODE, 0.6, at_least=False)
        table.ratio(f"to {NODE}, the system's roots", STORE, NODE, 0.9, at_least=False)
    return tables


def start_up(place: Path) -> list[Table]:
    """What is asked without a word to anybody."""
    timed = Timed()
    asked = {"_PUSHKIT_COMPLETE": "bash_complete", "COMP_WORDS": "pushkit se", "COMP_CWORD": "1"}
    ours = {"--version": {}, "--help": {}, "completion": asked}
    runs = {BARE: timed(BARE, [sys.executable, "-c", "pass"])}
    for name, env in ours.items():
        words: Words = [PUSHKIT] if env else [PUSHKIT, name]
        runs[f"pushkit {name}"] = timed(f"pushkit {name}", words, home=place, env=env)
    tables = timed.tables(f"Start-up, {ROUNDS} runs", BARE, runs, [])
    for table in tables:
        for name in ours:
            table.ratio(f"{name} to {BARE}", f"pushkit {name}", BARE, 3.0, at_least=False)
    return tables


class Timed:
    """Whole processes, by the clock and by the processor.

    Where others use the machine, a process that takes longer waits more often: then the time of the
    processor is the fairer one.
    """

    def __init__(self) -> None:
        self._cpu: Figures = {}

    def __call__(
        self,
        name: str,
        words: Words,
        *,
        home: Path | None = None,
        env: Mapping[str, str] | None = None,
        of_others: bool = False,
    ) -> Callable[[], float]:
        """One that ends well: the milliseconds it takes."""
        around = {**os.environ, **(env or {})}
        around |= {} if home is None else {"PUSHKIT_HOME": str(home)}

        def run() -> float:
            used, begun = _cpu_s(), time.perf_counter()
            done = subprocess.run(words, env=around, capture_output=True, check=False,
                stdin=subprocess.DEVNULL)  # fmt: skip
            took = (time.perf_counter() - begun) * 1000
            self._cpu.setdefault(name, []).append((_cpu_s() - used) * 1000)
            if done.returncode:
                said = done.stderr.decode().strip()[-200:]
                raise PeerFailedError(said) if of_others else AssertionError(said)
            return took

        return run

    def tables(
        self, title: str, base: str, runs: Mapping[str, Callable[[], float]], missing: list[str]
    ) -> list[Table]:
        """By the clock, and the same runs by the processor."""
        wall = in_turn(runs, missing, rounds=ROUNDS)
        cpu = {name: self._cpu[name][1:] for name in wall}  # the first warms up
        return [
            Table(name=f"{title}, {unit}", title=title, unit=unit, figures=figures, base=base,
                missing=list(missing))
            for unit, figures in (("ms", wall), ("ms of the processor", cpu))
        ]  # fmt: skip


def _cpu_s() -> float:
    """What all children used that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _send(job: Job, ca: Path) -> Words:
    return [
        PUSHKIT, "send", "--to", job.tokens[0], "--app", job.topic, "--env", "sandbox",
        "--type", job.type, "--payload", BODY, "--endpoint", job.url, "--cacert", ca,
    ]  # fmt: skip


def _register(job: Job) -> Words:
    """The key, kept; the warm-up caches its provider token."""
    return [PUSHKIT, "register", "app", job.topic, "--team-id", job.team_id, "--key", job.key]


def _curl(job: Job) -> Words:
    return [
        "curl", "-sS", "--fail", "--http2", "--cacert", job.ca, "-d", BODY,
        "-H", f"authorization: bearer {job.bearer}", "-H", f"apns-topic: {job.topic}",
        "-H", f"apns-push-type: {job.type}", f"{job.url}/3/device/{job.tokens[0]}",
    ]  # fmt: skip
