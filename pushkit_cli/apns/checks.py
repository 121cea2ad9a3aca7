"""The predicates of the rules: each looks at one case and says what is broken, or nothing. Pure.

Order, reason, basis and source of each stand in `rules`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from pushkit_cli.apns import message
from pushkit_cli.apns.facts import Key, Knowledge, MalformedBody, TokenState, Trust
from pushkit_cli.apns.message import Request
from pushkit_cli.apns.payload import Malformed
from pushkit_cli.apns.push import (
    MAX_COLLAPSE_ID_BYTES,
    MAX_TOKEN_BYTES,
    PUSH_TYPES,
    Priority,
    Topic,
    known_type,
    split_topic,
)
from pushkit_cli.apns.token import ProviderToken, has_expired

_HEX = re.compile(r"(?:[0-9a-fA-F]{2})+")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_WHOLE = re.compile(r"[0-9]{1,15}")
_TOPIC = re.compile(r"[A-Za-z0-9][A-Za-z0-9.\-_]{0,254}")
_TOKEN_UPDATE_S = 20 * 60


@dataclass(frozen=True, kw_only=True)
class Case:
    """One request before its judge."""

    request: Request
    knowledge: Knowledge

    @cached_property
    def topic(self) -> str | None:
        """`apns-topic`, or the UID of a certificate with one topic; `None` where neither is."""
        said = self.request.field(message.TOPIC)
        certificate = self.knowledge.credential.certificate
        if not said and certificate is not None and len(certificate.topics) == 1:
            return certificate.uid
        return said or None

    @cached_property
    def parts(self) -> Topic:
        """The topic taken apart."""
        return split_topic(self.topic or "")

    @property
    def token(self) -> ProviderToken | None:
        """The provider token, where it counts: beside a certificate it is ignored (documented)."""
        credential = self.knowledge.credential
        return None if credential.certificate is not None else credential.token

    @property
    def key(self) -> Key | None:
        """The registered key of that token."""
        credential = self.knowledge.credential
        return None if credential.certificate is not None else credential.key

    @property
    def limit(self) -> int:
        """Most bytes of body; that the topic decides it, not the push type, is our reading."""
        return max(PUSH_TYPES[kind].limit for kind in self.parts.types)


def is_uuid(text: str) -> bool:
    """Whether a text is a UUID in its canonical shape, in either case."""
    return _UUID.fullmatch(text) is not None


Check = Callable[[Case], str | None]


def repeated_header(case: Case) -> str | None:
    """No header comes twice."""
    names = b", ".join(case.request.repeated).decode("latin-1")
    return f"sent more than once: {names}" if names else None


def unknown_path(case: Case) -> str | None:
    """The path is /3/device/ and one segment."""
    if case.request.names_device and "/" not in case.request.token:
        return None
    return "the path is not /3/device/<token>"


def other_method(case: Case) -> str | None:
    """The method is POST."""
    return None if case.request.method == "POST" else f"the method is {case.request.method}"


def certificate_elsewhere(case: Case) -> str | None:
    """A client certificate is good for this environment."""
    certificate = case.knowledge.credential.certificate
    if certificate is None or case.knowledge.environment in certificate.environments:
        return None
    return f"the certificate is not for {case.knowledge.environment}"


def no_credential(case: Case) -> str | None:
    """There is a client certificate or `authorization: bearer <token>`."""
    credential = case.knowledge.credential
    if credential.certificate or credential.token or credential.fault:
        return None
    return "no client certificate and no authorization: bearer <provider token>"


def bad_provider_token(case: Case) -> str | None:
    """The provider token reads, names a registered key of its team, and verifies."""
    credential, token, key = case.knowledge.credential, case.token, case.key
    if credential.certificate is not None:
        return None
    if token is None:
        return None if credential.fault is None else credential.fault.detail
    if case.knowledge.policy.trust is Trust.ANY:
        return None
    if key is None:
        return f"no key {token.key_id} is registered" + _swapped(case)
    if token.team_id != key.team_id:
        return f"key {key.key_id} belongs to team {key.team_id}, iss says {token.team_id}"
    return None if credential.fault is None else credential.fault.detail


def _swapped(case: Case) -> str:
    credential = case.knowledge.credential
    team = case.knowledge.owner
    if team is not None and credential.token is not None and credential.token.key_id == team:
        return "; that is the team id: team id and key id look swapped"
    return ""


def second_team(case: Case) -> str | None:
    """A connection serves one team (observed: pushy issues 399 and 437)."""
    bound = case.knowledge.connection.team_id
    token = case.token
    if token is None or bound is None or token.team_id == bound:
        return None
    return f"this connection serves team {bound} since its first push"


def key_elsewhere(case: Case) -> str | None:
    """An environment-scoped key signs for its environment alone."""
    key = case.key
    if key is None or key.environment in (None, case.knowledge.environment):
        return None
    return f"key {key.key_id} is scoped to {key.environment}"


def unrelated_key(case: Case) -> str | None:
    """A connection takes the keys that are related to its first; which mix is whose is ours."""
    first, key = case.knowledge.connection.first_key, case.key
    if first is None or key is None or key.key_id == first.key_id:
        return None
    if first.topics is None and key.topics is None:
        return None
    if _names(first, key) or _names(key, first):
        return None
    return f"this connection began with key {first.key_id}, to which {key.key_id} is not related"


def wedged_connection(case: Case) -> str | None:
    """After ExpiredProviderToken a connection stays unusable (observed: pushy closes it)."""
    wedged = case.token is not None and case.knowledge.connection.wedged
    return "this connection was answered ExpiredProviderToken: open a new one" if wedged else None


def _names(one: Key, partner: Key) -> bool:
    """Whether a key names its partner, who has no other: each has at most one (documented)."""
    return one.related == partner.key_id and partner.related in (None, one.key_id)


def expired_provider_token(case: Case) -> str | None:
    """`iat` is no more than an hour from the current time."""
    token = case.token
    if token is None or not has_expired(token.issued_at, case.knowledge.now):
        return None
    age = round(case.knowledge.now - token.issued_at)
    return f"issued {age} s ago" if age > 0 else f"issued {-age} s in the future: check the clock"


def too_many_new_tokens(case: Case) -> str | None:
    """A connection brings at most so many new tokens of one key in 20 minutes."""
    token, connection = case.token, case.knowledge.connection
    if token is None or any(seen.digest == token.digest for seen in connection.arrivals):
        return None
    since = case.knowledge.now - _TOKEN_UPDATE_S
    recent = sum(
        1 for seen in connection.arrivals if seen.key_id == token.key_id and seen.at > since
    )
    if recent < case.knowledge.policy.new_tokens:
        return None
    return f"{recent + 1} new provider tokens in 20 minutes on this connection"


def bad_apns_id(case: Case) -> str | None:
    """`apns-id` is a UUID, 8-4-4-4-12; upper case is accepted (ours)."""
    value = case.request.field(message.APNS_ID)
    return None if value is None or is_uuid(value) else f"apns-id is {value}"


def bad_expiration(case: Case) -> str | None:
    """`apns-expiration` is whole Unix seconds."""
    value = case.request.field(message.EXPIRATION)
    return None if value is None or _WHOLE.fullmatch(value) else f"apns-expiration is {value}"


def bad_priority(case: Case) -> str | None:
    """`apns-priority` is 10, 5 or 1."""
    value = case.request.field(message.PRIORITY)
    if value is None or value in {str(int(priority)) for priority in Priority}:
        return None
    return f"apns-priority is {value}"


def long_collapse_id(case: Case) -> str | None:
    """`apns-collapse-id` is at most 64 bytes."""
    size = len(case.request.fields.get(message.COLLAPSE_ID, b""))
    return None if size <= MAX_COLLAPSE_ID_BYTES else f"apns-collapse-id is {size} bytes"


def no_device_token(case: Case) -> str | None:
    """The path holds a device token."""
    return None if case.request.token else "nothing follows /3/device/"


def empty_body(case: Case) -> str | None:
    """There is a body; `{}` is one."""
    return None if case.request.body_size else "the body has no bytes"


def large_body(case: Case) -> str | None:
    """The body is within its type's limit; exactly the limit is allowed."""
    size = case.request.body_size
    return None if size <= case.limit else f"{size} bytes, and at most {case.limit} are taken"


