"""Broadcast channels made, shown, listed and deleted: planned, then carried out."""

from dataclasses import dataclass, replace
from typing import TypeVar

from pushkit_cli.apns import channel_rules, channels
from pushkit_cli.apns.channels import Answer, Operation
from pushkit_cli.apns.facts import Storage
from pushkit_cli.apns.message import Outcome, Reply, Request
from pushkit_cli.apns.reasons import Retry, retry_class
from pushkit_cli.apns.rules import Finding
from pushkit_cli.engine import channel_records, host, waiting
from pushkit_cli.engine.channel_records import app_of, recall, target_of
from pushkit_cli.engine.passage import Passage, passage, with_credential
from pushkit_cli.engine.setting import Setting
from pushkit_cli.engine.where import Target, Way, place
from pushkit_cli.errors import ExitCode, NotSentError, UnknownOutcomeError, UntrustedError
from pushkit_cli.net.rest import ask
from pushkit_cli.store.sender_db import ChannelRecord

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order(Way):
    """What the command line says about one operation; `None` is "not said"."""

    operation: Operation
    app: str | None = None
    env: Target | None = None
    channel_id: str | None = None
    storage: Storage | None = None
    lint: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(Passage):
    """One operation, ready to go: the exact request but its credential, and what lint says.

    `channel_id` is the one that is named, `storage` what was asked for or is recorded of it.
    """

    operation: Operation
    bundle_id: str
    channel_id: str | None
    storage: Storage | None
    request: Request
    findings: tuple[Finding, ...]
    record: ChannelRecord | None
    lint: bool

    @property
    def held(self) -> Finding | None:
        """Why lint keeps it from being sent, if it does."""
        return next((one for one in self.findings if self.lint and one.holds), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A channel by its id; `storage` `None`: neither its service nor anything here says."""

    id: str
    storage: Storage | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of an operation; `channels` are those it is about, none after a refusal.

    `warnings` are about what came after the answer, and change no exit code. `elapsed_ms` is
    `None` where nothing was sent.
    """

    reply: Reply
    channels: tuple[Found, ...]
    hint: str | None
    retry: Retry
    attempts: int
    elapsed_ms: float | None
    exit_code: ExitCode
    warnings: tuple[str, ...] = ()


def plan(order: Order, setting: Setting) -> Plan:
    """Resolve an order. Raises the errors of `where` and `signing`, UsageError, NotSentError."""
    listener = setting.listener()
    name = order.channel_id
    record, unread = recall(setting, lambda kept: None if name is None else kept.find(name))
    target = target_of(
        order.env, endpoint=order.endpoint, channel_id=name, record=record, setting=setting
    )
    app = app_of(
        order.app, target=target, endpoint=order.endpoint, record=record, listener=listener
    )
    where = place(
        target,
        endpoint=order.endpoint,
        cacert=order.cacert,
        setting=setting,
        listener=listener,
        managing=True,
    )
    way = passage(order, where, app=app, setting=setting, listener=listener)
    request = _request(order, app, where.endpoint.authority)
    return Plan(
        **replace(way, warnings=(*way.warnings, *unread)).parts(),
        operation=order.operation,
        bundle_id=app,
        channel_id=name,
        storage=order.storage if record is None else record.storage,
        request=request,
        findings=channel_records.findings(request, record, where),
        record=record,
        lint=order.lint,
    )


def _request(order: Order, app: str, authority: str) -> Request:
    match order.operation:
        case Operation.CREATE:
            storage = order.storage or Storage.NONE
            return channels.to_create(app, storage, authority=authority)
        case Operation.LIST:
            return channels.to_list(app, authority=authority)
        case Operation.DELETE:
            return channels.to_delete(app, order.channel_id or "", authority=authority)
        case _:
            return channels.to_show(app, order.channel_id or "", authority=authority)


def carry_out(ready: Plan, setting: Setting) -> Done:
    """Do it. What provably was not processed is tried again, `ready.retries` times at most.

    Raises NotSentError, and UnknownOutcomeError where no answer was heard.
    """
    if ready.held is not None:
        return _held(ready.held)
    began = host.now()
    try:
        answer, attempts = _ask(ready)
    except UnknownOutcomeError as error:
        raise UnknownOutcomeError(error.message, hint=unheard(ready)) from error
    ended = host.now()
    found, warnings = _afterwards(ready, answer, setting, int(ended * 1000))
    reply = answer.reply
    refused = reply.outcome is Outcome.REFUSED
    return Done(
        reply=reply,
        channels=found,
        hint=_hint(ready, reply) if refused else None,
        retry=retry_class(reply.status or 0, reply.reason) if refused else Retry.NEVER,
        attempts=attempts,
        elapsed_ms=(ended - began) * 1000,
        exit_code=ExitCode.REFUSED if refused else ExitCode.DONE,
        warnings=warnings,
    )


def _ask(ready: Plan) -> tuple[Answer, int]:
    """The answer, and how many tries it took; an expired provider token is renewed once."""
    deadline, context = waiting.Deadline(ready.timeout), ready.context()
    token, renewed, attempt = ready.signer.provider_token(ready.cache), False, 0
    while True:
        attempt += 1
        try:
            response = ask(
                ready.where.endpoint,
                context,
                with_credential(ready.request, token),
                timeout=max(deadline.left, 0.001),
                proxy=ready.proxy,
            )
        except NotSentError as error:
            last = attempt > ready.retries or isinstance(error, UntrustedError)
            if last or not deadline.pause(attempt):
                raise
            continue
        answer = channels.read_answer(response)
        if not response.body:  # of a list Apple's page says so in its prose, not in its table
            answer = replace(answer, channel_ids=())
        if answer.reply.reason != "ExpiredProviderToken" or token is None or renewed:
            return answer, attempt
        token, renewed = ready.signer.provider_token(ready.cache, renew=token), True


def _afterwards(
    ready: Plan, answer: Answer, setting: Setting, at_ms: int
) -> tuple[tuple[Found, ...], tuple[str, ...]]:
    """What the answer is about, and what is written down of it."""
    trouble = () if ready.cache.trouble is None else (ready.cache.trouble,)
    if answer.reply.outcome is not Outcome.ACCEPTED:
        return (), trouble
    environment = str(ready.where.target)
    if ready.operation is Operation.LIST:
        known, unread = recall(setting, lambda kept: kept.of(ready.bundle_id, environment))
        storages = {name: record.storage for name, record in (known or {}).items()}
        names = _said(answer.channel_ids, "list")
        listed = tuple(Found(id=name, storage=storages.get(name)) for name in names)
        return listed, (*trouble, *unread)
    name = ready.channel_id or _said(answer.channel_id, "id of the channel that was made")
    if ready.operation is Operation.DELETE:
        warnings = channel_records.write(ready.cache, lambda kept: kept.forget(name))
        return (Found(id=name, storage=ready.storage),), (*trouble, *warnings)
    storage = answer.storage if ready.operation is Operation.SHOW else ready.storage
    record = ChannelRecord(
        id=name, app=ready.bundle_id, environment=environment, storage=storage, at_ms=at_ms
    )
    warnings = channel_records.write(ready.cache, lambda kept: kept.put(record))
    return (Found(id=name, storage=storage),), (*trouble, *warnings)


def _said(value: _Value | None, what: str) -> _Value:
    if value is None:
        raise UnknownOutcomeError(
            f"the service said yes, and no {what}", hint="is this a channel service of APNs?"
        )
    return value


def _held(finding: Finding) -> Done:
    return Done(
        reply=Reply(outcome=Outcome.HELD, reason=finding.reason, detail=finding.detail),
        channels=(),
        hint=finding.remedy,
        retry=Retry.AFTER_FIX,
        attempts=0,
        elapsed_ms=None,
        exit_code=ExitCode.HELD,
    )


def _hint(ready: Plan, reply: Reply) -> str | None:
    known = channel_records.knowledge(ready.record, ready.where)
    return channel_rules.hint(reply.reason, ready.request, known)


def unheard(ready: Plan) -> str:
    """What to do where a request left and nobody knows what became of it."""
    there = f"--app {ready.bundle_id} --env {ready.where.target}"
    if ready.operation is Operation.CREATE:
        return f"a channel may have been made: pushkit channel list {there} shows every one"
    if ready.operation is Operation.DELETE:
        return f"it may be gone: pushkit channel list {there} shows those that are left"
    return "nothing was changed: ask again"
