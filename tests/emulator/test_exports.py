"""The local export of metrics: limits, errors, identity, time, links; and what counts."""

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from pushkit_cli.apns.export_api import TOKEN_HEADER
from pushkit_cli.apns.facts import Storage
from pushkit_cli.apns.message import Request, Response
from pushkit_cli.apns.push import Environment, PushType
from pushkit_cli.emulator.channel_records import Channel
from pushkit_cli.emulator.export_records import Audience, ExportToken, Tally
from pushkit_cli.emulator.exports import Exports, ExportTerms
from pushkit_cli.emulator.moves import Emit
from pushkit_cli.emulator.state import State
from pushkit_cli.emulator.tallies import Tallies, day_of
from pushkit_cli.phone.events import DeviceEvent, Happening

APP, TEAM, TOKEN, NOW = "com.example.app", "TEAM123456", "a-token", 1_795_000_000.0
TODAY = date.fromisoformat(day_of(NOW))
CHANNEL = "Y2hhbm5lbA=="
DELIVERY, OF_CHANNEL = "deliverymetrics", "broadcastchannelmetrics"


def token(text: str, dataset: str, **more: Any) -> ExportToken:
    facts = {"app": APP, "dataset": dataset, "team_id": TEAM, "expires_ms": int(NOW + 1e6) * 1000}
    return ExportToken(digest=sha256(text.encode()).hexdigest(), **{**facts, **more})


class Service:
    """The service on a state of its own, and a clock in our hands."""

    def __init__(self, terms: ExportTerms | None = None) -> None:
        self.state = State()
        for record in (
            token(TOKEN, "delivery"),
            token("b-token", "broadcast-channel"),
            token("old", "delivery", expires_ms=int(NOW * 1000)),
            Channel(
                id=CHANNEL, bundle_id=APP, environment=Environment.SANDBOX, storage=Storage.NONE
            ),
        ):
            self.state.put(record)
        self.exports = Exports(self.state, terms or ExportTerms())
        self.now, self._made = NOW, 0

    def ask(self, method: str, path: str, body: object = None, token: str = TOKEN) -> Response:
        fields = {":method": method, ":authority": "127.0.0.1:9", ":path": path}
        headers = tuple((name.encode(), text.encode()) for name, text in fields.items())
        raw = b"" if body is None else json.dumps(body).encode()
        sent = (*headers, (TOKEN_HEADER.lower().encode(), token.encode()))
        request = Request(headers=sent, body=raw, body_size=len(raw))
        return self.exports.answer(request, self.now, self._new_id)[0]

    def request(self, dataset: str = DELIVERY, token: str = TOKEN, **changes: Any) -> Response:
        body = {
            "startDate": str(TODAY - timedelta(days=7)),
            "endDate": str(TODAY - timedelta(days=1)),
            "dataDownloadUrlExpiresInMinutes": 20,
            **changes,
        }
        path = f"/v1/dataExports/apns/teams/{TEAM}/appId/{APP}/datasetName/{dataset}/request"
        return self.ask("POST", path, body, token)

    def url(self, response: Response) -> str:
        assert response.status == 200, response.body
        return path_of(json.loads(response.body)["statusUrl"])

    def status(self, url: str, token: str = TOKEN) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.ask("GET", url, token=token).body)
        return found

    def _new_id(self) -> str:
        self._made += 1
        return f"{self._made:032x}"


def path_of(url: str) -> str:
    return url.removeprefix("https://127.0.0.1:9")


def reason(response: Response) -> str:
    return str(json.loads(response.body)["reason"])


