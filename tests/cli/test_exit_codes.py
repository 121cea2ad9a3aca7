"""Every exit code a command can leave with, through the real command in a process of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from pushkit_cli.apns.message import Response
from pushkit_cli.errors import MEANINGS, ExitCode
from tests.cli.credentials import APP, TEAM, TOKEN, p8_file, wrong_keys
from tests.cli.errands import Done, failed, here, left_behind, spoken
from tests.cli.hosts import RawHost, always, answers, raw_host, silence
from tests.commands import PATIENCE_S, PUSHKIT, listening, objects, pushkit

_SEND = ("send", "--type", "voip", "--to", TOKEN, "--app", APP, "--env", "local", "-d",
    "callUUID=x")  # fmt: skip
_BROKEN = """
import sys
from pushkit_cli.cli import app
from pushkit_cli.engine import planning
def broken(*_):
    raise ZeroDivisionError("a bug for the test")
planning.plan = broken
app.main(sys.argv[1:])
"""


def _with_a_bug(*arguments: str, **variables: str) -> Done:
    return subprocess.run(
        [sys.executable, "-c", _BROKEN, *arguments],
        capture_output=True,
        env={**os.environ, **variables},
        timeout=PATIENCE_S,
        check=False,
    )


def _answered(tmp_path: Path, response: Response, *more: str) -> Done:
    with raw_host(tmp_path, always(response)) as host:
        return pushkit(*_SEND, *host.trusted, *more)


def _unanswered(tmp_path: Path, *more: str) -> Done:
    with raw_host(tmp_path, silence) as host:
        return pushkit(*_SEND, *host.trusted, "--timeout", "2s", *more)


def _stopped(tmp_path: Path, number: int, *more: str) -> Done:
    """A command whose request was heard, and which is asked to end while it waits."""
    with raw_host(tmp_path, silence) as host:
        process = subprocess.Popen(
            [PUSHKIT, *_SEND, *host.trusted, *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert host.has_a_request.wait(PATIENCE_S)
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE_S)
    return Done(process.args, process.returncode, out, err)


def _one_too_many(_: Path) -> Done:
    with listening("--port", "0"):
        pushkit("send", "--type", "voip")
        return pushkit("inbox", "wait", "voip=0")


Case = Callable[[Path], Done]
CASES: Mapping[ExitCode, Case] = {
    ExitCode.DONE: lambda tmp: _answered(tmp, Response(status=200)),
    ExitCode.BUG: lambda _: _with_a_bug(*_SEND),
    ExitCode.USAGE: lambda _: pushkit("send", "--tipe", "voip"),
    ExitCode.HELD: lambda _: pushkit(*_SEND, "--apns-id", "7"),
    ExitCode.REFUSED: lambda tmp: _answered(tmp, Response(status=400)),
    ExitCode.NOT_SENT: lambda _: pushkit(*_SEND, "--endpoint", "https://127.0.0.1:1"),
    ExitCode.CONFIG: lambda _: pushkit("register", "key", "-", "--team-id", TEAM),
    ExitCode.EXPECTATION: _one_too_many,
    ExitCode.UNKNOWN: _unanswered,
    ExitCode.TIMEOUT: lambda _: pushkit("ready", "--timeout", "50ms"),
    ExitCode.CANNOT_RUN: lambda _: pushkit("listen", "--", "/dev/null"),
    ExitCode.NOT_FOUND: lambda _: pushkit("listen", "--", "no-such-program-anywhere"),
    ExitCode.INTERRUPTED: lambda tmp: _stopped(tmp, signal.SIGINT),
    ExitCode.TERMINATED: lambda tmp: _stopped(tmp, signal.SIGTERM),
}


_RAISED = {
    ExitCode.USAGE,
    ExitCode.NOT_SENT,
    ExitCode.CONFIG,
    ExitCode.EXPECTATION,
    ExitCode.TIMEOUT,
}
"""Those that are an error of ours: one, and one hint."""


def test_every_code_with_a_meaning_has_a_case() -> None:
    assert set(CASES) == set(MEANINGS)


@pytest.mark.parametrize("code", CASES, ids=lambda code: code.name)
def test_a_command_leaves_with_each_code(home: Path, tmp_path: Path, code: ExitCode) -> None:
    done = CASES[code](tmp_path)
    assert done.returncode == code, done.stderr
    assert b"Traceback" not in done.stderr
    assert left_behind(home) == []
    assert here("config", "show").returncode == 0
    if code in _RAISED:
        failed(done, code)


@pytest.mark.parametrize(
    ("number", "code", "kind"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_a_stopped_command_says_so_as_an_object_too(
    tmp_path: Path, number: int, code: int, kind: str
) -> None:
    done = _stopped(tmp_path, number, "--json")
    last = objects(done.stdout)[-1]
    assert (done.returncode, last["event"], last["kind"], last["exit"]) == (
        code,
        "error",
        kind,
        code,
    )
    assert spoken(done).count("error: ") == 1


def test_a_listener_that_is_stopped_has_done_its_work(home: Path) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        process = subprocess.Popen(
            [PUSHKIT, "listen", "--port", "0", "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdout is not None
        assert process.stdout.readline()
        process.send_signal(number)
        process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0


def test_a_bug_shows_a_traceback_only_to_those_who_ask(tmp_path: Path) -> None:
    said = spoken(_with_a_bug(*_SEND))
    assert "a bug in pushkit: ZeroDivisionError: a bug for the test" in said
    assert "PUSHKIT_DEBUG=1 shows where" in said
    done = _with_a_bug(*_SEND, PUSHKIT_DEBUG="1")
    assert (done.returncode, b"Traceback" in done.stderr) == (1, True)
    assert objects(_with_a_bug(*_SEND, "--json").stdout)[-1]["kind"] == "bug"


@pytest.mark.parametrize(
    ("arguments", "code", "kind"),
    [
        (["send", "--type", "voip", "--expiration", "30"], 2, "usage"),
        (["nothing"], 2, "usage"),
        (["register", "nothing"], 2, "usage"),
        ([*_SEND, "--endpoint", "https://127.0.0.1:1", "--retries", "0"], 5, "not-sent"),
        (["env"], 6, "config"),
        (["token", "--env", "sandbox"], 6, "config"),
        (["ready", "--timeout", "0s"], 124, "timeout"),
    ],
)
def test_the_last_object_of_a_failure_says_what_stderr_says(
    arguments: list[str], code: int, kind: str
) -> None:
    done = here("--json", *arguments)
    said = failed(done, code)
    last = objects(done.stdout)[-1]
    assert set(last) == {"v", "event", "kind", "message", "hint", "exit"}
    assert (last["v"], last["event"], last["kind"], last["exit"]) == (1, "error", kind, code)
    assert " ".join(last["message"].split()) in said
    assert " ".join(last["hint"].split()) in said


def test_a_refused_push_is_no_error_line(tmp_path: Path) -> None:
    done = _answered(tmp_path, Response(status=400, body=b'{"reason":"BadTopic"}'))
    assert (done.returncode, "error:" in spoken(done)) == (4, False)
    assert done.stdout.startswith(b"refused   ")


def test_several_pushes_leave_with_the_worst_code(tmp_path: Path) -> None:
    def answer_first(host: RawHost) -> Response | None:
        return Response(status=400) if len(host.asked) == 1 else None

    with raw_host(tmp_path, answers(lambda _: answer_first(host))) as host:
        words = (*_SEND, "--to", "cd" * 32, *host.trusted, "--timeout", "2s", "--json")
        done = here(*words)
    outcomes = [one["outcome"] for one in objects(done.stdout) if one["event"] == "reply"]
    assert (done.returncode, outcomes) == (8, ["refused", "unknown"])


def test_a_key_that_is_a_certificate(tmp_path: Path) -> None:
    said = {"PUSHKIT_TEAM_ID": TEAM, "PUSHKIT_KEY_ID": "ABC123DEFG"}
    file = p8_file(tmp_path, pem=wrong_keys()["certificate"])
    for variables in ({"PUSHKIT_KEY_FILE": str(file)}, {"PUSHKIT_KEY": file.read_text()}):
        done = here(*_SEND, "--endpoint", "https://127.0.0.1:1", variables={**said, **variables})
        assert "certificate" in failed(done, 6)
