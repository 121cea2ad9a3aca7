"""`pushkit listen` as its users run it: a process, a ready file, ^C; and what it must leave."""

import json
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from pushkit_cli.apns import token
from pushkit_cli.engine.local import ensure_key
from pushkit_cli.store.files import Home
from tests.interop.processes import PUSHKIT, answers, child, environment, until

APP, OTHER_APP = "com.example.app", "com.example.other"
MDM, PASS = "com.apple.mgmt.External.5b3a0f6e-6f0c-4f3d-9b53-0f2f2c1c7a11", "pass.com.example.card"
TEAM, KEY = "LOCALTEAM0", "LOCALKEY01"
SECOND_KEY = "SECONDKEY1"
OTHER_TEAM, OTHER_KEY = "OTHERTEAM1", "OTHERKEY01"

EXPIRED_PHONE, WIPED_PHONE = "expired-phone", "wiped-phone"
SINCE_MS = {EXPIRED_PHONE: 1_600_000_000_123, WIPED_PHONE: 1_700_000_000_456}
"""When the tokens of a phone ceased to be live: long ago, and to the millisecond."""


class Scoped(StrEnum):
    """Keys of the first team that are good for less than all of it."""

    SANDBOX = "SANDBOXKEY"
    PRODUCTION = "PRODUCTKEY"
    APP = "THEAPPSKEY"
    RELATED = "RELATEDKEY"
    OTHER_APP = "OTHERSKEY1"


_SCOPES: Mapping[Scoped, tuple[str, ...]] = {
    Scoped.SANDBOX: ("--env", "sandbox"),
    Scoped.PRODUCTION: ("--env", "production"),
    Scoped.APP: ("--env", "sandbox", "--topic", APP, "--related", Scoped.RELATED),
    Scoped.RELATED: ("--env", "sandbox", "--topic", APP),
    Scoped.OTHER_APP: ("--env", "sandbox", "--topic", f"{APP}.other"),
}


@dataclass(frozen=True, kw_only=True)
class Listener:
    """A listener that accepts connections; `ready` is what it said in its ready file."""

    ready: Mapping[str, Any]
    events: Path
    log: Path
    env: Mapping[str, str]
    _minted: dict[tuple[str, str, str, int], str] = field(default_factory=dict)
    _certificates: dict[tuple[str, ...], str] = field(default_factory=dict)

    @property
    def ca_file(self) -> str:
        return str(self.ready["ca_file"])

    def port(self, environment: str = "sandbox") -> int:
        return int(self.ready["endpoints"][environment].rpartition(":")[2])

    def token(
        self, kind: str, *, app: str = APP, environment: str = "sandbox", device: str | None = None
    ) -> str:
        """The token of the first device that has such a one, or of the device with this name."""
        found = (
            one["tokens"].get(kind)
            for there in self.ready["devices"]
            for one in there["apps"]
            if device in (None, there["name"])
            and (one["bundle_id"], one["environment"]) == (app, environment)
        )
        return next(str(value) for value in found if value)

    def provider_token(
        self, *, team_id: str = TEAM, key_id: str = KEY, by: str | None = None, age_s: int = 0
    ) -> str:
        """A provider token by a key in the home: the same again for the same words.

        `by` is the key that really signs, `key_id` the one the token names.
        """
        words = (team_id, key_id, by or key_id, age_s)
        if words not in self._minted:
            file = Path(self.ready["key_file"]).with_name(f"AuthKey_{by or key_id}.p8")
            self._minted[words] = token.mint(
                file.read_bytes(), team_id=team_id, key_id=key_id, now=time.time() - age_s
            )
        return self._minted[words]

    def certificate(self, *words: str) -> str:
        """Where a test client certificate stands: the same again for the same words."""
        if words not in self._certificates:
            out = self.events.with_name(f"client-{len(self._certificates)}.pem")
            self.command("certificate", *words, "--out", str(out))
            self._certificates[words] = str(out)
        return self._certificates[words]

    def command(self, *words: str) -> None:
        """A command on the home of this listener, which has to end well."""
        done = subprocess.run(
            [PUSHKIT, *words], env=dict(self.env), capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()

    def push_of(self, apns_id: str) -> dict[str, Any]:
        """The push event with this id, as soon as it is in the file."""

        def look() -> dict[str, Any] | None:
            ours = (one for one in reversed(self._events()) if one.get("apns_id") == apns_id)
            return next((one for one in ours if one["event"] == "push"), None)

        return until(f"push event {apns_id}", look)

    def event_where(self, **values: object) -> dict[str, Any]:
        """The first event with these values, as soon as it is in the file."""

        def look() -> dict[str, Any] | None:
            ours = (one for one in self._events() if values.items() <= one.items())
            return next(ours, None)

        return until(f"an event with {values}", look)

    def events_of(self, push_id: str, *, last: str) -> list[dict[str, Any]]:
        """What came of a push, up to and with the event called `last`."""

        def look() -> list[dict[str, Any]] | None:
            ours = [one for one in self._events() if one.get("push_id") == push_id]
            return ours if ours and ours[-1]["event"] == last else None

        return until(f"{last} of push {push_id}", look)

    def _events(self) -> list[dict[str, Any]]:
        whole = self.events.read_text(encoding="ascii").rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]


