"""Good pushes to a listener that is known by its ready object, over our own sender."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pushkit_cli.apns.message import Outcome, Request, as_uuid, to_request
from pushkit_cli.apns.push import Push, PushType, topic_for
from pushkit_cli.apns.token import mint
from pushkit_cli.engine.host import new_id
from pushkit_cli.net.sender import Endpoint, Exchange, exchange
from pushkit_cli.net.tls import client_context
from tests.commands import PATIENCE_S

Ready = dict[str, Any]


def endpoint(ready: Ready) -> Endpoint:
    return Endpoint(host="127.0.0.1", port=ready["port"])


def bearer(ready: Ready) -> str:
    key = Path(ready["key_file"]).read_bytes()
    return mint(key, team_id=ready["team_id"], key_id=ready["key_id"], now=time.time())


def request(ready: Ready, provider_token: str, kind: PushType = PushType.voip) -> Request:
    """A push to the first device, with an id and a call of its own."""
    push = Push(
        token=ready["devices"][0]["tokens"][kind],
        payload=f'{{"aps":{{"alert":"x"}},"callUUID":"{new_id()}"}}'.encode(),
        topic=topic_for(ready["apps"][0], kind),
        push_type=kind,
        priority=10,
        apns_id=as_uuid(new_id()).upper(),
    )
    authority = endpoint(ready).authority
    return to_request(push, authority=authority, provider_token=provider_token)


def send(ready: Ready, requests: Sequence[Request]) -> tuple[Exchange, ...]:
    """All of them over one connection."""
    context = client_context(Path(ready["ca_file"]))
    return exchange(endpoint(ready), context, requests, timeout=PATIENCE_S)


def push(ready: Ready, count: int = 1, kind: PushType = PushType.voip) -> list[float]:
    """Send so many pushes, all of which are accepted; how long each took, in milliseconds."""
    said = bearer(ready)
    done = send(ready, [request(ready, said, kind) for _ in range(count)])
    assert {one.reply.outcome for one in done} == {Outcome.ACCEPTED}
    return [one.elapsed_ms for one in done]
