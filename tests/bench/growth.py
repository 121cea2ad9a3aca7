"""How a push's cost grows: with the listener's journal and channels, with what is in flight."""

from contextlib import ExitStack
from functools import partial
from pathlib import Path

from pushkit_cli.apns import channels
from pushkit_cli.apns.facts import Storage
from tests.bench import hosts
from tests.bench.broadcasts import Client
from tests.bench.jobs import Job, bulk
from tests.bench.method import Table, in_turn

PUSHES = 2_000
JOURNAL = 20_000
FLIGHTS = (1, 10, 100, 1_000)
EMPTY, JOURNALED, CHANNELS = "fresh", f"after {JOURNAL:,} pushes", "with 10,000 channels"


def measure(place: Path) -> list[Table]:
    """The listener's, and the sender's."""
    return [_listener(place), _in_flight(place / "sink")]


def _listener(place: Path) -> Table:
    table = Table(
        name="growth, listener",
        title="pushkit listen, by what it holds already",
        unit="pushes/s",
        base=EMPTY,
    )
    with ExitStack() as stack:
        jobs = {
            name: stack.enter_context(hosts.listener(place / str(number)))
            for number, name in enumerate((EMPTY, JOURNALED, CHANNELS))
        }
        bulk(jobs[JOURNALED], JOURNAL)
        _create(jobs[CHANNELS])
        runs = {name: partial(_per_s, job) for name, job in jobs.items()}
        table.figures = in_turn(runs, table.missing)
    return table


def _create(job: Job) -> None:
    client = Client(hosts.ready(job.folder))
    one = channels.to_create(job.topic, Storage.NONE, authority="localhost")
    client.many([one] * channels.MAX_CHANNELS)


def _in_flight(place: Path) -> Table:
    table = Table(
        name="growth, in flight",
        title="pushkit send --targets, by what is in flight",
        unit="pushes/s",
        base=str(FLIGHTS[0]),
    )
    place.mkdir()
    with hosts.sink(place) as (_, job):
        runs = {f"{flight:,}": partial(_per_s, job, flight) for flight in FLIGHTS}
        table.figures = in_turn(runs, table.missing)
    return table


def _per_s(job: Job, in_flight: int | None = None) -> float:
    return bulk(job, PUSHES, in_flight=in_flight).pace.per_s
