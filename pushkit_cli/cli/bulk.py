"""`pushkit send --targets`: from the words to a run, and what is shown of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pushkit_cli.apns.message import Outcome
from pushkit_cli.apns.push import fingerprint
from pushkit_cli.apns.reasons import REASONS
from pushkit_cli.cli import ordering, replies
from pushkit_cli.cli.render import Terminal
from pushkit_cli.cli.text import short_token
from pushkit_cli.engine import bulk, bulk_check
from pushkit_cli.engine.bulk import Outcomes, Progress
from pushkit_cli.engine.bulk_check import Checked, Prepared
from pushkit_cli.engine.bulk_input import Input
from pushkit_cli.engine.bulk_judge import STOP_AT, TooMany
from pushkit_cli.engine.bulk_order import BulkOrder
from pushkit_cli.engine.bulk_records import Ended, Records, held
from pushkit_cli.errors import ExitCode, UsageError

LINE_EVERY_S = 10.0


def order_from(
    options: Mapping[str, Any], words: Mapping[str, Any], shown_as: str | None
) -> BulkOrder:
    """What the command line says. Raises UsageError where two words contradict."""
    for name in ("to", "channel", "apns_id", "last", "replay"):
        if options[name]:
            raise UsageError(
                f"--{name.replace('_', '-')} and --targets do not go together",
                hint="a line of --targets may say to, and headers with apns-id",
            )
    if shown_as is not None:
        raise UsageError("--as shows one push, not many", hint="leave out --targets, name --to")
    if words["targets"] == "-" == options["payload"]:
        raise UsageError(
            "--targets - and --payload - both read standard input", hint="put one into a file"
        )
    source = None if words["targets"] == "-" else Path(words["targets"])
    plain = {name: value for name, value in words.items() if name not in _MADE}
    return BulkOrder(
        push=ordering.order_from(options),
        source=source,
        skip_held=words.get("on_lint") == "skip",
        stop_at={**STOP_AT, **dict(words.get("stop_at", ()))},
        tolerate=dict(words.get("tolerate", ())),
        **plain,
    )


_MADE = ("targets", "on_lint", "stop_at", "tolerate")


def send(order: BulkOrder, terminal: Terminal, *, dry_run: bool, yes: bool) -> int:
    """Check, ask, send, sum up; the exit code."""
    with Input(order.source) as source:
        prepared = bulk_check.prepare(order, source, terminal.setting())
        terminal.say(replies.heading(prepared.plan, terminal))
        for line in replies.detail_lines(prepared.plan, terminal):
            terminal.detail(line)
        for warning in prepared.plan.warnings:
            terminal.warn(warning)
        if prepared.checked is not None:
            terminal.say(terminal.wrap(_checked_line(prepared.checked), indent="  "))
        if prepared.is_held:
            return _held(prepared, terminal)
        if dry_run:
            return _show(prepared, terminal)
        if not yes:
            _confirm(prepared, terminal)
        return _conduct(prepared, terminal)


def _checked_line(checked: Checked) -> str:
    kinds = ", ".join(
        f"{short}: {'line' if checked.counts[short] == 1 else 'lines'} "
        + ", ".join(map(str, lines))
        + (", …" if checked.counts[short] > len(lines) else "")
        for short, lines in checked.kinds.items()
    )
    held_ones = f", {checked.held:,} held ({kinds})" if checked.held else ""
    to_send = checked.targets - checked.held
    return (
        f"{checked.targets:,} targets checked in {checked.elapsed_s:.1f} s: "
        f"{to_send:,} to send{held_ones}"
    )


def _held(prepared: Prepared, terminal: Terminal) -> int:
    """Lint holds some, so nothing is sent at all."""
    checked = prepared.checked or Checked()
    for misfit in checked.samples:
        said = f"lint: line {misfit.number}: {terminal.show(misfit.detail)}"
        remedy = "" if misfit.remedy is None else f" ({terminal.show(misfit.remedy)})"
        terminal.say(terminal.wrap(said + remedy, indent="      "))
    more = checked.held - checked.repeats - len(checked.samples)
    if more:
        terminal.say(f"lint: and {_lines(more)} more")
    code = terminal.failed(
        "held",
        f"nothing was sent: lint holds {_lines(checked.held - checked.repeats)}",
        "mend them, or send all the others with --on-lint skip",
        ExitCode.HELD,
    )
    if terminal.as_json:
        records = Records(prepared.plan)
        for seq, misfit in enumerate(checked.samples, start=1):
            ended = held(misfit)
            terminal.object(_for_a_screen(records.reply(ended, seq), ended))
        terminal.object(bulk.summary_of_held(checked, prepared))
    return code


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count:,} lines"


def _show(prepared: Prepared, terminal: Terminal) -> int:
    """A dry run: the request of the first target."""
    shot = bulk_check.first_shot(prepared)
    if shot is None:
        return ExitCode.DONE
    if terminal.as_json:
        about = {"device": shot.recipient.name, "token_fp": fingerprint(shot.recipient.token)}
        terminal.object(
            replies.request_in_json(shot.request, prepared.plan, **about, channel=None, lint=[])
        )
        return ExitCode.DONE
    for line in replies.request_lines(shot.request, prepared.plan, terminal):
        terminal.data(line)
    return ExitCode.DONE


def _confirm(prepared: Prepared, terminal: Terminal) -> None:
    checked = prepared.checked
    count = None if checked is None else checked.targets - checked.held
    if str(prepared.plan.where.target) != "production" or (count is not None and count < 2):
        return
    what = "these targets" if count is None else f"{count:,} pushes"
    if not terminal.ask(f"Send {what} to production?"):
        raise UsageError("nothing was sent: production was not confirmed", hint="add --yes")


def _conduct(prepared: Prepared, terminal: Terminal) -> int:
    terminal.work_counts()
    screen = _Screen(terminal)
    told = screen.told if prepared.plan.order.results is None else None
    ended = bulk.conduct(prepared, look=screen.look, told=told)
    terminal.redraw("")
    if terminal.as_json:
        _say_why(ended, prepared, terminal)
        terminal.object(ended.summary)
        return ended.exit_code
    for line in _summary_lines(ended, prepared, terminal):
        terminal.data(line)
    _say_why(ended, prepared, terminal)
    return ended.exit_code


class _Screen:
    """What is shown while a run lasts."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._said_s = 0.0

    def told(self, reply: dict[str, Any], ended: Ended) -> None:
        """One target is decided: nobody else says so where there is no file of results."""
        if self._terminal.as_json:
            self._terminal.object(_for_a_screen(reply, ended))
        elif ended.reply.outcome is not Outcome.ACCEPTED:
            self._terminal.redraw("")
            self._terminal.data(_reply_line(reply, self._terminal))

    def look(self, progress: Progress) -> None:
        """A line that is written over on a terminal, and one every ten seconds elsewhere."""
        line = _progress_line(progress)
        if self._terminal.can_redraw:
            self._terminal.redraw(line)
        elif progress.elapsed_s - self._said_s >= LINE_EVERY_S:
            self._said_s = progress.elapsed_s
            self._terminal.say(line)


