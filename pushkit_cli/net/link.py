"""One connection of a fleet: a `wire.client` on an asyncio transport. Sockets only."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pushkit_cli.apns.message import Request
from pushkit_cli.net.sender import refuses_us, words
from pushkit_cli.wire.client import Answered, ClientConnection, ClientEvent, Unprocessed

MAX_ANSWER_BYTES = 4_096
"""Kept of each answer; Apple's bodies are under a hundred bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """One request on its way; `place` is its number where it comes from."""

    place: int
    request: Request


class Work(Protocol):
    """Where requests come from, and who is told what became of each, once."""

    def take(self, room: int) -> Sequence[Errand]:
        """At most so many requests; they leave at once."""

    def settled(self, place: int, event: ClientEvent, elapsed_ms: float) -> None:
        """The outcome of one request, and how long it took from hand-over to outcome."""

    def unfit(self, place: int, detail: str) -> None:
        """HTTP/2 cannot carry this request: it never left."""

    def unreached(self, error: Exception) -> None:
        """A connection did not come about: a NotSentError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sent:
    place: int
    at: float


class Link(asyncio.Protocol):
    """Takes work while its connection has room; settles whatever it took, whatever happens.

    It takes nothing until the server has greeted, and one request at a time until the first
    answer: of a server that answers nobody, no more is lost than must be.
    """

    def __init__(self, work: Work, *, last_stream: int | None = None) -> None:
        limit = {} if last_stream is None else {"last_stream": last_stream}
        self._wire = ClientConnection(max_answer=MAX_ANSWER_BYTES, **limit)
        self._work = work
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._sent: dict[int, _Sent] = {}
        self._opened_at = self._loop.time()
        self._heard_at = 0.0
        self._paused = False
        self.answers = 0
        self.failure: Exception | None = None
        self.was_refused = False
        self.retired = asyncio.Event()
        self.gone = asyncio.Event()

    @property
    def waiting(self) -> int:
        """How many requests have no outcome yet."""
        return self._wire.waiting

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TLS is up."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._write()

    def data_received(self, data: bytes) -> None:
        """Settle what was answered, and take more."""
        self._heard_at = self._loop.time()
        self._settle(self._wire.receive(data))
        self.fill()

    def pause_writing(self) -> None:
        """The peer does not read: nothing more is taken."""
        self._paused = True

    def resume_writing(self) -> None:
        """It reads again."""
        self._paused = False
        self.fill()

    def eof_received(self) -> None:
        """The server has closed its side: `connection_lost` follows."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Whatever is open is settled: nobody will answer it."""
        why = "the server closed the connection"
        if exc is not None:
            why = f"the connection broke: {words(exc)}"
        events = self._wire.lost(why)
        # With TLS 1.3 we may speak before the server has looked at our certificate; after such
        # an alert it has read nothing of what we said, and HTTP/2 has no later look.
        self.was_refused = exc is not None and not self._heard_at and refuses_us(exc)
        if self.was_refused:
            events = tuple(Unprocessed(stream=one.stream, detail=why) for one in events)
        self.failure = exc
        self._settle(events)
        self.retired.set()
        self.gone.set()

    def fill(self) -> None:
        """Take as much work as there is room for, and write it."""
        if self._transport is None or self._transport.is_closing() or self._paused:
            return
        while (room := self._room()) > 0:
            errands = self._work.take(room)
            if not errands:
                break
            for errand in errands:
                self._start(errand)
        self._write()
        if self._wire.is_used_up:
            self.retire()
        elif self.retired.is_set():
            self._part()

    def retire(self) -> None:
        """Take no more work; the connection ends once everything is answered."""
        self.retired.set()
        self._write()
        self._part()

    def give_up_before(self, moment: float) -> None:
        """Wait no longer for what was sent before a moment of the loop's clock.

        A connection on which nothing has come since then is dead: all of it is given up.
        """
        late = [stream for stream, sent in self._sent.items() if sent.at < moment]
        if not late and (self._heard_at or self._opened_at >= moment):
            return
        if self._heard_at < moment:
            self.abort("no answer in time")
            return
        for stream in late:
            self._settle(self._wire.give_up(stream, "no answer in time"))
        self.fill()

    def abort(self, detail: str) -> None:
        """End at once; what is open is settled as lost."""
        self._settle(self._wire.lost(detail))
        self.retired.set()
        if self._transport is not None:
            self._transport.abort()

    def _room(self) -> int:
        if self.retired.is_set() or not self._heard_at:
            return 0
        room = self._wire.room
        return room if self.answers else min(room, 1 - self._wire.waiting)

    def _start(self, errand: Errand) -> None:
        try:
            stream = self._wire.send(errand.request)
        except ValueError as error:
            self._work.unfit(errand.place, str(error))
            return
        self._sent[stream] = _Sent(place=errand.place, at=self._loop.time())

    def _write(self) -> None:
        if self._transport is None or self._transport.is_closing() or self._paused:
            return
        data = self._wire.outgoing()
        if data:
            self._transport.write(data)

    def _settle(self, events: tuple[ClientEvent, ...]) -> None:
        now = self._loop.time()
        for event in events:
            sent = self._sent.pop(event.stream)
            self.answers += isinstance(event, Answered)
            self._work.settled(sent.place, event, (now - sent.at) * 1000)

    def _part(self) -> None:
        if self._transport is None or self._wire.waiting or self._transport.is_closing():
            return
        self._wire.close()
        self._write()
        self._transport.close()
