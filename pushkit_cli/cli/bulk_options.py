"""The options of `send --targets`. No command lives here."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from pushkit_cli.cli.options import SOME_TIME
from pushkit_cli.errors import UsageError

_Function = TypeVar("_Function", bound=Callable[..., Any])
_SHARE = re.compile(r"(?P<reason>[A-Za-z]{1,64})(?:=(?P<share>\d{1,3}(?:\.\d{1,3})?)%)?")


class Share(click.ParamType[tuple[str, float]]):
    """`REASON=SHARE`, a share in per cent; `default` where it may be left out."""

    name = "reason=share"

    def __init__(self, *, default: float | None = None) -> None:
        self._default = default

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, float]:
        """The reason, and its share from 0 to 1."""
        if isinstance(value, tuple):
            return value
        match = _SHARE.fullmatch(str(value))
        said = None if match is None else match["share"]
        if match is None or (said is None and self._default is None):
            self.fail(f"{value} is not REASON=SHARE: write BadDeviceToken=5%", param, ctx)
        share = self._default if said is None else float(said) / 100
        if share is None or share > 1:
            self.fail(f"{value} is more than all of them", param, ctx)
        return match["reason"], share


_FILE = click.Path(path_type=Path, dir_okay=False)
_OPTIONS = (
    click.option(
        "--targets",
        metavar="FILE|-",
        allow_from_autoenv=False,
        help="Send to every line of a file or of standard input: a token, or a JSON object with "
        "token or to, and id, payload, topic, headers, vars.",
    ),
    click.option(
        "--results", type=_FILE, help="What became of each target, as NDJSON; needed to resume."
    ),
    click.option(
        "--resume", is_flag=True, default=None, help="Go on with the run of --results FILE."
    ),
    click.option(
        "--resend-unknown",
        is_flag=True,
        default=None,
        allow_from_autoenv=False,
        help="With --resume: send again what may have arrived. A phone may ring twice.",
    ),
    click.option(
        "--rate", type=click.FloatRange(0, min_open=True), help="At most so many pushes a second."
    ),
    click.option(
        "--in-flight",
        type=click.IntRange(1, 100_000),
        help="At most so many pushes without an answer. Default: 200 (ours).",
    ),
    click.option(
        "--connections", type=click.IntRange(1, 64), help="So many connections. Default: 1."
    ),
    click.option(
        "--deadline", type=SOME_TIME, help="Admit nothing more after so long; answers are awaited."
    ),
    click.option(
        "--on-lint",
        type=click.Choice(["stop", "skip"]),
        help="Where lint holds a line send nothing, or all the others. Default: stop.",
    ),
    click.option(
        "--stop-at",
        type=Share(),
        multiple=True,
        allow_from_autoenv=False,
        help="Stop where a reason has this share of the last 1,000 answers. Default: "
        "BadDeviceToken=5%, DeviceTokenNotForTopic=5%, TopicDisallowed=1% (ours); 100% lifts one.",
    ),
    click.option(
        "--tolerate",
        type=Share(default=1.0),
        multiple=True,
        allow_from_autoenv=False,
        help="Refusals of this reason, up to a share of the answers, change no exit code.",
    ),
    click.option(
        "--dead-tokens", type=_FILE, help="Write tokens that APNs called dead (410) here."
    ),
    click.option(
        "--suspect-tokens",
        type=_FILE,
        help="Write tokens refused as BadDeviceToken or DeviceTokenNotForTopic here: they may "
        "belong to another environment.",
    ),
    click.option(
        "--unique", is_flag=True, default=None, help="Hold repeats of one token with one body."
    ),
)
_NAMES = (
    *("targets", "results", "resume", "resend_unknown", "rate", "in_flight", "connections"),
    *("deadline", "on_lint", "stop_at", "tolerate", "dead_tokens", "suspect_tokens", "unique"),
)


def bulk_options(function: _Function) -> _Function:
    """Give a command the options of a bulk run."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def take_words(options: dict[str, Any]) -> dict[str, Any] | None:
    """Take what was said of these options out of `options`; `None` without `--targets`.

    Raises UsageError where one of them was typed without it; a variable may stand unused.
    """
    said = {name: options.pop(name) for name in _NAMES}
    words = {name: value for name, value in said.items() if value not in (None, ())}
    if "targets" in words:
        return words
    where = click.get_current_context().get_parameter_source
    typed = [name for name in words if where(name) is ParameterSource.COMMANDLINE]
    if typed:
        option = typed[0].replace("_", "-")
        raise UsageError(f"--{option} is about many targets", hint="name them with --targets FILE")
    return None
