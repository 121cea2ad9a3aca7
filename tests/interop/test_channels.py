"""Channels as curl and a client in JavaScript see them: every operation, every reason."""

import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from pushkit_cli.apns.channel_reasons import CHANNEL_REASONS
from pushkit_cli.apns.channel_rules import FAULTS_ONLY, RULES
from pushkit_cli.apns.channels import MAX_CHANNELS, Operation, to_create
from pushkit_cli.apns.facts import Storage
from pushkit_cli.apns.message import AUTHORIZATION
from pushkit_cli.net.sender import Endpoint, exchange
from pushkit_cli.net.tls import client_context
from tests.interop.channel_rows import ELSEWHERE, ROWS, Row
from tests.interop.curl import Curl
from tests.interop.errands import (
    MANAGES,
    SANDBOX,
    Errand,
    Make,
    Place,
    certified,
    channel,
    created,
    good,
    header,
    of_app,
    signed,
    to,
)
from tests.interop.listening import APP, OTHER_APP, OTHER_KEY, OTHER_TEAM, Listener, listening
from tests.interop.processes import environment, need

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
LATER = "4102444800"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """An answer, whoever heard it."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class ByCurl:
    """curl, one connection for what is asked together."""

    def __init__(self, curl: Curl) -> None:
        self._curl = curl

    def ask(self, listener: Listener, errands: Sequence[Errand]) -> list[Heard]:
        answers = self._curl.ask(listener, [one.of_curl(listener) for one in errands])
        assert [one.connects for one in answers] == [1, *[0] * (len(answers) - 1)]
        return [
            Heard(status=one.status, headers=dict(one.headers), body=one.body) for one in answers
        ]


class ByNode:
    """node:http2, likewise."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def ask(self, listener: Listener, errands: Sequence[Errand]) -> list[Heard]:
        said = errands[-1].certificate
        talk = {
            "url": listener.ready["endpoints"][errands[0].door],
            "certificate": None if said is None else listener.certificate(*said),
            "asks": [one.to_json() for one in errands],
        }
        done = subprocess.run(
            [need("node"), Path(__file__).with_name("channel_client.mjs"), listener.ca_file],
            input=json.dumps(talk).encode(),
            capture_output=True,
            env=environment(self._folder),
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return [
            Heard(status=one["status"], headers=one["headers"], body=one["body"].encode())
            for one in json.loads(done.stdout)
        ]


Client = ByCurl | ByNode


@pytest.fixture(params=["curl", "node"])
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Client:
    if request.param == "node":
        return ByNode(tmp_path)
    return ByCurl(request.getfixturevalue("curl"))


@pytest.fixture(scope="session")
def place(listener: Listener, curl: Curl) -> Place:
    """The listener of all interop tests, with channels."""
    nowhere = Place(listener=listener, latest="", none="", elsewhere="", foreign="")
    other = signed(team_id=OTHER_TEAM, key_id=OTHER_KEY)
    wanted = (
        good(Operation.CREATE),
        good(Operation.CREATE, created(message_storage_policy=0)),
        good(Operation.CREATE, to("manage_production")),
        good(Operation.CREATE, of_app(OTHER_APP), other),
    )
    ids = [
        ByCurl(curl).ask(listener, [make(nowhere)])[0].headers["apns-channel-id"] for make in wanted
    ]
    return Place(listener=listener, latest=ids[0], none=ids[1], elsewhere=ids[2], foreign=ids[3])


def _ask(client: Client, place: Place, *makes: Make) -> list[Heard]:
    return client.ask(place.listener, [make(place) for make in makes])


def test_every_rule_is_played_here() -> None:
    assert {row.check for row in ROWS} | ELSEWHERE == {rule.check for rule in RULES}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_each_refusal_is_heard_byte_for_byte(client: Client, place: Place, row: Row) -> None:
    *before, heard = _ask(client, place, *row.first, row.make)
    assert [one.status for one in before] == [row.opened] * len(before)
    assert (heard.status, heard.body) == (row.status, f'{{"reason":"{row.reason}"}}'.encode())
    assert list(heard.headers) == ["apns-request-id"]
    assert UUID.fullmatch(heard.headers["apns-request-id"])


@pytest.mark.parametrize("door", [MANAGES, SANDBOX])
def test_a_channel_from_its_making_to_its_end(client: Client, place: Place, door: str) -> None:
    """At the door for it as at Apple, and at the door for pushes, which is ours."""
    listener = place.listener
    (made,) = _ask(client, place, good(Operation.CREATE, to(door)))
    assert (made.status, made.body) == (201, b"")
    assert set(made.headers) == {"apns-request-id", "apns-channel-id"}
    channel_id = made.headers["apns-channel-id"]
    mine = header("apns-channel-id", channel_id)
    shown, listed = _ask(
        client, place, good(Operation.SHOW, to(door), mine), good(Operation.LIST, to(door))
    )
    assert shown.body == b'{"message-storage-policy":1,"push-type":"LiveActivity"}'
    assert channel_id in listed.json["channels"]

    listener.command("device", "do", "iphone", "subscribe", channel_id)
    uuid = "6b29fc40-ca47-1067-b31d-00dd010662da"
    (sent,) = _ask(
        client,
        place,
        good(
            Operation.SEND, mine, header("apns-request-id", uuid), header("apns-expiration", LATER)
        ),
    )
    assert (sent.status, sent.body) == (200, b"")
    assert set(sent.headers) == {"apns-request-id", "apns-unique-id"}
    assert sent.headers["apns-request-id"] == uuid
    event = listener.event_where(event="displayed", channel=channel_id)
    assert (event["device"], event["detail"]) == ("iphone", "Live Activity updated")

    gone, after = _ask(
        client, place, good(Operation.DELETE, to(door), mine), good(Operation.SHOW, to(door), mine)
    )
    assert (gone.status, gone.body, list(gone.headers)) == (204, b"", ["apns-request-id"])
    assert (after.status, after.json["reason"]) == (400, "ChannelNotRegistered")


def test_the_key_of_another_team_has_its_own(client: Client, place: Place) -> None:
    other = signed(team_id=OTHER_TEAM, key_id=OTHER_KEY)
    (heard,) = _ask(client, place, good(Operation.LIST, of_app(OTHER_APP), other))
    assert heard.json["channels"] == [place.foreign]
    (shown,) = _ask(
        client, place, good(Operation.SHOW, of_app(OTHER_APP), other, channel("foreign"))
    )
    assert shown.status == 200


def test_a_certificate_of_the_app_needs_no_provider_token(client: Client, place: Place) -> None:
    mine = certified("app", "--app", APP, "--env", "sandbox")
    (listed,) = _ask(client, place, good(Operation.LIST, mine))
    assert place.latest in listed.json["channels"]
    (sent,) = _ask(client, place, good(Operation.SEND, mine))
    assert (sent.status, sent.body) == (200, b"")


# Listeners of another kind


@pytest.fixture(scope="session")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listener]:
    """One that answers in every word that no rule has, one after the other, twice."""
    words = [*sorted(FAULTS_ONLY), "BadEnvironmentKeyIdInToken"]
    faults = [
        word
        for number, reason in enumerate(words * 2)
        for word in ("--fault", f"channel:{reason}@nth{number + 1}")
    ]
    with listening(tmp_path_factory.mktemp("faulty"), "--app", APP, *faults) as found:
        yield found


