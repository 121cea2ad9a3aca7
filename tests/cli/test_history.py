"""What was sent is remembered, without secrets; and failing to remember changes no exit code."""

from pathlib import Path

from pushkit_cli.engine.listener import Running
from pushkit_cli.store.files import Home
from pushkit_cli.store.sender_db import History
from tests.cli.errands import here
from tests.commands import objects


def _history(home: Path) -> History:
    return History(Home(home))


def test_pushes_are_remembered_newest_first(listener: Running, home: Path) -> None:
    assert here("send", "--type", "voip").returncode == 0
    refused = ("--type", "voip", "--topic", "com.example.pushkit", "--no-lint")
    assert here("send", *refused).returncode == 4
    history = _history(home)
    second, first = history.last(10)
    history.close()
    assert (first.outcome, first.status, first.device) == ("accepted", 200, "iphone")
    assert (second.outcome, second.reason) == ("refused", "DeviceTokenNotForTopic")
    assert b"callUUID" in first.payload
    token = listener.ready["devices"][0]["tokens"]["voip"]
    raw = b"".join(path.read_bytes() for path in home.glob("sender.db*"))
    assert token.encode() not in raw
    assert b"eyJ" not in raw


def test_a_damaged_history_is_a_warning_and_kept(listener: Running, home: Path) -> None:
    (home / "sender.db").write_bytes(b"not a database")
    done = here("send", "--json", "--type", "voip")
    assert done.returncode == 0
    assert objects(done.stdout)[0]["outcome"] == "accepted"
    said = " ".join(done.stderr.decode().split())
    assert said.count("warning: the history was not written") == 1
    assert (home / "sender.db").read_bytes() == b"not a database"


def test_a_refusal_stays_a_refusal_when_the_history_fails(listener: Running, home: Path) -> None:
    (home / "sender.db").mkdir()
    refused = ("--type", "voip", "--topic", "com.example.pushkit", "--no-lint")
    assert here("send", *refused).returncode == 4
