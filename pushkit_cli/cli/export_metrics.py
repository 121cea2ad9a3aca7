"""`pushkit export-metrics`: what became of the pushes, by Apple's own count."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import click

from pushkit_cli.apns.exports import Dataset
from pushkit_cli.cli import metrics_lines, offers
from pushkit_cli.cli.metrics_out import FORMATS, Lines, Made, draw, put
from pushkit_cli.cli.options import ENVIRONMENTS, PLAIN, SOME_TIME, json_option
from pushkit_cli.cli.render import Terminal
from pushkit_cli.errors import ExitCode, RefusedError, UsageError
from pushkit_cli.metrics.days import days, first_day, last_day
from pushkit_cli.metrics.limits import Bound, Held, Limit, hold, read_limit
from pushkit_cli.metrics.reading import Export, read
from pushkit_cli.metrics.report import Report, report

_FILE = click.Path(path_type=Path, dir_okay=False, allow_dash=True)
_OF_A_REQUEST = (
    "app", "channel", "team_id", "no_wait", "status_url", "sync", "endpoint", "cacert", "proxy",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """An export's text, where it is from, and the days that were asked for."""

    text: TextIO
    name: str | None
    about: dict[str, Any]
    first: str | None
    last: str | None
    keep: Callable[[Export], Lines] | None = None
    """Adds an export to the history, and gives the lines of all of it."""


@click.command(epilog="Example: pushkit export-metrics --app com.example.app --min delivered=95%")
@click.option("--app", type=PLAIN, metavar="BUNDLE_ID", shell_complete=offers.apps,
    help="Whose metrics; else the one app that has a token, or the listener's first.")  # fmt: skip
@click.option("--dataset", type=click.Choice([str(one) for one in Dataset]), default="delivery",
    show_default=True, help="Pushes, or broadcasts of an app or of one channel.")  # fmt: skip
@click.option("--env", type=click.Choice(ENVIRONMENTS),
    envvar=["PUSHKIT_EXPORT_METRICS_ENV", "PUSHKIT_ENVIRONMENT"],
    help="The listener's count, or Apple's, which knows no environments; else Apple's where the "
    "app has an export token.")  # fmt: skip
@click.option("--channel", type=PLAIN, metavar="ID", help="With broadcast-channel: which.")
@click.option("--since", metavar="DAY",
    help="The first day, in UTC: 2026-11-01, or 7d, which is the default: seven days ending "
    "yesterday, and of the listener's today (ours).")  # fmt: skip
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
@click.option("--no-wait", is_flag=True, allow_from_autoenv=False,
    help="Ask, print the status URL, and go.")  # fmt: skip
@click.option("--status-url", metavar="URL", allow_from_autoenv=False,
    help="Go on with what was asked for before.")  # fmt: skip
@click.option("--sync", is_flag=True, allow_from_autoenv=False,
    help="Keep it in a history, and report from all of that: Apple keeps 30 days.")  # fmt: skip
@click.option("--timeout", type=SOME_TIME, default="10m", show_default=True,
    help="Longest wait for a report.")  # fmt: skip
@click.option("--team-id", type=PLAIN, metavar="ID",
    help="Whose app; else the token says it, or what is registered.")  # fmt: skip
@click.option("--endpoint", metavar="URL", allow_from_autoenv=False,
    help="Another service than Apple's, on this machine.")  # fmt: skip
@click.option("--cacert", type=_FILE, help="Trust this authority (PEM) and no other.")
@click.option("--proxy", metavar="URL", allow_from_autoenv=False,
    help="Reach Apple through http://[user:password@]host:port; else HTTPS_PROXY.")  # fmt: skip
@click.option("--read", "given", type=_FILE, allow_from_autoenv=False,
    help="Ask nobody: read an export as Apple makes it, - for standard input.")  # fmt: skip
@json_option
@click.pass_obj
def command(terminal: Terminal, /, **words: Any) -> int:
    """See what became of the pushes: delivered at once, from storage, or discarded, and why.

    Apple is asked with an export token (pushkit register export-token), else the listener, which
    counts what it really received, stored, delivered and discarded.

    A LIMIT is WHAT[:CAUSE][@TYPE]=NUMBER[%]: received, delivered, at-once, from-storage, stored or
    discarded; published, delivered, subscriptions or subscribers of broadcasts.
    """
    limits = _limits(words)
    form, file = _form(terminal, words)
    with _given(words) if words["given"] else _asked(terminal, words) as found:
        if found is None:
            return ExitCode.DONE
        made = _made(found, limits)
        terminal.say(_heading(made, terminal, found.name))
        put(made, terminal, form=form, file=file)
        if words["chart"] is not None:
            draw(made, words["chart"], title=_title(made, terminal))
    return _judged(made, terminal)


