"""The pytest plugin as other people's tests use it: in this run, and in runs of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pushkit_cli.errors import UsageError
from pushkit_cli.testing.apns import Apns, serving
from tests.cli.errands import here
from tests.commands import PATIENCE_S

_QUICKLY_S = 0.1


def send(apns: Apns, kind: str = "voip") -> int:
    return here("send", "--type", kind, variables=apns.env).returncode


def test_a_push_arrives_and_what_the_device_made_of_it(pushkit_apns: Apns, home: Path) -> None:
    assert pushkit_apns.inbox() == []
    assert send(pushkit_apns) == 0
    (push,) = pushkit_apns.wait("voip@iphone=1", where=["payload.callUUID"])
    assert push["token"] == pushkit_apns.token("voip")
    assert pushkit_apns.wait("call-reported=1+")[0]["push_id"] == push["id"]
    assert pushkit_apns.inbox("refused") == []
    assert len(pushkit_apns.inbox()) > 2
    assert not home.exists(), "the home of whoever runs the tests is not touched"


def test_a_broadcast_arrives(pushkit_apns: Apns) -> None:
    def pushkit(*words: str) -> str:
        done = here(*words, "--app", "com.example.pushkit", variables=pushkit_apns.env)
        assert done.returncode == 0, done.stderr
        return done.stdout.decode().strip()

    channel = pushkit("channel", "create", "--storage", "none")
    pushkit_apns.subscribe("iphone", channel)
    update = ("--type", "liveactivity", "--event", "update", "--content-state", '{"score":1}')
    pushkit("send", "--channel", channel, *update)
    pushkit_apns.wait("displayed:liveactivity@iphone=1", where=[f"channel={channel}"])
    assert [one["event"] for one in pushkit_apns.inbox()][:3] == ["channel", "subscribed", "push"]
    with pytest.raises(ValueError, match="has no channels"):
        pushkit_apns.subscribe("watch", channel)


def test_too_few_and_too_many_fail_the_test_with_what_came(pushkit_apns: Apns) -> None:
    assert pushkit_apns.wait("voip=0..1", timeout=_QUICKLY_S) == []
    with pytest.raises(AssertionError, match=r"0 voip came within 0\.1 s, not 1; .* nothing"):
        pushkit_apns.wait("voip=1", timeout=_QUICKLY_S)
    send(pushkit_apns)
    with pytest.raises(AssertionError, match=r"what came: push:voip, .*call-reported:voip"):
        pushkit_apns.wait("voip=2+", timeout=_QUICKLY_S)
    with pytest.raises(AssertionError, match="1 voip came, and 0 were expected"):
        pushkit_apns.wait("voip=0")
    with pytest.raises(UsageError):
        pushkit_apns.wait("viop=1")


def test_its_variables_point_a_program_at_it(pushkit_apns: Apns) -> None:
    env = pushkit_apns.env
    assert env["PUSHKIT_ENDPOINT"] == pushkit_apns.endpoint
    assert Path(env["PUSHKIT_READY_FILE"]).exists()
    assert env["SSL_CERT_FILE"] == pushkit_apns.ready["ca_bundle_file"]
    assert [one["name"] for one in pushkit_apns.devices] == ["iphone", "watch"]
    with pytest.raises(LookupError, match="watch has no voip token"):
        pushkit_apns.token("voip", device="watch")


@pytest.mark.pushkit(
    apps=["com.example.one"], devices=["alice", "desk:macos"], seed=7, clock="manual"
)
def test_the_marker_says_what_it_is_told(pushkit_apns: Apns) -> None:
    assert [one["name"] for one in pushkit_apns.devices] == ["alice", "desk"]
    assert pushkit_apns.ready["apps"] == ["com.example.one"]
    before = pushkit_apns.clock
    pushkit_apns.advance(7.0)
    assert pushkit_apns.clock == before + 7.0
    pushkit_apns.set_device("alice", "dnd")
    send(pushkit_apns)
    (refused,) = pushkit_apns.wait("call-refused=1")
    assert refused["reason"] == "filteredByDoNotDisturb"


def test_faults_come_and_go(pushkit_apns: Apns) -> None:
    pushkit_apns.fault("voip:ServiceUnavailable@first1", "fileprovider:500")
    assert send(pushkit_apns) == 4
    assert send(pushkit_apns) == 0
    (struck,) = pushkit_apns.wait("fault=1")
    assert struck["rule"] == "voip:ServiceUnavailable@first1"
    assert send(pushkit_apns, "fileprovider") == 4
    pushkit_apns.clear_faults()
    assert send(pushkit_apns, "fileprovider") == 0
    with pytest.raises(UsageError, match="did you mean stall"):
        pushkit_apns.fault("stal")


def test_the_clock_of_the_machine_cannot_be_moved(pushkit_apns: Apns) -> None:
    with pytest.raises(ValueError, match="--clock manual"):
        pushkit_apns.advance(1.0)
    with pytest.raises(ValueError, match="no emulated device is called bob"):
        pushkit_apns.set_device("bob", "dnd")


@pytest.mark.parametrize(
    ("words", "said"),
    [({"clock": "slow"}, "'manual'"), ({"devices": ["x:tvos"]}, "platforms are ios")],
)
def test_what_cannot_be_is_refused(words: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        serving(**words)  # type: ignore[arg-type]


# In runs of their own


def their_run(folder: Path, test: str, *words: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_theirs.py").write_text(test)
    scratch = folder / "tmp"
    scratch.mkdir()
    env = {**os.environ, "HOME": "/nowhere", "TMPDIR": str(scratch)}
    del env["PUSHKIT_HOME"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", *words],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    left = [path.name for path in scratch.iterdir() if not path.name.startswith("pytest-of-")]
    assert left == []
    return done


def test_a_run_that_does_not_use_it_imports_nothing_of_ours(tmp_path: Path) -> None:
    test = (
        "import sys\n"
        "def test_nothing():\n"
        "    ours = {name for name in sys.modules if name.split('.')[0] == 'pushkit_cli'}\n"
        "    assert ours == {'pushkit_cli', 'pushkit_cli.testing', 'pushkit_cli.testing.plugin'}\n"
        "    assert not {'click', 'rich', 'h2', 'jwt', 'cryptography'} & set(sys.modules)\n"
    )
    done = their_run(tmp_path, test)
    assert done.returncode == 0, done.stdout


def test_a_run_that_uses_it_needs_nothing_else(tmp_path: Path) -> None:
    test = (
        "import urllib.error, urllib.request\n"
        "import pytest\n"
        "def test_alone(pushkit_apns, monkeypatch):\n"
        "    for name, value in pushkit_apns.env.items():\n"
        "        monkeypatch.setenv(name, value)\n"
        "    assert pushkit_apns.wait('voip=0', timeout=0.05) == []\n"
        "@pytest.mark.pushkit(apps=['com.example.two'])\n"
        "def test_marked(pushkit_apns):\n"
        "    assert pushkit_apns.devices[0]['bundle_id'] == 'com.example.two'\n"
        "@pytest.mark.pushkit(colour='red')\n"
        "def test_mistaken(pushkit_apns): pass\n"
        "def test_failing(pushkit_apns):\n"
        "    pushkit_apns.wait('call-reported=1', timeout=0.05)\n"
    )
    done = their_run(tmp_path, test, "--strict-markers")
    assert done.returncode == 1
    assert "2 passed" in done.stdout, done.stdout
    assert "1 failed" in done.stdout
    assert "1 error" in done.stdout
    assert "pytest.mark.pushkit: " in done.stdout
    assert "colour" in done.stdout
    assert "0 call-reported came within 0.05 s, not 1; what came: nothing" in done.stdout
