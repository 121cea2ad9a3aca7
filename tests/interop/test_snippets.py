"""`pushkit snippet`: each program is run just as it is printed, and says the truth."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pushkit_cli.cli.snippet import LANGUAGES, source
from pushkit_cli.engine.listener import Options, Running, running
from pushkit_cli.engine.variables import variables
from tests.conftest import Told
from tests.interop.processes import PUSHKIT, need, until

RUN_HERE = [name for name, row in LANGUAGES.items() if row.is_run_here]
PATIENCE_S = 120.0


def _run(
    language: str, folder: Path, listener: Running, **other: str
) -> subprocess.CompletedProcess[str]:
    row = LANGUAGES[language]
    tool, *arguments = row.run.split()
    if language == "python":
        tool = sys.executable
    elif tool != "sh":
        tool = need(tool)
    if language == "curl":
        need("curl")
    (folder / row.file).write_text(source(language), encoding="utf-8")
    path = f"{PUSHKIT.parent}:{os.environ['PATH']}"
    return subprocess.run(
        [tool, *arguments],
        cwd=folder,
        env={**os.environ, **variables(listener.ready), "PATH": path, **other},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


@pytest.fixture
def near(home: Path, told: Told) -> Iterator[Running]:
    """A listener whose events are told to this test."""
    with running(Options(home=home, port=0, production_port=0), told.append) as up:
        yield up


@pytest.fixture(scope="module", autouse=True)
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Go compiles its own library once, and not for each test's home again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GOCACHE", str(tmp_path_factory.mktemp("go")))
        yield


@pytest.mark.parametrize("language", RUN_HERE)
def test_a_snippet_rings_the_phone(
    language: str, tmp_path: Path, near: Running, told: Told
) -> None:
    done = _run(language, tmp_path, near)
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert done.stdout.startswith("200")
    (push,) = until("push", lambda: told.named("push") or None)
    assert (push["status"], push["type"], push["device"]) == (200, "voip", "iphone")
    headers = push["headers"]
    assert isinstance(headers, dict)
    assert (headers["apns-expiration"], headers["apns-priority"]) == ("0", "10")


@pytest.mark.parametrize("language", RUN_HERE)
def test_a_snippet_tells_a_refusal(
    language: str, tmp_path: Path, near: Running, told: Told
) -> None:
    done = _run(language, tmp_path, near, PUSHKIT_TOKEN_VOIP="ab" * 32)
    assert done.returncode != 0
    assert "400" in done.stdout
    assert "BadDeviceToken" in done.stdout
    (push,) = until("push", lambda: told.named("push") or None)
    assert push["reason"] == "BadDeviceToken"
