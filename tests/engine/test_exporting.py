"""What an export service may do, and what becomes of it: the message, the code, the file."""

import gzip
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path

import pytest

from pushkit_cli.apns.export_api import Wanted
from pushkit_cli.apns.exports import Dataset
from pushkit_cli.apns.message import Response
from pushkit_cli.engine.exporting import Clock, Exporter, Look, Source
from pushkit_cli.errors import ExitCode, PushkitError
from tests.export_service import (
    APP,
    CSV,
    READY,
    TEAM,
    TOKEN,
    Answer,
    Pair,
    packed,
    requested,
    said,
    serving,
    status,
)

WANTED = Wanted(
    team_id=TEAM, app=APP, dataset=Dataset.delivery, first=date(2026, 11, 1), last=date(2026, 11, 7)
)


class Time:
    """A clock that moves when somebody waits."""

    def __init__(self) -> None:
        self.at = 0.0
        self.pauses: list[float] = []

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.at += seconds

    def now(self) -> float:
        return self.at


@contextmanager
def exporter(
    pair: Pair,
    time: Time,
    looks: list[Look] | None = None,
    *,
    is_local: bool = True,
    now: Callable[[], float] | None = None,
) -> Iterator[Exporter]:
    source = Source(
        origin=pair.service.url,
        token=TOKEN,
        team_id=TEAM,
        is_local=is_local,
        cacert=pair.service.ca_file,
    )
    told = [] if looks is None else looks
    made = Exporter(
        source,
        app=APP,
        dataset=Dataset.delivery,
        told=told.append,
        clock=Clock(now=now or time.now, pause=time.pause),
    )
    with closing(made):
        yield made


def whole(pair: Pair, made: Exporter, wanted: Wanted = WANTED, timeout: float = 600.0) -> str:
    url = made.request(wanted).status_url
    with made.fetch(url, made.wait(url, timeout=timeout), timeout=timeout) as file:
        return file.read().decode()


def test_the_three_steps(tmp_path: Path) -> None:
    with serving(tmp_path, Pair()) as pair, exporter(pair, Time()) as made:
        assert whole(pair, made) == CSV
        asked, looked = pair.service.asked
        place = b"/v1/dataExports/apns/teams/TEAM123456/appId/com.example.app/datasetName"
        assert (asked.method, asked.path) == ("POST", place + b"/deliverymetrics/request")
        assert asked.fields[b"content-type"] == b"application/json"
        assert asked.body == (
            b'{"startDate": "2026-11-01", "endDate": "2026-11-07", '
            b'"dataDownloadUrlExpiresInMinutes": 60}'
        )
        assert (looked.method, looked.path) == ("GET", b"/status/1")
        assert pair.tokens_seen == (2, 0)
        assert TOKEN not in repr(made._source)


GOOD: tuple[tuple[str, Pair], ...] = (
    ("dataURL", Pair(statuses=[status("SUCCESS", "{downloads}/f", key="dataURL")])),
    ("gzip", Pair(files=[packed(CSV, content_encoding="gzip")])),
    ("gzip that nobody names", Pair(files=[packed(CSV)])),
    ("two gzips in one", Pair(files=[
        Response(status=200, body=gzip.compress(CSV[:9].encode()) + gzip.compress(CSV[9:].encode()))
    ])),
    ("500 once", Pair(requests=[said("", status=500), requested()])),
    ("503 at the status", Pair(statuses=[said("", status=503), READY])),
    ("a link that is over", Pair(files=[said("<Error/>", status=403), said(CSV)])),
    ("EXPIRED and then fresh", Pair(statuses=[status("EXPIRED"), READY])),
    ("cut, and then whole", Pair(files=[said(CSV[:20], content_length="76"), said(CSV)])),
    ("gzip cut, and then whole", Pair(files=[
        Response(status=200, body=gzip.compress(CSV.encode())[:-9]), said(CSV)
    ])),
    ("download 500 once", Pair(files=[said("", status=500), said(CSV)])),
)  # fmt: skip


@pytest.mark.parametrize("pair", [pytest.param(one, id=name) for name, one in GOOD])
def test_what_still_ends_well(pair: Pair, tmp_path: Path) -> None:
    with serving(tmp_path, pair), exporter(pair, Time()) as made:
        assert whole(pair, made) == CSV
        assert pair.tokens_seen[1] == 0


