"""The channel service of a World: what is made, shown, listed, deleted, and what is refused."""

import base64
import json
from typing import Any

import pytest

from pushkit_cli.apns import channels, message
from pushkit_cli.apns.channels import Broadcast
from pushkit_cli.apns.facts import Policy, Storage, Trust
from pushkit_cli.apns.message import Request
from pushkit_cli.apns.push import Environment
from pushkit_cli.emulator.channel_records import Channel
from pushkit_cli.emulator.moves import Connected, Put, Register
from pushkit_cli.emulator.state import App
from tests.emulator.airing import AUTHORITY, BODY, signed
from tests.emulator.airing import created as made
from tests.emulator.stage import PRODUCTION, Stage, answer, happened, pushed, reason
from tests.law import BUNDLE, KEY_ID, OTHER_TEAM, TEAM, UUID, KeyPair

OTHER = "com.example.other"


@pytest.fixture
def two(stage: Stage) -> Stage:
    """A stage with a second app, and a connection 2 to production."""
    stage.step(Register(record=App(bundle_id=OTHER, team_id=TEAM)))
    stage.step(Connected(connection=2, environment=PRODUCTION))
    return stage


def _body(stage: Stage, asked: Request, connection: int = 1) -> Any:
    return json.loads(answer(stage.send(signed(stage, asked), connection=connection)).body)


def _listed(stage: Stage, bundle_id: str = BUNDLE, connection: int = 1) -> list[str]:
    asked = channels.to_list(bundle_id, authority=AUTHORITY)
    found = _body(stage, asked, connection)["channels"]
    assert isinstance(found, list)
    return found


def test_a_channel_is_made_shown_listed_and_deleted(stage: Stage) -> None:
    first, second = made(stage, Storage.LATEST), made(stage, Storage.NONE)
    assert len(base64.b64decode(first, validate=True)) == 16
    assert first != second
    assert _listed(stage) == [first, second]
    shown = [
        _body(stage, channels.to_show(BUNDLE, one, authority=AUTHORITY)) for one in (first, second)
    ]
    assert [one["message-storage-policy"] for one in shown] == [1, 0]
    assert [one["push-type"] for one in shown] == ["LiveActivity"] * 2
    gone = answer(stage.send(signed(stage, channels.to_delete(BUNDLE, first, authority=AUTHORITY))))
    assert (gone.status, gone.body) == (204, b"")
    assert _listed(stage) == [second]
    asked = signed(stage, channels.to_show(BUNDLE, first, authority=AUTHORITY))
    assert reason(stage.send(asked)) == "ChannelNotRegistered"
    assert stage.rebuilt().state == stage.world.state
    assert [*stage.rebuilt().state.channels.of_app(BUNDLE, Environment.SANDBOX)] == [second]


def test_a_channel_belongs_to_one_app_in_one_environment(two: Stage) -> None:
    mine = made(two)
    assert _listed(two, OTHER) == []
    assert _listed(two, connection=2) == []
    elsewhere = signed(two, channels.to_show(OTHER, mine, authority=AUTHORITY))
    effects = two.send(elsewhere)
    assert reason(effects) == "ChannelNotRegistered"
    assert pushed(effects).hint == f"it was made for {BUNDLE}: say --app {BUNDLE}"
    there = two.send(signed(two, channels.to_show(BUNDLE, mine, authority=AUTHORITY)), connection=2)
    assert reason(there) == "ChannelNotRegistered"
    assert "sandbox" in (pushed(there).hint or "")


def test_where_channels_are_managed_nothing_is_pushed(stage: Stage) -> None:
    channel = made(stage)
    stage.step(Connected(connection=2, environment=Environment.SANDBOX, manages=True))
    assert _listed(stage, connection=2) == [channel]
    message_ = Broadcast(bundle_id=BUNDLE, channel_id=channel, payload=BODY, priority=5)
    sent = signed(stage, channels.to_broadcast(message_, authority=AUTHORITY))
    for asked in (sent, stage.request()):
        effects = stage.send(asked, connection=2)
        assert (reason(effects), pushed(effects).basis) == ("BadPath", "ours")
        assert "the port for pushes" in (pushed(effects).hint or "")
        assert not happened(effects)
    assert reason(stage.send(sent)) == "BadExpirationDate", "elsewhere it is judged as one"


