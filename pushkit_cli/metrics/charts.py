"""A report as a picture: a drawing (SVG), and a page that holds it and needs nothing else. Pure.

Every text of others passes through `show`, which leaves no control or invisible character in it,
and is escaped after that. The page allows itself nothing but its own style, named by its hash.
"""

import base64
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

from pushkit_cli.apns.exports import PEAKS, Dataset
from pushkit_cli.metrics.advice import advice
from pushkit_cli.metrics.report import Period, Report, Tally, change
from pushkit_cli.metrics.statuses import Family

Show = Callable[[str], str]
"""Foreign text as one line of printable characters."""
MAX_PANELS = 24
_WIDE, _TALL, _LEFT, _TOP = 720, 140, 8, 28
_GAP = 24
_LEGEND = "A bar is what was received on a day, and its lower part what was discarded."

_COLOURS = """\
:root{color-scheme:light dark;--ink:#1d1d1f;--dim:#6e6e73;--paper:#ffffff;--line:#d2d2d7;\
--bar:#0066cc;--gone:#c9340a}
@media(prefers-color-scheme:dark){:root{--ink:#f5f5f7;--dim:#a1a1a6;--paper:#161617;--line:#424245;\
--bar:#4da3ff;--gone:#ff8a5c}}
text{font:13px system-ui,sans-serif;fill:var(--ink)}
text.dim{fill:var(--dim);font-size:11px}text.name{font-weight:600}text.end{text-anchor:end}
rect.bar{fill:var(--bar)}rect.gone{fill:var(--gone)}line{stroke:var(--line)}
"""
_PAGE = """\
body{margin:0 auto;max-width:46rem;padding:1rem;background:var(--paper);color:var(--ink);\
font:15px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}svg{display:block;width:100%;height:auto}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:.3rem .6rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
th:first-child,td:first-child{text-align:left;white-space:normal;min-width:7rem}
@media(max-width:36rem){text{font-size:20px}text.dim{font-size:17px}}
p.dim{color:var(--dim)}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Panel:
    """One series of bars. `gone` is the part of each that was discarded; a hidden day is `None`."""

    name: str
    days: Sequence[str]
    values: Sequence[int | None]
    gone: Sequence[int]


def svg(report: Report, *, title: str, show: Show) -> str:
    """A drawing of its own: a row of bars for each push type or column, a bar a day."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{_drawing(report, title, show, _COLOURS)}\n'


def html(report: Report, *, title: str, show: Show) -> str:
    """A page that opens without a network."""
    style = _COLOURS + _PAGE
    digest = base64.b64encode(hashlib.sha256(style.encode("ascii")).digest()).decode("ascii")
    policy = f"default-src 'none'; style-src 'sha256-{digest}'"
    now = report.now
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        f"<title>{_text(title, show)}</title><style>{style}</style></head><body>",
        f"<h1>{_text(title, show)}</h1>",
        f'<p class="dim">{_text(_span(now), show)}, {now.export.rows:,} rows. {_legend(now)}</p>',
        _drawing(report, title, show, ""),
        *(_tables(report, show) if now.export.counts or now.export.hidden else ()),
        *(f"<p>{_text(note, show)}</p>" for note in _notes(report)),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _legend(now: Period) -> str:
    return _LEGEND if now.export.dataset is Dataset.delivery else "A bar is a day."


def _drawing(report: Report, title: str, show: Show, style: str) -> str:
    panels = list(_panels(report.now))[:MAX_PANELS]
    height = max(1, len(panels)) * (_TOP + _TALL + _GAP)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDE} {height}" role="img">'
        f"<title>{_text(title, show)}</title>"
    )
    drawn = [head, f"<style>{style}</style>" if style else ""]
    for place, panel in enumerate(panels):
        drawn.extend(_panel(panel, place * (_TOP + _TALL + _GAP), show))
    if not panels:
        drawn.append(f'<text x="{_LEFT}" y="20">nothing was recorded on these days</text>')
    return "".join([*drawn, "</svg>"])


def _panels(now: Period) -> Iterator[_Panel]:
    if not now.export.counts and not now.export.hidden:
        return
    if now.export.dataset is not Dataset.delivery:
        for name, by_day in now.columns.items():
            values = [by_day.get(day, 0) for day in now.days]
            yield _Panel(name=name, days=now.days, values=values, gone=())
        return
    kinds = list(now.by_type)
    every = [("every type", now)] if len(kinds) > 1 else []
    for name, one in [*every, *((kind, now.of_type(kind)) for kind in kinds)]:
        tallies = [one.by_day.get(day, Tally({})) for day in now.days]
        yield _Panel(
            name=name,
            days=now.days,
            values=[tally.received for tally in tallies],
            gone=[tally.discarded for tally in tallies],
        )


