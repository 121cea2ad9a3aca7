"""An export of metrics, asked for, waited for and fetched; every step may be tried again.

The token is shown to the origin that was asked and to Apple's iCloud hosts, never to the host that
a report is downloaded from.
"""

import shlex
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from pathlib import Path
from random import Random
from typing import IO
from urllib.parse import urlsplit

from pushkit_cli.apns import export_api
from pushkit_cli.apns.export_api import Link, Progress, State, Wanted
from pushkit_cli.apns.exports import DATASETS, Dataset
from pushkit_cli.errors import (
    NotSentError,
    PushkitError,
    RefusedError,
    UnknownOutcomeError,
    UntrustedError,
    UsageError,
    WaitError,
)
from pushkit_cli.net.backoff import pause_s
from pushkit_cli.net.download import save
from pushkit_cli.net.proxy import Proxy
from pushkit_cli.net.rest import Arrival, Service

_ANSWER_BYTES = 65_536
_STEP_S, _ANSWER_S, _DOWNLOAD_S = 30.0, 60.0, 3600.0
_TRIES = 3
_FIRST_LOOK_S, _LONGEST_S = 2.0, 30.0
_FIRST_LOCAL_LOOK_S = 0.05
"""Nobody documents how often to look, so it is less and less often. Ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Who is asked, and with what. `is_local`: on this machine, and it may send us to this machine.

    `is_emulator`: it is a listener, which has the current day too.
    """

    origin: str
    token: str = field(repr=False)
    team_id: str
    is_local: bool
    is_emulator: bool = False
    cacert: Path | None = None
    proxy: Proxy | None = None

    @property
    def name(self) -> str:
        """In a word or two, for people."""
        host = urlsplit(self.origin).netloc
        if self.is_emulator:
            return f"the listener, {host}"
        return host if self.is_local else "Apple"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A report was not ready: how often it was asked for, for how long, and when next (seconds)."""

    number: int
    waited_s: float
    next_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The time, and how it passes; a test has its own."""

    now: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep


