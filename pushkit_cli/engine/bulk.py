"""`send --targets` from beginning to end: everything is checked, then sent, then summed up."""

import asyncio
import hashlib
import json
import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from pushkit_cli.apns.message import Outcome, as_uuid
from pushkit_cli.engine import bulk_order, host
from pushkit_cli.engine.bulk_book import Book, Lists, TokenList
from pushkit_cli.engine.bulk_feed import Feed, FileFeed, StreamFeed
from pushkit_cli.engine.bulk_input import Input, Measured
from pushkit_cli.engine.bulk_lines import Misfit
from pushkit_cli.engine.bulk_order import BulkOrder, BulkPlan
from pushkit_cli.engine.bulk_past import Past, begun, resumed
from pushkit_cli.engine.bulk_records import Ended, Records
from pushkit_cli.engine.bulk_run import BulkRun
from pushkit_cli.engine.bulk_shots import Shot, Shots
from pushkit_cli.engine.bulk_stock import Halt
from pushkit_cli.engine.bulk_tally import Tally
from pushkit_cli.engine.setting import Setting
from pushkit_cli.errors import ExitCode, StoreError, UsageError
from pushkit_cli.store.ledger import Header

_SAMPLES = 20
_RATE_OVER = 40
"""Looks, a quarter of a second apart, over which the present speed is taken."""