def at_status(*answers: Answer) -> Pair:
    return Pair(statuses=list(answers))


BOMB = Response(status=200, body=gzip.compress(b"a,b\n" * 5_000_000))
BAD: tuple[tuple[str, Pair, ExitCode, str], ...] = (
    ("400", Pair(requests=[said({"reason": "range"}, status=400)]), ExitCode.REFUSED,
     "refused the request (400): range"),
    ("401", Pair(requests=[said("", status=401)]), ExitCode.REFUSED, "does not take this token"),
    ("404", Pair(requests=[said("", status=404)]), ExitCode.REFUSED, "does not take this token"),
    ("404 at the status", at_status(said("no", status=404)), ExitCode.REFUSED,
     "does not take this token (404): no"),
    ("500", Pair(requests=[said("oh", status=500)]), ExitCode.REFUSED, "answer now (500): oh"),
    ("FAILED", at_status(status("FAILED")), ExitCode.REFUSED, "the export failed"),
    ("an unknown word", at_status(status("DANCING")), ExitCode.REFUSED, "status is DANCING"),
    ("no link", at_status(status("SUCCESS")), ExitCode.REFUSED, "SUCCESS without a dataUrl"),
    ("no JSON", Pair(requests=[said("<html>")]), ExitCode.REFUSED, "no JSON object came"),
    ("for ever", at_status(status("PROCESSING")), ExitCode.TIMEOUT, "not ready after 600 s"),
    ("plain http", at_status(status("SUCCESS", "http://127.0.0.1/x")), ExitCode.REFUSED,
     "is not https"),
    ("cut for ever", Pair(files=[said(CSV[:20], content_length="76")]), ExitCode.NOT_SENT,
     "no answer"),
    ("gzip cut for ever", Pair(files=[
        Response(status=200, body=gzip.compress(CSV.encode())[:-9])
    ]), ExitCode.NOT_SENT, "the download was cut"),
    ("over for ever", Pair(files=[said("", status=403)]), ExitCode.REFUSED, "again and again"),
    ("unpacks without end", Pair(files=[BOMB]), ExitCode.REFUSED, "cannot be a report"),
    ("one line without end", Pair(files=[said("a" * 70_000)]), ExitCode.REFUSED, "an endless line"),
    ("a strange packing", Pair(files=[said("a", content_encoding="br")]), ExitCode.REFUSED, "br"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("pair", "code", "words"), [pytest.param(*rest, id=name) for name, *rest in BAD]
)
def test_what_ends_badly(pair: Pair, code: ExitCode, words: str, tmp_path: Path) -> None:
    with serving(tmp_path, pair), exporter(pair, Time()) as made:
        with pytest.raises(PushkitError) as failed:
            whole(pair, made)
        assert (failed.value.exit_code, words in failed.value.message) == (code, True), (
            failed.value.message
        )
        assert failed.value.hint
        assert TOKEN not in f"{failed.value.message}{failed.value.hint}"
        assert pair.tokens_seen[1] == 0


def test_a_channel_that_is_not_there(tmp_path: Path) -> None:
    wanted = Wanted(
        team_id=TEAM, app=APP, dataset=Dataset.broadcast_channel, channel="Y2g=",
        first=date(2026, 11, 1), last=date(2026, 11, 7),
    )  # fmt: skip
    pair = Pair(requests=[said("", status=404)])
    with serving(tmp_path, pair), exporter(pair, Time()) as made:
        with pytest.raises(PushkitError, match="knows no channel Y2g="):
            made.request(wanted)
        assert b'"channelId": "Y2g="' in pair.service.asked[0].body


ELSEWHERE = (
    "{downloads}/status/1",
    "https://evil.example/status/1",
    "http://127.0.0.1:1/status",
    "https://127.0.0.1@evil.example/status",
    "//evil.example/status",
    "https://api.icloud.apple.com.evil.example/status",
    "http://api.icloud.apple.com/status",
)


@pytest.mark.parametrize("url", ELSEWHERE)
def test_the_token_goes_to_no_other_host(url: str, tmp_path: Path) -> None:
    pair = Pair(requests=[requested(url)])
    with serving(tmp_path, pair), exporter(pair, Time()) as made:
        with pytest.raises(PushkitError, match="the token does not go there") as failed:
            whole(pair, made)
        assert failed.value.exit_code == ExitCode.REFUSED
        assert pair.downloads.asked == []


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("step", ["requests", "statuses", "files"])
def test_no_redirect_is_followed(step: str, code: int, tmp_path: Path) -> None:
    pair = Pair()
    with serving(tmp_path, pair), exporter(pair, Time()) as made:
        setattr(pair, step, [said("", status=code, location=f"{pair.downloads.url}/here")])
        with pytest.raises(PushkitError, match=f"sends us on \\({code}\\) to 127"):
            whole(pair, made)
        assert not any(one.path == b"/here" for one in pair.downloads.asked)
        assert pair.tokens_seen[1] == 0


def test_apples_service_may_not_send_us_into_this_machine(tmp_path: Path) -> None:
    pair = Pair()
    with serving(tmp_path, pair), exporter(pair, Time(), is_local=False) as made:
        url = made.request(WANTED).status_url
        with pytest.raises(PushkitError, match="a private network"):
            made.fetch(url, f"{pair.downloads.url}/file", timeout=1)
        name = pair.downloads.url.replace("127.0.0.1", "localhost")
        with pytest.raises(PushkitError, match="no place to fetch from"):
            made.fetch(url, f"{name}/file", timeout=1)
        assert pair.downloads.asked == []
        with exporter(pair, Time()) as ours:  # the host has seen the end of the others after this
            ours.fetch(url, f"{pair.downloads.url}/file", timeout=1).close()


def test_it_looks_less_and_less_often_and_leaves_alone_whoever_asks_for_it(tmp_path: Path) -> None:
    pair = at_status(*[status("PROCESSING")] * 7, status("PROCESSING", retry_after="45"), READY)
    time, looks = Time(), list[Look]()
    with serving(tmp_path, pair), exporter(pair, time, looks) as made:
        assert whole(pair, made) == CSV
    assert time.pauses == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 45.0]
    assert [one.number for one in looks] == list(range(1, 9))
    assert looks[-1].next_s == 45.0


