"""What an export says as numbers: totals, shares, causes, days, what changed, and advice."""

from datetime import date, timedelta

import pytest

from pushkit_cli.metrics.advice import advice, rise_of_disabled
from pushkit_cli.metrics.reading import Export, read
from pushkit_cli.metrics.report import Period, Report, Tally, change, report
from pushkit_cli.metrics.statuses import Family

HEAD = "Push Type,Status,Date (UTC),Count\n"
RECEIVED, ONCE, LATER = (
    "Received by APNs",
    "Delivered to Device",
    "Delivered to Device (From Storage)",
)
OFFLINE = "Stored - Device Offline"
GONE, GONE_LATER = (
    "Discarded - Token Unregistered",
    "Discarded - Token Unregistered (From Storage)",
)
DISABLED = "Discarded - Disabled"


def export(*rows: tuple[str, str, str, int]) -> Export:
    return read([HEAD, *(f"{a},{b},{c},{d}\n" for a, b, c, d in rows)])


def of(**counts: int) -> Tally:
    names = {"received": RECEIVED, "once": ONCE, "later": LATER, "offline": OFFLINE, "gone": GONE,
             "gone_later": GONE_LATER, "disabled": DISABLED, "odd": "Beamed - Up"}  # fmt: skip
    return Tally({names[name]: count for name, count in counts.items()})


def test_what_came_out_of_storage_is_no_further_notification() -> None:
    found = of(once=70, offline=20, later=12, gone=10, gone_later=3)
    assert found.received == 100
    assert not found.has_received
    assert (found.at_once, found.from_storage, found.delivered) == (70, 12, 82)
    assert (found.stored, found.discarded) == (20, 13)
    assert found.share(found.delivered) == 0.82


def test_a_number_of_apples_goes_before_one_that_was_added_up() -> None:
    found = of(received=1000, once=700, odd=4)
    assert (found.received, found.has_received, found.others) == (1000, True, {"Beamed - Up": 4})
    assert of().share(0) is None
    assert of().received == 0


def test_causes_add_up_over_both_ways_and_the_largest_is_first() -> None:
    found = of(gone=5, gone_later=4, disabled=20)
    assert list(found.causes(Family.discarded).items()) == [
        ("disabled", 20),
        ("token unregistered", 9),
    ]
    assert found.causes(Family.stored) == {}


def test_types_are_in_the_order_of_the_table_and_unknown_ones_last() -> None:
    found = report(
        export(*((kind, ONCE, "2026-11-16", 1) for kind in ("zz", "alert", "aa", "voip")))
    )
    assert list(found.now.by_type) == ["voip", "alert", "aa", "zz"]
    assert found.now.of_type("aa").total.at_once == 1


def test_a_day_without_a_row_is_a_day() -> None:
    some = export(("voip", ONCE, "2026-11-16", 3), ("voip", ONCE, "2026-11-18", 4))
    found = report(some, first="2026-11-15", last="2026-11-18").now
    assert [(day, one.at_once) for day, one in found.by_day.items()] == [
        ("2026-11-15", 0), ("2026-11-16", 3), ("2026-11-17", 0), ("2026-11-18", 4),
    ]  # fmt: skip
    odd = report(export(("voip", ONCE, "Nov 16", 3), ("voip", ONCE, "Nov 2", 4))).now
    assert odd.days == ("Nov 16", "Nov 2")


def _fortnight(first: str, daily: int, later: int) -> Export:
    start = date.fromisoformat(first)
    days = [(start + timedelta(days=n)).isoformat() for n in range(14)]
    return export(*(("voip", ONCE, day, daily if n < 7 else later) for n, day in enumerate(days)))


def test_the_period_before_is_as_long_and_ends_the_day_before() -> None:
    found = report(_fortnight("2026-11-09", 100, 150), first="2026-11-16", last="2026-11-22")
    assert found.before is not None
    assert (found.before.first, found.before.last) == ("2026-11-09", "2026-11-15")
    assert change(found.before.total.received, found.now.total.received) == 0.5


@pytest.mark.parametrize(
    ("first", "last"), [("2026-11-15", "2026-11-22"), (None, None), (None, "2026-11-22")]
)
def test_a_part_of_a_period_is_not_compared(first: str | None, last: str | None) -> None:
    assert report(_fortnight("2026-11-09", 1, 1), first=first, last=last).before is None


def test_change_says_nothing_where_there_is_nothing_to_compare_with() -> None:
    assert change(None, 5) is change(0, 5) is change(5, None) is None
    assert change(4, 3) == -0.25


def test_the_first_days_of_the_calendar() -> None:
    early = export(("voip", ONCE, "0001-01-01", 3))
    assert report(early, first="0001-01-01", last="0001-01-02").before is None


# Broadcasts

BROADCAST = (
    "Date (UTC),Broadcasts Published,Broadcasts Delivered,Total Subscriptions\n",
    "2026-11-16,2,30,15\n",
    "2026-11-17,1,-1,-1\n",
    "2026-11-18,4,50,22\n",
)


def test_a_hidden_value_is_in_no_sum_and_no_peak() -> None:
    found = report(read(BROADCAST)).now
    assert found.columns["Broadcasts Delivered"] == {
        "2026-11-16": 30, "2026-11-17": None, "2026-11-18": 50,
    }  # fmt: skip
    assert found.in_all("Broadcasts Published") == 7
    assert found.in_all("Broadcasts Delivered") == 80
    assert found.in_all("Total Subscriptions") == 22
    assert found.in_all("Unique Subscribers") is None


# Advice


def _two(before: Tally, now: Tally) -> Report:
    def period(tally: Tally) -> Period:
        rows = [("voip", label, "2026-11-16", count) for label, count in tally.counts.items()]
        return Period(export=export(*rows), first="2026-11-16", last="2026-11-16")

    return Report(now=period(now), before=period(before))


ADVICE = [
    (of(once=100), of(once=900, offline=90, later=20), ["dead-devices"]),
    (of(once=100), of(once=900, offline=90), ["dead-devices"]),
    (of(once=100), of(once=900, offline=90, later=60), []),
    (of(once=100), of(once=9000, offline=9), []),
    (of(once=980, disabled=20), of(once=970, disabled=30), ["switched-off"]),
    (of(once=980, disabled=20), of(once=1960, disabled=40), []),
    (of(once=9990, disabled=1), of(once=9990, disabled=9), []),
    (of(once=100), of(once=980, disabled=20), []),
]


@pytest.mark.parametrize(("before", "now", "names"), ADVICE)
def test_advice_is_given_where_apple_has_a_reading(
    before: Tally, now: Tally, names: list[str]
) -> None:
    assert [one.name for one in advice(_two(before, now))] == names


def test_a_rise_is_one_of_the_share() -> None:
    found = _two(of(once=990, disabled=10), of(once=480, disabled=20))
    assert rise_of_disabled(found) == pytest.approx(3)
    assert rise_of_disabled(Report(now=found.now, before=None)) is None
