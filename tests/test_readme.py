"""The README's tables are what the code says; `python -m tests.test_readme` writes them."""

import re
from collections.abc import Iterator
from pathlib import Path

import click

from pushkit_cli.apns.push import PUSH_TYPES
from pushkit_cli.apns.rules import FAULTS_ONLY
from pushkit_cli.cli import listen
from pushkit_cli.cli.app import COMMANDS
from pushkit_cli.errors import MEANINGS

README = Path(__file__).parent.parent / "README.md"


def _push_types() -> Iterator[str]:
    yield "| type | topic | bytes | priority | expiration | what it does |"
    yield "|---|---|---|---|---|---|"
    for kind, row in PUSH_TYPES.items():
        topic = "the certificate's UID" if kind == "mdm" else f"bundle id{row.suffix and ' + '}"
        topic += f"`{row.suffix}`" if row.suffix else ""
        expiration = "absent" if row.expiration is None else str(row.expiration)
        cells = (f"`{kind}`", topic, row.limit, int(row.priority), expiration, row.meaning)
        yield f"| {' | '.join(map(str, cells))} |"


def _exit_codes() -> Iterator[str]:
    yield "| exit | meaning |"
    yield "|---|---|"
    for code, meaning in MEANINGS.items():
        yield f"| {int(code)} | {meaning} |"


def _faults_only() -> Iterator[str]:
    yield ", ".join(f"`{word}`" for word in sorted(FAULTS_ONLY)) + "."


_OURS = re.compile(r"\b(?:ours|observed|documented)\b", re.IGNORECASE)


def _switches() -> Iterator[str]:
    """Every option of `listen` that says how sure it is of Apple."""
    yield "| switch | what it does, and who says so |"
    yield "|---|---|"
    for option in listen.command.params:
        said = option.help if isinstance(option, click.Option) else None
        if isinstance(option, click.Option) and said and _OURS.search(said):
            default = option.default
            shown = f" Default: {default}." if isinstance(default, str | int) else ""
            if option.is_bool_flag:
                shown = f" Default: {(option.opts if default else option.secondary_opts)[0]}."
            names = "`, `".join((*option.opts, *option.secondary_opts))
            yield f"| `{names}` | {said}{shown} |"


_TABLES = {
    "switches": _switches,
    "push types": _push_types,
    "exit codes": _exit_codes,
    "reasons without a rule": _faults_only,
}


def _printed(text: str) -> str:
    for name, table in _TABLES.items():
        found = re.compile(
            rf"(<!-- {name}: printed from the code -->\n).*?(<!-- end -->)", re.DOTALL
        )
        body = "\n".join(table())
        text = found.sub(lambda match, body=body: f"{match[1]}{body}\n{match[2]}", text)  # type: ignore[misc]
    return text


def test_the_tables_are_what_the_code_says() -> None:
    text = README.read_text(encoding="utf-8")
    assert all(f"<!-- {name}:" in text for name in _TABLES)
    assert text == _printed(text)


def test_every_command_is_named() -> None:
    text = README.read_text(encoding="utf-8")
    missing = [name for name in COMMANDS if f"pushkit {name}" not in text]
    assert missing == ["demo"], "it stands as make demo"


if __name__ == "__main__":
    README.write_text(_printed(README.read_text(encoding="utf-8")), encoding="utf-8")
