"""From lines to requests, each read by lint before any byte leaves."""

import json
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha1
from typing import Any

from pushkit_cli.apns import message
from pushkit_cli.apns.message import Headers, Request
from pushkit_cli.apns.push import PUSH_TYPES, Push, topic_for
from pushkit_cli.apns.rules import Finding
from pushkit_cli.engine import planning
from pushkit_cli.engine.bulk_lines import OURS, Line, Misfit, Seen, fill, has_variables, read_line
from pushkit_cli.engine.bulk_order import BulkPlan
from pushkit_cli.engine.targets import Recipient
from pushkit_cli.errors import UsageError

_HEX = re.compile(rb"[0-9a-fA-F]+")
_KEPT = 4_096
"""What lint found, kept for so many kinds of requests; most runs have one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One push, ready to go: for whom, and the exact request but its credential."""

    number: int
    id: str | None
    recipient: Recipient
    topic: str
    apns_id: str
    request: Request


class Shots:
    """Makes the pushes of one run. `run` is its UUID: from it and a line's number comes apns-id."""

    def __init__(self, plan: BulkPlan, run: str) -> None:
        self._plan = plan
        self._run = uuid.UUID(run)
        self._templates: dict[str, Headers] = {}
        self._findings: dict[Any, Finding | None] = {}
        self._recipients: dict[str, Recipient | Misfit] = {}
        self._expires: int | None = None
        self._let_through: set[int] = set()

    def is_like_another(self, raw: bytes) -> bool:
        """Whether a line is a bare token of which lint says what it said of others: it may leave.

        For checking two million lines: most differ in nothing that lint looks at.
        """
        text = raw.strip(b" \t\r\n")
        if len(text) not in self._let_through or _HEX.fullmatch(text) is None:
            return False
        return text.decode("ascii").lower() not in self._plan.known

    def all(
        self,
        lines: Iterator[tuple[int, bytes]],
        *,
        wanted: Callable[[int], bool] = lambda _: True,
    ) -> Iterator[Shot | Misfit]:
        """Every push that is wanted, in order. With `--unique` a repeat is a Misfit."""
        seen = Seen() if self._plan.order.unique else None
        for number, raw in lines:
            if seen is None and not wanted(number):
                continue
            line = read_line(number, raw)
            if line is None:
                continue
            made = line if isinstance(line, Misfit) else self.shot(line)
            if seen is not None and isinstance(made, Shot):
                made = _once(made, seen)
            if wanted(number):
                yield made

    def shot(self, line: Line) -> Shot | Misfit:
        """The push of a line, held where lint says so and is asked."""
        recipient = self._recipient(line)
        if isinstance(recipient, Misfit):
            return replace(recipient, number=line.number, id=line.id)
        apns_id = line.apns_id or self._made_id(line.number)
        body = self._body(line, apns_id)
        if isinstance(body, Misfit):
            return body
        try:
            topic = self._topic(line, recipient)
        except UsageError as error:
            return _held(line, error.message, "no app", remedy=error.hint)
        headers = _with(self._headers(topic), line.headers)
        if self._plan.order.push.lint:
            misfit = self._lint(line, recipient, headers, apns_id, body)
            if misfit is not None:
                return misfit
        if len(recipient.token) not in self._let_through and self._is_bare(line, recipient):
            self._let_through.add(len(recipient.token))
        return Shot(
            number=line.number,
            id=line.id,
            recipient=recipient,
            topic=topic,
            apns_id=apns_id,
            request=_request(headers, recipient.token, apns_id, body),
        )

    def _made_id(self, number: int) -> str:
        """`uuid.uuid5` of the run and the line (RFC 9562, 5.5), in a third of its time."""
        digest = bytearray(sha1(self._run.bytes + b"%d" % number).digest()[:16])  # noqa: S324
        digest[6] = digest[6] & 0x0F | 0x50
        digest[8] = digest[8] & 0x3F | 0x80
        return message.as_uuid(digest.hex())

    def _is_bare(self, line: Line, recipient: Recipient) -> bool:
        """Whether nothing but the token itself makes it differ from the next."""
        nobody = recipient.facts is None and not recipient.is_emulated
        alone = self._plan.template is None and self._plan.body is not None
        return nobody and alone and line == Line(number=line.number, token=line.token)

    def _recipient(self, line: Line) -> Recipient | Misfit:
        if line.token is not None:
            return self._plan.known.get(line.token) or Recipient(token=line.token)
        name = line.to or ""
        found = self._recipients.get(name)
        if found is None:
            try:
                found = self._plan.find(name)
            except UsageError as error:
                found = _held(line, error.message, "unknown names", remedy=error.hint)
            if len(self._recipients) < _KEPT:
                self._recipients[name] = found
        return found

    def _body(self, line: Line, apns_id: str) -> bytes | Misfit:
        template: Any = line.payload
        if template is None:
            if self._plan.body is None:
                return _held(
                    line,
                    "there is no body to send: the line has no payload",
                    "no body",
                    remedy="give the line a payload, or all of them one with --payload",
                )
            if self._plan.template is None:
                return self._plan.body
            template = self._plan.template
        if has_variables(template):
            ours = dict(zip(OURS, (apns_id, line.id or "", line.number), strict=True))
            try:
                template = fill(template, {**ours, **line.vars})
            except KeyError as error:
                return _held(
                    line,
                    f"the variable {error.args[0]} has no value",
                    "variables",
                    remedy="give it one in the line's vars",
                )
            except TypeError as error:
                return _held(
                    line,
                    f"the variable {error.args[0]} cannot stand within a text",
                    "variables",
                    remedy="let it be the whole text, or make it a text or a number",
                )
        try:
            text = json.dumps(template, separators=(",", ":"), ensure_ascii=False)
            return text.encode("utf-8")
        except (ValueError, RecursionError):
            return _held(line, "the payload cannot be written as JSON in UTF-8", "payload")

    def _topic(self, line: Line, recipient: Recipient) -> str:
        """What the line says, by whatever name, else the run, else app and type."""
        for name, value in line.headers:
            if name == message.TOPIC:
                return value.decode("utf-8")
        push, kind = self._plan.order.push, self._plan.kind
        topic = line.topic or push.topic
        if topic is not None:
            return topic
        app = push.app or recipient.app
        if app is None:
            raise UsageError("the app of this token is not known", hint="add --app BUNDLE_ID")
        return topic_for(app, kind) if kind is not None else app

    def _headers(self, topic: str) -> Headers:
        """The headers of the run for one topic, without token, id and credential."""
        push, kind = self._plan.order.push, self._plan.kind
        row = None if kind is None else PUSH_TYPES[kind]
        expires = planning.expiration_of(push, row)
        if expires != self._expires:  # in 30 s from now, and now is another second
            self._expires = expires
            self._templates.clear()
        if topic not in self._templates:
            like = Push(
                token="",
                payload=b"",
                topic=topic,
                push_type=kind or push.push_type,
                priority=push.priority or (None if row is None else row.priority),
                expiration=expires,
                collapse_id=push.collapse_id,
            )
            authority = self._plan.where.endpoint.authority
            made = message.to_request(like, authority=authority, provider_token=None).headers
            extra = tuple((n.encode("ascii"), v.encode("utf-8")) for n, v in push.headers)
            if len(self._templates) >= _KEPT:
                self._templates.clear()
            self._templates[topic] = (*made, *extra)
        return self._templates[topic]

    def _lint(
        self, line: Line, recipient: Recipient, headers: Headers, apns_id: str, body: bytes
    ) -> Misfit | None:
        """What lint says; of tokens nobody knows it says the same to all of one length."""
        stranger = recipient.facts is None and not recipient.is_emulated
        key = (
            len(recipient.token) if stranger else recipient.token,
            None if line.apns_id is None else apns_id,
            headers,
            body,
        )
        if key not in self._findings:
            if len(self._findings) >= _KEPT:
                self._findings.clear()
            request = _request(headers, recipient.token, apns_id, body)
            self._findings[key] = _first_that_holds(request, recipient, self._plan)
        found = self._findings[key]
        if found is None:
            return None
        return _held(
            line, found.detail, found.reason or "lint", remedy=found.remedy, reason=found.reason
        )


