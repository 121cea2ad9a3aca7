"""Broadcast channels and broadcast sends as requests, and what answers them. Pure.

Source: Apple, "Sending channel management requests to APNs" and "Sending broadcast push
notification requests to APNs". All of it is documented only: no transcript is known.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pushkit_cli.apns import message
from pushkit_cli.apns.facts import Storage
from pushkit_cli.apns.message import Headers, Outcome, Reply, Request, Response, read_reply
from pushkit_cli.apns.payload import Parsed, parse_json
from pushkit_cli.apns.push import PushType
from pushkit_cli.apns.reasons import Reason

MAX_CHANNELS = 10_000
"""Channels of one app in one environment."""
MAX_BROADCAST_BYTES = 5120
LONGEST_STORAGE_S = 8 * 3600
"""How long the most recent message of a channel is kept at most."""
LONGEST_ID = 1024
"""Characters of an id. Ours: that one may be too long is documented, the number is not."""
PUSH_TYPE = "LiveActivity"
"""The push type in the body of a channel; the header of a broadcast says `liveactivity`."""
POLICY_KEY, TYPE_KEY = "message-storage-policy", "push-type"


class Operation(StrEnum):
    """What can be asked of the channel service, and the broadcast itself."""

    CREATE = "create"
    SHOW = "show"
    LIST = "list"
    DELETE = "delete"
    SEND = "send"


_BUNDLE_ID = r"([A-Za-z0-9._\-]{1,255})"
PATHS: Mapping[str, Mapping[str, Operation]] = {
    f"/1/apps/{_BUNDLE_ID}/channels": {
        "POST": Operation.CREATE,
        "GET": Operation.SHOW,
        "DELETE": Operation.DELETE,
    },
    f"/1/apps/{_BUNDLE_ID}/all-channels": {"GET": Operation.LIST},
    f"/4/broadcasts/apps/{_BUNDLE_ID}": {"POST": Operation.SEND},
}
"""The paths, as patterns, and what each method does there."""
_BROADCASTS = b"/4/broadcasts/"
_HEADS = (b"/1/apps/", _BROADCASTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What a request asks for: `operation` is `None` where its path or method is unknown."""

    operation: Operation | None
    bundle_id: str


def is_for_channels(request: Request) -> bool:
    """Whether a request is for the channel service or a broadcast, by its path alone."""
    return request.path.startswith(_HEADS)


def is_broadcast(request: Request) -> bool:
    """Whether a request means to be a broadcast, by its path alone."""
    return request.path.startswith(_BROADCASTS)


