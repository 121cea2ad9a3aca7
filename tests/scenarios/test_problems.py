"""The table of problems is whole: sixteen, each played by a test, and what waits is said."""

import re
from inspect import getmembers, isfunction

from tests.scenarios import test_apps, test_senders
from tests.scenarios.problems import PROBLEMS, WAITING

SIXTEEN = list(range(1, 17))


def test_there_are_sixteen_and_each_is_played() -> None:
    assert [one.number for one in PROBLEMS] == SIXTEEN
    names = [name for room in (test_apps, test_senders) for name, _ in getmembers(room, isfunction)]
    found = (re.match(r"test_problem_(\d\d)_", name) for name in names)
    assert sorted({int(one[1]) for one in found if one}) == SIXTEEN


def test_what_needs_stored_pushes_waits_for_them() -> None:
    """Who brings them takes these names out, and plays them."""
    assert [(one.number, one.title) for one in WAITING] == [
        (7, "a call that rings after power-on, when its caller has long given up"),
        (7, "a device that is offline: its push is lost, late, or the only one kept"),
        (8, "a cancel that overtakes its call"),
        (14, "pushes that pile up before the first unlock and arrive at once after it"),
    ]
    assert all(one.why for one in WAITING)
