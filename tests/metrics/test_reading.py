"""An export's CSV: read by the names in its header, whatever their order, or refused by line."""

import csv
import io
from collections.abc import Iterator
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pushkit_cli.apns.exports import Dataset
from pushkit_cli.errors import UsageError
from pushkit_cli.metrics.reading import MAX_KEYS, Export, number_of, read, rows
from pushkit_cli.metrics.statuses import Family, status_of
from tests.hostile import HOSTILE

HEAD = "Push Type,Status,Date (UTC),Count\n"
DAY = "2026-11-16"


def lines(text: str) -> Iterator[str]:
    return iter(io.StringIO(text, newline=""))


def export(text: str) -> Export:
    return read(lines(text))


ROW = f"voip,Delivered to Device,{DAY},7\n"
QUOTED = '"Push Type","Status","Date (UTC)","Count"\n"voip","Delivered to Device","{}","7"\n'
SPLIT = "voip,Delivered to Device,{0}{1},3\nvoip,Delivered to Device,{0}{2},4\n"
SAME = {
    "as documented": HEAD + ROW,
    "another order": f"Count,Date (UTC),Status,Push Type\n7,{DAY},Delivered to Device,voip\n",
    "the count in the middle": "Status,Count,Push Type,Date (UTC)\n"
    f"Delivered to Device,7,voip,{DAY}\n",
    "a byte order mark": "\ufeff" + HEAD + ROW,
    "CRLF": (HEAD + ROW).replace("\n", "\r\n"),
    "no last line end": (HEAD + ROW).rstrip(),
    "blank lines": f"{HEAD}\n{ROW}\n\n\n",
    "every cell quoted": QUOTED.format(DAY),
    "other case and blanks": " push type ,STATUS,date  (utc),count\n" + ROW,
    "blanks around cells": HEAD + f"voip , Delivered to Device, {DAY} , 7 \n",
    "with a time": HEAD + f"voip,Delivered to Device,{DAY} 00:00:00Z,7\n",
    "ISO 8601": HEAD + f"voip,Delivered to Device,{DAY}T05:00:00.123456Z,7\n",
    "in two rows": HEAD + SPLIT.format(DAY, "", ""),
    "hours": HEAD + SPLIT.format(DAY, "T01:00", "T02:00"),
}


@pytest.mark.parametrize("text", SAME.values(), ids=SAME)
def test_the_same_is_read_in_whatever_form_it_comes(text: str) -> None:
    found = export(text)
    assert found.dataset is Dataset.delivery
    assert found.counts == {("voip", "Delivered to Device", DAY): 7}
    assert (found.hidden, found.days) == (frozenset(), (DAY,))


def test_what_nobody_knows_is_kept() -> None:
    text = f"Region,Push Type,Status,Date (UTC),Count\nEU,hologram,Beamed - Away,{DAY},5\n"
    found = export(text)
    assert found.unknown_columns == ("Region",)
    assert found.counts == {("hologram", "Beamed - Away", DAY): 5}
    _, each = rows(lines(text))
    assert [one.cells for one in each] == [["EU", "hologram", "Beamed - Away", DAY, "5"]]


def test_a_date_of_another_form_is_a_day_of_its_own() -> None:
    found = export(HEAD + "".join(f"voip,Stored,November {n},1\n" for n in (16, 17, 16)))
    assert {key[2]: count for key, count in found.counts.items()} == {
        "November 16": 2, "November 17": 1,
    }  # fmt: skip


def test_a_hidden_count_is_no_number() -> None:
    found = export(HEAD + f"voip,Stored,{DAY},-1\nvoip,Stored,{DAY},4\nalert,Stored,{DAY},-1\n")
    assert found.counts == {("voip", "Stored", DAY): 4}
    assert found.hidden == {("voip", "Stored", DAY), ("alert", "Stored", DAY)}
    assert found.rows == 3


def test_an_empty_report_is_one() -> None:
    found = export(HEAD)
    assert (found.rows, found.counts, found.days) == (0, {}, ())


def test_quotes_anywhere_and_a_line_end_in_a_cell() -> None:
    odd = f'voip,Delivered to Device,{DAY},7\nvoip,"Dis, ""x""\nplayed",{DAY},"1,234"\n'
    found = export(HEAD + odd + f"alert,Stored,{DAY},2\n")
    assert found.counts == {
        ("voip", "Delivered to Device", DAY): 7,
        ("voip", 'Dis, "x"\nplayed', DAY): 1234,
        ("alert", "Stored", DAY): 2,
    }
    assert found.rows == 3


BROADCAST = "Date (UTC),Broadcasts Published,Broadcasts Delivered,Total Subscriptions"


def test_a_broadcast_report_adds_up_what_happened_and_keeps_the_peak_of_what_is() -> None:
    found = export(f"{BROADCAST}\n{DAY},2,30,15\n{DAY},1,12,14\n2026-11-17,1,-1,-1\n")
    assert found.dataset is Dataset.broadcast_channel
    assert found.counts == {
        ("", "Broadcasts Published", DAY): 3,
        ("", "Broadcasts Delivered", DAY): 42,
        ("", "Total Subscriptions", DAY): 15,
        ("", "Broadcasts Published", "2026-11-17"): 1,
    }
    assert {key[1] for key in found.hidden} == {"Broadcasts Delivered", "Total Subscriptions"}
    assert export(f"{BROADCAST},Unique Subscribers\n").dataset is Dataset.broadcast_app


