"""What a person reads of a verdict, and `pushkit listen -- CMD` as a process."""

import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest

from pushkit_cli.apns.facts import Trouble
from pushkit_cli.cli.judged import lines
from pushkit_cli.cli.render import Terminal
from pushkit_cli.emulator.clients import Clients
from pushkit_cli.emulator.terms import read_terms
from pushkit_cli.emulator.verdict import Ending, Judge
from pushkit_cli.engine.judging import Trial
from pushkit_cli.engine.waiting import wait_for
from tests.cli.errands import failed, here, spoken
from tests.commands import PATIENCE_S, PUSHKIT, objects, pushkit
from tests.emulator.test_verdict import happened, push
from tests.engine.apps import has_ended
from tests.hostile import HOSTILE
from tests.pty_run import run_in_pty, stray_controls

AT = "2026-11-25T14:02:40.120Z"
KILLED = happened(
    "terminated", push_id="b0c913" + "0" * 26, app="com.example.app", at=AT, basis="documented",
    detail="the app returned and never posted an incoming call to the system",
)  # fmt: skip


def told(
    *events: dict[str, Any],
    expects: tuple[str, ...] = (),
    requires: tuple[str, ...] = (),
    command: tuple[str, ...] | None = ("npm", "test"),
    ending: Ending | None = None,
    trouble: str | None = None,
) -> list[str]:
    terms = read_terms(expects, requires)
    judge = Judge(terms)
    for event in events:
        judge.see(event)
    verdict = judge.verdict(ending or Ending(child_exit=0), devices=["iphone"])
    trial = Trial(terms=terms, command=command, timeout_s=5.0)
    whole = "\n".join(lines(verdict, trial, trouble, Terminal()))
    return whole.replace("\npushkit:     ", " ").splitlines()


def test_a_missing_call_is_told_with_its_push_its_reason_and_whose_rule_it_is() -> None:
    said = told(push(), KILLED, expects=("voip=1", "call-reported=1"))
    assert said[0] == "pushkit: not met  call-reported=1   got 0"
    assert said[1].startswith("pushkit:   push b0c913 (voip, iphone): terminated at ")
    assert said[2] == (
        "pushkit:   the app returned and never posted an incoming call to the system (documented)"
    )
    assert said[3] == "pushkit:   npm test itself exited 0"
    assert len(said) == 4


def test_what_to_do_about_a_broken_rule_is_said_once() -> None:
    killed = {**KILLED, "reason": "0xBAADCA11"}
    said = told(killed, {**killed, "seq": 1001})
    (hint,) = (line for line in said if "hint: " in line)
    assert hint.startswith("pushkit:   hint: make the registry, with its delegate, at every launch")


def test_a_broken_rule_alone_is_called_so() -> None:
    said = told(KILLED, expects=("refused=0",))
    assert said[0].startswith("pushkit: broken   push b0c913 (voip, iphone): terminated at ")
    assert said[-1] == "pushkit:   npm test itself exited 0"


def test_a_refusal_is_the_reason_why_a_push_is_missing() -> None:
    refused = push(status=400, detail="a token of the sandbox", basis="documented", at=AT,
                   hint="send --env sandbox")  # fmt: skip
    said = told(refused, expects=("voip=1",))
    assert said[1].startswith(f"pushkit:   push {refused['id'][:6]} (voip, iphone): was refused")
    assert said[2] == "pushkit:   BadDeviceToken: a token of the sandbox (documented)"
    assert said[3] == "pushkit:   hint: send --env sandbox"


@pytest.mark.parametrize(
    ("bad", "require", "stood"),
    [
        ({"payload": None}, "voip:payload.callUUID", "payload.callUUID is not there"),
        ({"payload": {"callUUID": "c\x1b2"}}, "voip:payload.callUUID=c1",
         r'payload.callUUID is "c\x1b2"'),
        ({"payload": {"callUUID": "c1", "n": [1, True]}}, "voip:payload.callUUID=c2",
         'payload.callUUID is "c1"'),
        ({"payload": {"callUUID": {"n": [1, True]}}}, "voip:payload.callUUID=c1",
         'payload.callUUID is {"n": [1, true]}'),
        ({"headers": {"apns-expiration": "30"}}, "voip:headers.apns-expiration=0",
         'headers.apns-expiration is "30"'),
    ],
)  # fmt: skip
def test_a_requirement_says_what_stood_there_instead(
    bad: dict[str, Any], require: str, stood: str
) -> None:
    other = push(**bad)
    said = told(other, requires=(require,))
    assert said[0] == f"pushkit: not met  {require}   1 of 1 pushes"
    assert said[1] == f"pushkit:   push {other['id'][:6]}: {stood}"


