"""What the bench makes of figures; that it measures is for `make bench` to see."""

import json
from pathlib import Path

import pytest

from tests.bench import __main__ as bench
from tests.bench.method import ROUNDS, PeerFailedError, Table, in_turn
from tests.bench.page import BEGIN, END, PAGE, written


def table(**figures: list[float]) -> Table:
    return Table(name="x", title="X", unit="pushes/s", figures=figures, base="theirs")


def test_runs_are_in_turn_and_the_first_round_is_thrown_away() -> None:
    told, missing = list[str](), list[str]()

    def run(name: str) -> float:
        told.append(name)
        return len(told)

    found = in_turn({"a": lambda: run("a"), "b": lambda: run("b")}, missing)
    assert told == ["a", "b"] * (ROUNDS + 1)
    assert found == {"a": [3, 5, 7, 9, 11], "b": [4, 6, 8, 10, 12]}
    assert missing == []


def test_a_peer_that_fails_is_said_and_the_others_go_on() -> None:
    def fails() -> float:
        raise PeerFailedError("no such host")

    missing = list[str]()
    assert in_turn({"a": fails, "b": lambda: 1.0}, missing) == {"b": [1.0] * ROUNDS}
    assert missing == ["a, which failed: no such host"]


@pytest.mark.parametrize(("at_least", "said"), [(True, "MISSED"), (False, "holds ")])
def test_a_ratio_is_that_of_the_medians_with_its_spread_in_single_rounds(
    at_least: bool, said: str
) -> None:
    found = table(ours=[10.0, 30.0, 20.0], theirs=[10.0, 10.0, 40.0])
    found.ratio("to theirs", "ours", "theirs", 2.5, at_least=at_least)
    (one,) = found.wanted
    assert (one.value, one.spread) == (2.0, (0.5, 3.0))
    assert one.line().startswith(f"  {said} to theirs: 2 (0.5 to 3), at ")


def test_what_cannot_be_compared_is_said_and_no_target() -> None:
    found = table(ours=[10.0])
    found.ratio("to theirs", "ours", "theirs", 2.0)
    assert found.wanted == []
    assert found.lines()[-1] == "  not here: to theirs: not measured without theirs"


@pytest.mark.parametrize(("bound", "code"), [(0.9, 0), (1.1, 1)])
def test_every_figure_is_kept_and_a_missed_target_fails(
    bound: float,
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def measure(place: Path) -> list[Table]:
        assert place.is_dir()
        found = table(ours=[1.0], theirs=[1.0])
        found.ratio("to theirs", "ours", "theirs", bound)
        return [found]

    file = tmp_path / "bench.json"
    monkeypatch.setattr(bench, "ROWS", {"x": measure})
    monkeypatch.setattr("sys.argv", ["bench", "x", "--json", str(file)])
    assert bench.main() == code
    (kept,) = json.loads(file.read_bytes())["tables"]
    assert kept["figures"] == {"ours": [1.0], "theirs": [1.0]}
    assert kept["wanted"][0]["holds"] is (code == 0)
    assert f"{1 - code} of 1 targets hold" in capsys.readouterr().out


def test_a_row_that_is_not_there_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["bench", "sender"])
    with pytest.raises(SystemExit) as ended:
        bench.main()
    assert ended.value.code == 2
    assert "there is no row sender; there are senders, " in capsys.readouterr().err


def test_the_page_has_ratios_and_what_is_wanted() -> None:
    found = table(ours=[10.0, 30.0, 20.0], theirs=[10.0, 10.0, 40.0])
    found.ratio("to theirs", "ours", "theirs", 2.5)
    found.missing.append("pushy, without java")
    kept = {
        "at": "2026-11-29T09:00:00+00:00",
        "machine": {"python": "3.11", "cores": 2, "load": [1.2, 0, 0]},
        "tables": [found.as_object()],
    }
    page = written(f"head\n{BEGIN}\nearlier\n{END}\ntail\n", kept)
    assert page.startswith(f"head\n{BEGIN}\n")
    assert page.endswith(f"{END}\ntail\n")
    assert "| ours | 2.00 |\n| theirs | 1.00 |\n" in page
    assert "| x: to theirs | 2 (0.5 to 3) | at least 2.5 | missed |\n" in page
    assert "- not here: pushy, without java\n" in page
    assert "earlier" not in page
    assert written(page, kept) == page


def test_the_page_names_every_row_and_no_other() -> None:
    rows = [line.split(" | ")[0][2:] for line in PAGE.read_text("utf-8").splitlines()]
    assert [row for row in rows if row in bench.ROWS] == list(bench.ROWS)
