"""What a whole process takes: one push from the shell, help, version and completion."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from pushkit_cli.engine.local import ensure_trust
from pushkit_cli.store.files import Home
from tests.bench import hosts
from tests.bench.jobs import BODY, PEERS, Job
from tests.bench.method import PeerFailedError, Table, in_turn
from tests.interop.processes import PUSHKIT

ROUNDS = 11
"""More than of longer runs: each is short."""
ONE, STORE = "pushkit send", "pushkit send, the system's roots"
NODE, BARE = "@parse/node-apn", "python -c pass"
Words = Sequence[str | Path]


def one_push(place: Path) -> list[Table]:
    """A fresh process, the provider token cached."""
    table = Table(name="one push", title="One push, a whole process", unit="ms", base=NODE)
    with hosts.sink(place) as (_, job):
        home = Home(place / "home")
        runs = {
            ONE: partial(_ms, _send(job, job.ca), home=home.path),
            STORE: partial(_ms, _send(job, ensure_trust(home).ca_bundle_file), home=home.path),
        }
        for name in ("httpx", NODE, "sideshow/apns2"):
            if PEERS[name].absent is None:
                file = replace(job, in_flight=1).written(1, 0)
                runs[name] = partial(_ms, PEERS[name].command(file), of_others=True)
            else:
                table.missing.append(f"{name}, without {PEERS[name].absent}")
        if shutil.which("curl") is not None:
            runs["curl"] = partial(_ms, _curl(job), of_others=True)
        table.figures = in_turn(runs, table.missing, rounds=ROUNDS)
    table.ratio(f"to {NODE}", ONE, NODE, 0.6, at_least=False)
    table.ratio(f"to {NODE}, the system's roots", STORE, NODE, 0.9, at_least=False)
    return [table]


def start_up(place: Path) -> list[Table]:
    """What is asked without a word to anybody."""
    table = Table(name="start-up", title="Start-up", unit="ms", base=BARE)
    asked = {"_PUSHKIT_COMPLETE": "bash_complete", "COMP_WORDS": "pushkit se", "COMP_CWORD": "1"}
    ours = {"--version": {}, "--help": {}, "completion": asked}
    runs = {BARE: partial(_ms, [sys.executable, "-c", "pass"])}
    for name, env in ours.items():
        words: Words = [PUSHKIT] if env else [PUSHKIT, name]
        runs[f"pushkit {name}"] = partial(_ms, words, home=place, env=env)
    table.figures = in_turn(runs, table.missing, rounds=ROUNDS)
    for name in ours:
        table.ratio(f"{name} to {BARE}", f"pushkit {name}", BARE, 3.0, at_least=False)
    return [table]


def _send(job: Job, ca: Path) -> Words:
    return [
        PUSHKIT, "send", "--to", job.tokens[0], "--app", job.topic, "--env", "local",
        "--type", job.type, "--payload", BODY, "--endpoint", job.url, "--cacert", ca,
    ]  # fmt: skip


def _curl(job: Job) -> Words:
    return [
        "curl", "-sS", "--fail", "--http2", "--cacert", job.ca, "-d", BODY,
        "-H", f"authorization: bearer {job.bearer}", "-H", f"apns-topic: {job.topic}",
        "-H", f"apns-push-type: {job.type}", f"{job.url}/3/device/{job.tokens[0]}",
    ]  # fmt: skip


def _ms(
    words: Words,
    *,
    home: Path | None = None,
    env: Mapping[str, str] | None = None,
    of_others: bool = False,
) -> float:
    """How long a process takes that ends well."""
    around = {**os.environ, **(env or {})} | ({} if home is None else {"PUSHKIT_HOME": str(home)})
    begun = time.perf_counter()
    done = subprocess.run(words, env=around, capture_output=True, stdin=subprocess.DEVNULL,
        check=False)  # fmt: skip
    took = (time.perf_counter() - begun) * 1000
    if done.returncode:
        said = done.stderr.decode().strip()[-200:]
        raise PeerFailedError(said) if of_others else AssertionError(said)
    return took
