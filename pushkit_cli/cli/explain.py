"""`pushkit explain`: what a word means, from the tables that everything else reads."""

from collections.abc import Iterator

import click

from pushkit_cli.apns.explaining import Explanation
from pushkit_cli.cli import offers
from pushkit_cli.cli.options import json_option
from pushkit_cli.cli.render import Terminal
from pushkit_cli.errors import ExitCode, UsageError

_LABEL = 12


@click.command(
    context_settings={"ignore_unknown_options": True},
    epilog="Examples: pushkit explain BadDeviceToken · pushkit explain 410 · "
    "pushkit explain --expiration",
)
@click.argument("word", metavar="WORD", shell_complete=offers.words)
@json_option
@click.pass_obj
def command(terminal: Terminal, /, word: str) -> int:
    """Say what a word means: a reason, status, push type, header, event, exit code or switch.

    Every text is the one that the rules, send and listen use, with its source and its basis:
    documented by Apple, observed by somebody, or our own choice.
    """
    from pushkit_cli.cli import words

    found = list(words.explain(word))
    if not found:
        raise UsageError(
            f"nothing here is called {word}{words.suggestion(word)}",
            hint="a reason, a status, a push type, a header, an event, an exit code, a switch",
        )
    for place, one in enumerate(found):
        if terminal.as_json:
            terminal.object(_object(one))
            continue
        if place:
            terminal.data("")
        for line in _lines(one, terminal):
            terminal.data(line)
    return ExitCode.DONE


def _object(one: Explanation) -> dict[str, object]:
    return {
        "v": 1,
        "event": "explanation",
        "kind": one.kind,
        "word": one.word,
        "meaning": one.meaning,
        "facts": [{"label": label, "text": text} for label, text in one.facts],
        "remedy": one.remedy,
        "source": one.source,
        "basis": str(one.basis),
    }


def _lines(one: Explanation, terminal: Terminal) -> Iterator[str]:
    yield f"{terminal.paint(one.word, 'green')}  ({one.kind})"
    remedy = () if one.remedy is None else (("do", one.remedy),)
    told = (("means", one.meaning), *one.facts, *remedy, ("source", f"{one.source} ({one.basis})"))
    for label, text in told:
        yield terminal.wrap(f"  {label:<{_LABEL}} {text}", indent=" " * (_LABEL + 3))
