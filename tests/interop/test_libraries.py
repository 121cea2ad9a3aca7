"""APNs libraries that others wrote, at a listener: unmodified, and told what `pushkit env` prints.

`make interop` installs them beside the environment of the tests; see clients/install.sh.
"""

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.interop.listening import APP, KEY, TEAM, listening
from tests.interop.processes import PUSHKIT, need

CLIENTS = Path(__file__).with_name("clients")
VENV = Path(sys.prefix)
AT_ONCE = 50

# The libraries


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """A library, the script that speaks for it, and where both of them come from.

    `connections` is how many it opens for pushes that are under way at once.
    """

    name: str
    script: str
    folder: str
    lock: str
    set_up: str = ":"  # what a shell does between `pushkit env` and the script
    connections: int = 1

    def argv(self) -> list[str]:
        """How to run it; where it is not installed as locked, the test is skipped."""
        folder = VENV / self.folder
        by_node = self.script.endswith(".mjs")
        node = _need_node() if by_node else None
        installed = folder / "installed"
        if not installed.exists() or installed.read_bytes() != (CLIENTS / self.lock).read_bytes():
            pytest.skip(f"{self.name}: not installed")
        script = str(CLIENTS / self.script)
        if node is not None:
            return [node, script, str(folder)]
        return [str(folder / "bin" / "python"), "-I", script]


def _need_node() -> str:
    """Node of the age that the libraries ask for."""
    node = need("node")
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    major, minor, _ = said.strip().removeprefix("v").split(".", 2)
    if (int(major), int(minor)) < (20, 19):
        pytest.skip("node: older than 20.19")
    return node


LIBRARIES = (
    Library(
        name="aioapns",
        script="aioapns_client.py",
        folder="interop-py",
        lock="requirements.txt",
    ),
    Library(
        name="@parse/node-apn",
        script="node-apn.mjs",
        folder="interop-js",
        lock="package-lock.json",
    ),
    Library(
        name="apns2",
        script="apns2.mjs",
        folder="interop-js",
        lock="package-lock.json",
        set_up='export NODE_EXTRA_CA_CERTS="$PUSHKIT_CA_FILE"',
        connections=32,  # one push at a time on each, and no more than these
    ),
)

# The table


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A push and what is answered. `token` is a variable of `pushkit env`, or a token.

    `suffix` is what the topic says beyond the bundle id.
    """

    name: str
    type: str
    token: str
    payload: Mapping[str, Any]
    suffix: str = ""
    priority: int = 10
    status: int = 200
    reason: str | None = None

    def push(self) -> dict[str, Any]:
        """What its script is told of it."""
        names = ("type", "suffix", "token", "priority", "payload")
        return {name: getattr(self, name) for name in names}

    def answer(self) -> dict[str, Any]:
        """What its script has to say of it."""
        if self.reason is None:
            return {"accepted": True}
        return {"accepted": False, "status": self.status, "reason": self.reason}


def _call(name: str, **more: Any) -> Row:
    words = {"token": "PUSHKIT_TOKEN_VOIP", "payload": {"callUUID": name}, **more}
    return Row(name=name, type="voip", suffix=".voip", **words)


ROWS = (
    _call("a call", payload={"callUUID": "a call", "handle": "+15550100", "hasVideo": False}),
    Row(
        name="an alert",
        type="alert",
        token="PUSHKIT_TOKEN_ALERT",
        payload={"aps": {"alert": {"title": "Grüße", "body": "👋"}, "sound": "default"}},
    ),
    Row(
        name="a background push",
        type="background",
        token="PUSHKIT_TOKEN_ALERT",
        payload={"aps": {"content-available": 1}, "what": [1, None, {"more": True}]},
        priority=5,
    ),
    _call(
        "a token that nobody was issued",
        token="5f" * 32,
        status=400,
        reason="BadDeviceToken",
    ),
    _call(
        "the alert token for a call",
        token="PUSHKIT_TOKEN_ALERT",
        status=400,
        reason="DeviceTokenNotForTopic",
    ),
    _call(
        "a call that is too large",
        payload={"callUUID": "large", "pad": "x" * 5120},
        status=413,
        reason="PayloadTooLarge",
    ),
    _call("another call after the refusals"),
)
MANY = tuple(_call(f"call {number}") for number in range(AT_ONCE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What a library said of each push of the table, and of those sent at once.

    `pushes` are the push events of the listener, in their order.
    """

    library: Library
    answers: Sequence[Mapping[str, Any]]
    many: Sequence[Mapping[str, Any]]
    pushes: Sequence[Mapping[str, Any]]
    stderr: str


