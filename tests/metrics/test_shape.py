"""What programs are given: the report as an object, rows as objects, cells no spreadsheet runs."""

import json

import pytest

from pushkit_cli.apns.exports import Dataset
from pushkit_cli.metrics.limits import Bound, hold, read_limit
from pushkit_cli.metrics.pictures import bar, sparkline
from pushkit_cli.metrics.reading import read, rows
from pushkit_cli.metrics.report import report
from pushkit_cli.metrics.shape import RowShape, defused, report_object
from tests.metrics.test_report import BROADCAST, DISABLED, HEAD, ONCE, export

KEYS = [
    "v", "event", "dataset", "app", "from", "until", "rows", "hidden", "unknown_columns", "totals",
    "discarded", "stored", "other", "types", "days", "broadcasts", "before", "advice", "limits",
]  # fmt: skip
DAY = "2026-11-16"


def test_a_delivery_report_as_an_object() -> None:
    found = report(
        export(
            ("voip", ONCE, DAY, 90), ("voip", DISABLED, DAY, 10), ("voip", ONCE, "2026-11-15", 50)
        ),
        first=DAY,
        last=DAY,
    )
    limit = hold(read_limit(Bound.least, "delivered=95%"), found.now)
    made = report_object(found, [limit], app="com.example.app")
    assert list(made) == KEYS
    assert json.loads(json.dumps(made, allow_nan=False)) == made
    assert (made["v"], made["event"], made["from"], made["until"]) == (1, "report", DAY, DAY)
    assert made["totals"] == {
        "received": 100, "delivered": 90, "at_once": 90, "from_storage": 0, "stored": 0,
        "discarded": 10, "delivered_share": 0.9, "at_once_share": 0.9, "from_storage_share": 0.0,
        "stored_share": 0.0, "discarded_share": 0.1, "received_by_apple": False, "hidden": 0,
    }  # fmt: skip
    assert made["discarded"] == [{"cause": "disabled", "count": 10, "share": 1.0}]
    assert made["types"][0]["statuses"] == {ONCE: 90, DISABLED: 10}
    assert made["types"][0]["days"] == [{"date": DAY, "received": 100}]
    assert made["before"]["change"]["received"] == 1.0
    assert made["before"]["change"]["discarded"] is None
    assert made["limits"] == [
        {"bound": "min", "limit": "delivered=95%", "got": 0.9, "met": False, "why": None}
    ]


def test_a_broadcast_report_as_an_object() -> None:
    made = report_object(
        report(read(BROADCAST), first="2026-11-17", last="2026-11-17"), [], app="b"
    )
    assert list(made) == KEYS
    assert made["totals"] is made["types"] is made["days"] is None
    assert made["hidden"] == 2
    assert made["broadcasts"][0] == {
        "column": "Broadcasts Published", "total": 1, "days": [{"date": "2026-11-17", "count": 1}],
    }  # fmt: skip
    assert made["broadcasts"][1]["total"] is None
    assert made["before"]["change"] == {
        "Broadcasts Published": -0.5, "Broadcasts Delivered": None, "Total Subscriptions": None,
    }  # fmt: skip


def test_an_empty_report_is_an_object_too() -> None:
    made = report_object(report(read([HEAD])), [], app="b")
    assert list(made) == KEYS
    assert (made["from"], made["totals"]["received"], made["days"]) == (None, 0, [])
    assert made["totals"]["delivered_share"] is None


def test_rows_as_objects() -> None:
    text = [f"Region,{HEAD}", f"EU,voip,Stored - Device Offline,{DAY}T01:00,-1\n"]
    header, (row,) = rows(text)
    assert RowShape(header).object(row) == {
        "v": 1, "event": "row", "line": 2, "date": DAY, "type": "voip",
        "status": "Stored - Device Offline", "family": "stored", "cause": "device offline",
        "from_storage": False, "count": None, "other": {"Region": "EU"},
    }  # fmt: skip
    header, found = rows(BROADCAST)
    assert header.dataset is Dataset.broadcast_channel
    assert [RowShape(header).object(row) for row in found][1] == {
        "v": 1, "event": "row", "line": 3, "date": "2026-11-17", "broadcasts_published": 1,
        "broadcasts_delivered": None, "total_subscriptions": None, "other": {},
    }  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1+1", "-1+1", "-a", "@SUM(A1)", "\t=1", " =1", "\r=1", "\n=1", "\u00a0=1", "＝1"],
)  # fmt: skip
def test_a_formula_is_defused(text: str) -> None:
    assert defused(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "voip", "7", "-1", "1.5", "2026-11-16", "a=b", "Stored - x"])
def test_what_is_no_formula_stays(text: str) -> None:
    assert defused(text) == text


# Pictures


@pytest.mark.parametrize(
    ("values", "shown", "plain"),
    [
        ([], "", ""),
        ([0, 0], "  ", "  "),
        ([1, 2, 3, 4, 5, 6, 7, 8], "▁▂▃▄▅▆▇█", ".:-=+*#@"),
        ([0, 1, 1000], " ▁█", " .@"),
        ([5, None, 5], "█?█", "@?@"),
        ([None], "?", "?"),
        ([10**15, 10**15 // 2], "█▄", "@="),
    ],
)
def test_sparklines(values: list[int | None], shown: str, plain: str) -> None:
    assert sparkline(values, width=20) == shown
    assert sparkline(values, width=20, ascii_only=True) == plain


def test_a_long_sparkline_is_gathered() -> None:
    assert len(sparkline(list(range(365)), width=20)) == 20
    assert sparkline([1, 1, None, None, 2, 2], width=3) == "▄?█"


@pytest.mark.parametrize(
    ("value", "shown", "plain"),
    [(0, "", ""), (1, "▏", "#"), (50, "█████", "#####"), (56, "█████▌", "######"),
     (100, "█" * 10, "#" * 10)],
)  # fmt: skip
def test_bars(value: int, shown: str, plain: str) -> None:
    assert bar(value, 100, width=10) == shown
    assert bar(value, 100, width=10, ascii_only=True) == plain
    assert bar(value, 0, width=10) == ""
