"""Provider tokens between runs: one process mints, and nobody mints without need."""

import base64
import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from pushkit_cli.apns.message import AUTHORIZATION, Request, Response
from pushkit_cli.apns.token import ProviderToken, mint, read
from pushkit_cli.cli.app import run
from tests.apns_host import Host, answering
from tests.cli.credentials import APP, KEY, TEAM, TOKEN, p8, p8_file
from tests.cli.errands import left_behind, prepared
from tests.cli.hosts import answers, raw_host
from tests.commands import PUSHKIT, objects, pushkit

_OK = Response(status=200)
_IDS = {"PUSHKIT_TEAM_ID": TEAM, "PUSHKIT_KEY_ID": KEY}


def _words(host: Host) -> list[str]:
    return ["send", "--type", "voip", "--to", TOKEN, "--app", APP, "--env", "local", "-d",
        "callUUID=x", "--endpoint", host.url, "--cacert", str(host.ca_file)]  # fmt: skip


def _bearers(host: Host) -> list[str]:
    """The provider token of every request, in order."""
    return [request.fields[AUTHORIZATION].decode().partition(" ")[2] for request in host.asked]


def _refusal(status: int, reason: str) -> Response:
    return Response(status=status, body=json.dumps({"reason": reason}).encode())


@contextmanager
def _accepting(tmp_path: Path) -> Iterator[Host]:
    with answering(tmp_path, lambda _: _OK) as host:
        yield host


def _kept(home: Path) -> Path:
    """The one token that is kept."""
    (found,) = (home / "tokens").glob("*.jwt")
    return found