def malformed_body(case: Case) -> str | None:
    """The body is JSON. Apple's answer to one that is not is unknown: a switch of ours."""
    read = case.request.json
    accepts = case.knowledge.policy.malformed_body is MalformedBody.ACCEPT
    if accepts or not case.request.body_size or not isinstance(read, Malformed):
        return None
    return f"the body is not JSON: {read.detail}"


def no_topic(case: Case) -> str | None:
    """There is a topic; a certificate with a single topic implies it."""
    if case.topic:
        return None
    certificate = case.knowledge.credential.certificate
    several = certificate is not None and len(certificate.topics) > 1
    return "apns-topic is absent" + (", and the certificate lists several topics" * several)


def bad_topic(case: Case) -> str | None:
    """The topic looks like one. What triggers BadTopic at Apple is not known: ours."""
    topic = case.topic
    if topic is None:
        return None
    if not _TOPIC.fullmatch(topic):
        return f"apns-topic is {topic}"
    if case.parts.suffix and split_topic(case.parts.bundle_id).suffix:
        return f"apns-topic {topic} ends in two suffixes"
    return None


def bad_device_token(case: Case) -> str | None:
    """The token is hexadecimal, two digits a byte, at most 100 bytes."""
    token = case.request.token
    if not token:
        return None
    if not _HEX.fullmatch(token):
        return "the token is not hexadecimal, two digits a byte"
    size = len(token) // 2
    return None if size <= MAX_TOKEN_BYTES else f"the token is {size} bytes long"


