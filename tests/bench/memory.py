"""The peak memory of `pushkit send --targets`: few targets, many, and many that are resumed."""

from pathlib import Path

from tests.bench import hosts
from tests.bench.jobs import bulk
from tests.bench.method import Table

FEW, MANY = 10_000, 1_000_000
MOST_MB, MOST_MORE_MB = 60, 16


def measure(place: Path, many: int = MANY) -> list[Table]:
    """One run of each: a peak is the same every time."""
    table = Table(
        name="memory",
        title="pushkit send --targets, peak memory",
        unit="MB",
    )
    with hosts.sink(place) as (_, job):
        small = bulk(job, FEW)
        large = bulk(job, many)
        half_s = max(1, int(many / large.pace.per_s / 2))
        resumed = bulk(job, many, resume=half_s)
    table.figures = {
        f"{FEW:,} targets": [small.megabytes],
        f"{many:,} targets": [large.megabytes],
        f"{many:,}, resumed": [resumed.megabytes],
    }
    most = max(large.megabytes, resumed.megabytes)
    table.at_most("MB", most, MOST_MB)
    table.at_most(f"MB more than {FEW:,} take", most - small.megabytes, MOST_MORE_MB)
    return [table]
