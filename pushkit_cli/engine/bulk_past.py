"""What a bulk run begins with: nothing, or what the results of an earlier process say."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pushkit_cli.apns.message import Outcome, Reply
from pushkit_cli.engine import host
from pushkit_cli.engine.bulk_input import Input
from pushkit_cli.engine.bulk_lines import Misfit
from pushkit_cli.engine.bulk_order import BulkPlan
from pushkit_cli.engine.bulk_records import Ended, Records, as_line, held
from pushkit_cli.engine.bulk_shots import Shots
from pushkit_cli.engine.bulk_tally import Tally
from pushkit_cli.store import results
from pushkit_cli.store.ledger import Header, Ledger, State, resume_line
from pushkit_cli.store.results import Results

_STATES = {
    Outcome.ACCEPTED: State.ACCEPTED,
    Outcome.REFUSED: State.REFUSED,
    Outcome.HELD: State.HELD,
    Outcome.UNKNOWN: State.UNKNOWN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """Where to begin: `wanted` says of a line whether it is to be sent."""

    run: str
    results: Results | None
    tally: Tally
    seq: int = 0
    wanted: Callable[[int], bool] = field(default=lambda _: True)
    was_unknown: Callable[[int], bool] = field(default=lambda _: False)


def begun(path: Path | None, header: Header) -> Past:
    """A new run. Raises UsageError where the file exists, StoreError where there can be none."""
    made = None if path is None else results.create(path, header)
    return Past(run=header.run, results=made, tally=Tally(targets=header.targets))


def resumed(plan: BulkPlan, path: Path, header: Header, source: Input, records: Records) -> Past:
    """The same run, gone on with. What may have left and was not heard of is recorded first.

    Raises the errors of `results.resume`.
    """
    boot = host.boot_id()
    found = results.resume(path, header, boot=boot)
    file, ledger, run = found.results, found.ledger, found.header.run
    try:
        seq = _record_unknown(Shots(plan, run), ledger, file, source, records, boot) + 1
        file.add(resume_line(boot, seq=seq, at=records.at()))
        file.flush()
        file.sync()
    except BaseException:
        file.close()
        raise
    ledger.begin()
    open_ones = results.open_states(ledger, resend_unknown=plan.order.resend_unknown)
    tally = Tally(targets=header.targets, reasons=ledger.reasons)
    for outcome, state in _STATES.items():
        tally.counts[outcome] = ledger.count(state)
    states = ledger.states
    return Past(
        run=run,
        results=file,
        tally=tally,
        seq=seq,
        wanted=lambda line: bool(open_ones[line]),
        was_unknown=lambda line: states[line] == State.UNKNOWN,
    )


def _record_unknown(
    shots: Shots,
    ledger: Ledger,
    file: Results,
    source: Input,
    records: Records,
    boot: str | None,
) -> int:
    """Say of every target that may have left that nobody knows; the last number is returned."""
    maybe, seq = set(ledger.maybe_sent(boot)), ledger.seq
    if not maybe:
        return seq
    for target in shots.all(source.lines(), wanted=maybe.__contains__):
        seq += 1
        reply = Reply(outcome=Outcome.UNKNOWN, detail="the run ended before an answer was heard")
        ended = Ended(target=target, reply=reply, tries=1)
        if isinstance(target, Misfit):
            ended = held(target)
        file.add(as_line(records.reply(ended, seq)))
        ledger.states[target.number] = _STATES[ended.reply.outcome]
    return seq
