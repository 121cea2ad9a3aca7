"""`pushkit snippet`: what is printed; tests/interop runs it."""

import re

import pytest

from pushkit_cli.cli.snippet import LANGUAGES, source
from pushkit_cli.engine.variables import variables
from tests.cli.errands import failed, here
from tests.commands import objects
from tests.engine.test_variables import READY


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_snippet_is_printed_and_how_it_is_run_is_said(language: str) -> None:
    done = here("snippet", language)
    row = LANGUAGES[language]
    assert done.stdout.decode() == source(language)
    assert row.run in done.stderr.decode()
    assert ("not run here" in done.stderr.decode()) is not row.is_run_here
    (one,) = objects(here("snippet", language, "--json").stdout)
    assert (one["text"], one["run_here"]) == (source(language), row.is_run_here)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_snippet_reads_variables_that_env_prints_and_holds_no_secret(language: str) -> None:
    text = source(language)
    named = set(re.findall(r"PUSHKIT_[A-Z_]+", text))
    named |= {f"PUSHKIT_{word}" for word in re.findall(r'\benv\("([A-Z_]+)"\)', text)}
    assert named - {"PUSHKIT_"} <= set(variables(READY))
    assert {"PUSHKIT_ENDPOINT", "PUSHKIT_BUNDLE_ID", "PUSHKIT_TOKEN_VOIP"} <= named
    assert "PRIVATE KEY" not in text
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 100


def test_another_language_is_told_which_there_are() -> None:
    assert "'php'" in failed(here("snippet", "cobol"), 2)
