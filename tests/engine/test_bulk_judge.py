"""What follows from an answer, when refusals are too many, how fast, and what a run comes to."""

import pytest

from pushkit_cli.apns.message import Outcome, Reply
from pushkit_cli.apns.reasons import REASONS, Retry
from pushkit_cli.engine.bulk_judge import STOP_AT, Step, TooMany, Window, step
from pushkit_cli.engine.bulk_pace import Pace
from pushkit_cli.engine.bulk_tally import Tally, Times
from pushkit_cli.errors import ExitCode

NEVER = ("BadDeviceToken", "DeviceTokenNotForTopic", "Forbidden", "ExpiredToken", "Unregistered",
    "PayloadTooLarge")  # fmt: skip
STEPS = {
    "IdleTimeout": Step.NOW,
    "Shutdown": Step.NOW,
    "TooManyRequests": Step.LATER,
    "TooManyProviderTokenUpdates": Step.PAUSE,
    "InternalServerError": Step.PAUSE,
    "ServiceUnavailable": Step.PAUSE,
}


def refused(word: str | None, status: int = 0) -> Reply:
    row = REASONS.get(word or "")
    found = row.status if row is not None else status
    return Reply(outcome=Outcome.REFUSED, status=found, reason=word)


def after(reply: Reply, *, tries: int = 1, has_token: bool = True) -> Step:
    return step(reply, tries=tries, retries=2, has_token=has_token)


@pytest.mark.parametrize("word", REASONS)
def test_each_reason_has_one_consequence(word: str) -> None:
    wanted = Step.RENEW if REASONS[word].status == 403 else STEPS.get(word, Step.FINAL)
    assert after(refused(word)) is wanted
    later = Step.LATER if wanted is Step.NOW else wanted
    assert after(refused(word), tries=2) is later
    assert after(refused(word), tries=3) is (wanted if wanted is Step.RENEW else Step.FINAL)


def test_six_reasons_are_never_tried_again() -> None:
    assert {word for word, row in REASONS.items() if row.retry is Retry.NEVER} == set(NEVER)


def test_a_word_that_nobody_knows_is_judged_by_its_status() -> None:
    assert after(refused("TeapotOnly", 418)) is Step.FINAL
    assert after(refused("New", 500)) is Step.PAUSE
    assert after(refused(None, 503)) is Step.PAUSE
    assert after(refused("New", 429)) is Step.LATER


def test_a_403_stands_where_there_is_no_provider_token_to_renew() -> None:
    assert after(refused("BadCertificate"), has_token=False) is Step.FINAL


def test_an_acceptance_stands() -> None:
    assert after(Reply(outcome=Outcome.ACCEPTED, status=200)) is Step.FINAL


# Too many refusals


def test_a_share_is_taken_of_a_full_window() -> None:
    window = Window({"BadDeviceToken": 0.5}, size=10)
    assert [window.heard("BadDeviceToken") for _ in range(9)] == [None] * 9
    assert window.heard(None) == TooMany(reason="BadDeviceToken", count=9, of=10)


def test_what_was_long_ago_does_not_count() -> None:
    window = Window({"BadDeviceToken": 0.5}, size=10)
    for _ in range(4):
        window.heard("BadDeviceToken")
    assert {window.heard(None) for _ in range(20)} == {None}
    assert [window.heard("BadDeviceToken") for _ in range(5)][:4] == [None] * 4


def test_a_reason_that_nobody_watches_never_stops() -> None:
    window = Window(STOP_AT, size=5)
    assert {window.heard("Unregistered") for _ in range(50)} == {None}


def test_a_limit_of_nothing_needs_one_at_least() -> None:
    window = Window({"BadDeviceToken": 0.0}, size=2)
    assert {window.heard(None) for _ in range(5)} == {None}
    assert window.heard("BadDeviceToken") is not None


# Pace


