"""The options that say how to reach a host, shared by all commands that speak to one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from pushkit_cli.cli.options import SOME_TIME

_Function = TypeVar("_Function", bound=Callable[..., Any])

NAMES = ("endpoint", "cacert", "send_key_to", "insecure", "proxy", "timeout", "retries")
"""What these options are called where they arrive: the fields of `where.Way`."""

_OPTIONS = (
    click.option(
        "--endpoint",
        metavar="URL",
        allow_from_autoenv=False,
        help="Another host than the environment's own, https://host:port.",
    ),
    click.option(
        "--timeout", type=SOME_TIME, default="30s", show_default=True, help="Longest wait in all."
    ),
    click.option(
        "--cacert",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Trust this authority (PEM) and no other.",
    ),
    click.option(
        "--insecure",
        is_flag=True,
        allow_from_autoenv=False,
        help="Trust whatever certificate is shown; never for Apple's hosts.",
    ),
    click.option(
        "--send-key-to",
        metavar="HOST",
        allow_from_autoenv=False,
        help="Let this foreign host see a provider token.",
    ),
    click.option(
        "--proxy",
        metavar="URL",
        allow_from_autoenv=False,
        help="Reach the host through http://[user:password@]host:port; else HTTPS_PROXY, for "
        "Apple's.",
    ),
    click.option(
        "--retries",
        type=click.IntRange(0, 100),
        default=2,
        show_default=True,
        help="Tries beyond the first, for what provably was not sent.",
    ),
)


def way_options(function: _Function) -> _Function:
    """Give a command the options that say how to reach a host."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function
