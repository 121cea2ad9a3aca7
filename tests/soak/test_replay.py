"""`listen --seed 7 --clock TIME --events F`, twice, and the same pushes: the same bytes in F."""

import json
from pathlib import Path

import pytest

from pushkit_cli.apns.push import PushType
from pushkit_cli.net.sender import exchange
from pushkit_cli.net.tls import client_context
from tests import pushing
from tests.commands import PATIENCE_S, listening, pushkit
from tests.engine.test_played_again import AT, request

WORDS = (
    "--ephemeral", "--port", "0", "--seed", "7", "--clock", "2026-11-18T11:06:40Z",
    "--fault", "voip:ServiceUnavailable@30%", "--fault", "goaway@every5", "--fault", "close@nth7",
)  # fmt: skip


def run(file: Path, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Everything but the ready object, whose ports and paths are those of one run."""
    with listening(*WORDS, "--events", str(file)) as (_, ready):
        monkeypatch.setenv("PUSHKIT_HOME", ready["home"])
        context = client_context(Path(ready["ca_file"]))
        for number in range(30):
            asked = [request(ready, PushType.voip, number)]
            exchange(pushing.endpoint(ready), context, asked, timeout=PATIENCE_S)
            assert pushkit("clock", "advance", "10s").returncode == 0
    ready_line, *lines = file.read_bytes().splitlines()
    assert json.loads(ready_line)["event"] == "ready"
    return lines


def test_two_runs_write_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (run(tmp_path / f"{name}.ndjson", monkeypatch) for name in "ab")
    assert first == second
    events = [json.loads(line)["event"] for line in first]
    assert events.count("push") == 30
    assert events.count("fault") > 10
    assert events[-1] == "closed"
    assert AT == 1_795_000_000.0, "which is what --clock says here"
