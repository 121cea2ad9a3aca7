"""Where a report of push metrics goes: the screen, a file that was named, in one of four forms."""

import csv
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pushkit_cli.cli import metrics_lines
from pushkit_cli.cli.text import foreign, to_json
from pushkit_cli.metrics import reading
from pushkit_cli.metrics.shape import RowShape, defused, report_object

if TYPE_CHECKING:
    from pushkit_cli.cli.render import Terminal
    from pushkit_cli.metrics.limits import Held
    from pushkit_cli.metrics.report import Report

FORMATS = ("table", "csv", "json", "ndjson")
_AT_ONCE = 500
_MOST = 1_000_000

Lines = Callable[[], Iterator[str]]
"""The export's own lines, from the first one on, as often as they are asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A report and where it is from; `about` are the keys that say so in its object."""

    report: "Report"
    lines: Lines
    held: tuple["Held", ...]
    about: dict[str, Any]


def put(made: Made, terminal: "Terminal", *, form: str, file: Path | None) -> None:
    """Write it. Raises StoreError for a file that cannot be."""
    with _sink(file, terminal) as write:
        for line in _forms(form)(made, terminal, is_shown=file is None):
            if not write(line):
                return


def draw(made: Made, file: Path, *, title: str) -> None:
    """Write it as a picture, of the kind that the file's name says. Raises StoreError."""
    from pushkit_cli.engine.given import written
    from pushkit_cli.metrics import charts

    form = charts.svg if file.suffix == ".svg" else charts.html
    text = form(made.report, title=title, show=foreign)
    with written(file, option="--chart") as place:
        place.write(text.encode("utf-8"))


@contextmanager
def _sink(file: Path | None, terminal: "Terminal") -> Iterator[Callable[[str], bool]]:
    """What takes a line and says whether it wants more; some are written at a time."""
    kept: list[str] = []
    if file is None:

        def flush() -> bool:
            if kept:
                terminal.data("\n".join(kept))
                kept.clear()
            return terminal.is_read
    else:
        from pushkit_cli.engine.given import written

        with written(file, option="-o") as place:

            def flush_to_file() -> bool:
                text = "".join(f"{line}\n" for line in kept)
                place.write(text.encode("utf-8", "surrogateescape"))
                kept.clear()
                return True

            yield _by_many(kept, flush_to_file)
            flush_to_file()
        return
    yield _by_many(kept, flush)
    flush()


def _by_many(kept: list[str], flush: Callable[[], bool]) -> Callable[[str], bool]:
    def write(line: str) -> bool:
        kept.append(line)
        return flush() if len(kept) >= _AT_ONCE else True

    return write


def _table(made: Made, terminal: "Terminal", *, is_shown: bool) -> Iterator[str]:
    del is_shown
    yield from metrics_lines.report_lines(made.report, terminal)


def _json(made: Made, _: "Terminal", *, is_shown: bool) -> Iterator[str]:
    del is_shown
    yield to_json(report_object(made.report, made.held, **made.about))


def _ndjson(made: Made, _: "Terminal", *, is_shown: bool) -> Iterator[str]:
    del is_shown
    header, rows = reading.rows(made.lines())
    shape = RowShape(header)
    for row in rows:
        if _is_asked_for(made, row.day):
            yield to_json(shape.object(row))


def _csv(made: Made, terminal: "Terminal", *, is_shown: bool) -> Iterator[str]:
    """Rows whose text no spreadsheet runs and, on the screen, no terminal obeys."""
    header, rows = reading.rows(made.lines())

    def line(cells: list[str]) -> str:
        safe = [defused(cell) for cell in cells]
        made = _joined(safe)
        if not is_shown or terminal.show(made, limit=_MOST) == made:
            return made
        return _joined([terminal.show(cell, limit=_MOST) for cell in safe])

    yield line(list(header.names))
    for row in rows:
        if _is_asked_for(made, row.day):
            yield line(row.cells)


def _joined(cells: list[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)  # only then is a lone \r quoted
    return text.getvalue().removesuffix("\r\n")


def _is_asked_for(made: Made, day: str) -> bool:
    now = made.report.now
    return (now.first is None or day >= now.first) and (now.last is None or day <= now.last)


def _forms(form: str) -> Callable[..., Iterator[str]]:
    return {"table": _table, "csv": _csv, "json": _json, "ndjson": _ndjson}[form]