def test_what_no_rule_says_is_said_by_a_fault(client: Client, faulty: Listener) -> None:
    place = Place(listener=faulty, latest="", none="", elsewhere="", foreign="")
    for word in (*sorted(FAULTS_ONLY), "BadEnvironmentKeyIdInToken"):
        (heard,) = _ask(client, place, good(Operation.LIST))
        reason = CHANNEL_REASONS[word]
        assert (heard.status, heard.json) == (reason.status, {"reason": word})


@pytest.fixture(scope="session")
def unable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listener]:
    """One whose apps may not broadcast."""
    with listening(tmp_path_factory.mktemp("unable"), "--app", APP, "--no-broadcast") as found:
        yield found


@pytest.mark.parametrize("operation", Operation)
def test_an_app_without_the_capability(
    client: Client, unable: Listener, operation: Operation
) -> None:
    place = Place(listener=unable, latest="eA==", none="eA==", elsewhere="", foreign="")
    (heard,) = _ask(client, place, good(operation))
    assert (heard.status, heard.json) == (400, {"reason": "FeatureNotEnabled"})


@pytest.fixture(scope="session")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listener]:
    """One whose app has as many channels as it may have."""
    with listening(tmp_path_factory.mktemp("full"), "--app", APP) as found:
        bearer = (AUTHORIZATION, f"bearer {found.provider_token()}".encode())
        asked = to_create(APP, Storage.NONE, authority="localhost")
        signed_one = replace(asked, headers=(*asked.headers, bearer))
        where = Endpoint(host="127.0.0.1", port=found.port())
        context = client_context(Path(found.ca_file))
        done = exchange(where, context, [signed_one] * MAX_CHANNELS, timeout=120)
        assert {one.reply.status for one in done} == {201}
        yield found


def test_an_app_has_ten_thousand_channels_and_no_more(client: Client, full: Listener) -> None:
    place = Place(listener=full, latest="", none="", elsewhere="", foreign="")
    listed, refused, elsewhere = (
        _ask(client, place, make)[0]
        for make in (
            good(Operation.LIST),
            good(Operation.CREATE),
            good(Operation.LIST, to("manage_production")),
        )
    )
    assert len(set(listed.json["channels"])) == MAX_CHANNELS
    assert (refused.status, refused.json) == (400, {"reason": "CannotCreateChannelConfig"})
    assert elsewhere.json["channels"] == []
