"""A bulk run while it lasts: what leaves when, and what follows from each answer.

A target is decided once. What provably was not processed is sent again, what may have arrived
never is; a refusal that says *later* is tried again as often as the order says.
"""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from random import Random

from pushkit_cli.apns.message import Outcome, Reply, read_reply
from pushkit_cli.apns.reasons import Retry, retry_class
from pushkit_cli.engine import host
from pushkit_cli.engine.bulk_book import Book
from pushkit_cli.engine.bulk_feed import Feed
from pushkit_cli.engine.bulk_judge import CHANGED_TOO_OFTEN, Step, TooMany, Window, is_for_all, step
from pushkit_cli.engine.bulk_order import BulkPlan
from pushkit_cli.engine.bulk_pace import Pace
from pushkit_cli.engine.bulk_stock import Flight, Halt, Stock, unsent
from pushkit_cli.engine.bulk_tally import Tally
from pushkit_cli.engine.passage import with_credential
from pushkit_cli.errors import NotSentError, PushkitError, StoreError, UntrustedError
from pushkit_cli.net.backoff import pause_s
from pushkit_cli.net.fleet import Fleet, Route
from pushkit_cli.net.link import Errand
from pushkit_cli.wire.client import Answered, ClientEvent, Unprocessed

_APPLES_PAUSE_S = 900.0
"""Apple: after a 5xx wait fifteen minutes."""
FIRST_PAUSE_S = 1.0
IDLE_S = 60.0
"""After so long without a word a connection may be dead and not say so (seen of Apple's)."""
_MOST_UNPROCESSED = 100
"""Times that a server may say of one push that it did not look at it. Ours."""
_LOOK_S = 0.25
_FRESH_EVERY_S = 60.0