def _for_a_screen(reply: dict[str, Any], ended: Ended) -> dict[str, Any]:
    """The object without a whole token, which only files that were named may hold."""
    if ended.token is None or ended.is_emulated:
        return reply
    return {**reply, "token": short_token(ended.token, ascii_only=True)}


def _progress_line(progress: Progress) -> str:
    tally = progress.tally
    share = "" if not tally.targets else f"{tally.decided / tally.targets:4.0%}  "
    counts = "  ".join(
        f"{word} {tally.counts[word]:,}"
        for word in (Outcome.ACCEPTED, Outcome.REFUSED, Outcome.UNKNOWN)
    )
    left = "" if progress.left_s is None else f"  {_clock(progress.left_s)} left"
    return f"{share}{counts}  {progress.per_s:,.0f}/s{left}"


def _clock(seconds: float) -> str:
    minutes, left = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{left:02}"


def _reply_line(reply: Mapping[str, Any], terminal: Terminal) -> str:
    token = reply["token"]
    short = "-" if token is None else short_token(token, ascii_only=terminal.ascii_only)
    who = terminal.show(reply["device"]) if reply["device"] else short
    words = [f"{reply['outcome']:<8}", f"line {reply['line']}", who]
    if reply["status"] is not None:
        words.append(f"{reply['status']} {terminal.show(reply['reason'])}")
    if reply["detail"] is not None:
        words.append(terminal.show(reply["detail"]))
    return "  ".join(words)


