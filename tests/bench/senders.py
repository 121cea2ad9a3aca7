"""Pushes a second of every sender here, over one connection to one host that accepts all."""

import shutil
import statistics
from collections.abc import Callable
from pathlib import Path

from tests.bench import hosts
from tests.bench.jobs import PEERS, Job, Pace, bulk, h2load
from tests.bench.method import Table, in_turn

OURS, GO, C, JAVA = "pushkit send", "sideshow/apns2", "h2load", "pushy"
STREAM = f"{OURS}, a stream"
PUSHES = 10_000
REQUESTS = 50_000
P99_MS = 10.0
LEAST_AHEAD = 0.95
"""Of the pace of a stream, which cannot be resumed: what writing ahead may leave."""


def measure(place: Path) -> list[Table]:
    """Ours against the peers, what writing ahead costs, and pushy, which needs another host."""
    with hosts.sink(place) as (name, job):
        found = [_all(name, job)]
    if PEERS[JAVA].absent or PEERS[GO].absent:
        found[0].missing.append(f"{JAVA}, without {PEERS[JAVA].absent or PEERS[GO].absent}")
        return found
    with hosts.go_host(place) as job:
        return [*found, _pushy(job)]


def _all(name: str, job: Job) -> Table:
    table = Table(
        name="senders",
        title=f"Senders: one connection, {job.in_flight} in flight, to {name}",
        unit="pushes/s",
        base=GO,
    )
    late: list[float] = []

    def ours() -> float:
        pace = bulk(job, PUSHES).pace
        late.append(pace.p99_ms or 0.0)
        return pace.per_s

    runs = {OURS: ours, STREAM: lambda: bulk(job, PUSHES, as_stream=True).pace.per_s}
    for who, peer in PEERS.items():
        if who == JAVA:
            continue
        if peer.absent is not None:
            table.missing.append(f"{who}, without {peer.absent}")
        else:
            runs[who] = _timed(peer.run, job)
    if shutil.which("h2load") is None:
        table.missing.append("h2load")
    else:
        runs[C] = lambda: h2load(job, REQUESTS).per_s
    table.figures = in_turn(runs, table.missing)
    table.ratio(f"to {GO}", OURS, GO, 2.0)
    table.ratio(f"to {C}, the same headers", OURS, C, 0.5)
    table.ratio("to a stream, which writes nothing ahead", OURS, STREAM, LEAST_AHEAD)
    table.at_most("p99 in ms, the median of the runs", statistics.median(late[1:]), P99_MS)
    return table


def _pushy(job: Job) -> Table:
    table = Table(
        name="senders-no-alpn",
        title=f"{JAVA} offers no ALPN, and nghttpd hangs up: to a host in Go instead",
        unit="pushes/s",
        base=GO,
    )
    runs = {OURS: lambda: bulk(job, PUSHES).pace.per_s}
    runs |= {who: _timed(PEERS[who].run, job) for who in (JAVA, GO)}
    table.figures = in_turn(runs, table.missing)
    return table


def _timed(run: Callable[[Job], Pace], job: Job) -> Callable[[], float]:
    return lambda: run(job).per_s