class BulkRun:
    """The work of a fleet. Its methods are called in one event loop.

    `token` is the provider token to begin with, `None` with a certificate. `look` is called a few
    times a second. `was_unknown`: see Stock.
    """

    def __init__(
        self,
        plan: BulkPlan,
        book: Book,
        tally: Tally,
        *,
        token: str | None,
        context: ssl.SSLContext,
        was_unknown: Callable[[int], bool],
        chance: Random,
        look: Callable[[], None],
    ) -> None:
        self._plan = plan
        self._book = book
        self._tally = tally
        self._chance = chance
        self._look = look
        self.halt: Halt | None = None
        self.signal: host.Signal | None = None
        self.unwritable: StoreError | None = None
        # What waits and what the mark is ahead are as much again as may be in flight: what a kill
        # leaves unknown is no more than twice that.
        self._stock = Stock(
            book,
            tally,
            most_waiting=max(1, plan.order.in_flight // 2),
            skip_held=plan.order.skip_held,
            was_unknown=was_unknown,
            stop=self.stop,
            wake=self._soon,
        )
        self._flying: dict[int, Flight] = {}
        self._window = Window(plan.order.stop_at)
        self._token = token
        self._context = context
        self._signed = 0
        self._cure: int | None = None
        self._failures = self._pauses = 0
        self._trouble: NotSentError | None = None
        self._heard = self._probing = self._renewing = self._flush_due = False
        self._alarm: asyncio.TimerHandle | None = None

    async def run(self, feed: Callable[[Callable[[], None]], Feed]) -> None:
        """Send until every target is decided, or something halts it.

        `feed` is given what it calls, from any thread, where there is more to take.
        """
        plan, loop = self._plan, asyncio.get_running_loop()
        self._loop, self._over = loop, asyncio.Event()
        self._began = self._progress_at = self._fresh_at = loop.time()
        self._pace = Pace(plan.order.rate, now=self._began)
        self._fleet = self._made_fleet()

        def there_is_more() -> None:
            loop.call_soon_threadsafe(self._soon)

        self._stock.feed = feed(there_is_more)
        self._stock.look_ahead()
        self._turn_ends()
        looking = asyncio.create_task(self._look_on())
        looking.add_done_callback(lambda _: self._over.set())
        try:
            with host.heard_signals(loop, self._signalled):
                if not self._over.is_set():
                    await self._fleet.run(self._over)
        finally:
            looking.cancel()
            if self._alarm is not None:
                self._alarm.cancel()
            self._stock.feed.close()
            with suppress(asyncio.CancelledError):
                await looking
        self._flush()

    def stop(self, why: Halt) -> None:
        """Admit nothing more; what is on its way is waited for. The first reason stands."""
        if self.halt is None:
            self.halt = why
            self._stock.close()
            self._soon()

    # What the fleet asks and says

    def take(self, room: int) -> list[Errand]:
        """What leaves now. Nothing leaves of which the file does not know."""
        now = self._loop.time()
        most = 1 if self._probing else self._plan.order.in_flight  # after a pause one tries first
        count = min(room, most - len(self._flying))
        count = self._pace.allowed(count, now) if count > 0 and not self._renewing else 0
        flights: list[Flight] = []
        while len(flights) < count and (flight := self._stock.next(now)) is not None:
            flights.append(flight)
            self._book.leaves(flight.shot.number)
        if not self._flush():
            for flight in flights:
                self._stock.end(flight, flight.last)
            flights = []
        for flight in flights:
            flight.tries += 1
            flight.signed = self._signed
            self._flying[flight.shot.number] = flight
        self._pace.left(len(flights))
        self._set_alarm(now)
        if self._stock.is_empty:
            self._soon()
        return [
            Errand(place=one.shot.number, request=with_credential(one.shot.request, self._token))
            for one in flights
        ]

    def settled(self, place: int, event: ClientEvent, elapsed_ms: float) -> None:
        """One outcome on the wire; whether it is the outcome of the push, its class says."""
        flight = self._flying.pop(place)
        flight.elapsed_ms = elapsed_ms
        if isinstance(event, Answered):
            flight.last = read_reply(event.response)
            self._answered(flight, flight.last)
        elif isinstance(event, Unprocessed):
            flight.unprocessed += 1
            flight.last = unsent(event.detail)
            if flight.unprocessed < _MOST_UNPROCESSED:
                self._stock.again(flight)
            else:
                self._stock.end(flight, flight.last)
        else:
            self._stock.end(flight, Reply(outcome=Outcome.UNKNOWN, detail=event.detail))
        self._soon()

    def unfit(self, place: int, detail: str) -> None:
        """HTTP/2 cannot carry it: held, as by lint."""
        flight = self._flying.pop(place)
        flight.tries -= 1
        self._stock.end(flight, Reply(outcome=Outcome.HELD, detail=detail))
        self._soon()

    def unreached(self, error: Exception) -> None:
        """No connection came about: of a host that never answered, so many tries are enough."""
        self._failures += 1
        self._trouble = error if isinstance(error, NotSentError) else NotSentError(str(error))
        allowed = self._plan.retries * self._plan.order.connections
        hopeless = isinstance(error, UntrustedError)
        if hopeless or (not self._heard and self._failures > allowed):
            self.stop(Halt(error=self._trouble))

    # What follows from an answer

    def _answered(self, flight: Flight, reply: Reply) -> None:
        now = self._loop.time()
        self._heard, self._failures, self._progress_at = True, 0, now
        self._tally.times.add(flight.elapsed_ms or 0.0)
        if reply.outcome is Outcome.ACCEPTED:
            self._cure, self._pauses = None, 0
        has_token = self._token is not None
        flight.refusals += reply.outcome is Outcome.REFUSED  # what nobody looked at is no try
        match step(reply, tries=flight.refusals, retries=self._plan.retries, has_token=has_token):
            case Step.NOW:
                self._stock.again(flight)
            case Step.LATER:
                wait = _said(reply) or pause_s(flight.refusals, self._chance, first=FIRST_PAUSE_S)
                self._stock.again(flight, due=now + wait)
            case Step.PAUSE:
                self._pause(reply, now)
                self._stock.again(flight)
            case Step.RENEW:
                self._renew(flight, reply)
            case Step.FINAL:
                self._final(flight, reply)
        if not is_for_all(reply) and now >= self._pace.paused_until:
            self._probing = False

    def _final(self, flight: Flight, reply: Reply) -> None:
        self._stock.end(flight, reply)
        too_many = self._window.heard(reply.reason)
        if reply.status == 403 and self._token is None:
            too_many = _a_403(reply)
        if too_many is not None:
            self.stop(Halt(too_many=too_many))
        elif is_for_all(reply) and self._probing:  # tried, waited, tried: it is not this push
            said = f"APNs answers {reply.status} {reply.reason or ''}".rstrip()
            self.stop(Halt(error=NotSentError(said, hint="go on later with --resume")))

    def _pause(self, reply: Reply, now: float) -> None:
        """One for the whole run, however many answers ask for it."""
        if now < self._pace.paused_until:
            return
        self._pauses += 1
        wait = _said(reply) or pause_s(self._pauses, self._chance, first=FIRST_PAUSE_S)
        deadline = self._plan.order.deadline
        leaves_room = deadline is None or now + _APPLES_PAUSE_S < self._began + deadline
        if (reply.status or 0) >= 500 and not self._plan.where.target.is_local and leaves_room:
            wait = _APPLES_PAUSE_S
        self._pace.pause(wait, now)
        self._probing = True
        if reply.reason == CHANGED_TOO_OFTEN:
            self._reconnect()
        elif wait > IDLE_S:  # just before its end, so that nothing leaves on one that may be dead
            self._loop.call_later(wait * 0.99, self._reconnect)

    def _renew(self, flight: Flight, reply: Reply) -> None:
        """Another provider token, once: where that one is refused as well, the run stops."""
        if flight.signed == self._signed and self._cure == self._signed:
            self._stock.end(flight, reply)
            self.stop(Halt(too_many=_a_403(reply)))
            return
        if flight.signed == self._signed:
            self._sign(renew=self._token)
            self._cure = self._signed
        if flight.renewed or retry_class(403, reply.reason) is Retry.NEVER:
            self._stock.end(flight, reply)
            return
        flight.renewed = True
        self._stock.again(flight)

    def _sign(self, *, renew: str | None = None) -> None:
        """A provider token; where it is another one, other connections, from the next turn on."""
        try:
            found = self._plan.signer.provider_token(self._plan.cache, renew=renew)
        except PushkitError as error:
            self.stop(Halt(error=error))
            return
        if found == self._token and renew is None:
            return
        self._token = found
        self._signed += 1
        self._reconnect()

    def _reconnect(self) -> None:
        """Other connections, from the next turn on; nothing leaves before."""
        self._renewing = True

        def renewed() -> None:
            self._renewing = False
            self._fleet.renew()

        self._loop.call_soon(renewed)

    # Turns and timers

    def _soon(self) -> None:
        """At the end of this turn write what is known, and go on or see that this was all."""
        if not self._flush_due:
            self._flush_due = True
            self._loop.call_soon(self._turn_ends)

    def _turn_ends(self) -> None:
        self._flush_due = False
        self._flush()
        if self._stock.is_empty and not self._flying:
            self._over.set()
        elif not self._stock.is_empty:
            self._fleet.wake()

    def _flush(self) -> bool:
        """Give every record to the system; False where it takes none: then nothing may leave."""
        try:
            self._book.flush()
        except StoreError as error:
            self.unwritable = error
            self.stop(Halt(error=error))
            return False
        return True

    def _set_alarm(self, now: float) -> None:
        """Wake when the pace, or a token that is busy, lets the next one leave."""
        moments = (self._pace.next_at(now), self._stock.next_due)
        due = min((moment for moment in moments if moment is not None), default=None)
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if due is not None and not self._over.is_set():
            self._alarm = self._loop.call_at(max(due, now + 0.001), self._soon)

    async def _look_on(self) -> None:
        """See to the deadline, to a host that has fallen silent, and to a token that grows old."""
        while True:
            now = self._loop.time()
            deadline = self._plan.order.deadline
            if deadline is not None and now - self._began >= deadline:
                self.stop(Halt(deadline=True))
            if not self._flying and not self._wants_a_connection(now):
                self._progress_at = now
            if now - self._progress_at > self._plan.timeout * (self._plan.retries + 1):
                said = NotSentError("no answer is heard any more", hint="go on with --resume")
                self.stop(Halt(error=self._trouble or said))
            if now - self._fresh_at > _FRESH_EVERY_S:
                self._fresh_at = now
                self._sign()
            self._look()
            left = _LOOK_S if deadline is None else self._began + deadline - now
            await asyncio.sleep(min(_LOOK_S, left) if left > 0 else _LOOK_S)

    def _wants_a_connection(self, now: float) -> bool:
        """Whether something could leave if only somebody took it."""
        return self._pace.next_at(now) is None and self._stock.has_ready

    def _made_fleet(self) -> Fleet:
        plan = self._plan
        route = Route(
            endpoint=plan.where.endpoint,
            context=self._context,
            timeout=plan.timeout,
            proxy=plan.proxy,
        )
        return Fleet(route, self, connections=plan.order.connections, chance=self._chance)

    def _signalled(self, number: host.Signal) -> None:
        """The first drains, the second gives up."""
        if self.signal is None:
            self.signal = number
            self.stop(Halt())
        else:
            self._fleet.abort("interrupted")


def _said(reply: Reply) -> float | None:
    """How long the server wants us to wait, within reason."""
    return None if reply.retry_after_s is None else min(reply.retry_after_s, _APPLES_PAUSE_S)


def _a_403(reply: Reply) -> TooMany:
    return TooMany(reason=reply.reason or "403", count=1, of=1)
