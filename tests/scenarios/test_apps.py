"""Problems that are the app's, or that come to light on the phone: a listener judges each run."""

import shlex
from pathlib import Path

from tests.scenarios.played import SEND, both, caught, listen, rings


def hook(folder: Path, name: str, script: str) -> tuple[str, str]:
    """An app that is a shell script."""
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o700)
    return ("--on-push", shlex.quote(str(file)))


def test_problem_04_returning_early_is_no_way_out_of_the_report(tmp_path: Path) -> None:
    script = f"{SEND} -d callUUID=42"
    is_readable = 'grep -qE \'"callUUID": "[0-9a-f-]{36}"\''
    gives_up = f"{is_readable} || echo '{{\"reported\":false}}'"
    reports = f'{is_readable} || echo \'{{"call_id":"unknown","ended":"failed"}}\''
    wrong, repaired = both(
        lambda: listen(tmp_path, script, *hook(tmp_path, "wrong", gives_up)),
        lambda: listen(tmp_path, script, *hook(tmp_path, "right", reports)),
    )
    caught(4, wrong)
    rings(repaired)
    assert repaired.named("call-ended") == ["failed"]


def test_problem_05_after_too_many_failures_only_a_reinstall_helps(tmp_path: Path) -> None:
    kept = ("--keep", "--strikes", "1")
    silent = ("--app-behavior", "never-reports", "--expect", "voip-stopped=0")
    wrong = listen(tmp_path, SEND, *kept, *silent)
    caught(5, wrong)
    assert [one["status"] for one in wrong.events if one["event"] == "push"] == [200]
    script = f"{SEND}; pushkit device do iphone reinstall; {SEND}"
    meant = ("--expect", "discarded=1", "--expect", "call-reported=1")
    repaired = listen(tmp_path, script, *kept, *meant)
    assert repaired.named("discarded") == ["voip-stopped"]
    rings(repaired)


def test_problem_06_a_registry_that_is_never_made_is_noticed_after_seven_seconds(
    tmp_path: Path,
) -> None:
    clock, later = ("--clock", "manual"), "pushkit clock advance 7s"
    in_time = "pushkit inbox wait call-reported=1"
    wrong, repaired = both(
        lambda: listen(tmp_path, f"{SEND}; {later}", *clock, app="NoRegistry"),
        lambda: listen(tmp_path, f"{SEND}; {in_time}; {later}", *clock, app="Good"),
    )
    caught(6, wrong)
    rings(repaired)


def test_problem_07_a_call_that_apns_may_keep_is_a_ghost_call(tmp_path: Path) -> None:
    once = ("--require", "voip:headers.apns-expiration=0")
    wrong, repaired = both(
        lambda: listen(tmp_path, f"{SEND} --expiration absent", *once),
        lambda: listen(tmp_path, SEND, *once),
    )
    caught(7, wrong)
    assert "not met voip:headers.apns-expiration=0 1 of 1 pushes" in wrong.said
    assert "send --expiration 0, or a few seconds" in wrong.said
    rings(repaired)


def test_problem_09_a_duplicate_has_to_be_reported_like_the_first(tmp_path: Path) -> None:
    seen = shlex.quote(str(tmp_path / "seen"))
    filters = f"if grep -q c1 {seen}; then echo '{{\"reported\":false}}'; else cat >{seen}; fi"
    (tmp_path / "seen").touch()
    script = f"{SEND} -d callUUID=c1; {SEND} -d callUUID=c1"
    lives = ("--expect", "terminated=0")
    wrong, repaired = both(
        lambda: listen(tmp_path, script, *lives, *hook(tmp_path, "wrong", filters)),
        lambda: listen(tmp_path, script, *lives, *hook(tmp_path, "right", "exit 0")),
    )
    caught(9, wrong)
    rings(repaired)
    assert repaired.named("call-refused") == ["callUUIDAlreadyExists"]


def test_problem_11_a_token_that_comes_before_its_listener_is_lost(tmp_path: Path) -> None:
    strict = ("--expect", "warning=0")
    wrong, repaired = both(
        lambda: listen(tmp_path, SEND, *strict, app="Hasty"),
        lambda: listen(tmp_path, SEND, *strict, app="Good"),
    )
    caught(11, wrong)
    rings(repaired)
    uploaded = [one["detail"] for one in repaired.events if one["event"] == "hook"]
    token = next(one["token"] for one in repaired.events if one["event"] == "push")
    assert f"token {token}" in uploaded[0]


def test_problem_14_before_the_first_unlock_a_call_is_owed_as_well(tmp_path: Path) -> None:
    script = f"pushkit device set iphone before-first-unlock; {SEND}"
    reads = '[ "$PUSHKIT_LOCK" != before-first-unlock ] || exit 1'
    reports = "echo '{\"reported\":true}'"
    wrong, repaired = both(
        lambda: listen(tmp_path, script, *hook(tmp_path, "wrong", f"{reads}; {reports}")),
        lambda: listen(tmp_path, script, *hook(tmp_path, "right", reports)),
    )
    caught(14, wrong)
    (launched,) = (one["detail"] for one in wrong.events if one["event"] == "launched")
    assert "before the first unlock: it can read nothing that is protected" in launched
    rings(repaired)


def test_problem_15_a_refused_report_is_no_failure(tmp_path: Path) -> None:
    script = f"pushkit device set iphone dnd; {SEND}"
    wrong, repaired = both(
        lambda: listen(tmp_path, script, app="Unguarded"),
        lambda: listen(tmp_path, script, app="Good"),
    )
    caught(15, wrong)
    assert repaired.exit == 0, repaired.said
    assert repaired.named("call-refused") == ["filteredByDoNotDisturb"]


def test_problem_16_a_message_is_no_call(tmp_path: Path) -> None:
    messenger = hook(tmp_path, "app", "! grep -q message || echo '{\"reported\":false}'")
    message = "pushkit send --type alert --to iphone --title Alice"
    wrong, repaired = both(
        lambda: listen(tmp_path, f"{SEND} -d kind=message", *messenger),
        lambda: listen(tmp_path, f"{message}; {SEND}", *messenger),
    )
    caught(16, wrong)
    rings(repaired)
    (shown,) = (one["detail"] for one in repaired.events if one["event"] == "displayed")
    assert shown == "shown: Alice"


def test_problem_16_a_server_that_cannot_tell_lets_the_extension_find_the_call(
    tmp_path: Path,
) -> None:
    """Documented: the extension hands the call over, and the app owes its report all the same."""
    nse = ("--via-nse", "secret.call")
    send = "pushkit send --type alert --to iphone --title Alice -d aps.mutable-content:=1"
    script = f'{send} -d secret.call:=\'{{"callUUID":"c1"}}\'; {send} -d secret.message=Hi'
    gives_up = hook(tmp_path, "early", "echo '{\"reported\":false}'")
    wrong, repaired = both(
        lambda: listen(tmp_path, script, *nse, *gives_up),
        lambda: listen(tmp_path, script, *nse, "--expect", "displayed=1"),
    )
    caught(16, wrong)
    rings(repaired)
    (call,) = (one for one in repaired.events if one["event"] == "call-reported")
    (alert, _) = (one for one in repaired.events if one["event"] == "push")
    assert (call["type"], call["call_id"], call["push_id"]) == ("voip", "c1", alert["id"])
