"""h2spec --strict, the conformance test of HTTP/2, against a listener that runs.

Its newest state has one test more (147), which tests/wire/test_server_codes.py plays by hand with
those it changed since; it is not to be had as a package.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pushkit_cli.apns.message import Response
from tests.apns_host import answering
from tests.interop.listening import Listener

PROGRAM = Path(__file__).parents[2] / ".venv" / "interop-h2spec" / "h2spec"
WHAT_IT_IS = Path(__file__).with_name("h2spec") / "go.sum"
TESTS = 146
BODY = b'{"reason":"BadDeviceToken"}'

BEYOND_APPLES_LIMIT = (
    "http2/6.10",
    "Sends multiple CONTINUATION frames preceded by a HEADERS frame",
)
"""Two headers of 4,000 bytes: above the MAX_HEADER_LIST_SIZE of 8,000 that Apple announces."""
WITHIN_APPLES_LIMIT = ("--max-header-length", "3000")

Case = tuple[str, str]


@pytest.fixture(scope="module")
def program() -> Path:
    installed = PROGRAM.with_name("installed")
    if not installed.exists() or installed.read_bytes() != WHAT_IT_IS.read_bytes():
        pytest.skip("h2spec: not installed")
    return PROGRAM


@pytest.fixture(scope="module", params=[1, 1000], ids=["1 stream", "1000 streams"])
def port_of_a_host(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[int]:
    """The listener's sockets and wire, with so many streams at the beginning."""
    folder = tmp_path_factory.mktemp("host")
    refusal = Response(status=400, body=BODY)
    with answering(folder, lambda _: refusal, max_streams=request.param) as host:
        yield host.port


def run(program: Path, port: int, report: Path, *words: str) -> list[ElementTree.Element]:
    """Every test that h2spec plays, as it reports them."""
    argv = [str(program), "-t", "-k", "-p", str(port), "-P", "/3/device/ab", "--strict", "-o", "10"]
    done = subprocess.run(
        [*argv, "-j", str(report), *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert report.exists(), done.stdout + done.stderr
    return list(ElementTree.parse(report).iter("testcase"))


def missed(cases: list[ElementTree.Element]) -> list[Case]:
    """Those that did not pass: failed, or not played."""
    assert len(cases) == TESTS
    return [(case.get("package", ""), case.get("classname", "")) for case in cases if len(case)]


def test_listen_passes_all_but_what_is_beyond_apples_limit(
    program: Path, listener: Listener, tmp_path: Path
) -> None:
    cases = run(program, listener.port(), tmp_path / "report.xml")
    assert missed(cases) == [BEYOND_APPLES_LIMIT]


def test_listen_passes_all_within_apples_limit(
    program: Path, listener: Listener, tmp_path: Path
) -> None:
    cases = run(program, listener.port(), tmp_path / "report.xml", *WITHIN_APPLES_LIMIT)
    assert missed(cases) == []


def test_any_number_of_streams_at_the_beginning_will_do(
    program: Path, port_of_a_host: int, tmp_path: Path
) -> None:
    cases = run(program, port_of_a_host, tmp_path / "report.xml", *WITHIN_APPLES_LIMIT)
    assert missed(cases) == []


# How it gets here


def install(venv: Path, *, go: str) -> str:
    """What install.sh says, with a `go` that ends so; it never fails."""
    commands = venv.parent / "bin"
    commands.mkdir(exist_ok=True)
    (commands / "go").write_text(f"#!/bin/sh\n{go}\n")
    (commands / "go").chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", str(WHAT_IT_IS.with_name("install.sh")), str(venv)],
        env={"PATH": f"{commands}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_where_it_cannot_be_built_it_is_named(tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    said = install(venv, go="echo no network; exit 1")
    assert said == f"interop: not installed: h2spec (why: {venv}/interop-h2spec.log)\n"
    assert (venv / "interop-h2spec.log").read_text() == "no network\n"
    assert not (venv / "interop-h2spec").exists()
    assert install(venv, go="exit 0") == "", "another try"
    assert [path.name for path in venv.iterdir()] == ["interop-h2spec"]


def test_where_it_is_there_nothing_is_done(tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    install(venv, go="exit 0")
    assert install(venv, go="exit 1") == ""
    assert (venv / "interop-h2spec" / "installed").read_bytes() == WHAT_IT_IS.read_bytes()