def test_what_is_asked_of_channels_is_told_as_what_it_is(stage: Stage) -> None:
    asked = channels.to_create(BUNDLE, Storage.LATEST, authority=AUTHORITY, request_id=UUID.upper())
    effects = stage.send(signed(stage, asked))
    response, event = answer(effects), pushed(effects)
    fields = dict(response.headers)
    assert (response.status, response.body) == (201, b"")
    assert fields[message.REQUEST_ID] == UUID.upper().encode()
    said = event.to_json()
    assert (said["event"], said["app"], said["status"]) == ("channel", BUNDLE, 201)
    assert said["channel"] == fields[message.CHANNEL_ID].decode()
    assert said["apns_request_id"] == UUID.upper()
    assert (said["apns_id"], said["device"], said["token"]) == (None, None, None)
    assert said["auth"]["team_id"] == TEAM
    assert "authorization" not in said["headers"]


@pytest.mark.parametrize("said", ["liveactivity", "Liveactivity", "LiveActivity"])
def test_a_broadcast_is_a_push_with_a_channel(stage: Stage, said: str) -> None:
    channel = made(stage, Storage.NONE)
    broadcast = Broadcast(
        bundle_id=BUNDLE, channel_id=channel, payload=BODY, push_type=said, priority=10,
        expiration=0,
    )  # fmt: skip
    effects = stage.send(signed(stage, channels.to_broadcast(broadcast, authority=AUTHORITY)))
    response, event = answer(effects), pushed(effects).to_json()
    fields = dict(response.headers)
    assert (response.status, response.body) == (200, b"")
    assert set(fields) == {message.REQUEST_ID, message.UNIQUE_ID}
    assert (event["event"], event["type"], event["channel"]) == ("push", "liveactivity", channel)
    assert (event["app"], event["topic"], event["payload"]) == (BUNDLE, None, json.loads(BODY))
    assert event["apns_unique_id"] == fields[message.UNIQUE_ID].decode()
    assert event["apns_request_id"] == fields[message.REQUEST_ID].decode()
    assert event["headers"]["apns-push-type"] == said


def test_an_id_that_is_none_is_not_echoed(stage: Stage) -> None:
    asked = channels.to_list(BUNDLE, authority=AUTHORITY, request_id="42")
    effects = stage.send(signed(stage, asked))
    assert reason(effects) == "BadMessageId"
    assert len(dict(answer(effects).headers)[message.REQUEST_ID]) == len(UUID)


def test_an_app_has_so_many_channels_and_no_more(
    two: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = two
    monkeypatch.setattr(channels, "MAX_CHANNELS", 3)
    ids = [made(stage) for _ in range(3)]
    asked = signed(stage, channels.to_create(BUNDLE, Storage.NONE, authority=AUTHORITY))
    assert reason(stage.send(asked)) == "CannotCreateChannelConfig"
    assert reason(stage.send(asked, connection=2)) is None, "each environment has its own"
    stage.send(signed(stage, channels.to_delete(BUNDLE, ids[1], authority=AUTHORITY)))
    assert reason(stage.send(asked)) is None
    assert len(_listed(stage)) == 3


def test_whose_app_it_is_is_looked_up_by_the_path(two: Stage) -> None:
    two.step(Register(record=App(bundle_id="com.example.foreign", team_id=OTHER_TEAM)))
    for bundle_id in ("com.example.foreign", "com.example.unknown"):
        asked = signed(two, channels.to_list(bundle_id, authority=AUTHORITY))
        assert reason(two.send(asked)) == "TopicMismatch"


@pytest.mark.parametrize("policy", [Policy(broadcasts=False), Policy(trust=Trust.ANY)])
def test_an_app_without_the_capability_is_told_so(keys: KeyPair, policy: Policy) -> None:
    """An app that nobody registered has none, also where any provider token is taken."""
    stage = Stage(keys, policy=policy).set_up()
    bundle_id = BUNDLE if not policy.broadcasts else "com.example.unknown"
    asked = channels.to_create(bundle_id, Storage.NONE, authority=AUTHORITY)
    assert reason(stage.send(signed(stage, asked))) == "FeatureNotEnabled"


def test_a_refusal_changes_nothing_and_says_who_asked(stage: Stage) -> None:
    asked = signed(stage, channels.to_create(BUNDLE, Storage.NONE, authority=AUTHORITY))
    spoilt = Request(headers=asked.headers, body=b"{}", body_size=2)
    effects = stage.send(spoilt)
    assert reason(effects) == "BadRequestParams"
    assert not [one for one in effects if isinstance(one, Put)]
    event = pushed(effects)
    assert (event.event, event.status, event.basis) == ("channel", 400, "documented")
    assert event.auth is not None
    assert event.auth.key_id == KEY_ID
    assert event.hint


def test_rows_of_channels_come_back_as_records(stage: Stage) -> None:
    made(stage, Storage.LATEST)
    (channel,) = stage.world.state.all_of(Channel)
    assert stage.rebuilt().state.channel(channel.id) == channel
    assert channel.as_known().storage is Storage.LATEST
