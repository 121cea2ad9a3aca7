"""`pushkit fault`: set, listed and cleared while a listener runs, and what is no fault."""

from pathlib import Path

import pytest

from pushkit_cli.engine.listener import Running
from pushkit_cli.engine.waiting import wait_for
from tests.cli.errands import failed, here, spoken
from tests.commands import PATIENCE_S, objects
from tests.conftest import Told

PLAN = """
[[fault]]
name = "rush hour"
action = "ServiceUnavailable"
type = "voip"
when = "first1"
"""


def send(kind: str = "voip") -> int:
    return here("send", "--type", kind).returncode


def test_a_fault_holds_from_the_next_push_until_it_is_cleared(
    listener: Running, told: Told
) -> None:
    done = here("fault", "add", "voip:ServiceUnavailable@nth2", "fileprovider:503")
    assert done.stdout == b"1  voip:ServiceUnavailable@nth2\n2  fileprovider:503\n"
    assert [send(), send(), send("fileprovider")] == [0, 4, 4]
    done = here("fault", "list")
    assert done.stdout.decode().splitlines() == [
        "1  voip:ServiceUnavailable@nth2  matched 2  struck 1",
        "2  fileprovider:503  matched 1  struck 1",
    ]
    assert here("fault", "clear", "2").stdout == b"cleared  2\n"
    assert send("fileprovider") == 0
    assert here("fault", "clear").stdout == b"cleared  1\n"
    done = here("fault", "list")
    assert (done.stdout, spoken(done)) == (b"", "no fault is set")
    assert here("fault", "clear").stdout == b"cleared  nothing\n"
    assert [one["rule"] for one in told.named("fault")] == [
        "voip:ServiceUnavailable@nth2",
        "fileprovider:503",
    ]


def test_a_plan_is_set_under_its_names(listener: Running, told: Told, tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(PLAN)
    (said,) = objects(here("fault", "add", "--fault-plan", str(plan), "--json").stdout)
    assert said == {
        "v": 1, "event": "fault-rule", "number": 1, "name": "rush hour",
        "fault": "voip:ServiceUnavailable@first1", "matched": 0, "struck": 0,
    }  # fmt: skip
    assert b"(rush hour)" in here("fault", "list").stdout
    assert send() == 4
    (fault,) = wait_for(lambda: told.named("fault") or None, timeout=PATIENCE_S) or [{}]
    assert (fault["rule"], fault["number"]) == ("rush hour", 1)
    assert told.named("push")[0]["fault"] == "rush hour"
    (gone,) = objects(here("fault", "clear", "--json").stdout)
    assert gone == {"v": 1, "event": "cleared", "numbers": [1]}
    shown = here("inbox").stdout.decode()
    assert "<--  503 ServiceUnavailable  fault rush hour" in shown


@pytest.mark.parametrize("words", [("list",), ("add", "stall"), ("clear",)])
def test_without_a_listener_there_is_none_to_misbehave(words: tuple[str, ...]) -> None:
    said = failed(here("fault", *words), 6)
    assert "nobody listens here" in said
    assert "listen --fault" in said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("add",), "no fault is named"),
        (("add", "stal"), "did you mean stall?"),
        (("add", "--fault-plan", "nowhere.toml"), "nowhere.toml cannot be read"),
        (("clear", "7"), "no fault has the number 7"),
        (("add", *["503"] * 101), "more than 100 faults"),
    ],
)
def test_what_is_no_fault_is_refused(listener: Running, words: tuple[str, ...], says: str) -> None:
    assert says in failed(here("fault", *words), 2)
    assert here("fault", "list").stdout == b""


def test_a_plan_with_a_typo_is_refused_at_the_start_with_its_line(tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(PLAN.replace("ServiceUnavailable", "ServiceUnavailabel"))
    said = failed(here("listen", "--port", "0", "--fault-plan", str(plan)), 2)
    assert "plan.toml:4: ServiceUnavailabel is no fault" in said
    assert "did you mean ServiceUnavailable?" in said
    plan.write_bytes(b"\xff\xfe")
    assert "is no text" in failed(here("fault", "add", "--fault-plan", str(plan)), 2)


@pytest.mark.parametrize(
    ("fault", "words", "code", "says"),
    [
        ("TooManyRequests", (), 4, "TooManyRequests"),
        ("502", (), 4, "502"),
        ("delay=50ms", (), 0, "accepted"),
        ("stall", ("--timeout", "0.4s"), 8, "unknown"),
        ("reset", (), 8, "unknown"),
        ("close", (), 8, "unknown"),
        ("goaway", (), 0, "accepted"),
        ("reset=refused@first1", (), 0, "accepted"),
        ("tls", ("--retries", "0"), 5, "handshake failure"),
        ("tls@first1", (), 0, "accepted"),
        ("connection:close", ("--retries", "0"), 5, "did not complete TLS"),
        ("connection:stall", ("--retries", "0", "--timeout", "0.4s"), 5, "TLS"),
    ],
)
def test_a_sender_of_ours_says_what_it_can_know(
    listener: Running, told: Told, fault: str, words: tuple[str, ...], code: int, says: str
) -> None:
    assert here("fault", "add", fault).returncode == 0
    done = here("send", "--type", "voip", *words)
    assert done.returncode == code, done.stderr
    assert says in done.stdout.decode() + spoken(done)
    events = wait_for(lambda: told.named("fault") or None, timeout=PATIENCE_S)
    assert [one["rule"] for one in events or ()] == [fault]