class Exporter:
    """The three steps, with one source. Close it in the end."""

    def __init__(
        self,
        source: Source,
        *,
        app: str,
        dataset: Dataset,
        channel: str | None = None,
        told: Callable[[Look], None],
        clock: Clock | None = None,
    ) -> None:
        self._source, self._app, self._dataset, self._channel = source, app, dataset, channel
        self._told, self._clock = told, clock or Clock()
        self._random = Random()  # noqa: S311 (spreads tries in time, keeps no secret)
        self._service = Service(cacert=source.cacert, proxy=source.proxy)
        self._downloads = Service(
            cacert=source.cacert,
            proxy=source.proxy,
            may_reach=None if source.is_local else lambda one: not export_api.is_private(one),
        )

    def request(self, wanted: Wanted) -> Link:
        """Ask for a report: where to look for it. Raises RefusedError and NotSentError."""
        body = self._answer(
            "POST", self._source.origin + wanted.path, wanted.body, channel=wanted.channel
        )
        link = export_api.link_of(body)
        self.check(link.status_url)
        return link

    def check(self, status_url: str) -> None:
        """Raise RefusedError where a status URL may not see the token."""
        if not export_api.may_see_token(status_url, self._source.origin):
            raise RefusedError(
                f"the status URL is not at {self._source.origin}: the token does not go there",
                hint="the token goes to the origin that was asked, and to *.icloud.apple.com",
            )

    def wait(self, status_url: str, *, timeout: float) -> str:
        """Look until there is a report, and give the URL to fetch it from. Raises WaitError."""
        self.check(status_url)
        began, number = self._clock.now(), 0
        delay = _FIRST_LOCAL_LOOK_S if self._source.is_local else _FIRST_LOOK_S
        while True:
            number += 1
            progress, asked_to_wait = self._look(status_url)
            if progress.state is State.FAILED:
                raise RefusedError(
                    "the export failed", hint="ask again later: the service does not say why"
                )
            if progress.state is State.SUCCESS and progress.data_url is not None:
                return progress.data_url
            waited = self._clock.now() - began
            if waited >= timeout:
                raise WaitError(
                    f"the report is not ready after {waited:.0f} s: {progress.state}",
                    hint=f"go on with: {self.command(status_url)}",
                )
            pause = min(max(delay, asked_to_wait), timeout - waited)
            self._told(Look(number=number, waited_s=waited, next_s=pause))
            self._clock.pause(pause)
            delay = min(delay * 2, _LONGEST_S)

    def fetch(self, status_url: str, data_url: str, *, timeout: float) -> IO[bytes]:
        """Download a report to a file that has no name, and that ends with its last handle.

        A link whose life is over is replaced, a download that was cut begins anew.
        """
        for attempt in range(1, _TRIES + 1):
            with ExitStack() as failed:
                file = failed.enter_context(tempfile.TemporaryFile())
                try:
                    if self._download(data_url, file):
                        file.seek(0)
                        failed.pop_all()
                        return file
                    data_url = self.wait(status_url, timeout=timeout)
                except UntrustedError:
                    raise
                except (NotSentError, UnknownOutcomeError) as error:
                    if attempt == _TRIES:
                        raise _in_vain(error) from error
                    self._clock.pause(pause_s(attempt, self._random))
        raise RefusedError("the download link is over again and again", hint="ask again later")

    def command(self, status_url: str) -> str:
        """What to type to go on."""
        words = ["--app", self._app, "--dataset", self._dataset]
        if self._channel is not None:
            words += ["--channel", self._channel]
        if self._source.is_emulator:
            words += ["--env", "local"]
        elif self._source.is_local:
            words += ["--endpoint", self._source.origin]
            words += [] if self._source.cacert is None else ["--cacert", str(self._source.cacert)]
        return f"pushkit export-metrics {shlex.join([*words, '--status-url', status_url])}"

    def close(self) -> None:
        """Close its connections."""
        self._service.close()
        self._downloads.close()

    def _look(self, url: str) -> tuple[Progress, float]:
        """How far it is, and how many seconds the service wants to be left alone."""
        waits: list[float] = []
        body = self._answer("GET", url, b"", waits=waits)
        return export_api.progress_of(body), max(waits, default=0.0)

    def _answer(
        self,
        method: str,
        url: str,
        body: bytes,
        *,
        channel: str | None = None,
        waits: list[float] | None = None,
    ) -> bytes:
        """One answer of the export service; what may pass is tried again."""
        headers = {export_api.TOKEN_HEADER: self._source.token, "accept-encoding": "identity"}
        if body:
            headers["content-type"] = "application/json"
        for attempt in range(1, _TRIES + 1):
            try:
                with self._service.asking(
                    method, url, headers=headers, body=body, timeout=_STEP_S
                ) as arrival:
                    said = _whole(self._in_time(arrival, _ANSWER_S))
            except UntrustedError:  # it will be no other the next time
                raise
            except (NotSentError, UnknownOutcomeError) as error:
                if attempt == _TRIES:
                    raise _in_vain(error) from error
                self._clock.pause(pause_s(attempt, self._random))
                continue
            asked_to_wait = _retry_after(arrival.headers)
            if arrival.status == HTTPStatus.OK:
                if waits is not None:
                    waits.append(asked_to_wait)
                return said
            if attempt == _TRIES or not (arrival.status >= 500 or arrival.status == 429):
                raise self._refused(arrival, said, channel)
            self._clock.pause(max(asked_to_wait, pause_s(attempt, self._random)))
        raise AssertionError("the last try returns or raises")

    def _refused(self, arrival: Arrival, said: bytes, channel: str | None) -> PushkitError:
        words = export_api.words_of(said)
        why = f": {words}" if words else ""
        if 300 <= arrival.status < 400:
            return _redirected("the export service", arrival)
        if arrival.status == HTTPStatus.NOT_FOUND and channel is not None:
            return RefusedError(
                f"the export service knows no channel {channel}{why}",
                hint="is it of this app? pushkit channel list",
            )
        if arrival.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND):
            return RefusedError(
                f"the export service does not take this token ({arrival.status}){why}",
                hint="make another in CloudKit Console, Settings, Tokens, and register it: pushkit "
                f"register export-token --app {self._app} --dataset {self._dataset} --replace",
            )
        if arrival.status >= 500 or arrival.status == 429:
            return RefusedError(
                f"the export service cannot answer now ({arrival.status}){why}",
                hint="try again later: nothing is lost",
            )
        row = DATASETS[self._dataset]
        return RefusedError(
            f"the export service refused the request ({arrival.status}){why}",
            hint=f"it exports the last {row.oldest_days} days, up to yesterday",
        )

    def _download(self, url: str, file: IO[bytes]) -> bool:
        """Whether there was something; a link whose life is over gives nothing."""
        if not export_api.may_be_fetched(url):
            raise RefusedError("the download link is not https", hint="nothing was fetched")
        private = not self._source.is_local and export_api.is_private(urlsplit(url).hostname or "")
        if private:
            raise RefusedError(
                "the download link leads to a private network", hint="nothing was fetched"
            )
        with self._downloads.asking(
            "GET", url, headers={"accept-encoding": "gzip"}, timeout=_STEP_S
        ) as arrival:
            if arrival.status in (
                HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.GONE,
            ):  # fmt: skip
                return False
            if 300 <= arrival.status < 400:
                raise _redirected("the download host", arrival)
            if arrival.status >= 500:
                raise NotSentError(
                    f"the download host cannot answer now ({arrival.status})", hint="try later"
                )
            if arrival.status != HTTPStatus.OK:
                raise RefusedError(
                    f"the download host says {arrival.status}", hint="nothing was fetched"
                )
            save(self._in_time(arrival, _DOWNLOAD_S), file)
        return True

    def _in_time(self, arrival: Arrival, seconds: float) -> Arrival:
        """What comes, as long as it comes to an end: a host may drip bytes for ever."""
        end = self._clock.now() + seconds

        def pieces() -> Iterator[bytes]:
            for piece in arrival.pieces:
                if self._clock.now() > end:
                    raise UnknownOutcomeError(
                        f"the answer is not whole after {seconds:.0f} s",
                        hint="asking again is safe",
                    )
                yield piece

        return replace(arrival, pieces=pieces())