BROKEN = {
    "nothing": ("", "it begins with nothing"),
    "a page": ("<!DOCTYPE html>\n<html>", "it begins with <!DOCTYPE html>"),
    "another file": ("name,age\nx,1\n", "no export of push metrics"),
    "a column twice": ("Count," + HEAD, "two columns are called Count"),
    "a cell short": (HEAD + f"voip,Stored,{DAY},1\nvoip,Stored,2026\n", "line 3 has 3 cells"),
    "a cell more": (HEAD + f"voip,Stored,x,{DAY},1\n", "line 2 has 5 cells, and the header has 4"),
    "a word": (HEAD + f"voip,Stored,{DAY},many\n", "line 2, Count: 'many' is no count"),
    "a fraction": (HEAD + f"voip,Stored,{DAY},1.5\n", "'1.5' is no count"),
    "no number": (HEAD + f"voip,Stored,{DAY},\n", "'' is no count"),
    "less than hidden": (HEAD + f"voip,Stored,{DAY},-2\n", "-2 is less than nothing"),
    "an endless number": (HEAD + f"voip,Stored,{DAY},{'9' * 5000}\n", "is no count"),
    "a large number": (HEAD + f"voip,Stored,{DAY},{'9' * 16}\n", "is no count"),
    "foreign digits": (HEAD + f"voip,Stored,{DAY},１２\n", "is no count"),
    "a number of Python's": (HEAD + f"voip,Stored,{DAY},1_000\n", "is no count"),
    "a quote without end": (HEAD + f'voip,"Stored,{DAY},1\n', "line 2 has 2 cells"),
    "an endless cell": (HEAD + f'voip,"{"x" * 200_000}",{DAY},1\n', "line 2 is no CSV"),
    "behind a quote": (HEAD + f'voip,"Stored",{DAY},1\nvoip,x\n', "line 3 has 2 cells"),
    "a broadcast": (f"{BROADCAST}\n{DAY},x,1,1\n", "line 2, Broadcasts Published: 'x'"),
}


@pytest.mark.parametrize(("text", "said"), BROKEN.values(), ids=BROKEN)
def test_what_makes_no_sense_is_named_with_its_line(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        export(text)
    assert said in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("label", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_label_is_one_label(label: str) -> None:
    out = io.StringIO()
    csv.writer(out).writerows([HEAD.strip().split(","), [label, label, DAY, "3"]])
    found = export(out.getvalue())
    assert list(found.counts.values()) == [3]
    ((kind, status, _),) = found.counts
    assert kind == status == label.strip()[:200]


_LABELS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(_LABELS, _LABELS, st.integers(-1, 10**6)), max_size=12), st.booleans())
def test_by_line_and_by_cell_come_to_the_same(
    found: list[tuple[str, str, int]], last: bool
) -> None:
    def written(order: tuple[int, ...]) -> Export:
        names, out = HEAD.strip().split(","), io.StringIO()
        writer = csv.writer(out)
        writer.writerow([names[n] for n in order])
        writer.writerows([[(a, b, DAY, c)[n] for n in order] for a, b, c in found])
        return export(out.getvalue())

    one, other = written((0, 1, 2, 3)), written((3, 1, 0, 2) if last else (1, 0, 3, 2))
    assert (one.counts, one.hidden, one.rows) == (other.counts, other.hidden, other.rows)


def test_rows_are_not_kept() -> None:
    """Each line begins in another way; what is held of them is let go before it is much."""
    blanks = (f"{' ' * (n % 400)}voip{' ' * (n // 400)},Stored,{DAY},1\n" for n in range(140_000))
    found = read(chain([HEAD], blanks))
    assert found.counts == {("voip", "Stored", DAY): 140_000}


def test_too_many_different_keys_are_refused() -> None:
    head = "Count,Push Type,Status,Date (UTC)\n"
    many = (f"1,voip,{number},{DAY}\n" for number in range(MAX_KEYS + 1))
    with pytest.raises(UsageError, match="more than 50000 different"):
        read(iter([head, *many]))


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), (" 12 ", 12), ("1,234", 1234), ("12,345,678", 12_345_678), ("-1", None)],
)
def test_counts(text: str, number: int | None) -> None:
    assert number_of(text) == number


@pytest.mark.parametrize("text", ["1_000", "+1", "1,23", "１２", "0x1", "1e3", "--1", "NaN"])
def test_no_counts(text: str) -> None:
    with pytest.raises(ValueError, match="is no count"):
        number_of(text)


LABELS = [
    ("Received by APNs", Family.received, None, False),
    ("Delivered to Device", Family.delivered, None, False),
    ("Delivered to Device (From Storage)", Family.delivered, None, True),
    ("Stored - Device Offline", Family.stored, "device offline", False),
    ("Stored - Power Considerations", Family.stored, "power considerations", False),
    ("Discarded - Token Unregistered", Family.discarded, "token unregistered", False),
    ("Discarded - Token Unregistered (From Storage)", Family.discarded, "token unregistered", True),
    ("Discarded \u2013 Disabled (from storage)", Family.discarded, "disabled", True),
    ("DISCARDED", Family.discarded, None, False),
    ("Stored - ", Family.stored, None, False),
    ("Re-routed - Elsewhere", Family.other, "elsewhere", False),
    ("other - x", Family.other, "x", False),
    ("", Family.other, None, False),
]


@pytest.mark.parametrize(("label", "family", "cause", "from_storage"), LABELS)
def test_a_label_is_read_by_its_words(
    label: str, family: Family, cause: str | None, from_storage: bool
) -> None:
    found = status_of(label)
    assert (found.family, found.cause, found.from_storage) == (family, cause, from_storage)
    assert found.label == label