@contextmanager
def _given(words: dict[str, Any]) -> Iterator[_Found | None]:
    """A file that is there already."""
    from pushkit_cli.engine.given import open_lines

    said = [f"--{name.replace('_', '-')}" for name in _OF_A_REQUEST if words[name]]
    if said:
        raise UsageError(f"--read asks nobody: {said[0]} means nothing", hint="leave one out")
    path = words["given"]
    first, last = _some_days(words)
    with open_lines(path) as text:
        yield _Found(
            text=text,
            name="standard input" if str(path) == "-" else path.name,
            about={"source": "file", "app": None, "channel": None, "history": False},
            first=first,
            last=last,
        )


@contextmanager
def _asked(terminal: Terminal, words: dict[str, Any]) -> Iterator[_Found | None]:
    """A report that is asked for; nothing where nobody waits for it."""
    from pushkit_cli.cli.export_asking import Asking
    from pushkit_cli.engine.export_run import Order, plan
    from pushkit_cli.engine.exporting import check_status_url

    names = ("app", "channel", "team_id", "endpoint", "cacert", "proxy")
    order = Order(
        dataset=Dataset(words["dataset"]),
        is_local=None if words["env"] is None else words["env"].startswith("local"),
        **{name: words[name] for name in names},
    )
    url = words["status_url"]
    if url is not None:
        check_status_url(url)
    if url is not None and words["no_wait"]:
        raise UsageError(
            "--status-url is there already: --no-wait means nothing", hint="leave one out"
        )
    planned = plan(order, terminal.setting())
    span = (
        None
        if url is not None
        else days(
            words["since"], words["until"], today=_today(), has_today=planned.source.is_emulator
        )
    )
    with closing(Asking(terminal, planned, span, syncs=words["sync"])) as asking:
        asking.heading()
        url = url or asking.status_url()
        if words["no_wait"]:
            asking.requested(url)
            yield None
            return
        with asking.report(url, timeout=words["timeout"]) as text:
            first, last = _some_days(words) if span is None else (str(span.first), str(span.last))
            yield _Found(
                text=text,
                name=None,
                about={
                    "source": "local" if planned.source.is_local else "apple",
                    "app": planned.app,
                    "channel": planned.channel,
                    "history": words["sync"],
                },
                first=first,
                last=last,
                keep=asking.kept if words["sync"] else None,
            )


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


def _some_days(words: dict[str, Any]) -> tuple[str | None, str | None]:
    """The days of what is there already; it has an end where none is said."""
    since, until = words["since"], words["until"]
    if since is not None and until is not None:
        both = days(since, until, today=_today())
        return str(both.first), str(both.last)
    first = None if since is None else str(first_day(since, today=_today()))
    return first, None if until is None else str(last_day(until, today=_today()))


def _today() -> Any:
    from pushkit_cli.engine.host import today

    return today().date()


def _made(found: _Found, limits: list[Limit]) -> Made:
    def lines() -> TextIO:
        found.text.seek(0)
        return found.text

    export = read(lines()) if found.about["source"] == "file" else _downloaded(lines())
    if found.keep is not None:
        every = found.keep(export)
        made = report(read(every()), first=found.first, last=found.last)
        return Made(report=made, lines=every, held=_held(limits, made), about=found.about)
    made = report(export, first=found.first, last=found.last)
    return Made(report=made, lines=lines, held=_held(limits, made), about=found.about)


def _held(limits: list[Limit], made: Report) -> tuple[Held, ...]:
    return tuple(hold(limit, made.now) for limit in limits)


def _downloaded(lines: TextIO) -> Export:
    """What a service sent and is no export is no mistake of whoever asked."""
    try:
        return read(lines)
    except UsageError as error:
        raise RefusedError(
            f"what was downloaded cannot be read: {error.message}", hint="ask again later"
        ) from error


def _title(made: Made, terminal: Terminal) -> str:
    app = made.about["app"]
    what = f"{made.report.now.export.dataset} metrics"
    return what if app is None else f"{what} of {terminal.show(app)}"


def _heading(made: Made, terminal: Terminal, name: str | None) -> str:
    """What was read; of what was asked for the rest has been said."""
    now = made.report.now
    ends = [day for day in (now.first, now.last) if day is not None]
    span = " to ".join(dict.fromkeys(ends)) or "no days"
    rows = f"{now.export.rows:,} rows" if now.export.rows != 1 else "1 row"
    if name is None:
        return f"the report is there: {rows}"
    what = f"{now.export.dataset} metrics, {terminal.show(span, limit=60)}, {rows}"
    return terminal.wrap(f"{terminal.show(name, limit=60)}: {what}", indent="  ")


def _judged(made: Made, terminal: Terminal) -> int:
    for held in made.held:
        terminal.say(metrics_lines.held_line(held, terminal), loud=not held.is_met)
    is_met = all(held.is_met for held in made.held)
    return ExitCode.DONE if is_met else ExitCode.EXPECTATION
