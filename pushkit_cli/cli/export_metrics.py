"""`pushkit export-metrics`: what became of the pushes, by Apple's own count."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pushkit_cli.cli import metrics_lines
from pushkit_cli.cli.metrics_out import FORMATS, Made, draw, put
from pushkit_cli.cli.options import json_option
from pushkit_cli.cli.render import Terminal
from pushkit_cli.errors import ExitCode, UsageError
from pushkit_cli.metrics.days import first_day, last_day
from pushkit_cli.metrics.limits import Bound, Limit, hold, read_limit
from pushkit_cli.metrics.reading import read
from pushkit_cli.metrics.report import report

if TYPE_CHECKING:
    from typing import TextIO

_FILE = click.Path(path_type=Path, dir_okay=False, allow_dash=True)


@click.command(epilog="Example: pushkit export-metrics --read export.csv --min delivered=95%")
@click.option("--read", "given", type=_FILE, required=True,
    help="An export as Apple makes it, - for standard input.")  # fmt: skip
@click.option("--since", metavar="DAY",
    help="The first day, in UTC: 2026-11-01, or 7d: seven days ending yesterday.")  # fmt: skip
@click.option("--until", metavar="DAY", help="The last day: 2026-11-07, yesterday.")
@click.option("--format", "form", type=click.Choice(FORMATS),
    help="How it is written; table, or json with --json.")  # fmt: skip
@click.option("-o", "--output", type=_FILE, help="Write it to this file, whole or not at all.")
@click.option("--chart", type=_FILE, metavar="FILE.html|FILE.svg",
    help="Draw it: one file that opens without a network.")  # fmt: skip
@click.option("--min", "least", multiple=True, allow_from_autoenv=False, metavar="LIMIT",
    help="Exit 7 where a number is smaller: delivered=95%, received@voip=1000.")  # fmt: skip
@click.option("--max", "most", multiple=True, allow_from_autoenv=False, metavar="LIMIT",
    help="Exit 7 where a number is larger: discarded=2%, discarded:disabled@alert=9.")  # fmt: skip
@json_option
@click.pass_obj
def command(terminal: Terminal, /, given: Path, **words: Any) -> int:
    """See what became of the pushes: delivered at once, from storage, or discarded, and why.

    A LIMIT is WHAT[:CAUSE][@TYPE]=NUMBER[%]: received, delivered, at-once, from-storage, stored or
    discarded; published, delivered, subscriptions or subscribers of broadcasts.
    """
    from pushkit_cli.engine.given import open_lines

    limits = _limits(words)
    form, file = _form(terminal, words)
    with open_lines(given) as text:
        made = _made(text, words, limits)
        terminal.say(
            _heading(made, terminal, "standard input" if str(given) == "-" else given.name)
        )
        put(made, terminal, form=form, file=file)
        if words["chart"] is not None:
            draw(made, words["chart"], title=f"{made.report.now.export.dataset} metrics")
    return _judged(made, terminal)


def _limits(words: dict[str, Any]) -> list[Limit]:
    found = [read_limit(Bound.least, text) for text in words["least"]]
    return found + [read_limit(Bound.most, text) for text in words["most"]]


def _form(terminal: Terminal, words: dict[str, Any]) -> tuple[str, Path | None]:
    file = None if str(words["output"]) == "-" else words["output"]
    chart = words["chart"]
    if chart is not None and chart.suffix not in (".html", ".svg"):
        raise UsageError(f"--chart {chart}: a chart is HTML or SVG", hint="--chart report.html")
    form = words["form"] or ("json" if terminal.as_json else "table")
    if terminal.as_json and file is None and form in ("table", "csv"):
        raise UsageError(f"--json and --format {form} are two forms", hint="leave one of them out")
    return form, file


def _made(text: "TextIO", words: dict[str, Any], limits: list[Limit]) -> Made:
    from pushkit_cli.engine.host import today

    now, since, until = today().date(), words["since"], words["until"]
    first = None if since is None else first_day(since, today=now).isoformat()
    last = None if until is None else last_day(until, today=now).isoformat()
    if first is not None and last is not None and first > last:
        raise UsageError(f"--since {first} lies behind --until {last}", hint="the first day first")

    def lines() -> "TextIO":
        text.seek(0)
        return text

    found = report(read(lines()), first=first, last=last)
    held = tuple(hold(limit, found.now) for limit in limits)
    about = {"source": "file", "app": None, "channel": None}
    return Made(report=found, lines=lines, held=held, about=about)


def _heading(made: Made, terminal: Terminal, name: str) -> str:
    now = made.report.now
    days = (
        "no days" if now.first is None else " to ".join(dict.fromkeys((now.first, now.last or "")))
    )
    rows = f"{now.export.rows:,} rows" if now.export.rows != 1 else "1 row"
    what = f"{now.export.dataset} metrics, {terminal.show(days, limit=60)}, {rows}"
    return terminal.wrap(f"{terminal.show(name, limit=60)}: {what}", indent="  ")


def _judged(made: Made, terminal: Terminal) -> int:
    for held in made.held:
        terminal.say(metrics_lines.held_line(held, terminal), loud=not held.is_met)
    is_met = all(held.is_met for held in made.held)
    return ExitCode.DONE if is_met else ExitCode.EXPECTATION
