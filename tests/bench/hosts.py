"""Hosts of the bench: one that accepts everything, and listeners that judge."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from pushkit_cli.apns.token import mint
from pushkit_cli.engine.local import Trust, ensure_key, ensure_trust
from pushkit_cli.store.files import Home
from tests.bench.jobs import GO, Job
from tests.interop.processes import PUSHKIT, answers, child, environment, free_port, until

APP = "com.example.app"
TOKENS = 1_000


@contextmanager
def folder() -> Iterator[Path]:
    """A place that is gone at the end."""
    with tempfile.TemporaryDirectory(prefix="pushkit-bench-") as name:
        yield Path(name)


def _keyed(place: Path, port: int, trust: Trust) -> Job:
    """Pushes of a local key to a port of this machine."""
    key = ensure_key(Home(place / "home"))
    return _job(place, {
        "url": f"https://127.0.0.1:{port}", "ca_file": trust.ca_file, "key_file": key.file,
        "key_id": key.key_id, "team_id": key.team_id, "topic": APP, "type": "alert",
        "tokens": tuple(f"{number:064x}" for number in range(TOKENS)),
    })  # fmt: skip


def _job(place: Path, said: dict[str, Any]) -> Job:
    key = Path(said["key_file"])
    named = {name: said[name] for name in ("url", "key_id", "team_id", "topic", "type", "tokens")}
    bearer = mint(key.read_bytes(), team_id=said["team_id"], key_id=said["key_id"], now=time.time())
    return Job(folder=place, ca=Path(said["ca_file"]), key=key, bearer=bearer, **named)


@contextmanager
def sink(place: Path) -> Iterator[tuple[str, Job]]:
    """What accepts everything, by name, and a job for it: nghttpd, or where it is missing ours."""
    if shutil.which("nghttpd") is None:
        with h2_host(place) as job:
            yield "asyncio + h2, for nghttpd is not here", job
        return
    trust = ensure_trust(Home(place / "home"))
    root, port = place / "htdocs", free_port()
    job = _keyed(place, port, trust)
    (root / "3" / "device").mkdir(parents=True)
    for token in job.tokens:  # what it has no file for it refuses
        (root / "3" / "device" / token).touch()
    words: list[str | Path] = ["nghttpd", "-a", "127.0.0.1", "-m", "1000", "-d", root, str(port),
        trust.chain_key_file, trust.chain_file]  # fmt: skip
    env, log = environment(place), place / "nghttpd.out"
    with child(words, env=env, log=log, stop=signal.SIGTERM) as process:
        until("nghttpd", lambda: answers("127.0.0.1", port) or process.poll() is not None or None)
        yield "nghttpd", job


def h2_host(place: Path) -> AbstractContextManager[Job]:
    """asyncio + h2, without any check."""
    return _printing_its_port(place, sys.executable, Path(__file__).with_name("h2_host.py"))


def go_host(place: Path) -> AbstractContextManager[Job]:
    """Go's own server, accepting everything, from clients without ALPN too."""
    return _printing_its_port(place, GO, "sink")


@contextmanager
def _printing_its_port(place: Path, *words: str | Path) -> Iterator[Job]:
    trust = ensure_trust(Home(place / "home"))
    command = [*words, trust.chain_key_file, trust.chain_file]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield _keyed(place, int(process.stdout.readline()), trust)
        finally:
            process.kill()


@contextmanager
def listening(place: Path, devices: int, *more: str | Path) -> Iterator[dict[str, Any]]:
    """A listener on kept state with so many iPhones."""
    place.mkdir(exist_ok=True)
    file = place / "ready.json"
    names = [word for number in range(devices) for word in ("--device", f"phone{number}")]
    words: list[str | Path] = [
        PUSHKIT,
        "listen",
        "--port",
        "0",
        "--ready-file",
        file,
        *names,
        *more,
    ]
    env = {**os.environ, "PUSHKIT_HOME": str(place / "home")}
    with (place / "log").open("wb") as log:
        process = subprocess.Popen(words, env=env, stdout=log, stderr=log)
    try:
        while not file.exists():
            assert process.poll() is None, (place / "log").read_text()
            time.sleep(0.05)
        yield ready(place)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def ready(place: Path) -> dict[str, Any]:
    """What the listener in this place says of itself."""
    said: dict[str, Any] = json.loads((place / "ready.json").read_bytes())
    return said


@contextmanager
def listener(place: Path, devices: int = 1, *more: str | Path) -> Iterator[Job]:
    """`pushkit listen` on kept state, every check on; alerts to all its devices in turn."""
    with listening(place, devices, *more) as known:
        app = known["apps"][0]
        said = {
            **known, "url": f"https://127.0.0.1:{known['port']}", "topic": app, "type": "alert",
            "tokens": tuple(device["tokens"]["alert"] for device in known["devices"]),
        }  # fmt: skip
        yield _job(place, said)
