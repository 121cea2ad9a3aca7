"""`pushkit snippet`: a small program that sends one push to the listener, in several languages."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

import click

from pushkit_cli.cli.options import json_option
from pushkit_cli.cli.render import Terminal
from pushkit_cli.errors import ExitCode


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """How a snippet is kept and run; `is_run_here` says whether the project's tests run it."""

    file: str
    run: str
    is_run_here: bool = True


LANGUAGES: Mapping[str, Language] = {
    "curl": Language(file="push.sh", run="sh push.sh"),
    "python": Language(file="push.py", run="python3 push.py"),
    "node": Language(file="push.mjs", run="node push.mjs"),
    "go": Language(file="push.go", run="go run push.go"),
    "java": Language(file="Push.java", run="java Push.java"),
    "swift": Language(file="main.swift", run="swiftc main.swift -o push && ./push",
        is_run_here=False),
    "ruby": Language(file="push.rb", run="ruby push.rb"),
    "php": Language(file="push.php", run="php push.php"),
}  # fmt: skip


@click.command(epilog="Example: pushkit snippet node > push.mjs && node push.mjs")
@click.argument("language", type=click.Choice(tuple(LANGUAGES)), metavar="LANG")
@json_option
@click.pass_obj
def command(terminal: Terminal, /, language: str) -> int:
    """Print a small program that sends one VoIP push to the listener.

    LANG is curl, python, node, go, java, swift, ruby or php. It reads the variables of `pushkit
    env`, prints the answer, and ends with 0 where the push was accepted.
    """
    row = LANGUAGES[language]
    text = source(language)
    if terminal.as_json:
        terminal.object(
            {
                "v": 1,
                "event": "snippet",
                "language": language,
                "file": row.file,
                "run": row.run,
                "run_here": row.is_run_here,
                "text": text,
            }
        )
        return ExitCode.DONE
    terminal.data(text.rstrip("\n"))
    known = "" if row.is_run_here else "  (not run here: pushkit's tests have no such toolchain)"
    terminal.say(f'{row.file}: eval "$(pushkit env)"; {row.run}{known}')
    return ExitCode.DONE


def source(language: str) -> str:
    """The program itself."""
    place = resources.files("pushkit_cli.cli") / "snippets" / f"{language}.txt"
    return place.read_text(encoding="utf-8")
