"""Clients that others wrote, in several languages, at a listener: all of them play one table.

They are unmodified and told no more than `pushkit env` prints. How one is spoken to, and what to do
for another language, is in clients/table.py; `make interop` installs them by clients/install.sh.
"""

import json
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, TextIO

import pytest

from tests.interop.clients.table import TABLE, Client
from tests.interop.listening import APP, KEY, TEAM, Listener, end_tokens, listening, prepare
from tests.interop.processes import PUSHKIT, until
from tests.interop.relay import Relay, relaying
from tests.interop.scenarios import AT_ONCE, EXPIRED, ROWS, Credential, Row

PLAYED = [(client, row) for client, row in product(TABLE, ROWS) if row.name not in client.cannot]
LANGUAGES = {client.language.name for client in TABLE}
PATIENCE_S = 60.0

# The stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What a client said of each push of a row, and the events that the listener made of them."""

    answers: Sequence[Mapping[str, Any]]
    pushes: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """One run of a client over its rows, by name, and `why` it did not come to the end of them.

    `extra` are push events that belong to no row.
    """

    client: Client
    heard: Mapping[str, Heard]
    extra: Sequence[Mapping[str, Any]]
    code: int
    stderr: str
    why: str

    def of(self, name: str) -> Heard:
        assert name in self.heard, f"{self.why}\n{self.stderr}"
        return self.heard[name]


@dataclass(slots=True, kw_only=True)
class Stage:
    """A listener, at which one client plays after the other, each of them once.

    `events` is the listener's file of them, `logs` a folder.
    """

    listener: Listener
    variables: Mapping[str, str]
    events: TextIO
    logs: Path
    _played: dict[str, Played] = field(default_factory=dict)
    _rest: str = ""
    _pushes: list[Mapping[str, Any]] = field(default_factory=list)

    def play(self, client: Client) -> Played:
        if client.name not in self._played:
            self._played[client.name] = self._play(client)
        return self._played[client.name]

    def _play(self, client: Client) -> Played:
        argv = client.argv()
        log = self.logs / f"{len(self._played)}.err"
        with relaying(self.listener.port()) as relay, log.open("wb") as err:
            running = subprocess.Popen(
                argv,
                env=self._environment(client, relay),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=err,
                text=True,
                encoding="utf-8",
            )
            impatience = threading.Timer(PATIENCE_S, running.kill)
            impatience.start()
            try:
                with running:
                    heard, why = self._listen(client, running, relay)
            finally:
                impatience.cancel()
        return Played(
            client=client,
            heard=heard,
            extra=self._take(),
            code=running.returncode,
            stderr=log.read_text(encoding="utf-8"),
            why=why,
        )

    def _listen(
        self, client: Client, running: subprocess.Popen[str], relay: Relay
    ) -> tuple[dict[str, Heard], str]:
        """What was heard, and why no more."""
        heard: dict[str, Heard] = {}
        for row in (row for one, row in PLAYED if one is client):
            try:
                heard[row.name] = self._heard(client, row, running, relay)
            except (AssertionError, OSError, ValueError) as error:
                running.kill()
                return heard, f"{row.name}: {error!r}"
        return heard, ""

    def _environment(self, client: Client, relay: Relay) -> dict[str, str]:
        ours = {
            **self.variables,
            "PUSHKIT_PORT": str(relay.port),
            "PUSHKIT_ENDPOINT": f"https://127.0.0.1:{relay.port}",
        }
        more = {name: ours[source] for name, source in client.variables.items()}
        return {**self.listener.env, **ours, **more}

    def _heard(
        self, client: Client, row: Row, running: subprocess.Popen[str], relay: Relay
    ) -> Heard:
        assert running.stdin is not None
        assert running.stdout is not None
        told = json.dumps({"credential": self._credential(client, row), "pushes": self._told(row)})
        # A connection that is opened meanwhile could not even shake hands.
        with relay.silent(when=row.times > 1 and client.connections == 1):
            running.stdin.write(f"{told}\n")
            running.stdin.flush()
            self._wait(row.times)
        return Heard(answers=json.loads(running.stdout.readline()), pushes=self._take())

    def _credential(self, client: Client, row: Row) -> dict[str, Any]:
        """A provider token is given to whoever signs none, or could not sign such a one."""
        key_id, age_s = row.credential.key_id, row.credential.age_s
        if client.signs and not age_s:
            return {"key_id": key_id, "bearer": None}
        bearer = self.listener.provider_token(key_id=key_id, by=KEY, age_s=age_s)
        return {"key_id": key_id, "bearer": bearer}

    def _told(self, row: Row) -> list[dict[str, Any]]:
        one = {
            "type": row.type,
            "topic": self.variables["PUSHKIT_BUNDLE_ID"] + row.suffix,
            "token": self.variables.get(row.token, row.token),
            "priority": row.priority,
        }
        return [{**one, "payload": payload} for payload in row.payloads]

    def _wait(self, number: int) -> None:
        """Until the listener has noted so many pushes that nobody took yet."""

        def look() -> bool | None:
            *lines, self._rest = (self._rest + self.events.read()).split("\n")
            events = [json.loads(line) for line in lines]
            self._pushes += [event for event in events if event["event"] == "push"]
            return len(self._pushes) >= number or None

        until(f"{number} push events", look)

    def _take(self) -> list[Mapping[str, Any]]:
        self._wait(0)
        taken, self._pushes = self._pushes, []
        return taken


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("stage")
    with listening(folder, "--app", APP) as before:
        pass
    prepare(before)
    with listening(folder, "--app", APP) as listener, listener.events.open() as events:
        argv = [str(PUSHKIT), "--json", "env"]
        printed = subprocess.run(argv, env=dict(listener.env), stdout=subprocess.PIPE, check=True)
        variables = json.loads(printed.stdout)
        end_tokens(listener)
        yield Stage(listener=listener, variables=variables, events=events, logs=folder)


