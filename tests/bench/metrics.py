"""How an export of a million rows is read, against Python's csv module reading the same file.

Each in a process of its own, in turn: the reading alone, and the command with its table.
"""

import random
import subprocess
import sys
from functools import partial
from pathlib import Path

from tests.bench.jobs import PEAK
from tests.bench.method import Table, in_turn

ROWS = 1_000_000
MOST_MB = 150
CSV, READING, TABLE = "csv module", "reading", "export-metrics --read"
_TYPES = ("voip", "alert", "complication", "background", "liveactivity")
_STATUSES = (
    "Received by APNs",
    "Delivered to Device",
    "Delivered to Device (From Storage)",
    "Stored - Device Offline",
    "Discarded - Token Unregistered",
)
_TIMED = """
import sys, time
began = time.perf_counter()
{work}
print(time.perf_counter() - began)
"""
_WORK = {
    CSV: """
import csv
with open(sys.argv[1], newline="", encoding="utf-8") as file:
    for row in csv.reader(file): pass
""",
    READING: """
from pushkit_cli.metrics.reading import read
with open(sys.argv[1], newline="", encoding="utf-8") as file:
    assert read(file).rows == 1_000_000
""",
    TABLE: """
from pushkit_cli.cli.app import run
assert run(["export-metrics", "--read", sys.argv[1], "-o", "/dev/null"], {"HOME": "/"}) == 0
""",
}


def written(path: Path, *, distinct: bool) -> None:
    """A file of the documented form; `distinct`: no two rows are of one second."""
    chance = random.Random(7)
    with path.open("w", encoding="utf-8") as file:
        file.write("Push Type,Status,Date (UTC),Count\n")
        for row in range(ROWS):
            day, hour = chance.randrange(1, 31), chance.randrange(24)
            kind, status = chance.choice(_TYPES), chance.choice(_STATUSES)
            minutes = f"{row // 60 % 60:02}:{row % 60:02}.{row:07}" if distinct else "00:00"
            at = f"2026-11-{day:02} {hour:02}:{minutes}"
            file.write(f"{kind},{status},{at},{chance.randrange(100_000)}\n")


def measured(work: str, path: Path) -> tuple[float, float]:
    """Seconds, and megabytes at most."""
    peak = path.with_suffix(".peak")
    words: list[str | Path] = [
        sys.executable,
        PEAK,
        peak,
        sys.executable,
        "-c",
        _TIMED.format(work=work),
        path,
    ]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    return float(said), float(peak.read_text())


def measure(place: Path) -> list[Table]:
    """Both kinds of file: hours, and every row at another moment."""
    tables = []
    for distinct in (False, True):
        path = place / f"export-{distinct}.csv"
        written(path, distinct=distinct)
        tables.append(_compared(path, "every row another" if distinct else "a row an hour"))
    return tables


def _compared(path: Path, rows: str) -> Table:
    table = Table(
        name=f"metrics, {rows}",
        title=f"An export of {ROWS:,} rows, {rows}",
        unit="s",
        base=CSV,
    )
    peaks: dict[str, float] = {}

    def run(name: str) -> float:
        seconds, megabytes = measured(_WORK[name], path)
        peaks[name] = max(megabytes, peaks.get(name, 0.0))
        return seconds

    table.figures = in_turn({name: partial(run, name) for name in _WORK}, table.missing)
    table.ratio("to the csv module reading it", READING, CSV, 2.0, at_least=False)
    table.at_most("MB at the peak of the command", peaks[TABLE], MOST_MB)
    return table
