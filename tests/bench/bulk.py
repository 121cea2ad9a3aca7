"""Pushes a second of `pushkit send --targets`, against Node's own HTTP/2 client in the same run.

One connection, 100 in flight, distinct tokens, to one host that accepts everything. The last rows:
what writing ahead costs, against a stream, which cannot be resumed; and the memory of a long run.
`make bench` prints the medians; with a number it is the targets of the long run.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pushkit_cli.engine.local import Trust, ensure_trust
from pushkit_cli.store.files import Home

TARGETS = 5_000
LONG = 100_000
ROUNDS = 5
LEAST_RATIO = 0.15
"""Of Node's client: while frames are h2's (Python alone, 0.2 to 0.4 ms a push)."""
MOST_AHEAD = 0.05
MOST_MORE_MB = 16
MOST_MB = 60
PUSHKIT = Path(sys.executable).with_name("pushkit")
PEER = Path(__file__).with_name("peer.mjs")


@contextmanager
def sink(trust: Trust) -> Iterator[str]:
    """The port of a host that accepts everything."""
    command: list[str | Path] = ["node", PEER, "sink", trust.chain_key_file, trust.chain_file]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.kill()


class Sender:
    """Runs of the real command, each with results of its own."""

    def __init__(self, folder: Path, port: str, trust: Trust) -> None:
        self._folder = folder
        where = ("--endpoint", f"https://127.0.0.1:{port}", "--cacert", str(trust.ca_file))
        body = ("--type", "voip", "--payload", '{"callUUID":"x","handle":"+15550100"}')
        self._words = ("--app", "com.example.app", "--env", "local", "--in-flight", "100",
            *body, *where)  # fmt: skip
        self._number = 0

    def targets(self, count: int) -> Path:
        """A file of so many."""
        file = self._folder / f"targets-{count}"
        if not file.exists():
            with file.open("w") as lines:
                lines.writelines(f"{number:064x}\n" for number in range(count))
        return file

    def run(self, file: Path, *, as_stream: bool = False) -> tuple[float, float]:
        """Pushes a second, and the peak of its memory in MB."""
        self._number += 1
        results = self._folder / f"results-{self._number}"
        named = "-" if as_stream else str(file)
        words: list[str | Path] = [
            PUSHKIT,
            "--json",
            "-q",
            "send",
            "--targets",
            named,
            *self._words,
        ]
        env = {**os.environ, "PUSHKIT_HOME": str(self._folder / "home")}
        with file.open("rb") as lines:
            process = subprocess.Popen([*words, "--results", results], stdin=lines, env=env,
                stdout=subprocess.PIPE)  # fmt: skip
            assert process.stdout is not None
            said: dict[str, Any] = json.loads(process.stdout.readlines()[-1])
            process.stdout.close()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = status
        assert said["exit"] == 0, said
        results.unlink()
        unit = 1024**2 if sys.platform == "darwin" else 1024
        return said["per_s"], usage.ru_maxrss / unit


def node(port: str, trust: Trust) -> float:
    """Pushes a second of Node's own client."""
    command: list[str | Path] = ["node", PEER, "send", port, trust.ca_file, str(TARGETS)]
    return float(subprocess.run(command, capture_output=True, check=True).stdout)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


def main(long: int = LONG) -> int:
    """Measure and print; 1 where a target is missed."""
    if shutil.which("node") is None:
        _say("bulk: no node here to measure against")
        return 0
    figures: dict[str, list[float]] = {"pushkit": [], "node": [], "pushkit, a stream": []}
    with tempfile.TemporaryDirectory(prefix="pushkit-bench-") as name:
        folder = Path(name)
        trust = ensure_trust(Home(folder / "trust"))
        with sink(trust) as port:
            sender = Sender(folder, port, trust)
            file = sender.targets(TARGETS)
            for number in range(ROUNDS + 1):
                found = (sender.run(file)[0], node(port, trust),
                    sender.run(file, as_stream=True)[0])  # fmt: skip
                for who, figure in zip(figures, found, strict=True):
                    figures[who] += [figure] if number else []  # the first warms up
            _, small = sender.run(sender.targets(10_000))
            _, large = sender.run(sender.targets(long))
    _say(f"{'bulk, pushes/s':<20}  (median, lowest, highest)")
    for who, each in figures.items():
        _say(f"{who:<20}{statistics.median(each):>8,.0f}  {min(each):>8,.0f}  {max(each):>8,.0f}")
    mine, theirs, stream = (statistics.median(each) for each in figures.values())
    ahead = max(0.0, 1 - mine / stream)
    _say(f"ratio {mine / theirs:.2f} to Node's client, and at least {LEAST_RATIO} is wanted")
    _say(f"writing ahead costs {ahead:.0%}, and at most {MOST_AHEAD:.0%} is wanted")
    _say(
        f"{long:,} targets take {large:.0f} MB, 10,000 take {small:.0f}: at most {MOST_MB}, "
        f"and {MOST_MORE_MB} more, are wanted"
    )
    good = mine / theirs >= LEAST_RATIO and ahead <= MOST_AHEAD
    return 0 if good and large <= min(MOST_MB, small + MOST_MORE_MB) else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:2])))
