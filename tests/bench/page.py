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

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
BEGIN, END = "<!-- measured -->", "<!-- end -->"


def tables(kept: dict[str, Any]) -> Iterator[str]:
    """Markdown, a line at a time."""
    machine = kept["machine"]
    yield f"Measured {kept['at'][:10]}, Python {machine['python']}, {machine['cores']} cores, "
    yield f"load {machine['load'][0]:.0f} at the end."
    for table in kept["tables"]:
        yield from ("", f"### {table['title']}", "")
        base = table["figures"].get(table["base"])
        if base:
            yield from (f"| {table['unit']} | to {table['base']} |", "|---|---|")
        else:
            yield from (f"| | {table['unit']} |", "|---|---|")
        for name, each in table["figures"].items():
            middle = statistics.median(each)
            yield f"| {name} | {middle / statistics.median(base) if base else middle:.3g} |"
        if table["wanted"] or table["missing"]:
            yield ""
        for one in table["wanted"]:
            most = "at least" if one["at_least"] else "at most"
            said = "" if one["spread"] is None else " ({:.2g} to {:.2g})".format(*one["spread"])
            holds = "holds" if one["holds"] else "does not hold"
            wanted = f"{most} {one['bound']:g} is wanted: {holds}"
            yield f"- {one['said']}: {one['value']:.3g}{said}; {wanted}"
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
