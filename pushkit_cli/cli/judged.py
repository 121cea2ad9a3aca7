"""How `listen` is told what to expect, and how it says what came of it."""

import json
import shlex
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pushkit_cli.cli import offers
from pushkit_cli.cli.options import DURATION, SOME_TIME
from pushkit_cli.cli.render import Terminal
from pushkit_cli.errors import UsageError

if TYPE_CHECKING:
    from pushkit_cli.cli.telling import Teller
    from pushkit_cli.engine.judging import Otherwise, Required, Trial, Verdict
    from pushkit_cli.engine.listener import Options, Running

_Function = TypeVar("_Function", bound=Callable[..., Any])
COMMAND = "pushkit.command"
"""Where the words behind `--` are kept, in the context's meta."""
_SHOWN = 5

_OPTIONS = (
    click.option(
        "--expect",
        "expects",
        multiple=True,
        metavar="WHAT[@DEVICE]=COUNT",
        shell_complete=offers.whats,
        allow_from_autoenv=False,
        help="What has to come: a push type (answered 200), refused, refused:REASON, an event, or "
        "EVENT:TYPE; COUNT is 2, 2+, 1..3 or 0. Else exit 7.",
    ),
    click.option(
        "--require",
        "requires",
        multiple=True,
        metavar="TYPE:PATH[=VALUE]",
        allow_from_autoenv=False,
        help="What every accepted push of a type has to hold: voip:headers.apns-expiration=0, "
        "voip:payload.callUUID. Else exit 7.",
    ),
    click.option(
        "--grace",
        type=DURATION,
        default="10s",
        show_default=True,
        help="Once the command has ended: longest wait for what is expected, and for apps that "
        "are still busy.",
    ),
    click.option(
        "--timeout",
        type=SOME_TIME,
        help="End the command then, exit 124. Without a command: longest wait for what is "
        "expected (30s where something is).",
    ),
    click.option(
        "--trust/--no-trust",
        default=True,
        help="Make the command trust the listener: SSL_CERT_FILE, CURL_CA_BUNDLE, "
        "REQUESTS_CA_BUNDLE, NODE_EXTRA_CA_CERTS (--trust, the default), or leave those alone.",
    ),
    click.option(
        "--junit",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Write what was judged to this file, as JUnit XML.",
    ),
)


def judged(function: _Function) -> _Function:
    """Give a command the options by which it is judged."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


class WithCommand(click.Command):
    """A command whose words behind `--` are another command, to run inside."""

    allow_interspersed_args = False
    """The first word that is none of ours ends them: a command that lacks its `--`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep the other command's words away from ours."""
        if "--" in args:
            place = args.index("--")
            inside, args = args[place + 1 :], args[:place]
            if not inside or not inside[0]:
                raise click.UsageError("no command stands behind --", ctx)
            ctx.meta[COMMAND] = tuple(inside)
        ctx.allow_extra_args = True
        extra = super().parse_args(ctx, args)
        if extra and not ctx.resilient_parsing:
            raise UsageError(
                f"{extra[0]} is no word of {ctx.command_path}",
                hint=f"put -- before a command: {ctx.command_path} … -- {shlex.join(extra)}",
            )
        return extra

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """What can stand behind the options."""
        return [*super().collect_usage_pieces(ctx), "[-- CMD ARGS...]"]


def inside(terminal: Terminal, events: Path | None) -> tuple[str, ...] | None:
    """The command behind `--`, which from now on has stdout for itself.

    Raises UsageError where objects are asked for and could go nowhere else.
    """
    command: tuple[str, ...] | None = click.get_current_context().meta.get(COMMAND)
    if command is not None and terminal.as_json:
        if events is None:
            raise UsageError(
                "--json beside --: stdout belongs to the command", hint="add --events FILE"
            )
        terminal.as_json = False
    return command


