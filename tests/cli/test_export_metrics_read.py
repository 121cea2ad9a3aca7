"""An export that is there already: read, shown in every form, and held against limits."""

import csv
import io
import json
from pathlib import Path

import pytest

from tests.cli.told import Told, tell
from tests.commands import pushkit
from tests.hostile import HOSTILE
from tests.pty_run import stray_controls
from tests.shown import is_safe

HEAD = "Push Type,Status,Date (UTC),Count"
EXPORT = f"""\
{HEAD}
voip,Received by APNs,2026-11-16,400
voip,Delivered to Device,2026-11-16,300
voip,Delivered to Device (From Storage),2026-11-17,40
voip,Received by APNs,2026-11-17,200
voip,Delivered to Device,2026-11-17,160
voip,Stored - Device Offline,2026-11-17,60
voip,Discarded - Expired,2026-11-17,20
alert,Received by APNs,2026-11-17,1000
alert,Delivered to Device,2026-11-18,900
alert,Discarded - Disabled,2026-11-18,60
"""
BROADCAST = """\
Date (UTC),Broadcasts Published,Broadcasts Delivered,Total Subscriptions
2026-11-16,10,-1,5
2026-11-17,20,7,9
"""


@pytest.fixture
def export(tmp_path: Path) -> Path:
    return written(tmp_path, EXPORT)


def written(folder: Path, text: str) -> Path:
    path = folder / "export.csv"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    return path


def read(capfd: pytest.CaptureFixture[str], path: Path, *words: str) -> Told:
    return tell(capfd, "export-metrics", "--read", str(path), *words)


