"""`pushkit listen` in a process of its own: what it says, and how it starts and ends."""

import json
import os
import re
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from tests.cli.errands import failed, here
from tests.commands import PATIENCE_S, PUSHKIT, listening, objects, pushkit

_READY_KEYS = {
    "v", "event", "seq", "at", "pid", "version", "nonce", "home", "endpoints", "endpoint", "host",
    "port", "environment", "ca_file", "ca_bundle_file", "truststore_file", "team_id", "key_id",
    "key_file", "apps", "teams", "devices", "client_ca_files", "auth", "clock", "control",
    "forward_secret_file",
}  # fmt: skip


def test_ready_push_events_and_closed_are_ndjson(home: Path) -> None:
    with listening("--port", "0") as (process, ready):
        assert set(ready) == _READY_KEYS
        assert ready["pid"] == process.pid
        assert here("send", "--type", "voip").returncode == 0
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    events = [one["event"] for one in objects(out)]
    assert events == ["push", "launched", "delivered", "call-reported", "closed"]
    assert [one["seq"] for one in objects(out)[:4]] == [1, 2, 3, 4]
    assert b"authorization" not in out
    assert b"eyJ" not in out


def test_the_first_screen_says_what_to_type(home: Path) -> None:
    process = subprocess.Popen(
        [PUSHKIT, "listen", "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert here("ready").returncode == 0
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=PATIENCE_S)
    text = err.decode()
    assert process.returncode == 0
    assert text.startswith("Ready. ")
    for words in ("sandbox", "production", "iphone", "watch", "try", "pushkit send --type voip"):
        assert words in text
    assert all(len(line) <= 80 for line in text.splitlines() if str(home) not in line)


def test_the_first_screen_of_an_ephemeral_listener_says_where_other_shells_find_it() -> None:
    process = subprocess.Popen(
        [PUSHKIT, "listen", "--ephemeral", "--port", "0", "--timeout", "0.2s"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    (line,) = (one.strip() for one in err.decode().splitlines() if "export" in one)
    assert re.fullmatch(r"first +export PUSHKIT_HOME=/\S+pushkit-\S+", line)


def test_state_is_kept_and_tokens_follow_from_the_seed(home: Path) -> None:
    with listening("--port", "0", "--app", "com.example.one") as (_, first):
        pass
    with listening("--port", "0", "--app", "com.example.two") as (_, second):
        pass
    assert second["apps"] == ["com.example.two", "com.example.one"], "this run's come first"
    assert second["devices"][0]["bundle_id"] == "com.example.two"
    assert first["devices"][0]["apps"][0] in second["devices"][0]["apps"]
    with listening("--port", "0", "--ephemeral", "--seed", "7", "--app", "com.example.one") as (
        _,
        third,
    ):
        assert third["devices"][0]["tokens"] != first["devices"][0]["tokens"]


def test_an_ephemeral_listener_leaves_nothing(home: Path) -> None:
    with listening("--port", "0", "--ephemeral") as (_, ready):
        temporary = Path(ready["home"])
        assert temporary.is_dir()
        done = here("send", "--type", "voip", variables={"PUSHKIT_HOME": str(temporary)})
        assert done.returncode == 0, done.stderr
    assert not temporary.exists()
    assert not home.exists()


def test_the_ready_file_is_private_and_gone_at_the_end(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "ready.json"
    with listening("--port", "0", "--ready-file", str(file)) as (_, ready):
        assert json.loads(file.read_bytes()) == ready
        assert file.stat().st_mode & 0o777 == 0o600
        assert here("env", variables={"PUSHKIT_READY_FILE": str(file)}).returncode == 0
    assert not file.exists()
    assert not (home / "run" / "listen.json").exists()


def test_events_go_to_a_file_as_well(tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    with listening("--port", "0", "--events", str(file)):
        here("send", "--type", "complication")
    assert [one["event"] for one in objects(file.read_bytes())] == [
        "ready",
        "push",
        "launched",
        "delivered",
        "closed",
    ]


def test_given_tokens_ids_and_devices_are_used(home: Path) -> None:
    token = "AB" * 40
    arguments = ("--device", "alice", "--device", "desk:macos", "--token", f"alice/voip={token}")
    with listening("--port", "0", *arguments, "--team-id", "TEAM000001") as (_, ready):
        assert [device["name"] for device in ready["devices"]] == ["alice", "desk"]
        assert ready["devices"][0]["tokens"]["voip"] == token.lower()
        assert ready["team_id"] == "TEAM000001"
        assert here("send", "--type", "voip", "--to", token).returncode == 0


def test_a_key_of_ones_own_is_used_by_its_public_half(home: Path, tmp_path: Path) -> None:
    with listening("--port", "0") as (_, ready):
        key = tmp_path / "AuthKey_MYKEY00001.p8"
        key.write_bytes(Path(ready["key_file"]).read_bytes())
        public = tmp_path / "AuthKey_MYKEY00001.pub"
        public.write_bytes((home / "local" / "LOCALKEY01.pub").read_bytes())
    with listening("--port", "0", "--key", str(key)) as (_, ready):
        assert (ready["key_id"], ready["key_file"]) == ("MYKEY00001", str(key))
        assert here("send", "--type", "voip").returncode == 0
    with listening("--port", "0", "--key", str(public)) as (_, ready):
        assert ready["key_file"] is None
        assert here("send", "--type", "voip").returncode == 6


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--app", "com.example.app.voip"], 2, "ends in .voip: that is a topic"),
        (["--app", "no app"], 2, "is not a bundle id"),
        (["--device", "a/b"], 2, "cannot name a device"),
        (["--device", "ab" * 32], 2, "cannot name a device"),
        (["--device", "x:tvos"], 2, "no platform is called tvos"),
        (["--token", "voip"], 2, "is not [DEVICE/]TYPE=HEX"),
        (["--token", "voip=xyz"], 2, "not hexadecimal"),
        (["--device", "watch", "--token", "voip=abcd"], 2, "no device of this listener"),
        (["--token", "ghost/voip=abcd"], 2, "no device is called ghost"),
        (["--port", "70000"], 2, "70000"),
        (["--port", "2199", "--production-port", "2199"], 2, "both environments on one port"),
        (["--key", "nowhere.p8"], 6, "cannot be read"),
        (["--key", "/dev/null"], 6, "empty"),
        (["--events", "/nowhere/events"], 6, "cannot be written"),
        (["--ready-file", "/nowhere/ready"], 6, "--ready-file names a file in a folder that is"),
        (["--timeout", "0"], 2, "0 leaves no time for anything"),
    ],
)
def test_a_mistake_is_refused_at_start(arguments: list[str], code: int, words: str) -> None:
    done = here("listen", "--ephemeral", "--port", "0", *arguments)
    said = " ".join(done.stderr.decode().split())
    assert (done.returncode, words in said) == (code, True), said
    assert said.count("error: ") == 1
    assert said.count("hint: ") == 1


def test_ready_waits_and_env_points_at_the_listener(home: Path) -> None:
    assert here("ready", "--timeout", "100ms").returncode == 124
    assert here("env").returncode == 6
    waiting: list[int] = []
    thread = threading.Thread(target=lambda: waiting.append(pushkit("ready").returncode))
    thread.start()
    with listening("--port", "0") as (_, ready):
        thread.join()
        assert waiting == [0]
        shell = 'eval "$("$0" env)"; env -0'
        said = subprocess.run(["sh", "-c", shell, PUSHKIT], capture_output=True, check=True)
        found = dict(item.partition(b"=")[::2] for item in said.stdout.split(b"\0"))
        tokens = ready["devices"][0]["tokens"]
        assert found[b"PUSHKIT_ENDPOINT"].decode() == ready["endpoint"]
        assert found[b"PUSHKIT_TOKEN_VOIP"].decode() == tokens["voip"]
        assert found[b"PUSHKIT_TOKEN_IPHONE_ALERT"].decode() == tokens["alert"]
        for name in (b"CA_FILE", b"CA_BUNDLE", b"TRUSTSTORE", b"KEY_FILE"):
            assert os.path.exists(found[b"PUSHKIT_" + name])  # noqa: PTH110 (bytes)
        elsewhere = {name.decode(): value.decode() for name, value in found.items()}
        elsewhere["PUSHKIT_HOME"] = str(home.with_name("elsewhere"))
        to_token = ("--to", tokens["voip"], "--app", "com.example.pushkit", "-d", "callUUID=x")
        done = pushkit("send", "--type", "voip", *to_token, variables=elsewhere)
        assert done.returncode == 0, done.stderr


def test_a_stopped_or_killed_listener_is_not_taken_for_a_running_one(home: Path) -> None:
    with listening("--port", "0") as (process, _):
        process.send_signal(signal.SIGSTOP)
        said = failed(here("ready", "--timeout", "200ms"), 124)
        assert f"(process {process.pid}) did not answer within 0.2 s" in said
        process.send_signal(signal.SIGCONT)
        assert here("ready").returncode == 0
        process.kill()
        process.wait()
    assert (home / "run" / "listen.json").exists()
    assert here("ready", "--timeout", "100ms").returncode == 124
    assert here("send", "--type", "voip").returncode == 5
    with listening("--port", "0"):
        assert here("send", "--type", "voip").returncode == 0


def test_demo_tells_the_story_and_leaves_nothing(home: Path, tmp_path: Path) -> None:
    done = pushkit("demo", variables={"TMPDIR": str(tmp_path)})
    text = done.stdout.decode()
    assert done.returncode == 0, done.stderr
    assert text.count("200 accepted") == 3
    assert "400 DeviceTokenNotForTopic" in text
    assert "call from +15550100 reported" in text
    assert "enumerator signalled" in text
    assert all(len(line) <= 80 for line in text.splitlines())
    assert list(tmp_path.iterdir()) == []
    assert not home.exists()


def test_demo_speaks_json_too() -> None:
    found = objects(here("demo", "--json").stdout)
    assert found[0]["event"] == "ready"
    assert [one["outcome"] for one in found if one["event"] == "reply"] == [
        "accepted",
        "accepted",
        "accepted",
        "refused",
    ]
