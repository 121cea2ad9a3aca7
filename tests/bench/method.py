"""How everything here is measured: in turn, warmed up, medians, and ratios of one run.

Absolute figures of one machine move by a factor of two from hour to hour; whatever else it does
falls on all that is run in turn. So what is wanted is a ratio to a peer in the same run.
"""

import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

ROUNDS = 5

Figures = dict[str, list[float]]
"""What was measured by name, a value a round."""


class PeerFailedError(Exception):
    """Somebody else's program did not do it: its row is missing, and the others go on."""


def in_turn(
    runs: Mapping[str, Callable[[], float]], missing: list[str], *, rounds: int = ROUNDS
) -> Figures:
    """Every run once a round, one after the other; the first round warms up and is thrown away.

    A peer that fails once is left out, and `missing` says so.
    """
    found: Figures = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name in list(found):
            _say_progress(f"{name}, {f'{number} of {rounds}' if number else 'warm-up'}")
            try:
                figure = runs[name]()
            except PeerFailedError as error:
                missing.append(f"{name}, which failed: {error}")
                del found[name]
                continue
            found[name] += [figure] if number else []
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A bound, what was measured against it, and how far that was spread in single rounds."""

    said: str
    value: float
    bound: float
    at_least: bool
    spread: tuple[float, float] | None = None

    @property
    def holds(self) -> bool:
        """Whether the median keeps to the bound."""
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    def line(self) -> str:
        """As it is printed."""
        spread = "" if self.spread is None else " ({} to {})".format(*map(short, self.spread))
        most = "at least" if self.at_least else "at most"
        return (
            f"  {'holds ' if self.holds else 'MISSED'} {self.said}: {short(self.value)}{spread}, "
            f"{most} {short(self.bound)} is wanted"
        )


@dataclass(slots=True, kw_only=True)
class Table:
    """What one row of the bench found; `base` is the peer that the others are divided by."""

    name: str
    title: str
    unit: str
    figures: Figures = field(default_factory=dict)
    base: str | None = None
    wanted: list[Wanted] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def ratio(
        self, said: str, mine: str, theirs: str, bound: float, *, at_least: bool = True
    ) -> None:
        """Want a ratio of two medians; where one of both is not here that is said."""
        if not (self.figures.get(mine) and self.figures.get(theirs)):
            absent = mine if not self.figures.get(mine) else theirs
            self.missing.append(f"{said}: not measured without {absent}")
            return
        each = [a / b for a, b in zip(self.figures[mine], self.figures[theirs], strict=True)]
        self.wanted.append(Wanted(
            said=said,
            value=statistics.median(self.figures[mine]) / statistics.median(self.figures[theirs]),
            bound=bound,
            at_least=at_least,
            spread=(min(each), max(each)),
        ))  # fmt: skip

    def at_most(self, said: str, value: float, bound: float) -> None:
        """Want no more than a bound."""
        self.wanted.append(Wanted(said=said, value=value, bound=bound, at_least=False))

    def lines(self) -> list[str]:
        """As it is printed, in 80 columns where names are short."""
        width = max((len(name) for name in self.figures), default=10)
        heads = ("median", "lowest", "highest", *(("ratio",) if self.base else ()))
        said = [self.title]
        if self.figures:
            said.append(f"  {self.unit:<{width}}" + "".join(f"{head:>10}" for head in heads))
        base = self.figures.get(self.base or "")
        for name, each in self.figures.items():
            middle = statistics.median(each)
            figures = [short(middle), short(min(each)), short(max(each))]
            if base:
                figures.append(f"{middle / statistics.median(base):.2f}")
            said.append(f"  {name:<{width}}" + "".join(f"{one:>10}" for one in figures))
        said += [f"  ratio: to {self.base}"] if base else []
        said += [one.line() for one in self.wanted]
        return said + [f"  not here: {one}" for one in self.missing]

    def as_object(self) -> dict[str, Any]:
        """For the machine: every round's figure."""
        return {
            "name": self.name,
            "title": self.title,
            "unit": self.unit,
            "figures": self.figures,
            "base": self.base,
            "wanted": [
                {
                    "said": one.said,
                    "value": one.value,
                    "bound": one.bound,
                    "at_least": one.at_least,
                    "spread": one.spread,
                    "holds": one.holds,
                }
                for one in self.wanted
            ],
            "missing": self.missing,
        }


def short(figure: float) -> str:
    """Three digits, or whole."""
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}"


def say(lines: Sequence[str]) -> None:
    """To standard output, at once."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def _say_progress(what: str) -> None:
    """One line on a terminal's stderr that the next one covers."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{what}\r")
        sys.stderr.flush()
