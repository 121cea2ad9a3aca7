"""The calls that ring: reported, and not ended. In memory alone: a restart ends them. Pure."""

from collections import OrderedDict
from collections.abc import Mapping

from pushkit_cli.phone.app_state import AppState

_KEPT = 64
"""Calls of an app that ring at once; of more the oldest is forgotten. Ours."""


class Ringing:
    """Call ids by app; a call that nobody ends exists for `ring_s` seconds."""

    def __init__(self, ring_s: float) -> None:
        self._ring_s = ring_s
        self._by_app: dict[str, OrderedDict[str, float]] = {}

    def of(self, app: AppState, now: float) -> Mapping[str, float]:
        """The calls of an app, and when each was reported, in Unix seconds."""
        calls = self._by_app.get(app.key, OrderedDict())
        while calls and next(iter(calls.values())) <= now - self._ring_s:
            calls.popitem(last=False)
        return calls

    def add(self, app: AppState, call_id: str, now: float) -> None:
        """A call was reported."""
        calls = self._by_app.setdefault(app.key, OrderedDict())
        calls[call_id] = now
        if len(calls) > _KEPT:
            calls.popitem(last=False)

    def end(self, app: AppState, call_id: str) -> bool:
        """A call is over; whether it rang."""
        return self._by_app.get(app.key, OrderedDict()).pop(call_id, None) is not None

    def end_all(self, app: AppState) -> None:
        """The calls of an app end with it."""
        self._by_app.pop(app.key, None)
