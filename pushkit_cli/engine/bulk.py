"""A bulk run that was checked: sent, recorded and summed up."""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pushkit_cli.apns.message import Outcome
from pushkit_cli.engine import host
from pushkit_cli.engine.bulk_book import Book, Lists
from pushkit_cli.engine.bulk_check import Checked, Prepared
from pushkit_cli.engine.bulk_feed import Feed, FileFeed, StreamFeed
from pushkit_cli.engine.bulk_order import BulkOrder
from pushkit_cli.engine.bulk_past import Past, begun, resumed
from pushkit_cli.engine.bulk_records import Ended, Records
from pushkit_cli.engine.bulk_run import BulkRun
from pushkit_cli.engine.bulk_shots import Shots
from pushkit_cli.engine.bulk_stock import Halt
from pushkit_cli.engine.bulk_tally import Tally
from pushkit_cli.errors import ExitCode, StoreError

_RATE_OVER = 40
"""Looks, a quarter of a second apart, over which the present speed is taken."""


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
        then, before = self._looks[0]
        return (decided - before) / (now - then) if now > then else 0.0


def conduct(
    prepared: Prepared,
    *,
    look: Callable[[Progress], None],
    told: Callable[[dict[str, Any], Ended], None] | None = None,
) -> Outcomes:
    """Send. `told` hears of every target that is decided, `look` a few times a second how far.

    Raises UsageError and ConfigError where it cannot begin: then nothing has left.
    """
    plan, order = prepared.plan, prepared.plan.order
    token, context = plan.signer.provider_token(plan.cache), plan.context()
    records, lists = Records(plan), Lists.made(order, goes_on=order.resume)
    try:
        past = _past(prepared, records)
    except BaseException:
        lists.discard()
        raise
    tally = past.tally
    tally.repeats = 0 if prepared.checked is None else prepared.checked.repeats
    began = host.now()
    book = Book(
        records,
        past.results,
        lists,
        ahead=max(1, order.in_flight // 2),
        seq=past.seq,
        lines=prepared.header.lines,
        told=told,
    )
    speed = _Speed()

    def looked() -> None:
        now = host.now()
        per_s = speed.look(now, tally.decided)
        left = tally.targets and per_s and (tally.targets - tally.decided) / per_s
        look(Progress(tally=tally, per_s=per_s, left_s=left or None, elapsed_s=now - began))

    try:
        run = BulkRun(
            plan,
            book,
            tally,
            token=token,
            context=context,
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