def trial(
    words: Mapping[str, Any], command: tuple[str, ...] | None, terminal: Terminal
) -> "Trial | None":
    """By what this run is judged; `None`: by nothing."""
    from pushkit_cli.engine import judging

    asked = (words["expects"], words["requires"], words["timeout"], words["junit"], command)
    if not any(one is not None and one != () for one in asked):
        return None
    waits = words["timeout"] is None and command is None and words["expects"]
    return judging.Trial(
        terms=judging.read_terms(words["expects"], words["requires"]),
        command=command,
        variables=terminal.variables,
        ready_file=words["ready_file"],
        trust=words["trust"],
        grace_s=words["grace"],
        timeout_s=judging.ALONE_S if waits else words["timeout"],
    )


def run_judged(
    options: "Options",
    trial: "Trial",
    terminal: Terminal,
    started: "Callable[[Running], None]",
    teller: "Teller",
    *,
    junit: Path | None,
) -> int:
    """Listen, judge, and say so to everybody; the exit code."""
    from pushkit_cli.engine import host
    from pushkit_cli.engine import junit as report
    from pushkit_cli.engine.judging import Session
    from pushkit_cli.engine.listener import run

    if junit is not None:
        report.begin(junit)
    session = Session(trial, teller.tell)
    began = host.now()
    run(options, started=started, tell=session.tell, beside=session.beside)
    teller.closed()
    verdict = session.verdict
    assert verdict is not None
    teller.object(session.object(teller.seq))
    if verdict.exit:
        terminal.say("", loud=True)  # apart from what the command said
    for line in lines(verdict, trial, session.trouble, terminal):
        terminal.say(line, loud=bool(verdict.exit))
    if junit is not None:
        report.write(junit, verdict, trial.command, host.now() - began)
    return int(verdict.exit)


# What is said


def lines(
    verdict: "Verdict", trial: "Trial", trouble: str | None, terminal: Terminal
) -> Iterator[str]:
    """What a person reads of a verdict: one line where all is well, else all that is the matter."""
    missing = [one for one in verdict.expectations if not one.met]
    for one in missing:
        words = [f"not met  {terminal.show(f'{one.what}={one.count}')}   got {one.got}"]
        yield from _line(terminal, *words, *_maybe(one.detail, terminal))
    for required in verdict.requirements:
        if not required.met:
            told = terminal.show(required.text)
            yield from _line(
                terminal, f"not met  {told}   {required.failed} of {required.checked} pushes"
            )
            for other in required.otherwise[:_SHOWN]:
                yield from _line(
                    terminal, f"  push {other.push_id[:6]}: {_stood(required, other, terminal)}"
                )
            if required.failed > _SHOWN:
                yield from _line(terminal, f"  and {required.failed - _SHOWN} more")
    yield from _whys(verdict, terminal, is_short=bool(missing))
    if verdict.busy_s is not None:
        yield from _line(terminal, *_still_busy(verdict.busy_s))
    yield from _of_command(verdict, trial, trouble, terminal)
    if verdict.by is None:
        yield from _line(terminal, _all_is_well(verdict, trial, terminal))


def _stood(required: "Required", one: "Otherwise", terminal: Terminal) -> str:
    """What a push holds in place of what it must."""
    place = terminal.show(required.place)
    if one.found is None:
        return f"{place} is not there"
    is_text = isinstance(one.found, str)
    shown = terminal.show(one.found if is_text else json.dumps(one.found))
    return f'{place} is "{shown}"' if is_text else f"{place} is {shown}"


def _all_is_well(verdict: "Verdict", trial: "Trial", terminal: Terminal) -> str:
    met = [f"{one.what}={one.count}" for one in verdict.expectations]
    met += [one.text for one in verdict.requirements]
    if met:
        return f"met  {'  '.join(terminal.show(one) for one in met)}"
    return f"{_name(trial, terminal)} exited 0" if trial.command else "no device rule was broken"


