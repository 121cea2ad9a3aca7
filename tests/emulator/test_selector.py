"""WHAT[@DEVICE]=COUNT and PATH=VALUE: what they mean, and what is said where they mean nothing."""

from typing import Any

import pytest

from pushkit_cli.apns.push import PushType
from pushkit_cli.apns.reasons import REASONS
from pushkit_cli.emulator.selector import (
    EVENTS,
    Count,
    Filter,
    from_data,
    read_condition,
    read_count,
    read_expectation,
    read_what,
    to_data,
)
from pushkit_cli.errors import UsageError
from pushkit_cli.phone.paths import Place

ACCEPTED: dict[str, Any] = {
    "event": "push", "type": "voip", "device": "iphone", "app": "com.example.app", "status": 200,
    "reason": None, "apns_id": "AB-1", "topic": "com.example.app.voip",
    "headers": {"apns-expiration": "0", "x.y": "z"},
    "payload": {"n": 2, "t": True, "list": [{"a": "b"}], "text": "2", "nothing": None},
}  # fmt: skip
REFUSED = {**ACCEPTED, "status": 410, "reason": "Unregistered"}
UNKNOWN = {**ACCEPTED, "status": 400, "reason": "BadDeviceToken", "device": None, "app": None}
REPORTED: dict[str, Any] = {
    "event": "call-reported", "type": "voip", "device": "iphone", "app": "com.example.app",
    "apns_id": "AB-1", "reason": None, "push_id": "p",
}  # fmt: skip
CREATED: dict[str, Any] = {
    "event": "channel", "type": None, "device": None, "app": "com.example.app", "status": 201,
    "reason": None, "apns_id": None, "topic": None, "channel": "dHN0",
}  # fmt: skip
NO_MORE = {**CREATED, "status": 400, "reason": "CannotCreateChannelConfig"}
ALL = (ACCEPTED, REFUSED, UNKNOWN, REPORTED, CREATED, NO_MORE)


def _seen(text: str) -> list[int]:
    what = read_what(text)
    return [number for number, event in enumerate(ALL) if what.matches(event)]


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("voip", [0]),
        ("alert", []),
        ("voip@iphone", [0]),
        ("voip@watch", []),
        ("refused", [1, 2, 5]),
        ("refused:CannotCreateChannelConfig", [5]),
        ("channel", [4, 5]),
        ("refused@iphone", [1]),
        ("refused:Unregistered", [1]),
        ("refused:ExpiredToken", []),
        ("push", [0, 1, 2]),
        ("push:voip", [0, 1, 2]),
        ("push:alert", []),
        ("call-reported", [3]),
        ("call-reported:voip@iphone", [3]),
        ("call-reported:complication", []),
        ("terminated", []),
    ],
)
def test_what_is_meant(text: str, seen: list[int]) -> None:
    assert _seen(text) == seen
    assert read_what(text).text == text


@pytest.mark.parametrize("word", [*PushType, "refused", *EVENTS])
def test_every_known_word_can_be_asked_for(word: str) -> None:
    assert read_what(str(word)).matches({**ACCEPTED, "event": "closed"}) is False


