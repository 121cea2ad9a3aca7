"""Waiting for something to become true, with an end."""

import time
from collections.abc import Callable
from typing import TypeVar

_Found = TypeVar("_Found")
_STEP_S = 0.05


def wait_for(look: Callable[[], _Found | None], *, timeout: float) -> _Found | None:
    """Look again and again; what was found, or `None` after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while (found := look()) is None:
        if time.monotonic() >= deadline:
            return None
        time.sleep(_STEP_S)
    return found
