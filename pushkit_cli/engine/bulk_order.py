"""What the command line says about a bulk run, resolved. Nothing has left the process."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pushkit_cli.apns import compose
from pushkit_cli.apns.payload import Parsed, parse_json
from pushkit_cli.apns.push import PushType, known_type
from pushkit_cli.engine import host, planning, targets
from pushkit_cli.engine.bulk_input import Input
from pushkit_cli.engine.bulk_lines import Line, has_variables, read_line
from pushkit_cli.engine.passage import Passage, passage
from pushkit_cli.engine.planning import Order
from pushkit_cli.engine.setting import Setting
from pushkit_cli.engine.targets import Known, Recipient
from pushkit_cli.engine.where import Target, is_loopback, parse_endpoint, place
from pushkit_cli.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkOrder:
    """What the command line says about a bulk run beside the push itself (`push`).

    `source` is `None` for standard input. `rate` is in pushes a second, `deadline` in seconds
    from the start. `stop_at` and `tolerate` are shares (0 to 1) by reason.
    """

    push: Order
    source: Path | None
    results: Path | None = None
    resume: bool = False
    resend_unknown: bool = False
    rate: float | None = None
    in_flight: int = 200
    connections: int = 1
    deadline: float | None = None
    skip_held: bool = False
    stop_at: Mapping[str, float] = field(default_factory=dict)
    tolerate: Mapping[str, float] = field(default_factory=dict)
    dead_tokens: Path | None = None
    suspect_tokens: Path | None = None
    unique: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkPlan(Passage):
    """Where a run goes and who signs; `body` is what a line without a payload of its own sends.

    `template` is that body parsed where it holds variables. `find` resolves a device's name;
    `known` holds the recipients on record by their token. `timeout` is for a connection and for
    an answer, `retries` are tries beyond the first after an answer that says: later.
    """

    order: BulkOrder
    kind: PushType | None
    body: bytes | None
    template: Any
    find: Callable[[str], Recipient]
    known: Mapping[str, Recipient]


def plan(order: BulkOrder, source: Input, setting: Setting) -> BulkPlan:
    """Resolve an order. Raises the errors of `targets`, `where` and `signing`, and UsageError."""
    push = order.push
    listener = setting.listener()
    known = targets.known(listener, setting.book)
    kind = known_type(push.push_type)
    target = _target(order, source, setting, known)
    where = place(
        target, endpoint=push.endpoint, cacert=push.cacert, setting=setting, listener=listener
    )
    app = push.app or _only_app(known, target)
    way = passage(push, where, app=app, setting=setting, listener=listener)
    body = _body(push, kind)

    def find(name: str) -> Recipient:
        found = targets.find(
            (name,), known=known, push_type=kind, app=push.app, target=target, listening=True
        )
        return found[0]

    return BulkPlan(
        **way.parts(),
        order=order,
        kind=kind,
        body=body,
        template=_template(body),
        find=find,
        known={one.token: one.recipient() for one in reversed(known)},
    )


def _target(order: BulkOrder, source: Input, setting: Setting, known: tuple[Known, ...]) -> Target:
    """`--env`, the files, else what is recorded for every one of the targets."""
    push = order.push
    if push.env is not None:
        return push.env
    if setting.book.environment is not None:
        return Target(setting.book.environment)
    if push.endpoint is not None and is_loopback(parse_endpoint(push.endpoint).host):
        return Target.local
    hint = "add --env sandbox (Xcode builds), --env production (TestFlight, App Store) or local"
    if not source.can_be_read_again:
        raise UsageError("no environment is known for targets from standard input", hint=hint)
    by_token = {one.token: one.target for one in known}
    by_name = {one.name: one.target for one in reversed(known)}  # the first counts, as for --to
    found: set[Target] = set()
    for number, raw in source.lines():
        line = read_line(number, raw)
        if not isinstance(line, Line):
            continue
        mine = by_token.get(line.token or "") or by_name.get(line.to or "")
        if mine is None:
            raise UsageError(f"no environment is known for the target of line {number}", hint=hint)
        found.add(mine)
    if len(found) > 1:
        raise UsageError(
            f"these targets belong to several environments: {', '.join(sorted(found))}",
            hint="send to each environment by itself, with --env",
        )
    return found.pop() if found else Target.local


def _only_app(known: tuple[Known, ...], target: Target) -> str | None:
    """The app that is meant where none is said: the one on record for this environment."""
    apps = {one.app for one in known if one.target == target}
    return apps.pop() if len(apps) == 1 else None


def _body(push: Order, kind: PushType | None) -> bytes | None:
    """What is sent where a line says nothing; `None` where each line must bring its own."""
    if push.payload is not None:
        return push.payload
    if push.words.silent:
        return None
    try:
        return compose.compose(kind, push.words, now=host.now(), read=planning.read_file)
    except ValueError as error:
        raise UsageError(str(error), hint="-d handle=+15550100, -d hasVideo:=true") from error


def _template(body: bytes | None) -> Any:
    read = None if body is None else parse_json(body)
    if not isinstance(read, Parsed) or not has_variables(read.value):
        return None
    return read.value
