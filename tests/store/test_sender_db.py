"""What a sender remembers: channels by their ids, and pushes from before there were any."""

import sqlite3
from pathlib import Path

import pytest

from pushkit_cli.apns.facts import Storage
from pushkit_cli.errors import StoreError
from pushkit_cli.store.files import Home
from pushkit_cli.store.sender_db import ChannelRecord, Channels, History, Remembered

APP = "com.example.app"


def _record(
    name: str, storage: Storage | None = Storage.NONE, environment: str = "sandbox"
) -> ChannelRecord:
    return ChannelRecord(id=name, app=APP, environment=environment, storage=storage, at_ms=1)


@pytest.fixture
def kept(tmp_path: Path) -> Home:
    return Home(tmp_path / "kept")


def test_a_channel_is_found_by_its_id_until_it_is_forgotten(kept: Home) -> None:
    one, other = _record("b25l", Storage.LATEST), _record("b3RoZXI=", None)
    channels = Channels(kept)
    channels.put(one)
    channels.put(other)
    channels.close()
    channels = Channels(kept)
    assert (channels.find("b25l"), channels.find("b3RoZXI=")) == (one, other)
    assert channels.find("nothing") is None
    channels.forget("b25l")
    assert channels.find("b25l") is None
    assert channels.of(APP, "sandbox") == {other.id: other}
    channels.close()


def test_what_is_told_later_takes_the_place_of_what_was_told(kept: Home) -> None:
    channels = Channels(kept)
    channels.put(_record("b25l", None))
    channels.put(_record("b25l", Storage.LATEST, "production"))
    assert channels.find("b25l") == _record("b25l", Storage.LATEST, "production")
    assert channels.of(APP, "sandbox") == {}
    channels.close()


def test_an_id_with_a_lone_surrogate_is_kept_too(kept: Home) -> None:
    channels = Channels(kept)
    channels.put(_record("\udcff"))
    assert channels.find("\udcff") is not None
    channels.close()


def test_a_history_from_before_there_were_channels_is_kept(kept: Home) -> None:
    """The first schema, as it was written then."""
    file = kept.create("sender.db")
    with sqlite3.connect(file) as sql:
        sql.execute("""CREATE TABLE history (
            seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, profile TEXT NOT NULL,
            environment TEXT NOT NULL, app TEXT, device TEXT, token_fp TEXT NOT NULL,
            type TEXT NOT NULL, topic TEXT, payload BLOB NOT NULL,
            outcome TEXT NOT NULL, status INTEGER, reason TEXT, apns_id TEXT)""")
        sql.execute("""INSERT INTO history VALUES (7, 1, 'default', 'local', 'a', 'iphone', 'fp',
            'voip', 'a.voip', x'7b7d', 'accepted', 200, NULL, 'ID')""")
        sql.execute("PRAGMA user_version = 1")
    sql.close()
    history = History(kept)
    (old,) = history.last(5)
    assert (old.device, old.token_fp, old.apns_id, old.channel) == ("iphone", "fp", "ID", None)
    new = Remembered(
        **{name: getattr(old, name) for name in Remembered.__slots__ if name != "channel"}
        | {"token_fp": None, "device": None},
        channel="b25l",
    )
    history.add([new])
    assert history.last(5) == [new, old]
    history.close()
    assert (kept.path / "sender.db.schema1").is_file()


def test_a_damaged_file_is_said_to_be_so(kept: Home) -> None:
    kept.write("sender.db", b"not a database")
    with pytest.raises(StoreError, match="damaged"):
        Channels(kept)
