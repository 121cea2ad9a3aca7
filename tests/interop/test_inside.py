"""Programs that others wrote inside `pushkit listen -- CMD`, from plain shell scripts.

They know nothing but the environment that they are given, and are judged by what arrived.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.interop.clients.table import TABLE, Client
from tests.interop.processes import PUSHKIT, environment, need

SCRIPTS = Path(__file__).parent / "inside"
SIGNING = [client for client in TABLE if client.signs]
_CALL = ("--expect", "voip=1", "--expect", "call-reported=1", "--expect", "refused=0")
_PATIENCE_S = 60.0


def inside(folder: Path, *words: str | Path) -> tuple[int, dict[str, Any], str]:
    """Exit code, verdict and stderr of a listener with a command inside."""
    env = environment(folder)
    env["PATH"] = f"{PUSHKIT.parent}:{env['PATH']}"
    events = folder / "events.ndjson"
    done = subprocess.run(
        [PUSHKIT, "listen", "--events", events, *words],
        env=env,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_PATIENCE_S,
        text=True,
        check=False,
    )
    last = json.loads(events.read_text(encoding="ascii").splitlines()[-1])
    assert (last["event"], last["exit"]) == ("verdict", done.returncode)
    assert list((folder / "tmp").iterdir()) == [], "the temporary home is gone"
    return done.returncode, last, done.stderr


def test_curl_makes_a_call(tmp_path: Path) -> None:
    need("curl")
    words = (*_CALL, "--require", "voip:headers.apns-expiration=0")
    code, verdict, said = inside(tmp_path, *words, "--", "sh", SCRIPTS / "curl.sh")
    assert (code, [one["met"] for one in verdict["expectations"]]) == (0, [True] * 3), said
    assert [(one["checked"], one["met"]) for one in verdict["requirements"]] == [(1, True)]


@pytest.mark.parametrize("client", SIGNING, ids=lambda client: client.name)
def test_a_library_makes_a_call(client: Client, tmp_path: Path) -> None:
    script: tuple[str | Path, ...] = ("sh", SCRIPTS / "library.sh", *client.argv())
    code, verdict, said = inside(tmp_path, *_CALL, "--", *script)
    assert (code, verdict["by"], verdict["child_exit"]) == (0, None, 0), said


def test_what_a_client_does_wrong_is_seen_though_it_is_content(tmp_path: Path) -> None:
    need("curl")
    code, verdict, said = inside(
        tmp_path, "--require", "voip:headers.apns-collapse-id", "--", "sh", SCRIPTS / "curl.sh"
    )
    assert (code, verdict["by"], verdict["child_exit"]) == (7, "expectation", 0)
    assert "not met  voip:headers.apns-collapse-id   1 of 1 pushes" in said


# Trust: the same programs, told nothing at all of certificates

_SHAKE_PYTHON = (
    "import os, socket, ssl; at = (os.environ['PUSHKIT_HOST'], int(os.environ['PUSHKIT_PORT'])); "
    "ssl.create_default_context().wrap_socket(socket.create_connection(at), server_hostname=at[0])"
)
_SHAKE_NODE = (
    "require('http2').connect(process.env.PUSHKIT_ENDPOINT)"
    ".on('connect', () => process.exit(0)).on('error', () => process.exit(1))"
)
_SHAKES = {
    "curl": ("sh", "-c", 'curl -q -sS -o /dev/null "$PUSHKIT_ENDPOINT"'),
    "python": (sys.executable, "-I", "-c", _SHAKE_PYTHON),
    "node": ("node", "-e", _SHAKE_NODE),
}


@pytest.mark.parametrize("program", _SHAKES)
def test_programs_trust_the_listener_by_their_own_variables(program: str, tmp_path: Path) -> None:
    words = _SHAKES[program]
    need(program if program != "python" else words[0])
    assert inside(tmp_path / "trust", "--", *words)[0] == 0
    assert inside(tmp_path / "none", "--no-trust", "--", *words)[0] != 0
