"""The pictures: well formed, complete, and nothing in them that a label brought along."""

import base64
import hashlib
import re
from datetime import date, timedelta
from html.parser import HTMLParser
from xml.etree import ElementTree

from pushkit_cli.apns.exports import Dataset
from pushkit_cli.cli.text import foreign
from pushkit_cli.metrics import charts
from pushkit_cli.metrics.reading import Export, read
from pushkit_cli.metrics.report import Report, report
from tests.hostile import HOSTILE
from tests.metrics.test_report import BROADCAST, DISABLED, HEAD, ONCE, export

DAYS = [(date(2026, 11, 1) + timedelta(days=n)).isoformat() for n in range(7)]
SVG = "{http://www.w3.org/2000/svg}"


def of_types(*kinds: str) -> Report:
    rows = [
        (kind, status, day, 10) for kind in kinds for day in DAYS for status in (ONCE, DISABLED)
    ]
    return report(export(*rows))


def drawn(found: Report) -> ElementTree.Element:
    return ElementTree.fromstring(charts.svg(found, title="x", show=foreign))


def bars(root: ElementTree.Element, kind: str = "bar") -> list[float]:
    return [float(r.get("height", "")) for r in root.iter(f"{SVG}rect") if r.get("class") == kind]


def test_each_type_and_all_of_them_have_a_bar_a_day() -> None:
    assert bars(drawn(of_types("voip"))) == [140.0] * 7
    two = drawn(of_types("voip", "alert"))
    assert len(bars(two)) == 3 * 7
    assert bars(two, "gone") == [70.0] * 21
    names = [one.text for one in two.iter(f"{SVG}text") if one.get("class") == "name"]
    assert names == ["every type", "voip", "alert"]


def test_a_hidden_day_is_no_bar() -> None:
    root = drawn(report(read(BROADCAST)))
    marks = [one.text for one in root.iter(f"{SVG}text") if "hidden" in one.get("class", "")]
    assert marks == ["?", "?"]
    assert len(bars(root)) == 3 * 3 - 2


def test_nothing_is_drawn_of_nothing() -> None:
    assert "nothing was recorded" in charts.svg(report(read([HEAD])), title="x", show=foreign)
    for head in (HEAD, next(iter(BROADCAST))):
        page = charts.html(report(read([head])), title="x", show=foreign)
        assert "nothing was recorded" in page
        assert "<table>" not in page


def test_bars_stay_inside_however_many_there_are() -> None:
    many = report(export(*[(str(n), ONCE, day, n) for n in range(60) for day in DAYS]))
    assert len(bars(drawn(many))) == charts.MAX_PANELS * 7
    year = [(date(2025, 1, 1) + timedelta(days=n)).isoformat() for n in range(365)]
    root = drawn(report(export(*[("voip", ONCE, day, 5) for day in year])))
    right = [float(r.get("x", "")) + float(r.get("width", "")) for r in root.iter(f"{SVG}rect")]
    assert len(right) == 365
    assert max(right) <= 720


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)


def test_a_hostile_label_is_text_and_nothing_else() -> None:
    calm = Page(charts.html(of_types("voip"), title="x", show=foreign))
    for text in HOSTILE.values():
        counts = {(text, f"Discarded - {text}", text[:9]): 7, ("voip", text, DAYS[0]): 7}
        found = report(Export(dataset=Dataset.delivery, rows=2, counts=counts, hidden=frozenset()))
        ElementTree.fromstring(charts.svg(found, title=text, show=foreign))
        page = Page(charts.html(found, title=text, show=foreign))
        assert page.tags <= calm.tags
        assert page.attributes <= calm.attributes
    assert not calm.attributes & {"onmouseover", "onload", "href", "src", "style"}


def test_the_page_allows_itself_its_own_style_alone() -> None:
    page = charts.html(of_types("voip"), title="x", show=foreign)
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"content=\"default-src 'none'; style-src 'sha256-{digest}'\"" in page
    assert "http" not in page.replace('xmlns="http://www.w3.org/2000/svg"', "").replace(
        'http-equiv="Content', ""
    )


def test_the_page_has_the_numbers_of_the_table_too() -> None:
    rows = [("voip", ONCE, day, 90) for day in DAYS] + [("voip", DISABLED, DAYS[-1], 10)]
    rows += [("voip", "Beamed - Up", DAYS[-1], 3)]
    page = charts.html(
        report(export(*rows), first=DAYS[-1], last=DAYS[-1]), title="x", show=foreign
    )
    for cells in (
        ("voip", "100", "90.0%", "0.0%", "0.0%", "10.0%"),
        ("disabled", "10", "100.0%"),
        ("delivered", "90", "90", "+0.0%"),
        ("discarded", "0", "10", "-"),
    ):
        assert "".join(f"<td>{cell}</td>" for cell in cells) in page
    assert f"Against {DAYS[-2]}" in page
    assert "<p>Statuses of no known family: Beamed - Up</p>" in page
    other = charts.html(report(read(BROADCAST)), title="x", show=foreign)
    assert "<td>Broadcasts Published</td><td>7</td><td>all days</td>" in other
    assert "<td>Total Subscriptions</td>" in other
    assert "<p>Hidden, too few to show: 2; no sum holds them.</p>" in other
