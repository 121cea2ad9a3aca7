"""Pushes a second of `pushkit listen`, every check on, against a host on asyncio + h2 with none.

Each under two load generators, one in C and one in Go. Both hosts run at once and are asked in
turn; every request is an alert with a body, of one provider token.
"""

import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

from tests.bench import hosts
from tests.bench.jobs import PEERS, Job, h2load
from tests.bench.method import Table, in_turn

OURS, PEER = "pushkit listen", "asyncio + h2, no checks"
C, GO = "h2load", "sideshow/apns2"
PUSHES = 3_000
WANTED = {C: 2.0, GO: 1.5}


def measure(place: Path) -> list[Table]:
    """A table for each load generator."""
    with hosts.listener(place / "listener") as ours, hosts.h2_host(place) as peer:
        return [_under(generator, ours, peer) for generator in (C, GO)]


def _under(generator: str, ours: Job, peer: Job) -> Table:
    table = Table(
        name=f"receivers, {generator}",
        title=f"Receivers under {generator}: one connection, {ours.in_flight} in flight",
        unit="pushes/s",
        base=PEER,
    )
    absent = PEERS[GO].absent if generator == GO else None if shutil.which(C) else C
    if absent is not None:
        table.missing.append(f"{generator}, without {absent}")
        return table
    runs = {name: partial(_load, generator, job) for name, job in ((OURS, ours), (PEER, peer))}
    table.figures = in_turn(runs, table.missing)
    table.ratio(f"to {PEER}", OURS, PEER, WANTED[generator])
    return table


def _load(generator: str, job: Job) -> float:
    if generator == C:
        return h2load(job, PUSHES).per_s
    return replace(PEERS[generator], count=PUSHES).run(job).per_s