def test_of_many_pushes_that_fail_a_requirement_the_first_are_told() -> None:
    said = told(*[push(payload=None) for _ in range(20)], requires=("voip:payload.callUUID",))
    assert said[0] == "pushkit: not met  voip:payload.callUUID   20 of 20 pushes"
    assert (said[6], len(said)) == ("pushkit:   and 15 more", 8)


HOOK = happened("hook", push_id=KILLED["push_id"], at=AT, basis="ours")
WORDS = {
    "failed": "exit 3 after 5 ms; stderr: no such user",
    "crashed": "the hook died of SIGSEGV after 5 ms",
    "cannot-run": "./on-push.sh cannot be run: exec format error",
    "killed": "killed after 7000 ms; stderr: waiting for the database",
}


@pytest.mark.parametrize(("reason", "detail"), WORDS.items(), ids=WORDS)
@pytest.mark.parametrize("expects", [(), ("call-reported=1",)])
@pytest.mark.parametrize("killed_first", [True, False])
def test_a_hook_has_its_say_beneath_what_came_of_it(
    reason: str, detail: str, expects: tuple[str, ...], killed_first: bool
) -> None:
    hook = {**HOOK, "reason": reason, "detail": detail}
    events = [{**KILLED, "seq": 1}, {**hook, "seq": 2}]
    if not killed_first:
        events = [{**hook, "seq": 1}, {**KILLED, "seq": 2}]
    said = told(*events, expects=expects)
    place = next(place for place, line in enumerate(said) if "the app returned" in line)
    assert said[place + 1] == f"pushkit:   the hook: {reason}: {detail}"
    assert sum(detail in line for line in said) == 1


def test_a_hook_that_fails_for_a_push_without_a_duty_is_heard_where_something_is_missing() -> None:
    hook = happened("hook", kind="complication", push_id="ab" * 16, at=AT, basis="ours",
                    reason="failed", detail="exit 3")  # fmt: skip
    said = told(hook, expects=("complication=1",))
    assert "pushkit:   failed: exit 3 (ours)" in said
    assert told({**hook, "reason": "said"}, expects=("complication=1",)) == [
        "pushkit: not met  complication=1   got 0",
        "pushkit:   npm test itself exited 0",
    ]


@pytest.mark.parametrize(
    ("expects", "command", "line"),
    [
        (("voip=0", "refused=0"), ("npm", "test"), "pushkit: met  voip=0  refused=0"),
        ((), ("npm", "test"), "pushkit: npm test exited 0"),
        ((), None, "pushkit: no device rule was broken"),
    ],
)
def test_all_is_well_in_one_line(
    expects: tuple[str, ...], command: tuple[str, ...] | None, line: str
) -> None:
    assert told(expects=expects, command=command) == [line]


@pytest.mark.parametrize(
    ("ending", "line"),
    [
        (Ending(child_exit=42), "pushkit: npm test exited 42"),
        (Ending(timed_out=True), "pushkit: npm test still ran after 5 s, and was ended"),
        (Ending(signalled=130), "pushkit: npm test was interrupted"),  # type: ignore[arg-type]
    ],
)
def test_how_the_command_ended_is_said(ending: Ending, line: str) -> None:
    assert told(ending=ending) == [line]


def test_an_app_that_is_still_busy_is_said() -> None:
    said = told(expects=("refused=0",), ending=Ending(child_exit=0, busy_s=10.0))
    assert said == [
        "pushkit:   an app was still busy with a push after 10 s: what it does later is not judged",
        "pushkit:   hint: --grace waits longer",
        "pushkit: met  refused=0",
    ]


def test_a_client_that_does_not_trust_us_is_why_nothing_came() -> None:
    event = Clients().troubled(Trouble.UNTRUSTED)
    assert event is not None
    said = told({**asdict(event), "seq": 7, "at": AT}, expects=("voip=1",))
    assert said[1].startswith("pushkit:   warning at ")
    assert said[2] == (
        "pushkit:   untrusted: a client does not trust the listener's certificate (ours)"
    )
    assert said[3].startswith('pushkit:   hint: eval "$(pushkit env)"')


