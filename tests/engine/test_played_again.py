"""A run that is played again: with one seed and one time, two listeners tell the same bytes."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pushkit_cli.apns.message import Request, to_request
from pushkit_cli.apns.push import Push, PushType, topic_for
from pushkit_cli.apns.token import mint
from pushkit_cli.emulator.fault_words import read_fault
from pushkit_cli.engine import ids
from pushkit_cli.engine.in_process import InProcess, in_process
from pushkit_cli.engine.listener import Options
from pushkit_cli.engine.waiting import wait_for
from pushkit_cli.net.sender import Endpoint, exchange
from pushkit_cli.net.tls import client_context
from tests.commands import PATIENCE_S

AT = 1_795_000_000.0
FAULTS = (
    "voip:ServiceUnavailable@40%",
    "alert:TooManyRequests@after3,per-token=1m",
    "reset=refused@every6",
    "goaway@nth9",
    "tls@nth4",
    "streams=5@nth20",
)


def request(ready: dict[str, Any], kind: PushType, number: int) -> Request:
    """The same in every run; a body that differs from push to push."""
    bearer = mint(
        Path(ready["key_file"]).read_bytes(),
        team_id=ready["team_id"], key_id=ready["key_id"], now=AT,
    )  # fmt: skip
    push = Push(
        token=ready["devices"][0]["tokens"][kind],
        payload=json.dumps({"aps": {"alert": "x"}, "callUUID": f"call {number}"}).encode(),
        topic=topic_for(ready["apps"][0], kind),
        push_type=kind,
        priority=10,
    )
    return to_request(push, authority="127.0.0.1", provider_token=bearer)


def told(seed: int | None, *, at: float | None = AT) -> list[str]:
    """Everything a listener told of twenty-four pushes, as NDJSON."""
    options = Options(
        home=None, port=0, production_port=0, seed=seed, is_clock_manual=True, clock_at=at,
        faults=tuple(read_fault(text) for text in FAULTS),
    )  # fmt: skip
    with in_process(options) as up:
        for begin in (0, 8, 16):
            _send(up, range(begin, begin + 8))
            up.on_stage(lambda stage: stage.advance(20.0))
        return [json.dumps(one) for one in up.events()]


def _send(up: InProcess, numbers: Sequence[int]) -> None:
    """One after the other; each has been dealt with before the next leaves."""
    context = client_context(Path(up.ready["ca_file"]))
    there = Endpoint(host="127.0.0.1", port=up.ready["port"])
    for number in numbers:
        kind = PushType.voip if number % 3 else PushType.alert
        try:
            exchange(there, context, [request(up.ready, kind, number)], timeout=PATIENCE_S)
        except Exception as error:
            assert "handshake" in str(error)
        wait_for(lambda: not up.on_stage(lambda stage: stage.world.is_busy), timeout=PATIENCE_S)
        up.on_stage(lambda stage: stage.advance(0.001))


def test_two_runs_with_one_seed_tell_the_same() -> None:
    first, second, other = told(7), told(7), told(8)
    assert first == second
    names = [json.loads(line)["event"] for line in first]
    assert names.count("push") > 18
    assert names.count("fault") > 8
    assert len({json.loads(line).get("rule") for line in first}) > len(FAULTS) - 1
    struck = [_struck(lines) for lines in (first, other)]
    assert struck[0] != struck[1], "another seed is another run"


def _struck(lines: list[str]) -> list[str | None]:
    events = map(json.loads, lines)
    return [one["fault"] for one in events if one["event"] == "push"]


def test_ids_are_those_of_the_seed_and_of_this_run_alone() -> None:
    def five(seed: int, after: int) -> list[str]:
        new_id = ids.seeded(seed, after=after)
        return [new_id() for _ in range(5)]

    assert five(7, 0) == five(7, 0)
    every = [one for made in (five(7, 0), five(8, 0), five(7, 40)) for one in made]
    assert len(set(every)) == 15
    assert all(len(one) == 32 and int(one, 16) >= 0 for one in every)


def test_without_a_seed_nobody_foresees_an_id() -> None:
    def made() -> str:
        with in_process(Options(home=None, port=0, production_port=0)) as up:
            return up.on_stage(lambda stage: stage._new_id())

    assert made() != made()
