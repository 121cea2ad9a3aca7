"""How the app under test behaves, as `listen` is told, and the clock that stands still for it."""

import json
from pathlib import Path

import pytest

from pushkit_cli.cli.app_options import app_under_test
from pushkit_cli.engine.app_host import Manner
from pushkit_cli.engine.under_test import Builtin
from tests.cli.errands import failed, here
from tests.commands import listening, objects


def voip() -> None:
    done = here("send", "--type", "voip")
    assert done.returncode == 0, done.stderr


def test_an_app_that_hangs_is_killed_when_the_clock_says_so(tmp_path: Path) -> None:
    file = tmp_path / "events"
    words = ("--port", "0", "--clock", "manual", "--app-behavior", "hangs", "--strikes", "1")
    with listening(*words, "--events", str(file)):
        (before,) = objects(here("clock", "show", "--json").stdout)
        voip()
        assert here("clock", "advance", "6.9s").returncode == 0
        events = [one["event"] for one in objects(file.read_bytes())]
        assert "terminated" not in events
        (after,) = objects(here("clock", "advance", "100ms", "--json").stdout)
        told = objects(file.read_bytes())  # it holds when the command has returned
        assert [one["event"] for one in told[-2:]] == ["terminated", "voip-stopped"]
        assert told[-2]["reason"] == "0xBAADCA11"
        assert "strike 1 of 1" in told[-2]["detail"]
        assert (before["clock"], after["clock"]) == ("manual", "manual")
        assert told[-2]["at"] == after["now"] != before["now"]
        shown = here("device", "show", "iphone").stdout.decode()
        assert "1 strike, VoIP is stopped" in shown
        voip()
        assert here("inbox", "wait", "discarded=1", "--json").returncode == 0
        assert objects(file.read_bytes())[-1]["reason"] == "voip-stopped"
        assert here("device", "reset", "iphone").stdout == b"reset  iphone\n"
        voip()
        assert here("inbox", "wait", "delivered=2", "--json").returncode == 0
        assert objects(file.read_bytes())[-1]["event"] == "delivered"


def test_the_machines_clock_is_not_moved(tmp_path: Path) -> None:
    assert "nobody listens here" in failed(here("clock", "show"), 6)
    with listening("--port", "0"):
        assert here("clock", "show").stdout.endswith(b"system\n")
        assert "--clock manual" in failed(here("clock", "advance", "7s"), 6)
    assert "nobody listens here" in failed(here("clock", "advance", "7s"), 6)


def test_a_hook_is_the_app(tmp_path: Path) -> None:
    hook = tmp_path / "on push.sh"
    hook.write_text('#!/bin/sh\ncat >"$1"\necho \'{"ended":"remoteEnded"}\'\n')
    hook.chmod(0o700)
    payload, file = tmp_path / "payload", tmp_path / "events"
    command = f"'{hook}' '{payload}'"
    with listening("--port", "0", "--events", str(file), "--on-push", command) as (_, ready):
        assert ready["forward_secret_file"] is None
        voip()
        assert here("inbox", "wait", "call-ended=1").returncode == 0
    assert set(json.loads(payload.read_bytes())) == {"callUUID", "handle"}


def test_what_is_forwarded_is_signed_with_a_secret_that_env_names(home: Path) -> None:
    with listening("--port", "0", "--forward-to", "http://127.0.0.1:9/push") as (_, ready):
        file = Path(ready["forward_secret_file"])
        assert file.parent == home / "local"
        said = objects(here("env", "--json").stdout)[0]
        assert said["PUSHKIT_FORWARD_SECRET_FILE"] == str(file)
        voip()
        assert here("inbox", "wait", "terminated=1").returncode == 0


def test_no_variable_says_what_runs_or_hears(tmp_path: Path) -> None:
    variables = {
        "PUSHKIT_LISTEN_ON_PUSH": "/nowhere/at/all",
        "PUSHKIT_LISTEN_FORWARD_TO": "ftp://nowhere",
        "PUSHKIT_LISTEN_PORT": "99999999",
    }
    assert "99999999" in failed(here("listen", variables=variables), 2)
    del variables["PUSHKIT_LISTEN_PORT"]
    variables["PUSHKIT_LISTEN_APP_BEHAVIOR"] = "sings"
    assert "no app behaves sings" in failed(here("listen", variables=variables), 2)


