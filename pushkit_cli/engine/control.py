"""What the control socket is asked, and what it answers: a table of questions.

Questions and answers are JSON objects; what a client sends is checked as anybody's. A long answer
comes in pages, and a long search lets the pushes through between them.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from pushkit_cli.apns.message import Request, Response
from pushkit_cli.apns.payload import Parsed
from pushkit_cli.emulator import orders, selector
from pushkit_cli.emulator.channel_records import Channel, Subscription
from pushkit_cli.emulator.moves import ClearFaults, SetFaults
from pushkit_cli.emulator.state import App, Device, DeviceToken, Record, SigningKey, to_row
from pushkit_cli.engine import faults, journal
from pushkit_cli.engine.asking import (
    ABOUT,
    ADVANCE,
    CHANGE,
    CLEAR,
    CLEAR_FAULTS,
    CLOCK,
    EVENTS,
    FAULTS,
    PHONE,
    RECORDS,
    SET_FAULTS,
)
from pushkit_cli.engine.clock import ManualClock
from pushkit_cli.engine.stage import Stage
from pushkit_cli.errors import ListenerError, PushkitError, UsageError
from pushkit_cli.net.control import MAX_QUESTION_BYTES, bind
from pushkit_cli.net.control_server import MAX_WAIT_S, ControlServer
from pushkit_cli.phone.app_state import AppState
from pushkit_cli.phone.condition import Condition
from pushkit_cli.phone.storage import Stored
from pushkit_cli.store.files import make_private

SHOWN_RECORDS = (
    *(App, SigningKey, Device, DeviceToken, Condition, AppState, Stored),
    *(Channel, Subscription),
)
"""What commands may read; the rest is the emulator's own business."""

_PAGE_RECORDS = 500
_LOOKED_AT = 20_000
"""Records at once, of which a page is: some milliseconds' work."""
_PAGES_A_QUESTION = 50
_GRACE_S = 1.0
_BREATH_S = 0.02
"""Between two looks of somebody who waits: many turns of a busy listener are looked at together."""

Said = Mapping[str, Any]


class Control:
    """One listener's answers. `changed` is called when a change was kept, before it is answered."""

    def __init__(self, stage: Stage, changed: Callable[[], None]) -> None:
        self._stage = stage
        self._database = stage.database
        self._changed = changed
        self._ending = False
        self._questions: Mapping[str, Callable[[Said], Awaitable[bytes]]] = {
            CHANGE: self._change,
            RECORDS: self._records,
            EVENTS: self._events,
            ABOUT: self._about,
            CLEAR: self._clear,
            PHONE: self._phone,
            CLOCK: self._clock,
            ADVANCE: self._advance,
            FAULTS: self._faults,
            SET_FAULTS: self._set_faults,
            CLEAR_FAULTS: self._clear_faults,
        }

    def end(self) -> None:
        """Nothing more will come: whoever waits is told so."""
        self._ending = True
        self._stage.grown.set()

    async def answer(self, request: Request) -> Response:
        """Answer whatever was asked; a question that is none is refused in words."""
        question = self._questions.get(request.path.decode("latin-1"))
        if question is None or request.method != "POST":
            return _refusal(404, "no such question", None)
        if request.body_size > MAX_QUESTION_BYTES:
            return _refusal(413, "the question is too long", None)
        read = request.json
        if not isinstance(read, Parsed) or not isinstance(read.value, dict):
            return _refusal(400, "the question is no JSON object", None)
        try:
            body = await question(read.value)
        except UsageError as error:
            return _refusal(400, error.message, error.hint)
        except ListenerError as error:
            return _refusal(409, error.message, error.hint)
        except PushkitError as error:
            return _refusal(500, error.message, error.hint)
        except (ValueError, TypeError, KeyError) as error:
            return _refusal(400, str(error), None)
        except Exception as error:  # whoever asks hears of a bug, and the listener goes on
            return _refusal(500, f"a bug in pushkit: {type(error).__name__}: {error}", None)
        return Response(status=200, body=body)

    async def _change(self, said: Said) -> bytes:
        given = said["orders"]
        if not isinstance(given, list) or len(given) > orders.MAX_ORDERS:
            raise ValueError("orders are a list, and not a long one")
        read = [orders.from_data(one) for one in given]
        is_changed = self._stage.change(read)
        if is_changed and not all(isinstance(one, orders.UNANNOUNCED) for one in read):
            self._changed()
        return _json({"changed": is_changed})

    async def _records(self, said: Said) -> bytes:
        at, device = _number(said, "after"), said["device"]
        records, page = self._stage.world.state.records, list[list[Any]]()
        for key, record in islice(records.items(), at, at + _LOOKED_AT):
            at += 1
            if isinstance(record, SHOWN_RECORDS) and device in (None, _device_of(record, device)):
                page.append([key, to_row(_bare(record))])
            if len(page) == _PAGE_RECORDS:
                break
        return _json({"records": page, "at": at, "more": at < len(records)})

    async def _events(self, said: Said) -> bytes:
        """A page of events behind `after`, or where `before` is said before that, backward.

        With nothing to tell the answer waits up to `wait_ms`. `count` asks for their number.
        """
        wanted = selector.from_data(said["filter"])
        after, wait_s = _number(said, "after"), min(_number(said, "wait_ms") / 1000, MAX_WAIT_S)
        last = self._database.last_seq
        if said["before"] is not None:
            pages = journal.backward(self._database, wanted, _number(said, "before"), after)
            return _events(await _read(pages, after), said, last=last, ended=False)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait_s
        while True:
            page = await _read(journal.forward(self._database, wanted, after), after)
            left = deadline - loop.time()
            if page.events or page.more or left <= 0 or self._ending:
                ended = self._ending and not page.more
                return _events(page, said, last=last, ended=ended)
            after = page.at
            await self._until_grown(left)

    async def _until_grown(self, longest: float) -> None:
        if self._ending or self._stage.failure is not None:
            return
        self._stage.grown.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(longest):
                await self._stage.grown.wait()
        if not self._ending:
            await asyncio.sleep(_BREATH_S)

    async def _about(self, said: Said) -> bytes:
        prefix = said["prefix"]
        if not isinstance(prefix, str) or not prefix.isascii():
            raise ValueError("the beginning of an id is missing")
        found: list[str] = []
        for piece in journal.about(self._database, prefix):
            found += piece
            await asyncio.sleep(0)
        return f'{{"events":[{",".join(found)}]}}'.encode("ascii")

    async def _phone(self, said: Said) -> bytes:
        """What no record says of a device: the limit of its strikes, and the calls that ring."""
        ringing = self._stage.world.ringing(str(said["device"]), self._stage.clock.now())
        calls = [
            [app.bundle_id, str(app.environment), call_id, int(at * 1000)]
            for app, call_id, at in ringing
        ]
        return _json({"strikes": self._stage.world.devices.strikes, "calls": calls})

    async def _clock(self, said: Said) -> bytes:
        del said
        clock = self._stage.clock
        manual = isinstance(clock, ManualClock)
        return _json({"manual": manual, "now_ms": int(clock.now() * 1000)})

    async def _advance(self, said: Said) -> bytes:
        """Move the clock; everything that is due on the way has happened when it is answered."""
        try:
            self._stage.advance(_number(said, "ms") / 1000)
        except ValueError as error:
            raise ListenerError(
                str(error).partition(":")[0], hint="start it with --clock manual"
            ) from error
        if self._stage.failure is not None:
            raise self._stage.failure
        return await self._clock(said)

    async def _faults(self, said: Said) -> bytes:
        del said
        return _json({"faults": [faults.to_data(rule) for rule in self._stage.world.faults.rules]})

    async def _set_faults(self, said: Said) -> bytes:
        """Set some; the answer has those alone."""
        given = faults.read(said["faults"])
        self._stage.change([SetFaults(faults=given)])
        rules = self._stage.world.faults.rules
        added = rules[len(rules) - len(given) :]
        return _json({"faults": [faults.to_data(rule) for rule in added]})

    async def _clear_faults(self, said: Said) -> bytes:
        """Take some away, or all; the answer has the numbers."""
        numbers = said["numbers"]
        if not isinstance(numbers, list) or not all(type(one) is int for one in numbers):
            raise ValueError("numbers are a list of them")
        before = [rule.number for rule in self._stage.world.faults.rules]
        self._stage.change([ClearFaults(numbers=tuple(numbers))])
        return _json({"numbers": numbers or before})

    async def _clear(self, said: Said) -> bytes:
        del said
        last = self._database.last_seq
        while self._database.clear(last):
            await asyncio.sleep(0)
        return _json({})