def test_too_many_says_why_the_command_was_ended() -> None:
    said = told(push(), push(), expects=("voip=1",), ending=Ending())
    assert said == [
        "pushkit: not met  voip=1   got 2",
        "pushkit:   npm test was ended: nothing can make it right any more",
    ]


def test_many_broken_rules_are_counted_and_not_all_told() -> None:
    said = told(*[{**KILLED, "seq": seq} for seq in range(1000, 1020)])
    assert "pushkit:   and 15 more" in said
    assert len(said) < 15


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_foreign_text_says_nothing_of_its_own(text: str) -> None:
    killed = {**KILLED, "detail": text, "reason": text, "device": text, "type": text, "app": text}
    said = told(killed, expects=("voip=1",), command=("x", text), trouble=None)
    shown = "\r\n".join(said).encode("utf-8", "surrogatepass")
    assert stray_controls(shown, colour=False) == []
    assert all(line.startswith("pushkit: ") for line in said)


# The command as a process

PY = sys.executable


def test_all_in_one_from_a_shell_script(home: Path, tmp_path: Path) -> None:
    """stdin, stdout and the exit code are the command's; it speaks to this listener alone."""
    events, junit = tmp_path / "events", tmp_path / "junit.xml"
    script = (
        'read line; echo "heard $line"; "$0" send --type voip --json | grep -c reply; '
        'test "$SSL_CERT_FILE" = "$PUSHKIT_CA_BUNDLE" && test -f "$PUSHKIT_READY_FILE" '
        '&& test "$NODE_EXTRA_CA_CERTS" = "$PUSHKIT_CA_FILE" && "$0" inbox wait voip=1 >&2'
    )
    words = ("--expect", "voip=1", "--expect", "call-reported=1", "--require", "voip:payload")
    files = ("--json", "--events", str(events), "--junit", str(junit))
    done = pushkit("listen", *words, *files, "--", "sh", "-c", script, str(PUSHKIT), stdin=b"you\n")
    assert done.returncode == 0, done.stderr
    assert done.stdout == b"heard you\n1\n"
    assert "pushkit: met voip=1 call-reported=1 voip:payload" in spoken(done)
    found = objects(events.read_bytes())
    assert [one["event"] for one in found[:2]] == ["ready", "push"]
    assert not Path(found[0]["home"]).exists()
    last = found[-1]
    assert (last["v"], last["event"], last["exit"], last["by"], last["child_exit"]) == (
        1, "verdict", 0, None, 0,
    )  # fmt: skip
    assert {"seq", "at", "expectations", "broken"} <= set(last)
    assert Xml.fromstring(junit.read_bytes()).attrib["failures"] == "0"
    assert not home.exists()


def test_no_trust_leaves_the_general_variables_alone(tmp_path: Path) -> None:
    show = "import json, os; print(json.dumps(dict(os.environ))); raise SystemExit(3)"
    theirs = tmp_path / "theirs.pem"
    theirs.write_text("their roots")
    variables = {"NODE_EXTRA_CA_CERTS": str(theirs), "CURL_CA_BUNDLE": "/nowhere"}
    copy = (
        "import os, shutil; [shutil.copy(os.environ[name], os.environ['OUT'] + name) for name in "
        "('NODE_EXTRA_CA_CERTS', 'CURL_CA_BUNDLE')]; raise SystemExit(4)"
    )
    bare = pushkit("listen", "--no-trust", "--", PY, "-c", show, variables=variables)
    assert bare.returncode == 3
    said = json.loads(bare.stdout)
    assert {name: said[name] for name in variables} == variables
    assert {"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"}.isdisjoint(said)
    assert Path(said["PUSHKIT_TRUSTSTORE"]).name == "truststore.p12"
    out = {"OUT": f"{tmp_path}/"}
    assert pushkit("listen", "--", PY, "-c", copy, variables=variables | out).returncode == 4
    joined = (tmp_path / "NODE_EXTRA_CA_CERTS").read_text()
    assert joined.startswith("their roots\n-----BEGIN CERTIFICATE-----")
    assert (tmp_path / "CURL_CA_BUNDLE").read_text().count("BEGIN CERTIFICATE") > 1


