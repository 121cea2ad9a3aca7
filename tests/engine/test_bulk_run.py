"""What becomes of many pushes when a host refuses, fails, falls silent or goes away."""

import json
import socket
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from pushkit_cli.apns.acts import Act, GoAway, Reset, Respond
from pushkit_cli.apns.message import Request, Response
from pushkit_cli.engine import bulk_run
from tests.bulk import (
    acting,
    asked_for,
    counts,
    no,
    replies,
    results_of,
    send_to,
    summary,
    tokens,
    write,
    yes,
)
from tests.cli import hosts
from tests.cli.errands import failed, spoken
from tests.cli.hosts import Behaviour, RawHost, answers, raw_host
from tests.commands import objects
from tests.wire import raw

Answer = Callable[[Request], Response | None]


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses that only keep others from being served are short here."""
    monkeypatch.setattr(bulk_run, "FIRST_PAUSE_S", 0.02)


def respond(stream: int, response: Response) -> Act:
    return Respond(stream=stream, response=response)


def token_lines(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


# Refusals


def test_dead_tokens_and_suspect_ones_are_kept_apart(tmp_path: Path) -> None:
    words = ["Unregistered", "ExpiredToken", "BadDeviceToken", "DeviceTokenNotForTopic"]

    def answer(request: Request) -> Response:
        number = int(request.token, 16)
        return no(request, words[number - 1], 1454948015990) if number <= 4 else yes(request)

    file = write(tmp_path, [*tokens(6), "no token"])
    dead, suspect = tmp_path / "dead", tmp_path / "suspect"
    with raw_host(tmp_path, answers(answer)) as host:
        lists = ("--dead-tokens", str(dead), "--suspect-tokens", str(suspect))
        done = send_to(host, file, *lists, "--on-lint", "skip")
    assert counts(done) == {"accepted": 2, "refused": 4, "held": 1}
    assert (done.returncode, summary(done)["by_reason"]) == (4, dict.fromkeys(words, 1))
    assert [(one["reason"], one["line"], one["unregistered_at_ms"])
        for one in sorted(token_lines(dead), key=lambda one: str(one["line"]))] == [
        ("Unregistered", 1, 1454948015990), ("ExpiredToken", 2, 1454948015990)]  # fmt: skip
    assert {one["token"] for one in token_lines(suspect)} == set(tokens(4)[2:])
    assert {dead.stat().st_mode & 0o777, suspect.stat().st_mode & 0o777} == {0o600}


def test_a_wrong_environment_stops_the_run_and_calls_no_token_dead(tmp_path: Path) -> None:
    file, dead = write(tmp_path, tokens(2_000)), tmp_path / "dead"
    with raw_host(tmp_path, answers(lambda request: no(request, "BadDeviceToken"))) as host:
        done = send_to(host, file, "--dead-tokens", str(dead))
    said = failed(done, 4)
    assert "1,000 of the last 1,000 answers were BadDeviceToken" in said
    assert "are these tokens of sandbox?" in said
    assert 1_000 <= summary(done)["refused"] <= 1_200
    assert summary(done)["unsent"] == 2_000 - summary(done)["refused"]
    assert dead.read_bytes() == b""


def test_a_share_may_be_chosen_and_refusals_tolerated(tmp_path: Path) -> None:
    def answer(request: Request) -> Response:
        return no(request, "BadDeviceToken") if int(request.token, 16) % 10 == 0 else yes(request)

    file = write(tmp_path, tokens(1_100))
    with raw_host(tmp_path, answers(answer)) as host:
        words = ("--stop-at", "BadDeviceToken=20%", "--tolerate", "BadDeviceToken=15%")
        done = send_to(host, file, *words)
    assert counts(done) == {"accepted": 990, "refused": 110}
    assert (done.returncode, summary(done)["tolerated"]) == (0, 110)


def test_a_busy_token_is_tried_again_and_the_others_do_not_wait(tmp_path: Path) -> None:
    tries = Counter[str]()

    def answer(request: Request) -> Response:
        tries[request.token] += 1
        busy = int(request.token, 16) == 1 and tries[request.token] < 3
        hopeless = int(request.token, 16) == 2
        return no(request, "TooManyRequests") if busy or hopeless else yes(request)

    file = write(tmp_path, tokens(50))
    with raw_host(tmp_path, answers(answer)) as host:
        done = send_to(host, file)
    assert counts(done) == {"accepted": 49, "refused": 1}
    found = replies(results_of(file))
    assert (found[1]["attempts"], found[2]["attempts"], found[3]["attempts"]) == (3, 3, 1)
    assert (found[2]["reason"], found[2]["retry"]) == ("TooManyRequests", "later")


def test_a_server_that_is_down_is_waited_for_once_by_all(tmp_path: Path) -> None:
    down = Counter[str]()

    def answer(request: Request) -> Response:
        down["asked"] += 1
        return no(request, "ServiceUnavailable") if 198 < down["asked"] <= 204 else yes(request)

    file = write(tmp_path, tokens(600))
    with raw_host(tmp_path, answers(answer)) as host:
        done = send_to(host, file, "--retries", "20", "--in-flight", "8")
    assert counts(done) == {"accepted": 600}, spoken(done)
    assert max(one["attempts"] for one in replies(results_of(file)).values()) <= 6
    assert len(host.asked) == 606


def test_after_a_long_pause_nothing_leaves_on_a_connection_that_may_be_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_run, "IDLE_S", 0.001)
    seen: list[int] = []

    def answer(request: Request) -> Response:
        seen.append(host.connections)
        return no(request, "ServiceUnavailable") if len(seen) == 5 else yes(request)

    file = write(tmp_path, tokens(20))
    with raw_host(tmp_path, answers(answer)) as host:
        done = send_to(host, file, "--in-flight", "1")
    assert counts(done) == {"accepted": 20}, spoken(done)
    assert seen == [1] * 5 + [2] * 16


def test_a_server_that_stays_down_ends_the_run(tmp_path: Path) -> None:
    file = write(tmp_path, tokens(600))
    with raw_host(tmp_path, answers(lambda request: no(request, "InternalServerError"))) as host:
        done = send_to(host, file, "--in-flight", "8")
    assert "APNs answers 500 InternalServerError" in failed(done, 5)
    assert summary(done)["refused"] <= 8
    assert summary(done)["unsent"] >= 592


def test_a_provider_token_that_changed_too_often_is_kept_on_another_connection(
    tmp_path: Path,
) -> None:
    def answer(request: Request) -> Response:
        bad = host.connections == 1 and len(host.asked) > 50
        return no(request, "TooManyProviderTokenUpdates") if bad else yes(request)

    file = write(tmp_path, tokens(150))
    with raw_host(tmp_path, answers(answer)) as host:
        done = send_to(host, file, "--in-flight", "10")
    assert counts(done) == {"accepted": 150}, spoken(done)
    assert len({bearer(request) for request in host.asked}) == 1
    assert host.connections == 2


def test_a_provider_token_that_stays_changed_too_often_ends_the_run(tmp_path: Path) -> None:
    file = write(tmp_path, tokens(150))
    with raw_host(
        tmp_path, answers(lambda request: no(request, "TooManyProviderTokenUpdates"))
    ) as host:
        done = send_to(host, file)
    assert "APNs answers 429 TooManyProviderTokenUpdates" in failed(done, 5)
    assert len(host.asked) <= 5
    assert len({bearer(request) for request in host.asked}) == 1


# Provider tokens


def bearer(request: Request) -> str:
    return request.field(b"authorization") or ""


def test_an_expired_provider_token_is_replaced_once_on_new_connections(tmp_path: Path) -> None:
    first: list[str] = []

    def answer(request: Request) -> Response:
        first.append(bearer(request))
        old = bearer(request) == first[0] and len(first) > 100
        return no(request, "ExpiredProviderToken") if old else yes(request)

    file = write(tmp_path, tokens(400))
    with raw_host(tmp_path, answers(answer)) as host:
        done = send_to(host, file, "--in-flight", "20")
    assert counts(done) == {"accepted": 400}, spoken(done)
    assert len({bearer(request) for request in host.asked}) == 2
    assert host.connections == 2
    assert {one["attempts"] for one in replies(results_of(file)).values()} == {1, 2}


@pytest.mark.parametrize("word", ["ExpiredProviderToken", "InvalidProviderToken", "Forbidden"])
def test_a_403_that_outlives_a_new_provider_token_stops_the_run(tmp_path: Path, word: str) -> None:
    file = write(tmp_path, tokens(400))
    with raw_host(tmp_path, answers(lambda request: no(request, word))) as host:
        done = send_to(host, file)
    assert f"APNs does not take these credentials: {word}" in failed(done, 4)
    assert set(counts(done)) == {"refused", "unsent"}
    assert len({bearer(request) for request in host.asked}) == 2
    assert len(host.asked) <= 4, "one at a time until the first acceptance"


# Connections that end


def test_goaway_again_and_again_loses_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    def act(number: int, stream: int, request: Request) -> list[Act]:
        answer = respond(stream, yes(request))
        return [answer, GoAway()] if number % 50 == 0 else [answer]

    file = write(tmp_path, tokens(250))
    with raw_host(tmp_path, acting(act)) as host:
        done = send_to(host, file, "--connections", "2")
    assert counts(done) == {"accepted": 250}, spoken(done)
    assert set(asked_for(host).values()) >= {1}


def test_refused_streams_are_sent_again_by_themselves(tmp_path: Path) -> None:
    def act(number: int, stream: int, request: Request) -> list[Act]:
        return [Reset(stream=stream, code=7)] if number % 3 == 0 else [
            respond(stream, yes(request))]  # fmt: skip

    file = write(tmp_path, tokens(300))
    with raw_host(tmp_path, acting(act)) as host:
        done = send_to(host, file)
    assert counts(done) == {"accepted": 300}, spoken(done)


def test_a_server_that_lives_but_answers_nobody_ends_in_time(tmp_path: Path) -> None:
    file = write(tmp_path, tokens(100))
    with raw_host(tmp_path, hosts.silence) as host:
        done = send_to(host, file, "--timeout", "500ms", "--retries", "1")
    assert failed(done, 8)
    assert 1 <= counts(done)["unknown"] <= 5
    assert set(counts(done)) == {"unknown", "unsent"}


def shut_window(sock: socket.socket, host: RawHost) -> None:
    """No body may ever leave."""
    sock.sendall(raw.settings(INITIAL_WINDOW_SIZE=0))
    hosts.until_gone(sock)


def goaway_twice(sock: socket.socket, host: RawHost) -> None:
    """In two steps, and nobody is answered."""
    sock.sendall(raw.settings())
    if hosts.hear_a_request(sock, host):
        sock.sendall(raw.goaway(raw.MAX_STREAM) + raw.goaway(0))
        hosts.until_gone(sock)


def test_a_push_that_nobody_ever_looks_at_is_unsent_and_holds_up_no_other(tmp_path: Path) -> None:
    def act(number: int, stream: int, request: Request) -> list[Act]:
        never = int(request.token, 16) == 7
        return [Reset(stream=stream, code=7) if never else respond(stream, yes(request))]

    file = write(tmp_path, tokens(30))
    with raw_host(tmp_path, acting(act)) as host:
        done = send_to(host, file)
    assert (done.returncode, counts(done)) == (5, {"accepted": 29, "unsent": 1})
    assert replies(results_of(file))[7]["attempts"] == 100


def test_a_host_that_is_gone_in_mid_run_is_given_up_in_time(tmp_path: Path) -> None:
    def behave(sock: socket.socket, host: RawHost) -> None:
        if host.connections == 1:
            acting(lambda number, stream, request: [respond(stream, yes(request)),
                *([GoAway()] if number == 20 else [])])(sock, host)  # fmt: skip

    file = write(tmp_path, tokens(100))
    with raw_host(tmp_path, behave) as host:
        done = send_to(host, file, "--timeout", "1s", "--retries", "0", "--in-flight", "4")
    assert "no answer is heard any more" in failed(done, 5)
    assert 20 <= counts(done)["accepted"] <= 24
    assert set(counts(done)) == {"accepted", "unsent"}


@pytest.mark.parametrize(
    "behave", [hosts.mute_from_the_start, hosts.garbage, hosts.going_away,
        hosts.http1_text, hosts.half_an_answer, shut_window, goaway_twice]
)  # fmt: skip
def test_a_host_that_makes_no_sense_ends_in_time_with_a_true_summary(
    tmp_path: Path, behave: Behaviour
) -> None:
    file = write(tmp_path, tokens(50))
    with raw_host(tmp_path, behave) as host:
        done = send_to(host, file, "--timeout", "100ms", "--retries", "1")
    assert failed(done, 8 if "unknown" in counts(done) else 5)
    assert "accepted" not in counts(done)
    assert objects(results_of(file).read_bytes())[-1] == summary(done)


def test_a_host_that_is_not_trusted_gets_nothing(tmp_path: Path) -> None:
    file = write(tmp_path, tokens(50))
    with raw_host(tmp_path, answers(yes), names=("elsewhere.example",)) as host:
        done = send_to(host, file)
    assert "not trusted" in failed(done, 5)
    assert (counts(done), host.asked) == ({"unsent": 50}, [])


# Time


def test_a_deadline_leaves_the_rest_unsent_and_resume_completes(tmp_path: Path) -> None:
    file = write(tmp_path, tokens(300))
    with raw_host(tmp_path, answers(yes)) as host:
        done = send_to(host, file, "--rate", "200", "--deadline", "400ms")
        assert "the deadline has passed" in failed(done, 5)
        assert 1 <= counts(done)["accepted"] <= 120
        again = send_to(host, file, "--resume")
    assert (again.returncode, counts(again)) == (0, {"accepted": 300})
    assert set(asked_for(host).values()) == {1}


def test_an_answer_after_the_deadline_is_still_heard(tmp_path: Path) -> None:
    late = threading.Event()

    def slowly(request: Request) -> Response:
        late.wait(0.1)
        return yes(request)

    file = write(tmp_path, tokens(20))
    with raw_host(tmp_path, answers(slowly)) as host:
        done = send_to(host, file, "--deadline", "50ms", "--in-flight", "1")
    assert counts(done).get("accepted", 0) == len(host.asked) <= 1
    assert done.returncode == 5
