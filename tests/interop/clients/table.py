"""The clients that play the table of scenarios: what they are, how each is run, what it cannot say.

A client is a program that is told no more than `pushkit env` prints. Each line of its stdin is a
JSON object:

    {"credential": {"key_id": "LOCALKEY01", "bearer": null},
     "pushes": [{"type": "voip", "topic": "com.example.app.voip", "token": "5f…", "priority": 10,
                 "payload": {"callUUID": "a call"}}]}

It opens one connection for each `credential` and keeps it: `bearer` is the provider token to send
as it is, and where it is `null` the library signs one with PUSHKIT_KEY_FILE for PUSHKIT_TEAM_ID and
`key_id`. All `pushes` of a line are under way at the same time. When each is answered, it writes
one line to stdout, a JSON list of what it heard, in the order of the pushes:

    [{"status": 410, "reason": "Unregistered", "timestamp": 1700000000456}]

`reason` and `timestamp` are `null` where there is none. At the end of stdin it exits with 0. It
writes nothing to stderr unless it fails.

To add a language: a folder here with its program and the locks of what that needs, a function and
a line in install.sh, the toolchain in ../peers.sh, a `Language` and its clients below. What a
library cannot say goes into `cannot`, with why; another client of that language then has to say it,
usually one on the bare HTTP/2 of that language. The tests see to the rest.
"""

import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.interop.processes import need
from tests.interop.scenarios import AT_ONCE, EXPIRED

CLIENTS = Path(__file__).parent
VENV = Path(sys.prefix)


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """A language: where install.sh puts its things, from which files, and how a client is run."""

    name: str
    folder: str
    files: tuple[str, ...]
    argv: Callable[[Path], list[str]]

    @property
    def lock(self) -> bytes:
        """What install.sh leaves in the folder when all is there."""
        return b"".join((CLIENTS / name).read_bytes() for name in self.files)


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client, by the word its program knows it by. `signs`: its own provider tokens.

    `cannot` has the rows that it cannot express, and why. `connections` is how many it opens for
    pushes that are under way at once. `timestamp_ms` is how exact the `timestamp` is that it
    reports. `variables` are more of its environment, by the names of those of `pushkit env`.
    """

    name: str
    language: Language
    signs: bool = True
    cannot: Mapping[str, str] = field(default_factory=dict)
    connections: int = 1
    timestamp_ms: int = 1
    variables: Mapping[str, str] = field(default_factory=dict)

    def argv(self) -> list[str]:
        """How to run it; where it is not installed as locked, the test is skipped."""
        folder = VENV / self.language.folder
        words = self.language.argv(folder)
        installed = folder / "installed"
        if not installed.exists() or installed.read_bytes() != self.language.lock:
            pytest.skip(f"{self.name}: not installed")
        return [*words, self.name]


def _by_python(folder: Path) -> list[str]:
    return [str(folder / "bin" / "python"), "-I", str(CLIENTS / "python" / "client.py")]


def _by_node(folder: Path) -> list[str]:
    """Node of the age that the libraries ask for."""
    node = need("node")
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    major, minor, _ = said.strip().removeprefix("v").split(".", 2)
    if (int(major), int(minor)) < (20, 19):
        pytest.skip("node: older than 20.19")
    return [node, str(CLIENTS / "node" / "client.mjs"), str(folder)]


def _compiled(folder: Path) -> list[str]:
    return [str(folder / "client")]


def _by_java(folder: Path) -> list[str]:
    quick = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
    return [need("java"), *quick, "-cp", f"{folder}/classes:{folder}/lib/*", "Client"]


PYTHON = Language(
    name="Python",
    folder="interop-py",
    files=("python/requirements.txt",),
    argv=_by_python,
)
JAVASCRIPT = Language(
    name="JavaScript",
    folder="interop-js",
    files=("node/package-lock.json",),
    argv=_by_node,
)
GO = Language(
    name="Go",
    folder="interop-go",
    files=("go/go.mod", "go/go.sum", "go/main.go"),
    argv=_compiled,
)
JAVA = Language(
    name="Java",
    folder="interop-java",
    files=("java/pom.xml", "java/jars.sha256", "java/Client.java"),
    argv=_by_java,
)
ALWAYS_FRESH = {EXPIRED: "it signs its provider tokens itself and takes the time from the machine"}

TABLE = (
    Client(
        name="aioapns",
        language=PYTHON,
        cannot={
            **ALWAYS_FRESH,
            AT_ONCE: "it miscounts the streams it may use when the server raises their number",
        },
    ),
    Client(name="h2", language=PYTHON, signs=False),
    Client(name="@parse/node-apn", language=JAVASCRIPT, cannot=ALWAYS_FRESH),
    Client(
        name="apns2",
        language=JAVASCRIPT,
        cannot=ALWAYS_FRESH,
        connections=32,  # one push at a time on each, and no more than these
        variables={"NODE_EXTRA_CA_CERTS": "PUSHKIT_CA_FILE"},
    ),
    Client(name="node:http2", language=JAVASCRIPT, signs=False),
    Client(name="sideshow/apns2", language=GO, timestamp_ms=1000),  # it drops the rest
    Client(name="net/http", language=GO, signs=False),
    Client(name="pushy", language=JAVA, cannot=ALWAYS_FRESH),
    Client(name="HttpClient", language=JAVA, signs=False),
)