@pytest.mark.parametrize(
    ("text", "says", "hint"),
    [
        ("vopi", "did you mean voip?", "call-reported"),
        ("", "nothing is called ", "alert, background"),
        ("VOIP", "nothing is called VOIP", "a push type"),
        ("voip@", "names no device", "voip@NAME"),
        ("voip:alert", "nothing follows a push type", "EVENT:voip"),
        ("delivered:vip", "no push type is called vip; did you mean voip?", "known are alert"),
        ("delivered:", "no push type is called nothing", "known are alert"),
        ("refused:Unregisterd", "did you mean Unregistered?", "BadDeviceToken"),
        ("refused:", "no reason is called nothing", "BadDeviceToken"),
        ("closed", "nothing is called closed", "terminated"),
    ],
)
def test_what_nobody_could_ever_see_is_refused(text: str, says: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_what(text)
    assert says in caught.value.message
    assert hint in (caught.value.hint or "")


def test_every_reason_can_be_asked_for() -> None:
    for word in REASONS:
        assert read_what(f"refused:{word}").matches({**REFUSED, "reason": word})


# How many


@pytest.mark.parametrize(
    ("text", "count", "right", "wrong", "exceeded"),
    [
        ("2", Count(least=2, most=2), [2], [0, 1, 3], [3]),
        ("2+", Count(least=2, most=None), [2, 3, 10**9], [0, 1], []),
        ("1..3", Count(least=1, most=3), [1, 2, 3], [0, 4], [4]),
        ("0", Count(least=0, most=0), [0], [1], [1]),
        ("0+", Count(least=0, most=None), [0, 7], [], []),
    ],
)
def test_a_count_is_read_and_judges(
    text: str, count: Count, right: list[int], wrong: list[int], exceeded: list[int]
) -> None:
    assert read_count(text) == count
    assert str(count) == text
    assert [count.allows(number) for number in right] == [True] * len(right)
    assert [count.allows(number) for number in wrong] == [False] * len(wrong)
    assert [number for number in (*right, *wrong) if count.is_exceeded(number)] == exceeded


@pytest.mark.parametrize(
    "text", ["", "x", "-1", "1.5", "+2", "2..", "..2", "3..1", " 2", "2 ", "9" * 10, "²"]
)
def test_no_count_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_count(text)
    assert caught.value.hint


def test_an_expectation_is_both() -> None:
    what, count = read_expectation("refused:Unregistered@iphone=1..2")
    assert (what.reason, what.device, count) == ("Unregistered", "iphone", Count(least=1, most=2))
    with pytest.raises(UsageError, match="says no count") as caught:
        read_expectation("voip@iphone")
    assert "voip@iphone=1" in (caught.value.hint or "")
    with pytest.raises(UsageError, match="nothing is called vopi"):
        read_expectation("vopi")


# What stands in them


@pytest.mark.parametrize(
    "text",
    [
        "headers.apns-expiration=0",
        'headers.apns-expiration="0"',
        r"headers.x\.y=z",
        "payload.n=2",
        "payload.n=2.0",
        "payload.t=true",
        "payload.text=2",
        "payload.list.0.a=b",
        'payload.list=[{"a":"b"}]',
        "payload.nothing=null",
        "reason=null",
        "status=200",
        "payload",
        "payload.n",
    ],
)  # fmt: skip
def test_a_condition_that_holds(text: str) -> None:
    assert read_condition(text).holds(ACCEPTED)


@pytest.mark.parametrize(
    "text",
    [
        "headers.apns-expiration=1",
        "payload.n=3",
        "payload.t=1",
        "payload.n=true",
        "payload.n=two",
        "payload.n=",
        "payload.list.1.a=b",
        "payload.list.x=b",
        "payload.text.x=2",
        "payload.nothing",
        "nowhere",
        "nowhere=null ",
        "payload.list=" + "[" * 9_000,
    ],
)
def test_a_condition_that_does_not_hold(text: str) -> None:
    expected = text == "nowhere=null "  # what is absent is null, and JSON may have blanks
    assert read_condition(text).holds(ACCEPTED) is expected


@pytest.mark.parametrize("text", ["", "=x", ".a=1", "a.=1", "a..b=1"])
def test_no_path_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"is not PATH=VALUE"):
        read_condition(text)


# All of it


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        (Filter(), [0, 1, 2, 3, 4, 5]),
        (Filter(what=read_what("refused")), [1, 2, 5]),
        (
            Filter(what=read_what("channel"), where=(Place(path=("channel",), value="dHN0"),)),
            [4, 5],
        ),
        (Filter(app="com.example.app"), [0, 1, 2, 3, 4, 5]),
        (Filter(app="com.example.other"), []),
        (Filter(apns_id="ab-1"), [0, 1, 2, 3]),
        (Filter(apns_id="ab-2"), []),
        (Filter(where=(Place(path=("status",), value="410"),)), [1]),
    ],
)
def test_a_filter_takes_what_fits_all_of_it(given: Filter, seen: list[int]) -> None:
    assert [number for number, event in enumerate(ALL) if given.matches(event)] == seen


def test_only_pushes_are_read_where_only_they_can_fit() -> None:
    assert Filter().pushes_alone
    assert Filter(what=read_what("refused")).pushes_alone
    assert not Filter(what=read_what("delivered")).pushes_alone


def test_a_filter_travels_as_data() -> None:
    given = Filter(
        what=read_what("refused:Unregistered@iphone"),
        app="a",
        apns_id="b",
        since_ms=7,
        where=(read_condition(r"headers.x\.y=z"), read_condition("payload")),
    )
    assert from_data(to_data(given)) == given
    assert from_data(to_data(Filter())) == Filter()


_DATA = to_data(Filter())


@pytest.mark.parametrize(
    "data",
    [
        None, [], {}, "x", {**_DATA, "what": 1}, {**_DATA, "what": "vopi"},
        {**_DATA, "where": None},
        {**_DATA, "where": [[]]}, {**_DATA, "where": [[[], "x"]]}, {**_DATA, "where": [["a", "x"]]},
        {**_DATA, "since_ms": "x"}, {**_DATA, "app": {}},
    ],
)  # fmt: skip
def test_what_is_no_filter_is_refused(data: Any) -> None:
    with pytest.raises((ValueError, UsageError)):
        from_data(data)