@pytest.fixture
def played(request: pytest.FixtureRequest, stage: Stage) -> Played:
    return stage.play(request.param)


# The play


@pytest.mark.parametrize(
    ("played", "row"),
    PLAYED,
    indirect=["played"],
    ids=[f"{client.name}-{row.name}" for client, row in PLAYED],
)
def test_a_client_says_what_the_listener_noted(played: Played, row: Row) -> None:
    heard = played.of(row.name)
    exactly = played.client.timestamp_ms
    since = None if row.since_ms is None else row.since_ms // exactly * exactly
    answer = {"status": row.status, "reason": row.reason, "timestamp": since}
    assert list(heard.answers) == [answer] * row.times
    assert len(heard.pushes) == row.times
    for event in heard.pushes:
        assert (event["status"], event["reason"]) == (row.status, row.reason)
        assert event["unregistered_at_ms"] == row.since_ms
        assert (event["topic"], event["type"]) == (APP + row.suffix, row.type)
        # One library leaves out what APNs takes for granted.
        assert event["headers"].get("apns-priority", "10") == str(row.priority)
        assert (event["auth"]["team_id"], event["auth"]["key_id"]) == (TEAM, row.credential.key_id)
    if row.reason is None:
        _same_payloads(row, heard)


def _same_payloads(row: Row, heard: Heard) -> None:
    """One library adds an empty `aps`; pushes that are under way at once come in any order."""
    arrived = sorted((event["payload"] for event in heard.pushes), key=_number)
    for sent, got in zip(row.payloads, arrived, strict=True):
        assert sent.items() <= got.items()


def _number(payload: Mapping[str, Any]) -> int:
    return int(payload.get("number", 0))


def _each(*clients: Client) -> pytest.MarkDecorator:
    names = [client.name for client in clients]
    return pytest.mark.parametrize("played", clients, indirect=True, ids=names)


AT_ONCE_BY = [client for client, row in PLAYED if row.name == AT_ONCE]


@_each(*(client for client in AT_ONCE_BY if client.connections == 1))
def test_two_hundred_pushes_are_on_their_way_before_the_first_is_answered(played: Played) -> None:
    """No answer had passed when the listener had noted them all; see `Stage._heard`."""
    pushes = played.of(AT_ONCE).pushes
    assert len(pushes) == len({event["apns_id"] for event in pushes}) == 200
    before = played.of("a call").pushes[0]
    assert {event["connection"] for event in pushes} == {before["connection"]}


@_each(*(client for client in AT_ONCE_BY if client.connections > 1))
def test_two_hundred_pushes_are_shared_among_connections(played: Played) -> None:
    connections = {event["connection"] for event in played.of(AT_ONCE).pushes}
    assert len(connections) == played.client.connections


@_each(*TABLE)
def test_every_push_came_once_and_on_the_connection_of_its_credential(played: Played) -> None:
    every = [event for heard in played.heard.values() for event in heard.pushes]
    assert (played.why, played.extra) == ("", [])
    assert len({event["apns_id"] for event in every}) == len(every)
    connections: dict[Credential, set[int]] = {}
    for row in ROWS:
        if row.name in played.heard and row.name != AT_ONCE:
            pushes = played.heard[row.name].pushes
            ours = connections.setdefault(row.credential, set())
            ours.update(event["connection"] for event in pushes)
    assert [len(one) for one in connections.values()] == [1] * len(connections)
    assert len(set().union(*connections.values())) == len(connections)


@_each(*TABLE)
def test_a_client_has_nothing_to_complain_about(played: Played) -> None:
    assert (played.code, played.stderr, played.why) == (0, "", "")


# The table


def test_there_are_at_least_four_languages() -> None:
    assert {"Python", "JavaScript", "Go", "Java"} <= LANGUAGES


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_language_plays_every_row(language: str) -> None:
    ours = [(client, row) for client, row in PLAYED if client.language.name == language]
    assert {row.name for _, row in ours} == {row.name for row in ROWS}
    on_one = {row.name for client, row in ours if client.connections == 1}
    assert AT_ONCE in on_one
    assert any(client.signs for client, _ in ours)  # a library that knows APNs


def test_what_a_client_cannot_say_is_a_row_and_has_a_reason() -> None:
    names = {row.name for row in ROWS}
    for client in TABLE:
        assert set(client.cannot) <= names
        assert all(client.cannot.values())


def test_the_table_has_every_scenario() -> None:
    accepted = {row.type for row in ROWS if row.reason is None and row.times == 1}
    refused = {row.reason: row for row in ROWS if row.reason is not None}
    assert accepted == {"voip", "alert", "background"}
    assert set(refused) == {
        "BadDeviceToken",
        "DeviceTokenNotForTopic",
        "Unregistered",
        "ExpiredProviderToken",
        "InvalidProviderToken",
        "PayloadTooLarge",
    }
    assert refused["Unregistered"].since_ms is not None
    assert refused["ExpiredProviderToken"].name == EXPIRED
    assert max(row.times for row in ROWS) == 200
