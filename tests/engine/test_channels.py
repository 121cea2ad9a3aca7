"""Channels over the wire: made, shown, sent to, listed, deleted, kept between two listeners."""

import json
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pushkit_cli.apns import channels, message
from pushkit_cli.apns.channels import Answer, Broadcast, read_answer
from pushkit_cli.apns.facts import Storage
from pushkit_cli.apns.message import Request, to_request
from pushkit_cli.apns.push import Environment, Push, PushType
from pushkit_cli.emulator.channel_records import Channel, Message, Subscription
from pushkit_cli.emulator.moves import SetCondition, Subscribe, Uninstall
from pushkit_cli.engine import doors, emulated
from pushkit_cli.engine.listener import Options, Running, running
from pushkit_cli.engine.ready import RUN_FILE
from pushkit_cli.engine.setting import Setting
from pushkit_cli.engine.waiting import wait_for
from pushkit_cli.errors import PortError
from pushkit_cli.net.rest import ask
from pushkit_cli.net.sender import Endpoint
from pushkit_cli.net.tls import client_context
from pushkit_cli.store.files import Home
from tests.commands import PATIENCE_S
from tests.conftest import Told
from tests.engine.scene import keep
from tests.pushing import bearer, send

APP = "com.example.pushkit"
BODY = b'{"aps":{"timestamp":1764000000,"event":"update","content-state":{"score":1}}}'
HOST = "localhost"


def asked(ready: dict[str, Any], request: Request, *, of: str = "sandbox") -> Answer:
    """One request, and what was said to it."""
    said = (message.AUTHORIZATION, f"bearer {bearer(ready)}".encode())
    signed = replace(request, headers=(*request.headers, said))
    port = int(ready["endpoints"][of].rpartition(":")[2])
    context = client_context(Path(ready["ca_file"]))
    where = Endpoint(host="127.0.0.1", port=port)
    return read_answer(ask(where, context, signed, timeout=PATIENCE_S))


def made(up: Running, storage: Storage = Storage.NONE) -> str:
    answer = asked(up.ready, channels.to_create(APP, storage, authority=HOST))
    assert answer.reply.status == 201
    assert answer.channel_id is not None
    return answer.channel_id


def test_channels_are_managed_at_doors_of_their_own(listener: Running) -> None:
    endpoints = listener.ready["endpoints"]
    assert list(endpoints) == ["sandbox", "production", "manage_sandbox", "manage_production"]
    assert len(set(endpoints.values())) == 4
    made_there = asked(
        listener.ready,
        channels.to_create(APP, Storage.NONE, authority=HOST),
        of="manage_production",
    ).channel_id
    assert made_there is not None
    listing = channels.to_list(APP, authority=HOST)
    found = {name: asked(listener.ready, listing, of=name).channel_ids for name in endpoints}
    assert found["production"] == found["manage_production"] == (made_there,)
    assert found["sandbox"] == found["manage_sandbox"] == ()


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ((2197, 2198, None, None), [2197, 2198, 2195, 2196]),
        ((0, 0, None, None), [0, 0, 0, 0]),
        ((2197, 0, None, None), [2197, 0, 2195, 0]),
        ((3000, 2198, None, None), [3000, 2198, 0, 2196]),
        ((2197, 2198, 0, 4000), [2197, 2198, 0, 4000]),
    ],
)
def test_management_has_apples_ports_beside_the_usual_ones(
    said: tuple[int, int, int | None, int | None], found: list[int]
) -> None:
    assert list(doors.ports(*said).values()) == found


