"""`pushkit send --channel`: a broadcast to a real listener, with what is known of its channel."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pushkit_cli.apns.message import Response
from pushkit_cli.engine.listener import Running
from pushkit_cli.engine.waiting import wait_for
from pushkit_cli.store.files import Home
from pushkit_cli.store.sender_db import History
from tests.apns_host import answering
from tests.cli import hosts
from tests.cli.credentials import APP, KEY, TEAM, p8_file
from tests.cli.errands import failed, here, prepared, spoken
from tests.cli.hosts import raw_host
from tests.commands import PATIENCE_S, objects
from tests.conftest import Told

UPDATE = ("--type", "liveactivity", "--event", "update", "--content-state", '{"score":2}')
_LONG = ("--type", "liveactivity", "-d", "x=" + "y" * 5200)


@pytest.fixture
def made(listener: Running) -> Callable[..., str]:
    """Makes a channel in the listener; its id comes back."""
    return lambda *words: prepared("channel", "create", *words).strip()


def _asked(*words: str) -> dict[str, Any]:
    """The request of a dry run."""
    done = here("send", "--json", "--dry-run", *words)
    (request,) = objects(done.stdout)
    return request


def test_a_broadcast_needs_no_more_than_the_channel(
    made: Callable[..., str], told: Told, home: Path
) -> None:
    channel = made("--storage", "latest")
    done = here("send", *UPDATE, "--channel", channel)
    assert done.returncode == 0, done.stderr
    said = done.stdout.decode()
    assert said.startswith(f"accepted  channel {channel}  liveactivity  200  apns-request-id ")
    (push,) = told.named("push")
    assert (push["channel"], push["app"], push["status"]) == (channel, "com.example.pushkit", 200)
    payload = push["payload"]
    assert isinstance(payload, dict)
    assert payload["aps"]["content-state"] == {"score": 2}
    assert abs(payload["aps"]["timestamp"] - time.time()) < 60
    history = History(Home(home))
    (kept,) = history.last(2)
    history.close()
    assert (kept.channel, kept.token_fp, kept.topic, kept.outcome) == (
        channel, None, None, "accepted",
    )  # fmt: skip
    assert kept.apns_id is not None


def test_the_reply_names_the_channel_and_no_device(made: Callable[..., str]) -> None:
    channel = made()
    reply, summary = objects(here("send", "--json", *UPDATE, "--channel", channel).stdout)
    assert reply["channel"] == channel
    for none in ("device", "token", "token_fp", "topic", "apns_id"):
        assert reply[none] is None
    assert reply["id"] == reply["apns_request_id"]
    assert len(reply["apns_unique_id"]) == 36
    assert (reply["app"], reply["environment"]) == ("com.example.pushkit", "local")
    assert (summary["accepted"], summary["exit"]) == (1, 0)


def test_a_device_that_a_start_subscribed_hears_the_broadcast(
    made: Callable[..., str], told: Told
) -> None:
    channel = made()
    prepared("send", "--type", "liveactivity", "--to", "iphone", "--event", "start", "--title",
        "Kick-off", "--attributes-type", "Match", "--attributes", "{}", "--content-state", "{}",
        "--input-push-channel", channel)  # fmt: skip
    prepared("send", *UPDATE, "--channel", channel)
    heard = wait_for(lambda: told.named("delivered")[1:] or None, timeout=PATIENCE_S)
    assert [(one["device"], one["channel"]) for one in heard or ()] == [("iphone", channel)]


def test_a_local_channel_is_sent_a_sample_where_nothing_is_said(made: Callable[..., str]) -> None:
    done = here("send", "--type", "liveactivity", "--channel", made())
    assert done.returncode == 0
    assert "a sample is the body" in spoken(done)


def test_expiration_follows_what_the_channel_stores(made: Callable[..., str], home: Path) -> None:
    keeps, keeps_not = made("--storage", "latest"), made()
    in_an_hour = int(_asked(*UPDATE, "--channel", keeps)["headers"]["apns-expiration"])
    assert abs(in_an_hour - time.time() - 3600) < 60
    assert _asked(*UPDATE, "--channel", keeps_not)["headers"]["apns-expiration"] == "0"
    (home / "sender.db").unlink()
    unknown = ("--channel", keeps, "--env", "local")
    assert _asked(*UPDATE, *unknown)["headers"]["apns-expiration"] == "0"
    said = _asked(*UPDATE, *unknown, "--expiration", "2000000000")
    assert said["headers"]["apns-expiration"] == "2000000000"


def test_the_request_is_what_apple_wants(made: Callable[..., str], listener: Running) -> None:
    channel = made()
    headers = _asked(*UPDATE, "--channel", channel)["headers"]
    assert headers == {
        ":method": "POST",
        ":scheme": "https",
        ":authority": f"127.0.0.1:{listener.ready['port']}",
        ":path": "/4/broadcasts/apps/com.example.pushkit",
        "apns-channel-id": channel,
        "apns-push-type": "liveactivity",
        "apns-priority": "10",
        "apns-expiration": "0",
    }


HELD = {
    "an hour on a channel that stores nothing": ([*UPDATE, "--expiration", "1h"],
        "BadExpirationDate"),
    "no expiration": ([*UPDATE, "--expiration", "absent"], "BadExpirationDate"),
    "a priority of nobody": ([*UPDATE, "--priority", "7"], "BadPriority"),
    "no priority": ([*UPDATE, "--priority", "0"], "BadPriority"),
    "a start": (["--type", "liveactivity", "--event", "start", "--content-state", "{}"],
        "BadRequestPayload"),
    "no object": (["--type", "liveactivity", "--payload", "[1]"], "BadRequestPayload"),
    "5,217 bytes": ([*_LONG], "PayloadTooLarge"),
    "another type": (["--type", "alert", "--title", "x"], "InvalidPushType"),
    "the other port": ([*UPDATE, "--env", "local-production"], "ChannelNotRegistered"),
    "a request id that is none": ([*UPDATE, "--header", "apns-request-id:x"], "BadMessageId"),
}  # fmt: skip


def test_lint_holds_what_the_listener_would_refuse(made: Callable[..., str], told: Told) -> None:
    """One listener for all of the table: a listener a row would take long."""
    channel = made()
    for name, (words, reason) in HELD.items():
        done = here("send", "--json", *words, "--channel", channel)
        held = objects(done.stdout)[0]
        assert (name, done.returncode, held["outcome"], held["reason"]) == (name, 3, "held", reason)
    assert told.named("push") == []
    for name, (words, reason) in HELD.items():
        done = here("send", "--json", *words, "--channel", channel, "--no-lint")
        refused = objects(done.stdout)[0]
        assert (name, done.returncode, refused["reason"]) == (name, 4, reason)
        assert refused["hint"]
    assert len(told.named("push")) == len(HELD)


def test_a_stated_app_that_contradicts_the_record_is_held(made: Callable[..., str]) -> None:
    done = here("send", *UPDATE, "--channel", made(), "--app", APP)
    assert (done.returncode, b"ChannelNotRegistered" in done.stdout) == (3, True)
    assert "say --app com.example.pushkit" in spoken(done)


def test_what_a_broadcast_holds_is_advised_upon(made: Callable[..., str]) -> None:
    words = ("--type", "liveactivity", "--payload", '{"aps":{"event":"update"}}')
    done = here("send", *words, "--channel", made(), "--priority", "1")
    assert done.returncode == 0
    assert "without aps.timestamp, aps.content-state" in spoken(done)
    assert "takes the priorities 10 and 5" in spoken(done)


MEANINGLESS = {
    "--to": (["--to", "iphone"], "leave out --to or --channel"),
    "--topic": (["--topic", "x"], "say --app"),
    "--collapse-id": (["--collapse-id", "x"], "leave it out"),
    "--apns-id": (["--apns-id", "x"], "--header apns-request-id:UUID"),
}


@pytest.mark.parametrize(("words", "hint"), MEANINGLESS.values(), ids=MEANINGLESS.keys())
def test_what_means_nothing_to_a_channel_is_refused(
    home: Path, words: list[str], hint: str
) -> None:
    said = failed(here("send", *UPDATE, "--channel", "dHN0", *words), 2)
    assert f"{words[0]} means nothing beside --channel" in said
    assert hint in said


def test_a_channel_that_nobody_knows(listener: Running) -> None:
    said = failed(here("send", *UPDATE, "--channel", "dHN0"), 2)
    assert "no environment is known for this channel" in said
    done = here("send", *UPDATE, "--channel", "dHN0", "--env", "local")
    assert done.returncode == 4
    assert b"400 ChannelNotRegistered" in done.stdout


def test_an_id_that_is_none_is_held(listener: Running) -> None:
    done = here("send", *UPDATE, "--channel", "no!", "--env", "local")
    assert (done.returncode, b"BadChannelId" in done.stdout) == (3, True)
    done = here("send", *UPDATE, "--channel", "", "--env", "local")
    assert (done.returncode, b"MissingChannelId" in done.stdout) == (3, True)


def test_no_answer_may_have_reached_everybody(tmp_path: Path) -> None:
    with raw_host(tmp_path, hosts.silence) as host:
        words = ("--app", APP, "--env", "local", *host.trusted, "--timeout", "300ms", "--json")
        done = here("send", *UPDATE, "--channel", "dHN0", *words)
    assert (done.returncode, host.connections) == (8, 1)
    assert "reach every subscriber twice" in objects(done.stdout)[0]["hint"]


def test_apples_broadcasts_go_to_the_hosts_of_pushes(tmp_path: Path) -> None:
    prepared("register", "app", APP, "--team-id", TEAM, "--key", str(p8_file(tmp_path)))
    words = ("--channel", "dHN0", "--app", APP, "--env", "production", "--retries", "0")
    with hosts.connect_proxy() as proxy:
        done = here("send", *UPDATE, *words, "--proxy", proxy.url())
    assert "refused: HTTP/1.1 403 No" in failed(done, 5)
    assert spoken(done).startswith(f"production api.push.apple.com {APP} key {KEY}")
    assert proxy.requests == ["CONNECT api.push.apple.com:443 HTTP/1.1"]
    assert "there is no body to send" in failed(here("send", "--type", "liveactivity", *words), 2)


def test_a_refusal_tells_what_to_do(tmp_path: Path) -> None:
    body = b'{"reason":"FeatureNotEnabled"}'
    with answering(tmp_path, lambda _: Response(status=400, body=body)) as host:
        trusted = ("--endpoint", host.url, "--cacert", str(host.ca_file))
        done = here("send", *UPDATE, "--channel", "dHN0", "--app", APP, "--env", "local", *trusted)
    assert done.returncode == 4
    assert "switch the Broadcast capability on" in spoken(done)


def test_records_that_cannot_be_read_are_a_warning(made: Callable[..., str], home: Path) -> None:
    channel = made()
    (home / "sender.db").write_bytes(b"not a database")
    done = here("send", *UPDATE, "--channel", channel, "--env", "local")
    assert done.returncode == 0
    assert spoken(done).count("warning: what is known of channels was not read") == 1
