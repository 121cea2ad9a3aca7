"""The pytest plugin: the fixture `pushkit_apns`.

pytest loads this file in every run of an environment that has pushkit, so it imports pytest alone:
a run that does not use the fixture imports no more of ours.
"""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pushkit_cli.testing.apns import Apns

_MARKER = (
    "pushkit(apps=(), devices=(), seed=None, clock='system'): what the listener of the fixture "
    "pushkit_apns is told: bundle ids, NAME[:PLATFORM], what tokens, ids and chance follow from, "
    "'manual'"
)


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", _MARKER)


@pytest.fixture
def pushkit_apns(request: pytest.FixtureRequest) -> "Iterator[Apns]":
    """A local APNs with an iPhone and a watch behind it, for this test alone.

    It is on free ports and in a temporary home, and leaves nothing. `pushkit_apns.env` points a
    server at it, `pushkit_apns.wait("voip=1")` waits for what arrives. The marker `pushkit` says
    what it should be told.
    """
    from pushkit_cli.testing.apns import serving

    marker = request.node.get_closest_marker("pushkit")
    try:
        listener = serving(**({} if marker is None else marker.kwargs))
    except (TypeError, ValueError) as error:
        raise pytest.UsageError(f"pytest.mark.pushkit: {error}") from error
    with listener as apns:
        yield apns
