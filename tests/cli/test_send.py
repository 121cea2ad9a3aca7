"""`pushkit send` against a real listener: what it says, and with which exit code."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pushkit_cli.apns.message import Request, Response
from pushkit_cli.engine.listener import Running
from tests.apns_host import answering
from tests.cli.errands import here, spoken
from tests.commands import PUSHKIT, objects
from tests.conftest import Told


def _sent(*arguments: str, stdin: bytes = b"") -> tuple[int, dict[str, Any], str]:
    done = here("send", "--json", *arguments, stdin=stdin)
    found = [one for one in objects(done.stdout) if one["event"] in ("reply", "error", "request")]
    return done.returncode, found[0], done.stderr.decode()


def test_a_voip_push_needs_no_other_word(listener: Running, told: Told) -> None:
    done = here("send", "--type", "voip")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"accepted  iphone  voip  200  apns-id ")
    first, second = done.stderr.decode().splitlines()[:2]
    port = listener.ready["port"]
    assert first == f"local  127.0.0.1:{port}  com.example.pushkit  key LOCALKEY01"
    assert second.startswith("a sample is the body: callUUID ")
    assert [one.to_json()["event"] for one in told] == [
        "push",
        "launched",
        "delivered",
        "call-reported",
    ]


@pytest.mark.parametrize("kind", ["alert", "background", "voip", "fileprovider", "liveactivity",
    "location", "pushtotalk", "widgets", "controls", "accessory"])  # fmt: skip
def test_every_type_of_an_iphone_is_accepted_with_its_sample(listener: Running, kind: str) -> None:
    code, reply, _ = _sent("--type", kind, "--to", "iphone")
    assert (code, reply["outcome"], reply["status"]) == (0, "accepted", 200)
    assert [one for one in reply["lint"] if one["reason"]] == []


def test_production_has_tokens_of_its_own(listener: Running) -> None:
    code, reply, _ = _sent("--type", "voip", "--env", "local-production")
    assert (code, reply["apns_unique_id"]) == (0, None)
    production = listener.ready["devices"][0]["apps"][1]
    assert production["environment"] == "production"
    code, reply, _ = _sent("--type", "voip", "--to", production["tokens"]["voip"])
    assert (code, reply["environment"]) == (0, "local-production")


def test_a_stated_environment_that_contradicts_the_record_is_held(listener: Running) -> None:
    token = listener.ready["devices"][0]["tokens"]["voip"]
    code, reply, _ = _sent("--type", "voip", "--to", token, "--env", "local-production")
    assert (code, reply["outcome"], reply["reason"]) == (3, "held", "BadDeviceToken")
    assert "sandbox" in reply["hint"]


def test_lint_holds_and_no_lint_sends(listener: Running) -> None:
    wrong = ("--type", "voip", "--to", "iphone", "--topic", "com.example.pushkit")
    code, reply, _ = _sent(*wrong)
    assert (code, reply["outcome"], reply["attempts"]) == (3, "held", 0)
    code, reply, _ = _sent(*wrong, "--no-lint")
    assert (code, reply["outcome"], reply["status"]) == (4, "refused", 400)
    assert reply["reason"] == "DeviceTokenNotForTopic"
    assert "com.example.pushkit.voip" in reply["hint"]


def test_several_targets_go_over_one_connection(listener: Running, told: Told) -> None:
    done = here("send", "--type", "alert", "--title", "Hi", "--to", "iphone", "--to", "watch")
    assert done.returncode == 0, done.stderr
    assert [line.split()[1] for line in done.stdout.decode().splitlines()] == ["iphone", "watch"]
    assert len({one["connection"] for one in told.named("push")}) == 1


def test_the_body_is_what_was_said(listener: Running, told: Told) -> None:
    _sent("--type", "voip", "-d", "handle=+15550199", "-d", "hasVideo:=true", "-d", r"a.b\.c=1")
    payload = told.named("push")[0]["payload"]
    assert isinstance(payload, dict)
    assert payload["handle"] == "+15550199"
    assert payload["hasVideo"] is True
    assert payload["a"] == {"b.c": "1"}
    assert "callUUID" in payload


def test_an_apns_file_names_its_app_and_loses_the_key(listener: Running, told: Told) -> None:
    body = {"Simulator Target Bundle": "com.example.pushkit", "aps": {"alert": "Hi"}}
    token = listener.ready["devices"][0]["tokens"]["alert"]
    code, _, _ = _sent(
        "--type", "alert", "--to", token, "--payload", "-", stdin=json.dumps(body).encode()
    )
    assert code == 0
    assert told.named("push")[0]["payload"] == {"aps": {"alert": "Hi"}}


def test_a_body_from_a_file_crosses_byte_for_byte(
    listener: Running, told: Told, tmp_path: Path
) -> None:
    file = tmp_path / "call.json"
    file.write_bytes(b'{ "callUUID" : "x",\n "handle":"\xc3\xa9" }')
    assert _sent("--type", "voip", "--payload", str(file))[0] == 0
    assert told.named("push")[0]["size_bytes"] == len(file.read_bytes())


def test_a_dry_run_shows_the_request_and_sends_nothing(listener: Running, told: Told) -> None:
    done = here("send", "--type", "voip", "--dry-run")
    lines = done.stdout.decode().splitlines()
    assert done.returncode == 0
    assert "apns-topic: com.example.pushkit.voip" in lines
    assert "apns-priority: 10" in lines
    assert "apns-expiration: 0" in lines
    assert "bearer (a provider token of key LOCALKEY01)" in done.stdout.decode()
    assert b"eyJ" not in done.stdout + done.stderr
    assert list(told) == []


@pytest.mark.parametrize(
    ("kind", "priority", "expiration"),
    [
        ("voip", "10", "0"),
        ("pushtotalk", "10", "0"),
        ("background", "5", None),
        ("alert", "10", None),
        ("complication", "10", None),
    ],
)
def test_what_is_sent_when_nothing_is_said(
    listener: Running, kind: str, priority: str, expiration: str | None
) -> None:
    to = "watch" if kind == "complication" else "iphone"
    _, request, _ = _sent("--type", kind, "--to", to, "--dry-run")
    assert request["headers"]["apns-priority"] == priority
    assert request["headers"].get("apns-expiration") == expiration


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--type", "voip", "--to", "nobody"], 2, "neither a device nor a token"),
        (["--type", "alert"], 2, "several devices"),
        (["--to", "iphone"], 2, "--type is missing"),
        (["--type", "viop"], 2, "no push type is called viop"),
        (["--type", "voip", "--to", "watch"], 2, "has no token for such a push"),
        (["--type", "voip", "--to", "iphone", "--app", "com.nope.x"], 2, "has no app com.nope.x"),
        (["--type", "voip", "--to", "ab" * 32], 2, "no environment is known"),
        (["--type", "voip", "--to", "ab" * 32, "--env", "local"], 2, "no body"),
        (["--type", "voip", "--expiration", "30"], 2, "did you mean 30s?"),
        (["--type", "voip", "--expiration", "soon"], 2, "neither 0, absent"),
        (["--type", "voip", "--timeout", "soon"], 2, "is not a duration"),
        (["--type", "voip", "--timeout", "0"], 2, "0 leaves no time for anything"),
        (["--type", "voip", "--timeout", "0.0m"], 2, "leaves no time for anything"),
        (["--type", "voip", "--endpoint", "http://127.0.0.1"], 2, "not https"),
        (["--type", "voip", "--endpoint", "https://[::1"], 2, "no host or port"),
        (["--type", "voip", "--endpoint", "https://127.0.0.1:0"], 2, "port 0"),
        (["--type", "voip", "--endpoint", "https://example.com"], 2, "--send-key-to example.com"),
        (["--type", "voip", "--header", "authorization:x"], 2, "cannot be set"),
        (["--type", "voip", "--insecure", "--endpoint", "https://api.push.apple.com"], 2, "Apple"),
        (["--type", "voip", "--header", "x"], 2, "not name:value"),
        (["--type", "voip", "-d", "x"], 2, "neither key=text nor key:=json"),
        (["--type", "voip", "-d", "x:=[NaN]"], 2, "NaN is not JSON"),
        (["--type", "voip", "-d", "..=1"], 2, "no key stands before the ="),
        (["--type", "voip", "-d", f"{'a.' * 100}a=1"], 2, "more than 100 names"),
        (["--type", "voip", "-d", f"{'a.' * 50_000}a:=1"], 2, "more than 100 names"),
        (["--type", "voip", "-d", "x=@/dev/zero"], 2, "/dev/zero holds more than 4 MB"),
        (["--type", "voip", "-d", "x:=@nowhere.json"], 2, "nowhere.json cannot be read"),
        (["--type", "voip", "--payload", "/dev/zero"], 2, "/dev/zero holds more than 4 MB"),
        (["--type", "voip", "--content-state", "/dev/zero"], 2, "holds more than 4 MB"),
        (["--type", "voip", "--payload", "nowhere.json"], 2, "cannot be read"),
        (["--type", "voip", "--payload", "[1", "-d", "a=b"], 2, "not a JSON object"),
        (["--type", "voip", "--payload", "{"], 3, "not JSON"),
        (["--type", "voip", "--payload", "{" + '"a":1' + " " * 5200 + "}"], 3, "5120"),
        (["--type", "voip", "--apns-id", "7"], 3, "apns-id is 7"),
        (["--type", "voip", "--priority", "7"], 3, "apns-priority is 7"),
        (["--type", "voip", "--collapse-id", "é" * 33], 3, "66 bytes"),
        (["--type", "background", "--to", "iphone", "--priority", "10"], 3, "may not have"),
        (["--type", "voip", "--to", "iphone", "--env", "sandbox"], 6, "no key is known"),
        (["--type", "voip", "--cacert", "/dev/null"], 6, "no certificate"),
        (["--type", "voip", "--colour"], 2, "No such option"),
    ],
)
def test_a_mistake_gets_one_error_a_hint_and_its_exit_code(
    listener: Running, told: Told, arguments: list[str], code: int, words: str
) -> None:
    done = here("send", *arguments)
    said = " ".join(done.stderr.decode().split())
    assert (done.returncode, words in said or words in done.stdout.decode()) == (code, True), said
    assert said.count("error: ") == (0 if code == 3 else 1)
    assert said.count("hint: ") == 1
    assert list(told) == []


def test_with_nobody_listening_nothing_is_sent(home: Path) -> None:
    done = here("send", "--type", "voip")
    assert done.returncode == 5
    assert b"pushkit listen" in done.stderr
    assert not home.exists()


def test_a_closed_port_is_not_sent(listener: Running) -> None:
    closed = ("--endpoint", "https://127.0.0.1:1", "--env", "local")
    code, error, _ = _sent("--type", "voip", *closed)
    assert (code, error["event"], error["kind"]) == (5, "error", "not-sent")


def test_an_unknown_authority_is_not_sent(listener: Running, tmp_path: Path) -> None:
    with answering(tmp_path, lambda _: None) as host:
        code, error, _ = _sent("--type", "voip", "--endpoint", host.url)
        insecure = ("--insecure", "--timeout", "300ms")
        unheard, _, _ = _sent("--type", "voip", "--endpoint", host.url, *insecure)
    assert code == 5
    assert "not trusted" in error["message"]
    assert (unheard, len(host.asked)) == (8, 1), "trusted, sent, and never answered"


def test_silence_after_sending_is_unknown(listener: Running, tmp_path: Path) -> None:
    with answering(tmp_path, lambda _: None) as host:
        trust = ("--endpoint", host.url, "--cacert", str(host.ca_file), "--timeout", "300ms")
        code, reply, _ = _sent("--type", "voip", *trust)
    assert (code, reply["outcome"], reply["retry"]) == (8, "unknown", "on-request")
    assert len(host.asked) == 1


def test_a_word_apple_may_invent_is_shown_as_it_is(listener: Running, tmp_path: Path) -> None:
    def answer(request: Request) -> Response:
        return Response(status=418, body=b'{"reason":"TeapotOnly"}')

    with answering(tmp_path, answer) as host:
        trust = ("--endpoint", host.url, "--cacert", str(host.ca_file))
        code, reply, _ = _sent("--type", "voip", *trust)
    assert (code, reply["status"], reply["reason"], reply["hint"]) == (4, 418, "TeapotOnly", None)


def test_a_410_carries_its_timestamp(listener: Running, tmp_path: Path) -> None:
    body = b'{"reason":"Unregistered","timestamp":1454948015990}'
    with answering(tmp_path, lambda _: Response(status=410, body=body)) as host:
        trust = ("--endpoint", host.url, "--cacert", str(host.ca_file))
        code, reply, _ = _sent("--type", "voip", *trust)
    assert (code, reply["unregistered_at_ms"], reply["retry"]) == (4, 1454948015990, "never")


def test_a_real_token_is_shortened_and_an_emulated_one_shown(listener: Running) -> None:
    real = "ab" * 32
    _, reply, _ = _sent("--type", "voip", "--to", real, "--env", "local", "--app",
        "com.example.pushkit", "-d", "callUUID=x")  # fmt: skip
    assert reply["token"] == "abab..abab"
    assert reply["reason"] == "BadDeviceToken"
    _, reply, _ = _sent("--type", "voip")
    assert reply["token"] == listener.ready["devices"][0]["tokens"]["voip"]


def test_the_last_object_is_a_summary(listener: Running) -> None:
    done = here("--json", "send", "--type", "voip")
    summary = objects(done.stdout)[-1]
    assert (summary["event"], summary["targets"], summary["accepted"]) == ("summary", 1, 1)
    assert summary["exit"] == 0


def test_a_reader_who_has_gone_does_not_change_the_exit_code(listener: Running) -> None:
    import subprocess

    from tests.commands import PUSHKIT

    refused = f"'{PUSHKIT}' send --type voip --topic com.example.pushkit --no-lint"
    told = f"{refused} | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", told], capture_output=True, check=True)
    assert done.stdout == b"4\n"
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("</dev/zero", "standard input holds more than 4 MB"),
        ("<&-", "standard input cannot be read: bad file descriptor"),
        ("</dev/null", "Payload"),
    ],
)
def test_standard_input_that_never_ends_or_is_not_there(
    listener: Running, source: str, words: str
) -> None:
    line = f'"$0" send --type voip --payload - {source}'
    done = subprocess.run(["sh", "-c", line, PUSHKIT], capture_output=True, check=False, timeout=30)
    assert (done.returncode, words in spoken(done)) == (3 if words == "Payload" else 2, True), done
