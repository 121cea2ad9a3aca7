"""docs/pushkit.md against the code; `python -m tests.test_pushkit_docs` writes its one table.

Every name of Apple's that there is has a row, and every row names Python, a command and a test
that exist.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import click
import pytest

from pushkit_cli import callkit, pushkit
from pushkit_cli.cli.app import cli
from pushkit_cli.pushkit import PushRegistryDelegate, PushType

ROOT = Path(__file__).parent.parent
DOCUMENT = ROOT / "docs" / "pushkit.md"

APPLES = (
    # The topics of the framework's page, and their members.
    "Supporting PushKit notifications in your app", "PKPushRegistry", "PKPushRegistry.init(queue:)",
    "PKPushRegistry.delegate", "PKPushRegistry.desiredPushTypes", "PKPushRegistry.pushToken(for:)",
    "PKPushRegistryDelegate", "PKPushCredentials", "PKPushCredentials.token",
    "PKPushCredentials.type", "Responding to VoIP notifications from PushKit", "PKPushType",
    "PKPushType.init(rawValue:)", "PKPushType.voIP", "PKPushType.complication",
    "PKPushType.fileProvider", "PKPushPayload", "PKPushPayload.dictionaryPayload",
    "PKPushPayload.type", "PKVoIPPushMetadata", "PKVoIPPushMetadata.mustReport",
    "Exporting delivery metrics logs", "Exporting broadcast push notification metrics",
    "pushRegistry(_:didUpdate:for:)",
    "pushRegistry(_:didReceiveIncomingVoIPPushWith:metadata:withCompletionHandler:)",
    "pushRegistry(_:didReceiveIncomingPushWith:for:completion:)",
    "pushRegistry(_:didReceiveIncomingPushWith:for:)",
    "pushRegistry(_:didInvalidatePushTokenFor:)",
)  # fmt: skip
NOT_APPLES = {"Registration", "System", "current_system", "running_on"}


@dataclass(frozen=True)
class Row:
    """One row of a table of symbols."""

    apple: str
    python: str
    command: str
    test: str


@cache
def text() -> str:
    return DOCUMENT.read_text(encoding="utf-8")


def rows() -> list[Row]:
    found = []
    for line in text().splitlines():
        cells = [cell.strip() for cell in line[1:-1].split("|")]
        if line.startswith("|") and len(cells) == 4 and cells[0] not in ("Apple", "---"):
            apple = re.sub(r"^\[(.*)\]\(.*\)$", r"\1", cells[0]).strip("`")
            found.append(Row(apple, *(cell.strip("`") for cell in cells[1:])))
    return found


ROWS = rows()


def test_every_symbol_and_article_has_one_row() -> None:
    named = [row.apple for row in ROWS]
    assert set(APPLES) <= set(named)
    assert len(named) == len(set(named))


def test_every_name_of_ours_has_a_row() -> None:
    named = {row.python.split(".")[0] for row in ROWS}
    assert {*pushkit.__all__, *callkit.__all__} - NOT_APPLES <= named
    methods = {name for name in vars(PushRegistryDelegate) if name.startswith("did_")}
    assert {f"PushRegistryDelegate.{name}" for name in methods} <= {row.python for row in ROWS}
    assert all(f"`{name}" in text() for name in NOT_APPLES & {"System", "running_on"})


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.apple)
def test_what_a_row_names_is_there(row: Row) -> None:
    if row.python and not row.python.startswith("not supported"):
        head, *members = row.python.split(".")
        found = getattr(pushkit, head, None) or getattr(callkit, head)
        for member in members:
            assert hasattr(found, member)
        named = getattr(found, members[0], found) if members else found
        assert named.__doc__ or found.__doc__
    assert row.python or row.command
    if row.command:
        assert is_command(row.command)
    path, _, name = row.test.partition("::")
    assert name in known_tests(path)


def test_docstrings_name_the_symbols_they_mirror() -> None:
    for row in ROWS:
        symbol = row.apple.rpartition(".")[2].partition("(")[0] if "(_" not in row.apple else ""
        if row.apple.startswith("pushRegistry"):
            method = getattr(PushRegistryDelegate, row.python.rpartition(".")[2])
            assert f"`{row.apple}`" in (method.__doc__ or "")
        elif re.fullmatch(r"PK\w+|CX\w+", row.apple) and row.python != "CallEndedReason":
            there = getattr(pushkit, row.python, None) or getattr(callkit, row.python)
            assert f"`{symbol}`" in (there.__doc__ or "")


def is_command(words: str) -> bool:
    """Whether such a command has such an option."""
    here: click.Command = cli
    for word in words.split():
        if word.startswith("--"):
            return any(word in one.opts for one in here.params)
        assert isinstance(here, click.Group)
        found = here.get_command(click.Context(here), word)
        assert found is not None
        here = found
    return True


@cache
def known_tests(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


# The one table that is printed


def _availability() -> Iterator[str]:
    systems = ("ios", "ipados", "maccatalyst", "macos", "watchos", "visionos")
    yield f"| type | raw value | {' | '.join(systems)} |"
    yield "|---" * (len(systems) + 2) + "|"
    for name in ("VOIP", "COMPLICATION", "FILE_PROVIDER"):
        kind: PushType = getattr(PushType, name)
        cells = [
            kind.introduced.get(system, "no")
            + (f", deprecated {kind.deprecated[system]}" if system in kind.deprecated else "")
            for system in systems
        ]
        yield f"| `{name}` | `{kind.raw_value}` | {' | '.join(cells)} |"


def _printed(before: str) -> str:
    table = "\n".join(_availability())
    return re.sub(
        r"(<!-- availability: printed from the code -->\n).*?(<!-- end -->)",
        lambda match: f"{match[1]}{table}\n{match[2]}",
        before,
        flags=re.DOTALL,
    )


def test_the_table_of_availability_is_what_the_code_says() -> None:
    assert "<!-- availability: printed" in text()
    assert text() == _printed(text())


if __name__ == "__main__":
    DOCUMENT.write_text(_printed(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