def _panel(panel: _Panel, top: int, show: Show) -> Iterator[str]:
    highest = max((value for value in panel.values if value is not None), default=0)
    base = top + _TOP + _TALL
    yield f'<text class="name" x="{_LEFT}" y="{top + 16}">{_text(panel.name, show)}</text>'
    yield f'<text class="dim end" x="{_WIDE - _LEFT}" y="{top + 16}">highest {highest:,}</text>'
    yield f'<line x1="{_LEFT}" x2="{_WIDE - _LEFT}" y1="{base}" y2="{base}"/>'
    step = (_WIDE - 2 * _LEFT) / max(1, len(panel.values))
    for place, (day, value) in enumerate(zip(panel.days, panel.values, strict=True)):
        left = _LEFT + place * step
        if value is None:
            yield f'<text class="dim hidden" x="{left:.2f}" y="{base - 4}">?</text>'
            continue
        gone = panel.gone[place] if panel.gone else 0
        said = f"{day}: {value:,}" + (f", discarded {gone:,}" if gone else "")
        wide = max(0.5, min(step * 0.86, 64.0))
        left += (step - wide) / 2
        yield _rect("bar", left, wide, base, value / highest if highest else 0, said, show)
        if gone and value:
            share = min(gone, value) / highest
            yield _rect("gone", left, wide, base, share, said, show)
    if panel.days:
        yield f'<text class="dim" x="{_LEFT}" y="{base + 15}">{_text(panel.days[0], show)}</text>'
        last = _text(panel.days[-1], show)
        yield f'<text class="dim end" x="{_WIDE - _LEFT}" y="{base + 15}">{last}</text>'


def _rect(kind: str, left: float, wide: float, base: int, share: float, said: str, show: Show
          ) -> str:  # fmt: skip
    tall = share * _TALL
    return (
        f'<rect class="{kind}" x="{left:.2f}" y="{base - tall:.2f}" width="{wide:.2f}" '
        f'height="{tall:.2f}"><title>{_text(said, show)}</title></rect>'
    )


def _tables(report: Report, show: Show) -> Iterator[str]:
    is_delivery = report.now.export.dataset is Dataset.delivery
    return _deliveries(report, show) if is_delivery else _broadcasts(report.now)


def _deliveries(report: Report, show: Show) -> Iterator[str]:
    now = report.now
    yield "<h2>Push types</h2>"
    rows = [(kind, tally) for kind, tally in now.by_type.items()]
    if len(rows) > 1:
        rows.append(("all", now.total))
    yield _grid(
        ("", "received", "at once", "from storage", "stored", "discarded"),
        (
            (
                _text(kind, show),
                f"{one.received:,}",
                *(_share(one.share(n)) for n in (one.at_once, one.from_storage, one.stored)),
                _share(one.share(one.discarded)),
            )
            for kind, one in rows
        ),
    )
    for family in (Family.discarded, Family.stored):
        causes = now.total.causes(family)
        whole = sum(causes.values())
        if whole:
            yield f"<h2>{family.value.capitalize()}, by cause</h2>"
            cells = (
                (_text(name, show), f"{count:,}", _share(count / whole))
                for name, count in causes.items()
            )
            yield _grid(("", "count", "share"), cells)
    if report.before is not None:
        yield f"<h2>Against {_text(_span(report.before), show)}</h2>"
        yield _grid(("", "before", "now", "change"), _against(report.before.total, now.total))


def _against(old: Tally, new: Tally) -> Iterator[tuple[str, ...]]:
    for name in ("received", "delivered", "stored", "discarded"):
        before, after = getattr(old, name), getattr(new, name)
        by = change(before, after)
        yield name, f"{before:,}", f"{after:,}", "-" if by is None else f"{by:+.1%}"


def _broadcasts(now: Period) -> Iterator[str]:
    yield "<h2>Broadcasts</h2>"
    rows = []
    for name in now.columns:
        total = now.in_all(name)
        what = "highest of a day" if name in PEAKS else "all days"
        rows.append((name, "hidden" if total is None else f"{total:,}", what))
    yield _grid(("", "number", "of"), rows)


def _notes(report: Report) -> Iterator[str]:
    now = report.now
    if now.export.dataset is Dataset.delivery:
        yield from (one.text for one in advice(report))
        if now.total.others:
            yield f"Statuses of no known family: {', '.join(now.total.others)}"
    if now.export.hidden:
        yield f"Hidden, too few to show: {len(now.export.hidden):,}; no sum holds them."
    if len(now.by_type) >= MAX_PANELS:
        yield f"The first {MAX_PANELS} rows of bars are drawn; the table has all."


def _grid(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table; its cells are escaped already."""
    titles = "".join(f"<th>{cell}</th>" for cell in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="wide"><table><tr>{titles}</tr>{body}</table></div>'


def _span(period: Period) -> str:
    return " to ".join(dict.fromkeys(day for day in (period.first, period.last) if day)) or "no day"


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _text(text: str, show: Show) -> str:
    return escape(show(text))
