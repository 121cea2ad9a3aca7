"""One final record a target: the `reply` object of the contract, as a line of NDJSON."""

import json
from dataclasses import dataclass
from json.encoder import encode_basestring_ascii
from typing import Any

from pushkit_cli.apns.hints import hint
from pushkit_cli.apns.message import Outcome, Reply
from pushkit_cli.apns.push import fingerprint
from pushkit_cli.apns.reasons import Retry, retry_class
from pushkit_cli.engine import host
from pushkit_cli.engine.bulk_lines import Misfit
from pushkit_cli.engine.bulk_order import BulkPlan
from pushkit_cli.engine.bulk_shots import Shot

_HOLES = ("seq", "at", "id", "line", "token", "token_fp", "apns_id", "apns_unique_id",
    "apns_request_id", "size_bytes", "attempts", "elapsed_ms")  # fmt: skip
"""What differs between two targets that were accepted, in the order of the object."""
_QUOTED = ("at", "token", "token_fp")
"""Of these, texts that need no escapes."""
_HOLE = "\x00"
_KEPT = 1_000
_ENCODER = json.JSONEncoder(separators=(",", ":"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What became of one target; `elapsed_ms` is `None` where it never left."""

    target: Shot | Misfit
    reply: Reply
    tries: int = 0
    elapsed_ms: float | None = None

    @property
    def token(self) -> str | None:
        """Its token, where the line says one."""
        target = self.target
        return target.token if isinstance(target, Misfit) else target.recipient.token

    @property
    def is_emulated(self) -> bool:
        """Whether an emulated device has that token."""
        return isinstance(self.target, Shot) and self.target.recipient.is_emulated


def held(misfit: Misfit) -> Ended:
    """A line that never leaves."""
    reply = Reply(outcome=Outcome.HELD, reason=misfit.reason, detail=misfit.detail)
    return Ended(target=misfit, reply=reply)


class Records:
    """Writes what became of targets; tokens are whole, for these files are the user's."""

    def __init__(self, plan: BulkPlan) -> None:
        self._plan = plan
        self._same = {
            "channel": None,
            "environment": str(plan.where.target),
            "endpoint": str(plan.where.endpoint),
            "key_id": plan.signer.key_id,
        }
        self._patterns: dict[Any, str] = {}
        self._at_ms = -1
        self._at = ""

    def at(self) -> str:
        """The present moment as it is written, RFC 3339."""
        now = int(host.now() * 1000)
        if now != self._at_ms:
            self._at_ms, self._at = now, host.rfc3339(now)
        return self._at

    def reply(self, ended: Ended, seq: int) -> dict[str, Any]:
        """The `reply` object."""
        reply, target, token = ended.reply, ended.target, ended.token
        shot = target if isinstance(target, Shot) else None
        recipient = None if shot is None else shot.recipient
        retry, advice = self._what_next(ended)
        return {
            "v": 1,
            "event": "reply",
            "seq": seq,
            "at": self.at(),
            "id": target.id if target.id is not None else reply.apns_id,
            "line": target.number,
            "app": (recipient and recipient.app) or self._plan.app,
            "topic": None if shot is None else shot.topic,
            "type": self._plan.kind or self._plan.order.push.push_type,
            "device": recipient and recipient.name,
            "token": token,
            "token_fp": None if token is None else fingerprint(token),
            **self._same,
            "outcome": reply.outcome,
            "status": reply.status,
            "reason": reply.reason,
            "retry": retry,
            "retry_after_s": reply.retry_after_s,
            "apns_id": reply.apns_id or (shot and shot.apns_id),
            "apns_unique_id": reply.apns_unique_id,
            "apns_request_id": reply.apns_request_id,
            "unregistered_at_ms": reply.unregistered_at_ms,
            "size_bytes": None if shot is None else shot.request.body_size,
            "attempts": ended.tries,
            "elapsed_ms": None if ended.elapsed_ms is None else round(ended.elapsed_ms, 1),
            "detail": reply.detail,
            "lint": [],
            "hint": advice,
        }

    def line(self, ended: Ended, seq: int) -> bytes:
        """The same as a line. Of a million most are alike, so these are written by a pattern."""
        target, reply = ended.target, ended.reply
        if reply.outcome is not Outcome.ACCEPTED or isinstance(target, Misfit):
            return as_line(self.reply(ended, seq))
        recipient = target.recipient
        kind = (recipient.app, recipient.name, target.topic, reply.status)
        pattern = self._patterns.get(kind)
        if pattern is None:
            if len(self._patterns) >= _KEPT:
                self._patterns.clear()
            pattern = self._patterns[kind] = self._pattern(ended)
        apns_id = reply.apns_id or target.apns_id
        own = target.id if target.id is not None else reply.apns_id
        return (
            pattern
            % (
                seq,
                self.at(),
                _text(own),
                target.number,
                recipient.token,
                fingerprint(recipient.token),
                _text(apns_id),
                _text(reply.apns_unique_id),
                _text(reply.apns_request_id),
                target.request.body_size,
                ended.tries,
                "null" if ended.elapsed_ms is None else round(ended.elapsed_ms, 1),
            )
        ).encode("ascii")

    def _pattern(self, ended: Ended) -> str:
        """What `line` fills in: the object of one target with holes in the places that differ."""
        reply = self.reply(ended, 0)
        found = json.dumps({**reply, **dict.fromkeys(_HOLES, _HOLE)}, separators=(",", ":"))
        filled = found.replace("%", "%%").replace(json.dumps(_HOLE), "%s")
        for name in _QUOTED:
            filled = filled.replace(f'"{name}":%s', f'"{name}":"%s"')
        return filled + "\n"

    def token_line(self, ended: Ended) -> bytes:
        """A token that is dead or suspect, with what a list of tokens is cleaned by."""
        body = {
            "token": ended.token,
            "id": ended.target.id,
            "line": ended.target.number,
            "reason": ended.reply.reason,
            "unregistered_at_ms": ended.reply.unregistered_at_ms,
        }
        return as_line(body)

    def _what_next(self, ended: Ended) -> tuple[Retry, str | None]:
        reply, target = ended.reply, ended.target
        if isinstance(target, Misfit):
            return Retry.AFTER_FIX, target.remedy
        match reply.outcome:
            case Outcome.REFUSED:
                environment = self._plan.where.target.environment
                facts = target.recipient.facts
                advice = hint(reply.reason, target.request, environment=environment, device=facts)
                return retry_class(reply.status or 0, reply.reason), advice
            case Outcome.UNKNOWN:
                return Retry.ON_REQUEST, "it may have arrived: again may ring the phone twice"
            case Outcome.UNSENT:
                return Retry.NOW, "nothing was processed: sending again is safe"
        return Retry.NEVER, None


def _text(value: str | None) -> str:
    return "null" if value is None else encode_basestring_ascii(value)


def as_line(body: dict[str, Any]) -> bytes:
    """An object as a line of ASCII JSON."""
    return _ENCODER.encode(body).encode("ascii") + b"\n"