@pytest.mark.parametrize(
    ("signed_by", "processes"), [("the local key", 4), ("variables", 4), ("a registered key", 10)]
)
def test_processes_with_a_cold_cache_mint_one_token(
    home: Path, tmp_path: Path, signed_by: str, processes: int
) -> None:
    variables = dict(os.environ)
    extra: list[str] = []
    if signed_by == "variables":
        variables |= {**_IDS, "PUSHKIT_KEY_FILE": str(p8_file(tmp_path))}
    if signed_by == "a registered key":
        file = str(p8_file(tmp_path))
        prepared("register", "app", APP, "--team-id", TEAM, "--key", file)
        extra = ["--env", "sandbox"]
    with _accepting(tmp_path) as host:
        argv = [str(PUSHKIT), *_words(host), *extra]
        started = [
            subprocess.Popen(argv, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            for _ in range(processes)
        ]
        ended = [process.communicate(timeout=60) for process in started]
    assert [process.returncode for process in started] == [0] * processes, ended
    assert not [err for _, err in ended if b"warning" in err]
    assert len(_bearers(host)) == processes
    assert len(set(_bearers(host))) == 1
    assert _kept(home).read_text() == _bearers(host)[0]
    assert left_behind(home) == []


def test_fifty_runs_in_a_row_mint_one_token(home: Path, tmp_path: Path) -> None:
    with _accepting(tmp_path) as host:
        for _ in range(2):
            assert pushkit(*_words(host)).returncode == 0
        for _ in range(48):  # the same command without the start of a process
            assert run(_words(host), os.environ) == 0
    assert len(_bearers(host)) == 50
    assert len(set(_bearers(host))) == 1


# What is kept, and is used or not


def _issued(seconds_ago: float, *, team_id: str = TEAM, key_id: str = KEY, pem: bytes) -> str:
    return mint(pem, team_id=team_id, key_id=key_id, now=time.time() - seconds_ago)


@dataclass(frozen=True, slots=True, kw_only=True)
class Primed:
    """A host that accepts, and a key in the variables whose token is in the cache."""

    host: Host
    pem: bytes
    variables: dict[str, str]

    def send(self) -> list[str]:
        """Send once more; every token the host has seen comes back."""
        assert run(_words(self.host), self.variables) == 0
        return _bearers(self.host)


@pytest.fixture
def primed(home: Path, tmp_path: Path) -> Iterator[Primed]:
    pem = p8()
    said = {**_IDS, "PUSHKIT_KEY_FILE": str(p8_file(tmp_path, pem=pem))}
    with _accepting(tmp_path) as host:
        found = Primed(host=host, pem=pem, variables={**os.environ, **said})
        assert len(found.send()) == 1
        yield found


@pytest.mark.parametrize("seconds_ago", [49 * 60, 0, -50])
def test_a_kept_token_is_used_while_it_is_fresh(
    home: Path, primed: Primed, seconds_ago: float
) -> None:
    token = _issued(seconds_ago, pem=primed.pem)
    _kept(home).write_text(token)
    assert primed.send()[-1] == token


@pytest.mark.parametrize("seconds_ago", [50 * 60 + 5, 3600 * 24, -70, -3600])
def test_a_token_too_old_or_from_the_future_counts_as_absent(
    home: Path, primed: Primed, seconds_ago: float
) -> None:
    token = _issued(seconds_ago, pem=primed.pem)
    _kept(home).write_text(token)
    used = primed.send()[-1]
    assert used != token
    assert _kept(home).read_text() == used


@pytest.mark.parametrize("kind", ["empty", "torn", "garbage", "bytes", "other team", "other key"])
def test_a_torn_or_foreign_token_counts_as_absent(home: Path, primed: Primed, kind: str) -> None:
    pem = primed.pem
    bad = {
        "empty": b"",
        "torn": _issued(0, pem=pem)[:70].encode(),
        "garbage": b"not a token",
        "bytes": bytes(range(256)),
        "other team": _issued(0, team_id="OTHERTEAM1", pem=pem).encode(),
        "other key": _issued(0, key_id="XYZ123XYZ1", pem=pem).encode(),
    }[kind]
    _kept(home).write_bytes(bad)
    used = primed.send()[-1]
    found = read(used)
    assert isinstance(found, ProviderToken)
    assert (found.team_id, found.key_id) == (TEAM, KEY)
    assert used.encode() != bad
    assert _kept(home).read_text() == used


def test_another_key_under_the_same_ids_has_a_token_of_its_own(
    primed: Primed, tmp_path: Path
) -> None:
    p8_file(tmp_path)  # another key in the same file
    primed.send()
    first, second, third = primed.send()
    assert first != second
    assert second == third


def test_the_same_key_in_another_form_has_the_same_token(primed: Primed) -> None:
    said = {**primed.variables, "PUSHKIT_KEY": base64.b64encode(primed.pem).decode()}
    assert run(_words(primed.host), said) == 0
    assert len(set(_bearers(primed.host))) == 1


# What APNs says about a token


def test_too_many_updates_never_mints(home: Path, primed: Primed, tmp_path: Path) -> None:
    before = _kept(home).stat().st_ino
    refusal = _refusal(429, "TooManyProviderTokenUpdates")
    with answering(tmp_path / "strict", lambda _: refusal) as strict:
        done = pushkit(*_words(strict), "--json", variables=primed.variables)
    reply = objects(done.stdout)[0]
    assert (done.returncode, reply["reason"]) == (4, "TooManyProviderTokenUpdates")
    assert reply["attempts"] == 1
    assert _bearers(strict) == _bearers(primed.host)
    assert _kept(home).stat().st_ino == before


def test_an_expired_token_is_renewed_once_on_a_new_connection(home: Path, tmp_path: Path) -> None:
    def answer(request: Request) -> Response:
        return _OK if len(host.asked) > 1 else _refusal(403, "ExpiredProviderToken")

    with raw_host(tmp_path, answers(answer)) as host:
        words = _words(Host(port=host.port, ca_file=host.ca_file))
        done = pushkit(*words, "--json")
    reply = objects(done.stdout)[0]
    assert (done.returncode, reply["outcome"], reply["attempts"]) == (0, "accepted", 2)
    first, second = (request.fields[AUTHORIZATION] for request in host.asked)
    assert first != second
    assert host.connections == 2
    assert second == b"bearer " + _kept(home).read_bytes()


def test_a_token_that_stays_expired_is_renewed_no_second_time(home: Path, tmp_path: Path) -> None:
    refusal = _refusal(403, "ExpiredProviderToken")
    with answering(tmp_path, lambda _: refusal) as host:
        done = pushkit(*_words(host), "--retries", "9", "--json")
    reply = objects(done.stdout)[0]
    assert (done.returncode, reply["reason"]) == (4, "ExpiredProviderToken")
    assert len(_bearers(host)) == 2


def test_a_token_that_another_process_renewed_is_taken_over(
    home: Path, primed: Primed, tmp_path: Path
) -> None:
    renewed = _issued(3, pem=primed.pem)

    def answer(request: Request) -> Response:
        if len(host.asked) == 1:
            _kept(home).write_text(renewed)  # what the other process does meanwhile
            return _refusal(403, "ExpiredProviderToken")
        return _OK

    with answering(tmp_path / "strict", answer) as host:
        assert run(_words(host), primed.variables) == 0
    assert _bearers(host)[1] == renewed


@pytest.mark.parametrize("reason", ["InvalidProviderToken", "Forbidden", "BadDeviceToken"])
def test_other_refusals_mint_nothing(home: Path, tmp_path: Path, reason: str) -> None:
    refusal = _refusal(400 if reason == "BadDeviceToken" else 403, reason)
    with answering(tmp_path, lambda _: refusal) as host:
        for _ in range(2):
            assert run(_words(host), os.environ) == 4
    assert len(_bearers(host)) == 2
    assert len(set(_bearers(host))) == 1
