"""Hosts and bodies that fail: one error, one hint, and 5 told from 8 by what has left."""

import socket
from pathlib import Path

import pytest

from pushkit_cli.apns.message import Response
from tests.cli import hosts
from tests.cli.credentials import APP, TOKEN
from tests.cli.errands import failed, here, spoken
from tests.cli.hosts import always, raw_host
from tests.commands import objects

_SEND = ("send", "--type", "voip", "--to", TOKEN, "--app", APP, "--env", "local", "-d",
    "callUUID=x", "--retries", "0")  # fmt: skip
_OK = Response(status=200)


# 5: nothing that could ring a phone has left


def test_an_unknown_host(home: Path) -> None:
    words = ("--endpoint", "https://apns.invalid", "--send-key-to", "apns.invalid")
    assert "no address is known for apns.invalid" in failed(here(*_SEND, *words), 5)


def test_a_closed_port(home: Path) -> None:
    done = here(*_SEND, "--endpoint", "https://127.0.0.1:1")
    assert "connection refused" in failed(done, 5)


def test_a_wrong_authority(tmp_path: Path) -> None:
    with raw_host(tmp_path, always(_OK)) as host:
        assert "is not trusted" in failed(here(*_SEND, "--endpoint", host.url), 5)
        with raw_host(tmp_path / "other", hosts.silence) as other:
            wrong = ("--endpoint", host.url, "--cacert", str(other.ca_file))
            assert "is not trusted" in failed(here(*_SEND, *wrong), 5)
        assert host.asked == []
        assert here(*_SEND, *host.trusted).returncode == 0  # the rest was right


@pytest.mark.parametrize("names", [("api.push.apple.com",), ("127.0.0.2",), ("example.com",)])
def test_a_wrong_name(tmp_path: Path, names: tuple[str, ...]) -> None:
    with raw_host(tmp_path, always(_OK), names=names) as host:
        assert "is not trusted" in failed(here(*_SEND, *host.trusted), 5)
    assert host.asked == []


def test_a_host_without_tls(tmp_path: Path) -> None:
    with raw_host(tmp_path, hosts.no_tls, tls=False) as host:
        said = failed(here(*_SEND, *host.trusted), 5)
    assert "did not complete TLS" in said


def test_a_host_that_never_begins_tls(tmp_path: Path) -> None:
    with raw_host(tmp_path, lambda sock, _: _read_on(sock), tls=False) as host:
        done = here(*_SEND, *host.trusted, "--timeout", "300ms")
    assert "no answer in time" in failed(done, 5)


def _read_on(sock: socket.socket) -> None:
    while sock.recv(65_536):
        pass


def test_a_host_that_speaks_http_1_alone(tmp_path: Path) -> None:
    with raw_host(tmp_path, always(_OK), alpn="http/1.1") as host:
        assert "does not speak HTTP/2" in failed(here(*_SEND, *host.trusted), 5)
    assert bytes(host.heard) == b""


@pytest.mark.parametrize("retries", [0, 2])
def test_a_host_that_goes_away_at_once_is_tried_again(tmp_path: Path, retries: int) -> None:
    with raw_host(tmp_path, hosts.going_away) as host:
        done = here(*_SEND, *host.trusted, "--retries", str(retries), "--json")
    reply = objects(done.stdout)[0]
    assert (done.returncode, reply["outcome"], reply["retry"]) == (5, "unsent", "now")
    assert (reply["attempts"], host.connections) == (retries + 1, retries + 1)
    assert "sending again is safe" in reply["hint"]


def test_what_was_not_processed_arrives_with_the_next_try(tmp_path: Path) -> None:
    def behave(sock: socket.socket, host: hosts.RawHost) -> None:
        first = host.connections == 1
        (hosts.going_away if first else always(_OK))(sock, host)

    with raw_host(tmp_path, behave) as host:
        done = here(*_SEND, *host.trusted, "--retries", "1", "--json")
    assert (done.returncode, objects(done.stdout)[0]["attempts"]) == (0, 2)
    assert len(host.asked) == 1


# 8: it has left, and nobody knows


@pytest.mark.parametrize(
    "behave",
    [
        hosts.silence,
        hosts.mute_from_the_start,
        hosts.half_an_answer,
        hosts.garbage,
        hosts.http1_text,
    ],
    ids=lambda behave: behave.__name__,
)
def test_what_has_left_and_was_not_answered_is_unknown(
    tmp_path: Path, behave: hosts.Behaviour
) -> None:
    with raw_host(tmp_path, behave) as host:
        done = here(*_SEND, *host.trusted, "--timeout", "2s", "--retries", "5", "--json")
    reply = objects(done.stdout)[0]
    assert (done.returncode, reply["outcome"], reply["retry"]) == (8, "unknown", "on-request")
    assert (reply["attempts"], host.connections) == (1, 1)  # never a second time
    assert "ring the phone twice" in reply["hint"]


# 3: held back


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("{", "not JSON"),
        ("[1", "not JSON"),
        ('{"a":' + "[" * 2000 + "]" * 2000 + "}", "not JSON"),
        ('{"callUUID":"x","pad":"' + "x" * 6000 + '"}', "at most 5120"),
    ],
)
def test_a_body_that_apns_would_not_take_is_held(tmp_path: Path, body: str, words: str) -> None:
    file = tmp_path / "body.json"
    file.write_text(body)
    with raw_host(tmp_path, always(_OK)) as host:
        bare = [word for word in _SEND if word not in ("-d", "callUUID=x")]
        done = here(*bare, "--payload", str(file), *host.trusted)
    said = spoken(done)
    assert (done.returncode, words in said + done.stdout.decode()) == (3, True), said
    assert said.count("hint: ") == 1
    assert host.connections == 0