def test_a_person_sees_types_causes_and_days(
    export: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    told = read(capfd, export)
    assert told.code == 0
    assert told.err == "export.csv: delivery metrics, 2026-11-16 to 2026-11-18, 10 rows\n"
    head, voip, alert, every, *rest = told.out.splitlines()
    assert head.split() == ["received", "at", "once", "from", "storage", "discarded", "per", "day"]
    assert voip.split()[:8] == ["voip", "600", "76.7", "%", "6.7", "%", "3.3", "%"]
    assert alert.split()[:8] == ["alert", "1,000", "90.0", "%", "0.0", "%", "6.0", "%"]
    assert every.split()[:8] == ["all", "1,600", "85.0", "%", "2.5", "%", "5.0", "%"]
    assert "  disabled            60   75.0 %  ██████████████████" in rest
    assert "  device offline            60  100.0 %  ████████████████████████" in rest
    assert "  2026-11-17         1,200  ████████████████████████" in rest
    assert max(map(len, told.out.splitlines())) <= 80


def test_the_period_before_is_compared(export: Path, capfd: pytest.CaptureFixture[str]) -> None:
    told = read(capfd, export, "--since", "2026-11-17", "--until", "2026-11-17")
    assert told.out.splitlines()[-2:] == [
        "against 2026-11-16 to 2026-11-16",
        "  received +200.0 %, delivered -33.3 %, discarded -",
    ]


@pytest.mark.parametrize("width", [40, 60, 73, 74, 80, 100])
def test_no_line_is_wider_than_the_terminal(
    width: int, export: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    told = read(capfd, export)
    assert max(map(len, (told.out + told.err).splitlines())) <= width
    assert "voip" in told.out


def test_no_more_than_ascii_where_there_is_no_more(export: Path) -> None:
    done = pushkit("export-metrics", "--read", str(export), variables={"PYTHONIOENCODING": "ascii"})
    assert done.stdout.isascii()
    assert b"2026-11-17         1,200  ########################" in done.stdout
    assert b"\\u" not in done.stdout


def test_a_broadcast_report_hides_what_apple_hides(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    told = read(capfd, written(tmp_path, BROADCAST))
    assert [line.split() for line in told.out.splitlines()[:3]] == [
        ["Broadcasts", "Published", "30", "▄█"],
        ["Broadcasts", "Delivered", "7", "?█"],
        ["Total", "Subscriptions", "9", "▅█", "(highest)"],
    ]
    assert "hidden, too few to show: 1;" in told.out


def test_broadcasts_of_a_day_are_compared_with_the_day_before(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    day = ("--since", "2026-11-17", "--until", "2026-11-17")
    told = read(capfd, written(tmp_path, BROADCAST), *day)
    assert [line.split() for line in told.out.splitlines()[-4:]] == [
        ["against", "2026-11-16", "to", "2026-11-16"],
        ["Broadcasts", "Published", "+100.0", "%"],
        ["Broadcasts", "Delivered", "-"],
        ["Total", "Subscriptions", "+80.0", "%"],
    ]
    nothing = read(capfd, written(tmp_path, BROADCAST), "--since", "2026-12-01")
    assert nothing.out == "nothing was recorded on these days\n"


def test_a_file_with_columns_and_statuses_that_nobody_knows(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    text = f"Region,{HEAD}\nEU,voip,Beamed - Up,2026-11-16,3\nEU,voip,Delivered,2026-11-16,1\n"
    told = read(capfd, written(tmp_path, text))
    assert "note: statuses of no known family: Beamed - Up 3" in told.out
    assert "note: columns that nobody documents: Region" in told.out
    assert "note: received is added up here" in told.out


def test_the_forms_hold_the_same_rows(export: Path, capfd: pytest.CaptureFixture[str]) -> None:
    days = ("--since", "2026-11-17", "--until", "2026-11-17")
    as_csv = read(capfd, export, "--format", "csv", *days).out
    rows = list(csv.DictReader(io.StringIO(as_csv)))
    objects = read(capfd, export, "--format", "ndjson", *days).objects
    assert [row["Status"] for row in rows] == [one["status"] for one in objects]
    assert [int(row["Count"]) for row in rows] == [40, 200, 160, 60, 20, 1000]
    (report,) = read(capfd, export, "--json", *days).objects
    assert (report["source"], report["app"], report["dataset"]) == ("file", None, "delivery")
    assert read(capfd, export, "--format", "json", *days).objects == [report]


def test_two_forms_at_once_are_refused(export: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert read(capfd, export, "--json", "--format", "csv").code == 2


def test_a_file_is_written_whole(
    export: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.csv"
    told = read(capfd, export, "--format", "csv", "-o", str(out))
    assert (told.code, told.out) == (0, "")
    assert out.read_text() == EXPORT
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".out")]
    again = read(capfd, written(tmp_path, f"{HEAD}\nvoip,x,2026-11-16,many\n"), "-o", str(out))
    assert again.code == 2
    assert "line 2, Count: 'many' is no count" in again.err
    assert out.read_text() == EXPORT


def test_a_place_where_no_file_can_be_written(
    export: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert read(capfd, export, "-o", str(export / "no" / "file")).code == 6
    assert read(capfd, export, "-o", "/dev/full").code == 6
    assert read(capfd, export, "-o", "/dev/null").code == 0
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--min", "delivered=87.5%"), 0, "met  --min delivered=87.5%   got 87.5 %"),
        (("--min", "delivered=88%"), 7, "not met  --min delivered=88%   got 87.5 %"),
        (("--max", "discarded:disabled@alert=59"), 7, "got 60"),
        (("--max", "discarded=5%", "--min", "received@voip=601"), 7, "got 600"),
        (("--min", "beauty=1"), 2, "nothing is called beauty"),
    ],
)
def test_limits_decide_the_exit_code(
    words: tuple[str, ...], code: int, said: str, export: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    told = read(capfd, export, *words)
    assert told.code == code
    assert said in told.err


def test_a_pipe_is_read_as_well(export: Path) -> None:
    done = pushkit("export-metrics", "--read", "-", "--format", "csv", stdin=export.read_bytes())
    assert (done.returncode, done.stdout) == (0, EXPORT.encode())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it begins with nothing"),
        ("<html>no</html>", "it begins with <html>no</html>"),
        (f"{HEAD}\nvoip,x", "line 2 has 2 cells"),
    ],
)
def test_what_is_no_export_is_a_mistake(
    text: str, said: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    told = read(capfd, written(tmp_path, text))
    assert told.code == 2
    assert said in told.err


def test_a_file_that_is_not_there_or_cannot_be_read_twice(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert read(capfd, tmp_path / "none.csv").code == 2
    assert read(capfd, Path("/dev/null")).code == 2


@pytest.mark.parametrize("form", ["table", "csv", "json", "ndjson"])
def test_hostile_labels_reach_no_terminal(
    form: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = io.StringIO()
    rows = csv.writer(file, quoting=csv.QUOTE_ALL)
    rows.writerow([*HEAD.split(","), "\x1b]0;x\x07"])
    for text in (one for one in HOSTILE.values() if len(one) < 1000):
        rows.writerow([text, f"Discarded - {text}", "2026-11-16", 7, text])
        rows.writerow(["voip", text, text, 7, text])
    told = read(capfd, written(tmp_path, file.getvalue()), "--format", form)
    assert told.code == 0, told.err
    seen = told.out.replace("\n", "\r\n").encode("utf-8", "surrogatepass")  # as a terminal does
    assert stray_controls(seen, colour=False) == []
    if form in ("json", "ndjson"):
        assert [json.loads(line) for line in told.out.splitlines()]
    if form == "table":
        assert all(is_safe(line) for line in told.out.splitlines())


@pytest.mark.parametrize(
    ("name", "begins"), [("r.html", "<!DOCTYPE html>"), ("r.svg", '<?xml version="1.0"')]
)
def test_a_chart_is_drawn_beside_the_report(
    name: str, begins: str, export: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    chart = tmp_path / name
    told = read(capfd, export, "--chart", str(chart))
    assert (told.code, "voip" in told.out) == (0, True)
    assert chart.read_text().startswith(begins)
    assert read(capfd, export, "--chart", str(tmp_path / "chart.png")).code == 2