def check_status_url(url: str) -> None:
    """Raise UsageError for what is no https URL."""
    if not export_api.may_be_fetched(url):
        raise UsageError("--status-url is no https URL", hint="as --no-wait printed it")


def _whole(arrival: Arrival) -> bytes:
    kept = bytearray()
    for piece in arrival.pieces:
        kept += piece
        if len(kept) > _ANSWER_BYTES:
            raise RefusedError("the answer has no end", hint="is this the export service?")
    return bytes(kept)


def _redirected(who: str, arrival: Arrival) -> RefusedError:
    host = urlsplit(arrival.headers.get("location", "")[:1000]).netloc.rpartition("@")[2]
    return RefusedError(
        f"{who} sends us on ({arrival.status}) to {host or 'nowhere'}",
        hint="no redirect is followed: the token would go along",
    )


def _in_vain(error: PushkitError) -> NotSentError:
    """Nothing is changed by asking, so a run that heard no answer may be repeated."""
    if isinstance(error, NotSentError):
        return error
    return NotSentError(error.message, hint="asking again is safe")


def _retry_after(headers: Mapping[str, str]) -> float:
    said = headers.get("retry-after", "")
    return (
        float(min(int(said), 3600)) if said.isascii() and said.isdigit() and len(said) < 9 else 0.0
    )
