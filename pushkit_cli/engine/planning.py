"""What the command line says about a `send`, resolved and linted. Nothing has left the process."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from pushkit_cli.apns import compose, message
from pushkit_cli.apns.compose import Words
from pushkit_cli.apns.facts import Knowledge, Need
from pushkit_cli.apns.hints import hint
from pushkit_cli.apns.message import Request
from pushkit_cli.apns.push import PUSH_TYPES, Push, PushType, TypeRow, known_type, topic_for
from pushkit_cli.apns.rules import Finding, lint
from pushkit_cli.engine import host, targets
from pushkit_cli.engine.given import read_given
from pushkit_cli.engine.passage import Passage, passage
from pushkit_cli.engine.setting import Setting
from pushkit_cli.engine.targets import Known, Recipient
from pushkit_cli.engine.where import Target, Way, Where, is_loopback, parse_endpoint, place
from pushkit_cli.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Order(Way):
    """What the command line says about one `send`; `None` is "not said".

    `expiration` is Unix seconds, `expires_in` seconds from now; `without_expiration` leaves the
    header out.
    """

    push_type: str | None = None
    to: tuple[str, ...] = ()
    channel: str | None = None
    app: str | None = None
    env: Target | None = None
    words: Words = field(default_factory=Words)
    payload: bytes | None = None
    topic: str | None = None
    priority: int | None = None
    expiration: int | None = None
    expires_in: float | None = None
    without_expiration: bool = False
    collapse_id: str | None = None
    apns_id: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    lint: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """For whom a push is: a device by its token, or whoever subscribed to a channel.

    `device` is its name, where anything is recorded about the token.
    """

    app: str | None
    topic: str | None = None
    device: str | None = None
    token: str | None = None
    channel: str | None = None
    is_emulated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One push, ready to go: for whom, the exact request but its credential, and what lint says.

    `remedy` says what to do about a reason to refuse it, `None` for a word nobody knows.
    """

    aim: Aim
    push_type: str | None
    request: Request
    findings: tuple[Finding, ...]
    remedy: Callable[[str | None], str | None]

    @property
    def held(self) -> bool:
        """Whether lint keeps it from being sent."""
        return any(finding.holds for finding in self.findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(Passage):
    """Everything decided, nothing sent. `sample` is the body where none was given.

    `team_ids` and `key_ids` are those this user knows.
    """

    shots: tuple[Shot, ...]
    sample: dict[str, Any] | None
    profile: str
    team_ids: frozenset[str]
    key_ids: frozenset[str]
    lint: bool


def plan(order: Order, setting: Setting) -> Plan:
    """Resolve an order to devices.

    Raises the errors of `targets`, `where` and `signing`, and UsageError.
    """
    listener = setting.listener()
    known = targets.known(listener, setting.book)
    target = _target(order, setting, known)
    kind = known_type(order.push_type)
    recipients = targets.find(
        order.to,
        known=known,
        push_type=kind,
        app=order.app,
        target=target,
        listening=listener is not None,
    )
    where = place(
        target, endpoint=order.endpoint, cacert=order.cacert, setting=setting, listener=listener
    )
    emulated = all(recipient.is_emulated for recipient in recipients)
    body, sample = body_of(order, kind, emulated=emulated)
    app = order.app or recipients[0].app
    way = passage(order, where, app=app, setting=setting, listener=listener)
    shots = tuple(_shot(order, kind, recipient, body, where) for recipient in recipients)
    return planned(way, order, setting, shots=shots, sample=sample)


def planned(
    way: Passage,
    order: Order,
    setting: Setting,
    *,
    shots: tuple[Shot, ...],
    sample: dict[str, Any] | None,
) -> Plan:
    """Everything that was decided, as one value."""
    return Plan(
        **way.parts(),
        shots=shots,
        sample=sample,
        profile=setting.profile,
        team_ids=frozenset(entry.team_id for entry in setting.book.apps.values()),
        key_ids=frozenset(setting.book.keys),
        lint=order.lint,
    )


def _target(order: Order, setting: Setting, known: tuple[Known, ...]) -> Target:
    """`--env`, the files, what is recorded for the targets, `local` where nothing else can be."""
    if order.env is not None:
        return order.env
    if setting.book.environment is not None:
        return Target(setting.book.environment)
    recorded = targets.environments(order.to, known)
    if len(recorded) == 1:
        return recorded.pop()
    if len(recorded) > 1:
        raise UsageError(
            f"these targets belong to several environments: {', '.join(sorted(recorded))}",
            hint="send to each environment by itself, with --env",
        )
    if not order.to or not all(targets.as_token(name) for name in order.to):
        return Target.local  # names are those of emulated devices, and nobody named is one too
    if order.endpoint is not None and is_loopback(parse_endpoint(order.endpoint).host):
        return Target.local
    raise UsageError(
        "no environment is known for this target",
        hint="add --env sandbox (Xcode builds), --env production (TestFlight, App Store) or local",
    )


def body_of(
    order: Order, kind: PushType | None, *, emulated: bool
) -> tuple[bytes, dict[str, Any] | None]:
    """The body that is sent, and the sample in it where emulated devices are sent nothing else.

    Raises UsageError where there is none.
    """
    if order.payload is not None:
        return order.payload, None
    words, sample = order.words, None
    if replace(words, data=()).silent and kind is not None and emulated:
        sample = sample_of(kind)
        words = replace(words, base=sample)
    elif words.silent:
        raise UsageError(
            "there is no body to send",
            hint="add --payload FILE, -d key=value, or --title; a sample goes to emulated devices",
        )
    try:
        body = compose.compose(kind, words, now=host.now(), read=read_file)
    except ValueError as error:
        raise UsageError(str(error), hint="-d handle=+15550100, -d hasVideo:=true") from error
    return body, sample


def sample_of(kind: PushType) -> dict[str, Any]:
    """A body that makes an emulated device do what the type is for; ids and dates are new."""
    return compose.sample(kind, new_id=message.as_uuid(host.new_id()), now=host.now())


def read_file(name: str) -> bytes:
    """What `-d key=@FILE` names. Raises UsageError."""
    try:
        return read_given(Path(name))
    except OSError as error:
        raise UsageError(
            f"{name} cannot be read: {(error.strerror or str(error)).lower()}",
            hint="-d key=@FILE takes a file's text",
        ) from error


def _shot(
    order: Order, kind: PushType | None, recipient: Recipient, body: bytes, where: Where
) -> Shot:
    app = order.app or recipient.app
    topic = order.topic
    if topic is None:
        if app is None:
            raise UsageError("the app of this token is not known", hint="add --app BUNDLE_ID")
        topic = topic_for(app, kind) if kind is not None else app
    row = None if kind is None else PUSH_TYPES[kind]
    push = Push(
        token=recipient.token,
        payload=body,
        topic=topic,
        push_type=kind or order.push_type,
        priority=order.priority or (None if row is None else row.priority),
        expiration=expiration_of(order, row),
        collapse_id=order.collapse_id,
        apns_id=order.apns_id,
    )
    request = with_headers(
        message.to_request(push, authority=where.endpoint.authority, provider_token=None), order
    )
    return Shot(
        aim=Aim(
            app=recipient.app or app,
            topic=topic,
            device=recipient.name,
            token=recipient.token,
            is_emulated=recipient.is_emulated,
        ),
        push_type=push.push_type,
        request=request,
        findings=findings(request, recipient, where),
        remedy=partial(
            hint,
            request=request,
            environment=where.target.environment,
            device=recipient.facts,
        ),
    )


def with_headers(request: Request, order: Order) -> Request:
    """The request with every `--header` behind its own."""
    extra = tuple((name.encode("ascii"), value.encode("utf-8")) for name, value in order.headers)
    return replace(request, headers=(*request.headers, *extra))


def expiration_of(order: Order, row: TypeRow | None) -> int | None:
    """`apns-expiration` as it is sent now; `None` leaves it out."""
    if order.without_expiration:
        return None
    if order.expires_in is not None:
        return int(host.now() + order.expires_in)
    if order.expiration is not None or row is None:
        return order.expiration
    return row.expiration


def findings(request: Request, recipient: Recipient, where: Where) -> tuple[Finding, ...]:
    """What lint says about one request, from all that is recorded of its recipient."""
    environment = where.target.environment
    known = frozenset() if recipient.facts is None else frozenset({Need.DEVICE})
    found = lint(
        request,
        Knowledge(environment=environment, now=host.now(), knows=known, device=recipient.facts),
    )
    if recipient.is_emulated and not where.target.is_local:
        emulated = Finding(
            reason="BadDeviceToken",
            detail=f"{recipient.name} is an emulated device: Apple never issued its token",
            remedy="leave --env out, or name a real token",
            source="ours",
        )
        return (emulated, *found)
    return found
