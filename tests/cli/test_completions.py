"""The completion scripts are what the program prints, and they complete."""

import subprocess

import pytest

from tests.commands import PUSHKIT, pushkit
from tests.completions import FILES, FOLDER, expected


@pytest.mark.parametrize("shell", FILES)
def test_the_file_of_a_shell_is_what_the_command_prints(shell: str) -> None:
    assert (FOLDER / FILES[shell]).read_text(encoding="utf-8") == expected(shell)
    assert pushkit("completion", shell).stdout.decode() == expected(shell)


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("pushkit se", "send"),
        ("pushkit send --expi", "--expiration"),
        ("pushkit send --type vo", "voip"),
        ("pushkit listen --production-p", "--production-port"),
        ("pushkit completion z", "zsh"),
    ],
)
def test_bash_is_offered_what_fits(words: str, offered: str) -> None:
    variables = {
        "_PUSHKIT_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    found = pushkit(variables=variables)
    assert found.returncode == 0
    assert f"plain,{offered}" in found.stdout.decode().splitlines()


def test_a_real_bash_reads_the_script() -> None:
    told = f'PATH="{PUSHKIT.parent}:$PATH"; source "{FOLDER / FILES["bash"]}"; complete -p pushkit'
    found = subprocess.run(["bash", "-c", told], capture_output=True, check=False)
    assert b"_pushkit_completion pushkit" in found.stdout, found.stderr
