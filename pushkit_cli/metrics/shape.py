"""A report as the object that programs read, and rows as cells a spreadsheet may open. Pure.

`v` is the version of the shape: within one, keys come and none goes or changes its type. A number
that is hidden or cannot be said is `null`; a share lies between 0 and 1.
"""

import re
from collections.abc import Iterable
from typing import Any

from pushkit_cli.apns.exports import DATASETS, DATE, Dataset
from pushkit_cli.metrics.advice import advice, rise_of_disabled
from pushkit_cli.metrics.limits import Held
from pushkit_cli.metrics.reading import Header, Row, number_of
from pushkit_cli.metrics.report import Period, Report, Tally, change
from pushkit_cli.metrics.statuses import Family, status_of

VERSION = 1
_FORMULA = re.compile(r"\s*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"-?\d+(\.\d+)?", re.ASCII)


def report_object(report: Report, held: Iterable[Held], **about: Any) -> dict[str, Any]:
    """The whole report; `about` says where it comes from."""
    now, before = report.now, report.before
    is_delivery = now.export.dataset is Dataset.delivery
    return {
        "v": VERSION,
        "event": "report",
        "dataset": str(now.export.dataset),
        **about,
        "from": now.first,
        "until": now.last,
        "rows": now.export.rows,
        "hidden": len(now.export.hidden),
        "unknown_columns": list(now.export.unknown_columns),
        "totals": totals(now.total) if is_delivery else None,
        "discarded": _causes(now.total, Family.discarded) if is_delivery else None,
        "stored": _causes(now.total, Family.stored) if is_delivery else None,
        "other": now.total.others if is_delivery else None,
        "types": [_type(kind, now.of_type(kind)) for kind in now.by_type] if is_delivery else None,
        "days": [{"date": day, **totals(one)} for day, one in now.by_day.items()]
        if is_delivery
        else None,
        "broadcasts": None if is_delivery else _broadcasts(now),
        "before": None if before is None else _before(report, before),
        "advice": [{"name": one.name, "text": one.text} for one in advice(report)]
        if is_delivery
        else [],
        "limits": [_held(one) for one in held],
    }


def totals(tally: Tally) -> dict[str, Any]:
    """The counts and shares of one tally."""
    counts = {
        "received": tally.received,
        "delivered": tally.delivered,
        "at_once": tally.at_once,
        "from_storage": tally.from_storage,
        "stored": tally.stored,
        "discarded": tally.discarded,
    }
    shares = {
        f"{name}_share": tally.share(count) for name, count in counts.items() if name != "received"
    }
    return {
        **counts,
        **shares,
        "received_by_apple": tally.has_received,
        "hidden": len(tally.hidden),
    }


class RowShape:
    """Rows of one export as the objects of `--format ndjson`; columns nobody knows are kept.

    The export was read before, so every count in it is one.
    """

    def __init__(self, header: Header) -> None:
        known = DATASETS[header.dataset].columns
        self._places = {name: header.place(name) for name in known}
        self._others = [(name, header.names.index(name)) for name in header.unknown]
        self._is_delivery = header.dataset is Dataset.delivery

    def object(self, row: Row) -> dict[str, Any]:
        """One row."""
        said = {"v": VERSION, "event": "row", "line": row.line, "date": row.day}
        others = {"other": {name: row.cells[place] for name, place in self._others}}
        if not self._is_delivery:
            counts = {
                name.casefold().replace(" ", "_"): number_of(row.cells[place])
                for name, place in self._places.items()
                if name != DATE
            }
            return said | counts | others
        status = status_of(row.cells[self._places["Status"]].strip())
        return {
            **said,
            "type": row.cells[self._places["Push Type"]].strip(),
            "status": status.label,
            "family": str(status.family),
            "cause": status.cause,
            "from_storage": status.from_storage,
            "count": number_of(row.cells[self._places["Count"]]),
            **others,
        }


def defused(text: str) -> str:
    """A cell that no spreadsheet runs: what looks like a formula gets an apostrophe before it."""
    if _NUMBER.fullmatch(text) or not _FORMULA.match(text):
        return text
    return f"'{text}"


def _causes(tally: Tally, family: Family) -> list[dict[str, Any]]:
    found = tally.causes(family)
    whole = sum(found.values())
    return [
        {"cause": cause, "count": count, "share": count / whole if whole else None}
        for cause, count in found.items()
    ]


def _type(kind: str, period: Period) -> dict[str, Any]:
    days = [{"date": day, "received": one.received} for day, one in period.by_day.items()]
    return {
        "type": kind,
        **totals(period.total),
        "statuses": dict(period.total.counts),
        "days": days,
    }


def _broadcasts(period: Period) -> list[dict[str, Any]]:
    return [
        {
            "column": name,
            "total": period.in_all(name),
            "days": [{"date": day, "count": count} for day, count in days.items()],
        }
        for name, days in period.columns.items()
    ]


def _before(report: Report, before: Period) -> dict[str, Any]:
    now = report.now
    span = {"from": before.first, "until": before.last}
    if now.export.dataset is not Dataset.delivery:
        rows = {name: before.in_all(name) for name in before.columns}
        return {
            **span,
            "totals": None,
            "broadcasts": rows,
            "change": {name: change(count, now.in_all(name)) for name, count in rows.items()},
        }
    old, new = totals(before.total), totals(now.total)
    names = [name for name in old if not name.endswith(("_share", "by_apple", "hidden"))]
    return {
        **span,
        "totals": old,
        "broadcasts": None,
        "change": {
            **{name: change(old[name], new[name]) for name in names},
            "disabled_share": rise_of_disabled(report),
        },
    }


def _held(one: Held) -> dict[str, Any]:
    return {
        "bound": str(one.limit.bound),
        "limit": one.limit.text,
        "got": one.got,
        "met": one.is_met,
        "why": one.why,
    }