@pytest.mark.parametrize(
    ("changes", "status", "why"),
    [
        ({"startDate": "tomorrow"}, 400, "startDate is no date"),
        ({"startDate": "2026-02-31"}, 400, "startDate is no date"),
        ({"endDate": None}, 400, "endDate is no date"),
        ({"startDate": str(TODAY - timedelta(days=31))}, 400, "the supported time range"),
        ({"startDate": str(TODAY - timedelta(days=1))}, 400, "later than startDate"),
        ({"dataDownloadUrlExpiresInMinutes": 19}, 400, "20 to 60"),
        ({"dataDownloadUrlExpiresInMinutes": True}, 400, "20 to 60"),
        ({"token": "nobodys"}, 401, "not valid"),
        ({"token": "old"}, 401, "not valid"),
        ({"token": "b-token"}, 401, "not valid"),
        ({"dataset": "nothing"}, 404, "no dataset"),
        ({"dataset": OF_CHANNEL, "token": "b-token"}, 400, "channelId is missing"),
        ({"dataset": OF_CHANNEL, "token": "b-token", "channelId": "eA=="}, 404, "no such channel"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], status: int, why: str) -> None:
    said = Service().request(**changes)
    assert (said.status, why in reason(said)) == (status, True), said.body


def test_the_current_day_is_ours_and_apples_limits_are_a_switch() -> None:
    today = {"endDate": str(TODAY)}
    assert Service().request(**today).status == 200
    apples = Service(ExportTerms(is_apples=True))
    assert apples.request(**today).status == 400
    assert apples.request().status == 200
    assert apples.request(startDate=str(TODAY - timedelta(days=30))).status == 200


def test_the_same_within_a_day_is_the_same() -> None:
    service = Service()
    first = service.url(service.request())
    service.now += 86_399
    assert service.url(service.request()) == first
    other = service.request(dataDownloadUrlExpiresInMinutes=30)
    assert service.url(other) != first
    service.now += 1
    assert service.url(service.request()) != first


def test_a_report_takes_its_time_and_its_link_ends() -> None:
    service = Service(ExportTerms(processing_s=30))
    url = service.url(service.request())
    assert service.status(url)["status"] == "PROCESSING"
    service.now += 30
    said = service.status(url)
    link = path_of(said["downloadDetails"]["dataUrl"])
    assert said["status"] == "SUCCESS"
    assert said["downloadDetails"]["expiresAt"] == _time(service.now + 20 * 60)
    assert service.ask("GET", link, token="").status == 200
    service.now += 20 * 60
    assert service.ask("GET", link).status == 403
    assert service.status(url)["status"] == "EXPIRED"
    fresh = service.status(url)
    assert fresh["status"] == "SUCCESS"
    assert service.ask("GET", path_of(fresh["downloadDetails"]["dataUrl"])).status == 200


def _time(now: float) -> str:
    return datetime.fromtimestamp(now, tz=UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def test_a_token_that_is_no_good_at_the_status_is_404_and_of_broadcasts_401() -> None:
    service = Service()
    url = service.url(service.request())
    assert service.ask("GET", url, token="b-token").status == 404
    other = service.url(service.request(OF_CHANNEL, "b-token", channelId=CHANNEL))
    assert service.ask("GET", other).status == 401
    assert service.ask("POST", url).status == 405
    assert service.ask("GET", "/v1/dataExports/apns/nowhere").status == 404


def test_the_file_has_the_days_that_were_asked_for() -> None:
    service = Service()
    for back, count in ((0, 1), (1, 2), (7, 3), (8, 4)):
        day = str(TODAY - timedelta(days=back))
        service.state.put(Tally(app=APP, day=day, kind="voip", status="x, y", count=count))
        service.state.put(Tally(app="com.b", day=day, kind="voip", status="z", count=9))
    said = service.status(service.url(service.request()))
    file = service.ask("GET", path_of(said["downloadDetails"]["dataUrl"])).body.decode()
    assert file.splitlines() == [
        "Push Type,Status,Date (UTC),Count",
        f'voip,"x, y",{TODAY - timedelta(days=7)},3',
        f'voip,"x, y",{TODAY - timedelta(days=1)},2',
    ]


def test_small_channels_are_hidden() -> None:
    service = Service(ExportTerms(hide_below=3))
    for back, subscriptions in ((1, 2), (2, 3)):
        day = str(TODAY - timedelta(days=back))
        service.state.put(Audience(app=APP, day=day, channel_id=CHANNEL, published=4, delivered=5,
                                   subscriptions=subscriptions))  # fmt: skip
    url = service.url(service.request(OF_CHANNEL, "b-token", channelId=CHANNEL))
    said = service.status(url, "b-token")
    file = service.ask("GET", path_of(said["downloadDetails"]["dataUrl"])).body.decode()
    assert file.splitlines()[1:] == [
        f"{TODAY - timedelta(days=2)},4,5,3",
        f"{TODAY - timedelta(days=1)},4,-1,-1",
    ]


def test_what_has_ended_is_forgotten() -> None:
    service = Service()
    service.request()
    ended = [one.key for one in service.exports.old(NOW)]
    assert ended == [f"export-token/{sha256(b'old').hexdigest()}"]
    assert len(list(service.exports.old(NOW + 181 * 86_400))) == 3
    tallies = Tallies(service.state)
    for back in (31, 32):
        day = str(TODAY - timedelta(days=back))
        service.state.put(Tally(app=APP, day=day, kind="voip", status="x", count=1))
    assert [one.key.split("/")[1] for one in tallies.old(NOW)] == [str(TODAY - timedelta(days=32))]


def event(what: Happening, reason: str | None = None, push_id: str | None = "1") -> DeviceEvent:
    return DeviceEvent(
        event=what, push_id=push_id, device="iphone", app=APP, type=PushType.voip, reason=reason
    )


LATE = (
    (event(Happening.DELIVERED, "from-storage"), "Delivered to Device (From Storage)"),
    (event(Happening.DISCARDED, "expired"), "Discarded - Expired (From Storage)"),
    (event(Happening.DISCARDED, "unregistered"), "Discarded - Token Unregistered (From Storage)"),
    (event(Happening.DISCARDED, "voip-stopped"), "Delivered to Device (From Storage)"),
    (event(Happening.OVERWRITTEN, "slot"), "Discarded - Overwritten (From Storage)"),
    (event(Happening.STORED, "device-offline"), None),
    (event(Happening.DISCARDED, "app-terminated"), None),
    (event(Happening.LAUNCHED), None),
    (event(Happening.DELIVERED, push_id=None), None),
)


@pytest.mark.parametrize(("told", "status"), LATE)
def test_what_a_push_becomes_later(told: DeviceEvent, status: str | None) -> None:
    assert counted([told]) == ({} if status is None else {status: 1})


def counted(told: Iterable[DeviceEvent]) -> dict[str, int]:
    state = State()
    tallies = Tallies(state)
    for _ in range(2):
        tallies.note([Emit(event=one) for one in told])
        list(tallies.settle(NOW))
    assert list(tallies.settle(NOW)) == []
    return {one.status: one.count // 2 for one in state.all_of(Tally)}
