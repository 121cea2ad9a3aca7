"""What the tests of real sockets share: a server's certificates, and that nothing stays open."""

import gc
import ssl
from collections.abc import Iterator

import pytest

from pushkit_cli.engine.local import Trust, ensure_trust
from pushkit_cli.net.tls import client_context
from pushkit_cli.store.files import Home


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Trust:
    return ensure_trust(Home(tmp_path_factory.mktemp("trust") / "home"))


@pytest.fixture(scope="module")
def context(trust: Trust) -> ssl.SSLContext:
    """A client's, which trusts it."""
    return client_context(trust.ca_file)


@pytest.fixture(autouse=True, scope="module")
def nothing_is_left_open() -> Iterator[None]:
    """What nobody closed complains when it is collected, and that fails a test."""
    yield
    gc.collect()
