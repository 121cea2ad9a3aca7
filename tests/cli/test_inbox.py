"""`pushkit inbox`: what a person and a script are shown, and with which code it ends."""

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pushkit_cli.engine.listener import Running
from tests.cli.errands import failed, here, spoken
from tests.commands import PATIENCE_S, PUSHKIT, objects, pushkit
from tests.conftest import Told
from tests.engine.test_inbox import pushed

REFUSED = ("send", "--type", "voip", "--to", "iphone", "--topic", "com.example.pushkit",
    "--no-lint")  # fmt: skip


def lines(*words: str) -> list[str]:
    done = here("inbox", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode().splitlines()


def events(*words: str) -> list[dict[str, Any]]:
    done = here("inbox", *words, "--json")
    assert done.returncode == 0, done.stderr
    return objects(done.stdout)


@pytest.fixture
def captured(listener: Running, told: Told) -> Running:
    """A call that was reported, and one that was refused."""
    pushed(listener, told)
    assert here(*REFUSED).returncode == 4
    return listener


def test_a_person_sees_the_lines_of_the_screen(captured: Running) -> None:
    push, answer, refused, no, *_ = lines()
    assert "-->  voip  iphone  com.example.pushkit.voip  51 bytes  [" in push
    assert answer.strip() == "<--  200 accepted"
    assert "com.example.pushkit  " in refused
    assert "400 DeviceTokenNotForTopic" in no
    assert lines("voip") == [push, answer]
    assert lines("refused:DeviceTokenNotForTopic@iphone")[0] == refused


def test_an_event_alone_says_when_where_and_what(captured: Running) -> None:
    (line,) = lines("delivered")
    assert line[8:].startswith("  delivered  iphone  com.example.pushkit  voip  [")
    assert "call reported" in " ".join(lines("call-reported"))


def test_a_script_reads_the_events_of_the_journal(captured: Running, told: Told) -> None:
    assert events() == told.named("push")
    assert events("call-reported") == told.named("call-reported")
    assert here("--json", "inbox", "voip").stdout == here("inbox", "voip", "--json").stdout
    assert here("inbox", "--json", "voip").stdout == here("inbox", "voip", "--json").stdout
    assert b"authorization" not in here("inbox", "push", "--json").stdout


def test_one_push_is_shown_whole(captured: Running, told: Told) -> None:
    push = events("voip")[0]
    call = push["payload"]["callUUID"]
    text = "\n".join(lines("show", push["id"][:6]))
    for words in (
        "200 accepted", "apns-priority: 10", f'body: {{"callUUID":"{call}"}}', push["token"],
        push["apns_id"], "key_id LOCALKEY01", "app launched in background", "call reported in",
    ):  # fmt: skip
        assert words in text
    assert "bearer" not in text
    shown = events("show", push["apns_id"])
    assert [one["event"] for one in shown] == ["push", "launched", "delivered", "call-reported"]
    assert here("inbox", "--json", "show", push["id"]).stdout == (
        here("inbox", "show", push["id"], "--json").stdout
    )


def test_nothing_is_said_where_nothing_came(listener: Running) -> None:
    done = here("inbox")
    assert (done.returncode, done.stdout, spoken(done)) == (0, b"", "no push yet")
    done = here("inbox", "voip@watch")
    assert (done.returncode, done.stdout) == (0, b"")
    assert "nothing of that kind" in spoken(done)


def test_what_is_forgotten_is_seen_no_more(captured: Running) -> None:
    assert here("inbox", "clear").returncode == 0
    assert events("push") == []
    assert objects(here("inbox", "clear", "--json").stdout) == [{"v": 1, "event": "cleared"}]


def test_without_a_listener_there_is_one_clear_message(home: Path) -> None:
    said = failed(here("inbox"), 6)
    assert "nobody listens here, and nothing was kept" in said
    assert "pushkit listen" in said
    failed(here("inbox", "wait", "voip=1"), 6)
    assert not home.exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("vopi",), "did you mean voip?"),
        (("voip=1",), "nothing is called voip=1"),
        (("wait", "voip"), "says no count"),
        (("wait", "voip=x"), "is no count"),
        (("wait",), "Missing argument"),
        (("show", "abc"), "is no push"),
        (("--since", "yesterday"), "yesterday is no moment"),
        (("--where", "=x"), "is not PATH=VALUE"),
        (("--limit", "0"), "not in the range"),
        (("voip", "alert"), "unexpected extra argument"),
    ],
)
def test_words_that_do_not_fit_are_exit_2(words: tuple[str, ...], says: str) -> None:
    assert says in failed(here("inbox", *words), 2)


# Waiting


def test_a_wait_ends_with_each_of_its_codes(captured: Running) -> None:
    call = events("voip")[0]["payload"]["callUUID"]
    done = here("inbox", "wait", "voip@iphone=1", "--where", f"payload.callUUID={call}")
    assert (done.returncode, done.stdout) == (0, b"1  voip@iphone=1\n")
    (found,) = objects(here("inbox", "wait", "voip=1+", "--json").stdout)
    assert (found["event"], found["what"], found["count"]) == ("waited", "voip=1+", 1)
    assert "1 refused came, and 0 were expected" in failed(here("inbox", "wait", "refused=0"), 7)
    few = ("inbox", "wait", "voip=2", "--timeout", "20ms")
    assert "1 voip came within 0.02 s, not 2" in failed(here(*few), 124)
    last = objects(here(*few, "--json").stdout)[-1]
    assert (last["event"], last["kind"], last["exit"]) == ("error", "timeout", 124)


def test_a_wait_that_is_there_first_is_woken_by_the_push(listener: Running) -> None:
    words = [str(PUSHKIT), "inbox", "wait", "call-reported@iphone=1", "--timeout", "20s"]
    waiting = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert pushkit("send", "--type", "voip").returncode == 0
    out, err = waiting.communicate(timeout=PATIENCE_S)
    assert (waiting.returncode, out) == (0, b"1  call-reported@iphone=1\n"), err


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)], ids=["^C", "SIGTERM"]
)
def test_who_follows_sees_what_comes_until_he_is_stopped(
    listener: Running, told: Told, number: int, code: int
) -> None:
    following = subprocess.Popen(
        [PUSHKIT, "inbox", "voip", "-f", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert following.stdout is not None
    for _ in range(2):
        pushed(listener, told)
        assert json.loads(following.stdout.readline()) == told.named("push")[-1]
    following.send_signal(number)
    out, err = following.communicate(timeout=PATIENCE_S)
    assert following.returncode == code
    assert [one["event"] for one in objects(out)] == (["error"] if code else [])
    assert err.count(b"error: ") == bool(code)


def test_a_reader_who_has_gone_ends_it(listener: Running, told: Told) -> None:
    pushed(listener, told)
    read, write = os.pipe()
    following = subprocess.Popen(
        [PUSHKIT, "inbox", "-f", "--json"], stdout=write, stderr=subprocess.PIPE
    )
    os.close(write)
    with os.fdopen(read, "rb") as reader:
        assert json.loads(reader.readline())["event"] == "push"
    pushed(listener, told)
    assert following.communicate(timeout=PATIENCE_S)[1] == b""
    assert following.returncode == 0