def test_a_command_may_have_the_kept_home_and_a_port_that_is_said(home: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    show = 'echo "$PUSHKIT_HOME $PUSHKIT_PORT"; exit 3'
    done = pushkit("listen", "--keep", "--port", str(port), "--", "sh", "-c", show)
    assert (done.returncode, done.stdout.decode()) == (3, f"{home} {port}\n"), done.stderr
    assert (home / "emulator.db").exists()


def test_a_verdict_comes_last_on_stdout_where_there_is_no_command(tmp_path: Path) -> None:
    junit = tmp_path / "junit.xml"
    done = here(
        "listen", "--ephemeral", "--port", "0", "--json", "--expect", "voip@ghost=1",
        "--timeout", "100ms", "--junit", str(junit),
    )  # fmt: skip
    assert done.returncode == 7
    names = [one["event"] for one in objects(done.stdout)]
    assert names == ["ready", "closed", "verdict"]
    assert "no device is called ghost" in spoken(done)
    assert Xml.fromstring(junit.read_bytes()).attrib["failures"] == "1"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--json", "--", "true"], "stdout belongs to the command"),
        (["--"], "no command stands behind --"),
        (["--expect", "voip", "--", "true"], "says no count"),
        (["--expect", "viop=1", "--", "true"], "did you mean voip?"),
        (["--require", "voip", "--", "true"], "is not TYPE:PATH[=VALUE]"),
        (["--grace", "soon", "--", "true"], "is not a duration"),
        (["true"], "true is no word of pushkit listen"),
    ],
)
def test_a_mistake_is_refused_before_anything_runs(words: list[str], said: str) -> None:
    assert said in failed(here("listen", "--ephemeral", *words), 2)


def test_a_failure_of_ours_goes_to_the_file_where_stdout_is_not_ours(tmp_path: Path) -> None:
    events = tmp_path / "events"
    words = ("--key", "nowhere.p8", "--json", "--events", str(events))
    done = here("listen", *words, "--", "echo", "ran")
    assert (done.returncode, done.stdout) == (6, b"")
    assert objects(events.read_bytes())[-1]["kind"] == "store"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_to_us_ends_the_command_as_well(number: int, code: int) -> None:
    process = subprocess.Popen(
        [PUSHKIT, "listen", "--", "sh", "-c", "echo $$; exec sleep 600"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    process.send_signal(number)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, b"was interrupted" in err) == (code, True)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_of_a_listener_that_is_killed_neither_command_nor_home_is_left() -> None:
    script = 'sleep 600 & echo "$$ $! $PUSHKIT_HOME"; wait'
    process = subprocess.Popen(
        [PUSHKIT, "listen", "--", "sh", "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    one, other, place = process.stdout.readline().decode().split()
    assert Path(place, "run").is_dir()
    assert not has_ended(int(one), int(other), within=0)
    process.kill()
    process.communicate(timeout=PATIENCE_S)
    assert has_ended(int(one), int(other))
    assert wait_for(lambda: None if Path(place).exists() else True, timeout=PATIENCE_S)


_ON_A_TERMINAL = """
import os, signal, sys, termios
os.tcgetpgrp(0) == os.getpgrp() or sys.exit("the terminal is another's")
os.getpgrp() != int(sys.argv[1]) or sys.exit("no group of its own")
ours, theirs = os.openpty()
attributes = termios.tcgetattr(0)  # a background job would be stopped for writing them
termios.tcsetattr(0, termios.TCSANOW, attributes)
print("it is ours", flush=True)
os.kill(os.getpid(), signal.SIGINT)
"""


def test_on_a_terminal_the_command_has_it_and_we_have_it_back() -> None:
    script = (
        f'"{PUSHKIT}" listen -- "{PY}" -c "$PROGRAM" $$; echo "left $?"; '
        f'"{PY}" -c "import os; print(\'back\', os.tcgetpgrp(0) == os.getpgrp())"'
    )
    env = {**os.environ, "PROGRAM": _ON_A_TERMINAL}
    shown = run_in_pty(["sh", "-c", script], env=env)
    text = shown.output.decode()
    assert "it is ours" in text
    assert "left 130" in text, text
    assert "back True" in text


def test_a_stopped_command_stops_us_and_goes_on_with_us() -> None:
    """As ^Z and fg in a shell: the shell notices, and nobody is left stopped."""
    inside = "kill -TSTP $$; echo went on; exit 5"
    script = f'set -m; "{PUSHKIT}" listen -- sh -c "$INSIDE"; echo "stopped $?"; fg; echo "left $?"'
    shown = run_in_pty(["bash", "-c", script], env={**os.environ, "INSIDE": inside})
    text = shown.output.decode()
    assert ("stopped 148" in text, "went on" in text, "left 5" in text) == (True, True, True), text
    assert text.index("stopped") < text.index("went on") < text.index("left 5")
