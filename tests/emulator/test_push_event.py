"""The push event: every key of the contract, and no credential."""

import base64
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings

from pushkit_cli.apns.message import Request
from pushkit_cli.apns.push import Environment
from pushkit_cli.emulator.push_event import Auth, PushEvent
from tests.law import BODY, TOKEN, TOPIC, UUID, garbage_requests, request

KEYS = {
    "event", "id", "connection", "method", "path", "headers", "payload", "body_b64", "size_bytes",
    "type", "app", "topic", "device", "token", "environment", "auth", "status", "reason",
    "apns_id", "apns_unique_id", "hint", "fault",
}  # fmt: skip
"""What the contract promises; `v`, `seq` and `at` come from whoever prints it."""


def event_of(asked: Request) -> PushEvent:
    return PushEvent(
        id="p1",
        connection=1,
        request=asked,
        environment=Environment.SANDBOX,
        status=200,
        apns_id=UUID,
    )


def test_every_key_is_always_there() -> None:
    for asked in (request(), Request(headers=()), request(body=b"[")):
        said = event_of(asked).to_json()
        assert set(said) >= KEYS
        assert said["event"] == "push"


def test_a_request_is_told_as_it_came() -> None:
    said = event_of(request()).to_json()
    assert (said["method"], said["path"]) == ("POST", f"/3/device/{TOKEN}")
    assert (said["type"], said["topic"], said["token"]) == ("voip", TOPIC, TOKEN)
    assert said["headers"]["apns-expiration"] == "0"
    assert (said["payload"], said["body_b64"]) == (json.loads(BODY), None)
    assert said["size_bytes"] == len(BODY)
    assert said["environment"] == "sandbox"
    assert said["auth"] is None


def test_what_is_absent_is_null() -> None:
    said = event_of(Request(headers=())).to_json()
    assert [said[key] for key in ("type", "topic", "token", "app", "device", "reason", "hint")] == (
        [None] * 7
    )


@pytest.mark.parametrize(
    "name",
    [b"authorization", b"Authorization", b"AUTHORIZATION", b"X-Apple-CloudKit-Management-Token"],
)
def test_no_credential_is_told(name: bytes) -> None:
    asked = replace(request(bearer=None), headers=((name, b"bearer secret.of.mine"),))
    said = event_of(asked)
    assert "secret" not in json.dumps(said.to_json())
    assert name.decode().lower() not in {key.lower() for key in said.to_json()["headers"]}


def test_who_asked_is_told_in_six_words() -> None:
    auth = Auth(kind="token", team_id="T", key_id="K", issued_at=1)
    said = replace(event_of(request()), auth=auth).to_json()["auth"]
    assert said == {
        "kind": "token",
        "team_id": "T",
        "key_id": "K",
        "issued_at": 1,
        "uid": None,
        "topics": None,
    }


@pytest.mark.parametrize("body", [b"[", b"\xff\x00", b"NaN", b"1e999", b""])
def test_a_body_that_is_not_json_is_told_in_base64(body: bytes) -> None:
    said = event_of(request(body=body)).to_json()
    assert said["payload"] is None
    assert base64.b64decode(said["body_b64"]) == body


@settings(deadline=None)
@given(garbage_requests)
def test_every_request_can_be_told_in_json(asked: Request) -> None:
    said = event_of(asked).to_json()
    assert json.loads(json.dumps(said, allow_nan=False)) == said
