"""What a sender of the bench is given, and the senders: ours, and those that others wrote.

A job is a JSON file: where to, whom to trust, with which key, to which tokens in turn, which body,
how many pushes are timed after how many that warm up, and how many at most are without an answer.
Each peer prints one object, `per_s` and `p99_ms`. One connection each.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count, cycle, islice
from pathlib import Path
from typing import Any

from tests.bench.method import PeerFailedError
from tests.interop.processes import PUSHKIT

VENV = Path(__file__).parents[2] / ".venv"
PEAK = Path(__file__).with_name("peak.py")
CLIENTS = Path(__file__).parent / "clients"
BODY = (
    '{"aps":{"alert":{"title":"Incoming","body":"call from +15550100"},"sound":"ring.caf"},"x":1}'
)
IN_FLIGHT = 100
GO = VENV / "bench-go" / "sender"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One connection's worth of pushes to one host."""

    folder: Path
    url: str
    ca: Path
    key: Path
    key_id: str
    team_id: str
    bearer: str
    topic: str
    type: str
    tokens: tuple[str, ...]
    body: str = BODY
    in_flight: int = IN_FLIGHT
    numbers: "count[int]" = field(default_factory=count)

    def written(self, count: int, warm_up: int) -> Path:
        """As a file."""
        file = self.folder / f"job-{next(self.numbers)}.json"
        names = ("url", "ca", "key", "key_id", "team_id", "bearer", "topic", "type", "tokens",
            "body", "in_flight")  # fmt: skip
        said: dict[str, Any] = {name: getattr(self, name) for name in names}
        said |= {"count": count, "warm_up": warm_up}
        file.write_text(json.dumps(said, default=str), encoding="ascii")
        return file


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a run was."""

    per_s: float
    p99_ms: float | None = None


Sender = Callable[[Job], Pace]


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Somebody else's sender: its command, what has to be there, and how many pushes are timed."""

    words: tuple[str | Path, ...]
    needs: tuple[str | Path, ...]
    count: int

    @property
    def absent(self) -> str | None:
        """What is missing here."""
        return next((str(one) for one in self.needs if shutil.which(one) is None
                     and not Path(one).is_dir()), None)  # fmt: skip

    def command(self, job: Path) -> list[str | Path]:
        """For one job."""
        return [*self.words, job]

    def run(self, job: Job) -> Pace:
        """Pushes a second."""
        command = self.command(job.written(self.count, self.count // 4))
        return Pace(**json.loads(_output(command)))


PEERS: dict[str, Peer] = {
    "httpx": Peer(
        words=(sys.executable, CLIENTS / "sender.py", "httpx"), needs=(sys.executable,), count=400
    ),
    "aioapns": Peer(
        words=(VENV / "interop-py" / "bin" / "python", CLIENTS / "sender.py", "aioapns"),
        needs=(VENV / "interop-py" / "bin" / "python",),
        count=2_000,
    ),
    "@parse/node-apn": Peer(
        words=("node", CLIENTS / "sender.mjs", VENV / "interop-js"),
        needs=("node", VENV / "interop-js"),
        count=8_000,
    ),
    "pushy": Peer(
        words=("java", "-cp", f"{VENV / 'interop-java' / 'lib'}/*:{VENV / 'bench-java'}", "Sender"),
        needs=("java", VENV / "interop-java", VENV / "bench-java"),
        count=20_000,
    ),
    "sideshow/apns2": Peer(words=(GO,), needs=(GO,), count=20_000),
}


def _output(command: list[str | Path]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PeerFailedError(done.stderr.strip()[-200:])
    return done.stdout


# h2load


def h2load(job: Job, requests: int) -> Pace:
    """What a program in C sends: it signs nothing and reads no answer's body."""
    body, paths = job.folder / "body", job.folder / "paths"
    body.write_text(job.body)
    paths.write_text("".join(f"{job.url}/3/device/{token}\n" for token in job.tokens))
    headers = {
        "authorization": f"bearer {job.bearer}",
        "apns-topic": job.topic,
        "apns-push-type": job.type,
        "apns-priority": "10",
        "apns-expiration": "0",
    }
    words = [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
    said = _output(
        ["h2load", "-c", "1", "-m", str(job.in_flight), "-n", str(requests), "-d", body, *words,
         "-i", paths]
    )  # fmt: skip
    found = re.search(r", ([0-9.]+) req/s", said)
    if found is None or f"status codes: {requests} 2xx" not in said:
        raise PeerFailedError(said.strip()[-200:])
    return Pace(float(found[1]))


# Ours


def targets(job: Job, count: int) -> Path:
    """A file of so many targets: the job's tokens in turn."""
    file = job.folder / f"targets-{count}"
    if not file.exists():
        with file.open("w") as lines:
            lines.writelines(f"{token}\n" for token in islice(cycle(job.tokens), count))
    return file


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulk:
    """What a run of `pushkit send --targets` ended with, and the peak of its memory."""

    pace: Pace
    megabytes: float


def bulk(
    job: Job, count: int, *, as_stream: bool = False, in_flight: int | None = None, resume: int = 0
) -> Bulk:
    """The real command, with results of its own; `resume`: once more, when so many are answered."""
    file = targets(job, count)
    results = job.folder / f"results-{next(job.numbers)}"
    words: list[str | Path] = [
        PUSHKIT, "--json", "-q", "send", "--targets", "-" if as_stream else file,
        "--app", job.topic, "--env", "local", "--type", job.type, "--payload", job.body,
        "--in-flight", str(in_flight or job.in_flight), "--endpoint", job.url, "--cacert", job.ca,
        "--results", results,
    ]  # fmt: skip
    env = {**os.environ, "PUSHKIT_HOME": str(job.folder / "home")}
    if resume:
        _output_of_ours([*words, "--deadline", f"{resume}s"], file, env, codes=(0, 5, 8))
        words.append("--resume")
    found = _output_of_ours(words, file, env, codes=(0,))
    results.unlink()
    return found


def _output_of_ours(
    words: list[str | Path], file: Path, env: dict[str, str], *, codes: tuple[int, ...]
) -> Bulk:
    peak = file.with_name("peak")
    with file.open("rb") as lines:
        done = subprocess.run([sys.executable, PEAK, peak, *words], stdin=lines, env=env,
            capture_output=True, check=False)  # fmt: skip
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert said["exit"] == done.returncode, (done.returncode, said)
    assert done.returncode in codes, (said, done.stderr)
    return Bulk(pace=Pace(said["per_s"], said["p99_ms"]), megabytes=float(peak.read_text()))
