"""A bulk run that is killed, at any moment or in the middle of what it does, and gone on with."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from pushkit_cli.apns.message import Request, Response, accept
from pushkit_cli.apns.reasons import REASONS
from tests.bulk import APP, BODY, by_outcome, counts, replies, results_of, send_to, tokens, write
from tests.cli.hosts import RawHost, answers, raw_host
from tests.commands import PATIENCE_S, PUSHKIT

TARGETS = 600
IN_FLIGHT = 20
_SUICIDE = """
import os, signal, sys
from pushkit_cli.cli import app
from pushkit_cli.net.link import Link
from pushkit_cli.store import results
what, left = sys.argv[1], int(sys.argv[2])
def now():
    global left
    left -= 1
    return left == 0
def die():
    os.kill(os.getpid(), signal.SIGKILL)
def torn(file, real=results.Results.flush):
    if file._pending and now():
        os.write(file._handle, file._pending[: len(file._pending) // 2])
        die()
    real(file)
def synced(handle, real=results.synced):
    if what == "before sync" and now():
        die()
    real(handle)
    if what == "after sync" and now():
        die()
def sent(link, real=Link._write):
    if what == "before send" and now():
        die()
    real(link)
    if what == "after send" and now():
        die()
if what == "write":
    results.Results.flush = torn
results.synced = synced
Link._write = sent
app.main(sys.argv[3:])
"""
MOMENTS = [("write", 3), ("write", 12), ("write", 25), ("before sync", 1), ("before sync", 2),
    ("after sync", 1), ("after sync", 2), ("before send", 9), ("after send", 9),
    ("after send", 30)]  # fmt: skip


def answer(request: Request) -> Response:
    apns_id = request.field(b"apns-id") or ""
    if int(request.token, 16) % 7 == 0:
        word = REASONS["Unregistered"]
        body = b'{"reason":"%b","timestamp":1}' % word.word.encode()
        return Response(status=410, headers=((b"apns-id", apns_id.encode()),), body=body)
    return accept(apns_id=apns_id, unique_id=None)


def words(host: RawHost, file: Path) -> list[str]:
    return ["send", "--type", "voip", "--payload", BODY, "--targets", str(file), "--app", APP,
        "--env", "local", "--results", str(results_of(file)), "--in-flight", str(IN_FLIGHT),
        *host.trusted]  # fmt: skip


def kill_at(seconds: float, host: RawHost, command: Sequence[str]) -> None:
    """Counted from the first request."""
    host.has_a_request.clear()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as one:
        assert host.has_a_request.wait(PATIENCE_S)
        time.sleep(seconds)
        one.kill()


def check(host: RawHost, file: Path) -> None:
    """Go on, and hold what the file says against what the host saw."""
    written, whole = results_of(file).read_bytes(), file.with_name("whole")
    whole.write_bytes(written[: written.rfind(b"\n") + 1])
    before = by_outcome(whole)
    done = send_to(host, file, "--resume", "--in-flight", str(IN_FLIGHT))
    asked = Counter(int(request.token, 16) for request in host.asked)
    assert set(asked.values()) <= {1}, "sent twice"
    found = by_outcome(results_of(file))
    unknown = found.get("unknown", set())
    assert sum(counts(done).values()) == TARGETS
    decided = found["accepted"] | found["refused"]
    assert decided | unknown == set(range(1, TARGETS + 1)), "lost"
    assert decided <= set(asked), "decided without an answer"
    assert found["refused"] == {line for line in decided if line % 7 == 0}
    assert len(unknown) <= 2 * IN_FLIGHT
    for outcome, lines in before.items():
        assert lines <= found[outcome], "a record was changed"
    again = send_to(host, file, "--resume", "--resend-unknown")
    assert set(counts(again)) == {"accepted", "refused"}
    assert counts(again)["refused"] == TARGETS // 7
    assert len(replies(results_of(file))) == TARGETS


@pytest.mark.parametrize("seed", range(20))
def test_a_run_that_is_killed_at_any_moment_sends_nobody_twice(tmp_path: Path, seed: int) -> None:
    file = write(tmp_path, tokens(TARGETS))
    with raw_host(tmp_path, answers(answer)) as host:
        kill_at(Random(seed).uniform(0, 0.6), host, [str(PUSHKIT), *words(host, file)])
        check(host, file)


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda one: f"{one[0]} {one[1]}")
def test_a_run_that_dies_inside_what_it_does_sends_nobody_twice(
    tmp_path: Path, moment: tuple[str, int]
) -> None:
    file = write(tmp_path, tokens(TARGETS))
    with raw_host(tmp_path, answers(answer)) as host:
        command = [sys.executable, "-c", _SUICIDE, moment[0], str(moment[1]), *words(host, file)]
        died = subprocess.run(command, capture_output=True, env=os.environ, check=False)
        assert died.returncode == -signal.SIGKILL, died
        if not results_of(file).exists():
            return
        check(host, file)


def test_a_run_that_is_killed_again_and_again_ends(tmp_path: Path) -> None:
    file, chance = write(tmp_path, tokens(TARGETS)), Random("again")
    with raw_host(tmp_path, answers(answer)) as host:
        command = [str(PUSHKIT), *words(host, file)]
        for number in range(4):
            more = ["--resume"] if number else []
            kill_at(chance.uniform(0, 0.1), host, [*command, *more, "--rate", "400"])
        done = send_to(host, file, "--resume")
        asked = Counter(request.token for request in host.asked)
    assert set(asked.values()) == {1}
    assert counts(done).get("unknown", 0) <= 4 * 2 * IN_FLIGHT
    assert sum(counts(done).values()) == TARGETS
