"""A request as curl is told to send it, what it heard, and changes that spoil a good one."""

import json
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.interop.listening import APP, KEY, TEAM, Listener

BODY = b'{"callUUID":"6b29fc40-ca47-1067-b31d-00dd010662da","handle":"+15550100"}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request. `body` `None`: curl is given none. `options` are more words for curl."""

    token: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None = BODY
    path: str | None = None
    environment: str = "sandbox"
    host: str = "127.0.0.1"
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back: the header lines as they stood, and how many connections were opened."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    version: str
    connects: int

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.headers]

    def __getitem__(self, name: str) -> str:
        return dict(self.headers)[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Curl:
    """The program, run without the user's .curlrc, proxies and certificates."""

    program: str
    folder: Path

    def run(self, *words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """curl as it is; a test looks at the exit code itself."""
        return subprocess.run(
            [self.program, "-q", "-sS", "--max-time", "20", *words],
            input=stdin,
            capture_output=True,
            env={"PATH": "", "HOME": str(self.folder), "LC_ALL": "C"},
            check=False,
        )

    def ask(self, listener: Listener, asks: Sequence[Ask]) -> list[Answer]:
        """Requests one after the other in one run of curl, which keeps the connection.

        The last body comes on stdin.
        """
        files = [
            (self.folder / f"{place}.headers", self.folder / f"{place}.body")
            for place in range(len(asks))
        ]
        words: list[str] = []
        for place, (ask, (headers, body)) in enumerate(zip(asks, files, strict=True)):
            last = place == len(asks) - 1
            words += [] if place == 0 else ["--next"]
            words += _words(ask, listener, stdin=last)
            words += ["-D", str(headers), "-o", str(body), "-w", "%{json}\n"]
            body.write_bytes(b"")  # curl makes no file for a body that is not there
        done = self.run(*words, stdin=asks[-1].body or b"")
        assert done.returncode == 0, done.stderr.decode()
        said = [json.loads(line) for line in done.stdout.splitlines()]
        return [
            _answer(facts, headers.read_bytes(), body.read_bytes())
            for facts, (headers, body) in zip(said, files, strict=True)
        ]


def _words(ask: Ask, listener: Listener, *, stdin: bool) -> list[str]:
    path = f"/3/device/{ask.token}" if ask.path is None else ask.path
    port = listener.port(ask.environment)
    words = ["--http2", "--cacert", listener.ca_file, "--path-as-is", "--globoff"]
    for name, value in ask.headers:
        words += ["-H", f"{name}: {value}" if value else f"{name};"]
    if ask.body is not None:
        words += ["--data-binary", "@-" if stdin else ask.body.decode()]
    return [*words, *ask.options, f"https://{ask.host}:{port}{path}"]


def _answer(facts: dict[str, Any], headers: bytes, body: bytes) -> Answer:
    lines = headers.decode("latin-1").split("\r\n")
    assert lines[0].startswith("HTTP/2 ")
    assert lines[-2:] == ["", ""]
    pairs = [line.split(": ", 1) for line in lines[1:-2]]
    return Answer(
        status=facts["response_code"],
        headers=tuple((name, value) for name, value in pairs),
        body=body,
        version=facts["http_version"],
        connects=facts["num_connects"],
    )


# Asks, and changes of them

Change = Callable[[Ask, Listener], Ask]


def good(listener: Listener, *changes: Change) -> Ask:
    """A VoIP push that is accepted, but for the changes."""
    ask = Ask(
        token=listener.token("voip"),
        headers=(
            ("authorization", f"bearer {listener.provider_token()}"),
            ("apns-topic", f"{APP}.voip"),
            ("apns-push-type", "voip"),
            ("apns-priority", "10"),
            ("apns-expiration", "0"),
        ),
    )
    for change in changes:
        ask = change(ask, listener)
    return ask


def header(name: str, value: str | None) -> Change:
    """Say a header once, or not at all."""
    said = () if value is None else ((name, value),)
    return lambda ask, _: replace(
        ask, headers=(*(pair for pair in ask.headers if pair[0] != name), *said)
    )


def more(*pairs: tuple[str, str]) -> Change:
    """Say headers beside those that are there."""
    return lambda ask, _: replace(ask, headers=(*ask.headers, *pairs))


def body(value: bytes | None) -> Change:
    return lambda ask, _: replace(ask, body=value)


def sized(size: int) -> Change:
    """A JSON body of so many bytes."""
    return body(b'{"callUUID":"c","pad":"' + b"x" * (size - 25) + b'"}')


def options(*words: str) -> Change:
    return lambda ask, _: replace(ask, options=(*ask.options, *words))


def certificate(*words: str) -> Change:
    """A test client certificate, as `pushkit certificate` makes it for these words."""
    return lambda ask, listener: options("--cert", listener.certificate(*words))(ask, listener)


def method(name: str) -> Change:
    """Another method, and no body."""
    return lambda ask, _: replace(ask, body=None, options=(*ask.options, "-X", name))


def path(value: str) -> Change:
    """A path that a URL can hold; `{token}` is the device token."""
    return lambda ask, _: replace(ask, path=value.format(token=ask.token))


def target(value: str) -> Change:
    """A path that no URL can hold."""
    return options("--request-target", value)


def device(token: str) -> Change:
    return lambda ask, _: replace(ask, token=token)


def token_of(kind: str, *, app: str = APP, environment: str = "sandbox") -> Change:
    """The token of one of the listener's devices."""
    return lambda ask, listener: replace(
        ask, token=listener.token(kind, app=app, environment=environment)
    )


def to(environment: str) -> Change:
    """Another port of the listener."""
    return lambda ask, _: replace(ask, environment=environment)


def pushing(topic: str, kind: str, priority: str) -> Change:
    """A push of another type: its topic, type and priority, but not its token."""

    def change(ask: Ask, listener: Listener) -> Ask:
        said = {"apns-topic": topic, "apns-push-type": kind, "apns-priority": priority}
        for name, value in said.items():
            ask = header(name, value)(ask, listener)
        return ask

    return change


def signed(
    *, team_id: str = TEAM, key_id: str = KEY, by: str | None = None, age_s: int = 0
) -> Change:
    """Another provider token."""

    def change(ask: Ask, listener: Listener) -> Ask:
        minted = listener.provider_token(team_id=team_id, key_id=key_id, by=by, age_s=age_s)
        return header("authorization", f"bearer {minted}")(ask, listener)

    return change


def bearing(change_text: Callable[[str], str]) -> Change:
    """The provider token with something done to its text."""
    return lambda ask, listener: header(
        "authorization", f"bearer {change_text(listener.provider_token())}"
    )(ask, listener)
