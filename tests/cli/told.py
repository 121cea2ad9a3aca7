"""A command in this process: as quick as a function, with real streams."""

import os
from dataclasses import dataclass

import pytest

from pushkit_cli.cli.app import run
from tests.commands import objects


@dataclass(frozen=True)
class Told:
    """What a command wrote, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def objects(self) -> list[dict[str, object]]:
        return objects(self.out.encode())


def tell(capfd: pytest.CaptureFixture[str], *words: str) -> Told:
    """Run it to its end."""
    code = run(list(words), os.environ)
    out, err = capfd.readouterr()
    return Told(int(code), out, err)