def unknown_device_token(case: Case) -> str | None:
    """The token was issued in this environment."""
    device, here = case.knowledge.device, case.knowledge.environment
    if device is None:
        return "nobody was issued this token"
    return None if device.environment is here else f"the token is for {device.environment}"


def foreign_topic(case: Case) -> str | None:
    """The credential may push to the topic.

    A certificate may push to what it lists, which keeps it from the types that need a token:
    Apple lists no topic of theirs in any.
    """
    certificate, owner, key = case.knowledge.credential.certificate, case.knowledge.owner, case.key
    if case.topic is None:
        return None
    if certificate is not None:
        listed = case.topic in certificate.topics
        return None if listed else f"the certificate does not list {case.topic}"
    if key is None:
        return None
    if owner != key.team_id:
        return f"{case.parts.bundle_id} is not an app of team {key.team_id}"
    if key.topics is not None and case.parts.bundle_id not in key.topics:
        return f"key {key.key_id} is not for {case.parts.bundle_id}"
    return None


def token_of_other_topic(case: Case) -> str | None:
    """The token was issued for this topic."""
    device = case.knowledge.device
    if device is None or case.topic is None or device.topic == case.topic:
        return None
    return f"the token was issued for {device.topic}"


def bad_push_type(case: Case) -> str | None:
    """The push type is known and fits the topic (observed since 2019-09-19); absent is no error."""
    said = case.request.field(message.PUSH_TYPE)
    if said is None:
        return None
    kind = known_type(said)
    if kind is None:
        return f"no push type is called {said}"
    if case.topic is None or kind in case.parts.types:
        return None
    return f"type {said} on the topic {case.topic}"


def priority_of_type(case: Case) -> str | None:
    """The priority is one that the push type allows."""
    said = case.request.field(message.PRIORITY)
    kind = known_type(case.request.field(message.PUSH_TYPE))
    if kind is None or said not in {str(priority) for priority in PUSH_TYPES[kind].refused}:
        return None
    return f"{kind} pushes may not have priority {said}"


def expired_device_token(case: Case) -> str | None:
    """The device token has not expired."""
    device = case.knowledge.device
    expired = device is not None and device.state is TokenState.EXPIRED
    return "the device token has expired" if expired else None


def unregistered_device_token(case: Case) -> str | None:
    """The device token is still registered."""
    device = case.knowledge.device
    gone = device is not None and device.state is TokenState.UNREGISTERED
    return "the app was removed, or its token changed" if gone else None
