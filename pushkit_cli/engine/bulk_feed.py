"""The targets of a bulk run, one at a time: from a file as they are asked for, or from a stream.

A stream is read by a thread of its own, so that whoever writes it slowly holds up no answer.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Protocol

from pushkit_cli.engine.bulk_lines import Misfit
from pushkit_cli.engine.bulk_shots import Shot
from pushkit_cli.errors import PushkitError

_AHEAD = 1_000
"""Targets of a stream that are kept before they are asked for."""


class Feed(Protocol):
    """Where targets come from."""

    is_over: bool

    @property
    def has_some(self) -> bool:
        """Whether there may be one now."""

    def next(self) -> Shot | Misfit | None:
        """The next one; `None` where there is none yet, or with `is_over` none any more.

        Raises StoreError where the input changes or cannot be read.
        """

    def close(self) -> None:
        """No more is wanted."""


class FileFeed:
    """What can be read without waiting."""

    def __init__(self, targets: Iterator[Shot | Misfit]) -> None:
        self._targets = targets
        self.is_over = False

    @property
    def has_some(self) -> bool:
        """Until the end is seen."""
        return not self.is_over

    def next(self) -> Shot | Misfit | None:
        """The next one."""
        found = next(self._targets, None)
        self.is_over = found is None
        return found

    def close(self) -> None:
        """Nothing waits."""


class StreamFeed:
    """What comes when it comes; `there_is_more` is called from the thread that reads."""

    def __init__(self, targets: Iterator[Shot | Misfit], there_is_more: Callable[[], None]) -> None:
        self._kept: deque[Shot | Misfit] = deque()
        self._space = threading.Semaphore(_AHEAD)
        self._ended = self._unwanted = False
        self._failure: PushkitError | None = None
        self.is_over = False
        # A daemon: it may wait for its writer for ever, and must not keep the process.
        reader = threading.Thread(
            target=self._read, args=(targets, there_is_more), name="targets", daemon=True
        )
        reader.start()

    @property
    def has_some(self) -> bool:
        """Whether one has come."""
        return bool(self._kept)

    def next(self) -> Shot | Misfit | None:
        """The next one that has come."""
        ended = self._ended  # before the look: what came before the end is seen first
        if self._kept:
            self._space.release()
            return self._kept.popleft()
        if ended:
            self.is_over = True
            if self._failure is not None:
                failure, self._failure = self._failure, None
                raise failure
        return None

    def close(self) -> None:
        """Let the thread go, as soon as its writer lets it."""
        self._unwanted = True
        self._space.release()

    def _read(self, targets: Iterator[Shot | Misfit], there_is_more: Callable[[], None]) -> None:
        try:
            for target in targets:
                self._space.acquire()
                if self._unwanted:
                    return
                self._kept.append(target)
                if len(self._kept) == 1:
                    there_is_more()
        except PushkitError as error:  # raised again where it is asked for
            self._failure = error
        finally:
            self._ended = True
            with suppress(RuntimeError):  # the loop is closed: nobody asks any more
                there_is_more()
