"""Rows of what APNs keeps for a device that is away: expirations, slots, collapse ids, power."""

from collections.abc import Callable
from dataclasses import dataclass, field

from pushkit_cli.emulator.moves import (
    Tick,
)
from pushkit_cli.phone.policy import DevicePolicy, Slot
from tests.emulator.play import Play
from tests.law import NOW

DAY = 86_400
OFFLINE = "stored device-offline"
POWER = "deferred power"
TRIED = "deferred device-offline"
EXPIRED = "discarded expired"
LATE = "delivered from-storage"
SHOWN = "displayed"
LOST = "overwritten slot"
GHOST = "warning ghost-call"


Fields = dict[str, str | None]


@dataclass(frozen=True, kw_only=True)
class Row:
    """What is done, and what is told of it: each event with its reason, launches left out."""

    name: str
    play: Callable[[Play], Play]
    tells: list[str]
    policy: DevicePolicy = field(default_factory=DevicePolicy)


def at(seconds: float) -> Fields:
    """An expiration so many seconds after the beginning."""
    return {"apns_expiration": str(int(NOW + seconds))}


ABSENT: Fields = {"apns_expiration": None}
ONCE: Fields = {"apns_expiration": "0"}
LOW: Fields = {"apns_priority": "5", **ABSENT}
LOWEST: Fields = {"apns_priority": "1", **ABSENT}
DEFAULT: Fields = {"apns_priority": None, **ABSENT}
MERGED: Fields = {"apns_collapse_id": "score", **ABSENT}
ALERT = b'{"aps":{"alert":"Hi"}}'
SILENT = b'{"aps":{"content-available":1}}'
FILES = b'{"container-identifier":"root","domain":"docs"}'


def away(it: Play) -> Play:
    return it.is_so("offline")


def back(it: Play, after: float = 1) -> Play:
    return it.is_so("online", after=after)


def alert(it: Play, headers: Fields = ABSENT, after: float = 0) -> Play:
    return it.push("alert", ALERT, after=after, headers=headers)


