"""The options of `pushkit send` that say what a Live Activity's push holds, and what they mean."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from pushkit_cli.cli.options import CHANNEL_ID, INSTANT, Expires

_Function = TypeVar("_Function", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--event",
        type=click.Choice(["start", "update", "end"]),
        help="aps.event of a Live Activity.",
    ),
    click.option("--content-state", metavar="FILE|JSON", help="aps.content-state."),
    click.option(
        "--attributes-type", metavar="NAME", help="aps.attributes-type of a start: a Swift type."
    ),
    click.option("--attributes", metavar="FILE|JSON", help="aps.attributes of a start."),
    click.option(
        "--stale-date", type=INSTANT, help="aps.stale-date: from when on the state is out of date."
    ),
    click.option(
        "--dismissal-date",
        type=INSTANT,
        help="aps.dismissal-date of an end: when it leaves the screen; 0 at once, else in 4 hours.",
    ),
    click.option(
        "--relevance-score", type=float, help="aps.relevance-score: the highest is shown."
    ),
    click.option(
        "--input-push-channel",
        type=CHANNEL_ID,
        metavar="ID",
        help="aps.input-push-channel of a start: the channel to subscribe to (iOS 18).",
    ),
    click.option(
        "--input-push-token",
        is_flag=True,
        help="aps.input-push-token of a start: 1 (iOS 18).",
    ),
)
_OBJECTS = ("content_state", "attributes")
_DATES = ("stale_date", "dismissal_date")
_PLAIN = ("event", "attributes_type", "relevance_score", "input_push_channel")


def activity_options(function: _Function) -> _Function:
    """Give a command the options of a Live Activity's body."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def keys_of(
    options: Mapping[str, Any], read: Callable[[str, str], dict[str, Any]], *, now: float
) -> dict[str, Any]:
    """What was said, as keys of `aps`: each is called as its option is.

    `read` makes an object of what an option names, `now` is in Unix seconds.
    """
    said = {name: options[name] for name in _PLAIN}
    said |= {
        name: None if options[name] is None else read(options[name], _flag(name))
        for name in _OBJECTS
    }
    said |= {name: _moment(options[name], now) for name in _DATES}
    said["input_push_token"] = 1 if options["input_push_token"] else None
    return {name.replace("_", "-"): value for name, value in said.items() if value is not None}


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _moment(said: Expires | None, now: float) -> int | None:
    if said is None or said.within_s is None:
        return None if said is None else said.at
    return int(now + said.within_s)
