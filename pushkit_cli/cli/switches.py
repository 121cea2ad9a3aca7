"""Where Apple's behaviour is not known, or not always the same: the switches of `listen`.

Each help text says what is documented, what was observed, and what is our choice.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pushkit_cli.apns.facts import (
    GoAwayText,
    KeyEnvironmentReason,
    MalformedBody,
    Policy,
    Trust,
)
from pushkit_cli.cli.options import DURATION

if TYPE_CHECKING:
    from pushkit_cli.engine.under_test import ExportTerms

_Function = TypeVar("_Function", bound=Callable[..., Any])

_SWITCHES = (
    click.option(
        "--auth",
        type=click.Choice([one.value for one in Trust]),
        default=Trust.STRICT.value,
        show_default=True,
        help="Take provider tokens of known keys, or any that reads and is fresh, whatever its "
        "key and signature (any). Ours: Apple is strict.",
    ),
    click.option(
        "--key-environment-reason",
        type=click.Choice([one.value for one in KeyEnvironmentReason]),
        default=KeyEnvironmentReason.WIRE.value,
        show_default=True,
        help="How a key of the other environment is refused: BadEnvironmentKeyInToken was "
        "observed, BadEnvironmentKeyIdInToken is documented.",
    ),
    click.option(
        "--malformed-json",
        type=click.Choice([one.value for one in MalformedBody]),
        default=MalformedBody.REFUSE.value,
        show_default=True,
        help="Answer to a body that is no JSON: 400 PayloadEmpty, or 200. Ours: Apple's is not "
        "known.",
    ),
    click.option(
        "--provider-token-updates",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        metavar="N",
        help="New provider tokens of one key that a connection takes in 20 minutes, before "
        "TooManyProviderTokenUpdates. Documented: one; observed: three to five.",
    ),
    click.option(
        "--wedge/--no-wedge",
        default=True,
        show_default=True,
        help="After ExpiredProviderToken a connection takes no provider token any more. Observed, "
        "not documented.",
    ),
    click.option(
        "--throttle/--no-throttle",
        default=False,
        show_default=True,
        help="After a refusal allow one stream until a push is accepted. Observed, not always.",
    ),
    click.option(
        "--max-refusals",
        type=click.IntRange(min=1),
        metavar="N",
        help="Say GOAWAY after so many refusals on a connection, 410 not counted; never where "
        "absent. That Apple does is documented, the number is ours.",
    ),
    click.option(
        "--goaway",
        type=click.Choice([one.value for one in GoAwayText]),
        default=GoAwayText.JSON.value,
        show_default=True,
        help="What goes with GOAWAY: JSON is documented; text, and nothing, were observed.",
    ),
    click.option(
        "--broadcast/--no-broadcast",
        default=True,
        show_default=True,
        help="Apps have the Broadcast capability, or are answered FeatureNotEnabled. Ours: "
        "without it channels stay, where Apple documents that all are deleted.",
    ),
    click.option(
        "--broadcast-expiration/--no-broadcast-expiration",
        default=True,
        show_default=True,
        help="Refuse a broadcast without apns-expiration. Documented as required, and a sample of "
        "Apple's own has none.",
    ),
    click.option(
        "--export-limits",
        type=click.Choice(["ours", "apple"]),
        default="ours",
        show_default=True,
        help="How far exports of metrics go: up to the current day (ours), or to yesterday as "
        "documented.",
    ),
    click.option(
        "--export-time",
        type=DURATION,
        help="How long a report of metrics takes; 200ms, and no time with --clock manual. Ours: "
        "Apple's is not known.",
    ),
    click.option(
        "--export-hide-below",
        type=click.IntRange(min=0),
        default=0,
        show_default=True,
        metavar="N",
        help="Hide the numbers of channels with fewer subscriptions (-1). That Apple does is "
        "documented, the number is ours.",
    ),
)


def switches(function: _Function) -> _Function:
    """Give a command every switch."""
    for option in reversed(_SWITCHES):
        function = option(function)
    return function


def export_terms(words: Mapping[str, Any]) -> "ExportTerms":
    """How the local export of metrics is."""
    from pushkit_cli.engine.under_test import ExportTerms

    time_s = words["export_time"]
    if time_s is None:
        time_s = 0.0 if words["clock"] == "manual" else 0.2
    return ExportTerms(
        is_apples=words["export_limits"] == "apple",
        processing_s=time_s,
        hide_below=words["export_hide_below"],
    )


def policy(words: Mapping[str, Any]) -> Policy:
    """What the switches say."""
    return Policy(
        trust=Trust(words["auth"]),
        key_environment_reason=KeyEnvironmentReason(words["key_environment_reason"]),
        malformed_body=MalformedBody(words["malformed_json"]),
        new_tokens=words["provider_token_updates"],
        expired_wedges=words["wedge"],
        throttle=words["throttle"],
        errors=words["max_refusals"],
        goaway=GoAwayText(words["goaway"]),
        broadcasts=words["broadcast"],
        broadcast_expiration=words["broadcast_expiration"],
    )