WRONG = (
    (["--app-behavior", "sings"], "no app behaves sings"),
    (["--app-behavior", "slow"], "how slow? slow=5s"),
    (["--app-behavior", "slow=very"], "very is not a duration"),
    (["--app-behavior", "crashes=5s"], "crashes takes no value"),
    (["--app-behavior", "hangs", "--on-push", "true"], "--app-behavior and --on-push"),
    (["--on-push", "true", "--forward-to", "http://[::1]"], "--on-push and --forward-to"),
    (["--on-push", ""], "names no command"),
    (["--on-push", "'"], "close every quote"),
    (["--forward-to", "example.com"], "takes an http or https URL"),
    (["--forward-to", "http://u:hidden@"], "takes an http or https URL"),
    (["--forward-to", "alert=http://x"], "no app is called for alert"),
    (["--forward-to", "http://x", "--forward-to", "http://y"], "two URLs for every type"),
    (["--forward-to", "voip=http://x", "--forward-to", "voip=http://y"], "two URLs for voip"),
    (["--call-id-path", "a..b"], "is not a dotted path"),
    (["--call-id-path", "a=b"], "is not a dotted path"),
    (["--cancel-if", "kind"], "is not PATH=VALUE"),
    (["--cancel-if", "=cancel"], "is not PATH=VALUE"),
    (["--strikes", "0"], "0 is not in the range"),
    (["--stale-after", "soon"], "soon is not a duration"),
    (["--clock", "sand"], "sand"),
)


@pytest.mark.parametrize(("words", "said"), WRONG, ids=[" ".join(one[0]) for one in WRONG])
def test_what_does_not_fit_together_is_usage(words: list[str], said: str) -> None:
    told = failed(here("listen", "--port", "0", *words), 2)
    assert said in told
    assert "hidden" not in told


def test_a_hook_that_cannot_run_is_one_error_before_anything_is_ready(tmp_path: Path) -> None:
    file = tmp_path / "hook.sh"
    file.write_text("exit 0")
    for word, said in ((str(file), "is not executable"), ("./nowhere", "is not found")):
        done = here("listen", "--port", "0", "--json", "--on-push", word)
        assert done.returncode == 6
        (told,) = objects(done.stdout)
        assert (told["event"], told["exit"]) == ("error", 6)
        assert said in told["message"]
        assert told["hint"]


def test_a_body_says_where_its_call_and_its_cancel_are(tmp_path: Path) -> None:
    file = tmp_path / "events"
    words = ("--call-id-path", "meta.id", "--cancel-if", "kind=cancel", "--forgive")
    with listening("--port", "0", "--events", str(file), *words):
        body = '{"meta":{"id":"c7"},"kind":"cancel"}'
        assert here("send", "--type", "voip", "--payload", body).returncode == 0
        assert here("device", "do", "iphone", "end-call", "c7").returncode == 0
    told = objects(file.read_bytes())
    assert [one["event"] for one in told[2:-1]] == [
        "launched", "delivered", "warning", "call-reported", "call-ended",
    ]  # fmt: skip
    assert told[4]["reason"] == "cancel-push"
    assert {one["call_id"] for one in told[3:-1]} == {"c7"}


@pytest.mark.parametrize(
    ("text", "manner", "delay_s"),
    [
        ("never-reports", Manner.NEVER_REPORTS, 0),
        ("slow=5s", Manner.SLOW, 5),
        ("slow=250ms", Manner.SLOW, 0.25),
        ("crashes", Manner.CRASHES, 0),
        ("no-completion", Manner.NO_COMPLETION, 0),
        ("hangs", Manner.HANGS, 0),
    ],
)
def test_how_an_app_may_behave(text: str, manner: Manner, delay_s: float) -> None:
    words = {"app_behavior": text, "on_push": None, "forward_to": ()}
    assert app_under_test(words, {}) == Builtin(manner=manner, delay_s=delay_s)


def test_the_environment_of_this_process_is_handed_on_without_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = "canary-0815"
    hook = tmp_path / "hook.sh"
    hook.write_text(f"#!/bin/sh\nenv >'{tmp_path}/env'\n")
    hook.chmod(0o700)
    monkeypatch.setenv("PUSHKIT_KEY", canary)
    monkeypatch.setenv("SSLKEYLOGFILE", f"{tmp_path}/{canary}")
    with listening("--port", "0", "--ephemeral", "--on-push", str(hook)) as (_, ready):
        monkeypatch.delenv("PUSHKIT_KEY")
        monkeypatch.delenv("SSLKEYLOGFILE")
        variables = {"PUSHKIT_HOME": ready["home"]}
        done = here("send", "--type", "voip", variables=variables)
        assert done.returncode == 0, done.stderr
        waited = here("inbox", "wait", "call-reported=1", variables=variables)
        assert waited.returncode == 0
        said = (tmp_path / "env").read_text()
        assert canary not in said
        assert f"PUSHKIT_HOME={ready['home']}\n" in said
