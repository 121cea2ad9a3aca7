"""Apple's export of metrics, over what this emulator counted: request, status, download. Pure.

The paths of status and download are ours, and so is that the current day can be asked for.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any

from pushkit_cli.apns.export_api import REMEMBERED_S, TOKEN_HEADER
from pushkit_cli.apns.exports import DATASETS, HIDDEN, Dataset
from pushkit_cli.apns.message import Request, Response
from pushkit_cli.apns.payload import Parsed
from pushkit_cli.apns.reasons import Reason
from pushkit_cli.emulator.channel_records import Channel
from pushkit_cli.emulator.export_records import Audience, ExportRequest, ExportToken, Tally
from pushkit_cli.emulator.moves import NewId, Put
from pushkit_cli.emulator.state import State
from pushkit_cli.emulator.tallies import day_of

_HEAD = b"/v1/dataExports/"
_REQUEST = re.compile(
    r"/v1/dataExports/apns/teams/([^/]+)/appId/([^/]+)/datasetName/([^/]+)/request"
)
_STATUS = re.compile(r"/v1/dataExports/apns/status/([0-9a-f]{32})")
_FILE = re.compile(r"/v1/dataExports/apns/file/([0-9a-f]{32})/(\d{1,15})")
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TOKEN = TOKEN_HEADER.lower().encode("ascii")
_Act = Callable[[Request, tuple[str, ...], float, NewId], tuple[Response, list[Put]]]
_MINUTES = range(20, 61)
_KEPT_S = 180 * 86_400
"""Status URLs work for six months."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportTerms:
    """How the local service is. Everything but `is_apples` is ours.

    `is_apples`: it ends with yesterday. `processing_s`: how long a report takes. `hide_below`: a
    channel with fewer subscriptions has hidden numbers; how few Apple hides is not documented.
    """

    is_apples: bool = False
    processing_s: float = 0.0
    hide_below: int = 0


class _WrongError(Exception):
    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.response = _json({"reason": reason}, status=status)


def is_export(request: Request) -> bool:
    """Whether a request is for this service, by its path alone."""
    return request.path.startswith(_HEAD)


def refused(reason: Reason) -> Response:
    """What a fault on purpose answers, in the words of this service."""
    return _json({"reason": reason.word or reason.meaning}, status=reason.status)


