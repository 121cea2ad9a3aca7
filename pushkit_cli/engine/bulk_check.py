"""What a bulk run is made of, checked whole before anything leaves or is written."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from pushkit_cli.apns.message import as_uuid
from pushkit_cli.engine import bulk_order, host
from pushkit_cli.engine.bulk_input import Input, Measured
from pushkit_cli.engine.bulk_lines import Misfit
from pushkit_cli.engine.bulk_order import BulkOrder, BulkPlan
from pushkit_cli.engine.bulk_shots import Shot, Shots
from pushkit_cli.engine.setting import Setting
from pushkit_cli.errors import UsageError
from pushkit_cli.store.ledger import Header

_SAMPLES = 20


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


def prepare(order: BulkOrder, source: Input, setting: Setting) -> Prepared:
    """Resolve everything and lint a file whole; nothing has left, nothing was written."""
    _check(order, source)
    plan = bulk_order.plan(order, source, setting)
    run = as_uuid(host.new_id())
    checked = measured = None
    if source.can_be_read_again:
        checked, measured = _lint(Shots(plan, run), source, all_matter=order.unique)
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


def _lint(shots: Shots, source: Input, *, all_matter: bool) -> tuple[Checked, Measured]:
    began = host.now()
    found, last = Checked(), 0

    def to_look_at() -> Iterator[tuple[int, bytes]]:
        nonlocal last
        for number, raw in source.lines():
            last = number
            if all_matter or not shots.is_like_another(raw):
                yield number, raw
            else:
                found.targets += 1

    for one in shots.all(to_look_at()):
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
