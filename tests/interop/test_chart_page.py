"""The page of `--chart` in a real browser: it asks for nothing, complains of nothing, is read."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import pushkit
from tests.hostile import HOSTILE
from tests.interop.browser import Browser, browsing

HEAD = ("Push Type", "Status", "Date (UTC)", "Count")
DAYS = [f"2026-11-{day:02}" for day in range(1, 8)]
SEEN = """
(() => {
  const of = (one, name) => getComputedStyle(document.querySelector(one)).getPropertyValue(name)
  return {
    ink: of('body', 'color'), paper: of('body', 'background-color'), bar: of('rect.bar', 'fill'),
    wider: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    tall: document.querySelector('svg').getBoundingClientRect().height,
    bars: [...document.querySelectorAll('rect.bar')]
      .filter(one => one.getBoundingClientRect().height > 1).length,
    scripts: document.scripts.length, images: document.images.length,
    words: Math.min(...[...document.querySelectorAll('td')].map(one => one.offsetWidth)),
  }
})()
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browsing(tmp_path_factory.mktemp("browser")) as found:
        yield found


def page(folder: Path, rows: list[tuple[str, str, str, int]], name: str = "report.html") -> Path:
    export, chart = folder / "export.csv", folder / name
    with export.open("w", encoding="utf-8", errors="surrogatepass", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([HEAD, *rows])
    done = pushkit("export-metrics", "--read", str(export), "--chart", str(chart))
    assert done.returncode == 0, done.stderr
    return chart


def light(colour: str) -> float:
    """From 0, black, to 1, white."""
    red, green, blue = (int(part) / 255 for part in re.findall(r"\d+", colour)[:3])
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [360, 1200])
def test_it_is_read_by_day_and_night_on_any_screen(
    width: int, dark: bool, browser: Browser, tmp_path: Path
) -> None:
    rows = [(kind, "Delivered to Device", day, 5) for kind in ("voip", "alert") for day in DAYS]
    browser.look(dark=dark, width=width)
    browser.open(page(tmp_path, rows))
    seen = browser.value(SEEN)
    assert seen["bars"] == 3 * 7
    assert (light(seen["paper"]) < 0.2) is dark
    assert abs(light(seen["paper"]) - light(seen["ink"])) > 0.7
    assert abs(light(seen["paper"]) - light(seen["bar"])) > 0.25
    assert (seen["wider"], seen["scripts"], seen["images"]) == (0, 0, 0)
    assert seen["words"] >= 40
    assert (browser.asked, browser.complaints) == ([], [])


def test_forty_hostile_labels_do_nothing(browser: Browser, tmp_path: Path) -> None:
    rows = [(text, f"Discarded - {text}", "2026-11-01", 7) for text in HOSTILE.values()]
    rows += [("voip", text, "2026-11-01", 7) for text in HOSTILE.values()]
    assert len(HOSTILE) > 40
    browser.open(page(tmp_path, rows))
    seen = browser.value(SEEN)
    assert (seen["scripts"], seen["images"]) == (0, 0)
    assert (browser.asked, browser.complaints) == ([], [])
    assert browser.value("document.title") == "delivery metrics"
    browser.open(page(tmp_path, rows, "report.svg"))
    assert browser.value("document.documentElement.tagName") == "svg"
    assert (browser.asked, browser.complaints) == ([], [])


def test_a_page_that_asks_and_complains_is_found(browser: Browser, tmp_path: Path) -> None:
    """The negative control: the same label as markup."""
    chart = page(tmp_path, [("voip", "Delivered to Device", "2026-11-01", 5)])
    bad = "<script>alert(1)</script><img src='https://evil.example/x'>"
    text = chart.read_text().replace("<h1>", f"{bad}<h1>")
    chart.write_text(text)
    browser.open(chart)
    assert browser.value(SEEN)["scripts"] == 1
    assert browser.complaints
    chart.write_text(re.sub(r"<meta http-equiv.*?>", "", text).replace("alert(1)", "1"))
    browser.open(chart)
    assert browser.asked == ["https://evil.example/x"]
