"""`pushkit export-metrics` from the request to the report, against a service on this machine."""

import json
import signal
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pushkit_cli.store.exports_db import ExportsDb, Series
from pushkit_cli.store.files import Home
from tests.apns.test_export_api import PATH, jwt
from tests.cli.told import Told, tell
from tests.commands import PATIENCE_S, PUSHKIT, pushkit
from tests.export_service import APP, Pair, requested, said, serving, status

TODAY = datetime.now(tz=UTC).date()
YESTERDAY = TODAY - timedelta(days=1)
FAR = int(datetime.now(tz=UTC).timestamp()) + 86_400
SECRET = jwt(exp=FAR, scope=[{"method": "POST", "path": f"{PATH}/request"}])
REGISTER = ("register", "export-token", "--app", APP, "--dataset", "delivery", "--token-file", "-")
CSV = f"""\
Push Type,Status,Date (UTC),Count
voip,Received by APNs,{YESTERDAY},100
voip,Delivered to Device,{YESTERDAY},97
voip,Discarded - Expired,{YESTERDAY},3
"""


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with serving(tmp_path, Pair(files=[said(CSV)])) as up:
        yield up


@pytest.fixture(autouse=True)
def token(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Registered as a person does: from a file."""
    register(tmp_path, capfd, SECRET)


def register(folder: Path, capfd: pytest.CaptureFixture[str], text: str) -> Told:
    file = folder / "token"
    file.write_text(text)
    return tell(capfd, *REGISTER[:-1], str(file), "--replace")


def way(pair: Pair) -> tuple[str, ...]:
    return ("--endpoint", pair.service.url, "--cacert", str(pair.service.ca_file))


def export(capfd: pytest.CaptureFixture[str], pair: Pair, *words: str) -> Told:
    told = tell(capfd, "export-metrics", *way(pair), *words)
    assert SECRET not in told.out + told.err
    return told


def test_one_command_from_the_request_to_the_report(
    pair: Pair, capfd: pytest.CaptureFixture[str]
) -> None:
    told = export(capfd, pair)
    assert told.code == 0
    assert told.err.splitlines()[0].startswith("127.0.0.1:")
    assert told.out.splitlines()[1].split()[:6] == ["voip", "100", "97.0", "%", "0.0", "%"]
    asked = json.loads(pair.service.asked[0].body)
    assert (asked["startDate"], asked["endDate"]) == (
        str(TODAY - timedelta(days=14)),
        str(YESTERDAY),
    )
    assert pair.tokens_seen == (2, 0)
    again = export(capfd, pair, "--json", "--max", "discarded=2%")
    assert "it is the same report" in again.err
    assert "it is the same report" not in told.err
    (report,) = again.objects
    assert (report["app"], report["until"]) == (APP, str(YESTERDAY))
    assert len([one for one in pair.service.asked if one.method == "POST"]) == 1, "remembered"


def test_who_does_not_wait_goes_on_later(pair: Pair, capfd: pytest.CaptureFixture[str]) -> None:
    told = export(capfd, pair, "--no-wait")
    url = f"{pair.service.url}/status/1"
    assert (told.code, told.out) == (0, f"{url}\n")
    assert f"--status-url {url}" in " ".join(told.err.split())
    (said,) = export(capfd, pair, "--no-wait", "--json").objects
    assert (said["event"], said["status_url"]) == ("requested", url)
    later = export(capfd, pair, "--status-url", url, "--since", "3d")
    assert (later.code, "voip" in later.out) == (0, True)
    assert export(capfd, pair, "--status-url", "https://evil.example/x").code == 4
    assert export(capfd, pair, "--status-url", "file:///etc/passwd").code == 2


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ("<html>Sign in</html>", 4, "what was downloaded cannot be read"),
        (f"{CSV}voip,x", 4, "has 2 cells"),
        (CSV.splitlines()[0] + "\n", 0, "the report is there: 0 rows"),
    ],
)
def test_what_was_downloaded_is_a_report_or_it_is_nowhere(
    body: str,
    code: int,
    words: str,
    pair: Pair,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    pair.files[:] = [said(body)]
    out = tmp_path / "out.csv"
    told = export(capfd, pair, "--format", "csv", "-o", str(out))
    assert (told.code, out.exists()) == (code, code == 0)
    assert words in told.err
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".out")]


def test_a_status_url_that_is_no_good_is_asked_for_anew(
    pair: Pair, capfd: pytest.CaptureFixture[str]
) -> None:
    pair.requests[:] = [requested("{service}/status/1"), requested("{service}/status/2")]
    pair.statuses.insert(0, said("gone", status=404))
    assert export(capfd, pair).code == 4
    assert export(capfd, pair).code == 0
    assert [one.path for one in pair.service.asked if one.method == "GET"] == [
        b"/status/1",
        b"/status/2",
    ]


def test_it_is_remembered_for_a_day_by_the_clock_of_the_service(
    pair: Pair, capfd: pytest.CaptureFixture[str]
) -> None:
    pair.requests[:] = [requested(hours_ago=23.9), requested(hours_ago=24.1), requested()]
    asked = []
    for name in ("delivery", "delivery", "again", "again", "again"):
        since = "7d" if name == "delivery" else "8d"
        assert export(capfd, pair, "--since", since).code == 0
        asked.append(sum(one.method == "POST" for one in pair.service.asked))
    assert asked == [1, 1, 2, 3, 3]


def test_a_report_that_is_not_ready_is_124_and_says_how_to_go_on(
    pair: Pair, capfd: pytest.CaptureFixture[str]
) -> None:
    pair.statuses[:] = [status("PROCESSING")]
    told = export(capfd, pair, "--timeout", "60ms")
    assert told.code == 124
    said = " ".join(told.err.split())
    assert "go on with: pushkit export-metrics --app com.example.app --dataset delivery" in said
    assert f"--status-url {pair.service.url}/status/1" in said


def test_an_interrupt_says_how_to_go_on(pair: Pair) -> None:
    pair.statuses[:] = [status("PROCESSING", retry_after="60")]
    process = subprocess.Popen(
        [PUSHKIT, "export-metrics", *way(pair)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    while not process.stderr.readline().startswith(b"waiting for the report"):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=PATIENCE_S)[1].decode()
    assert (process.returncode, "--status-url" in said) == (130, True)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--since", "2020-01-01"), 2, "cannot be exported: only"),
        (("--until", str(TODAY + timedelta(days=1))), 2, "cannot be exported"),
        (("--since", "soon"), 2, "is no day"),
        (("--channel", "Y2g="), 2, "takes no --channel"),
        (("--dataset", "broadcast-channel"), 2, "needs --channel"),
        (("--app", "com.other.app"), 6, "no export token for com.other.app"),
        (("--min", "nothing"), 2, "is no limit"),
        (("--team-id", "OTHERTEAM1"), 6, "is of team TEAM123456"),
        (("--no-wait", "--status-url", "https://127.0.0.1/"), 2, "--no-wait means nothing"),
        (("--endpoint", "https://evil.example"), 2, "would go to evil.example"),
        (("--read", "x.csv"), 2, "--read asks nobody"),
    ],
)
def test_a_mistake_is_found_before_anybody_is_asked(
    words: tuple[str, ...], code: int, said: str, pair: Pair, capfd: pytest.CaptureFixture[str]
) -> None:
    told = export(capfd, pair, *words)
    assert (told.code, said in " ".join(told.err.split())) == (code, True), told.err
    assert pair.service.asked == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (jwt(exp=1), "has expired"),
        (jwt(exp=FAR, scope=PATH.replace(APP, "com.x")), "is not for"),
    ],
)
def test_a_token_is_read_before_it_is_kept(
    text: str, said: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    told = register(tmp_path, capfd, text)
    assert (told.code, said in told.err, text in told.err) == (6, True, False)


def test_a_token_that_expired_since_is_not_shown_to_anybody(
    pair: Pair, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    kept = home / "profiles" / "default" / "keystore" / f"export.{APP}.delivery.token"
    kept.write_text(jwt(exp=1))
    told = export(capfd, pair)
    assert (told.code, "has expired" in told.err, pair.service.asked) == (6, True, [])


def test_the_token_is_in_no_file_but_its_own(
    pair: Pair, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert export(capfd, pair, "-o", str(home / "out")).code == 0
    holders = [
        path.name
        for path in home.rglob("*")
        if path.is_file() and SECRET.encode() in path.read_bytes()
    ]
    assert holders == [f"export.{APP}.delivery.token"]


def test_an_app_is_known_by_its_one_token(pair: Pair, capfd: pytest.CaptureFixture[str]) -> None:
    other = pushkit(*REGISTER[:3], "com.b.c", *REGISTER[4:], stdin=b"an-opaque-token-of-b")
    assert other.returncode == 0
    told = export(capfd, pair)
    assert (told.code, "several apps" in told.err) == (2, True)
    assert export(capfd, pair, "--app", APP).code == 0


def csv(*rows: tuple[int, str, int]) -> str:
    """An export of so many days back."""
    head = CSV.splitlines()[0]
    return "\n".join([head, *(f"voip,{said},{ago(back)},{n}" for back, said, n in rows), ""])


def ago(days: int) -> str:
    return str(TODAY - timedelta(days=days))


def received(told: Told) -> dict[str, int]:
    (report,) = told.objects
    days = report["days"]
    assert isinstance(days, list)
    return {day["date"]: day["received"] for day in days if day["received"]}


def test_a_history_goes_back_further_and_counts_nothing_twice(
    pair: Pair, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    once, stored = "Received by APNs", "Stored - Device Offline"
    long_ago = Series(source="apple", app=APP, dataset="delivery", channel="")
    records = ExportsDb(Home(home))
    records.add(long_ago, [(("voip", once, ago(60)), 7)])
    records.close()
    pair.files[:] = [
        said(csv((3, once, 10), (3, stored, 1), (2, once, 20))),
        said(csv((2, once, 21), (1, once, 30))),
        said(csv()),
    ]
    words = ("--sync", "--since", "90d", "--json")
    assert received(export(capfd, pair, *words)) == {ago(60): 7, ago(3): 10, ago(2): 20}
    later = {ago(60): 7, ago(3): 10, ago(2): 21, ago(1): 30}
    assert received(export(capfd, pair, *words)) == later
    assert received(export(capfd, pair, *words)) == later, "an empty report takes nothing away"
    short = ("--sync", "--since", "2d", "--json")
    assert received(export(capfd, pair, *short)) == {ago(2): 21, ago(1): 30}
    rows = export(capfd, pair, "--sync", "--since", "90d", "--format", "ndjson").objects
    assert [one["status"] for one in rows if one["date"] == ago(3)] == [once, stored]
    old = ("--sync", "--since", ago(70), "--until", ago(50), "--json")
    assert received(export(capfd, pair, *old)) == {ago(60): 7}
    assert export(capfd, pair, "--since", "90d").code == 2, "without a history it cannot be had"


def test_a_history_of_broadcasts_keeps_what_is_hidden(
    pair: Pair, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ("--app", APP, "--dataset", "broadcast-app")
    other = jwt(exp=FAR)
    (tmp_path / "other").write_text(other)
    tell(capfd, "register", "export-token", *words, "--token-file", str(tmp_path / "other"))
    head = "Date (UTC),Broadcasts Published,Broadcasts Delivered,Total Subscriptions,"
    pair.files[:] = [said(f"{head}Unique Subscribers\n{ago(1)},5,-1,9,8\n")]
    for _ in range(2):
        told = export(capfd, pair, *words, "--team-id", "T1", "--sync", "--format", "ndjson")
        (row,) = told.objects
        assert (row["broadcasts_published"], row["broadcasts_delivered"]) == (5, None)
        assert (row["total_subscriptions"], row["unique_subscribers"]) == (9, 8)
