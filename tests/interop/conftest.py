"""Programs that others wrote, and our own as a process: what the interop tests stand on.

What a machine lacks is skipped aloud. The last line of a run counts it, for whoever reads no more
than that: `interop: 41 run, 2 skipped (nghttpd: not installed)`.
"""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.interop.curl import Curl
from tests.interop.listening import (
    APP,
    MDM,
    OTHER_APP,
    OTHER_KEY,
    OTHER_TEAM,
    PASS,
    SECOND_KEY,
    Listener,
    end_tokens,
    listening,
    prepare,
)
from tests.interop.processes import need
from tests.interop.servers import (
    Certificate,
    Nghttpd,
    Node,
    Sender,
    new_certificate,
    start_nghttpd,
    start_node,
)

# The closing line


@dataclass(slots=True)
class _Count:
    run: int = 0
    skipped: int = 0
    reasons: set[str] = field(default_factory=set)

    def line(self) -> str:
        why = f" ({'; '.join(sorted(self.reasons))})" if self.reasons else ""
        return f"interop: {self.run} run, {self.skipped} skipped{why}"


_count = _Count()


def pytest_configure(config: pytest.Config) -> None:
    # Two runs of one user clear away each other's oldest temporary folders, and either may lose.
    config.addinivalue_line("filterwarnings", r"ignore:\(rm_rf\) error removing")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped:
        _count.skipped += 1
        if isinstance(report.longrepr, tuple):
            _count.reasons.add(report.longrepr[2].removeprefix("Skipped: "))
    elif report.when == "call" or (report.when == "setup" and report.failed):
        _count.run += 1


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Of all hooks the last, and after pytest's own closing line, which others read."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and not hasattr(config, "workerinput") and not config.option.help:
        reporter.ensure_newline()
        reporter.write_line(_count.line())


# Peers


@pytest.fixture(scope="session")
def curl(tmp_path_factory: pytest.TempPathFactory) -> Curl:
    """curl with HTTP/2, and nothing of the user's configuration."""
    program = need("curl")
    version = subprocess.run(
        [program, "-q", "--version"], capture_output=True, text=True, check=True
    )
    if "HTTP2" not in version.stdout.split():
        pytest.skip("curl: built without HTTP/2")
    return Curl(program=program, folder=tmp_path_factory.mktemp("curl"))


@pytest.fixture(scope="session")
def listener(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listener]:
    """A listener on a kept home that knows two teams, keys of every scope, and dead tokens."""
    folder = tmp_path_factory.mktemp("listener")
    with listening(folder, "--app", OTHER_APP, "--team-id", OTHER_TEAM, "--key-id", OTHER_KEY):
        pass
    with listening(folder, "--app", APP, "--key-id", SECOND_KEY) as before:
        pass
    prepare(before)
    with listening(folder, "--app", APP, "--app", MDM, "--app", PASS) as found:
        end_tokens(found)
        yield found


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return new_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def sender(tmp_path: Path, certificate: Certificate) -> Sender:
    return Sender(folder=tmp_path / "sender", ca=certificate.ca)


@pytest.fixture
def nghttpd(certificate: Certificate, tmp_path: Path) -> Iterator[Nghttpd]:
    with start_nghttpd(tmp_path, certificate) as found:
        yield found


@pytest.fixture
def node(certificate: Certificate, tmp_path: Path) -> Iterator[Node]:
    with start_node(tmp_path, certificate) as found:
        yield found
