"""What is told of clients that never got as far as a push: a few of a kind, each with a count."""

import pytest

from pushkit_cli.apns.facts import Trouble
from pushkit_cli.emulator.clients import TROUBLES, Clients


@pytest.mark.parametrize("trouble", list(Trouble))
def test_each_trouble_is_said_with_what_to_do_about_it(trouble: Trouble) -> None:
    told = Clients().troubled(trouble)
    assert told is not None
    assert (told.reason, told.count) == (trouble.value, 1)
    assert (told.detail, told.hint) == TROUBLES[trouble]
    assert told.hint


def test_of_many_a_few_are_told_and_all_are_counted() -> None:
    clients = Clients()
    said = [clients.troubled(Trouble.HTTP1) for _ in range(2_000)]
    told = [one for one in said if one is not None]
    assert [one.count for one in told] == [1, 2, 3, 10, 100, 1_000]
    assert told[-1].detail.endswith("(1000 so far)")
    other = clients.troubled(Trouble.NO_TLS)
    assert other is not None
    assert other.count == 1, "each kind is counted alone"
