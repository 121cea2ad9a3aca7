"""What every test stands on: a home of its own, and no variable of the person who runs it."""

import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from pushkit_cli.engine.listener import Options, Running, running
from pushkit_cli.engine.objects import Happened

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell's background job ignores SIGINT, and so would every command these tests interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)

_SPEAKING = (
    "PUSHKIT_",
    "COVERAGE_",
    "SSL_CERT",
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "NO_COLOR",
    "COLUMNS",
    "HTTPS_PROXY",
    "https_proxy",
)


def pytest_collection_finish() -> None:
    """Thousands of tests stay to the end: who looks for garbage need not go through them."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """PUSHKIT_HOME and HOME in the test's own folder."""
    return at_home(tmp_path, monkeypatch)


def at_home(folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """A home in a folder, and no variable of the person who runs the tests."""
    for name in list(os.environ):
        if name.startswith(_SPEAKING):
            patch.delenv(name)
    place = folder / "home"
    patch.setenv("PUSHKIT_HOME", str(place))
    patch.setenv("HOME", str(folder))
    return place


class Told(list[Happened]):
    """Every event of a listener, in order."""

    def named(self, name: str) -> list[dict[str, object]]:
        """The events of one name, as objects of the contract."""
        objects = [one.to_json() for one in list(self)]
        return [found for found in objects if found["event"] == name]


@pytest.fixture
def told() -> Told:
    """Where the listener of this test tells its events."""
    return Told()


@pytest.fixture
def listener(home: Path, told: Told) -> Iterator[Running]:
    """A real listener on free ports, on this test's home."""
    with running(Options(home=home, port=0, production_port=0), told.append) as up:
        yield up
