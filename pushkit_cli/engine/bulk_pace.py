"""When the next pushes of a bulk run may leave. Time is an argument: monotonic seconds."""

_BURST_S = 0.1
"""A rate may be made up for within so many seconds, and not beyond."""
_LEAST_WAIT_S = 0.01


class Pace:
    """A rate in pushes a second, `None` for none, and pauses of the whole run."""

    def __init__(self, rate: float | None, *, now: float) -> None:
        self._rate = rate
        self._most = 1.0 if rate is None else max(1.0, rate * _BURST_S)
        self._credit = 1.0
        self._at = now
        self.paused_until = now

    def allowed(self, room: int, now: float) -> int:
        """How many of `room` may leave now."""
        if now < self.paused_until:
            return 0
        if self._rate is None:
            return room
        self._credit = min(self._most, self._credit + (now - self._at) * self._rate)
        self._at = now
        return min(room, int(self._credit))

    def left(self, count: int) -> None:
        """So many have left."""
        if self._rate is not None:
            self._credit -= count

    def pause(self, seconds: float, now: float) -> None:
        """Nothing leaves for so long."""
        self.paused_until = max(self.paused_until, now + seconds)

    def next_at(self, now: float) -> float | None:
        """When more may leave, where that is not now."""
        if now < self.paused_until:
            return self.paused_until
        if self._rate is None or self._credit >= 1:
            return None
        return now + max(_LEAST_WAIT_S, (1 - self._credit) / self._rate)
