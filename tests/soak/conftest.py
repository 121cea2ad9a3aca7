"""What the tests of hostility share: one listener that has to live through all of them."""

from collections.abc import Callable, Iterator

import pytest

from tests import pushing
from tests.law import KEY_ID, TEAM, KeyPair, new_key
from tests.soak.listener import Subject, subject

MAY_GROW = 64
"""MiB above what it holds once it has had some ordinary work."""
SOON_S = 1.0


@pytest.fixture(scope="session")
def keys() -> KeyPair:
    """What the listener's provider tokens are signed with."""
    return new_key()


@pytest.fixture(scope="session")
def survivor(keys: KeyPair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subject]:
    """One listener for the whole run: quiet, of the same size, and well at the end."""
    place = tmp_path_factory.mktemp("survivor")
    key = place / f"AuthKey_{KEY_ID}.p8"
    key.write_bytes(keys.private_pem)
    with subject(place / "home", "--key", str(key), "--team-id", TEAM) as up:
        for _ in range(5):
            pushing.push(up.ready, 100)
        before = up.memory
        yield up
        assert up.peak - before < MAY_GROW, f"{before:.0f} MiB became {up.peak:.0f}"
        up.stop()


@pytest.fixture
def victim(survivor: Subject, record_property: Callable[[str, object], None]) -> Iterator[Subject]:
    """The same for one test: when it is over, a good push is answered within a second."""
    yield survivor
    soon = survivor.good_push()
    record_property("survivor", f"{soon:.3f} s, {survivor.memory:.0f} of {survivor.peak:.0f} MiB")
    assert soon < SOON_S
    assert survivor.complaints == ""
