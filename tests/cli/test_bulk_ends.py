"""A bulk run that is interrupted, finds no room on its disk, or meets another; and its screen."""

import os
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from pushkit_cli.apns.message import Request, Response
from pushkit_cli.store import files
from tests.bulk import (
    APP,
    BODY,
    by_outcome,
    counts,
    results_of,
    send,
    send_to,
    summary,
    tokens,
    write,
    yes,
)
from tests.cli.errands import Done, failed
from tests.cli.hosts import RawHost, answers, raw_host
from tests.commands import PATIENCE_S, PUSHKIT, objects
from tests.engine.scene import no_file_beyond
from tests.pty_run import run_in_pty, stray_controls

IN_FLIGHT = 5


@contextmanager
def process(host: RawHost, file: Path, *more: str) -> Iterator["subprocess.Popen[bytes]"]:
    """The real command, which is killed at the end at the latest."""
    words = ("--type", "voip", "--payload", BODY, "--targets", str(file), "--app", APP, "--env",
        "local", "--results", str(results_of(file)), *host.trusted)  # fmt: skip
    command = [str(PUSHKIT), "--json", "send", *words, "--in-flight", str(IN_FLIGHT), *more]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as found:
        try:
            yield found
        finally:
            found.kill()


def end(found: "subprocess.Popen[bytes]") -> Done:
    out, err = found.communicate(timeout=PATIENCE_S)
    return Done(found.args, found.returncode, out, err)


