"""How the clients get here: what the locks of each language hold, and what install.sh does."""

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.interop.clients.table import CLIENTS, TABLE
from tests.interop.processes import need

LANGUAGES = tuple({client.language.name: client.language for client in TABLE}.values())
TOOLS = {
    "npm": "exit 0",
    "go": 'while [ "$1" != -o ]; do shift; done; mkdir "${2%/client}"',
    "mvn": 'for word; do case $word in -DoutputDirectory=*) mkdir -p "${word#*=}" ;; esac; done',
    "sha256sum": f"cat {CLIENTS}/java/jars.sha256",
    "javac": "exit 0",
}
"""What does what its namesake does, as far as install.sh can tell."""
CALLS = len(TOOLS) + 2  # of Python there are two


# The locks


def test_python_is_locked_by_versions_and_hashes_and_names_no_place() -> None:
    lines = (CLIENTS / "python/requirements.txt").read_text().replace("\\\n", "").splitlines()
    wanted = [line for line in lines if not line.startswith("#")]
    assert wanted
    assert all(re.match(r"[\w-]+==[\w.]+ [^#]*--hash=sha256:", line) for line in wanted), wanted
    assert "://" not in "".join(lines)


def test_javascript_is_locked_by_versions_and_hashes_and_names_no_place() -> None:
    node = json.loads((CLIENTS / "node/package.json").read_text())["dependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in node.values())
    locked = json.loads((CLIENTS / "node/package-lock.json").read_text())["packages"]
    assert locked.pop("")["dependencies"] == node
    assert all(one["integrity"].startswith("sha512-") for one in locked.values())
    assert not any("resolved" in one for one in locked.values())


def test_go_is_locked_by_versions_and_hashes_and_names_no_place() -> None:
    text = (CLIENTS / "go/go.mod").read_text()
    wanted = re.findall(r"^\t(\S+ v\S+)(?: // indirect)?$", text, re.MULTILINE)
    assert wanted
    assert "replace" not in text
    sums = (CLIENTS / "go/go.sum").read_text()
    assert all(re.search(rf"^{re.escape(one)} h1:", sums, re.MULTILINE) for one in wanted)


def test_java_is_locked_by_versions_and_hashes_and_names_no_place() -> None:
    text = (CLIENTS / "java/pom.xml").read_text()
    assert "://" not in text
    project = ElementTree.fromstring(text.partition("?>")[2])
    versions = [one.text for one in project.iterfind(".//version")]
    assert len(versions) == len(list(project.iterfind(".//artifactId")))
    assert all(re.fullmatch(r"\d+(\.\d+)*", version or "") for version in versions)
    sums = (CLIENTS / "java/jars.sha256").read_text().splitlines()
    jars = [line.partition("  ")[2] for line in sums]
    assert all(re.match(r"[0-9a-f]{64}  \S+\.jar$", line) for line in sums)
    for one in project.iterfind("dependencies/dependency"):
        assert f"{one.findtext('artifactId')}-{one.findtext('version')}.jar" in jars


# The script


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
    """No toolchain but Python, which makes folders for environments and installs nothing else."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    for command in ("cat", "cmp", "cp", "dirname", "mkdir", "rm"):
        (tmp_path / "bin" / command).symlink_to(need(command))
    made = Machine(folder=tmp_path)
    made.add("venv/bin/python", 'case "$2" in venv) mkdir "$4" ;; esac')
    return made


@pytest.fixture
def equipped(machine: Machine) -> Machine:
    for tool, script in TOOLS.items():
        machine.add(f"bin/{tool}", script)
    return machine


def _stale(machine: Machine) -> None:
    for language in LANGUAGES:
        folder = machine.venv / language.folder
        folder.mkdir(exist_ok=True)
        (folder / "installed").write_text("something else")
        (folder / "old").touch()


def test_clients_are_installed_once(equipped: Machine) -> None:
    assert equipped.install() == ""
    assert len(equipped.called) == CALLS
    for language in LANGUAGES:
        found = equipped.venv / language.folder / "installed"
        assert found.read_bytes() == language.lock
    assert equipped.install() == ""
    assert len(equipped.called) == CALLS


def test_clients_are_installed_anew_where_the_locks_changed(equipped: Machine) -> None:
    _stale(equipped)
    assert equipped.install() == ""
    assert len(equipped.called) == CALLS
    assert not list(equipped.venv.glob("interop-*/old"))


def test_the_scripts_of_packages_are_not_run(equipped: Machine) -> None:
    equipped.install()
    (npm,) = (called for called in equipped.called if called.startswith("ci "))
    assert "--ignore-scripts" in npm.split()
    assert "ignore-scripts=true" in (CLIENTS / "node/.npmrc").read_text().splitlines()
    (pip,) = (called for called in equipped.called if called.startswith("-m pip "))
    assert "--require-hashes --only-binary :all:" in pip


def test_other_jars_than_those_of_the_lock_are_not_used(equipped: Machine) -> None:
    equipped.add("bin/sha256sum", f"cat {CLIENTS}/java/jars.sha256; echo more")
    log = equipped.venv / "interop-java.log"
    assert equipped.install() == f"interop: not installed: pushy HttpClient (why: {log})\n"


@pytest.mark.parametrize("tools", [True, False], ids=["they fail", "there are none"])
def test_clients_that_cannot_be_installed_are_named_and_leave_only_why(
    machine: Machine, tools: bool
) -> None:
    machine.add("venv/bin/python", "echo no network; exit 1")
    for tool in TOOLS if tools else ():
        machine.add(f"bin/{tool}", "echo no network; exit 1")
    _stale(machine)
    said = [
        f"interop: not installed: {names} (why: {machine.venv}/{folder}.log)"
        for folder, names in (
            ("interop-py", "aioapns h2"),
            ("interop-js", "@parse/node-apn apns2"),
            ("interop-go", "sideshow/apns2 net/http"),
            ("interop-java", "pushy HttpClient"),
        )
    ]
    assert machine.install().splitlines() == said
    left = {path.name for path in machine.venv.glob("interop-*")}
    assert left == {f"{language.folder}.log" for language in LANGUAGES}
    for language, tool in zip(LANGUAGES, ("python", "npm", "go", "mvn"), strict=True):
        why = (machine.venv / f"{language.folder}.log").read_text()
        assert "no network" in why if tools or tool == "python" else tool in why
