"""The `push` event: one request as the listener saw it, without its credential. Pure value."""

import base64
from dataclasses import dataclass
from typing import Any

from pushkit_cli.apns import message
from pushkit_cli.apns.channels import is_for_channels
from pushkit_cli.apns.export_api import TOKEN_HEADER
from pushkit_cli.apns.facts import Knowledge, Trust
from pushkit_cli.apns.message import Request
from pushkit_cli.apns.payload import Parsed
from pushkit_cli.apns.push import Environment

_SECRET = frozenset({message.AUTHORIZATION, TOKEN_HEADER.lower().encode("ascii")})
PUSH, CHANNEL = "push", "channel"
"""Names of these events: a push to a device or a channel, and anything else asked of channels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    """Who asked, never with what: the provider token itself is left out.

    `kind` is token, certificate, or unverified for a token whose signature nobody looked at.
    `uid` is that of the certificate's subject, `topics` those the certificate lists.
    """

    kind: str
    team_id: str | None = None
    key_id: str | None = None
    issued_at: int | None = None
    uid: str | None = None
    topics: tuple[str, ...] | None = None


def auth_of(known: Knowledge) -> Auth | None:
    """Who asked, by what the request was judged on; `None` where nobody said."""
    certificate, token = known.credential.certificate, known.credential.token
    if certificate is not None:
        return Auth(
            kind="certificate",
            team_id=certificate.team_id,
            uid=certificate.uid,
            topics=certificate.topics,
        )
    if token is None:
        return None
    return Auth(
        kind="token" if known.policy.trust is Trust.STRICT else "unverified",
        team_id=token.team_id,
        key_id=token.key_id,
        issued_at=token.issued_at,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PushEvent:
    """One request and its answer; keys and types are fixed by the contract.

    `reason` is Apple's word, `detail` ours. `basis` says who says that Apple refuses this.
    `channel` is the id of a channel, and `apns_request_id` what its service answers in place of
    `apns_id`.
    `fault` is the name of the fault that had a hand in the answer.
    """

    id: str
    connection: int
    request: Request
    environment: Environment
    status: int
    apns_id: str | None
    app: str | None = None
    device: str | None = None
    auth: Auth | None = None
    reason: str | None = None
    detail: str | None = None
    basis: str | None = None
    apns_unique_id: str | None = None
    apns_request_id: str | None = None
    channel: str | None = None
    unregistered_at_ms: int | None = None
    hint: str | None = None
    fault: str | None = None
    event: str = PUSH

    @property
    def type(self) -> str | None:
        """`apns-push-type` as it came; of a broadcast, which Apple writes in three ways, in one."""
        said = self.request.field(message.PUSH_TYPE)
        return said.lower() if said is not None and is_for_channels(self.request) else said

    @property
    def topic(self) -> str | None:
        """`apns-topic` as it came."""
        return self.request.field(message.TOPIC)

    def to_json(self) -> dict[str, Any]:
        """The object of the contract, but for `v`, `seq` and `at`."""
        headers = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in self.request.headers
            if not name.startswith(b":") and name.lower() not in _SECRET
        }
        return {
            "event": self.event,
            "id": self.id,
            "connection": self.connection,
            "method": self.request.method,
            "path": self.request.path.decode("latin-1"),
            "headers": headers,
            **self._body(),
            "size_bytes": self.request.body_size,
            "type": self.type,
            "app": self.app,
            "topic": self.topic,
            "device": self.device,
            "token": self.request.token or None,
            "environment": str(self.environment),
            "auth": None
            if self.auth is None
            else {name: getattr(self.auth, name) for name in self.auth.__slots__},
            "status": self.status,
            "reason": self.reason,
            "detail": self.detail,
            "basis": self.basis,
            "apns_id": self.apns_id,
            "apns_unique_id": self.apns_unique_id,
            "apns_request_id": self.apns_request_id,
            "channel": self.channel,
            "unregistered_at_ms": self.unregistered_at_ms,
            "hint": self.hint,
            "fault": self.fault,
        }

    def _body(self) -> dict[str, Any]:
        """The payload where the body is JSON, else the bytes that were kept."""
        read = self.request.json
        if isinstance(read, Parsed):
            return {"payload": read.value, "body_b64": None}
        return {"payload": None, "body_b64": base64.b64encode(self.request.body).decode("ascii")}
