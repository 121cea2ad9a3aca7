"""Every word that can be explained: what the rooms below know, and each command's switches."""

import re
from collections.abc import Iterator

import click

from pushkit_cli.apns import explaining
from pushkit_cli.apns.explaining import Explanation
from pushkit_cli.apns.facts import Basis
from pushkit_cli.apns.words import meant
from pushkit_cli.engine import vocabulary


def explain(word: str) -> Iterator[Explanation]:
    """Every meaning of a word."""
    yield from explaining.explain(word)
    yield from vocabulary.explain(word)
    yield from _switches(word)


def every() -> Iterator[str]:
    """Every word that has a meaning."""
    yield from explaining.words()
    yield from vocabulary.EVENTS
    for _, option in options():
        yield from (*option.opts, *option.secondary_opts)


def suggestion(word: str) -> str:
    """What was meant, to end a message with."""
    return meant(word, every()) or meant(f"--{word}", every())


def options() -> Iterator[tuple[str, click.Option]]:
    """Every option of every command, with the command's name."""
    from pushkit_cli.cli.app import COMMANDS, cli

    yield from _below("pushkit", cli, depth=0)
    for name in COMMANDS:
        found = cli.get_command(click.Context(cli), name)
        assert found is not None
        yield from _below(name, found)


def _below(
    name: str, command: click.Command, *, depth: int = 2
) -> Iterator[tuple[str, click.Option]]:
    yield from ((name, param) for param in command.params if isinstance(param, click.Option))
    if isinstance(command, click.Group) and depth:
        for word, below in command.commands.items():
            yield from _below(f"{name} {word}", below, depth=depth - 1)


def _switches(word: str) -> Iterator[Explanation]:
    """The option of a name, once for each thing it does, with the commands that have it."""
    said = f"--{word.lstrip('-')}".casefold() if len(word.lstrip("-")) > 1 else word
    commands: dict[tuple[str, str], list[str]] = {}
    for command, option in options():
        if said in (*option.opts, *option.secondary_opts):
            names = ", ".join((*option.opts, *option.secondary_opts))
            commands.setdefault((names, option.help or ""), []).append(command)
    for (names, meaning), where in commands.items():
        yield Explanation(
            kind="switch",
            word=names,
            meaning=meaning,
            facts=(("of", ", ".join(where)),),
            source="pushkit",
            basis=_basis(meaning),
        )


def _basis(text: str) -> Basis:
    """Who says so, by a switch's own text: where a part of it is ours, it is ours."""
    said = re.findall(rf"\b(?:{'|'.join(Basis)})\b", text.casefold())
    return Basis.OURS if Basis.OURS in said or not said else Basis(said[0])