@contextmanager
def listening(folder: Path, *words: str) -> Iterator[Listener]:
    """`pushkit listen` on free ports until the end of the block, where ^C must end it well."""
    env = environment(folder)
    ready_file, events = folder / "ready.json", folder / "events.ndjson"
    log = folder / "listen.out"
    argv = (PUSHKIT, "listen", "--port", "0", "--ready-file", ready_file, "--events", events)
    with child([*argv, *words], env=env, log=log, stop=signal.SIGINT) as process:

        def look() -> dict[str, Any] | None:
            said = log.with_name(f"{log.name}.err").read_text()
            assert process.poll() is None, f"the listener ended with {process.returncode}: {said}"
            if not ready_file.exists():
                return None
            found: dict[str, Any] = json.loads(ready_file.read_bytes())
            return found

        ready = until("ready file", look)
        yield Listener(ready=ready, events=events, log=log, env=env)
    assert process.returncode == 0, log.with_name(f"{log.name}.err").read_text()
    assert not leftovers(folder, ready)


def prepare(before: Listener) -> None:
    """Make keys of a narrow scope known, and two more phones."""
    home = Home(Path(before.ready["home"]))
    for key_id, scope in _SCOPES.items():
        file = str(ensure_key(home, team_id=TEAM, key_id=key_id).file)
        before.command("register", "key", file, "--team-id", TEAM, "--local", *scope)
    for phone in SINCE_MS:
        before.command("register", "device", phone, "--app", APP, "--os", "13.0")


def end_tokens(listener: Listener) -> None:
    """Let the tokens of the two phones end; what the listener said before names them still."""
    expired, wiped = (str(SINCE_MS[phone]) for phone in (EXPIRED_PHONE, WIPED_PHONE))
    listener.command("device", "do", EXPIRED_PHONE, "expire-token", "voip", "--at", expired)
    listener.command("device", "do", WIPED_PHONE, "uninstall", "--at", wiped)


def leftovers(folder: Path, ready: Mapping[str, Any]) -> list[str]:
    """What a listener that has ended should have taken with it, and did not."""
    home = Path(ready["home"])
    files = [folder / "ready.json", *(folder / "tmp").iterdir(), *home.glob("run/*.json")]
    files += [path for path in home.rglob("*") if path.name.endswith(("-wal", "-shm", ".tmp"))]
    ports = [endpoint for endpoint in ready["endpoints"].values() if endpoint is not None]
    open_ports = [
        f"{host}:{port}"
        for port in (int(endpoint.rpartition(":")[2]) for endpoint in ports)
        for host in ("127.0.0.1", "::1")
        if answers(host, port)
    ]
    return [*(str(path) for path in files if path.exists()), *open_ports]