@asynccontextmanager
async def controlled(stage: Stage, path: Path, changed: Callable[[], None]) -> AsyncIterator[None]:
    """Answer commands at a path; at the end, whoever still waits hears that nothing more comes."""
    control = Control(stage, changed)
    server = ControlServer(control.answer)
    bound = bind(path)
    make_private(path)
    await server.start(bound)
    try:
        yield
    finally:
        control.end()
        await server.stop(grace=_GRACE_S)


async def _read(pages: Any, after: int) -> journal.Page:
    """Pages until enough was found or looked at, as one; between two of them others may run."""
    events: list[str] = []
    size, at, more = 0, after, False
    for number, page in enumerate(pages, start=1):
        events += page.events
        size += sum(map(len, page.events))
        at, more = page.at, page.more
        # Not after the last page: who then waits for more would miss what came in between.
        if not more or size >= journal.PAGE_BYTES or number >= _PAGES_A_QUESTION:
            break
        await asyncio.sleep(0)
    return journal.Page(events=events, at=at, more=more)


def _events(page: journal.Page, said: Said, *, last: int, ended: bool) -> bytes:
    """The events as they were kept, or how many there are, and where to read on."""
    counted = said["count"] is True
    told = str(len(page.events)) if counted else "[" + ",".join(page.events) + "]"
    rest = _json({"at": page.at, "last": last, "more": page.more, "ended": ended})
    return f'{{"events":{told},'.encode("ascii") + rest[1:]


def _bare(record: Record) -> Record:
    """A record as commands show it: bodies stay here, and an answer stays short."""
    return replace(record, payload=None) if isinstance(record, Stored) else record


def _device_of(record: Record, otherwise: str) -> str:
    """Whose record it is; where nobody's, or that of a device itself, `otherwise`."""
    return str(getattr(record, "device", otherwise))


def _number(said: Said, name: str) -> int:
    value = said[name]
    if type(value) is not int or not 0 <= value <= journal.NEVER:
        raise ValueError(f"{name} is no number")
    return value


def _json(value: Said) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def _refusal(status: int, message: str, hint: str | None) -> Response:
    return Response(status=status, body=_json({"message": message, "hint": hint}))
