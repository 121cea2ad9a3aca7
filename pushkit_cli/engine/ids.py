"""Ids as a seed has them: a run that is played again makes the same ones, and no other run does."""

import itertools
from collections.abc import Callable
from hashlib import sha256


def seeded(seed: int, *, after: int) -> Callable[[], str]:
    """Makes 32 hexadecimal digits each time: a function of the seed, of `after`, and of how often.

    `after` is the number of the home's last event, so that a later run repeats none of them.
    """
    numbers = itertools.count(1)
    return lambda: sha256(f"id {seed} {after} {next(numbers)}".encode()).hexdigest()[:32]