def test_without_a_rate_whatever_has_room_may_leave() -> None:
    pace = Pace(None, now=0.0)
    assert pace.allowed(7, 0.0) == 7
    assert pace.next_at(0.0) is None


@pytest.mark.parametrize("rate", [0.5, 3.0, 1_000.0])
def test_a_rate_is_kept_over_time(rate: float) -> None:
    pace, now, left = Pace(rate, now=0.0), 0.0, 0
    while now < 20:
        count = pace.allowed(500, now)
        pace.left(count)
        left += count
        now = pace.next_at(now) or now + 0.001
    assert 20 * rate * 0.95 - 1 <= left <= 20 * rate + 1 + rate * 0.1


def test_a_pause_holds_all_and_is_not_made_up_for() -> None:
    pace = Pace(10.0, now=0.0)
    pace.pause(5.0, 0.0)
    assert (pace.allowed(100, 4.9), pace.next_at(4.9)) == (0, 5.0)
    assert pace.allowed(100, 5.0) == 1
    pace.pause(1.0, 5.0)
    pace.pause(0.1, 5.0)
    assert pace.next_at(5.0) == 6.0


# What it comes to


def tally(**counts: int) -> Tally:
    found = Tally(targets=sum(counts.values()))
    for word, count in counts.items():
        for _ in range(count):
            found.decide(Outcome(word), "Unregistered" if word == "refused" else None)
    return found


@pytest.mark.parametrize(
    ("counts", "code"),
    [
        ({}, 0),
        ({"accepted": 2}, 0),
        ({"accepted": 2, "held": 1}, 3),
        ({"refused": 1, "held": 1}, 4),
        ({"unsent": 1, "refused": 1, "held": 1}, 5),
        ({"unknown": 1, "unsent": 1, "refused": 1, "held": 1}, 8),
    ],
)
def test_the_worst_outcome_is_the_exit_code(counts: dict[str, int], code: int) -> None:
    assert tally(**counts).exit_code({}, stopped=False) == code


def test_a_run_that_stopped_itself_is_4_though_targets_are_left() -> None:
    assert tally(refused=1, unsent=9).exit_code({}, stopped=True) is ExitCode.REFUSED
    assert tally(refused=1, unknown=1).exit_code({}, stopped=True) is ExitCode.UNKNOWN


def test_what_is_tolerated_changes_no_exit_code_up_to_its_share() -> None:
    some = tally(accepted=9, refused=1)
    assert some.exit_code({"Unregistered": 0.1}, stopped=False) is ExitCode.DONE
    assert some.exit_code({"Unregistered": 0.09}, stopped=False) is ExitCode.REFUSED
    assert some.exit_code({"BadDeviceToken": 1.0}, stopped=False) is ExitCode.REFUSED
    assert some.tolerated({"Unregistered": 1.0}) == 1


def test_repeats_that_were_asked_to_be_held_are_no_mistake() -> None:
    some = tally(accepted=1, held=2)
    some.repeats = 2
    assert some.exit_code({}, stopped=False) is ExitCode.DONE


def test_what_was_unknown_and_is_known_now_is_counted_once() -> None:
    some = tally(unknown=2)
    some.decide(Outcome.ACCEPTED, None, was_unknown=True)
    assert (some.count(Outcome.ACCEPTED), some.count(Outcome.UNKNOWN)) == (1, 1)
    assert some.count(Outcome.UNSENT) == 0


def test_a_server_that_invents_reasons_fills_no_memory() -> None:
    some = Tally()
    for number in range(5_000):
        some.decide(Outcome.REFUSED, f"Reason{number}")
    assert len(some.reasons) < 300
    assert sum(some.reasons.values()) == 5_000


def test_times_are_known_to_two_per_cent() -> None:
    times = Times()
    assert times.share(0.5) is None
    for ms in range(1, 1001):
        times.add(float(ms))
    assert times.share(0.5) == pytest.approx(500, rel=0.02)
    assert times.share(0.99) == pytest.approx(990, rel=0.02)
