"""What is asked of channels, as curl and a client in JavaScript are told to ask it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pushkit_cli.apns.channels import Operation
from tests.interop.curl import Ask
from tests.interop.listening import (
    APP,
    KEY,
    TEAM,
    Listener,
)

UPDATE = b'{"aps":{"timestamp":1764000000,"event":"update","content-state":{"score":1}}}'
CREATE = {"message-storage-policy": 1, "push-type": "LiveActivity"}
SANDBOX, MANAGES = "sandbox", "manage_sandbox"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A listener with channels: two of the app's, one in production, and one of another app."""

    listener: Listener
    latest: str
    none: str
    elsewhere: str
    foreign: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """One request. `door` is the endpoint's name; `certificate` words of `pushkit certificate`."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    door: str = MANAGES
    certificate: tuple[str, ...] | None = None

    def of_curl(self, listener: Listener) -> Ask:
        """For curl."""
        words = ["-X", self.method]
        if self.certificate is not None:
            words += ["--cert", listener.certificate(*self.certificate)]
        return Ask(
            token="",
            headers=self.headers,
            body=self.body,
            path=self.path,
            environment=self.door,
            options=tuple(words),
        )

    def to_json(self) -> dict[str, Any]:
        """For the client in JavaScript."""
        body = None if self.body is None else self.body.decode("latin-1")
        return {
            "method": self.method, "path": self.path, "headers": dict(self.headers), "body": body,
        }  # fmt: skip


Make = Callable[[Place], Errand]
Change = Callable[[Errand, Place], Errand]


def good(operation: Operation, *changes: Change) -> Make:
    """An operation that is not refused, but for the changes."""

    def make(place: Place) -> Errand:
        errand = _GOOD[operation](place)
        errand = header("authorization", f"bearer {place.listener.provider_token()}")(errand, place)
        for change in changes:
            errand = change(errand, place)
        return errand

    return make


def _errand(method: str, what: str, *, named: bool = False, **more: Any) -> Make:
    def make(place: Place) -> Errand:
        said = (("apns-channel-id", place.latest),) if named else ()
        return Errand(method=method, path=f"/1/apps/{APP}/{what}", headers=said, **more)

    return make


def _send(place: Place) -> Errand:
    said = {
        "apns-channel-id": place.none, "apns-push-type": "liveactivity", "apns-priority": "10",
        "apns-expiration": "0",
    }  # fmt: skip
    path = f"/4/broadcasts/apps/{APP}"
    return Errand(method="POST", path=path, headers=tuple(said.items()), body=UPDATE, door=SANDBOX)


_GOOD: Mapping[Operation, Make] = {
    Operation.CREATE: _errand("POST", "channels", body=json.dumps(CREATE).encode()),
    Operation.SHOW: _errand("GET", "channels", named=True),
    Operation.LIST: _errand("GET", "all-channels"),
    Operation.DELETE: _errand("DELETE", "channels", named=True),
    Operation.SEND: _send,
}


# Changes


def header(name: str, value: str | None) -> Change:
    """Say a header once, or not at all."""
    said = () if value is None else ((name, value),)
    return lambda errand, _: replace(
        errand, headers=(*(pair for pair in errand.headers if pair[0] != name), *said)
    )


def with_body(body: bytes | None) -> Change:
    return lambda errand, _: replace(errand, body=body)


def created(**values: Any) -> Change:
    """The body of a new channel, with other values; `None` leaves one out."""
    said = {**CREATE, **{name.replace("_", "-"): value for name, value in values.items()}}
    return with_body(json.dumps({k: v for k, v in said.items() if v is not None}).encode())


def to(door: str) -> Change:
    return lambda errand, _: replace(errand, door=door)


def with_path(path: str) -> Change:
    return lambda errand, _: replace(errand, path=path)


def with_method(method: str) -> Change:
    return lambda errand, _: replace(errand, method=method)


def of_app(bundle_id: str) -> Change:
    return lambda errand, _: replace(errand, path=errand.path.replace(APP, bundle_id))


def channel(which: str) -> Change:
    """Another of the channels of the place."""
    return lambda errand, place: header("apns-channel-id", getattr(place, which))(errand, place)


def signed(
    *, team_id: str = TEAM, key_id: str = KEY, by: str | None = None, age_s: int = 0
) -> Change:
    """Another provider token."""

    def change(errand: Errand, place: Place) -> Errand:
        token = place.listener.provider_token(team_id=team_id, key_id=key_id, by=by, age_s=age_s)
        return header("authorization", f"bearer {token}")(errand, place)

    return change


def certified(*words: str) -> Change:
    """A test client certificate in the place of the provider token."""

    def change(errand: Errand, place: Place) -> Errand:
        return replace(header("authorization", None)(errand, place), certificate=words)

    return change
