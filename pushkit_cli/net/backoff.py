"""How long to wait before another try: twice as long each time, and never alike. Nothing else."""

from random import Random

FIRST_S = 0.2
LONGEST_S = 30.0


def pause_s(
    attempt: int, random: Random, *, first: float = FIRST_S, longest: float = LONGEST_S
) -> float:
    """Seconds to wait after a failed attempt; the first is 1. Half as much is spread around it."""
    return min(longest, first * 2.0 ** min(attempt - 1, 60)) * random.uniform(0.5, 1.5)
