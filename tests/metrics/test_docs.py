"""docs/metrics.md names every key that programs are given."""

import re
from collections.abc import Iterator
from pathlib import Path

from pushkit_cli.metrics.limits import Bound, hold, read_limit
from pushkit_cli.metrics.reading import read, rows
from pushkit_cli.metrics.report import report
from pushkit_cli.metrics.shape import RowShape, report_object
from tests.metrics.test_report import BROADCAST, DISABLED, HEAD, ONCE, export

DOCS = Path(__file__).parents[2] / "docs" / "metrics.md"


def keys(value: object) -> Iterator[str]:
    """Every key of ours, however deep; labels and columns are not ours."""
    for one in value if isinstance(value, list) else []:
        yield from keys(one)
    for key, inner in value.items() if isinstance(value, dict) else []:
        yield key
        yield from keys({} if key in ("statuses", "other", "change") else inner)


def test_every_key_is_named() -> None:
    found = report(
        export(
            ("voip", ONCE, "2026-11-16", 1),
            ("voip", DISABLED, "2026-11-17", 1),
            ("voip", "Stored - Device Offline", "2026-11-17", 10),
        ),
        first="2026-11-17",
        last="2026-11-17",
    )
    about = {"source": "file", "app": None, "channel": None, "history": False}
    held = [hold(read_limit(Bound.most, "discarded=1%"), found.now)]
    objects: list[object] = [
        report_object(found, held, **about),
        report_object(report(read(BROADCAST)), [], **about),
    ]
    for text in ([HEAD, "voip,x,2026-11-16,1\n"], list(BROADCAST)):
        header, (row, *_) = rows(text)
        objects.append(RowShape(header).object(row))
    named = set(re.findall(r"`([a-z_…]+)`", DOCS.read_text(encoding="utf-8")))
    shares = {key for key in keys(objects) if key.endswith("_share")}
    missing = set(keys(objects)) - named - shares
    assert missing == set()
