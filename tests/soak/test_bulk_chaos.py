"""A bulk run through everything that goes wrong: sender and receiver agree about every push."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bulk import by_outcome, counts, replies, results_of, summary, write
from tests.cli.errands import Done, here
from tests.soak.listener import subject

TARGETS = 20_000
DEVICES = 20
FAULTS = (
    "goaway@every500",
    "reset@0.2%",
    "reset=refused@1%",
    "close@every4000",
    "streams=1@nth7001",
    "ExpiredProviderToken@nth9001",
    "Unregistered@2%",
    "TooManyRequests@0.5%",
    "ServiceUnavailable@nth3001",
    "ServiceUnavailable@nth3002",
    "InternalServerError@nth12001",
)


def run(file: Path, *more: str) -> Done:
    body = '{"aps":{"alert":"{{line}}"}}'
    words = ("--type", "alert", "--payload", body, "--targets", str(file), "--timeout", "5s")
    return here("--json", "send", *words, "--results", str(results_of(file)),
        "--retries", "10", *more)  # fmt: skip


def received(events: Path) -> Iterator[dict[str, Any]]:
    with events.open() as lines:
        for line in lines:
            event = json.loads(line)
            if event["event"] == "push":
                yield event


@pytest.mark.parametrize("connections", ["1", "3"])
def test_20_000_targets_are_decided_once_and_the_receiver_agrees(
    home: Path, tmp_path: Path, connections: str
) -> None:
    events = tmp_path / "events"
    names = [word for number in range(DEVICES) for word in ("--device", f"phone{number}")]
    faults = [word for fault in FAULTS for word in ("--fault", fault)]
    with subject(home, *names, *faults, "--seed", "7", "--events", str(events)) as listener:
        tokens = [device["tokens"]["alert"] for device in listener.ready["devices"]]
        file = write(tmp_path, [tokens[line % DEVICES] for line in range(TARGETS)])
        done = run(file, "--connections", connections)
        listener.stop()
    said = summary(done)
    assert done.returncode == 8, (said, done.stderr)
    found = by_outcome(results_of(file))
    ids = {line: one["apns_id"].lower() for line, one in replies(results_of(file)).items()}
    assert sorted(ids) == list(range(1, TARGETS + 1)), "each is decided"
    assert counts(done) == {word: len(lines) for word, lines in found.items()}
    taken, seen = Counter[str](), Counter[str]()
    for push in received(events):
        seen[push["apns_id"].lower()] += 1
        taken[push["apns_id"].lower()] += push["status"] == 200
    assert max(taken.values()) == 1, "delivered twice"
    assert {taken[ids[line]] for line in found["accepted"]} == {1}
    assert {taken[ids[line]] for line in found["refused"]} == {0}
    assert {seen[ids[line]] for line in found.get("unsent", ())} <= {0}
    assert len(found["unknown"]) < TARGETS // 20
    assert 0.01 * TARGETS < len(found["refused"]) < 0.04 * TARGETS