def errand(request: Request) -> Errand:
    """What a request asks for."""
    path = request.path.decode("latin-1")
    for pattern, methods in PATHS.items():
        found = re.fullmatch(pattern, path)
        if found is not None:
            return Errand(operation=methods.get(request.method), bundle_id=found[1])
    return Errand(operation=None, bundle_id="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Broadcast:
    """One push to whoever subscribed to a channel. `None` means that the header is absent.

    `payload` are the exact bytes of the body, `expiration` is in Unix seconds.
    """

    bundle_id: str
    channel_id: str
    payload: bytes
    push_type: str | None = PushType.liveactivity
    priority: int | None = None
    expiration: int | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request that no rule refuses: `storage` is what to create, `broadcast` what to send."""

    operation: Operation
    bundle_id: str
    channel_id: str | None = None
    storage: Storage | None = None
    broadcast: Broadcast | None = None


# A sender's requests


def to_broadcast(broadcast: Broadcast, *, authority: str) -> Request:
    """Write a broadcast as Apple wants it, without its credential."""
    fields = (
        (message.CHANNEL_ID, broadcast.channel_id),
        (message.PUSH_TYPE, broadcast.push_type),
        (message.PRIORITY, broadcast.priority),
        (message.EXPIRATION, broadcast.expiration),
        (message.REQUEST_ID, broadcast.request_id),
    )
    path = f"/4/broadcasts/apps/{broadcast.bundle_id}"
    return _request("POST", path, authority, fields, broadcast.payload)


def to_create(
    bundle_id: str, storage: Storage, *, authority: str, request_id: str | None = None
) -> Request:
    """Ask for a new channel, without a credential."""
    body = json.dumps({POLICY_KEY: storage.policy, TYPE_KEY: PUSH_TYPE}, separators=(",", ":"))
    fields = ((message.REQUEST_ID, request_id),)
    return _request("POST", f"/1/apps/{bundle_id}/channels", authority, fields, body.encode())


def to_show(
    bundle_id: str, channel_id: str, *, authority: str, request_id: str | None = None
) -> Request:
    """Ask what a channel is, without a credential."""
    fields = ((message.CHANNEL_ID, channel_id), (message.REQUEST_ID, request_id))
    return _request("GET", f"/1/apps/{bundle_id}/channels", authority, fields)


def to_delete(
    bundle_id: str, channel_id: str, *, authority: str, request_id: str | None = None
) -> Request:
    """Ask for the end of a channel, without a credential."""
    fields = ((message.CHANNEL_ID, channel_id), (message.REQUEST_ID, request_id))
    return _request("DELETE", f"/1/apps/{bundle_id}/channels", authority, fields)


def to_list(bundle_id: str, *, authority: str, request_id: str | None = None) -> Request:
    """Ask for the ids of every channel, without a credential."""
    fields = ((message.REQUEST_ID, request_id),)
    return _request("GET", f"/1/apps/{bundle_id}/all-channels", authority, fields)


def _request(
    method: str,
    path: str,
    authority: str,
    fields: tuple[tuple[bytes, str | int | None], ...],
    body: bytes = b"",
) -> Request:
    headers = (
        (b":method", _bytes(method)),
        (b":scheme", b"https"),
        (b":authority", _bytes(authority)),
        (b":path", _bytes(path)),
        *((name, _bytes(value)) for name, value in fields if value is not None),
    )
    return Request(headers=headers, body=body, body_size=len(body))


def _bytes(value: str | int) -> bytes:
    return str(value).encode("utf-8", "surrogatepass")


# A server's answers


def created(*, channel_id: str, request_id: str) -> Response:
    """201: the id is a header, and there is no body."""
    return Response(
        status=201, headers=(*_said(request_id), (message.CHANNEL_ID, _bytes(channel_id)))
    )


def shown(storage: Storage, *, request_id: str) -> Response:
    """200: what a channel is."""
    return _answer({POLICY_KEY: storage.policy, TYPE_KEY: PUSH_TYPE}, request_id)


def listed(channel_ids: tuple[str, ...], *, request_id: str) -> Response:
    """200: the ids of every channel (the page's prose has no body, its table has this one)."""
    return _answer({"channels": list(channel_ids)}, request_id)


def deleted(*, request_id: str) -> Response:
    """204: no body."""
    return Response(status=204, headers=_said(request_id))


def sent(*, request_id: str, unique_id: str) -> Response:
    """200: no body; the unique id comes in production too."""
    return Response(
        status=200, headers=(*_said(request_id), (message.UNIQUE_ID, _bytes(unique_id)))
    )


def refuse(reason: Reason, *, request_id: str) -> Response:
    """A refusal; a reason without a word has no body, as on /3/device."""
    said = json.dumps({"reason": reason.word}, separators=(",", ":")).encode()
    body = said if reason.word else b""
    return Response(status=reason.status, headers=_said(request_id), body=body)


def _answer(value: dict[str, Any], request_id: str) -> Response:
    body = json.dumps(value, separators=(",", ":")).encode()
    return Response(status=200, headers=_said(request_id), body=body)


def _said(request_id: str) -> Headers:
    return ((message.REQUEST_ID, request_id.encode("latin-1")),)


# A sender reads them


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the channel service said; `None` what it did not say, or not in Apple's words.

    `channel_id` is that of a new channel, `storage` that of one that was shown, `channel_ids` are
    those of all.
    """

    reply: Reply
    channel_id: str | None = None
    storage: Storage | None = None
    channel_ids: tuple[str, ...] | None = None


def read_answer(response: Response) -> Answer:
    """Read whatever answered; any 2xx is a yes."""
    if not 200 <= response.status < 300:
        return Answer(reply=read_reply(response))
    reply = read_reply(Response(status=200, headers=response.headers))
    fields = {name.lower(): value.decode("latin-1") for name, value in response.headers}
    read = parse_json(response.body)
    body = read.value if isinstance(read, Parsed) and isinstance(read.value, dict) else {}
    ids, policy = body.get("channels"), body.get(POLICY_KEY)
    named = {storage.policy: storage for storage in Storage}
    return Answer(
        reply=Reply(
            outcome=Outcome.ACCEPTED,
            status=response.status,
            apns_id=reply.apns_id,
            apns_unique_id=reply.apns_unique_id,
            apns_request_id=reply.apns_request_id,
        ),
        channel_id=fields.get(message.CHANNEL_ID) or None,
        storage=named.get(policy) if type(policy) is int else None,
        channel_ids=tuple(map(str, ids)) if isinstance(ids, list) else None,
    )
