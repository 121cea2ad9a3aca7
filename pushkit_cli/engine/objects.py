"""Events as the objects of the contract: numbered, dated, every key always there."""

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from pushkit_cli.emulator.clients import ClientEvent
from pushkit_cli.emulator.fault_event import FaultEvent
from pushkit_cli.emulator.push_event import PushEvent
from pushkit_cli.engine import host
from pushkit_cli.phone.events import DeviceEvent, Happening

VERSION = 1
"""`v`: within one version no key goes and none changes its type."""


@dataclass(frozen=True, kw_only=True)
class Happened:
    """An event in its place: `seq` counts within one home, `at_ms` is Unix milliseconds."""

    seq: int
    at_ms: int
    event: PushEvent | DeviceEvent | ClientEvent | FaultEvent

    def to_json(self) -> dict[str, Any]:
        """The object of the contract, for whoever asks one of his own."""
        return dict(self._object)

    @cached_property
    def _object(self) -> dict[str, Any]:
        event = self.event
        if isinstance(event, PushEvent):
            return stamp(event.to_json(), seq=self.seq, at_ms=self.at_ms)
        # Not asdict: it copies every value, which a broadcast to many devices would wait for.
        body = {name: getattr(event, name) for name in event.__slots__}
        return stamp(body, seq=self.seq, at_ms=self.at_ms)


def stamp(body: dict[str, Any], *, seq: int, at_ms: int) -> dict[str, Any]:
    """Put version, name, number and date in front."""
    return {
        "v": VERSION,
        "event": str(body["event"]),
        "seq": seq,
        "at": host.rfc3339(at_ms),
        **{key: value for key, value in body.items() if key != "event"},
    }


def dropped(seq: int, count: int) -> dict[str, Any]:
    """A reader was too slow for `count` events, the last of them `seq`; the journal has them."""
    body: dict[str, Any] = dict.fromkeys(field.name for field in fields(DeviceEvent))
    body |= {
        "event": Happening.WARNING,
        "reason": "dropped",
        "detail": f"{count} events are missing here: they were not read in time. "
        "`pushkit inbox` has them",
        "basis": "ours",
        "count": count,
    }
    return stamp(body, seq=seq, at_ms=int(host.now() * 1000))


def closed(seq: int, *, now: float) -> dict[str, Any]:
    """The last event of a listener: nothing follows but a verdict, where there is one."""
    return stamp({"event": "closed"}, seq=seq, at_ms=int(now * 1000))