def test_a_door_that_is_taken_opens_none(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        options = Options(home=home, port=0, production_port=0, manage_production_port=port)
        with (
            pytest.raises(PortError, match=str(port)) as raised,
            running(options, lambda _: None),
        ):
            pass
        assert "--manage-production-port 0" in (raised.value.hint or "")


def test_a_channel_lives_as_long_as_it_is_not_deleted(home: Path, told: Told) -> None:
    options = Options(home=home, port=0, production_port=0)
    with running(options, told.append) as up:
        first, second = made(up, Storage.LATEST), made(up)
        shown = asked(up.ready, channels.to_show(APP, first, authority=HOST))
        assert (shown.reply.status, shown.storage) == (200, Storage.LATEST)
        gone = asked(up.ready, channels.to_delete(APP, second, authority=HOST))
        assert gone.reply.status == 204
    with running(options, told.append) as up:
        assert asked(up.ready, channels.to_list(APP, authority=HOST)).channel_ids == (first,)
        message_ = Broadcast(
            bundle_id=APP, channel_id=first, payload=BODY, priority=5, expiration=0
        )
        sent = asked(up.ready, channels.to_broadcast(message_, authority=HOST))
        assert sent.reply.status == 200
        there = asked(up.ready, channels.to_list(APP, authority=HOST), of="production")
        assert there.channel_ids == ()
    assert [one["channel"] for one in told.named("push")] == [first]
    assert len(told.named("channel")) == 6


def test_a_broadcast_goes_on_where_the_last_listener_was_killed(home: Path, told: Told) -> None:
    options = Options(home=home, port=0, production_port=0)
    with running(options, told.append):
        pass
    sandbox = Environment.SANDBOX
    keep(
        Home(home),
        Channel(id="dHN0", bundle_id=APP, environment=sandbox, storage=Storage.NONE),
        Subscription(channel_id="dHN0", device="iphone", number=1),
        Message(
            push_id="p1", channel_id="dHN0", priority=10, at=1.0, until=None, reached=0, last=1
        ),
    )
    with running(options, told.append):
        assert wait_for(lambda: told.named("delivered") or None, timeout=PATIENCE_S)
    (delivered,) = told.named("delivered")
    assert (delivered["push_id"], delivered["device"]) == ("p1", "iphone")


def _start(channel: str) -> bytes:
    aps = {
        "timestamp": 1764000000, "event": "start", "input-push-channel": channel,
        "alert": {"title": "t", "body": "b"}, "attributes-type": "A", "attributes": {},
        "content-state": {},
    }  # fmt: skip
    return json.dumps({"aps": aps}).encode()


def test_a_start_push_subscribes_and_a_broadcast_arrives(listener: Running, told: Told) -> None:
    channel = made(listener)
    push = Push(
        token=listener.ready["devices"][0]["tokens"]["liveactivity"],
        payload=_start(channel),
        topic=f"{APP}.push-type.liveactivity",
        push_type=PushType.liveactivity,
        priority=10,
    )
    started = to_request(push, authority=HOST, provider_token=bearer(listener.ready))
    (said,) = send(listener.ready, [started])
    assert said.reply.status == 200
    message_ = Broadcast(bundle_id=APP, channel_id=channel, payload=BODY, priority=10, expiration=0)
    sent = asked(listener.ready, channels.to_broadcast(message_, authority=HOST))
    assert wait_for(lambda: len(told.named("displayed")) == 2 or None, timeout=PATIENCE_S)
    (joined,) = told.named("subscribed")
    (_, broadcast) = told.named("push")
    delivered = told.named("delivered")[-1]
    assert (joined["device"], joined["channel"]) == ("iphone", channel)
    assert (delivered["push_id"], delivered["channel"]) == (broadcast["id"], channel)
    assert broadcast["apns_request_id"] == sent.reply.apns_request_id
    assert told.named("displayed")[-1]["detail"] == "Live Activity updated"


def test_what_changes_nothing_that_is_announced_writes_no_file(
    home: Path, listener: Running
) -> None:
    """With ten thousand devices it takes seconds to write."""
    channel, file = made(listener), home / RUN_FILE
    before = file.stat().st_ino
    setting = Setting(home=home, variables={})
    assert emulated.change(setting, [Subscribe(device="iphone", channel_id=channel)])
    assert emulated.change(setting, [SetCondition(device="iphone", words=("offline",))])
    assert file.stat().st_ino == before
    assert emulated.change(setting, [Uninstall(device="iphone", bundle_id=APP)])
    assert file.stat().st_ino != before
