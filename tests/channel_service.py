"""A channel service over real sockets, which judges by the project's own table."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pushkit_cli.apns import channels
from pushkit_cli.apns.channel_rules import decide
from pushkit_cli.apns.channels import Broadcast, Operation, errand
from pushkit_cli.apns.facts import Certificate, Channel, Credential, Knowledge, Need
from pushkit_cli.apns.message import AUTHORIZATION, CHANNEL_ID, Request, Response, as_uuid
from pushkit_cli.apns.push import Environment
from pushkit_cli.apns.rules import Refused
from pushkit_cli.engine import host
from tests.apns_host import Host, answering

_KNOWS = frozenset({Need.CHANNEL, Need.APP})


@dataclass
class Service:
    """Its channels by id, and what was broadcast to whom."""

    environment: Environment = Environment.SANDBOX
    known: dict[str, Channel] = field(default_factory=dict)
    broadcasts: list[Broadcast] = field(default_factory=list)

    def answer(self, request: Request) -> Response:
        """Do what is asked, or refuse it."""
        said = as_uuid(host.new_id())
        named = request.field(CHANNEL_ID) or ""
        knowledge = Knowledge(
            environment=self.environment,
            now=host.now(),
            knows=_KNOWS,
            credential=self._credential(request),
            channel=self.known.get(named),
        )
        verdict = decide(request, knowledge)
        if isinstance(verdict, Refused):
            return channels.refuse(verdict.reason, request_id=said)
        asked = verdict.asked
        match asked.operation:
            case Operation.CREATE:
                made = base64.b64encode(bytes.fromhex(host.new_id())).decode()
                self.known[made] = Channel(
                    bundle_id=asked.bundle_id, environment=self.environment, storage=asked.storage
                )
                return channels.created(channel_id=made, request_id=said)
            case Operation.SHOW:
                storage = self.known[named].storage
                assert storage is not None
                return channels.shown(storage, request_id=said)
            case Operation.LIST:
                ids = [name for name, one in self.known.items() if one.bundle_id == asked.bundle_id]
                return channels.listed(tuple(ids), request_id=said)
            case Operation.DELETE:
                del self.known[named]
                return channels.deleted(request_id=said)
            case Operation.SEND:
                assert asked.broadcast is not None
                self.broadcasts.append(asked.broadcast)
                return channels.sent(request_id=said, unique_id=said)

    def _credential(self, request: Request) -> Credential:
        """Whoever brings a provider token is let in as if by a certificate for the app."""
        if request.field(AUTHORIZATION) is None:
            return Credential()
        app = errand(request).bundle_id
        certificate = Certificate(
            topics=(app,), environments=frozenset({self.environment}), uid=app
        )
        return Credential(certificate=certificate)


@contextmanager
def serving(folder: Path) -> Iterator[tuple[Service, Host]]:
    """The service, and where it answers."""
    service = Service()
    with answering(folder, service.answer) as there:
        yield service, there