PUSHES = (
    # online
    Row(name="online, expiration 0", play=lambda it: it.push(headers=ONCE), tells=["delivered"]),
    Row(
        name="online, expiration absent",
        play=lambda it: it.push(headers=ABSENT),
        tells=["delivered"],
    ),
    Row(
        name="online, a date to come", play=lambda it: it.push(headers=at(60)), tells=["delivered"]
    ),
    Row(
        name="online, a date gone by: at least one try is documented",
        play=lambda it: it.push(headers=at(-60)),
        tells=["delivered"],
    ),
    Row(name="online, priority 5", play=lambda it: it.push(headers=LOW), tells=["delivered"]),
    Row(name="online, priority 1", play=lambda it: it.push(headers=LOWEST), tells=["delivered"]),
    # expiration
    Row(
        name="offline, expiration absent: stored, and handed over on return",
        play=lambda it: back(away(it).push(headers=ABSENT)),
        tells=[OFFLINE, LATE],
    ),
    Row(
        name="offline, a date to come, back before it",
        play=lambda it: back(away(it).push(headers=at(60)), after=59),
        tells=[OFFLINE, LATE, GHOST],
    ),
    Row(
        name="offline, a date to come, back at it",
        play=lambda it: back(away(it).push(headers=at(60)), after=60),
        tells=[OFFLINE, EXPIRED],
    ),
    Row(
        name="offline, a date to come, and nobody comes back",
        play=lambda it: away(it).push(headers=at(60)).do(Tick(), after=59.9).do(Tick(), after=0.1),
        tells=[OFFLINE, EXPIRED],
    ),
    Row(
        name="what has expired is told once, and never arrives",
        play=lambda it: back(away(it).push(headers=at(60)).do(Tick(), after=60), after=60),
        tells=[OFFLINE, EXPIRED],
    ),
    Row(
        name="offline, a date gone by: nothing is kept",
        play=lambda it: back(away(it).push(headers=at(-1))),
        tells=[EXPIRED],
    ),
    Row(
        name="offline, the date is now",
        play=lambda it: back(away(it).push(headers=at(0))),
        tells=[EXPIRED],
    ),
    Row(
        name="thirty days at most, absent",
        play=lambda it: (
            away(it).push(headers=ABSENT).do(Tick(), after=30 * DAY - 1).do(Tick(), after=1)
        ),
        tells=[OFFLINE, EXPIRED],
    ),
    Row(
        name="thirty days at most, a date later than that",
        play=lambda it: back(away(it).push(headers=at(90 * DAY)), after=30 * DAY),
        tells=[OFFLINE, EXPIRED],
    ),
    Row(
        name="twenty-nine days are within it",
        play=lambda it: back(away(it).push(headers=at(90 * DAY)), after=29 * DAY),
        tells=[OFFLINE, LATE, GHOST],
    ),
    # the attempt window
    Row(
        name="expiration 0, back within the window (ours)",
        play=lambda it: back(away(it).push(headers=ONCE), after=29),
        tells=[TRIED, LATE],
    ),
    Row(
        name="expiration 0, back after it",
        play=lambda it: back(away(it).push(headers=ONCE), after=30),
        tells=[TRIED, EXPIRED],
    ),
    Row(
        name="expiration 0, and nobody comes back",
        play=lambda it: away(it).push(headers=ONCE).do(Tick(), after=30),
        tells=[TRIED, EXPIRED],
    ),
    Row(
        name="expiration 0 without a window",
        play=lambda it: back(away(it).push(headers=ONCE)),
        tells=[EXPIRED],
        policy=DevicePolicy(attempt_window_s=0),
    ),
    Row(
        name="expiration 0 with a longer window",
        play=lambda it: back(away(it).push(headers=ONCE), after=100),
        tells=[TRIED, LATE, GHOST],
        policy=DevicePolicy(attempt_window_s=120),
    ),
    Row(
        name="what is tried takes no slot: two calls both arrive, in their order",
        play=lambda it: back(away(it).push(headers=ONCE).push(headers=ONCE, after=1)),
        tells=[TRIED, TRIED, LATE, LATE],
    ),
    Row(
        name="and it does not push out what is stored",
        play=lambda it: back(away(it).push(headers=ABSENT).push(headers=ONCE, after=1)),
        tells=[OFFLINE, TRIED, LATE, LATE],
    ),
    # one slot
    Row(
        name="one is stored for each token: the last",
        play=lambda it: back(away(it).push(headers=ABSENT).push(headers=ABSENT, after=1)),
        tells=[OFFLINE, OFFLINE, LOST, LATE],
    ),
    Row(
        name="of three the last",
        play=lambda it: back(
            away(it).push(headers=ABSENT).push(headers=ABSENT).push(headers=ABSENT)
        ),
        tells=[OFFLINE, OFFLINE, LOST, OFFLINE, LOST, LATE],
    ),
    Row(
        name="the last one's date holds",
        play=lambda it: away(it).push(headers=ABSENT).push(headers=at(60)).do(Tick(), after=60),
        tells=[OFFLINE, OFFLINE, LOST, EXPIRED],
    ),
    Row(
        name="and not that of the one before it",
        play=lambda it: back(
            away(it).push(headers=at(60)).push(headers=ABSENT).do(Tick(), after=61)
        ),
        tells=[OFFLINE, OFFLINE, LOST, LATE, GHOST],
    ),
    Row(
        name="a call and an alert have a token each, and both are kept",
        play=lambda it: back(alert(away(it).push(headers=ABSENT), after=1)),
        tells=[OFFLINE, OFFLINE, LATE, LATE, SHOWN],
    ),
    Row(
        name="with a slot for each app (ours) the later of them is",
        play=lambda it: back(alert(away(it).push(headers=ABSENT), after=1)),
        tells=[OFFLINE, OFFLINE, LOST, LATE, SHOWN],
        policy=DevicePolicy(slot=Slot.BUNDLE),
    ),
    Row(
        name="an alert and a background push have one token, and one slot",
        play=lambda it: back(alert(away(it)).push("background", SILENT, headers=LOW)),
        tells=[OFFLINE, OFFLINE, LOST, LATE],
    ),
    Row(
        name="two devices have a slot each",
        play=lambda it: back(
            away(it)
            .is_so("offline", device="watch")
            .push(headers=ABSENT)
            .push("complication", headers=ABSENT)
        ).is_so("online", device="watch"),
        tells=[OFFLINE, OFFLINE, LATE, LATE],
    ),
    Row(
        name="chance keeps the first (--store-chaos)",
        play=lambda it: back(
            away(it).push(headers=ABSENT).push(headers=at(600), after=1).do(Tick(), after=600)
        ),
        tells=[OFFLINE, OFFLINE, LOST, LATE, GHOST],
        policy=DevicePolicy(store_chaos=1),
    ),
    Row(
        name="chance keeps the last (--store-chaos)",
        play=lambda it: (
            away(it).push(headers=ABSENT).push(headers=at(600), after=1).do(Tick(), after=600)
        ),
        tells=[OFFLINE, OFFLINE, LOST, EXPIRED],
        policy=DevicePolicy(store_chaos=5),
    ),
    # collapse ids
    Row(
        name="what collapses takes the place of what was stored",
        play=lambda it: back(alert(alert(away(it), MERGED), MERGED, after=1)),
        tells=[OFFLINE, OFFLINE, "overwritten collapsed", LATE, SHOWN],
    ),
    Row(
        name="a collapse id adds no slot",
        play=lambda it: back(
            alert(alert(away(it), MERGED), MERGED | {"apns_collapse_id": "other"}, after=1)
        ),
        tells=[OFFLINE, OFFLINE, LOST, LATE, SHOWN],
    ),
    Row(
        name="a call does not collapse: no source says that it would",
        play=lambda it: back(away(it).push(headers=MERGED).push(headers=MERGED)),
        tells=[OFFLINE, OFFLINE, LOST, LATE],
    ),
    Row(
        name="a call with expiration 0 is not merged either",
        play=lambda it: back(
            away(it).push(headers=MERGED | ONCE).push(headers=MERGED | ONCE, after=1)
        ),
        tells=[TRIED, TRIED, LATE, LATE],
    ),
    # power
    Row(
        name="saving power, priority 10",
        play=lambda it: it.is_so("power-saving").push(headers=ABSENT),
        tells=["delivered"],
    ),
    Row(
        name="saving power, no priority: it is 10",
        play=lambda it: it.is_so("power-saving").push(headers=DEFAULT),
        tells=["delivered"],
    ),
    Row(
        name="saving power, priority 5 waits",
        play=lambda it: it.is_so("power-saving").push(headers=LOW).is_so("full-power", after=600),
        tells=[POWER, LATE, GHOST],
    ),
    Row(
        name="saving power, priority 1 waits",
        play=lambda it: (
            it.is_so("power-saving").push(headers=LOWEST).is_so("full-power", after=600)
        ),
        tells=[POWER, LATE, GHOST],
    ),
    Row(
        name="what waits for power expires too",
        play=lambda it: (
            it.is_so("power-saving").push(headers=LOW | at(60)).is_so("full-power", after=60)
        ),
        tells=[POWER, EXPIRED],
    ),
    Row(
        name="an urgent push overtakes one that waits",
        play=lambda it: (
            it.is_so("power-saving")
            .push(headers=LOW)
            .push(headers=ABSENT)
            .is_so("full-power", after=1)
        ),
        tells=[POWER, "delivered", LATE],
    ),
    Row(
        name="back, and saving power: what is not urgent goes on waiting",
        play=lambda it: back(away(it).is_so("power-saving").push(headers=LOW)).is_so("full-power"),
        tells=[OFFLINE, POWER, LATE],
    ),
    Row(
        name="back, and saving power: what is urgent arrives",
        play=lambda it: back(away(it).is_so("power-saving").push(headers=ABSENT)),
        tells=[OFFLINE, LATE],
    ),
)
