"""How a device is, apart from its apps: locked, in a call, its watch face, and the words. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any


class Lock(StrEnum):
    """Whether somebody has unlocked the device, now or since it started."""

    UNLOCKED = "unlocked"
    LOCKED = "locked"
    BEFORE_FIRST_UNLOCK = "before-first-unlock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """The state of one device. `foreground` is that of the app under test, whichever it is.

    Offline it is out of APNs's reach; saving power it takes nothing that is not urgent.
    `in_call`: the app has an active call, as the call service sees it. `on_face`: the app's
    complication is on the current watch face.
    """

    device: str
    online: bool = True
    power_saving: bool = False
    lock: Lock = Lock.UNLOCKED
    foreground: bool = False
    in_call: bool = False
    do_not_disturb: bool = False
    on_face: bool = True

    @property
    def key(self) -> str:
        """Where the row stands."""
        return f"condition/{self.device}"


WORDS: Mapping[str, Mapping[str, Any]] = {
    "online": {"online": True},
    "offline": {"online": False},
    "full-power": {"power_saving": False},
    "power-saving": {"power_saving": True},
    "unlocked": {"lock": Lock.UNLOCKED},
    "locked": {"lock": Lock.LOCKED},
    "before-first-unlock": {"lock": Lock.BEFORE_FIRST_UNLOCK},
    "foreground": {"foreground": True},
    "background": {"foreground": False},
    "in-call": {"in_call": True},
    "idle": {"in_call": False},
    "dnd": {"do_not_disturb": True},
    "no-dnd": {"do_not_disturb": False},
    "on-face": {"on_face": True},
    "off-face": {"on_face": False},
}
"""What a user may say of a device, and what it changes."""


def changed(condition: Condition, word: str) -> Condition:
    """The condition after one of WORDS. Raises KeyError for another."""
    return replace(condition, **WORDS[word])


def words(condition: Condition) -> tuple[str, ...]:
    """A condition in the words that would bring it about."""
    return tuple(word for word in WORDS if changed(condition, word) == condition)