class Exports:
    """The service of one State."""

    def __init__(self, state: State, terms: ExportTerms) -> None:
        self._state = state
        self._terms = terms

    def answer(self, request: Request, now: float, new_id: NewId) -> tuple[Response, list[Put]]:
        """The answer, and what is remembered of it."""
        try:
            act, found = self._errand(request)
            return act(request, found, now, new_id)
        except _WrongError as error:
            return error.response, []

    def _errand(self, request: Request) -> tuple[_Act, tuple[str, ...]]:
        path = request.path.decode("latin-1").partition("?")[0]
        for method, form, act in (
            ("POST", _REQUEST, self._request),
            ("GET", _STATUS, self._status),
            ("GET", _FILE, self._file),
        ):
            found = form.fullmatch(path)
            if found is not None and request.method != method:
                raise _WrongError(405, f"{method} is the method here")
            if found is not None:
                return act, found.groups()
        raise _WrongError(404, "there is nothing at this path")

    def old(self, now: float) -> Iterator[Put]:
        """Forget what has ended: requests after six months, and tokens."""
        for one in self._state.all_of(ExportRequest):
            if one.at_ms < (now - _KEPT_S) * 1000:
                yield self._state.drop(one)
        for token in self._state.all_of(ExportToken):
            if token.expires_ms <= now * 1000:
                yield self._state.drop(token)

    # The three steps

    def _request(
        self, request: Request, said: tuple[str, ...], now: float, new_id: NewId
    ) -> tuple[Response, list[Put]]:
        team, app, word = said
        dataset = next((name for name, row in DATASETS.items() if row.path == word), None)
        if dataset is None:
            raise _WrongError(404, f"no dataset is called {word}")
        token = self._token(request, now)
        if token is None or (token.team_id, token.app, token.dataset) != (team, app, dataset):
            raise _WrongError(401, "the token is not valid for this dataset of this app")
        wanted = self._wanted(request, dataset, app, now, new_id)
        same = next(
            (one for one in self._state.all_of(ExportRequest) if _is_same(one, wanted)), None
        )
        made = same or wanted
        host = request.fields.get(b":authority", b"").decode("latin-1")
        url = f"https://{host}/v1/dataExports/apns/status/{made.id}"
        answer = _json({"statusUrl": url, "requestedAt": _time(made.at_ms)})
        return answer, [] if same else [self._state.put(made)]

    def _status(
        self, request: Request, said: tuple[str, ...], now: float, new_id: NewId
    ) -> tuple[Response, list[Put]]:
        del new_id
        one, token = self._state.records.get(f"export/{said[0]}"), self._token(request, now)
        is_valid = isinstance(one, ExportRequest) and token is not None and (
            (token.app, token.dataset) == (one.app, one.dataset)
        )  # fmt: skip
        if not isinstance(one, ExportRequest) or not is_valid:
            is_delivery = not isinstance(one, ExportRequest) or one.dataset == Dataset.delivery
            raise _WrongError(404 if is_delivery else 401, "the token is not valid")
        body: dict[str, Any] = {"requestedAt": _time(one.at_ms)}
        if now < one.at_ms / 1000 + self._terms.processing_s:
            return _json({"status": "PROCESSING", **body}), []
        until = one.link_until_ms
        if until is not None and now * 1000 >= until:
            return _json({"status": "EXPIRED", **body}), [
                self._state.put(replace(one, link_until_ms=None))
            ]
        puts = []
        if until is None:
            until = int(now * 1000) + one.minutes * 60_000
            puts.append(self._state.put(replace(one, link_until_ms=until)))
        host = request.fields.get(b":authority", b"").decode("latin-1")
        link = f"https://{host}/v1/dataExports/apns/file/{one.id}/{until}"
        details = {"dataUrl": link, "expiresAt": _time(until)}
        return _json({"status": "SUCCESS", **body, "downloadDetails": details}), puts

    def _file(
        self, request: Request, said: tuple[str, ...], now: float, new_id: NewId
    ) -> tuple[Response, list[Put]]:
        del request, new_id
        one = self._state.records.get(f"export/{said[0]}")
        if not isinstance(one, ExportRequest) or now * 1000 >= int(said[1]):
            raise _WrongError(403, "this link is over, or was never made")
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(DATASETS[Dataset(one.dataset)].columns)
        is_delivery = one.dataset == Dataset.delivery
        rows.writerows(self._deliveries(one) if is_delivery else self._broadcasts(one))
        headers = ((b"content-type", b"text/csv"),)
        return Response(status=200, headers=headers, body=text.getvalue().encode("utf-8")), []

    # What they need

    def _token(self, request: Request, now: float) -> ExportToken | None:
        digest = sha256(request.fields.get(_TOKEN, b"")).hexdigest()
        found = self._state.records.get(f"export-token/{digest}")
        is_live = isinstance(found, ExportToken) and now * 1000 < found.expires_ms
        return found if isinstance(found, ExportToken) and is_live else None

    def _wanted(
        self, request: Request, dataset: Dataset, app: str, now: float, new_id: NewId
    ) -> ExportRequest:
        read = request.json
        said = read.value if isinstance(read, Parsed) and isinstance(read.value, dict) else None
        if said is None:
            raise _WrongError(400, "the body is no JSON object")
        first, last = (_day(said, name) for name in ("startDate", "endDate"))
        self._check_days(dataset, first, last, now)
        minutes = said.get("dataDownloadUrlExpiresInMinutes")
        if type(minutes) is not int or minutes not in _MINUTES:
            raise _WrongError(400, "dataDownloadUrlExpiresInMinutes is a number from 20 to 60")
        return ExportRequest(
            id=new_id(),
            app=app,
            dataset=dataset,
            channel_id=self._channel(said, dataset, app),
            first=first.isoformat(),
            last=last.isoformat(),
            at_ms=int(now * 1000),
            minutes=minutes,
        )

    def _check_days(self, dataset: Dataset, first: date, last: date, now: float) -> None:
        row, today = DATASETS[dataset], date.fromisoformat(day_of(now))
        oldest = today - timedelta(days=row.oldest_days)
        newest = today - timedelta(days=row.newest_days if self._terms.is_apples else 0)
        if first < oldest or last > newest or last <= first:
            raise _WrongError(
                400,
                f"the supported time range is {oldest} to {newest}, and endDate is later than "
                "startDate",
            )

    def _channel(self, said: Mapping[str, Any], dataset: Dataset, app: str) -> str:
        given = said.get("channelId")
        if not DATASETS[dataset].takes_channel:
            return ""
        if not isinstance(given, str) or not given:
            raise _WrongError(400, "channelId is missing")
        known = self._state.records.get(f"channel/{given}")
        if not isinstance(known, Channel) or known.bundle_id != app:
            raise _WrongError(404, "there is no such channel")
        return given

    def _deliveries(self, one: ExportRequest) -> Iterable[tuple[str | int, ...]]:
        found = [
            tally
            for tally in self._state.all_of(Tally)
            if tally.app == one.app and one.first <= tally.day <= one.last
        ]
        for tally in sorted(found, key=lambda tally: (tally.day, tally.kind, tally.status)):
            yield tally.kind, tally.status, tally.day, tally.count

    def _broadcasts(self, one: ExportRequest) -> Iterable[tuple[str | int, ...]]:
        found = [
            audience
            for audience in self._state.all_of(Audience)
            if (audience.app, audience.channel_id) == (one.app, one.channel_id)
            and one.first <= audience.day <= one.last
        ]
        for audience in sorted(found, key=lambda audience: audience.day):
            numbers: list[int] = [audience.delivered, audience.subscriptions]
            if not DATASETS[Dataset(one.dataset)].takes_channel:
                numbers.append(audience.subscribers)
            if audience.subscriptions < self._terms.hide_below:
                numbers = [HIDDEN] * len(numbers)
            yield audience.day, audience.published, *numbers


def _is_same(one: ExportRequest, other: ExportRequest) -> bool:
    """Whether a request is answered as one before it: the same within a day."""
    like = replace(other, id=one.id, at_ms=one.at_ms, link_until_ms=one.link_until_ms)
    return one == like and other.at_ms - one.at_ms < REMEMBERED_S * 1000


def _day(said: Mapping[str, Any], name: str) -> date:
    text = said.get(name)
    try:
        if isinstance(text, str) and _DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise _WrongError(400, f"{name} is no date as yyyy-MM-dd")


def _time(at_ms: int) -> str:
    at = datetime.fromtimestamp(at_ms / 1000, tz=UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _json(value: Mapping[str, Any], *, status: int = 200) -> Response:
    headers = ((b"content-type", b"application/json"),)
    return Response(status=status, headers=headers, body=json.dumps(value).encode("ascii"))
