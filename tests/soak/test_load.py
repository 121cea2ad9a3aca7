"""Many connections and many pushes: all answered, all kept, and what that costs in memory."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from pushkit_cli.apns.push import PushType, topic_for
from pushkit_cli.store.emulator_db import JOURNAL_PUSHES
from tests.soak.attacker import Attacker, block
from tests.soak.listener import Subject, subject
from tests.wire import raw

Record = Callable[[str, object], None]

CONNECTIONS, PUSHES_EACH = 500, 20
FIRST, ALL = 10_000, JOURNAL_PUSHES + 2_000
AT_ONCE = 500
_END_STREAM, _HEADERS, _STATUS_200 = 1, 1, 0x88


class Pusher(Attacker):
    """A client as quick as bytes can be: the same block and the same body, again and again."""

    def prepare(self, up: Subject, kind: PushType) -> None:
        """Push once as this type, to be let in; from now on all are like that one."""
        changed = {
            b":path": b"/3/device/" + up.ready["devices"][0]["tokens"][kind].encode(),
            b"apns-topic": topic_for(up.ready["apps"][0], kind).encode(),
            b"apns-push-type": kind.encode(),
        }
        fields = [(name, changed.get(name, value)) for name, value in self.fields]
        fields = [pair for pair in fields if pair[0] != b"apns-id"]
        assert self.answer(self.push(fields=fields))[0] == 200
        self._head = block(fields)
        self._rest = b""

    def begin(self, count: int) -> None:
        """Send so many, of which none is waited for."""
        body = b'{"aps":{"alert":"x"},"callUUID":"c"}'
        pushes = []
        for _ in range(count):
            stream = self.stream()
            pushes += [raw.headers(stream, self._head, end=False), raw.data(stream, body, end=True)]
        assert self.say(*pushes)

    def accepted(self, count: int) -> None:
        """Read so many answers, all of them 200."""
        self._tls.settimeout(60.0)
        while count > 0:
            data = self._tls.recv(65_536)
            assert data, "closed"
            self._rest += data
            while len(self._rest) >= 9 and len(self._rest) >= 9 + self._size():
                size = 9 + self._size()
                frame, self._rest = self._rest[:size], self._rest[size:]
                if frame[3] == _HEADERS:
                    assert (frame[4] & _END_STREAM, frame[9]) == (_END_STREAM, _STATUS_200)
                    count -= 1

    def _size(self) -> int:
        return int.from_bytes(self._rest[:3], "big")


def test_five_hundred_connections_are_all_answered(home: Path, record_property: Record) -> None:
    with subject(home) as up, ExitStack() as stack:
        began = time.monotonic()
        everybody = [stack.enter_context(Pusher(up.ready)) for _ in range(CONNECTIONS)]
        for one in everybody:
            one.prepare(up, PushType.voip)
            one.begin(PUSHES_EACH - 1)
        for one in everybody:
            one.accepted(PUSHES_EACH - 1)
        took = time.monotonic() - began
        assert up.good_push() < 1.0
        record_property("load", f"{took:.1f} s, {up.peak:.0f} MiB at most")
        assert up.peak < 300
        stack.close()
        up.stop()
    assert _kept(home)[0] == CONNECTIONS * PUSHES_EACH + 1


def test_a_hundred_thousand_pushes_are_kept_and_cost_no_memory(
    home: Path, record_property: Record
) -> None:
    with subject(home) as up:
        sent, early = 0, 0.0
        began = time.monotonic()
        while sent < ALL:
            kind = (PushType.voip, PushType.alert)[sent // FIRST % 2]
            with Pusher(up.ready) as one:
                one.prepare(up, kind)
                for _ in range(FIRST // AT_ONCE):
                    one.begin(AT_ONCE)
                    one.accepted(AT_ONCE)
                    sent += AT_ONCE
            early = early or up.memory
        took = time.monotonic() - began
        grown = up.memory - early
        record_property(
            "load", f"{sent / took:.0f} pushes/s, {early:.0f} MiB at 10,000, {grown:.1f} more"
        )
        assert grown <= 30
        assert up.good_push() < 1.0
        up.stop()
    pushes, first, last, rows = _kept(home)
    assert JOURNAL_PUSHES <= pushes < JOURNAL_PUSHES + 1_000
    assert last - first + 1 == rows  # the newest, and none of them is missing


def _kept(home: Path) -> tuple[int, int, int, int]:
    """The journal's pushes, its first and its last number, and its rows."""
    sql = sqlite3.connect(home / "emulator.db")
    found = sql.execute("SELECT sum(push), min(seq), max(seq), count(*) FROM journal").fetchone()
    sql.close()
    pushes, first, last, rows = found
    return pushes, first, last, rows
