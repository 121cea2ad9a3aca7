"""Pushes a second at a listener with one device and with a thousand, and their ratio.

Both listeners run at once and are asked in turn, so that whatever else the machine does falls on
both. Every check is on.
"""

import random
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pushkit_cli.apns import message
from pushkit_cli.apns.message import Outcome, Request
from pushkit_cli.apns.push import Push, PushType
from pushkit_cli.apns.token import mint
from pushkit_cli.net.sender import Endpoint, exchange
from pushkit_cli.net.tls import client_context
from tests.bench.hosts import listening
from tests.bench.method import ROUNDS, Table, in_turn

ONE, MANY = "1 device", "1,000 devices"
DEVICES = {ONE: 1, MANY: 1000}
PUSHES = 2000


class Load:
    """Pushes to chance devices of one listener, over one connection a round."""

    def __init__(self, ready: dict[str, Any]) -> None:
        self._endpoint = Endpoint(host=ready["host"], port=ready["port"])
        self._context = client_context(Path(ready["ca_file"]))
        key = Path(ready["key_file"]).read_bytes()
        bearer = mint(key, team_id=ready["team_id"], key_id=ready["key_id"], now=time.time())
        chance = random.Random(7)  # a seed: every run is alike
        tokens = [device["tokens"]["voip"] for device in ready["devices"]]
        topic = f"{ready['apps'][0]}.voip"
        self._requests = [  # each is another call
            self._request(chance.choice(tokens), topic, bearer, number)
            for number in range(PUSHES * (ROUNDS + 1))
        ]

    def _request(self, token: str, topic: str, bearer: str, number: int) -> Request:
        body = f'{{"callUUID":"{number:08x}-0000-4000-8000-000000000000","handle":"+15550100"}}'
        push = Push(
            token=token,
            payload=body.encode(),
            topic=topic,
            push_type=PushType.voip,
            priority=10,
            expiration=0,
        )
        return message.to_request(push, authority=self._endpoint.authority, provider_token=bearer)

    def round(self) -> float:
        """Pushes a second."""
        now, self._requests = self._requests[:PUSHES], self._requests[PUSHES:]
        begun = time.perf_counter()
        done = exchange(self._endpoint, self._context, now, timeout=120)
        elapsed = time.perf_counter() - begun
        assert {one.reply.outcome for one in done} == {Outcome.ACCEPTED}
        return PUSHES / elapsed


def measure(place: Path) -> list[Table]:
    """The pace with many devices against that with one."""
    table = Table(
        name="devices",
        title="pushkit listen, by the number of its devices",
        unit="pushes/s",
        base=ONE,
    )
    with ExitStack() as stack:
        loads = {
            name: Load(stack.enter_context(listening(place / str(devices), devices)))
            for name, devices in DEVICES.items()
        }
        runs = {name: load.round for name, load in loads.items()}
        table.figures = in_turn(runs, table.missing)
    table.ratio("to one device", MANY, ONE, 0.7)
    return [table]