def _whys(verdict: "Verdict", terminal: Terminal, *, is_short: bool) -> Iterator[str]:
    """The rules that were broken, and what else may be why something is missing."""
    from pushkit_cli.engine.judging import remedy

    hints: set[str | None] = set()  # each is said once
    broken = {event["seq"]: event for event in verdict.broken}
    noted = {event["seq"]: event for event in verdict.noted} if is_short else {}
    first = sorted((noted | broken).items(), key=lambda one: (one[0] not in broken, one[0]))
    hooked: set[str] = set()  # pushes whose hook has been heard
    for seq, event in first[:_SHOWN]:
        mark = "broken   " if seq in broken and not is_short else "  "
        push = event["push_id"] if "push_id" in event else event["id"]
        if event["event"] == "hook" and push in hooked:
            continue
        yield from _line(terminal, mark + _headline(event, push, terminal))
        yield from _told(event, terminal)
        said = verdict.hooks.get(push)
        if said is not None and push not in hooked and said["seq"] != seq:
            yield from _told(said, terminal, who="the hook: ")
        hooked.add(push)
        hint = remedy(event)
        if hint not in (None, *hints):
            hints.add(hint)
            yield from _line(terminal, f"  hint: {terminal.show(hint, limit=300)}")
    more = verdict.broken_total - _SHOWN
    if more > 0:
        yield from _line(terminal, f"  and {more} more")


def _headline(event: Mapping[str, Any], push: str | None, terminal: Terminal) -> str:
    is_errand = event["event"] == "channel"
    which = "" if push is None else f"{'request' if is_errand else 'push'} {push[:6]} "
    who = ", ".join(terminal.show(event[name] or "?") for name in ("type", "device"))
    who = "" if is_errand or (event["device"] is None and push is None) else f"({who}): "
    at = datetime.fromisoformat(event["at"]).astimezone().strftime("%H:%M:%S.%f")[:-3]
    what = event["event"] if "push_id" in event else "was refused"
    return f"{which}{who}{what} at {at}"


def _told(event: Mapping[str, Any], terminal: Terminal, *, who: str = "") -> Iterator[str]:
    """Why, and whose rule it is."""
    words = [terminal.show(event[name], limit=600) for name in ("reason", "detail") if event[name]]
    if words:
        basis = "" if who else f" ({event['basis'] or 'documented'})"
        yield from _line(terminal, f"  {who}{': '.join(words)}{basis}")


def _still_busy(waited_s: float) -> tuple[str, str]:
    busy = f"  an app was still busy with a push after {waited_s:g} s"
    return f"{busy}: what it does later is not judged", "  hint: --grace waits longer"


def _of_command(
    verdict: "Verdict", trial: "Trial", trouble: str | None, terminal: Terminal
) -> Iterator[str]:
    if trouble is not None:
        yield from _line(terminal, terminal.show(trouble, limit=300))
        return
    if trial.command is None or verdict.by is None:
        return
    name = _name(trial, terminal)
    match verdict.by:
        case "child":
            yield from _line(terminal, f"{name} exited {verdict.child_exit}")
        case "timeout":
            yield from _line(
                terminal, f"{name} still ran after {trial.timeout_s:g} s, and was ended"
            )
        case "signal":
            yield from _line(terminal, f"{name} was interrupted")
        case _ if verdict.child_exit is None:
            yield from _line(terminal, f"  {name} was ended: nothing can make it right any more")
        case _:
            yield from _line(terminal, f"  {name} itself exited {verdict.child_exit}")


def _name(trial: "Trial", terminal: Terminal) -> str:
    return terminal.show(shlex.join(trial.command or ()), limit=60)


def _maybe(text: str | None, terminal: Terminal) -> list[str]:
    return [] if text is None else [f"  {terminal.show(text, limit=300)}"]


def _line(terminal: Terminal, *texts: str) -> Iterator[str]:
    for text in texts:
        yield terminal.wrap(f"pushkit: {text}", indent="pushkit:     ")
