"""What a bulk run has still to send, in its order: what comes again, then what comes next."""

import asyncio
import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

from pushkit_cli.apns.message import Outcome, Reply
from pushkit_cli.engine.bulk_book import Book
from pushkit_cli.engine.bulk_feed import Feed, FileFeed
from pushkit_cli.engine.bulk_judge import TooMany
from pushkit_cli.engine.bulk_lines import Misfit
from pushkit_cli.engine.bulk_records import Ended, held
from pushkit_cli.engine.bulk_shots import Shot
from pushkit_cli.engine.bulk_tally import Tally
from pushkit_cli.errors import PushkitError, StoreError

_HELD_AT_ONCE = 500


@dataclass(slots=True, kw_only=True)
class Flight:
    """A target that was taken and has no outcome.

    `tries` counts the times it left, `refusals` those that were answered with a refusal.
    `signed` numbers the provider token it last left with; `renewed`: it had another one. `last`
    is what became of it so far.
    """

    shot: Shot
    tries: int = 0
    refusals: int = 0
    unprocessed: int = 0
    signed: int = 0
    renewed: bool = False
    last: Reply = field(default_factory=lambda: unsent(None))
    elapsed_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """Why a run ends before its input does: one of these, or that somebody asked for it."""

    error: PushkitError | None = None
    too_many: TooMany | None = None
    held: Misfit | None = None
    deadline: bool = False


def unsent(detail: str | None) -> Reply:
    """Provably not processed, and why."""
    return Reply(outcome=Outcome.UNSENT, detail=detail)


class Stock:
    """Targets to be sent, and the records of those that have their outcome.

    `most_waiting` is how many may wait for their token to be less busy. `stop` is called where
    nothing may leave any more, `wake` where there is something again; `was_unknown` says of a
    line whether an earlier run left it unknown.
    """

    def __init__(
        self,
        book: Book,
        tally: Tally,
        *,
        most_waiting: int,
        skip_held: bool,
        was_unknown: Callable[[int], bool],
        stop: Callable[[Halt], None],
        wake: Callable[[], None],
    ) -> None:
        self._book = book
        self._tally = tally
        self._most_waiting = most_waiting
        self._skip_held = skip_held
        self._was_unknown = was_unknown
        self._stop = stop
        self._wake = wake
        self._again: list[tuple[int, Flight]] = []
        self._later: list[tuple[float, int, Flight]] = []
        self._next: Shot | None = None
        self._reserving = False
        self.is_closed = False
        self.feed: Feed = FileFeed(iter(()))

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left that could leave, now or later."""
        over = self.is_closed or (self.feed.is_over and self._next is None)
        return over and not self._again and not self._later

    @property
    def has_ready(self) -> bool:
        """Whether one could leave now."""
        if self._again:
            return True
        more = self._next is not None or self.feed.has_some
        return more and not self.is_closed and len(self._later) < self._most_waiting

    @property
    def next_due(self) -> float | None:
        """When the next one that waits may leave."""
        return self._later[0][0] if self._later else None

    def look_ahead(self) -> None:
        """See whether there is anything to send at all; what is held until then is written."""
        try:
            while self._read():
                self._book.flush()
        except PushkitError as error:
            self._stop(Halt(error=error))

    def next(self, now: float) -> Flight | None:
        """The next one that may leave now."""
        while self._later and self._later[0][0] <= now:
            _, number, flight = heapq.heappop(self._later)
            heapq.heappush(self._again, (number, flight))
        if self._again:
            return heapq.heappop(self._again)[1]
        if len(self._later) >= self._most_waiting:
            return None
        shot = self._fresh()
        return None if shot is None else Flight(shot=shot)

    def again(self, flight: Flight, *, due: float | None = None) -> None:
        """It comes again before any that has not left, the first line first; or when it is due.

        Once nothing leaves any more it ends as it is.
        """
        number = flight.shot.number
        if self.is_closed:
            self.end(flight, flight.last)
        elif due is not None:
            heapq.heappush(self._later, (due, number, flight))
        else:
            heapq.heappush(self._again, (number, flight))

    def close(self) -> None:
        """Nothing leaves any more: what would have come again ends as it is."""
        self.is_closed = True
        waiting = [flight for _, flight in self._again]
        for flight in (*waiting, *(flight for _, _, flight in self._later)):
            self.end(flight, flight.last)
        self._again.clear()
        self._later.clear()

    def end(self, flight: Flight, reply: Reply) -> None:
        """It has its outcome."""
        elapsed_ms = flight.elapsed_ms if flight.tries else None
        ended = Ended(target=flight.shot, reply=reply, tries=flight.tries, elapsed_ms=elapsed_ms)
        self._note(ended)

    def _note(self, ended: Ended) -> None:
        reply = ended.reply
        was_unknown = self._was_unknown(ended.target.number)
        if was_unknown and reply.outcome is Outcome.UNSENT:
            return  # this time it was not sent; whether it was before, nobody knows
        self._tally.decide(reply.outcome, reply.reason, was_unknown=was_unknown)
        self._book.note(ended)

    def _fresh(self) -> Shot | None:
        """The next target of the input, once the disk knows that it may leave."""
        try:
            if self._read():
                self._wake()
            shot = self._next
            if shot is None or self.is_closed:
                return None
            if self._book.wants_more(shot.number) and not self._reserving:
                self._reserve(shot.number)
        except PushkitError as error:
            self._stop(Halt(error=error))
            return None
        if not self._book.may_leave(shot.number):
            return None
        self._next = None
        return shot

    def _read(self) -> bool:
        """Look for the next that is not held; True after so many that are that it is time to write.

        A million lines that are held must keep neither answers waiting nor records in memory.
        """
        for _ in range(_HELD_AT_ONCE):
            if self._next is not None or self.is_closed or self.feed.is_over:
                return False
            found = self.feed.next()
            if found is None:
                return False
            self._tally.read += 1
            if isinstance(found, Misfit):
                self._held(found)
            else:
                self._next = found
        return True

    def _held(self, found: Misfit) -> None:
        if self._tally.targets is None:  # else they were counted when the file was checked
            self._tally.repeats += found.is_repeat
        self._book.passes(found.number)
        self._note(held(found))
        if not (self._skip_held or found.is_repeat):
            self._stop(Halt(held=found))

    def _reserve(self, line: int) -> None:
        """Let further lines leave; a thread waits until the disk knows."""
        upto = self._book.reserve(line)
        self._reserving = True

        def synced(done: "asyncio.Future[None]") -> None:
            self._reserving = False
            failure = done.exception()
            if failure is None:
                self._book.reserved = upto
                self._wake()
                return
            if not isinstance(failure, StoreError):
                raise failure
            self._stop(Halt(error=failure))

        loop = asyncio.get_running_loop()
        loop.run_in_executor(None, self._book.sync).add_done_callback(synced)
