"""What APNs looks up about a request before it judges it, and what a connection remembers. Pure."""

from collections import OrderedDict
from dataclasses import replace

from pushkit_cli.apns import channel_rules, message
from pushkit_cli.apns.channels import errand, is_for_channels
from pushkit_cli.apns.facts import (
    Arrival,
    Broadcasts,
    Certificate,
    Connection,
    Credential,
    Device,
    Knowledge,
    Need,
    Policy,
    Trust,
)
from pushkit_cli.apns.message import Request
from pushkit_cli.apns.push import Environment, split_topic
from pushkit_cli.apns.rules import Refused, Verdict, decide
from pushkit_cli.apns.token import ProviderToken, TokenFault, read, verify
from pushkit_cli.emulator.state import State

_VERIFIED_KEPT = 1024
_ARRIVALS_KEPT = 64
_EVERYTHING = frozenset(Need)


class Gateway:
    """The judge's desk: signatures it has already checked, by a hash of token and key."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._checked: OrderedDict[tuple[str, bytes], TokenFault | None] = OrderedDict()

    def judge(
        self,
        request: Request,
        *,
        environment: Environment,
        certificate: Certificate | None = None,
        manages: bool = False,
        connection: Connection,
        state: State,
        now: float,
    ) -> tuple[Verdict | channel_rules.Ruling, Knowledge, Connection]:
        """The verdict, what it was based on, and what the connection remembers from now on.

        It is a Ruling where the request is for channels, or came to where they are managed.
        """
        is_channels = manages or is_for_channels(request)
        look_up = self._of_channels if is_channels else self._of_devices
        knowledge = replace(
            look_up(request, state, environment),
            credential=self._credential(request.field(message.AUTHORIZATION), state)
            if certificate is None  # documented: beside one a provider token is ignored
            else Credential(certificate=certificate),
            connection=connection,
            manages=manages,
            now=now,
            policy=self.policy,
        )
        judge = channel_rules.decide if is_channels else decide
        verdict = judge(request, knowledge)
        if isinstance(verdict, Refused) and not verdict.authenticated:
            return verdict, knowledge, connection
        return verdict, knowledge, _bound(connection, knowledge.credential, now)

    def _of_channels(self, request: Request, state: State, environment: Environment) -> Knowledge:
        bundle_id = errand(request).bundle_id
        app = state.app(bundle_id)
        channel = state.channel(request.field(message.CHANNEL_ID) or "")
        return Knowledge(
            environment=environment,
            now=0.0,
            knows=_EVERYTHING,
            channel=None if channel is None else channel.as_known(),
            broadcasts=Broadcasts(
                enabled=self.policy.broadcasts and app is not None,
                channels=len(state.channels.of_app(bundle_id, environment)),
            ),
            owner=None if app is None else app.team_id,
        )

    def _of_devices(self, request: Request, state: State, environment: Environment) -> Knowledge:
        issued = state.token(request.token.lower())
        app = state.app(split_topic(request.field(message.TOPIC) or "").bundle_id)
        return Knowledge(
            environment=environment,
            now=0.0,
            knows=_EVERYTHING,
            device=None
            if issued is None
            else Device(
                topic=issued.topic,
                environment=issued.environment,
                state=issued.state,
                since_ms=issued.since_ms,
            ),
            owner=None if app is None else app.team_id,
        )

    def _credential(self, header: str | None, state: State) -> Credential:
        """Read `authorization`. That `Bearer` is as good as `bearer` is ours: much code says it."""
        scheme, _, text = (header or "").partition(" ")
        if scheme.lower() != "bearer" or not text.strip():
            return Credential()
        token = read(text.strip())
        if isinstance(token, TokenFault):
            return Credential(fault=token)
        if self.policy.trust is Trust.ANY:
            return Credential(token=token)
        registered = state.signing_key(token.key_id)
        if registered is None:
            return Credential(token=token)
        key = registered.as_known()
        return Credential(token=token, key=key, fault=self._verify(token, key.public_pem))

    def _verify(self, token: ProviderToken, public_pem: bytes) -> TokenFault | None:
        """Check a signature once; the hash is of the whole token, so no part can be swapped."""
        entry = (token.digest, public_pem)
        if entry in self._checked:
            self._checked.move_to_end(entry)
            return self._checked[entry]
        fault = self._checked[entry] = verify(token, public_pem)
        if len(self._checked) > _VERIFIED_KEPT:
            self._checked.popitem(last=False)
        return fault


def _bound(connection: Connection, credential: Credential, now: float) -> Connection:
    """The first valid provider token binds a connection to its team and key."""
    token = credential.token
    if token is None:
        return connection
    if any(seen.digest == token.digest for seen in connection.arrivals):
        return connection
    arrival = Arrival(digest=token.digest, key_id=token.key_id, at=now)
    return Connection(
        team_id=connection.team_id or token.team_id,
        first_key=connection.first_key or credential.key,
        arrivals=(*connection.arrivals, arrival)[-_ARRIVALS_KEPT:],
    )
