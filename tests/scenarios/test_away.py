"""What goes wrong while a phone is away, each wrong and repaired."""

import json
import shlex
from pathlib import Path

from tests.scenarios.played import SEND, Played, both, caught, listen, rings
from tests.scenarios.problems import AWAY
from tests.scenarios.test_apps import hook

OFFLINE, ONLINE = "pushkit device set iphone offline", "pushkit device set iphone online"
MANUAL = ("--clock", "manual")
REPORTS = "echo '{\"reported\":true}'"


def test_problem_07_a_call_that_was_stored_rings_for_nobody(tmp_path: Path) -> None:
    def script(send: str) -> str:
        return f"{OFFLINE}; {send}; pushkit clock advance 5m; {ONLINE}"

    silent = (*MANUAL, "--expect", "call-reported=0")
    wrong, repaired = both(
        lambda: listen(tmp_path, script(f"{SEND} --expiration absent"), *silent),
        lambda: listen(tmp_path, script(SEND), *silent),
    )
    caught(AWAY[0], wrong)
    assert "from-storage" in wrong.named("delivered")
    assert repaired.exit == 0, repaired.said
    assert repaired.named("discarded") == ["expired"]


def test_problem_07_of_several_messages_one_is_kept(tmp_path: Path) -> None:
    def script(*sends: str) -> str:
        alerts = (f"pushkit send --type alert --to iphone {words}" for words in sends)
        return "; ".join((OFFLINE, *alerts, ONLINE))

    wrong, repaired = both(
        lambda: listen(
            tmp_path,
            script("--title One", "--title Two"),
            "--expect",
            "displayed=2",
            "--grace",
            "1s",
        ),
        lambda: listen(
            tmp_path,
            script("--title '1 message' --collapse-id m", "--title '2 messages' --collapse-id m"),
            *("--expect", "displayed=1", "--expect", "overwritten=1"),
        ),
    )
    caught(AWAY[1], wrong)
    assert repaired.exit == 0, repaired.said
    assert repaired.named("overwritten") == ["collapsed"]
    assert [one["detail"] for one in repaired.events if one["event"] == "displayed"] == [
        "shown: 2 messages"
    ]


def test_problem_08_a_cancel_that_overtakes_its_call(tmp_path: Path) -> None:
    calls = f"{SEND} -d callUUID=c8; {SEND} -d callUUID=c8 -d kind=cancel"
    script = f"{OFFLINE}; {calls}; {ONLINE}"
    shuffled = (*MANUAL, "--store-chaos", "2")
    filters = f"if grep -q cancel; then echo {shlex.quote(json.dumps({'reported': False}))}; fi"
    wrong, repaired = both(
        lambda: listen(tmp_path, script, *shuffled, *hook(tmp_path, "wrong", filters)),
        lambda: listen(tmp_path, script, *shuffled, *hook(tmp_path, "right", REPORTS)),
    )
    for one in (wrong, repaired):
        assert overtaken(one)
    caught(AWAY[2], wrong)
    rings(repaired)


def overtaken(one: Played) -> bool:
    """Whether what was sent first arrived last."""
    sent = [event["id"] for event in one.events if event["event"] == "push"]
    came = [event["push_id"] for event in one.events if event["event"] == "delivered"]
    return came == sent[::-1]


def test_problem_14_a_stored_call_before_the_first_unlock(tmp_path: Path) -> None:
    script = f"{OFFLINE}; {SEND} --expiration 1h; {ONLINE} before-first-unlock"
    reads = '[ "$PUSHKIT_LOCK" != before-first-unlock ] || exit 1'
    wrong, repaired = both(
        lambda: listen(tmp_path, script, *hook(tmp_path, "wrong", f"{reads}; {REPORTS}")),
        lambda: listen(tmp_path, script, *hook(tmp_path, "right", REPORTS)),
    )
    caught(AWAY[3], wrong)
    assert "from-storage" in wrong.named("delivered")
    rings(repaired)
