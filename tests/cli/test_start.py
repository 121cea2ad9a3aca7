"""Nothing slow is imported before it is needed."""

import json
import subprocess
import sys

import pytest

from tests.commands import listening

_HEAVY = {"rich", "httpx", "jwt", "cryptography", "asyncio", "h2"}

_PROBE = """
import json, sys
from pushkit_cli.cli.app import run
import os
code = run(json.loads(sys.argv[1]), os.environ)
sys.stdout.flush()
print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)
"""


def _imported(*arguments: str, **variables: str) -> tuple[int, set[str]]:
    """The exit code of a command and every module its process had."""
    import os

    done = subprocess.run(
        [sys.executable, "-c", _PROBE, json.dumps(arguments)],
        capture_output=True,
        env={**os.environ, **variables},
        check=True,
    )
    code, modules = json.loads(done.stderr.splitlines()[-1])
    return code, {name.partition(".")[0] for name in modules}


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["send", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code, modules = _imported(*arguments)
    assert code == 0
    assert not modules & _HEAVY


@pytest.mark.parametrize(
    ("line", "offered"),
    [("send --ty", b"--type"), ("explain BadDev", b"BadDeviceToken"), ("send --to ", b"")],
)
def test_completion_imports_nothing_heavy(line: str, offered: bytes) -> None:
    probe = _PROBE.replace(
        "code = run",
        "import atexit\natexit.register(lambda: print("
        "json.dumps([0, sorted(sys.modules)]), file=sys.stderr))\ncode = run",
    )
    import os

    done = subprocess.run(
        [sys.executable, "-c", probe, "[]"],
        capture_output=True,
        env={
            **os.environ,
            "_PUSHKIT_COMPLETE": "bash_complete",
            "COMP_WORDS": f"pushkit {line}",
            "COMP_CWORD": str(len(line.split(" "))),
        },
        check=True,
    )
    assert offered in done.stdout
    modules = {name.partition(".")[0] for name in json.loads(done.stderr.splitlines()[-1])[1]}
    assert not modules & _HEAVY


def test_sending_one_push_imports_no_asyncio() -> None:
    with listening("--port", "0"):
        code, modules = _imported("send", "--type", "voip")
    assert code == 0
    assert not modules & {"asyncio", "rich", "httpx"}
