"""Telling without waiting: a bounded queue of text, and one thread that writes it.

Whoever tells never waits for whoever reads. A reader who is too slow misses some, and is told so
in the place where they are missing.
"""

import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pushkit_cli.errors import StoreError

MAX_WAITING = 4 * 2**20
"""Characters that may wait; an event has about a thousand."""
_AT_ONCE = 65_536
_PATIENCE_S = 3.0
"""How long the end waits for a reader to take what is left."""

Write = Callable[[str], None]
"""Writes one text, which may be of several lines, to a reader of its own; may block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Text for one reader."""

    write: Write
    text: str


@dataclass(slots=True, kw_only=True)
class Gap:
    """What a reader missed: how many events, and the number of the last of them."""

    count: int = 0
    seq: int = 0


class Spool:
    """What is to be told, and has not been yet; `missed` words a gap."""

    def __init__(self, missed: Callable[[Gap], Line], *, limit: int = MAX_WAITING) -> None:
        self._missed = missed
        self._limit = limit
        self._waiting: deque[Line | Gap] = deque()
        self._size = 0
        self._overflowing = False
        self._closing = False
        self._failure: Exception | None = None
        self._changed = threading.Condition()
        # A daemon: one that is stuck in a write does not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="pushkit-tell", daemon=True)
        self._thread.start()

    def put(self, line: Line) -> None:
        """Tell what nobody may miss. Never waits."""
        with self._changed:
            self._waiting.append(line)
            self._size += len(line.text)
            self._changed.notify()

    def event(self, line: Line, seq: int) -> None:
        """Tell an event, or count it where there is no room. Never waits.

        Raises StoreError where what was told before could not be written.
        """
        if self._failure is not None:
            raise self._failure
        with self._changed:
            # Room for half of it before the next event goes in: few gaps, not one after each line.
            room = self._limit // 2 if self._overflowing else self._limit
            self._overflowing = self._size + len(line.text) > room
            if not self._overflowing:
                self._waiting.append(line)
                self._size += len(line.text)
                self._changed.notify()
                return
            if not (self._waiting and isinstance(self._waiting[-1], Gap)):
                self._waiting.append(Gap())
            gap = self._waiting[-1]
            assert isinstance(gap, Gap)
            gap.count, gap.seq = gap.count + 1, seq

    def close(self, *, patience: float = _PATIENCE_S) -> bool:
        """Have what is left written; False where the reader does not take it in time.

        Raises StoreError where it could not be written.
        """
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(patience)
        if self._failure is not None:
            raise self._failure
        return not self._thread.is_alive()

    def _run(self) -> None:
        while lines := self._next():
            try:
                for write, several in itertools.groupby(lines, key=lambda line: line.write):
                    write("\n".join(line.text for line in several))
            except OSError as error:
                self._failure = StoreError(
                    f"events cannot be written: {(error.strerror or str(error)).lower()}",
                    hint="free some space where they go",
                )
                self._failure.__cause__ = error
            except Exception as error:  # a bug of ours, for the thread that tells to raise
                self._failure = error

    def _next(self) -> list[Line]:
        """Wait for something to write; nothing comes back at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing)
            return list(self._take())

    def _take(self) -> Iterator[Line]:
        left = _AT_ONCE
        while self._waiting and left > 0:
            first = self._waiting.popleft()
            if isinstance(first, Gap):
                first = self._missed(first)
            else:
                self._size -= len(first.text)
            left -= len(first.text)
            yield first
