"""The listener, the way to a host, and whether it takes what signs: asked with a push to nobody."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pushkit_cli import __version__
from pushkit_cli.apns import message
from pushkit_cli.apns.message import Outcome, Reply
from pushkit_cli.apns.push import Priority, Push, PushType, topic_for
from pushkit_cli.apns.reasons import REASONS
from pushkit_cli.engine.finding import Finding, How, failure, note, problem, well
from pushkit_cli.engine.passage import Passage, passage, with_credential
from pushkit_cli.engine.setting import Setting
from pushkit_cli.engine.where import Target, Way, parse_endpoint, place
from pushkit_cli.errors import ConfigError, ExitCode, NotSentError, StoreError, UsageError
from pushkit_cli.net.proxy import proxy_for
from pushkit_cli.net.sender import exchange

_NOBODY = "00" * 32
"""A device token that was never issued."""
_OF_CREDENTIALS = frozenset(word for word, row in REASONS.items() if row.status == 403) | {
    "TooManyProviderTokenUpdates"
}
_UNREACHED = "no push can leave this machine for that host"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A push that APNs must refuse: it tells by its reason what was looked at before."""

    token: str
    topic: str | None
    type: PushType


def listener_of(setting: Setting) -> tuple[dict[str, Any] | None, list[Finding]]:
    """The listener that commands here speak to, and what is wrong with how it is found."""
    try:
        ready = setting.listener()
    except StoreError as error:
        why = "commands here find the listener by this file"
        return None, [failure("listener", error, why=why)]
    named = setting.path_of("PUSHKIT_READY_FILE")
    if ready is None and named is not None:
        gone = problem(
            "listener",
            f"PUSHKIT_READY_FILE names {named}, and its listener is gone",
            why="commands here speak to nobody, though another listener may run",
            remedy="unset PUSHKIT_READY_FILE, or start that listener again",
        )
        return None, [gone]
    if ready is None:
        return None, [note("listener", "nobody listens here", remedy="pushkit listen")]
    return ready, list(_running(ready, setting))


def _running(ready: dict[str, Any], setting: Setting) -> Iterator[Finding]:
    own = ready["endpoints"]["sandbox"]
    said = setting.variable("PUSHKIT_ENDPOINT")
    if ready.get("version") != __version__:
        yield problem(
            "listener",
            f"the listener is of version {ready.get('version')}, and this is {__version__}",
            why="they may not understand each other",
            remedy="stop the listener, and start it again",
            exit_code=ExitCode.EXPECTATION,
        )
    elif said is not None and parse_endpoint(said) != parse_endpoint(own):
        yield problem(
            "listener",
            f"PUSHKIT_ENDPOINT names {said}, and the listener of this home is {own}",
            why="the variables of another run send pushes, and keys, to where nobody listens",
            remedy='eval "$(pushkit env)"',
        )
    else:
        yield well("listener", f"{own}, version {__version__}")


def proxies(setting: Setting) -> Iterator[Finding]:
    """The usual variables, which speak of Apple's hosts alone."""
    try:
        found = proxy_for("api.push.apple.com", explicit=None, variables=setting.variables)
    except UsageError as error:
        yield failure("proxy", error, why="it stands between this machine and Apple's hosts")
        return
    if found is not None:
        yield note("proxy", f"{found} leads to Apple's hosts")


def way_there(
    target: Target, way: Way, app: str | None, setting: Setting, listener: dict[str, Any] | None
) -> Passage | Finding:
    """How to get there and who signs, or why nothing can."""
    where = place(
        target, endpoint=way.endpoint, cacert=way.cacert, setting=setting, listener=listener
    )
    try:
        return passage(way, where, app=app, setting=setting, listener=listener)
    except ConfigError as error:
        return failure("credential", error, why=f"nothing can be sent to {target}")


def reached(way: Passage) -> Iterator[Finding]:
    """Whether the host is reached, and takes what signs: a push to nobody is refused as such."""
    topic = None if way.app is None else topic_for(way.app, PushType.voip)
    try:
        reply = ask(way, Question(token=_NOBODY, topic=topic, type=PushType.voip))
    except NotSentError as error:
        yield failure("reach", error, why=_UNREACHED)
        return
    except ConfigError as error:
        yield failure("credential", error, why="nothing can be signed")
        return
    yield from _judged(reply, way)


def ask(way: Passage, question: Question) -> Reply:
    """Send a question once. Raises NotSentError, and ConfigError for a key that cannot sign."""
    push = Push(
        token=question.token,
        payload=b"{}",
        topic=question.topic,
        push_type=question.type,
        priority=Priority.CONSIDERATE,
        expiration=0,
    )
    authority = way.where.endpoint.authority
    request = message.to_request(push, authority=authority, provider_token=None)
    signed = with_credential(request, way.signer.provider_token(way.cache))
    (done,) = exchange(
        way.where.endpoint, way.context(), [signed], timeout=way.timeout, proxy=way.proxy
    )
    return done.reply


def _judged(reply: Reply, way: Passage) -> Iterator[Finding]:
    host, whose = way.where.endpoint.authority, way.app or "this user"
    if reply.outcome in (Outcome.UNKNOWN, Outcome.UNSENT):
        yield problem(
            "reach", f"{host} was reached, and did not answer: {reply.detail}",
            why=_UNREACHED, remedy="try again; is this an APNs host?",
            exit_code=ExitCode.NOT_SENT,
        )  # fmt: skip
        return
    yield well("reach", f"{host}: DNS, TCP, TLS and HTTP/2")
    wrong = refusal(reply, way)
    if wrong is not None:
        yield wrong
    elif reply.status is not None and reply.status >= 500:
        yield note("credential", f"{host} answers {reply.status} {reply.reason}: ask again later")
    else:
        said = f"{host} takes what signs for {whose}: it answered {reply.status} {reply.reason}"
        yield well("credential", said, how=How.INFERRED)


def refusal(reply: Reply, way: Passage) -> Finding | None:
    """What is wrong with a credential, by the reason a host gave; `None`: it tells nothing."""
    host, word = way.where.endpoint.authority, reply.reason or ""
    row = REASONS.get(word)
    if word == "ExpiredProviderToken" and row is not None:
        return problem(
            "clock", f"{host} calls a provider token expired that is less than an hour old here",
            why=row.meaning, remedy="set this machine's clock, by NTP best", how=How.INFERRED,
            exit_code=ExitCode.EXPECTATION,
        )  # fmt: skip
    if row is None or word not in (*_OF_CREDENTIALS, "TopicDisallowed"):
        return None
    return problem(
        "credential",
        f"{host} refuses what signs for {way.app or 'this user'}: {reply.status} {word}",
        why=row.meaning,
        remedy=row.remedy,
    )
