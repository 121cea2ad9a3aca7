"""An export's CSV, read by the names in its header while it streams by. Pure.

No source states the order of the columns, their quoting or the form of a date, so none is relied
on. What is kept in memory is one number for each push type, status and day, not the rows.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter

from pushkit_cli.apns.exports import DATASETS, DATE, HIDDEN, PEAKS, Dataset
from pushkit_cli.errors import UsageError

Key = tuple[str, str, str]
"""Push type, status and day; in a broadcast report nothing, the column and the day."""
MAX_KEYS = 50_000
"""Different keys that are held; a month of every type and status has some three thousand. Ours."""
_MAX_LABEL = 200
_FOLD_AT = 131_072
_TOO_MANY = 10**15
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d[T ]?", re.ASCII)
_GROUPED = re.compile(r"\d{1,3}(,\d{3}){1,4}")
_PLAIN = re.compile(r"-?\d{1,15}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What an export holds. `hidden` are keys for which Apple showed no number at least once."""

    dataset: Dataset
    rows: int
    counts: Mapping[Key, int]
    hidden: frozenset[Key]
    unknown_columns: tuple[str, ...] = ()

    @property
    def days(self) -> tuple[str, ...]:
        """Every day that has a row, in order."""
        return tuple(sorted({key[2] for key in chain(self.counts, self.hidden)}))

    def within(self, first: str | None, last: str | None) -> "Export":
        """What falls on these days, both included; `None` is without an end."""

        def kept(key: Key) -> bool:
            return (first is None or key[2] >= first) and (last is None or key[2] <= last)

        return Export(
            dataset=self.dataset,
            rows=self.rows,
            counts={key: count for key, count in self.counts.items() if kept(key)},
            hidden=frozenset(key for key in self.hidden if kept(key)),
            unknown_columns=self.unknown_columns,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The first line: what the columns are called, and which dataset they make."""

    names: tuple[str, ...]
    dataset: Dataset

    @property
    def unknown(self) -> tuple[str, ...]:
        """Columns that no source names."""
        known = {_folded(name) for name in DATASETS[self.dataset].columns}
        return tuple(name for name in self.names if _folded(name) not in known)

    @property
    def ends_as_documented(self) -> bool:
        """Whether the date and the count stand last."""
        last = len(self.names) - 1
        return (self.place(DATE), self.place("Count")) == (last - 1, last)

    def place(self, name: str) -> int:
        """Where a known column stands."""
        return [_folded(one) for one in self.names].index(_folded(name))


def header_of(line: str) -> Header:
    """Read the first line. Raises UsageError where it is not one of an export's."""
    row = next(csv.reader([line.removeprefix("\ufeff")]), [])
    names = tuple(name.strip() for name in row)
    folded = [_folded(name) for name in names]
    for dataset in (Dataset.delivery, Dataset.broadcast_app, Dataset.broadcast_channel):
        if all(_folded(name) in folded for name in DATASETS[dataset].columns):
            twice = [name for name in names if folded.count(_folded(name)) > 1]
            if twice:
                raise UsageError(
                    f"two columns are called {twice[0]}", hint="an export has each column once"
                )
            return Header(names=names, dataset=dataset)
    wanted = ", ".join(DATASETS[Dataset.delivery].columns)
    seen = "nothing" if not line.strip() else line.strip()[:60]
    raise UsageError(
        f"this is no export of push metrics: it begins with {seen}",
        hint=f"the first line names the columns, of deliveries: {wanted}",
    )


def read(lines: Iterable[str]) -> Export:
    """Read an export, line by line. Raises UsageError with the line where it makes no sense."""
    source = iter(lines)
    header = header_of(next(source, ""))
    return _Reader(header).read(source)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row as it stands, a cell for each name of the header; `day` as `Key` has it."""

    line: int
    day: str
    cells: list[str]


def rows(lines: Iterable[str]) -> tuple[Header, Iterator[Row]]:
    """Every row of an export, one after another, unknown columns included. Raises UsageError."""
    source = iter(lines)
    header = header_of(next(source, ""))
    date = header.place(DATE)
    found = _cells(header, source, after=1)
    return header, (Row(line=line, day=day_of(row[date]), cells=row) for line, row in found)


def number_of(text: str) -> int | None:
    """A count; `None` for one that Apple hides. Raises ValueError for what is none."""
    text = text.strip()
    if _GROUPED.fullmatch(text):
        text = text.replace(",", "")
    if not _PLAIN.fullmatch(text) or not text.isascii():
        raise ValueError(f"{text[:40]!r} is no count")
    number = int(text)
    if number < HIDDEN:
        raise ValueError(f"{text} is less than nothing")
    return None if number == HIDDEN else number


def day_of(text: str) -> str:
    """The day of a date and time; a form that nobody knows stays as it is."""
    text = text.strip()
    return text[:10] if _DAY.match(text) else text[:_MAX_LABEL]


class _Lines(dict[tuple[str, str], int]):
    """Sums under what lines begin with and their days, each looked at once: when it is new."""

    def __init__(self, width: int, reader: "_Reader") -> None:
        super().__init__()
        self._commas = width - 3
        self._reader = reader

    def __missing__(self, key: tuple[str, str]) -> int:
        head, date = key
        if head.count(",") != self._commas or not _DATE.fullmatch(date):
            raise ValueError("a line that has to be taken apart")
        if len(self) >= _FOLD_AT:
            self.fold()
        return 0

    def fold(self) -> None:
        """Add up what belongs to the same key, and forget the lines."""
        for (head, date), count in self.items():
            self._reader.add(self._reader.key([*head.split(","), date]), count)
        self.clear()


@dataclass
class _Reader:
    header: Header
    counts: dict[Key, int] = field(default_factory=dict)
    hidden: set[Key] = field(default_factory=set)
    number: int = 0

    def __post_init__(self) -> None:
        if self.header.dataset is Dataset.delivery:
            type_, status, date = (self.header.place(n) for n in ("Push Type", "Status", DATE))
            self._pick = itemgetter(type_, status, date)

    def read(self, source: Iterator[str]) -> Export:
        if self.header.dataset is not Dataset.delivery:
            self._read_broadcast(source)
        elif self.header.ends_as_documented:
            self._read_by_line(source)
        else:
            self._read_cells(source, after=1)
        return Export(
            dataset=self.header.dataset,
            rows=self.number,
            counts=self.counts,
            hidden=frozenset(self.hidden),
            unknown_columns=self.header.unknown,
        )

    def key(self, row: list[str]) -> Key:
        kind, status, date = self._pick(row)
        return kind.strip()[:_MAX_LABEL], status.strip()[:_MAX_LABEL], day_of(date)

    def add(self, key: Key, count: int) -> None:
        if key in self.counts:
            self.counts[key] += count
            return
        self._make_room()
        self.counts[key] = count

    def hide(self, key: Key) -> None:
        if key not in self.hidden:
            self._make_room()
            self.hidden.add(key)

    def _make_room(self) -> None:
        if len(self.counts) + len(self.hidden) >= MAX_KEYS:
            raise UsageError(
                f"there are more than {MAX_KEYS} different types, statuses and days",
                hint="is this an export as Apple makes it? it has one row for each",
            )

    def _read_by_line(self, source: Iterator[str]) -> None:
        """Where date and count stand last, as documented, most lines need not be taken apart.

        What stands before them is looked at when it is new, and of the date the day alone.
        """
        lines = _Lines(len(self.header.names), self)
        for at, line in enumerate(source, start=2):
            if '"' in line:  # a quoted cell may go on in the next line
                lines.fold()
                self._read_cells(chain([line], source), after=at - 1)
                return
            try:
                head, date, tail = line.rsplit(",", 2)
                count = int(tail)
                if 0 <= count < _TOO_MANY and tail.isascii() and "_" not in tail:
                    lines[head, date[:11]] += count
                    self.number += 1
                    continue
            except ValueError:
                pass
            self._read_cells(iter([line]), after=at - 1)
        lines.fold()

    def _read_cells(self, source: Iterator[str], *, after: int) -> None:
        count = self.header.place("Count")
        for at, row in _cells(self.header, source, after=after):
            with_number = _counted(row[count], "Count", at)
            self.number += 1
            if with_number is None:
                self.hide(self.key(row))
            else:
                self.add(self.key(row), with_number)

    def _read_broadcast(self, source: Iterator[str]) -> None:
        date = self.header.place(DATE)
        measures = [name for name in DATASETS[self.header.dataset].columns if name != DATE]
        places = [(name, self.header.place(name)) for name in measures]
        for at, row in _cells(self.header, source, after=1):
            self.number += 1
            for name, place in places:
                key = ("", name, day_of(row[date]))
                number = _counted(row[place], name, at)
                if number is None:
                    self.hide(key)
                elif name in PEAKS:
                    self.add(key, max(0, number - self.counts.get(key, 0)))
                else:
                    self.add(key, number)


def _cells(header: Header, source: Iterator[str], *, after: int) -> Iterator[tuple[int, list[str]]]:
    """The rows behind the header, each with the line it ends on; `after`: lines read before."""
    reader = csv.reader(source)
    width = len(header.names)
    try:
        for row in reader:
            if not row:
                continue
            if len(row) != width:
                raise UsageError(
                    f"line {after + reader.line_num} has {len(row)} cells, and the header has "
                    f"{width}",
                    hint="was the file cut short? export it again",
                )
            yield after + reader.line_num, row
    except csv.Error as error:
        raise UsageError(
            f"line {after + reader.line_num} is no CSV: {error}", hint="export it again"
        ) from error


def _counted(text: str, column: str, line: int) -> int | None:
    try:
        return number_of(text)
    except ValueError as error:
        raise UsageError(
            f"line {line}, {column}: {error}", hint="a count is a whole number, -1 a hidden one"
        ) from error


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()
