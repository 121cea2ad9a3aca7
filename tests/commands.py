"""The real command in a process of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PUSHKIT = Path(sys.executable).with_name("pushkit")
PATIENCE_S = 30.0


def pushkit(
    *arguments: str, stdin: bytes = b"", variables: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run a command to its end."""
    return subprocess.run(
        [PUSHKIT, *arguments],
        input=stdin,
        capture_output=True,
        timeout=PATIENCE_S,
        env={**os.environ, **(variables or {})},
        check=False,
    )


def objects(output: bytes) -> list[dict[str, Any]]:
    """NDJSON as objects; every line has to be one."""
    return [json.loads(line) for line in output.decode("ascii").splitlines()]


@contextmanager
def listening(*arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, Any]]]:
    """`pushkit listen --json` in a process of its own, ready; interrupted at the end."""
    process = subprocess.Popen(
        [PUSHKIT, "listen", "--json", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, process.communicate(timeout=PATIENCE_S)[1]
        yield process, json.loads(line)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=PATIENCE_S)
        except (subprocess.TimeoutExpired, ValueError):
            process.kill()
            process.wait()
