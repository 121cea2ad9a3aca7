"""Pushes a second at a listener with one device and with a thousand, and their ratio.

Both listeners run at once and are asked in turn, so that whatever else the machine does falls on
both. Every check is on. `make bench` prints the medians and keeps them in .venv/bench.json.
"""

import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from pushkit_cli.apns import message
from pushkit_cli.apns.message import Outcome, Request
from pushkit_cli.apns.push import Push, PushType
from pushkit_cli.apns.token import mint
from pushkit_cli.net.sender import Endpoint, exchange
from pushkit_cli.net.tls import client_context

DEVICES = (1, 1000)
PUSHES = 2000
ROUNDS = 5
TARGET = 0.7
PUSHKIT = Path(sys.executable).with_name("pushkit")
RESULTS = Path(__file__).parents[2] / ".venv" / "bench.json"


@contextmanager
def listening(folder: Path, devices: int, *more: str | Path) -> Iterator[dict[str, Any]]:
    """A listener on kept state with so many iPhones."""
    ready = folder / "ready.json"
    names = [word for number in range(devices) for word in ("--device", f"phone{number}")]
    words: list[str | Path] = [
        PUSHKIT,
        "listen",
        "--port",
        "0",
        "--ready-file",
        ready,
        *names,
        *more,
    ]
    env = {**os.environ, "PUSHKIT_HOME": str(folder / "home")}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(words, env=env, stdout=log, stderr=log)
    try:
        while not ready.exists():
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(0.05)
        yield json.loads(ready.read_bytes())
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


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


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


def main() -> int:
    """Measure, print, keep; 1 where the target is missed."""
    with tempfile.TemporaryDirectory(prefix="pushkit-bench-") as folder, ExitStack() as stack:
        loads = {}
        for devices in DEVICES:
            place = Path(folder) / str(devices)
            place.mkdir()
            loads[devices] = Load(stack.enter_context(listening(place, devices)))
        figures: dict[int, list[float]] = {devices: [] for devices in DEVICES}
        for number in range(ROUNDS + 1):
            for devices, load in loads.items():
                figure = load.round()
                if number:  # the first warms up
                    figures[devices].append(figure)
    one, many = (statistics.median(figures[devices]) for devices in DEVICES)
    ratio = many / one
    _say("devices   pushes/s (median, lowest, highest)")
    for devices, found in figures.items():
        middle = statistics.median(found)
        _say(f"{devices:>7}   {middle:>8,.0f}  {min(found):>8,.0f}  {max(found):>8,.0f}")
    _say(f"ratio {ratio:.2f}, and at least {TARGET} is wanted")
    body = {"devices": {str(key): value for key, value in figures.items()}, "ratio": ratio}
    RESULTS.write_text(json.dumps(body), encoding="ascii")
    return 0 if ratio >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
