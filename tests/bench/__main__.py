"""The bench: what `make bench` runs, prints and keeps.

    python -m tests.bench [ROW…] [--json FILE] [--targets N]

Without rows all of them. It ends with 1 where a target is missed.
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from tests.bench import (
    broadcasts,
    devices,
    growth,
    hosts,
    memory,
    metrics,
    processes,
    receivers,
    senders,
)  # fmt: skip
from tests.bench.jobs import VENV
from tests.bench.method import ROUNDS, Table, say

Row = Callable[[Path], list[Table]]
ROWS: dict[str, Row] = {
    "senders": senders.measure,
    "receivers": receivers.measure,
    "one-push": processes.one_push,
    "start-up": processes.start_up,
    "memory": memory.measure,
    "growth": growth.measure,
    "devices": devices.measure,
    "broadcasts": broadcasts.measure,
    "metrics": metrics.measure,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--json", type=Path, default=VENV / "bench.json", metavar="FILE")
    parser.add_argument("--targets", type=int, default=memory.MANY, help="of the row memory")
    asked = parser.parse_args()
    rows: dict[str, Row] = {**ROWS, "memory": partial(memory.measure, many=asked.targets)}
    unknown = [row for row in asked.rows if row not in ROWS]
    if unknown:
        parser.error(f"there is no row {unknown[0]}; there are {', '.join(ROWS)}")
    say([
        f"{ROUNDS} runs each, in turn, after one that warms up; medians. {_machine()}",
        "Absolute figures move by a factor of two from hour to hour: only ratios count.",
    ])  # fmt: skip
    tables: list[Table] = []
    for row in asked.rows or ROWS:
        with hosts.folder() as place:
            found = rows[row](place)
        for table in found:
            say(["", *table.lines()])
        tables += found
        _keep(asked.json, tables)  # what comes later may fail
    missed = sum(not one.holds for table in tables for one in table.wanted)
    wanted = sum(len(table.wanted) for table in tables)
    say(["", f"{wanted - missed} of {wanted} targets hold; every figure is in {asked.json}"])
    return 1 if missed else 0


def _machine() -> str:
    load = os.getloadavg()[0]
    return f"Python {platform.python_version()}, {os.cpu_count()} cores, load {load:.1f}."


def _keep(file: Path, tables: list[Table]) -> None:
    body = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "system": platform.platform(),
            "python": platform.python_version(),
            "cores": os.cpu_count(),
            "load": os.getloadavg(),
        },
        "tables": [table.as_object() for table in tables],
    }
    file.write_text(json.dumps(body, indent=1), encoding="ascii")


if __name__ == "__main__":
    sys.exit(main())
