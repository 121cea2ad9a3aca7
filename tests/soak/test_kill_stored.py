"""A listener whose phones are away, killed again and again: what it stored arrives, and once."""

import signal
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest

from pushkit_cli.apns.message import Request, as_uuid, to_request
from pushkit_cli.apns.push import Push, PushType, topic_for
from pushkit_cli.apns.token import mint
from pushkit_cli.emulator.moves import SetCondition
from pushkit_cli.engine import emulated
from pushkit_cli.engine.host import new_id
from pushkit_cli.engine.setting import Setting
from pushkit_cli.errors import PushkitError
from tests.commands import pushkit
from tests.soak.test_kill import KILLS, Traffic, journal, started

PHONES = [f"phone{number}" for number in range(12)]
KINDS = (PushType.voip, PushType.alert, PushType.fileprovider, PushType.liveactivity)
ENDS = ("delivered", "overwritten", "discarded")


class ToPhones(Traffic):
    """Pushes that are stored, to phones and tokens as chance picks them."""

    chance = Random("stored")

    def _push(self, kind: PushType) -> Request:
        del kind
        device, kind = self.chance.choice(self._ready["devices"]), self.chance.choice(KINDS)
        push = Push(
            token=device["tokens"].get(kind, device["tokens"]["alert"]),
            payload=f'{{"aps":{{"alert":"x"}},"callUUID":"{new_id()}"}}'.encode(),
            topic=topic_for(
                self._ready["apps"][0], kind if kind in device["tokens"] else PushType.alert
            ),
            push_type=kind if kind in device["tokens"] else PushType.alert,
            priority=self.chance.choice([10, 5]),
            apns_id=as_uuid(new_id()).upper(),
        )
        return to_request(push, authority=self._endpoint.authority, provider_token=self._bearer)


def are(home: Path, names: list[str], *words: str) -> None:
    """Say how phones are; a listener that dies meanwhile has said nothing."""
    try:
        orders = [SetCondition(device=name, words=words) for name in names]
        emulated.change(Setting(home=home, variables={}), orders)
    except PushkitError:
        pass


def bearer_of(ready: dict[str, Any]) -> str:
    key = Path(ready["key_file"]).read_bytes()
    return mint(key, team_id=ready["team_id"], key_id=ready["key_id"], now=time.time())


@pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning"
)
def test_what_was_stored_arrives_once_after_twenty_kills(home: Path) -> None:
    random, acknowledged, bearer = Random("kill stored"), list[str](), None
    for name in PHONES:
        words = ("register", "device", name, "--app", "com.example.pushkit", "--type", "voip")
        assert pushkit(*words).returncode == 0
    for _ in range(KILLS):
        with started(home) as (process, ready):
            bearer = bearer or bearer_of(ready)
            names = [device["name"] for device in ready["devices"]]
            are(home, names, "offline")
            with ToPhones(ready, bearer) as traffic:
                time.sleep(random.uniform(0.0, 0.5))
                are(home, random.sample(names, len(names) // 2), "online")
                time.sleep(random.uniform(0.0, 0.3))
                process.send_signal(signal.SIGKILL)
        acknowledged += traffic.acknowledged
    with started(home) as (process, ready):
        are(home, [device["name"] for device in ready["devices"]], "online", "full-power")
        process.send_signal(signal.SIGTERM)
        process.wait()
    _each_ended_once(journal(home), acknowledged)


def _each_ended_once(events: list[dict[str, Any]], acknowledged: list[str]) -> None:
    ended = Counter(event["apns_id"] for event in events if event["event"] in ENDS)
    late = [event for event in events if event["event"] == "delivered" and event["reason"]]
    pushed = {event["apns_id"] for event in events if event["event"] == "push"}
    assert len(acknowledged) > 1000
    assert [one for one in acknowledged if one not in pushed] == []
    assert [one for one in pushed if ended[one] != 1] == []
    assert len(late) > 200
    assert {event["event"] for event in events} >= {"stored", "overwritten", "delivered"}
