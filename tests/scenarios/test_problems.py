"""The table of problems is whole: sixteen, each played by a test."""

import re
from inspect import getmembers, isfunction

from tests.scenarios import test_apps, test_away, test_senders
from tests.scenarios.problems import AWAY, PROBLEMS

SIXTEEN = list(range(1, 17))


def test_there_are_sixteen_and_each_is_played() -> None:
    assert [one.number for one in PROBLEMS] == SIXTEEN
    names = [name for room in (test_apps, test_senders) for name, _ in getmembers(room, isfunction)]
    found = (re.match(r"test_problem_(\d\d)_", name) for name in names)
    assert sorted({int(one[1]) for one in found if one}) == SIXTEEN


def test_what_needs_a_phone_that_is_away_is_played_as_well() -> None:
    names = [name for name, _ in getmembers(test_away, isfunction)]
    found = [int(one[1]) for one in map(re.compile(r"test_problem_(\d\d)_").match, names) if one]
    assert found == [one.number for one in AWAY]
