"""What an export says, as numbers: totals, shares, causes, types, days and what changed. Pure."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property

from pushkit_cli.apns.exports import DATASETS, DATE, PEAKS, Dataset
from pushkit_cli.apns.push import PushType
from pushkit_cli.metrics.reading import Export, Key
from pushkit_cli.metrics.statuses import Family, Status, status_of


@dataclass(frozen=True)
class Tally:
    """Counts by status label, and what they come to. Hidden counts are in none of the sums."""

    counts: Mapping[str, int]
    hidden: frozenset[str] = frozenset()

    @cached_property
    def received(self) -> int:
        """What APNs took: its own number, else what became of it at first.

        A notification that was stored and delivered later counts once in each, so what came out
        of storage is no further notification.
        """
        said = [count for one, count in self._read if one.family is Family.received]
        return sum(said) if self.has_received else self.at_once + self.stored + self.at_the_door

    @property
    def has_received(self) -> bool:
        """Whether the number received is Apple's; else it was added up here."""
        return any(one.family is Family.received for one, _ in self._read)

    @property
    def at_once(self) -> int:
        """Delivered without having been stored."""
        return self._sum(Family.delivered, from_storage=False)

    @property
    def from_storage(self) -> int:
        """Delivered after having been stored."""
        return self._sum(Family.delivered, from_storage=True)

    @property
    def delivered(self) -> int:
        """Delivered, whenever."""
        return self.at_once + self.from_storage

    @property
    def stored(self) -> int:
        """Stored, whatever became of it later."""
        return self._sum(Family.stored)

    @property
    def at_the_door(self) -> int:
        """Discarded without having been stored."""
        return self._sum(Family.discarded, from_storage=False)

    @property
    def discarded(self) -> int:
        """Discarded, whenever."""
        return self._sum(Family.discarded)

    def causes(self, family: Family) -> dict[str, int]:
        """The counts of a family by cause, the largest first."""
        found: Counter[str] = Counter()
        for one, count in self._read:
            if one.family is family:
                found[one.cause or "no cause named"] += count
        return dict(found.most_common())

    @property
    def others(self) -> dict[str, int]:
        """The counts of labels that belong to no family known here."""
        return {one.label: count for one, count in self._read if one.family is Family.other}

    def share(self, count: int) -> float | None:
        """A count as a share of what was received; `None` where nothing was."""
        return count / self.received if self.received else None

    def _sum(self, family: Family, *, from_storage: bool | None = None) -> int:
        return sum(
            count
            for one, count in self._read
            if one.family is family and from_storage in (None, one.from_storage)
        )

    @cached_property
    def _read(self) -> list[tuple[Status, int]]:
        return [(status_of(label), count) for label, count in self.counts.items()]


@dataclass(frozen=True, kw_only=True)
class Period:
    """Some days of one export. `first` and `last` are those asked for, else those that are there.

    In a broadcast report `columns` has a number, or `None` where it is hidden, for each column
    and day.
    """

    export: Export
    first: str | None
    last: str | None

    @cached_property
    def days(self) -> tuple[str, ...]:
        """Each day, in order; where every one is a date, those without a row too."""
        found = self.export.days
        first, last = _date(self.first), _date(self.last)
        if first is None or last is None or None in map(_date, found):
            return found
        span = min((last - first).days, 3660)
        every = {(first + timedelta(days=n)).isoformat() for n in range(span + 1)}
        return tuple(sorted({*every, *found}))

    @cached_property
    def total(self) -> Tally:
        """Everything together."""
        return _tally(self.export, lambda _: "").get("", Tally({}))

    @cached_property
    def by_type(self) -> dict[str, Tally]:
        """By push type: those this tool knows in the order of its table, then the others."""
        found = _tally(self.export, lambda key: key[0])
        known = {str(kind): place for place, kind in enumerate(_ORDER)}
        order = sorted(found, key=lambda kind: (known.get(kind, len(known)), kind))
        return {kind: found[kind] for kind in order}

    @cached_property
    def by_day(self) -> dict[str, Tally]:
        """By day, days without a row included."""
        found = _tally(self.export, lambda key: key[2])
        return {day: found.get(day, Tally({})) for day in self.days}

    def of_type(self, kind: str) -> "Period":
        """The same days of one push type."""
        export = replace(
            self.export,
            counts={key: n for key, n in self.export.counts.items() if key[0] == kind},
            hidden=frozenset(key for key in self.export.hidden if key[0] == kind),
        )
        return replace(self, export=export)

    @cached_property
    def columns(self) -> dict[str, dict[str, int | None]]:
        """A broadcast report: each column by day; a day that has no row is left out."""
        if self.export.dataset is Dataset.delivery:
            return {}
        names = [name for name in DATASETS[self.export.dataset].columns if name != DATE]
        return {
            name: {
                day: self.export.counts.get(("", name, day))
                for day in self.days
                if ("", name, day) in self.export.counts or ("", name, day) in self.export.hidden
            }
            for name in names
        }

    def in_all(self, column: str) -> int | None:
        """A broadcast column over all days: the largest of a peak, else the sum.

        Hidden days are left out; `None` where no day shows a number.
        """
        shown = [count for count in self.columns.get(column, {}).values() if count is not None]
        if not shown:
            return None
        return max(shown) if column in PEAKS else sum(shown)


@dataclass(frozen=True, kw_only=True)
class Report:
    """A period, and the one before it where the export reaches that far back."""

    now: Period
    before: Period | None


def report(export: Export, *, first: str | None = None, last: str | None = None) -> Report:
    """The days asked for, and as many before them. Both ends are included, as `yyyy-MM-dd`."""
    now = _period(export, first, last)
    start, end = _date(now.first), _date(now.last)
    if start is None or end is None or first is None:
        return Report(now=now, before=None)
    length = end - start + timedelta(days=1)
    try:
        earlier = ((start - length).isoformat(), (start - timedelta(days=1)).isoformat())
    except OverflowError:  # the first days of the calendar
        return Report(now=now, before=None)
    before = _period(export, *earlier)
    # A part of a period would look like a rise.
    is_whole = before.export.days[:1] == earlier[:1]
    return Report(now=now, before=before if is_whole else None)


def change(before: float | None, now: float | None) -> float | None:
    """By what share a number grew; `None` where there was none to compare with."""
    if before is None or now is None or not before:
        return None
    return now / before - 1


_ORDER = (PushType.voip, *(kind for kind in PushType if kind is not PushType.voip))


def _period(export: Export, first: str | None, last: str | None) -> Period:
    kept = export.within(first, last)
    days = kept.days or (None,)
    return Period(export=kept, first=first or days[0], last=last or days[-1])


def _tally(export: Export, group: Callable[[Key], str]) -> dict[str, Tally]:
    counts: dict[str, Counter[str]] = {}
    hidden: dict[str, set[str]] = {}
    for key, count in export.counts.items():
        counts.setdefault(group(key), Counter())[key[1]] += count
    for key in export.hidden:
        hidden.setdefault(group(key), set()).add(key[1])
    return {
        name: Tally(counts.get(name, Counter()), frozenset(hidden.get(name, ())))
        for name in counts | hidden
    }


def _date(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        return None