class Holding:
    """Answers until it is told to hold; then nobody is answered until it is told to go on."""

    def __init__(self, after: int) -> None:
        self.after = after
        self.holds = threading.Event()
        self.go_on = threading.Event()
        self.count = 0

    def __call__(self, request: Request) -> Response:
        self.count += 1
        if self.count > self.after:
            self.holds.set()
            self.go_on.wait(PATIENCE_S)
        return yes(request)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_awaits_what_is_on_its_way_and_resume_completes(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    file, answer = write(tmp_path, tokens(200)), Holding(after=20)
    with raw_host(tmp_path, answers(answer)) as host:
        with process(host, file) as found:
            assert answer.holds.wait(PATIENCE_S)
            found.send_signal(number)
            answer.go_on.set()
            done = end(found)
        failed(done, code)
        got = counts(done)
        assert 20 < got["accepted"] < 200
        assert got == {"accepted": got["accepted"], "unsent": 200 - got["accepted"]}
        assert objects(results_of(file).read_bytes())[-1] == summary(done)
        again = send_to(host, file, "--resume")
    assert counts(again) == {"accepted": 200}
    assert set(Counter(request.token for request in host.asked).values()) == {1}


def test_a_second_interrupt_waits_no_longer(tmp_path: Path) -> None:
    file, answer = write(tmp_path, tokens(200)), Holding(after=20)
    with raw_host(tmp_path, answers(answer)) as host:
        with process(host, file) as found:
            assert answer.holds.wait(PATIENCE_S)
            for _ in range(5):  # two at once would be one
                found.send_signal(signal.SIGINT)
                with suppress(subprocess.TimeoutExpired):
                    found.wait(1.0)
                    break
            done = end(found)
        answer.go_on.set()
        failed(done, 130)
        assert 1 <= counts(done)["unknown"] <= IN_FLIGHT
        again = send_to(host, file, "--resume")
    assert again.returncode == 8
    assert counts(again)["unknown"] == counts(done)["unknown"]
    assert counts(again)["accepted"] == 200 - counts(done)["unknown"]


def test_a_stream_that_stays_open_keeps_neither_answers_nor_an_interrupt(tmp_path: Path) -> None:
    with raw_host(tmp_path, answers(yes)) as host:
        words = ("--type", "voip", "--payload", BODY, "--targets", "-", "--app", APP, "--env",
            "local", *host.trusted)  # fmt: skip
        with subprocess.Popen([str(PUSHKIT), "--json", "send", *words], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE) as found:  # fmt: skip
            assert found.stdin is not None
            assert found.stdout is not None
            for token in tokens(3):
                found.stdin.write(f"{token}\n".encode())
                found.stdin.flush()
                assert b'"accepted"' in found.stdout.readline()
            found.send_signal(signal.SIGINT)
            rest, said = found.stdout.read(), found.stderr and found.stderr.read()
            assert found.wait(PATIENCE_S) == 130, said
    assert objects(rest)[-1]["accepted"] == 3


def test_a_full_disk_stops_the_run_and_resume_completes(tmp_path: Path) -> None:
    file = write(tmp_path, tokens(300))
    with raw_host(tmp_path, answers(yes)) as host:
        with no_file_beyond(50_000):
            done = send_to(host, file, "--in-flight", str(IN_FLIGHT))
        assert "free some space, then --resume" in failed(done, 6)
        assert summary(done)["unsent"] > 100
        again = send_to(host, file, "--resume")
    got = counts(again)
    assert got["accepted"] + got.get("unknown", 0) == 300
    assert got.get("unknown", 0) <= 2 * IN_FLIGHT
    assert again.returncode == (8 if "unknown" in got else 0)
    assert set(Counter(request.token for request in host.asked).values()) == {1}


def test_a_disk_without_any_room_sends_nothing(tmp_path: Path) -> None:
    file = write(tmp_path, tokens(3))
    with raw_host(tmp_path, answers(yes)) as host:
        with no_file_beyond(500):
            failed(send_to(host, file), 6)
        assert (host.asked, results_of(file).exists()) == ([], False)
        assert send_to(host, file).returncode == 0


def test_two_runs_do_not_share_a_file(tmp_path: Path) -> None:
    file = write(tmp_path, tokens(3))
    with raw_host(tmp_path, answers(yes)) as host:
        assert send_to(host, file).returncode == 0
        lock = files.Lock(results_of(file))
        assert lock.take(wait=False)
        try:
            assert "another run is writing" in failed(send_to(host, file, "--resume"), 6)
        finally:
            lock.release()
    assert len(host.asked) == 3


def test_what_was_unsent_is_sent_by_a_resume_and_what_was_refused_is_not(tmp_path: Path) -> None:
    file = write(tmp_path, tokens(5))
    closed = ("--app", APP, "--env", "local", "--endpoint", "https://127.0.0.1:1", "--retries", "0")
    where = ("--results", str(results_of(file)))
    assert counts(send(file, *closed, *where)) == {"unsent": 5}
    with raw_host(tmp_path, answers(yes)) as host:
        assert counts(send_to(host, file, "--resume")) == {"accepted": 5}
    assert by_outcome(results_of(file)) == {"accepted": {1, 2, 3, 4, 5}}


# The screen


def test_a_terminal_sees_one_line_that_moves(tmp_path: Path) -> None:
    file = write(tmp_path, tokens(300))
    with raw_host(tmp_path, answers(yes)) as host:
        words = ("--type", "voip", "--payload", BODY, "--targets", str(file), "--app", APP, "--env",
            "local", "--rate", "400", *host.trusted)  # fmt: skip
        seen = run_in_pty([str(PUSHKIT), "send", *words], env=dict(os.environ))
    assert seen.code == 0
    assert stray_controls(seen.output, progress=True) == []
    moved = [one for one in seen.output.decode().split("\r\x1b[K") if "accepted" in one]
    assert len(moved) >= 2
    assert any("/s" in one and "left" in one for one in moved), moved
    assert max(len(line) for one in moved for line in one.splitlines()) <= 80


def test_elsewhere_progress_is_a_line_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pushkit_cli.cli import bulk

    file = write(tmp_path, tokens(100))
    with raw_host(tmp_path, answers(yes)) as host:
        quick = send_to(host, file)
        assert b"/s" not in quick.stderr
        monkeypatch.setattr(bulk, "LINE_EVERY_S", 0.3)
        results_of(file).unlink()
        slow = send_to(host, file, "--rate", "100")
    lines = [line for line in slow.stderr.decode().splitlines() if "/s" in line]
    assert 1 <= len(lines) <= summary(slow)["elapsed_ms"] / 300 + 1
    assert b"\r" not in slow.stderr