def test_who_gives_up_is_told_how_to_go_on(tmp_path: Path) -> None:
    pair = at_status(status("PROCESSING"))
    with serving(tmp_path, pair), exporter(pair, Time()) as made:
        with pytest.raises(PushkitError) as failed:
            made.wait(f"{pair.service.url}/status/1", timeout=3)
        assert failed.value.hint == (
            f"go on with: pushkit export-metrics --app {APP} --dataset delivery --endpoint "
            f"{pair.service.url} --cacert {pair.service.ca_file} --status-url "
            f"{pair.service.url}/status/1"
        )


def test_who_drips_is_left(tmp_path: Path) -> None:
    """Each piece takes its time, by our clock: an answer has a minute, a report an hour."""
    pair, time = Pair(files=[said(CSV * 20_000)]), Time()

    def now() -> float:
        time.at += 61
        return time.at

    with serving(tmp_path, pair), exporter(pair, time, now=now) as made:
        with pytest.raises(PushkitError, match="not whole after 60 s") as failed:
            made.request(WANTED)
        assert failed.value.exit_code == ExitCode.NOT_SENT
        with pytest.raises(PushkitError, match="not whole after 3600 s"):
            made.fetch(f"{pair.service.url}/status/1", f"{pair.downloads.url}/f", timeout=1)


def test_a_host_that_is_not_trusted_sees_no_token_and_is_asked_once(tmp_path: Path) -> None:
    time = Time()
    with serving(tmp_path, Pair()) as pair, serving(tmp_path / "other", Pair()) as other:
        pair.service.ca_file = other.service.ca_file
        with (
            exporter(pair, time) as made,
            pytest.raises(PushkitError, match="not trusted") as failed,
        ):
            made.request(WANTED)
    assert (failed.value.exit_code, time.pauses) == (ExitCode.NOT_SENT, [])
    assert pair.service.asked == []


def test_nobody_is_there(tmp_path: Path) -> None:
    time = Time()
    with serving(tmp_path, Pair()) as pair:
        pass
    with (
        exporter(pair, time) as made,
        pytest.raises(PushkitError, match="cannot be reached") as failed,
    ):
        made.request(WANTED)
    assert (failed.value.exit_code, len(time.pauses)) == (ExitCode.NOT_SENT, 2)
