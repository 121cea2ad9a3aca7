"""What goes out keeps to the windows that the peer grants. Pure."""

from collections import deque
from dataclasses import dataclass

from pushkit_cli.wire.frames import (
    END_STREAM,
    MAX_FRAME,
    MAX_WINDOW,
    WINDOW,
    Code,
    ConnectionEnd,
    head,
)


@dataclass(slots=True)
class _Body:
    left: memoryview
    blocked_since: float | None = None


class Outbox:
    """Bodies on their way out, as far as the peer's windows allow (5.2, 6.9).

    Streams take turns, a frame each of the size that every peer must take. What is written is
    added to `out`. Of time it knows what `pump` is told.
    """

    def __init__(self, out: list[bytes | memoryview]) -> None:
        self._out = out
        self._window = WINDOW
        self._initial = WINDOW
        self._used: dict[int, int] = {}
        """What a stream has sent, less what it was granted since: its window lacks so much."""
        self._waiting: dict[int, _Body] = {}
        self._turns: deque[int] = deque()
        self._blocked: set[int] = set()
        self._shut_since: float | None = None
        self.sent = 0

    @property
    def ready(self) -> bool:
        """Whether `pump` would move something."""
        return bool(self._turns) and self._shut_since is None

    def widen(self, increment: int) -> None:
        """The connection's window grows. Raises ConnectionEnd where it is too large (6.9.1)."""
        self._window += increment
        if self._window > MAX_WINDOW:
            raise ConnectionEnd("too large a window", Code.FLOW_CONTROL_ERROR)

    def widen_stream(self, stream: int, increment: int) -> bool:
        """A stream's window grows; False where it is too large, which ends the stream (6.9.1)."""
        used = self._used[stream] = self._used.get(stream, 0) - increment
        if stream in self._blocked:
            self._blocked.discard(stream)
            self._turns.append(stream)
        return self._initial - used <= MAX_WINDOW

    def resize(self, initial: int) -> None:
        """SETTINGS change every stream's window, maybe below zero (6.9.2). Raises as `widen`."""
        self._initial = initial
        if initial - min(self._used.values(), default=0) > MAX_WINDOW:
            raise ConnectionEnd("too large a window of a stream", Code.FLOW_CONTROL_ERROR)
        self._turns.extend(self._blocked)
        self._blocked.clear()

    def write(self, stream: int, body: bytes) -> bool:
        """Write the whole body of a stream that sent none, and END_STREAM, unless it must wait."""
        size = len(body)
        room = min(MAX_FRAME, self._window, self._initial)
        if size > room or self._waiting:
            return False
        self._out.append(head(size, 0x0, END_STREAM, stream) + body)
        self._used[stream] = self._used.get(stream, 0) + size
        self._window -= size
        self.sent += size
        return True

    def put(self, stream: int, body: bytes) -> None:
        """Queue the whole body of a stream; END_STREAM goes with its last byte."""
        self._waiting[stream] = _Body(memoryview(body))
        self._turns.append(stream)

    def has(self, stream: int) -> bool:
        """Whether part of the stream's body has not left."""
        return stream in self._waiting

    def drop(self, stream: int) -> None:
        """Forget a stream that is gone."""
        self._used.pop(stream, None)
        if self._waiting:
            self._waiting.pop(stream, None)
            self._blocked.discard(stream)

    def pump(self, limit: int | None = None, *, now: float = 0.0) -> list[int]:
        """Write what fits the windows; the streams that are now complete.

        It ends with the frame that reaches `limit` bytes.
        """
        done: list[int] = []
        if not self._waiting:
            self._shut_since = None
            self._turns.clear()
            return done
        end = None if limit is None else self.sent + limit
        self._mark_shut(now)
        while self._turns and self._shut_since is None and (end is None or self.sent < end):
            stream = self._turns.popleft()
            body = self._waiting.get(stream)
            if body is None:  # dropped
                continue
            room = min(self._initial - self._used.get(stream, 0), self._window, MAX_FRAME)
            if room <= 0:
                self._blocked.add(stream)
                body.blocked_since = now if body.blocked_since is None else body.blocked_since
                continue
            if self._write(stream, body, room):
                done.append(stream)
            self._mark_shut(now)
        return done

    def shut_before(self, moment: float) -> bool:
        """Whether bodies wait at the connection's window since before a moment."""
        return self._shut_since is not None and self._shut_since < moment

    def blocked_before(self, moment: float) -> list[int]:
        """The streams that wait at their own window since before a moment."""
        since = {stream: self._waiting[stream].blocked_since for stream in self._blocked}
        return [stream for stream, at in since.items() if at is not None and at < moment]

    def _write(self, stream: int, body: _Body, room: int) -> bool:
        """Write as much; whether that was the rest."""
        piece, body.left = body.left[:room], body.left[room:]
        size = len(piece)
        flags = 0 if body.left else END_STREAM
        self._out += (head(size, 0x0, flags, stream), piece)
        self._used[stream] = self._used.get(stream, 0) + size
        self._window -= size
        self.sent += size
        body.blocked_since = None
        if body.left:
            self._turns.append(stream)
            return False
        del self._waiting[stream]
        return True

    def _mark_shut(self, now: float) -> None:
        """Note since when there are bodies and no room in the connection's window."""
        if not self._waiting or self._window > 0:
            self._shut_since = None
        elif self._shut_since is None:
            self._shut_since = now
