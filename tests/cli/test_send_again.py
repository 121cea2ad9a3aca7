"""`send --last` and `send --replay`: the history sent once more, with what is said now."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pushkit_cli.engine import host
from pushkit_cli.engine.listener import Running
from pushkit_cli.engine.waiting import wait_for
from pushkit_cli.store.files import Home
from pushkit_cli.store.sender_db import History
from tests.cli.credentials import APP, TEAM, TOKEN, p8_file
from tests.cli.errands import failed, here, prepared, spoken
from tests.commands import objects
from tests.conftest import Told


def test_the_last_push_is_sent_once_more_just_as_it_was(listener: Running, told: Told) -> None:
    prepared("send", "--type", "alert", "--to", "iphone", "--title", "Hi", "--priority", "5",
        "--expiration", "1h", "--collapse-id", "c", "--header", "x-mine:1")  # fmt: skip
    done = here("send", "--last", "--json")
    assert done.returncode == 0, done.stderr
    assert "again: what was sent at" in spoken(done)
    first, second = _pushes(told, 2)
    assert second["payload"] == first["payload"]
    assert second["id"] != first["id"]
    assert second["apns_id"] != first["apns_id"]
    then, now = (_headers(push) for push in (first, second))
    assert 0 <= int(now.pop("apns-expiration")) - int(then.pop("apns-expiration")) <= 60
    assert now == then
    assert (now["apns-priority"], now["apns-collapse-id"], now["x-mine"]) == ("5", "c", "1")


def _pushes(told: Told, count: int) -> list[dict[str, object]]:
    """So many pushes; the listener tells of each just after its answer."""
    found = wait_for(
        lambda: told.named("push") if len(told.named("push")) >= count else None, timeout=10
    )
    assert found is not None
    assert len(found) == count
    return found


def _headers(push: dict[str, object]) -> dict[str, str]:
    found = push["headers"]
    assert isinstance(found, dict)
    return {name: value for name, value in found.items() if name != "apns-id"}


@pytest.mark.parametrize("said", [("--expiration", "absent"), ("--expiration", "0"), ()])
def test_what_stood_at_its_expiration_stands_there_again(
    said: tuple[str, ...], listener: Running, told: Told
) -> None:
    prepared("send", "--type", "alert", "--to", "iphone", "--title", "Hi", *said)
    prepared("send", "--last")
    first, second = _pushes(told, 2)
    assert _headers(first) == _headers(second)


def test_what_is_said_now_wins(listener: Running, told: Told) -> None:
    prepared("send", "--type", "voip", "-d", "callUUID=6b29fc40-ca47-1067-b31d-00dd010662da")
    prepared("send", "--last", "-d", "handle=bob", "--priority", "5", "--header", "x-mine:2")
    push = _pushes(told, 2)[-1]
    assert push["payload"] == {
        "callUUID": "6b29fc40-ca47-1067-b31d-00dd010662da",
        "handle": "bob",
    }
    assert _headers(push)["apns-priority"] == "5"
    assert "what was sent is of type voip" in failed(here("send", "--last", "--type", "alert"), 2)


def test_all_targets_of_the_last_command_are_meant(home: Path, listener: Running) -> None:
    prepared("send", "--type", "alert", "--title", "Hi", "--to", "iphone", "--to", "watch")
    found = objects(here("send", "--last", "--json").stdout)
    assert [one["device"] for one in found[:-1]] == ["iphone", "watch"]


def test_one_push_is_replayed_by_the_beginning_of_its_id(listener: Running, told: Told) -> None:
    name = "AAAAAAAA-ca47-1067-b31d-00dd010662da"
    prepared("send", "--type", "complication", "-d", "steps:=1", "--to", "watch", "--apns-id", name)
    prepared("send", "--type", "complication", "-d", "steps:=2", "--to", "watch")
    done = here("send", "--replay", "aaaaa", "--json")
    assert done.returncode == 0, done.stderr
    first, second, third = (push["payload"] for push in _pushes(told, 3))
    assert (first, second, third) == ({"steps": 1}, {"steps": 2}, {"steps": 1})
    assert "no push of the history is bbbb" in failed(here("send", "--replay", "bbbb"), 2)
    assert "too short" in failed(here("send", "--replay", "aa"), 2)


def test_two_pushes_whose_ids_begin_alike_are_told_apart(listener: Running) -> None:
    for digit in "12":
        prepared(
            "send", "--type", "voip", "--apns-id", f"AAAA000{digit}-ca47-1067-b31d-00dd010662da"
        )
    assert "AAAA0001-" in failed(here("send", "--replay", "aaaa"), 2)


def test_nothing_was_sent_yet(home: Path) -> None:
    assert "nothing was sent yet" in failed(here("send", "--last"), 2)
    assert not home.exists()
    assert "do not go together" in failed(here("send", "--last", "--replay", "abcd"), 2)
    assert "do not go together" in failed(here("send", "--last", "--targets", "x"), 2)


def test_a_token_nobody_named_has_to_be_said_again(listener: Running, told: Told) -> None:
    send = ("send", "--type", "voip", "--app", "com.example.pushkit", "--env", "local")
    assert here(*send, "--to", TOKEN, "-d", "a=b").returncode == 4
    assert "name it with --to" in failed(here("send", "--last"), 2)
    issued = str(listener.ready["devices"][0]["tokens"]["voip"])
    assert here("send", "--last", "--to", issued).returncode == 0
    assert here("send", "--last").returncode == 0, "the listener knows this one"


def test_in_production_it_wants_a_yes(tmp_path: Path, home: Path) -> None:
    prepared("register", "app", APP, "--team-id", TEAM, "--key", str(p8_file(tmp_path)))
    prepared("register", "device", "bob", "--app", APP, "--type", "voip", "--token", TOKEN,
        "--env", "production")  # fmt: skip
    held = here("send", "--type", "voip", "--to", "bob", "--expiration", "0", "-d", "a=b",
        "--priority", "7")  # fmt: skip
    assert held.returncode == 3
    assert "add --yes" in failed(here("send", "--last", "--priority", "10"), 2)


def test_what_expired_an_hour_ahead_then_expires_an_hour_ahead_now(
    listener: Running, home: Path, told: Told
) -> None:
    prepared("send", "--type", "alert", "--to", "iphone", "--title", "Hi", "--expiration", "1h")
    history = History(Home(home))
    (sent,) = history.last(1)
    then = sent.at_ms - 7_200_000
    kept = json.loads(sent.headers or "{}") | {"apns-expiration": str(then // 1000 + 3600)}
    history.add([replace(sent, at_ms=then, headers=json.dumps(kept), apns_id="AAAA-old")])
    history.close()
    assert here("send", "--replay", "AAAA-old").returncode == 0
    _, now = _pushes(told, 2)
    assert abs(int(_headers(now)["apns-expiration"]) - host.now() - 3600) < 60


def test_of_two_pushes_with_one_id_the_later_is_replayed(listener: Running, told: Told) -> None:
    name = "BBBBBBBB-ca47-1067-b31d-00dd010662da"
    for title in ("one", "two"):
        prepared("send", "--type", "alert", "--to", "iphone", "--title", title, "--apns-id", name)
    found = objects(here("send", "--replay", name, "--json").stdout)
    assert found[-1]["targets"] == 1
    assert "two" in str(_pushes(told, 3)[2]["payload"])


def test_another_profile_has_sent_nothing(listener: Running) -> None:
    prepared("send", "--type", "voip")
    said = failed(here("--profile", "other", "send", "--last"), 2)
    assert "nothing was sent yet with the profile other" in said
