"""Sending a plan, and what became of each push."""

from dataclasses import dataclass, replace

from pushkit_cli.apns import message
from pushkit_cli.apns.hints import hint
from pushkit_cli.apns.message import Outcome, Reply, Request
from pushkit_cli.apns.reasons import Retry, retry_class
from pushkit_cli.engine import host
from pushkit_cli.engine.planning import Plan, Shot
from pushkit_cli.engine.where import Where
from pushkit_cli.errors import ExitCode, NotSentError
from pushkit_cli.net.sender import Exchange, exchange
from pushkit_cli.net.tls import client_context


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one push; `elapsed_ms` is `None` where nothing was sent."""

    shot: Shot
    reply: Reply
    hint: str | None
    retry: Retry
    attempts: int
    elapsed_ms: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Every result of one command; `at` (RFC 3339) is when the last of them was known."""

    results: tuple[Result, ...]
    at: str
    elapsed_ms: float
    exit_code: ExitCode


def dispatch(ready: Plan) -> Run:
    """Send every push of a plan over one connection; with lint on, one held push holds them all.

    Raises NotSentError where no connection comes about.
    """
    began = host.now()
    if ready.lint and any(shot.held for shot in ready.shots):
        results = tuple(_held(shot) for shot in ready.shots)
    else:
        results = _exchange(ready)
    ended = host.now()
    return Run(
        results=results,
        at=host.rfc3339(int(ended * 1000)),
        elapsed_ms=(ended - began) * 1000,
        exit_code=_exit_code(results),
    )


def _exchange(ready: Plan) -> tuple[Result, ...]:
    token = ready.signer.provider_token()
    requests = [_with_credential(shot.request, token) for shot in ready.shots]
    context = client_context(ready.where.cacert)
    try:
        done = exchange(ready.where.endpoint, context, requests, timeout=ready.timeout)
    except ValueError as error:
        raise NotSentError(
            str(error), hint="take the control characters out of topic, headers and ids"
        ) from error
    pairs = zip(ready.shots, done, strict=True)
    return tuple(_result(shot, one, ready.where) for shot, one in pairs)


def _with_credential(request: Request, provider_token: str) -> Request:
    """The request as it leaves, its provider token first among the ordinary headers."""
    pseudo = tuple(pair for pair in request.headers if pair[0].startswith(b":"))
    rest = request.headers[len(pseudo) :]
    bearer = (message.AUTHORIZATION, f"bearer {provider_token}".encode("ascii"))
    return replace(request, headers=(*pseudo, bearer, *rest))


def _exit_code(results: tuple[Result, ...]) -> ExitCode:
    """8 over 5 over 4 over 3; a push left behind because its neighbour was held is part of 3."""
    outcomes = {result.reply.outcome for result in results}
    if Outcome.HELD in outcomes:
        return ExitCode.HELD
    order = (
        (Outcome.UNKNOWN, ExitCode.UNKNOWN),
        (Outcome.UNSENT, ExitCode.NOT_SENT),
        (Outcome.REFUSED, ExitCode.REFUSED),
    )
    return next((code for outcome, code in order if outcome in outcomes), ExitCode.DONE)


def _held(shot: Shot) -> Result:
    if not shot.held:
        reply = Reply(outcome=Outcome.UNSENT, detail="another push of this command was held")
        return _left(shot, reply, None, Retry.NOW)
    first = next(finding for finding in shot.findings if finding.holds)
    reply = Reply(outcome=Outcome.HELD, reason=first.reason, detail=first.detail)
    return _left(shot, reply, first.remedy, Retry.AFTER_FIX)


def _left(shot: Shot, reply: Reply, advice: str | None, retry: Retry) -> Result:
    return Result(shot=shot, reply=reply, hint=advice, retry=retry, attempts=0, elapsed_ms=None)


def _result(shot: Shot, one: Exchange, where: Where) -> Result:
    reply = one.reply
    advice = None
    match reply.outcome:
        case Outcome.REFUSED:
            retry = retry_class(reply.status or 0, reply.reason)
            advice = hint(
                reply.reason,
                shot.request,
                environment=where.target.environment,
                device=shot.recipient.facts,
            )
        case Outcome.UNKNOWN:
            retry = Retry.ON_REQUEST
            advice = "it may have arrived: sending again may ring the phone twice"
        case Outcome.UNSENT:
            retry = Retry.NOW
            advice = "nothing was processed: sending again is safe"
        case _:
            retry = Retry.NEVER
    return Result(
        shot=shot,
        reply=reply,
        hint=advice,
        retry=retry,
        attempts=1,
        elapsed_ms=one.elapsed_ms,
    )
