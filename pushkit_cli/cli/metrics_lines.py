"""A report of push metrics as lines for a terminal: nothing but lines is made here."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pushkit_cli.apns.exports import PEAKS, Dataset
from pushkit_cli.metrics.advice import advice
from pushkit_cli.metrics.pictures import bar, sparkline
from pushkit_cli.metrics.report import Period, Report, Tally, change
from pushkit_cli.metrics.statuses import Family

if TYPE_CHECKING:
    from pushkit_cli.cli.render import Terminal
    from pushkit_cli.metrics.limits import Held

_LABEL, _CAUSE = 12, 20
_WIDE = 74
"""So many columns a table of numbers needs; where there are fewer, each row becomes a sentence."""
_MOST_DAYS = 31
_NOTHING = "nothing was recorded on these days"
_BAR = 24
_SPARK = 24


def report_lines(report: Report, terminal: "Terminal") -> Iterator[str]:
    """The report, in the width of the terminal."""
    if report.now.export.dataset is not Dataset.delivery:
        yield from _broadcasts(report, terminal)
        return
    now = report.now
    if not now.export.counts and not now.export.hidden:
        yield _NOTHING
        return
    yield from _types(now, terminal)
    for family in (Family.discarded, Family.stored):
        yield from _causes(now.total, family, terminal)
    yield from _days(now, terminal)
    yield from _against(report)
    yield from _notes(report, terminal)


def held_line(held: "Held", terminal: "Terminal") -> str:
    """What became of one limit."""
    said = "met" if held.is_met else "not met"
    if held.got is None:
        got = held.why or "no number"
    else:
        got = f"got {_share(held.got)}" if held.limit.is_share else f"got {int(held.got):,}"
    return f"{said}  --{held.limit.bound} {terminal.show(held.limit.text)}   {got}"


def _types(now: Period, terminal: "Terminal") -> Iterator[str]:
    rows = [(terminal.show(kind, limit=_LABEL), now.of_type(kind)) for kind in now.by_type]
    if len(rows) > 1:
        rows.append(("all", now))
    if terminal.width < _WIDE:
        for label, one in rows:
            yield terminal.wrap(f"{label}: {_sentence(one.total)}", indent="  ")
        return
    wide = max(len(label) for label, _ in rows)
    room = min(_SPARK, terminal.width - wide - 51)
    head = "per day" if room >= len("per day") and len(now.days) > 1 else ""
    titles = (
        f"{'':{wide}}  {'received':>12}  {'at once':>8}  {'from storage':>12}  {'discarded':>9}"
    )
    yield f"{titles}  {head}".rstrip()
    for label, one in rows:
        total = one.total
        shares = (total.share(n) for n in (total.at_once, total.from_storage, total.discarded))
        once, late, gone = map(_share, shares)
        line = f"{label:{wide}}  {total.received:>12,}  {once:>8}  {late:>12}  {gone:>9}"
        yield f"{line}  {_spark(_received(one), room, terminal) if head else ''}".rstrip()


def _sentence(total: Tally) -> str:
    return (
        f"received {total.received:,}, at once {_share(total.share(total.at_once))}, from storage "
        f"{_share(total.share(total.from_storage))}, discarded "
        f"{_share(total.share(total.discarded))}"
    )


def _causes(total: Tally, family: Family, terminal: "Terminal") -> Iterator[str]:
    causes = total.causes(family)
    whole = sum(causes.values())
    if not whole:
        return
    yield ""
    labels = {name: terminal.show(name, limit=_CAUSE) for name in causes}
    if terminal.width < _WIDE:
        said = (f"{labels[name]} {_share(count / whole)}" for name, count in causes.items())
        yield terminal.wrap(f"{family}: {', '.join(said)}", indent="  ")
        return
    yield f"{family}, by cause"
    wide = max(map(len, labels.values()))
    for name, count in causes.items():
        line = f"  {labels[name]:{wide}}  {count:>12,}  {_share(count / whole):>7}"
        yield f"{line}  {_bar(count, whole, terminal, taken=wide + 27)}".rstrip()


def _bar(count: int, top: int, terminal: "Terminal", *, taken: int) -> str:
    room = min(_BAR, terminal.width - taken)
    return bar(count, top, width=room, ascii_only=terminal.ascii_only) if room > 3 else ""


def _days(now: Period, terminal: "Terminal") -> Iterator[str]:
    received = {day: tally.received for day, tally in now.by_day.items()}
    top = max(received.values(), default=0)
    if not 1 < len(received) <= _MOST_DAYS or not top:
        return
    yield ""
    yield "received, per day"
    labels = {day: terminal.show(day, limit=_CAUSE) for day in received}
    wide = max(map(len, labels.values()))
    for day, count in received.items():
        drawn = _bar(count, top, terminal, taken=wide + 18)
        yield f"  {labels[day]:{wide}}  {count:>12,}  {drawn}".rstrip()


def _against(report: Report) -> Iterator[str]:
    before = report.before
    if before is None:
        return
    old, new = before.total, report.now.total
    pairs = {
        "received": (old.received, new.received),
        "delivered": (old.delivered, new.delivered),
        "discarded": (old.discarded, new.discarded),
    }
    words = [f"{name} {_grown(change(*pair))}" for name, pair in pairs.items()]
    yield ""
    yield f"against {before.first} to {before.last}"
    yield f"  {', '.join(words)}"


def _notes(report: Report, terminal: "Terminal") -> Iterator[str]:
    total = report.now.total
    notes = [one.text for one in advice(report)]
    if not total.has_received and total.received:
        notes.append("received is added up here: no row of this export says it")
    if total.others:
        listed = ", ".join(
            f"{terminal.show(name, limit=40)} {count:,}" for name, count in total.others.items()
        )
        notes.append(f"statuses of no known family: {listed}")
    yield from _told([*notes, *_of_file(report.now, terminal)], terminal)


def _of_file(now: Period, terminal: "Terminal") -> Iterator[str]:
    if now.export.hidden:
        yield f"hidden, too few to show: {len(now.export.hidden):,}; no sum holds them"
    if now.export.unknown_columns:
        names = ", ".join(terminal.show(name, limit=30) for name in now.export.unknown_columns[:8])
        yield f"columns that nobody documents: {names}"


def _told(notes: Sequence[str], terminal: "Terminal") -> Iterator[str]:
    if notes:
        yield ""
    for note in notes:
        yield terminal.wrap(f"note: {note}", indent="  ")


def _broadcasts(report: Report, terminal: "Terminal") -> Iterator[str]:
    now = report.now
    if not now.export.counts and not now.export.hidden:
        yield _NOTHING
        return
    names = list(now.columns)
    wide = max(map(len, names))
    room = min(_SPARK, terminal.width - wide - 16)
    for name in names:
        total = now.in_all(name)
        shown = "hidden" if total is None else f"{total:,}"
        values = [now.columns[name].get(day, 0) for day in now.days]
        drawn = _spark(values, room, terminal) if len(values) > 1 and room > 0 else ""
        what = " (highest)" if name in PEAKS and total is not None else ""
        yield f"{name:{wide}}  {shown:>12}  {drawn}{what}".rstrip()
    if report.before is not None:
        before = report.before
        yield ""
        yield f"against {before.first} to {before.last}"
        for name in names:
            yield f"  {name:{wide}}  {_grown(change(before.in_all(name), now.in_all(name)))}"
    yield from _told(list(_of_file(now, terminal)), terminal)


def _received(period: Period) -> list[int | None]:
    return [tally.received for tally in period.by_day.values()]


def _spark(values: Sequence[int | None], width: int, terminal: "Terminal") -> str:
    return sparkline(values, width=max(width, 1), ascii_only=terminal.ascii_only)


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}".replace("%", " %")


def _grown(by: float | None) -> str:
    return "-" if by is None else f"{by:+.1%}".replace("%", " %")
