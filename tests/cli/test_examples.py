"""Every command's help ends with an example, and each example is one that the command takes."""

import re
import shlex
from collections.abc import Iterator

import click
import pytest

from pushkit_cli.cli.app import COMMANDS, cli
from pushkit_cli.cli.render import Terminal
from tests.cli.errands import here

_PIECE = re.compile(r"\bpushkit (.*?)(?= &&? | \| | > |\)\"?|$)")


def _commands(
    name: str = "pushkit", command: click.Command = cli
) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        below = COMMANDS if command is cli else command.commands
        for word in below:
            found = command.get_command(click.Context(command), word)
            assert found is not None
            yield from _commands(f"{name} {word}", found)


EVERY = dict(_commands())


def _examples() -> Iterator[str]:
    for command in EVERY.values():
        said = (command.epilog or "").partition(": ")[2]
        for line in said.split(" · "):
            yield from (found.strip() for found in _PIECE.findall(line))


@pytest.mark.parametrize("name", [*EVERY][1:])
def test_a_command_says_what_it_does_and_gives_an_example(name: str) -> None:
    command = EVERY[name]
    assert (command.help or "").strip()
    said = re.fullmatch(r"Examples?: (.*)", command.epilog or "", re.DOTALL)
    assert said
    is_named = re.search(rf"\b{name.split()[-1]}\b", said[1])
    assert is_named or command.hidden or isinstance(command, click.Group)


@pytest.mark.parametrize("example", dict.fromkeys(_examples()))
def test_the_words_of_an_example_are_taken(example: str) -> None:
    """As far as they can be read; nothing is done."""
    context = cli.make_context("pushkit", shlex.split(example), obj=Terminal())
    while isinstance(context.command, click.Group):
        left = [*context._protected_args, *context.args]
        name, command, left = context.command.resolve_command(context, left)
        assert command is not None, name
        context = command.make_context(name, left, parent=context)


def test_a_dry_run_says_who_says_so() -> None:
    done = here("send", "--type", "voip", "--to", "ab" * 32, "--app", "a.b", "--env", "local",
        "-d", "a=b", "--priority", "7", "--dry-run")  # fmt: skip
    said = " ".join(done.stderr.decode().split())
    assert "would be refused, BadPriority" in said
    assert "source: Apple: Handling notification responses from APNs (documented)" in said
