"""How an export of a million rows is read, against Python's csv module reading the same file.

`python -m tests.bench.metrics` prints ratios of one run, each in a process of its own, alternately:
the reading alone (pushkit), and the command with its table (table).
The target: no slower than twice the csv module, peak memory under 150 MB.
"""

import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROWS = 1_000_000
RUNS = 5
_TYPES = ("voip", "alert", "complication", "background", "liveactivity")
_STATUSES = (
    "Received by APNs",
    "Delivered to Device",
    "Delivered to Device (From Storage)",
    "Stored - Device Offline",
    "Discarded - Token Unregistered",
)
_TIMED = """
import resource, sys, time
began = time.perf_counter()
{work}
took = time.perf_counter() - began
print(took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""
_WORK = {
    "csv": """
import csv
with open(sys.argv[1], newline="", encoding="utf-8") as file:
    for row in csv.reader(file): pass
""",
    "pushkit": """
from pushkit_cli.metrics.reading import read
with open(sys.argv[1], newline="", encoding="utf-8") as file:
    assert read(file).rows == 1_000_000
""",
    "table": """
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


def measured(work: str, path: Path) -> tuple[float, int]:
    """Seconds, and megabytes at most."""
    words = [sys.executable, "-c", _TIMED.format(work=work), str(path)]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    return float(said[0]), int(said[1])


def compared(path: Path) -> None:
    """Print what was measured."""
    found: dict[str, list[tuple[float, int]]] = {name: [] for name in _WORK}
    for _ in range(RUNS):
        for name, work in _WORK.items():
            found[name].append(measured(work, path))
    seconds = {name: statistics.median(one[0] for one in runs) for name, runs in found.items()}
    for name, runs in found.items():
        peak = max(one[1] for one in runs)
        ratio = seconds[name] / seconds["csv"]
        sys.stdout.write(f"{name:<8} {seconds[name]:6.2f} s  {ratio:4.2f} x csv  peak {peak} MB\n")


def main() -> None:
    """Both kinds of file: hours, and every row at another moment."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "export.csv"
        for distinct in (False, True):
            sys.stdout.write("every row another\n" if distinct else "a row an hour\n")
            written(path, distinct=distinct)
            compared(path)


if __name__ == "__main__":
    main()
