"""The turn: inputs go to the World, what must be kept is committed, and only then is it acted on.

So what was acknowledged survives the death of this process.
"""

import asyncio
import json
from collections.abc import Callable, Iterable
from typing import Protocol

from pushkit_cli.apns.acts import Act
from pushkit_cli.apns.facts import Certificate, Door, Trouble
from pushkit_cli.apns.message import Request
from pushkit_cli.emulator.clients import Clients
from pushkit_cli.emulator.moves import (
    AppNoted,
    CallApp,
    Connected,
    Disconnected,
    Effect,
    Emit,
    EndApp,
    Input,
    KillApp,
    Knocked,
    NewId,
    Perform,
    Put,
    Requested,
    TellApp,
    TellToken,
    Tick,
)
from pushkit_cli.emulator.push_event import PushEvent
from pushkit_cli.emulator.world import World
from pushkit_cli.engine import host
from pushkit_cli.engine.app_host import AppHost, Feed, GoodApp, Resident
from pushkit_cli.engine.clock import Alarm, Clock, ManualClock, SystemClock
from pushkit_cli.engine.objects import Happened
from pushkit_cli.store.emulator_db import EmulatorDb, Entry

Listener = Callable[[Happened], None]


class Wire(Protocol):
    """Where acts go: the server, or nothing while the world is being set up."""

    def perform(self, connection: int, act: Act) -> None:
        """Do an act."""

    def flush(self) -> None:
        """Write what the acts made."""


