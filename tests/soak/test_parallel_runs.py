"""Ten judged runs at once: no port, home, file or event of one is another's."""

import os
import subprocess
from pathlib import Path

from tests.commands import PUSHKIT, objects

_RUNS = 10
_PATIENCE_S = 120.0
_SCRIPT = 'for number in $(seq "$PUSHES"); do "$0" send --type voip -d callUUID="c$number"; done'


def test_ten_runs_do_not_disturb_one_another(home: Path, tmp_path: Path) -> None:
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    running = []
    for number in range(1, _RUNS + 1):
        pushes = 1 + number % 3
        words = ("--expect", f"voip={pushes}", "--expect", f"call-reported={pushes}")
        events = tmp_path / f"{number}.ndjson"
        process = subprocess.Popen(
            [PUSHKIT, "listen", *words, "--events", events, "--", "sh", "-c", _SCRIPT, PUSHKIT],
            env={**os.environ, "TMPDIR": str(scratch), "PUSHES": str(pushes)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        running.append((process, events, pushes))
    endpoints, homes = set(), set()
    for process, events, pushes in running:
        _, err = process.communicate(timeout=_PATIENCE_S)
        assert process.returncode == 0, err
        first, *others = objects(events.read_bytes())
        endpoints |= set(first["endpoints"].values())
        homes.add(first["home"])
        assert sum(one["event"] == "push" for one in others) == pushes
        assert others[-1]["expectations"][0]["got"] == pushes
    assert (len(endpoints), len(homes)) == (4 * _RUNS, _RUNS)
    assert list(scratch.iterdir()) == []
    assert not home.exists()
