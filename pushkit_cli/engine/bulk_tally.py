"""What became of how many targets of a bulk run, and the exit code. No input or output."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from pushkit_cli.apns.message import Outcome
from pushkit_cli.errors import ExitCode

_MOST_REASONS = 200
_OTHERS = "(others)"
"""Where a server that invents words without end is counted."""
_STEPS = 48
"""Steps in which a time doubles: two neighbours differ by 1.5 %."""


class Times:
    """How long answers took, in milliseconds: counted, not kept, whatever their number."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self.total = 0

    def add(self, ms: float) -> None:
        """One more."""
        self._counts[round(math.log2(max(ms, 0.01)) * _STEPS)] += 1
        self.total += 1

    def share(self, share: float) -> float | None:
        """The time within which this share (0 to 1) of them came, to 1 %; `None` without any."""
        left = self.total * share
        for bucket, count in sorted(self._counts.items()):
            left -= count
            if left <= 0:
                return float(2 ** (bucket / _STEPS))
        return None


@dataclass(slots=True)
class Tally:
    """Counts by outcome, and of refusals by reason; what is not decided is unsent.

    `targets` is `None` where nobody knows how many will come.
    """

    targets: int | None = None
    read: int = 0
    counts: Counter[Outcome] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    repeats: int = 0
    sent: int = 0
    times: Times = field(default_factory=Times)

    def decide(self, outcome: Outcome, reason: str | None, *, was_unknown: bool = False) -> None:
        """One more target has its outcome; what was unknown in an earlier run no longer is."""
        if was_unknown:
            self.counts[Outcome.UNKNOWN] -= 1
        self.counts[outcome] += 1
        if reason is not None and outcome is Outcome.REFUSED:
            known = reason in self.reasons or len(self.reasons) < _MOST_REASONS
            self.reasons[reason if known else _OTHERS] += 1

    @property
    def all(self) -> int:
        """Every target that was read."""
        return self.read if self.targets is None else self.targets

    @property
    def decided(self) -> int:
        """Targets with a final outcome other than unsent."""
        return sum(self.counts.values()) - self.counts[Outcome.UNSENT]

    @property
    def unsent(self) -> int:
        """Targets that never left, or provably were not processed."""
        return self.all - self.decided

    def count(self, outcome: Outcome) -> int:
        """How many ended so; their sum is `all`."""
        return self.unsent if outcome is Outcome.UNSENT else self.counts[outcome]

    def tolerated(self, shares: Mapping[str, float]) -> int:
        """Refusals that change no exit code: of reasons that kept to their share of the answers."""
        answers = self.counts[Outcome.ACCEPTED] + self.counts[Outcome.REFUSED]
        within = (name for name, share in shares.items() if self.reasons[name] <= share * answers)
        return sum(self.reasons[name] for name in within)

    def exit_code(self, shares: Mapping[str, float], *, stopped: bool) -> ExitCode:
        """8 over 5 over 4 over 3; a run that `stopped` for refusals is 4 in the place of 5."""
        refused = self.counts[Outcome.REFUSED] > self.tolerated(shares)
        order = (
            (self.counts[Outcome.UNKNOWN] > 0, ExitCode.UNKNOWN),
            (stopped, ExitCode.REFUSED),
            (self.unsent > 0, ExitCode.NOT_SENT),
            (refused, ExitCode.REFUSED),
            (self.counts[Outcome.HELD] > self.repeats, ExitCode.HELD),
        )
        return next((code for holds, code in order if holds), ExitCode.DONE)
