"""The channel service: makes, shows, lists and deletes channels, and takes broadcasts. Pure.

Source: Apple, "Sending channel management requests to APNs" and "Sending broadcast push
notification requests to APNs". That it answers on the ports for pushes too is ours.
"""

import base64
from collections.abc import Iterator
from dataclasses import replace

from pushkit_cli.apns import channels, message
from pushkit_cli.apns.channel_rules import Ruling, hint
from pushkit_cli.apns.channels import Asked, Operation, errand
from pushkit_cli.apns.checks import is_uuid
from pushkit_cli.apns.facts import Knowledge, Storage
from pushkit_cli.apns.message import Request, Response
from pushkit_cli.apns.payload import Parsed
from pushkit_cli.apns.rules import Refused
from pushkit_cli.emulator.broadcasts import Broadcasts
from pushkit_cli.emulator.channel_records import Channel
from pushkit_cli.emulator.moves import Effect, NewId, Requested
from pushkit_cli.emulator.push_event import CHANNEL, PUSH, PushEvent, auth_of
from pushkit_cli.emulator.state import State


class Channels:
    """The channels of one State."""

    def __init__(self, state: State, broadcasts: Broadcasts) -> None:
        self._state = state
        self._broadcasts = broadcasts

    def answer(
        self,
        event: Requested,
        ruling: Ruling,
        knowledge: Knowledge,
        now: float,
        new_id: NewId,
    ) -> tuple[PushEvent, Response, Iterator[Effect]]:
        """What is told of a request, what it is answered, and what follows from it.

        The effects are to be taken before anything else is asked.
        """
        seen = _describe(event, knowledge, new_id)
        request_id = seen.apns_request_id or ""
        if isinstance(ruling, Refused):
            seen = replace(
                seen,
                status=ruling.reason.status,
                reason=ruling.reason.word or None,
                detail=ruling.detail,
                basis=ruling.basis,
                hint=hint(ruling.reason.word, event.request, knowledge),
            )
            return seen, channels.refuse(ruling.reason, request_id=request_id), iter(())
        return self._done(seen, ruling.asked, request_id, now, new_id)

    def _done(
        self,
        seen: PushEvent,
        asked: Asked,
        request_id: str,
        now: float,
        new_id: NewId,
    ) -> tuple[PushEvent, Response, Iterator[Effect]]:
        there = self._state.channel(asked.channel_id or "")
        match asked.operation:
            case Operation.CREATE:
                made = Channel(
                    id=base64.b64encode(bytes.fromhex(new_id())).decode("ascii"),
                    bundle_id=asked.bundle_id,
                    environment=seen.environment,
                    storage=asked.storage or Storage.NONE,
                )
                said = channels.created(channel_id=made.id, request_id=request_id)
                seen = replace(seen, channel=made.id)
                return replace(seen, status=said.status), said, self._make(made)
            case Operation.LIST:
                ids = tuple(self._state.channels.of_app(asked.bundle_id, seen.environment))
                return seen, channels.listed(ids, request_id=request_id), iter(())
            case _ if there is None:  # the rules let no such request through
                raise AssertionError(asked)
            case Operation.SHOW:
                return seen, channels.shown(there.storage, request_id=request_id), iter(())
            case Operation.DELETE:
                said = channels.deleted(request_id=request_id)
                return replace(seen, status=said.status), said, self._delete(there)
            case Operation.SEND:
                unique_id = message.as_uuid(new_id())
                said = channels.sent(request_id=request_id, unique_id=unique_id)
                seen = replace(seen, apns_unique_id=unique_id)
                return seen, said, self._send(seen, there, asked, now, new_id)

    def _make(self, made: Channel) -> Iterator[Effect]:
        yield self._state.put(made)

    def _delete(self, channel: Channel) -> Iterator[Effect]:
        yield self._state.drop(channel)
        yield from self._broadcasts.closed(channel)

    def _send(
        self, seen: PushEvent, channel: Channel, asked: Asked, now: float, new_id: NewId
    ) -> Iterator[Effect]:
        read = seen.request.json
        if asked.broadcast is not None and isinstance(read, Parsed):
            yield from self._broadcasts.send(
                seen.id, channel, asked.broadcast, read.value, now, new_id
            )


def _describe(event: Requested, knowledge: Knowledge, new_id: NewId) -> PushEvent:
    """A request for channels as an event: `push` for a broadcast, `channel` for all else."""
    request = event.request
    asked = errand(request)
    return PushEvent(
        event=PUSH if channels.is_broadcast(request) else CHANNEL,
        id=new_id(),
        connection=event.connection,
        request=request,
        environment=knowledge.environment,
        status=200,
        apns_id=None,
        apns_request_id=_request_id(request, new_id),
        app=asked.bundle_id or None,
        channel=request.field(message.CHANNEL_ID),
        auth=auth_of(knowledge),
    )


def _request_id(request: Request, new_id: NewId) -> str:
    """Echo the sender's id; in place of one that is none, a new one (ours)."""
    sent = request.field(message.REQUEST_ID)
    return sent if sent is not None and is_uuid(sent) else message.as_uuid(new_id())
