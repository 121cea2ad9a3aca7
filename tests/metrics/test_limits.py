"""Limits for scripts: a grammar, and what a report is held against."""

import pytest

from pushkit_cli.errors import UsageError
from pushkit_cli.metrics.limits import Bound, Held, hold, read_limit
from pushkit_cli.metrics.reading import read
from pushkit_cli.metrics.report import Period, report
from tests.hostile import HOSTILE
from tests.metrics.test_report import BROADCAST, DISABLED, GONE, LATER, OFFLINE, ONCE, export

DAY = "2026-11-16"


def delivery() -> Period:
    return report(
        export(
            ("voip", ONCE, DAY, 950), ("voip", OFFLINE, DAY, 30), ("voip", LATER, DAY, 10),
            ("voip", GONE, DAY, 15), ("voip", DISABLED, DAY, 5),
            ("alert", ONCE, DAY, 500), ("alert", DISABLED, DAY, 500), ("new@x", ONCE, DAY, 1),
        )
    ).now  # fmt: skip


def held(bound: str, text: str, period: Period | None = None) -> Held:
    return hold(read_limit(Bound(bound), text), period or delivery())


MET = [
    ("min", "delivered@voip=96%", 0.96, True),
    ("min", "delivered@voip=96.1%", 0.96, False),
    ("max", "delivered@voip=96%", 0.96, True),
    ("min", "at-once@voip=95%", 0.95, True),
    ("min", "from-storage@voip=10", 10, True),
    ("max", "stored@voip=29", 30, False),
    ("max", "stored:device offline@voip=3%", 0.03, True),
    ("max", "discarded@voip=2%", 0.02, True),
    ("max", "discarded:Disabled@voip=0.4%", 0.005, False),
    ("max", "discarded:no such cause=0", 0, True),
    ("min", "received=2001", 2001, True),
    ("min", "received=2002", 2001, False),
    ("min", "received@new@x=1", 1, True),
    ("min", "received@complication=1", 0, False),
]


@pytest.mark.parametrize(("bound", "text", "got", "met"), MET)
def test_a_limit_is_met_or_not(bound: str, text: str, got: float, met: bool) -> None:
    found = held(bound, text)
    assert found.got == pytest.approx(got)
    assert (found.is_met, found.why) == (met, None)


def test_a_share_of_nothing() -> None:
    for bound, met in (("min", False), ("max", True)):
        found = held(bound, "delivered@complication=50%")
        assert (found.got, found.is_met, found.why) == (None, met, "nothing was received")


@pytest.mark.parametrize(
    ("bound", "text", "got", "met"),
    [
        ("min", "published=7", 7, True),
        ("max", "published=6", 7, False),
        ("min", "delivered=80", 80, True),
        ("min", "delivered=81", None, False),
        ("max", "delivered=1000", None, False),
        ("min", "subscriptions=22", 22, True),
    ],
)
def test_what_is_hidden_meets_no_limit(bound: str, text: str, got: float | None, met: bool) -> None:
    found = held(bound, text, report(read(BROADCAST)).now)
    assert (found.got, found.is_met, bool(found.why)) == (got, met, got is None)


@pytest.mark.parametrize(
    "text", ["subscribers=1", "discarded=1", "delivered@voip=1", "delivered=5%"]
)
def test_a_broadcast_report_has_numbers_of_its_own(text: str) -> None:
    with pytest.raises(UsageError, match="this dataset has no such number") as caught:
        held("min", text, report(read(BROADCAST)).now)
    assert caught.value.hint == "it has published, delivered, subscriptions"


def test_a_delivery_report_has_no_subscribers() -> None:
    with pytest.raises(UsageError, match="this dataset has no such number"):
        held("min", "subscribers=1")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no limit"),
        ("delivered", "is no limit"),
        ("delivered=", "is no limit"),
        ("=5%", "is no limit"),
        ("delivered=95%%", "is no limit"),
        ("delivered=-1", "is no limit"),
        ("delivered=1e9", "is no limit"),
        ("delivered=.5", "is no limit"),
        ("delivered>=5", "is no limit"),
        ("delivered = 5", "is no limit"),
        ("delivered=__import__('os')", "is no limit"),
        ("delivered@=5", "is no limit"),
        ("discarded:=5", "is no limit"),
        ("dilivered=95%", "nothing is called dilivered"),
        ("delivered:disabled=1%", "delivered has no causes"),
        ("delivered=101%", "can be no share"),
        ("received=50%", "can be no share"),
        ("published=50%", "can be no share"),
    ],
)
def test_what_is_no_limit_is_named(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_limit(Bound.least, text)
    assert said in caught.value.message
    assert caught.value.message.startswith("--min")
    assert caught.value.hint


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_no_limit(text: str) -> None:
    with pytest.raises(UsageError):
        read_limit(Bound.most, f"{text}=5{text}")
