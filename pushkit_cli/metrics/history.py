"""What was exported before, as an export again: the lines that a report is read from. Pure.

So a report that spans the history is made like any other, by the same reading.
"""

import csv
import io
from collections.abc import Iterable, Iterator

from pushkit_cli.apns.exports import DATASETS, DATE, HIDDEN, Dataset
from pushkit_cli.metrics.reading import Export, Key

Counted = tuple[Key, int | None]
"""A key of an export and its count; `None` is hidden."""


def counted(export: Export) -> Iterator[Counted]:
    """All that an export says. A key that was hidden once, and shown once, is there twice."""
    yield from export.counts.items()
    for key in sorted(export.hidden):
        yield key, None


def lines(dataset: Dataset, known: Iterable[Counted]) -> Iterator[str]:
    """An export in the documented form, with columns in the documented order."""
    columns = DATASETS[dataset].columns
    yield _line(columns)
    if dataset is Dataset.delivery:
        for (kind, status, day), count in known:
            yield _line((kind, status, day, _number(count)))
        return
    days: dict[str, dict[str, str]] = {}
    for (_, column, day), count in known:
        days.setdefault(day, {})[column] = _number(count)
    for day, row in sorted(days.items()):
        yield _line(day if name == DATE else row.get(name, "0") for name in columns)


def _number(count: int | None) -> str:
    return str(HIDDEN if count is None else count)


def _line(cells: Iterable[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue()
