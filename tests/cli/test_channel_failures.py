"""`pushkit channel` where something fails: what has left, and what may have been done."""

import signal
import subprocess
from pathlib import Path

import pytest

from pushkit_cli.apns.message import Request, Response
from tests.apns_host import answering
from tests.cli import hosts
from tests.cli.credentials import APP
from tests.cli.errands import failed, here
from tests.cli.hosts import raw_host
from tests.commands import PUSHKIT, objects

LOCAL = ("--app", APP, "--env", "local")


def test_no_answer_to_create_says_where_to_look(tmp_path: Path) -> None:
    with raw_host(tmp_path, hosts.silence) as host:
        done = here("channel", "create", *LOCAL, *host.trusted, "--timeout", "300ms")
        said = failed(done, 8)
        assert (done.stdout, host.connections) == (b"", 1)
        assert f"pushkit channel list --app {APP} --env local" in said
        done = here("channel", "list", *LOCAL, *host.trusted, "--timeout", "300ms")
        assert "ask again" in failed(done, 8)


def test_whoever_stops_a_create_is_told_too(tmp_path: Path) -> None:
    with raw_host(tmp_path, hosts.silence) as host:
        process = subprocess.Popen(
            [PUSHKIT, "channel", "create", *LOCAL, *host.trusted], stderr=subprocess.PIPE
        )
        assert host.has_a_request.wait(hosts.PATIENCE_S)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=hosts.PATIENCE_S)
    assert process.returncode == 130
    assert b"hint: a channel may have been made" in said


def test_a_list_without_a_body_names_none(tmp_path: Path) -> None:
    """Apple's page says in its prose that the body is empty, and in its table what stands in it."""
    with answering(tmp_path, lambda _: Response(status=200)) as host:
        trusted = ("--endpoint", host.url, "--cacert", str(host.ca_file))
        done = here("channel", "list", *LOCAL, *trusted)
        assert (done.returncode, done.stdout) == (0, b"")
    with answering(tmp_path, lambda _: Response(status=200, body=b"{}")) as host:
        trusted = ("--endpoint", host.url, "--cacert", str(host.ca_file))
        assert "and no list" in failed(here("channel", "list", *LOCAL, *trusted), 8)


def test_a_yes_without_an_id_is_not_believed(tmp_path: Path) -> None:
    with answering(tmp_path, lambda _: Response(status=201)) as host:
        trusted = ("--endpoint", host.url, "--cacert", str(host.ca_file))
        done = here("channel", "create", *LOCAL, *trusted)
        assert "no id of the channel" in failed(done, 8)
        assert done.stdout == b""


def test_what_was_not_processed_is_asked_again(tmp_path: Path) -> None:
    with raw_host(tmp_path, hosts.going_away) as host:
        words = (*LOCAL, *host.trusted, "--retries", "1")
        assert "going away" in failed(here("channel", "create", *words), 5)
        assert host.connections == 2


def test_with_nobody_listening_no_home_is_made(home: Path) -> None:
    assert "nobody listens here" in failed(here("channel", "list"), 5)
    assert "no environment is known" in failed(here("channel", "show", "dHN0"), 2)
    assert not home.exists()


def test_nobody_there_is_not_sent(home: Path, tmp_path: Path) -> None:
    away = ("--endpoint", "https://127.0.0.1:1", "--retries", "0")
    assert "connection refused" in failed(here("channel", "list", *LOCAL, *away), 5)
    with raw_host(tmp_path, hosts.silence, names=("a.example",)) as host:
        assert "not trusted" in failed(here("channel", "create", *LOCAL, *host.trusted), 5)
        assert host.connections == 1  # trying again is no use


def test_an_expired_provider_token_is_renewed_once(tmp_path: Path) -> None:
    said: list[bytes] = []

    def answer(request: Request) -> Response:
        said.append(request.fields[b"authorization"])
        if len(said) == 1:
            return Response(status=403, body=b'{"reason":"ExpiredProviderToken"}')
        return Response(status=201, headers=((b"apns-channel-id", b"bmV3"),))

    with answering(tmp_path, answer) as host:
        trusted = ("--endpoint", host.url, "--cacert", str(host.ca_file))
        done = here("channel", "create", *LOCAL, *trusted, "--json")
    assert (done.returncode, objects(done.stdout)[0]["attempts"]) == (0, 2)
    assert len(said) == 2


def test_one_that_is_expired_again_is_a_refusal(tmp_path: Path) -> None:
    expired = Response(status=403, body=b'{"reason":"ExpiredProviderToken"}')
    with answering(tmp_path, lambda _: expired) as host:
        trusted = ("--endpoint", host.url, "--cacert", str(host.ca_file))
        assert "403 ExpiredProviderToken" in failed(here("channel", "list", *LOCAL, *trusted), 4)
        assert len(host.asked) == 2


USAGE = {
    "whose": (["list", "--env", "sandbox"], "add --app BUNDLE_ID"),
    "where": (["show", "dHN0"], "no environment is known for this channel"),
    "an app": (["list", "--app", "a\nb", "--env", "local"], "control characters"),
    "a stranger": (["list", *LOCAL, "--endpoint", "https://evil.example"], "--send-key-to"),
    "how kept": (["create", *LOCAL, "--storage", "all"], "'none', 'latest'"),
    "which one": (["show"], "ID"),
}


@pytest.mark.parametrize(("words", "said"), USAGE.values(), ids=USAGE.keys())
def test_a_mistake_in_the_words_is_told(home: Path, words: list[str], said: str) -> None:
    assert said in failed(here("channel", *words), 2)
