"""Screens that need columns: what a listener shows when it is ready. rich lays them out."""

import io
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pushkit_cli.cli.text import short_token

if TYPE_CHECKING:
    from pushkit_cli.cli.render import Terminal

_FIRST = ("voip", "complication", "alert", "fileprovider")


def ready_lines(ready: Mapping[str, Any], terminal: "Terminal", *, is_ephemeral: bool) -> str:
    """The first screen of `pushkit listen`: addresses, credentials, tokens, and what to type.

    `is_ephemeral`: its home is a temporary one, which other shells have to be told of.
    """
    return laid_out(_grid(ready, terminal, is_ephemeral=is_ephemeral), terminal)


def laid_out(what: Any, terminal: "Terminal") -> str:
    """Anything of rich's as text, in this terminal's width and without markup of its own."""
    nowhere = io.TextIOWrapper(io.BytesIO(), encoding=sys.stdout.encoding)  # rich looks at that
    console = Console(
        file=nowhere, width=terminal.width, color_system=None, markup=False, emoji=False,
        highlight=False, legacy_windows=False,
    )  # fmt: skip
    with console.capture() as captured:
        console.print(what)
    return "\n".join(line.rstrip() for line in captured.get().rstrip("\n").split("\n"))


def _grid(ready: Mapping[str, Any], terminal: "Terminal", *, is_ephemeral: bool) -> Padding:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")

    def row(label: str, value: str) -> None:
        table.add_row(Text(label), Text(value))

    row("sandbox", ready["endpoints"]["sandbox"])
    row("production", ready["endpoints"]["production"])
    row(
        "channels",
        f"{ready['endpoints']['manage_sandbox']}  "
        f"production {ready['endpoints']['manage_production']}",
    )
    for bundle_id in ready["apps"]:
        row("app", terminal.show(bundle_id))
    row("team", f"{terminal.show(ready['team_id'])}  key {terminal.show(ready['key_id'])}")
    row("key file", _file(ready["key_file"], terminal))
    row("CA", _file(ready["ca_file"], terminal))
    for device in ready["devices"]:
        row(terminal.show(device["name"]), _tokens(device["tokens"], terminal))
    row("", "")
    if is_ephemeral:  # commands in another shell would look for it where the kept one is
        row("first", f"export PUSHKIT_HOME={shlex.quote(terminal.show(ready['home'], limit=400))}")
    row("try", "pushkit send --type voip")
    row("your server", 'eval "$(pushkit env)"')
    return Padding(table, (1, 0, 0, 2))


def _tokens(tokens: Mapping[str, str], terminal: "Terminal") -> str:
    plain = terminal.ascii_only
    first = [kind for kind in _FIRST if kind in tokens]
    shown = [f"{kind} {short_token(tokens[kind], ascii_only=plain)}" for kind in first]
    more = len(tokens) - len(first)
    return "  ".join([*shown, *([f"+{more}"] if more else [])])


def _file(path: str | None, terminal: "Terminal") -> str:
    """A path, with the user's own folder as `~`: shorter, and as a shell reads it."""
    if path is None:
        return "(public half only: sign with your own key)"
    home = str(Path.home())
    shorter = path.replace(home, "~", 1) if path.startswith(home + "/") else path
    return terminal.show(shorter, limit=400)
