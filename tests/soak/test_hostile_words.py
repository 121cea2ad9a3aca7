"""Hostile text in every place where a command takes a word, through a real pseudo-terminal."""

from pathlib import Path

import pytest

from pushkit_cli.engine.listener import Running
from tests.cli.test_hostile import arguments_stay_harmless


@pytest.mark.parametrize("as_json", [False, True])
def test_no_text_in_any_place_reaches_the_terminal_raw(
    listener: Running, tmp_path: Path, as_json: bool
) -> None:
    arguments_stay_harmless(listener, tmp_path, as_json=as_json, every=1)
