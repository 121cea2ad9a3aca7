"""What a run says of itself, and what is done about peers that are missing."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def _pytest(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """pytest on a machine without any peer."""
    nothing = tmp_path / "bin"
    nothing.mkdir()
    return subprocess.run(
        [sys.executable, "-m", "pytest", "--basetemp", str(tmp_path / "base"), *words],
        cwd=ROOT,
        env={"PATH": str(nothing), "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("words", [("-q",), ("-v",), ("-q", "-n", "2")], ids=" ".join)
def test_the_last_line_counts_what_was_skipped_and_why(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    chosen = "nghttpd_takes or exactly_the_headers or nobody_listens"
    done = _pytest(tmp_path, *words, "tests/interop/test_servers.py", "-k", chosen)
    assert done.returncode == 0, done.stdout
    *_, pytests, ours = done.stdout.splitlines()
    assert re.search(r"\b1 passed, 2 skipped.* in [\d.]+s", pytests)
    assert ours == "interop: 1 run, 2 skipped (nghttpd: not installed; node: not installed)"
    assert "nghttpd: not installed" in done.stdout.removesuffix(f"{ours}\n")


def test_a_test_that_fails_has_run(tmp_path: Path) -> None:
    folder = tmp_path / "tests" / "interop"
    folder.mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("conftest.py"), folder)
    (folder / "test_it.py").write_text(
        "import pytest\n"
        "@pytest.fixture\n"
        "def broken(): raise OSError\n"
        "def test_good(): pass\n"
        "def test_bad(): assert False\n"
        "def test_broken(broken): pass\n"
        "def test_left_out(): pytest.skip('the moon: not up')\n"
    )
    done = _pytest(tmp_path, "-q", "-c", "pyproject.toml", str(folder))
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "interop: 3 run, 1 skipped (the moon: not up)"


def test_the_default_run_leaves_the_interop_tests_out(tmp_path: Path) -> None:
    others = f"--ignore-glob={ROOT}/tests/[!i]*"
    done = _pytest(tmp_path, "-q", "--collect-only", others, "tests")
    assert done.returncode == pytest.ExitCode.NO_TESTS_COLLECTED, done.stdout
    assert "interop" not in done.stdout


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A folder of commands that stands for a whole machine."""

    folder: Path

    def add(self, name: str, script: str = "exit 0") -> None:
        command = self.folder / name
        command.write_text(f"#!/bin/sh\n{script}\n")
        command.chmod(0o755)

    def ask_for_peers(self, **variables: str) -> str:
        """What peers.sh says; it never fails."""
        done = subprocess.run(
            ["/bin/sh", str(Path(__file__).with_name("peers.sh"))],
            env={"PATH": str(self.folder), **variables},
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    @property
    def asked_apt(self) -> list[str]:
        log = self.folder / "apt.log"
        return log.read_text().splitlines() if log.exists() else []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """node and nghttpd are not there; root, and an apt-get that notes what it is asked."""
    made = Machine(folder=tmp_path)
    for name in ("curl", "go", "javac", "mvn", "chromium", "php", "ruby", "zsh", "fish"):
        made.add(name)
    made.add("id", "echo 0")
    made.add("apt-get", f'echo "$@" >>{tmp_path}/apt.log; echo noise; echo noise >&2; exit 100')
    return made


MISSING = "interop: not installed: nodejs npm nghttp2-server\n"


def test_nothing_is_said_where_every_peer_is_there(machine: Machine) -> None:
    machine.add("node")
    machine.add("npm")
    machine.add("nghttpd")
    assert machine.ask_for_peers(CI="true") == ""
    assert machine.asked_apt == []


@pytest.mark.parametrize("variables", [{}, {"CI": "false"}, {"CI": ""}], ids=str)
def test_outside_of_ci_the_missing_are_only_named(
    machine: Machine, variables: dict[str, str]
) -> None:
    assert machine.ask_for_peers(**variables) == MISSING
    assert machine.asked_apt == []


def test_without_root_the_missing_are_only_named(machine: Machine) -> None:
    machine.add("id", "echo 1000")
    assert machine.ask_for_peers(CI="true") == MISSING
    assert machine.asked_apt == []


def test_without_apt_get_the_missing_are_only_named(machine: Machine) -> None:
    (machine.folder / "apt-get").unlink()
    assert machine.ask_for_peers(CI="true") == MISSING


def test_what_cannot_be_installed_is_named_and_nothing_fails(machine: Machine) -> None:
    assert machine.ask_for_peers(CI="true") == MISSING
    update, node, npm, nghttpd = machine.asked_apt
    assert update.endswith(" update")
    assert node.endswith(" install -y --no-install-recommends nodejs")
    assert npm.endswith(" install -y --no-install-recommends npm")
    assert nghttpd.endswith(" install -y --no-install-recommends nghttp2-server")


def test_what_was_installed_is_not_talked_about(machine: Machine) -> None:
    for name in ("node", "npm", "nghttpd"):
        machine.add(f"{name}.real")
    real = os.fspath(machine.folder)
    machine.add(
        "apt-get",
        f'for last do :; done\ncase "$last" in\n'
        f"nodejs) /bin/cp {real}/node.real {real}/node ;;\n"
        f"npm) /bin/cp {real}/npm.real {real}/npm ;;\n"
        f"nghttp2-server) /bin/cp {real}/nghttpd.real {real}/nghttpd ;;\n"
        "esac",
    )
    assert machine.ask_for_peers(CI="true") == ""