@pytest.fixture(scope="module", params=LIBRARIES, ids=lambda library: library.name)
def played(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Played:
    """The table and then many calls at once, by one run of a library at a listener of its own."""
    library: Library = request.param
    argv = library.argv()
    script = f'eval "$("$0" env)"; {library.set_up}; exec "$@"'
    batches = [*([row] for row in ROWS), MANY]
    with listening(tmp_path_factory.mktemp("library"), "--app", APP) as listener:
        done = subprocess.run(
            ["sh", "-euc", script, str(PUSHKIT), *argv],
            input=json.dumps([[row.push() for row in batch] for batch in batches]),
            env=dict(listener.env),
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in listener.events.read_bytes().splitlines()]
    *single, many = json.loads(done.stdout)
    return Played(
        library=library,
        answers=[answer for (answer,) in single],
        many=many,
        pushes=[event for event in events if event["event"] == "push"],
        stderr=done.stderr,
    )


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_library_reports_what_the_listener_noted(played: Played, row: Row) -> None:
    place = ROWS.index(row)
    assert played.answers[place] == row.answer()
    event = played.pushes[place]
    assert (event["status"], event["reason"]) == (row.status, row.reason)
    assert (event["topic"], event["type"]) == (APP + row.suffix, row.type)
    assert (event["auth"]["team_id"], event["auth"]["key_id"]) == (TEAM, KEY)
    if row.reason is None:
        assert row.payload.items() <= event["payload"].items()  # one library adds an empty `aps`


def test_the_listener_saw_every_push_once(played: Played) -> None:
    assert len(played.pushes) == len(ROWS) + AT_ONCE
    assert len({event["apns_id"] for event in played.pushes}) == len(played.pushes)
    assert len({event["connection"] for event in played.pushes[: len(ROWS)]}) == 1


def test_fifty_calls_at_once_are_all_accepted(played: Played) -> None:
    assert played.many == [{"accepted": True}] * AT_ONCE
    events = played.pushes[len(ROWS) :]
    assert {event["status"] for event in events} == {200}
    arrived = sorted(event["payload"]["callUUID"] for event in events)
    assert arrived == sorted(row.name for row in MANY)
    assert len({event["connection"] for event in events}) == played.library.connections


def test_a_library_has_nothing_to_complain_about(played: Played) -> None:
    assert played.stderr == ""


# How they get here


def test_the_locks_name_exact_versions_and_hashes_and_no_place() -> None:
    lines = (CLIENTS / "requirements.txt").read_text().replace("\\\n", "").splitlines()
    wanted = [line for line in lines if not line.startswith("#")]
    assert wanted
    assert all(re.match(r"[\w-]+==[\d.]+ [^#]*--hash=sha256:", line) for line in wanted), wanted
    assert "://" not in "".join(lines)
    node = json.loads((CLIENTS / "package.json").read_text())["dependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in node.values())
    locked = json.loads((CLIENTS / "package-lock.json").read_text())["packages"]
    assert locked.pop("")["dependencies"] == node
    assert all(one["integrity"].startswith("sha512-") for one in locked.values())
    assert not any("resolved" in one for one in locked.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A virtual environment and a folder of commands that stands for a whole machine."""

    folder: Path

    @property
    def venv(self) -> Path:
        return self.folder / "venv"

    def add(self, command: str, script: str) -> None:
        path = self.folder / command
        path.write_text(f'#!/bin/sh\necho "$@" >>{self.folder}/called\n{script}\n')
        path.chmod(0o755)

    def install(self) -> str:
        """What install.sh says; it never fails."""
        done = subprocess.run(
            ["/bin/sh", str(CLIENTS / "install.sh"), str(self.venv)],
            env={"PATH": str(self.folder / "bin")},
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    @property
    def called(self) -> list[str]:
        log = self.folder / "called"
        return log.read_text().splitlines() if log.exists() else []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """No npm; a Python that makes folders for environments and installs nothing else."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    for command in ("cmp", "cp", "dirname", "mkdir", "rm"):
        (tmp_path / "bin" / command).symlink_to(need(command))
    made = Machine(folder=tmp_path)
    made.add("venv/bin/python", 'case "$2" in venv) mkdir "$4" ;; esac')
    return made


def _stale(machine: Machine) -> None:
    for library in LIBRARIES:
        folder = machine.venv / library.folder
        folder.mkdir(exist_ok=True)
        (folder / "installed").write_text("something else")
        (folder / "old").touch()


def test_libraries_are_installed_once(machine: Machine) -> None:
    machine.add("bin/npm", "exit 0")
    assert machine.install() == ""
    assert len(machine.called) == 3
    for library in LIBRARIES:
        found = machine.venv / library.folder / "installed"
        assert found.read_bytes() == (CLIENTS / library.lock).read_bytes()
    assert machine.install() == ""
    assert len(machine.called) == 3


def test_libraries_are_installed_anew_where_the_locks_changed(machine: Machine) -> None:
    machine.add("bin/npm", "exit 0")
    _stale(machine)
    assert machine.install() == ""
    assert len(machine.called) == 3
    assert not list(machine.venv.glob("interop-*/old"))


@pytest.mark.parametrize("npm", [True, False], ids=["npm fails", "no npm"])
def test_libraries_that_cannot_be_installed_are_named_and_leave_only_why(
    machine: Machine, npm: bool
) -> None:
    machine.add("venv/bin/python", "echo no network; exit 1")
    if npm:
        machine.add("bin/npm", "echo no network; exit 1")
    _stale(machine)
    assert machine.install() == (
        f"interop: not installed: aioapns (why: {machine.venv}/interop-py.log)\n"
        f"interop: not installed: @parse/node-apn apns2 (why: {machine.venv}/interop-js.log)\n"
    )
    left = sorted(path.name for path in machine.venv.glob("interop-*"))
    assert left == ["interop-js.log", "interop-py.log"]
    why = (machine.venv / "interop-js.log").read_text()
    assert "no network" in why if npm else "npm" in why