def _summary_lines(ended: Outcomes, prepared: Prepared, terminal: Terminal) -> list[str]:
    tally, order = ended.tally, prepared.plan.order
    width = max(len(f"{tally.all:,}"), 6)
    lines = []
    for outcome in Outcome:
        count = tally.count(outcome)
        if not count and outcome in (Outcome.UNSENT, Outcome.HELD):
            continue
        line = f"{outcome:<10}{count:>{width},}"
        if outcome is Outcome.REFUSED and tally.reasons:
            words = (
                f"{terminal.show(word, limit=40)} {count:,}{_list_of(word, order, terminal)}"
                for word, count in tally.reasons.most_common(8)
            )
            line = terminal.wrap(f"{line}   {', '.join(words)}", indent=" " * (width + 13))
        lines.append(line)
    if order.results is not None:
        named = terminal.show(str(order.results), limit=400)
        left = tally.unsent
        if not left:
            if tally.counts[Outcome.UNKNOWN]:
                lines.append(
                    f"{named}: what is unknown is sent again only with --resume --resend-unknown:"
                    " it may have arrived."
                )
            else:
                lines.append(f"{named} is complete; nothing is left to resume.")
        elif prepared.checked is not None:
            lines.append(f"{named}: {left:,} are left, and --resume sends them.")
    return lines


def _list_of(word: str, order: BulkOrder, terminal: Terminal) -> str:
    """The file that holds the tokens of a reason."""
    dead = word in ("Unregistered", "ExpiredToken")
    suspect = word in ("BadDeviceToken", "DeviceTokenNotForTopic")
    path = order.dead_tokens if dead else order.suspect_tokens if suspect else None
    return "" if path is None else f" ({terminal.show(path.name)})"


def _say_why(ended: Outcomes, prepared: Prepared, terminal: Terminal) -> None:
    """Why a run ended before its input did."""
    halt, code = ended.halt, ended.exit_code
    if halt is None:
        return
    is_kept = prepared.plan.order.results is not None
    go_on = (
        "--resume goes on"
        if is_kept
        else "nothing says whom it reached: with --results a run can be resumed"
    )
    if halt.error is not None:
        terminal.failed(halt.error.kind, halt.error.message, halt.error.hint or go_on, code)
    elif halt.too_many is not None:
        said = _too_many(halt.too_many)
        terminal.failed("refused", said, _advice(halt.too_many, prepared), code)
    elif halt.deadline:
        terminal.failed("not-sent", "the deadline has passed", go_on, code)
    elif halt.held is not None:
        hint = "mend it, or send all the others with --on-lint skip"
        said = f"stopped: lint holds line {halt.held.number}: {halt.held.detail}"
        terminal.failed("held", said, hint, code)
    elif code is ExitCode.TERMINATED:
        terminal.failed("terminated", "terminated", go_on, code)
    else:
        terminal.failed("interrupted", "interrupted", go_on, code)


def _too_many(found: TooMany) -> str:
    if found.of == 1:
        return f"stopped: APNs does not take these credentials: {found.reason}"
    return f"stopped: {found.count:,} of the last {found.of:,} answers were {found.reason}"


def _advice(found: TooMany, prepared: Prepared) -> str | None:
    if found.reason == "BadDeviceToken":
        target = prepared.plan.where.target
        return (
            f"are these tokens of {target.environment}? no single token is to blame: none was "
            "called dead, and the rest was not sent"
        )
    row = REASONS.get(found.reason)
    return None if row is None else row.remedy
