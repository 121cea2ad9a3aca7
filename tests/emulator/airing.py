"""Channels and broadcasts on a stage."""

import json
from dataclasses import replace

from pushkit_cli.apns import channels, message
from pushkit_cli.apns.channels import Broadcast
from pushkit_cli.apns.facts import Storage
from pushkit_cli.apns.message import Request
from pushkit_cli.emulator.moves import Effect
from tests.emulator.stage import Stage, answer
from tests.law import BUNDLE

AUTHORITY = "localhost"
BODY = b'{"aps":{"timestamp":1764000000,"event":"update","content-state":{"score":1}}}'
END = b'{"aps":{"timestamp":1764000000,"event":"end"}}'


def signed(stage: Stage, asked: Request) -> Request:
    """With the credential of the stage."""
    bearer = (message.AUTHORIZATION, f"bearer {stage.bearer()}".encode())
    return replace(asked, headers=(*asked.headers, bearer))


def created(stage: Stage, storage: Storage = Storage.NONE) -> str:
    """A new channel of the app in the sandbox: its id."""
    asked = channels.to_create(BUNDLE, storage, authority=AUTHORITY)
    response = answer(stage.send(signed(stage, asked)))
    return dict(response.headers)[message.CHANNEL_ID].decode("ascii")


def broadcast(
    stage: Stage,
    channel_id: str,
    *,
    body: bytes = BODY,
    expiration: float = 0,
    after: float = 0.0,
    priority: int = 10,
) -> tuple[Effect, ...]:
    """One message to whoever subscribed."""
    message_ = Broadcast(
        bundle_id=BUNDLE, channel_id=channel_id, payload=body, priority=priority,
        expiration=int(expiration),
    )  # fmt: skip
    asked = channels.to_broadcast(message_, authority=AUTHORITY)
    return stage.send(signed(stage, asked), after=after)


def start(stage: Stage, channel_id: str, **headers: str) -> tuple[Effect, ...]:
    """Start a Live Activity on the iPhone that is to hear of a channel."""
    aps = {
        "timestamp": 1764000000, "event": "start", "input-push-channel": channel_id,
        "alert": {"title": "t", "body": "b"}, "attributes-type": "A", "attributes": {},
        "content-state": {},
    }  # fmt: skip
    body = json.dumps({"aps": aps}).encode()
    return stage.send(stage.request("liveactivity", body=body, **headers))
