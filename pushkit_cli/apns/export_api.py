"""The three steps of an export as values: request, poll, download; and who may see the token. Pure.

Source: Apple, "Exporting delivery metrics logs" and "Exporting broadcast push notification
metrics". What they leave open is read in every form that they or their samples show.
"""

import ipaddress
import json
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import SplitResult, urlsplit

from pushkit_cli.apns.exports import DATASETS, Dataset
from pushkit_cli.apns.payload import Parsed, parse_json
from pushkit_cli.errors import RefusedError, UsageError

APPLE = "https://api.icloud.apple.com"
TOKEN_HEADER = "X-Apple-CloudKit-Management-Token"  # noqa: S105 (a name)
LINK_MINUTES = 60
"""How long a download link is asked to live; Apple takes 20 to 60."""
REMEMBERED_S = 24 * 3600
"""So long the same request has the same answer."""
_MAX_WORDS = 300
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(\.\d{1,9})?\s*(Z|[+-]\d\d:?\d\d)?", re.ASCII
)


class State(StrEnum):
    """What a status URL says."""

    PROCESSING = "PROCESSING"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"
    SUCCESS = "SUCCESS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One dataset of one app; `channel` is a channel's id, its bytes in base64."""

    team_id: str
    app: str
    dataset: Dataset
    channel: str | None = None
    first: date
    last: date

    @property
    def path(self) -> str:
        """Where it is requested."""
        return (
            f"/v1/dataExports/apns/teams/{self.team_id}/appId/{self.app}"
            f"/datasetName/{DATASETS[self.dataset].path}/request"
        )

    @property
    def body(self) -> bytes:
        """What is posted there."""
        said: dict[str, Any] = {
            "startDate": self.first.isoformat(),
            "endDate": self.last.isoformat(),
            "dataDownloadUrlExpiresInMinutes": LINK_MINUTES,
        }
        if self.channel is not None:
            said["channelId"] = self.channel
        return json.dumps(said).encode("ascii")


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Where to ask how far a report is; `requested_at` in Unix seconds."""

    status_url: str
    requested_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What a status URL answered; `data_url` where there is something to fetch."""

    state: State
    data_url: str | None = None


def span(first: date, last: date, *, dataset: Dataset, today: date, is_free: bool = False
         ) -> tuple[date, date]:  # fmt: skip
    """The days to request for a period: with as many before it, as far as Apple goes back.

    `is_free`: the emulator's own limits, up to the current day. Raises UsageError with the range
    that is allowed.
    """
    row = DATASETS[dataset]
    oldest = today - timedelta(days=row.oldest_days)
    newest = today if is_free else today - timedelta(days=row.newest_days)
    if first < oldest or last > newest:
        raise UsageError(
            f"{first} to {last} cannot be exported: only {oldest} to {newest} can",
            hint=f"--since {max(first, oldest)} --until {min(last, newest)}"
            if first <= newest and last >= oldest
            else f"--since {oldest} --until {newest}",
        )
    earlier = max(oldest, first - (last - first) - timedelta(days=1))
    if earlier == last:  # Apple wants two days at least
        raise UsageError(
            f"{first} alone cannot be exported: it is the oldest day", hint=f"--until {newest}"
        )
    return earlier, last


def link_of(body: bytes) -> Link:
    """What a request was answered. Raises RefusedError for what is no such answer."""
    said = _object(body, "the request")
    url = said.get("statusUrl")
    if not isinstance(url, str) or not url:
        raise _nonsense("the request", "there is no statusUrl")
    return Link(status_url=url, requested_at=time_of(said.get("requestedAt")))


def progress_of(body: bytes) -> Progress:
    """What a status URL was answered. Raises RefusedError for what is no such answer."""
    said = _object(body, "the status URL")
    word = said.get("status")
    if word not in [one.value for one in State]:
        raise _nonsense("the status URL", f"status is {str(word)[:40]}")
    details = said.get("downloadDetails")
    found = details if isinstance(details, dict) else {}
    url = found.get("dataUrl") or found.get("dataURL")
    if word == State.SUCCESS and not isinstance(url, str):
        raise _nonsense("the status URL", "SUCCESS without a dataUrl")
    return Progress(state=State(word), data_url=url if isinstance(url, str) else None)


def time_of(said: Any) -> float | None:
    """Unix seconds of a time, in each of the three forms that Apple's samples have."""
    found = _TIME.fullmatch(said.strip()) if isinstance(said, str) else None
    if found is None:
        return None
    day, clock, fraction, zone = found.groups()
    try:
        at = datetime.fromisoformat(f"{day}T{clock}{(fraction or '.0')[:7]:0<7}")
        offset = datetime.fromisoformat(f"{day}T{clock}{zone}").utcoffset() if zone else None
    except ValueError:
        return None
    return (at - (offset or timedelta())).replace(tzinfo=UTC).timestamp()


def words_of(body: bytes) -> str | None:
    """Why a service said no: its shape is nowhere documented, so whatever text there is."""
    read = parse_json(body)
    value = read.value if isinstance(read, Parsed) else None
    if isinstance(value, dict):
        for key in ("reason", "message", "errorMessage", "error", "serverErrorCode"):
            if isinstance(value.get(key), str):
                return str(value[key])[:_MAX_WORDS]
    text = body[:_MAX_WORDS].decode("utf-8", "replace").strip()
    return None if not text or text.startswith("<") else text


def may_see_token(url: str, origin: str) -> bool:
    """Whether a URL may be asked with the token: at the origin itself, else at Apple's iCloud.

    That `https://*.icloud.apple.com` is trusted is ours.
    """
    to, known = _split(url), _split(origin)
    if to is None or known is None or "@" in to.netloc:
        return False
    if (to.scheme, to.hostname, _port(to)) == (known.scheme, known.hostname, _port(known)):
        return True
    host = to.hostname or ""
    return to.scheme == "https" and _port(to) == 443 and host.endswith(".icloud.apple.com")


def may_be_fetched(url: str) -> bool:
    """Whether a link can be downloaded from: https, and nobody's name and password in it."""
    to = _split(url)
    return to is not None and to.scheme == "https" and bool(to.hostname) and "@" not in to.netloc


def is_private(address: str) -> bool:
    """Whether an IP address is one of this machine or of a private network."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return not (mapped or found).is_global


def _split(url: str) -> SplitResult | None:
    if not re.fullmatch(r"[\x21-\x7e]{1,8192}", url) or "\\" in url:
        return None
    try:
        found = urlsplit(url)
        _port(found)
    except ValueError:
        return None
    return found


def _port(url: SplitResult) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


def _object(body: bytes, what: str) -> dict[str, Any]:
    read = parse_json(body)
    if not isinstance(read, Parsed) or not isinstance(read.value, dict):
        raise _nonsense(what, words_of(body) or "no JSON object came")
    return read.value


def _nonsense(what: str, why: str) -> RefusedError:
    return RefusedError(
        f"the answer to {what} makes no sense: {why}", hint="is this the export service?"
    )
