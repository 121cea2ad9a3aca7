"""A listener killed while its broadcasts are under way: each device has each of them, and once."""

import json
import signal
import sqlite3
import time
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from pushkit_cli.apns import channels
from pushkit_cli.apns.channels import Broadcast, read_answer
from pushkit_cli.apns.facts import Storage
from pushkit_cli.apns.message import AUTHORIZATION, Request, to_request
from pushkit_cli.apns.push import Push, PushType
from pushkit_cli.engine.waiting import wait_for
from pushkit_cli.errors import PushkitError
from pushkit_cli.net.rest import ask
from pushkit_cli.net.sender import Endpoint
from pushkit_cli.net.tls import client_context
from tests.commands import PATIENCE_S
from tests.pushing import bearer, send
from tests.soak.test_kill import journal, started

KILLS = 8
PHONES = 1500
BODY = b'{"aps":{"timestamp":1764000000,"event":"update","content-state":{"score":1}}}'


def _ask(ready: dict[str, Any], request: Request, said: str) -> channels.Answer:
    signed = (*request.headers, (AUTHORIZATION, f"bearer {said}".encode()))
    context = client_context(Path(ready["ca_file"]))
    where = Endpoint(host="127.0.0.1", port=ready["port"])
    return read_answer(ask(where, context, replace(request, headers=signed), timeout=PATIENCE_S))


def _starts(ready: dict[str, Any], channel: str, said: str) -> list[Request]:
    """A Live Activity on each phone, that is to hear of the channel."""
    aps = {"event": "start", "input-push-channel": channel}
    push = Push(
        token="",
        payload=json.dumps({"aps": aps}).encode(),
        topic=f"{ready['apps'][0]}.push-type.liveactivity",
        push_type=PushType.liveactivity,
    )
    return [
        to_request(
            replace(push, token=device["tokens"]["liveactivity"]),
            authority="localhost",
            provider_token=said,
        )
        for device in ready["devices"]
        if "liveactivity" in device["tokens"]
    ]


def test_a_broadcast_that_was_acknowledged_reaches_every_device_once(home: Path) -> None:
    random, acknowledged = Random("broadcast"), list[str]()
    phones = [word for number in range(PHONES) for word in ("--device", f"phone{number}")]
    with started(home, *phones) as (_, ready):
        said, app = bearer(ready), ready["apps"][0]
        made = _ask(ready, channels.to_create(app, Storage.NONE, authority="localhost"), said)
        channel = made.channel_id
        assert channel is not None
        done = send(ready, _starts(ready, channel, said))
        assert {one.reply.status for one in done} == {200}
    interrupted = 0
    message = Broadcast(bundle_id=app, channel_id=channel, payload=BODY, priority=10, expiration=0)
    for _ in range(KILLS):
        with started(home) as (process, ready):
            with suppress(PushkitError):  # the kill came first
                answer = _ask(ready, channels.to_broadcast(message, authority="localhost"), said)
                assert answer.reply.status == 200
                acknowledged.append(str(answer.reply.apns_request_id))
            time.sleep(random.uniform(0.0, 0.3))
            process.send_signal(signal.SIGKILL)
            process.wait(PATIENCE_S)
        interrupted += _under_way(home)
    with started(home):
        wait_for(lambda: not _under_way(home) or None, timeout=60)
    assert interrupted > 0, "no kill came in the middle"
    events = journal(home)
    sent = {e["id"]: e for e in events if e["event"] == "push" and e["channel"] == channel}
    assert set(acknowledged) == {event["apns_request_id"] for event in sent.values()}
    reached = Counter(
        (e["push_id"], e["device"])
        for e in events
        if e["event"] == "delivered" and e["channel"] == channel
    )
    assert set(reached.values()) == {1}
    assert Counter(push_id for push_id, _ in reached) == dict.fromkeys(sent, len(done))


def _under_way(home: Path) -> bool:
    sql = sqlite3.connect(home / "emulator.db")
    ((count,),) = sql.execute("SELECT count(*) FROM record WHERE key LIKE 'message/%'").fetchall()
    sql.close()
    return bool(count)