def _first_that_holds(request: Request, recipient: Recipient, plan: BulkPlan) -> Finding | None:
    found = planning.findings(request, recipient, plan.where)
    return next((finding for finding in found if finding.holds), None)


def _request(headers: Headers, token: str, apns_id: str, body: bytes) -> Request:
    whole = (
        *headers[:3],
        (b":path", message.DEVICE_PATH + token.encode("ascii")),
        *headers[4:],
        (message.APNS_ID, apns_id.encode("utf-8")),
    )
    return Request(headers=whole, body=body, body_size=len(body))


def _with(headers: Headers, more: Headers) -> Headers:
    """What a line says takes the place of what the run says."""
    if not more:
        return headers
    said = dict(more)
    return (*(pair for pair in headers if pair[0] not in said), *more)


def _held(line: Line, detail: str, short: str, **more: Any) -> Misfit:
    return Misfit(
        number=line.number, detail=detail, short=short, token=line.token, id=line.id, **more
    )


def _once(shot: Shot, seen: Seen) -> Shot | Misfit:
    if not seen.add(shot.recipient.token, shot.request.body):
        return shot
    return Misfit(
        number=shot.number,
        detail="an earlier line has the same token and body",
        short="repeats",
        token=shot.recipient.token,
        id=shot.id,
        is_repeat=True,
    )
