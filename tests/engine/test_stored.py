"""Stored pushes over the real wire: TLS, HTTP/2, the control socket and a clock that we move."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest

from pushkit_cli.apns.message import to_request
from pushkit_cli.apns.push import Push, PushType, topic_for
from pushkit_cli.apns.token import mint
from pushkit_cli.emulator.moves import Reset, SetCondition
from pushkit_cli.engine import emulated, host, timekeeping
from pushkit_cli.engine.listener import Running, running
from pushkit_cli.engine.setting import Setting
from pushkit_cli.engine.waiting import wait_for
from pushkit_cli.net.sender import Endpoint, exchange
from pushkit_cli.net.tls import client_context
from pushkit_cli.phone.policy import DevicePolicy, Slot
from tests.conftest import Told
from tests.engine.scene import PATIENCE_S
from tests.engine.test_listener import options

OFFLINE, LATE, TRIED = "stored device-offline", "delivered from-storage", "deferred device-offline"
EXPIRED, LOST, POWER = "discarded expired", "overwritten slot", "deferred power"
RANG = "call-reported"


class Phone:
    """The iPhone of a running listener, and a sender."""

    def __init__(self, up: Running, home: Path) -> None:
        self.now = host.now()
        self._facts = up.ready
        self._setting = Setting(home=home, variables={})
        key = Path(up.ready["key_file"]).read_bytes()
        team, key_id = up.ready["team_id"], up.ready["key_id"]
        self._bearer = mint(key, team_id=team, key_id=key_id, now=self.now)
        self._context = client_context(Path(up.ready["ca_file"]))

    def push(
        self,
        kind: PushType = PushType.voip,
        *,
        expiration: int | None = None,
        priority: int = 10,
        collapse_id: str | None = None,
    ) -> "Phone":
        push = Push(
            token=self._facts["devices"][0]["tokens"][kind],
            payload=json.dumps({"callUUID": str(uuid4()), "aps": {"alert": "Hi"}}).encode(),
            topic=topic_for(self._facts["apps"][0], kind),
            push_type=kind,
            priority=priority,
            expiration=expiration,
            collapse_id=collapse_id,
        )
        endpoint = Endpoint(host="127.0.0.1", port=self._facts["port"])
        asked = to_request(push, authority=endpoint.authority, provider_token=self._bearer)
        (done,) = exchange(endpoint, self._context, [asked], timeout=PATIENCE_S)
        assert done.reply.status == 200
        return self

    def at(self, seconds: int) -> int:
        """An expiration so many seconds after the beginning."""
        return int(self.now) + seconds

    def is_so(self, *words: str) -> "Phone":
        assert emulated.change(self._setting, [SetCondition(device="iphone", words=words)])
        return self

    def is_reset(self) -> "Phone":
        assert emulated.change(self._setting, [Reset(device="iphone")])
        return self

    def later(self, seconds: float) -> "Phone":
        timekeeping.advance(self._setting, seconds)
        return self


def happened(told: Told) -> list[str]:
    """What happened on the phone, each event with its reason; calls are always reported."""
    events = (one.to_json() for one in list(told))
    return [
        event["event"] if event["reason"] is None else f"{event['event']} {event['reason']}"
        for event in events
        if event["event"] not in ("push", "launched")
    ]


@dataclass(frozen=True, kw_only=True)
class Row:
    name: str
    play: Callable[[Phone], object]
    happens: list[str]
    policy: DevicePolicy = field(default_factory=DevicePolicy)


ROWS = (
    Row(
        name="stored, and handed over on return",
        play=lambda it: it.is_so("offline").push().later(3600).is_so("online"),
        happens=[OFFLINE, LATE, "warning ghost-call", RANG],
    ),
    Row(
        name="stored, and expired at its date",
        play=lambda it: it.is_so("offline").push(expiration=it.at(60)).later(61).is_so("online"),
        happens=[OFFLINE, EXPIRED],
    ),
    Row(
        name="expiration 0, back within the window",
        play=lambda it: it.is_so("offline").push(expiration=0).later(29).is_so("online"),
        happens=[TRIED, LATE, RANG],
    ),
    Row(
        name="expiration 0, back too late",
        play=lambda it: it.is_so("offline").push(expiration=0).later(30).is_so("online"),
        happens=[TRIED, EXPIRED],
    ),
    Row(
        name="one slot, the last one stays",
        play=lambda it: it.is_so("offline").push().push().is_so("online"),
        happens=[OFFLINE, OFFLINE, LOST, LATE, RANG],
    ),
    Row(
        name="a slot for each app",
        play=lambda it: it.is_so("offline").push().push(PushType.alert).is_so("online"),
        happens=[OFFLINE, OFFLINE, LOST, LATE, "displayed"],
        policy=DevicePolicy(slot=Slot.BUNDLE),
    ),
    Row(
        name="collapsed",
        play=lambda it: (
            it.is_so("offline")
            .push(PushType.alert, collapse_id="score")
            .push(PushType.alert, collapse_id="score")
            .is_so("online")
        ),
        happens=[OFFLINE, OFFLINE, "overwritten collapsed", LATE, "displayed"],
    ),
    Row(
        name="priority 5 waits for power",
        play=lambda it: (
            it.is_so("power-saving").push(priority=5).push().later(1).is_so("full-power")
        ),
        happens=[POWER, "delivered", RANG, LATE, RANG],
    ),
    Row(
        name="thirty days at most",
        play=lambda it: it.is_so("offline").push().later(30 * 86_400),
        happens=[OFFLINE, EXPIRED],
    ),
    Row(
        name="a reset forgets what is stored",
        play=lambda it: it.is_so("offline").push().is_reset().push(),
        happens=[OFFLINE, "discarded reset", "delivered", RANG],
    ),
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_what_becomes_of_a_push(home: Path, told: Told, row: Row) -> None:
    given = options(home, is_clock_manual=True, device_policy=row.policy)
    with running(given, told.append) as up:
        row.play(Phone(up, home))
        assert wait_for(lambda: happened(told) == row.happens or None, timeout=PATIENCE_S), (
            happened(told)
        )


@pytest.fixture
def left(home: Path) -> Iterator[Path]:
    """A home whose last listener stored a push for a phone that is away."""
    with running(options(home), lambda _: None) as up:
        Phone(up, home).is_so("offline").push()
    yield home


def test_what_was_stored_outlives_the_listener(left: Path, told: Told) -> None:
    with running(options(left), told.append) as up:
        Phone(up, left).is_so("online")
        wait_for(lambda: told.named("call-reported") or None, timeout=PATIENCE_S)
    assert happened(told) == [LATE, RANG]


def test_a_phone_that_is_back_while_nobody_listens_gets_it_from_the_next_listener(
    left: Path, told: Told
) -> None:
    assert emulated.change(
        Setting(home=left, variables={}), [SetCondition(device="iphone", words=("online",))]
    )
    with running(options(left), told.append):
        wait_for(lambda: told.named("call-reported") or None, timeout=PATIENCE_S)
    with running(options(left), told.append):
        pass
    assert happened(told) == [LATE, RANG]
