"""The tables of docs/performance.md, from the figures of a run.

    python -m tests.bench.page [FILE]

Only ratios: absolute figures are this machine's, of that hour.
"""

import json
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.bench.jobs import VENV
from tests.bench.method import short

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
BEGIN, END = "<!-- measured -->", "<!-- end -->"


def tables(kept: dict[str, Any]) -> Iterator[str]:
    """Markdown, a line at a time: what is wanted, then the tables of other people's programs."""
    machine = kept["machine"]
    cores, load = machine["cores"], machine["load"][0]
    yield f"Measured {kept['at'][:10]}: Python {machine['python']}, {cores} cores, load {load:.0f}."
    yield from ("", "| what | measured | wanted | |", "|---|---|---|---|")
    for table in kept["tables"]:
        for one in table["wanted"]:
            most = "at least" if one["at_least"] else "at most"
            spread = " ({} to {})".format(*map(short, one["spread"])) if one["spread"] else ""
            yield (
                f"| {table['name']}: {one['said']} | {short(one['value'])}{spread} "
                f"| {most} {one['bound']:g} | {'holds' if one['holds'] else 'missed'} |"
            )
    for table in kept["tables"]:
        base = table["figures"].get(table["base"])
        if not base:
            continue
        yield from ("", f"{table['title']}:", "")
        yield from (f"| {table['unit']} | to {table['base']} |", "|---|---|")
        for name, each in table["figures"].items():
            yield f"| {name} | {statistics.median(each) / statistics.median(base):.2f} |"
        yield from ("" for _ in table["missing"][:1])
        yield from (f"- not here: {one}" for one in table["missing"])


def written(page: str, kept: dict[str, Any]) -> str:
    """The page with these figures."""
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n\n" + "".join(f"{line}\n" for line in tables(kept)) + f"\n{END}{tail}"


def main() -> None:
    """Write the page."""
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else VENV / "bench.json"
    kept = json.loads(file.read_bytes())
    PAGE.write_text(written(PAGE.read_text("utf-8"), kept), encoding="utf-8")


if __name__ == "__main__":
    main()
