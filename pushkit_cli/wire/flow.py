"""What goes out keeps to what the peer allows: its windows and its header table. Pure."""

from collections import deque
from dataclasses import dataclass

from h2.connection import H2Connection

_TABLE = 4_096
_FRAME = 16_384
"""Streams take turns at this size, the largest frame that every peer must take (RFC 9113, 4.2)."""


def announce_table_size(connection: H2Connection) -> None:
    """Let the next header block open with the size of its table (RFC 7541, 4.2); after SETTINGS.

    hpack would write every size that was passed through, and none where the last came twice. A
    peer that grants more does not make us keep more: hpack searches its table from end to end.
    """
    encoder = connection.encoder
    size = min(encoder.header_table_size, _TABLE)
    lowest = min([size, *encoder.table_size_changes])
    encoder.header_table_size = size
    encoder.table_size_changes = [lowest, size] if lowest < size else [size]
    encoder.header_table.resized = True


@dataclass(slots=True)
class _Body:
    left: memoryview
    blocked_since: float | None = None


class Outbox:
    """Bodies on their way out, as far as the peer's windows allow (RFC 9113, 5.2).

    Streams take turns, a frame each. Of time it knows what `pump` is told.
    """

    def __init__(self, connection: H2Connection) -> None:
        self._h2 = connection
        self._waiting: dict[int, _Body] = {}
        self._turns: deque[int] = deque()
        self._blocked: set[int] = set()
        self._shut_since: float | None = None
        self.sent = 0

    @property
    def ready(self) -> bool:
        """Whether `pump` would move something."""
        return bool(self._turns) and self._shut_since is None

    def put(self, stream: int, body: bytes) -> None:
        """Queue the whole body of a stream; END_STREAM goes with its last byte."""
        self._waiting[stream] = _Body(memoryview(body))
        self._turns.append(stream)

    def has(self, stream: int) -> bool:
        """Whether part of the stream's body has not left."""
        return stream in self._waiting

    def drop(self, stream: int) -> None:
        """Forget a stream that is gone."""
        self._waiting.pop(stream, None)
        self._blocked.discard(stream)

    def opened(self, stream: int) -> None:
        """A stream's window has grown; with 0 every stream's, by SETTINGS."""
        grown = list(self._blocked) if not stream else [stream] if stream in self._blocked else []
        self._blocked.difference_update(grown)
        self._turns.extend(grown)

    def pump(self, limit: int | None = None, *, now: float = 0.0) -> list[int]:
        """Move what fits the windows into the connection; the streams that are now complete.

        It ends with the frame that reaches `limit` bytes.
        """
        done = []
        end = None if limit is None else self.sent + limit
        self._mark_shut(now)
        while self._turns and self._shut_since is None and (end is None or self.sent < end):
            stream = self._turns.popleft()
            body = self._waiting.get(stream)
            if body is None:  # dropped
                continue
            room = min(self._h2.local_flow_control_window(stream), _FRAME)
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
        """Hand over as much; whether that was the rest."""
        piece, body.left = body.left[:room], body.left[room:]
        self._h2.send_data(stream, piece, end_stream=not body.left)
        self.sent += len(piece)
        body.blocked_since = None
        if body.left:
            self._turns.append(stream)
            return False
        del self._waiting[stream]
        return True

    def _mark_shut(self, now: float) -> None:
        """Note since when there are bodies and no room in the connection's window."""
        if not self._waiting or self._h2.outbound_flow_control_window > 0:
            self._shut_since = None
        elif self._shut_since is None:
            self._shut_since = now
