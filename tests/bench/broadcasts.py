"""The time of a broadcast to 10, 1,000 and 10,000 devices, and of a push that comes meanwhile.

One listener in a process of its own holds all devices, and 10,000 channels of one app. A broadcast
is accepted (its answer), and then taken to every subscriber (the last `delivered` is told). No
answer may wait for the devices.
"""

import json
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pushkit_cli.apns import channels, message
from pushkit_cli.apns.channels import Broadcast, read_answer
from pushkit_cli.apns.facts import Storage
from pushkit_cli.apns.message import Request
from pushkit_cli.apns.push import Push, PushType
from pushkit_cli.apns.token import mint
from pushkit_cli.net.sender import Endpoint, connect, exchange
from pushkit_cli.net.tls import client_context
from pushkit_cli.wire.client import Answered, ClientConnection
from tests.bench.hosts import listening
from tests.bench.method import ROUNDS, Table

SIZES = (10, 1_000, 10_000)
ANSWER_MS = 250.0
"""Answers take no longer, though ten thousand devices are being reached: 99 in 100, that is."""
APP = "com.example.pushkit"
BODY = b'{"aps":{"timestamp":1764000000,"event":"update","content-state":{"score":1}}}'


class Client:
    """One connection to a listener, one request at a time."""

    def __init__(self, ready: dict[str, Any]) -> None:
        self.ready = ready
        self._wire = ClientConnection()
        self._context = client_context(Path(ready["ca_file"]))
        self._where = Endpoint(host=ready["host"], port=ready["port"])
        self._tls = connect(self._where, self._context, timeout=10)
        key = Path(ready["key_file"]).read_bytes()
        said = mint(key, team_id=ready["team_id"], key_id=ready["key_id"], now=time.time())
        self.bearer = f"bearer {said}".encode()

    def ask(self, request: Request) -> tuple[message.Response, float]:
        """The answer, and how many milliseconds it took."""
        headers = (*request.headers, (message.AUTHORIZATION, self.bearer))
        assert self._wire.room, (self._wire.goaway, self._wire.closed)
        begun = time.perf_counter()
        stream = self._wire.send(replace(request, headers=headers))
        while True:
            self._tls.sendall(self._wire.outgoing())
            for event in self._wire.receive(self._tls.recv(65_536)):
                assert isinstance(event, Answered), event
                assert event.stream == stream
                took = time.perf_counter() - begun
                self._tls.sendall(self._wire.outgoing())  # what SETTINGS asked for
                return event.response, took * 1000

    def many(self, requests: list[Request]) -> None:
        """All of them over a connection of their own; each is accepted."""
        headers = ((message.AUTHORIZATION, self.bearer),)
        said = [replace(one, headers=(*one.headers, *headers)) for one in requests]
        done = exchange(self._where, self._context, said, timeout=600)
        assert {one.reply.status for one in done} <= {200, 201}, done[-1]

    def create(self, storage: Storage = Storage.NONE) -> str:
        response, _ = self.ask(channels.to_create(APP, storage, authority="localhost"))
        channel_id = read_answer(response).channel_id
        assert channel_id is not None
        return channel_id

    def start(self, device: dict[str, Any], channel_id: str) -> Request:
        """A Live Activity that starts on a device, and hears of a channel."""
        aps = {
            "timestamp": 1764000000, "event": "start", "input-push-channel": channel_id,
            "alert": {"title": "t", "body": "b"}, "attributes-type": "A", "attributes": {},
            "content-state": {},
        }  # fmt: skip
        push = Push(
            token=device["tokens"]["liveactivity"],
            payload=json.dumps({"aps": aps}).encode(),
            topic=f"{APP}.push-type.liveactivity",
            push_type=PushType.liveactivity,
            priority=10,
        )
        return message.to_request(push, authority="localhost", provider_token=None)

    def broadcast(self, channel_id: str) -> Request:
        said = Broadcast(
            bundle_id=APP, channel_id=channel_id, payload=BODY, priority=10, expiration=0
        )
        return channels.to_broadcast(said, authority="localhost")

    def alert(self, device: dict[str, Any]) -> Request:
        push = Push(
            token=device["tokens"]["alert"],
            payload=b'{"aps":{"alert":"x"}}',
            topic=APP,
            push_type=PushType.alert,
            priority=10,
        )
        return message.to_request(push, authority="localhost", provider_token=None)


class Events:
    """The file that a listener appends its events to."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._rest = b""

    def new(self) -> int:
        """How many deliveries of a broadcast were told since the last look."""
        self._rest += self._file.read()
        whole, _, self._rest = self._rest.rpartition(b"\n")
        return sum(
            b'"event":"delivered"' in line and b'"channel":"' in line for line in whole.split(b"\n")
        )


@dataclass
class Figures:
    """What was measured for one number of subscribers, in milliseconds."""

    answers: list[float] = field(default_factory=list)
    reached: list[float] = field(default_factory=list)
    meanwhile: list[float] = field(default_factory=list)


def measured(client: Client, events: Events, channel_id: str, size: int) -> Figures:
    """Broadcasts to so many, and alerts to the last device while each is under way."""
    found = Figures()
    for number in range(ROUNDS + 1):
        events.new()
        begun = time.perf_counter()
        response, answer_ms = client.ask(client.broadcast(channel_id))
        assert response.status == 200, response
        left, meanwhile = size, list[float]()
        while left > 0:
            meanwhile.append(client.ask(client.alert(client.ready["devices"][-1]))[1])
            left -= events.new()
        assert left == 0
        if number:  # the first warms up
            found.answers.append(answer_ms)
            found.reached.append((time.perf_counter() - begun) * 1000)
            found.meanwhile += meanwhile
    return found


def prepare(client: Client) -> dict[int, str]:
    """A channel for each size, with its subscribers, and as many others as there may be."""
    ready, made = client.ready, {size: client.create() for size in SIZES}
    client.many(
        [
            client.start(device, channel_id)
            for size, channel_id in made.items()
            for device in ready["devices"][:size]
        ]
    )
    more = channels.to_create(APP, Storage.NONE, authority="localhost")
    client.many([more] * (channels.MAX_CHANNELS - len(SIZES)))
    response, _ = client.ask(more)
    assert read_answer(response).reply.reason == "CannotCreateChannelConfig"
    return made


def measure(place: Path) -> list[Table]:
    """How long a broadcast takes, and what is asked meanwhile."""
    place.mkdir(exist_ok=True)
    events_file = place / "events.ndjson"
    with listening(place, max(SIZES), "--events", events_file) as ready:
        client = Client(ready)
        made = prepare(client)
        events = Events(events_file)
        figures = {size: measured(client, events, made[size], size) for size in SIZES}
    table = Table(name="broadcasts", title="A broadcast, by its subscribers", unit="ms")
    for size, found in figures.items():
        table.figures[f"{size:,}: answered"] = found.answers
        table.figures[f"{size:,}: all reached"] = found.reached
        table.figures[f"{size:,}: a push meanwhile"] = found.meanwhile
    waited = sorted(ms for found in figures.values() for ms in (*found.answers, *found.meanwhile))
    table.at_most("ms for 99 of 100 answers", waited[int(len(waited) * 0.99)], ANSWER_MS)
    return [table]
