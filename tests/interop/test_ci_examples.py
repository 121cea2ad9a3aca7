"""docs/ci.md: what is marked to run is run just as it is printed, and the rest says the same."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.interop.processes import PUSHKIT

TEXT = (Path(__file__).parents[2] / "docs" / "ci.md").read_text(encoding="utf-8")
RUN: dict[str, str] = dict(re.findall(r"<!-- run -->\n```(\w+)\n(.*?)```", TEXT, re.DOTALL))
_COMMAND = re.compile(r"pushkit listen --app .*?'pushkit send[^']*'", re.DOTALL)
PATIENCE_S = 120.0


def _run(folder: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    path = f"{PUSHKIT.parent}:{os.environ['PATH']}"
    return subprocess.run(
        argv, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True,
        timeout=PATIENCE_S, check=False,
    )  # fmt: skip


def _shell(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    (folder / "ci.sh").write_text(script, encoding="utf-8")
    return _run(folder, "sh", "ci.sh")


def _pytest(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_ring.py").write_text(text, encoding="utf-8")
    return _run(folder, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")


def test_the_shell_script_is_run_as_it_is_printed(tmp_path: Path) -> None:
    done = _shell(tmp_path, RUN["sh"])
    assert done.returncode == 0, done.stderr
    assert 'failures="0"' in (tmp_path / "pushkit.xml").read_text(encoding="utf-8")
    assert '"call-reported"' in (tmp_path / "events.ndjson").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("instead", "code"),
    [("true", 7), ("false", 1), ("pushkit send --type voip --expiration 1h", 7)],
)
def test_the_shell_script_fails_where_the_server_does(
    instead: str, code: int, tmp_path: Path
) -> None:
    script = RUN["sh"].replace("pushkit send --type voip", instead)
    assert _shell(tmp_path, script).returncode == code


def test_the_test_is_run_as_it_is_printed(tmp_path: Path) -> None:
    done = _pytest(tmp_path, RUN["python"])
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_the_test_fails_where_the_server_does(tmp_path: Path) -> None:
    text = RUN["python"].replace('"voip"]', '"voip", "--expiration", "1h"]')
    assert text != RUN["python"]
    done = _pytest(tmp_path, text)
    assert done.returncode == 1
    assert "1 failed" in done.stdout


def test_every_example_says_the_same_command() -> None:
    said = [" ".join(one.split()) for one in _COMMAND.findall(TEXT)]
    assert len(said) == 3
    assert len(set(said)) == 1
