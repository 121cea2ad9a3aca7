"""What became of an operation on channels, as lines for a person and objects for a script."""

from typing import TYPE_CHECKING, Any

from pushkit_cli.apns.message import Outcome
from pushkit_cli.cli import replies
from pushkit_cli.cli.render import Terminal
from pushkit_cli.engine.host import Terminated
from pushkit_cli.errors import ExitCode

if TYPE_CHECKING:
    from pushkit_cli.engine.channels import Done, Found, Plan

_STORED = {
    "none": "nothing: who is away misses it",
    "latest": "the latest push, for 8 hours at most",
}


def announce(terminal: Terminal, planned: "Plan") -> None:
    """Where it goes and who signs, before anything leaves."""
    terminal.say(replies.heading(planned, terminal))
    for line in replies.detail_lines(planned, terminal):
        terminal.detail(line)
    for warning in planned.warnings:
        terminal.warn(warning)


def told(terminal: Terminal, planned: "Plan") -> int:
    """Carry a plan out, and tell of it."""
    from pushkit_cli.engine.channels import carry_out, unheard

    try:
        done = carry_out(planned, terminal.setting())
    except (KeyboardInterrupt, Terminated):
        terminal.hint(unheard(planned))
        raise
    terminal.work_counts()
    if terminal.as_json:
        for found in done.channels or (None,):
            if found is not None or done.exit_code is not ExitCode.DONE:
                terminal.object(_object(planned, done, found))
    elif done.exit_code is ExitCode.DONE:
        _show(terminal, planned, done)
    for warning in done.warnings:
        terminal.warn(warning)
    if done.exit_code is not ExitCode.DONE:
        return _failed(terminal, planned, done)
    return ExitCode.DONE


def _show(terminal: Terminal, planned: "Plan", done: "Done") -> None:
    """On stdout the bare ids, or what was asked about one."""
    for found in done.channels:
        name = terminal.show(found.id, limit=1024)
        match str(planned.operation):
            case "create":
                terminal.data(name)
            case "list":
                terminal.data(f"{name}  {found.storage or '-'}")
            case "delete":
                terminal.data(f"deleted  {name}")
            case _:
                stored = str(found.storage or "-")
                terminal.data(name)
                terminal.data(f"  app          {terminal.show(planned.bundle_id)}")
                terminal.data(f"  environment  {planned.where.target}")
                terminal.data(f"  storage      {stored}  {_STORED.get(stored, '')}".rstrip())
    if not done.channels:
        there = f"{terminal.show(planned.bundle_id)} in {planned.where.target}"
        terminal.say(f"no channel of {there}: pushkit channel create makes one")


def _failed(terminal: Terminal, planned: "Plan", done: "Done") -> int:
    """Why it was not done."""
    reply = done.reply
    reason = reply.reason or "no reason"
    if reply.outcome is Outcome.HELD:
        said = f"{planned.operation} would be refused, {reason}: {reply.detail}"
        return terminal.failed("held", said, done.hint, done.exit_code)
    said = f"{planned.operation} was refused: {reply.status} {reason}"
    return terminal.failed("refused", said, done.hint, done.exit_code)


def _object(planned: "Plan", done: "Done", found: "Found | None") -> dict[str, Any]:
    reply = done.reply
    storage = planned.storage if found is None else found.storage
    return {
        "v": 1,
        "event": "channel",
        "operation": str(planned.operation),
        "channel": planned.channel_id if found is None else found.id,
        "app": planned.bundle_id,
        "environment": str(planned.where.target),
        "storage": None if storage is None else str(storage),
        "endpoint": str(planned.where.endpoint),
        "key_id": planned.signer.key_id,
        "outcome": str(reply.outcome),
        "status": reply.status,
        "reason": reply.reason,
        "retry": str(done.retry),
        "retry_after_s": reply.retry_after_s,
        "apns_request_id": reply.apns_request_id,
        "attempts": done.attempts,
        "elapsed_ms": None if done.elapsed_ms is None else round(done.elapsed_ms, 1),
        "detail": reply.detail,
        "lint": [replies.finding_object(one) for one in planned.findings],
        "hint": done.hint,
    }
