"""`pushkit send --targets`: many pushes, and the truth about each."""

import json
import subprocess
from pathlib import Path

import pytest

from pushkit_cli.emulator.fault_words import read_fault
from pushkit_cli.engine.listener import Options, Running, running
from tests.bulk import BODY, replies, send, summary, write
from tests.cli.errands import failed, here, spoken
from tests.commands import PUSHKIT, objects, pushkit
from tests.conftest import Told

CLOSED = "--endpoint https://127.0.0.1:1"


@pytest.fixture
def token(listener: Running) -> str:
    found = listener.ready["devices"][0]["tokens"]["voip"]
    assert isinstance(found, str)
    return found


def test_every_line_of_a_file_is_sent_and_answered(
    listener: Running, told: Told, token: str, tmp_path: Path
) -> None:
    results = tmp_path / "run.ndjson"
    done = send(write(tmp_path, [token] * 40), "--results", str(results))
    assert done.returncode == 0, done
    assert summary(done)["accepted"] == 40
    assert summary(done)["results_file"] == str(results)
    found = replies(results)
    assert sorted(found) == list(range(1, 41))
    assert {one["outcome"] for one in found.values()} == {"accepted"}
    assert len({one["apns_id"] for one in found.values()}) == 40
    assert sorted(str(one["apns_id"]).lower() for one in told.named("push")) == sorted(
        one["apns_id"] for one in found.values()
    )
    assert results.stat().st_mode & 0o777 == 0o600
    said = spoken(done)
    assert "40 targets checked in" in said
    assert "40 to send" in said


def test_a_device_that_is_named_gets_it_where_send_to_would(
    listener: Running, told: Told, tmp_path: Path
) -> None:
    """It has a token in each environment; where none is said, the sandbox is meant."""
    assert send(write(tmp_path, ['{"to":"iphone"}'])).returncode == 0
    assert here("send", "--type", "voip", "--to", "iphone").returncode == 0
    assert [one["environment"] for one in told.named("push")] == ["sandbox", "sandbox"]


def test_what_nobody_looked_at_is_no_try(home: Path, tmp_path: Path) -> None:
    """A service that says GOAWAY all the time, and now and then that it is busy."""
    faults = (read_fault("voip:ServiceUnavailable@every15"), read_fault("goaway@every3"))
    results = tmp_path / "run.ndjson"
    with running(Options(home=home, port=0, production_port=0, faults=faults), lambda _: None):
        lines = ['{"to":"iphone"}'] * 60
        done = send(write(tmp_path, lines), "--retries", "1", "--results", str(results))
    assert summary(done)["accepted"] == 60, done
    assert max(one["attempts"] for one in replies(results).values()) > 2


def test_the_results_hold_whole_replies_and_how_it_ended(
    listener: Running, token: str, tmp_path: Path
) -> None:
    results = tmp_path / "run.ndjson"
    done = send(write(tmp_path, [token]), "--results", str(results))
    one = objects(here("--json", "send", "--type", "voip").stdout)[0]
    (mine,) = replies(results).values()
    assert set(mine) == set(one)
    assert mine["token"] == token
    lines = objects(results.read_bytes())
    assert lines[0]["event"] == "run"
    assert lines[-1] == summary(done)
    numbers = [line["seq"] for line in lines]
    assert numbers == sorted(set(numbers))


def test_without_a_results_file_the_replies_are_on_stdout(
    listener: Running, token: str, tmp_path: Path
) -> None:
    done = send(write(tmp_path, [token, token]))
    assert [one["event"] for one in objects(done.stdout)] == ["reply", "reply", "summary"]


def test_whole_tokens_stand_in_files_that_were_named_and_nowhere_else(
    listener: Running, tmp_path: Path
) -> None:
    real, odd = "ab" * 32, "cd" * 32 + "1"
    file, results = write(tmp_path, [real, odd]), tmp_path / "run"
    where = ("--app", "com.example.pushkit", "--env", "local")
    words = (*where, "--on-lint", "skip", "--targets", str(file))
    on_screen = here("send", "--type", "voip", "--payload", "{}", *words)
    for done in (send(file, *words), send(file, *where), on_screen):
        assert done.returncode in (3, 4), done
        assert real.encode() not in done.stdout + done.stderr
        assert odd.encode() not in done.stdout + done.stderr
    send(file, *words, "--results", str(results))
    assert {one["token"] for one in replies(results).values()} == {odd, real}


def test_targets_come_from_standard_input_line_by_line(listener: Running, token: str) -> None:
    words = ("send", "--json", "--type", "voip", "--targets", "-", "--env", "local")
    done = pushkit(*words, "--payload", BODY, stdin=f"{token}\n\n{token}\nzz\n".encode())
    assert done.returncode == 3
    last = objects(done.stdout)[-1]
    assert (last["accepted"], last["held"]) == (2, 1)
    assert "lint holds line 4" in spoken(done)


def test_a_standard_input_that_is_not_there_is_said(home: Path) -> None:
    line = f'"$0" send --type voip --targets - --env local --app a.b --payload {{}} {CLOSED} <&-'
    done = subprocess.run(["sh", "-c", line, PUSHKIT], capture_output=True, check=False, timeout=30)
    assert "standard input cannot be read: bad file descriptor" in failed(done, 2)


