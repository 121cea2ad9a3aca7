"""Which apps have a push in hand, and when each is overdue. Pure."""

import heapq
from collections.abc import Iterator

from pushkit_cli.emulator.state import Handling, Put, State
from pushkit_cli.phone.app_state import AppState


class Busy:
    """The handlings of one State by the app that has them."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._by_app: dict[str, dict[str, None]]
        self._deadlines: list[tuple[float, str]]
        self.reload()

    def reload(self) -> None:
        """Read again from the records."""
        self._by_app, self._deadlines = {}, []
        for handling in self._state.all_of(Handling):
            self._watch(handling)

    def deadline(self) -> float | None:
        """When an app is overdue next, in Unix seconds."""
        while self._deadlines and not self._is_due(self._deadlines[0][1]):
            heapq.heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else None

    def overdue(self, now: float) -> Iterator[Handling]:
        """Those whose app should have reported a call by now."""
        while (deadline := self.deadline()) is not None and deadline <= now:
            handling = self._state.handling(heapq.heappop(self._deadlines)[1])
            if handling is not None:
                yield handling

    def __bool__(self) -> bool:
        """Whether some app has not returned yet."""
        return bool(self._by_app)

    def of(self, app: AppState) -> list[Handling]:
        """What an app is busy with, in the order it came."""
        found = (self._state.handling(one) for one in self._by_app.get(app.key, ()))
        return [one for one in found if one is not None]

    def count(self, app: AppState) -> int:
        """How many pushes an app has in hand."""
        return len(self._by_app.get(app.key, ()))

    def add(self, handling: Handling) -> Put:
        """An app has a push in hand from now on."""
        self._watch(handling)
        return self._state.put(handling)

    def done(self, handling: Handling) -> Put:
        """It has not any more."""
        busy = self._by_app[_key(handling)]
        busy.pop(handling.id, None)
        if not busy:
            del self._by_app[_key(handling)]
        return self._state.drop(handling)

    def _watch(self, handling: Handling) -> None:
        self._by_app.setdefault(_key(handling), {})[handling.id] = None
        if handling.kill_at is not None:
            heapq.heappush(self._deadlines, (handling.kill_at, handling.id))

    def _is_due(self, identifier: str) -> bool:
        handling = self._state.handling(identifier)
        return handling is not None and not handling.reported


def _key(handling: Handling) -> str:
    return AppState(
        device=handling.device, bundle_id=handling.bundle_id, environment=handling.environment
    ).key
