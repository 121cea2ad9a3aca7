"""An export service and a download host that answer as they are told, over real TLS and HTTP/2."""

import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pushkit_cli.apns.export_api import TOKEN_HEADER
from pushkit_cli.apns.message import Request, Response
from tests.apns_host import Host, answering

APP, TEAM, TOKEN = "com.example.app", "TEAM123456", "an-export-token.of-the.tests-0123456789"
CSV = "Push Type,Status,Date (UTC),Count\nvoip,Delivered to Device,2026-11-16,7\n"
Answer = Response | Callable[["Pair"], Response]


def said(value: object, status: int = 200, **headers: str) -> Response:
    """JSON, or text as it is."""
    body = value.encode() if isinstance(value, str) else json.dumps(value).encode()
    named = ((name.replace("_", "-").encode(), text.encode()) for name, text in headers.items())
    return Response(status=status, headers=tuple(named), body=body)


def packed(text: str, **headers: str) -> Response:
    """A gzip file, with or without a header that says so."""
    plain = said("", 200, **headers)
    return Response(status=200, headers=plain.headers, body=gzip.compress(text.encode()))


def requested(url: str = "{service}/status/1", *, hours_ago: float = 0.0) -> Answer:
    at = datetime.now(tz=UTC) - timedelta(hours=hours_ago)
    body = {"requestedAt": at.strftime("%Y-%m-%d %H:%M:%SZ")}
    return lambda pair: said({"statusUrl": pair.named(url), **body})


def status(word: str, url: str | None = None, key: str = "dataUrl", **headers: str) -> Answer:
    def answer(pair: "Pair") -> Response:
        body: dict[str, object] = {"status": word, "requestedAt": "2024-02-14T18:32:30.947Z"}
        if url is not None:
            body["downloadDetails"] = {
                key: pair.named(url), "expiresAt": "2024-02-14T19:32:30.123456Z",
            }  # fmt: skip
        return said(body, 200, **headers)

    return answer


PROCESSING = status("PROCESSING")
READY = status("SUCCESS", "{downloads}/file?sig=1")


@dataclass
class Pair:
    """Both hosts; each answer is given once, the last one again and again."""

    requests: list[Answer] = field(default_factory=lambda: [requested()])
    statuses: list[Answer] = field(default_factory=lambda: [READY])
    files: list[Answer] = field(default_factory=lambda: [said(CSV)])
    service: Host = field(init=False)
    downloads: Host = field(init=False)

    def named(self, url: str) -> str:
        return url.format(service=self.service.url, downloads=self.downloads.url)

    @property
    def tokens_seen(self) -> tuple[int, int]:
        """How many requests brought the token, to the service and to the other host."""
        name = TOKEN_HEADER.lower().encode()
        service, other = (
            sum(name in one.fields for one in host.asked) for host in (self.service, self.downloads)
        )
        return service, other

    def _next(self, answers: list[Answer]) -> Response:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        return answer if isinstance(answer, Response) else answer(self)

    def answer(self, request: Request) -> Response:
        return self._next(self.requests if request.method == "POST" else self.statuses)

    def file(self, request: Request) -> Response:
        return self._next(self.files)


@contextmanager
def serving(folder: Path, pair: Pair) -> Iterator[Pair]:
    """Both up, with one authority."""
    with answering(folder, pair.answer) as service, answering(folder, pair.file) as downloads:
        pair.service, pair.downloads = service, downloads
        yield pair