@dataclass(slots=True)
class Checked:
    """What lint says of a whole file; of the held lines some are kept to be shown."""

    targets: int = 0
    held: int = 0
    repeats: int = 0
    kinds: dict[str, list[int]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    samples: list[Misfit] = field(default_factory=list)
    elapsed_s: float = 0.0

    def add(self, misfit: Misfit) -> None:
        """One more that is held."""
        self.held += 1
        self.repeats += misfit.is_repeat
        self.counts[misfit.short] = self.counts.get(misfit.short, 0) + 1
        lines = self.kinds.setdefault(misfit.short, [])
        if len(lines) < 3:
            lines.append(misfit.number)
        if len(self.samples) < _SAMPLES and not misfit.is_repeat:
            self.samples.append(misfit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A run that may begin. `checked` is `None` for a stream, which is checked as it comes."""

    plan: BulkPlan
    source: Input
    header: Header
    checked: Checked | None

    @property
    def is_held(self) -> bool:
        """Whether lint keeps all of it from being sent."""
        found = self.checked
        wrong = found is not None and found.held > found.repeats
        return wrong and not self.plan.order.skip_held


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is; `left_s` is `None` where nobody can say."""

    tally: Tally
    per_s: float
    left_s: float | None
    elapsed_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """How a run ended; `summary` is the object of the contract, `trouble` what broke at the end."""

    tally: Tally
    halt: Halt | None
    exit_code: ExitCode
    summary: dict[str, Any]


def prepare(order: BulkOrder, source: Input, setting: Setting) -> Prepared:
    """Resolve everything and lint a file whole; nothing has left, nothing was written."""
    _check(order, source)
    plan = bulk_order.plan(order, source, setting)
    run = as_uuid(host.new_id())
    checked = measured = None
    if source.can_be_read_again:
        checked, measured = _lint(Shots(plan, run), source)
    return Prepared(
        plan=plan, source=source, header=_header(plan, run, checked, measured), checked=checked
    )


def _check(order: BulkOrder, source: Input) -> None:
    if order.resume and order.results is None:
        raise UsageError("--resume goes on with a results file", hint="name it with --results")
    if order.resend_unknown and not order.resume:
        raise UsageError(
            "--resend-unknown is about an earlier run", hint="say --resume and --results FILE"
        )
    if order.resume and not source.can_be_read_again:
        raise UsageError(
            f"{source.name} cannot be read again", hint="put the targets into a file to resume"
        )
    named = (order.source, order.results, order.dead_tokens, order.suspect_tokens)
    files = [path.absolute() for path in named if path is not None]
    if len(set(files)) < len(files):
        raise UsageError(
            "one file is named for two things", hint="targets, results and lists want one each"
        )


def _lint(shots: Shots, source: Input) -> tuple[Checked, Measured]:
    began = host.now()
    found, last = Checked(), 0

    def numbered() -> Iterator[tuple[int, bytes]]:
        nonlocal last
        for number, raw in source.lines():
            last = number
            yield number, raw

    for one in shots.all(numbered()):
        found.targets += 1
        if isinstance(one, Misfit):
            found.add(one)
    found.elapsed_s = host.now() - began
    return found, source.measured(last)


def _header(plan: BulkPlan, run: str, checked: Checked | None, measured: Measured | None) -> Header:
    push = plan.order.push
    words = plan.order.push.words
    body = push.payload if push.payload is not None else repr(asdict(words)).encode()
    return Header(
        run=run,
        at=host.rfc3339(int(host.now() * 1000)),
        input_size=None if measured is None else measured.size,
        input_sha256=None if measured is None else measured.sha256,
        lines=None if measured is None else measured.lines,
        targets=None if checked is None else checked.targets,
        payload_sha256=hashlib.sha256(body).hexdigest(),
        options=json.loads(json.dumps(_options(plan))),
        boot=host.boot_id(),
    )


def _options(plan: BulkPlan) -> dict[str, Any]:
    """What decides which requests leave, and where to."""
    push = plan.order.push
    return {
        "type": push.push_type,
        "app": plan.app,
        "env": plan.where.target,
        "topic": push.topic,
        "priority": push.priority,
        "expiration": push.expiration if push.expires_in is None else f"{push.expires_in:g}s",
        "without_expiration": push.without_expiration,
        "collapse_id": push.collapse_id,
        "headers": push.headers,
        "lint": push.lint,
        "unique": plan.order.unique,
    }


def first_shot(prepared: Prepared) -> Shot | None:
    """The first push that would leave, for a dry run."""
    shots = Shots(prepared.plan, prepared.header.run).all(prepared.source.lines())
    return next((one for one in shots if isinstance(one, Shot)), None)


def summary_of_held(checked: Checked, prepared: Prepared) -> dict[str, Any]:
    """The summary of a run that lint held back: nothing left."""
    tally = Tally(targets=checked.targets, repeats=checked.repeats)
    tally.counts[Outcome.HELD] = checked.held
    return _summary(tally, prepared.plan.order, seq=1, elapsed_s=0.0, code=ExitCode.HELD)


class _Speed:
    """Decisions a second, of late."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, int]] = deque(maxlen=_RATE_OVER)

    def look(self, now: float, decided: int) -> float:
        self._looks.append((now, decided))
        (then, before), passed = self._looks[0], now - self._looks[0][0]
        del then
        return (decided - before) / passed if passed > 0 else 0.0


def conduct(
    prepared: Prepared,
    *,
    look: Callable[[Progress], None],
    told: Callable[[dict[str, Any], Ended], None] | None = None,
) -> Outcomes:
    """Send. `told` hears of every target that is decided, `look` a few times a second how far.

    Raises UsageError and StoreError where it cannot begin: then nothing has left.
    """
    order = prepared.plan.order
    records = Records(prepared.plan)
    past = _past(prepared, records)
    tally = past.tally
    began = host.now()
    try:
        book = Book(
            records,
            past.results,
            _lists(order),
            ahead=max(1, order.in_flight // 2),
            seq=past.seq,
            lines=prepared.header.lines,
            told=told,
        )
    except BaseException:
        if past.results is not None:
            past.results.close()
        raise
    speed = _Speed()

    def looked() -> None:
        now = host.now()
        per_s = speed.look(now, tally.decided)
        left = tally.targets and per_s and (tally.targets - tally.decided) / per_s
        look(Progress(tally=tally, per_s=per_s, left_s=left or None, elapsed_s=now - began))

    try:
        run = BulkRun(
            prepared.plan,
            book,
            tally,
            was_unknown=past.was_unknown,
            chance=random.Random(),  # noqa: S311
            look=looked,
        )
        shots = Shots(prepared.plan, past.run)
        targets = shots.all(prepared.source.lines(), wanted=past.wanted)

        def feed(there_is_more: Callable[[], None]) -> Feed:
            again = prepared.source.can_be_read_again
            return FileFeed(targets) if again else StreamFeed(targets, there_is_more)

        asyncio.run(run.run(feed))
        return _sum_up(prepared, run, book, tally, host.now() - began)
    finally:
        book.close()


def _past(prepared: Prepared, records: Records) -> Past:
    order, header = prepared.plan.order, prepared.header
    if order.resume and order.results is not None:
        return resumed(prepared.plan, order.results, header, prepared.source, records)
    return begun(order.results, header)


def _lists(order: BulkOrder) -> Lists:
    dead, suspect = (
        None if path is None else TokenList(path, goes_on=order.resume)
        for path in (order.dead_tokens, order.suspect_tokens)
    )
    return Lists(dead=dead, suspect=suspect)


def _sum_up(
    prepared: Prepared, run: BulkRun, book: Book, tally: Tally, elapsed_s: float
) -> Outcomes:
    order = prepared.plan.order
    code = _exit_code(run, tally, order)
    summary = _summary(tally, order, seq=0, elapsed_s=elapsed_s, code=code)
    halt = run.halt
    try:
        book.finish(summary)
    except StoreError as error:
        halt, code = Halt(error=error), code if run.signal else error.exit_code
        summary["exit"] = int(code)
    return Outcomes(tally=tally, halt=halt, exit_code=code, summary=summary)


def _summary(
    tally: Tally, order: BulkOrder, *, seq: int, elapsed_s: float, code: ExitCode
) -> dict[str, Any]:
    return {
        "v": 1,
        "event": "summary",
        "seq": seq,
        "at": host.rfc3339(int(host.now() * 1000)),
        "targets": tally.all,
        **{str(outcome): tally.count(outcome) for outcome in Outcome},
        "tolerated": tally.tolerated(order.tolerate),
        "by_reason": dict(tally.reasons),
        "elapsed_ms": round(elapsed_s * 1000, 1),
        "per_s": round(tally.times.total / elapsed_s, 1) if elapsed_s else None,
        "p50_ms": _rounded(tally.times.share(0.5)),
        "p99_ms": _rounded(tally.times.share(0.99)),
        "results_file": None if order.results is None else str(order.results),
        "exit": int(code),
    }


def _rounded(ms: float | None) -> float | None:
    return None if ms is None else round(ms, 1)


def _exit_code(run: BulkRun, tally: Tally, order: BulkOrder) -> ExitCode:
    if run.signal is not None:
        return host.code_of(run.signal)
    if run.unwritable is not None:
        return run.unwritable.exit_code
    error = None if run.halt is None else run.halt.error
    if error is not None and error.exit_code is not ExitCode.NOT_SENT:
        return error.exit_code
    stopped = run.halt is not None and run.halt.too_many is not None
    return tally.exit_code(order.tolerate, stopped=stopped)
