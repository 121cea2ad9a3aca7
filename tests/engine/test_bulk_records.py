"""A record that is written by a pattern is the record that is written key by key."""

import json
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from pushkit_cli.apns.message import Outcome, Reply
from pushkit_cli.engine.bulk_input import Input
from pushkit_cli.engine.bulk_order import BulkOrder, plan
from pushkit_cli.engine.bulk_records import Ended, Records
from pushkit_cli.engine.bulk_shots import Shot, Shots
from pushkit_cli.engine.planning import Order
from pushkit_cli.engine.setting import Setting
from pushkit_cli.engine.targets import Recipient
from pushkit_cli.engine.where import Target

TOKEN = "ab" * 32
IDS = (None, "8023DA58", 'a"b\\', "\u2028\ud800\x00", "%s %d %%", "", "é")


@pytest.fixture
def records(home: Path, tmp_path: Path) -> tuple[Records, Shot]:
    """Records of one run, and one of its pushes."""
    file = tmp_path / "targets"
    file.write_text(TOKEN)
    push = Order(push_type="voip", app="com.example.app", env=Target.local, payload=b"{}")
    with Input(file) as source:
        planned = plan(BulkOrder(push=push, source=file), source, Setting(home=home, variables={}))
        (shot,) = Shots(planned, "6c1f4c1e-0d70-4c58-9a53-0f6a6f4b2f10").all(source.lines())
    assert isinstance(shot, Shot)
    found = Records(planned)
    found.at = lambda: "2026-11-29T12:00:00.000Z"  # type: ignore[method-assign]
    return found, shot


def test_a_line_is_the_object(records: tuple[Records, Shot]) -> None:
    write, shot = records
    chance = Random(5)
    recipients = (shot.recipient, Recipient(token="cd" * 80, name="100%s", app='a"%d'))
    for number in range(1, 2_000):
        outcome = chance.choice([Outcome.ACCEPTED] * 3 + list(Outcome))
        answered = outcome in (Outcome.ACCEPTED, Outcome.REFUSED)
        reply = Reply(
            outcome=outcome,
            status=(200 if outcome is Outcome.ACCEPTED else 410) if answered else None,
            apns_id=chance.choice(IDS),
            apns_unique_id=chance.choice(IDS),
            apns_request_id=chance.choice(IDS),
        )
        target = replace(
            shot,
            number=number,
            id=chance.choice(IDS),
            recipient=chance.choice(recipients),
            topic=chance.choice(["a.b.voip", "100%", 'q"s']),
        )
        ended = Ended(
            target=target,
            reply=reply,
            tries=chance.randrange(3),
            elapsed_ms=chance.choice([None, 0.04, 1.0, 12.3456, 1e6]),
        )
        line = write.line(ended, number)
        assert line.endswith(b"}\n")
        assert json.loads(line) == json.loads(json.dumps(write.reply(ended, number)))
        assert list(json.loads(line)) == list(write.reply(ended, number))