def test_one_line_that_lint_holds_keeps_all_of_a_file(
    listener: Running, told: Told, token: str, tmp_path: Path
) -> None:
    results = tmp_path / "run.ndjson"
    file = write(tmp_path, [token, "not-a-token", token])
    done = send(file, "--results", str(results))
    said = failed(done, 3)
    assert "1 held (not hex: line 2)" in said
    assert "nothing was sent: lint holds 1 line" in said
    assert (summary(done)["held"], summary(done)["unsent"]) == (1, 2)
    assert not results.exists()
    assert list(told) == []
    done = send(file, "--results", str(results), "--on-lint", "skip")
    assert (done.returncode, summary(done)["accepted"], summary(done)["held"]) == (3, 2, 1)
    assert replies(results)[2]["outcome"] == "held"


def test_a_dry_run_shows_the_first_request_and_sends_nothing(
    listener: Running, told: Told, token: str, tmp_path: Path
) -> None:
    done = send(write(tmp_path, [token, token]), "--dry-run")
    (one,) = objects(done.stdout)
    assert (done.returncode, one["event"]) == (0, "request")
    assert one["headers"][":path"] == f"/3/device/{token}"
    assert list(told) == []


def test_a_person_reads_how_it_went(listener: Running, token: str, tmp_path: Path) -> None:
    results = tmp_path / "run.ndjson"
    words = ("--type", "voip", "--payload", BODY, "--results", str(results))
    done = here("send", *words, "--targets", str(write(tmp_path, [token, token])))
    assert done.stdout.decode().splitlines() == [
        "accepted       2",
        "refused        0",
        "unknown        0",
        f"{results} is complete; nothing is left to resume.",
    ]


MISTAKES: dict[str, tuple[list[str], str]] = {
    "--to": (["--targets", "t", "--to", "iphone"], "--to and --targets do not go together"),
    "--apns-id": (["--targets", "t", "--apns-id", "x"], "--apns-id and --targets do not go"),
    "--as": (["--targets", "t", "--as", "curl"], "--as shows one push"),
    "stdin twice": (["--targets", "-", "--payload", "-"], "both read standard input"),
    "no targets": (["--results", "x"], "--results is about many targets"),
    "no file": (["--targets", "nowhere"], "nowhere cannot be read"),
    "resume without results": (["--targets", "t", "--resume"], "--resume goes on with a results"),
    "resend without resume": (["--targets", "t", "--resend-unknown"], "is about an earlier run"),
    "one file twice": (["--targets", "t", "--results", "t"], "one file is named for two things"),
    "results exist": (["--targets", "t", "--results", "old"], "old exists"),
    "nothing to resume": (["--targets", "t", "--results", "x", "--resume"], "there is no x"),
    "no share": (["--targets", "t", "--stop-at", "BadDeviceToken"], "is not REASON=SHARE"),
    "too large a share": (["--targets", "t", "--stop-at", "A=101%"], "is more than all of them"),
    "a rate of nothing": (["--targets", "t", "--rate", "0"], "0"),
    "no type": (["--targets", "t", "--type", ""], "no push type"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_gets_one_error_a_hint_and_exit_code_2(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t").write_text("ab" * 32)
    (tmp_path / "old").write_text("mine")
    words, said = MISTAKES[name]
    plain = ("--type", "voip", "--app", "a.b", "--env", "local", "--payload", "{}")
    assert said in failed(here("send", *plain, *words), 2)
    assert (tmp_path / "old").read_text() == "mine"


def test_many_to_production_want_a_yes(home: Path, tmp_path: Path) -> None:
    key = {"PUSHKIT_KEY_FILE": str(tmp_path / "k"), "PUSHKIT_TEAM_ID": "A" * 10,
        "PUSHKIT_KEY_ID": "B" * 10}  # fmt: skip
    file = write(tmp_path, ["ab" * 32, "cd" * 32])
    words = ("--type", "voip", "--app", "a.b", "--env", "production", "--payload", "{}")
    done = here("send", *words, "--targets", str(file), variables=key)
    assert "production was not confirmed" in failed(done, 2)


def test_nobody_there_is_not_sent(home: Path, tmp_path: Path) -> None:
    done = send(write(tmp_path, ["ab" * 32]), "--app", "a.b", "--endpoint", "https://127.0.0.1:1",
        "--retries", "0")  # fmt: skip
    assert "connection refused" in failed(done, 5)
    assert summary(done)["unsent"] == 1


def test_a_file_of_nothing_is_done(home: Path, tmp_path: Path) -> None:
    file = write(tmp_path, ["", ""])
    done = send(file, "--app", "a.b", "--endpoint", "https://127.0.0.1:1")
    assert (done.returncode, summary(done)["targets"]) == (0, 0), json.dumps(summary(done))


def test_a_run_that_cannot_begin_leaves_no_file(home: Path, tmp_path: Path) -> None:
    file, results, dead = write(tmp_path, ["ab" * 32]), tmp_path / "run", tmp_path / "dead"
    there = ("--app", "a.b", "--env", "local", "--results", str(results))
    failed(send(file, *there, "--cacert", "/dev/null"), 6)
    results.write_text("mine")
    failed(send(file, *there, "--dead-tokens", str(dead)), 2)
    results.unlink()
    dead.write_text("mine")
    suspect = tmp_path / "suspect"
    lists = ("--suspect-tokens", str(suspect), "--dead-tokens", str(dead))
    assert "dead exists" in failed(send(file, *there, *lists), 2)
    assert (results.exists(), suspect.exists(), dead.read_text()) == (False, False, "mine")


def test_a_variable_for_many_targets_does_not_trouble_one(listener: Running) -> None:
    variables = {"PUSHKIT_SEND_RATE": "5", "PUSHKIT_SEND_ON_LINT": "skip"}
    assert here("send", "--type", "voip", variables=variables).returncode == 0