class Stage:
    """One World on one database. Its methods are called in one event loop."""

    def __init__(
        self,
        world: World,
        database: EmulatorDb,
        tell: Listener,
        *,
        clock: Clock | None = None,
        new_id: NewId = host.new_id,
        app: Callable[[Feed, Clock], AppHost] | None = None,
    ) -> None:
        self.world = world
        self.clock = clock or SystemClock()
        self._new_id = new_id
        self.app = GoodApp(self.feed) if app is None else app(self.feed, self.clock)
        self.failure: BaseException | None = None
        self.database = database
        self._tell = tell
        self.seq = database.last_seq
        self._wire: Wire | None = None
        self._clients = Clients()
        self._inputs: list[Input] = []
        self._scheduled = False
        self._timer: Alarm | None = None
        self._failed: Callable[[], None] | None = None
        self.grown = asyncio.Event()
        """Set when the journal has grown; whoever waits for that clears it first."""

    def attach(self, wire: Wire, *, failed: Callable[[], None]) -> None:
        """Join the sockets; `failed` is called once when a turn could not be kept."""
        self._wire = wire
        self._failed = failed

    # What the server and the app say

    def knocked(self) -> Act | None:
        """A client opened a TCP connection: what to do to it on purpose, decided at once."""
        if self.failure is not None:
            return None
        at = self.clock.now()
        effects = self._step([Knocked()], at)
        try:
            if effects:
                self._carry_out(effects, at)
        except BaseException as error:  # raised again by whoever runs the listener
            self._fail(error)
        return next((one.act for one in effects if isinstance(one, Perform)), None)

    def connected(
        self, connection: int, door: Door, certificate: Certificate | None = None
    ) -> None:
        """A client is there, maybe with a certificate that TLS accepted."""
        self.feed(
            Connected(
                connection=connection,
                environment=door.environment,
                certificate=certificate,
                manages=door.manages,
            )
        )

    def requested(self, connection: int, stream: int, request: Request) -> None:
        """A whole request was read."""
        self.feed(Requested(connection=connection, stream=stream, request=request))

    def disconnected(self, connection: int) -> None:
        """A client is gone."""
        self.feed(Disconnected(connection=connection))

    def troubled(self, trouble: Trouble) -> None:
        """A client never got as far as a push; of many some are told."""
        told = self._clients.troubled(trouble)
        if told is not None:
            self.feed(AppNoted(event=told))

    def feed(self, event: Input) -> None:
        """Add an input to the next turn, which takes all that were read before it runs."""
        if self.failure is not None:  # the world is ahead of the disk: no turn may build on it
            return
        self._inputs.append(event)
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._turn)

    def apply(self, inputs: Iterable[Input]) -> None:
        """Take inputs in a turn of their own, at once; outside the event loop as well.

        Raises StoreError where the turn cannot be kept.
        """
        at = self.clock.now()
        self._carry_out(self._step(inputs, at), at)

    def _step(self, inputs: Iterable[Input], at: float) -> list[Effect]:
        made = self._new_id
        steps = [effect for event in inputs for effect in self.world.step(event, at, made)]
        return [*steps, *self.world.settle(at)]

    def _carry_out(self, effects: list[Effect], at: float) -> None:
        happened = self._number(effects, int(at * 1000))
        self.database.commit(
            ((effect.key, effect.value) for effect in effects if isinstance(effect, Put)),
            [_entry(one) for one in happened],
        )
        if happened:
            self.grown.set()
        for effect in effects:
            if isinstance(effect, Perform) and effect.act.after:
                self._later(effect, at)
            elif isinstance(effect, Perform) and self._wire is not None:
                self._wire.perform(effect.connection, effect.act)
        if self._wire is not None:
            self._wire.flush()
        for one in happened:
            self._tell(one)
        for effect in effects:
            self._run_app(effect)

    def _later(self, effect: Perform, at: float) -> None:
        def act() -> None:
            if self._wire is not None:
                self._wire.perform(effect.connection, effect.act)
                self._wire.flush()

        self.clock.call_at(at + effect.act.after, act)

    def change(self, inputs: Iterable[Input]) -> bool:
        """Take what a command orders, in a turn of its own; whether it changed anything.

        It is kept before this returns. Raises ValueError for an order that cannot be carried out:
        then none of them was; StoreError where the turn cannot be kept.
        """
        if self.failure is not None:
            raise self.failure
        at, seq, before = self.clock.now(), self.seq, dict(self.world.state.records)
        due = [] if self._wire is None else [Tick()]
        try:
            effects = self._step([*inputs, *due], at)
        except Exception:  # none of it was kept yet
            self.world.undo(before)
            raise
        try:
            self._carry_out(effects, at)
        except BaseException as error:
            self._fail(error)
            raise
        if due:
            self._set_timer()
        return before != self.world.state.records or seq != self.seq

    def advance(self, seconds: float) -> None:
        """Move a clock that stands still, through everything that is due on the way.

        Raises ValueError where the clock is the machine's.
        """
        if not isinstance(self.clock, ManualClock):
            raise ValueError("this listener's clock is the machine's: start it with --clock manual")
        self.clock.advance(seconds, after_each=self._turn)

    def stop(self) -> None:
        """No further turn will come by itself; the app is stopped by whoever stops this."""
        if self._timer is not None:
            self._timer.cancel()

    def _turn(self) -> None:
        self._scheduled = False
        inputs, self._inputs = self._inputs, []
        try:
            self.apply(inputs)
        except BaseException as error:  # raised again by whoever runs the listener
            self._fail(error)
            return
        self._set_timer()

    def _fail(self, error: BaseException) -> None:
        self.failure = self.failure or error
        if self._failed is not None:
            self._failed()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self.world.deadline()
        if deadline is not None:
            self._timer = self.clock.call_at(deadline, lambda: self.feed(Tick()))

    def _number(self, effects: Iterable[Effect], at_ms: int) -> list[Happened]:
        happened = []
        for effect in effects:
            if isinstance(effect, Emit):
                self.seq += 1
                happened.append(Happened(seq=self.seq, at_ms=at_ms, event=effect.event))
        return happened

    def _run_app(self, effect: Effect) -> None:
        match effect:
            case CallApp():
                self.app.call(effect)
            case TellApp():
                self.app.tell(effect)
            case KillApp(handling=handling):
                self.app.kill(handling)
            case EndApp() | TellToken():
                if isinstance(self.app, Resident):
                    self.app.hear(effect)


def _entry(one: Happened) -> Entry:
    value = json.dumps(one.to_json(), separators=(",", ":"))
    event = one.event
    is_push = isinstance(event, PushEvent)
    push_id = event.id if isinstance(event, PushEvent) else event.push_id
    return Entry(seq=one.seq, at_ms=one.at_ms, is_push=is_push, value=value, push_id=push_id)
