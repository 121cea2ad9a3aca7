"""Waiting for something to become true, with an end."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from pushkit_cli.net.backoff import pause_s

_Found = TypeVar("_Found")
_STEP_S = 0.05
_CHANCE = random.Random()  # noqa: S311


def wait_for(look: Callable[[], _Found | None], *, timeout: float) -> _Found | None:
    """Look again and again; what was found, or `None` after `timeout` seconds."""
    deadline = Deadline(timeout)
    while (found := look()) is None:
        if deadline.left <= 0:
            return None
        time.sleep(_STEP_S)
    return found


class Deadline:
    """An end that does not move, by the monotonic clock."""

    def __init__(self, timeout: float) -> None:
        self._at = time.monotonic() + timeout

    @property
    def left(self) -> float:
        """Seconds that are left; not above zero once the time is up."""
        return self._at - time.monotonic()

    def pause(self, attempt: int) -> bool:
        """Wait before another attempt, longer each time and never alike; False without time."""
        pause = pause_s(attempt, _CHANCE)
        if pause >= self.left:
            return False
        time.sleep(pause)
        return True
