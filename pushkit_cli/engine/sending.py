"""Sending a plan, and what became of each push."""

from dataclasses import dataclass

from pushkit_cli.apns.message import Outcome, Reply
from pushkit_cli.apns.push import fingerprint
from pushkit_cli.apns.reasons import Retry, retry_class
from pushkit_cli.engine import host, waiting
from pushkit_cli.engine.again import headers_of
from pushkit_cli.engine.passage import with_credential
from pushkit_cli.engine.planning import Plan, Shot
from pushkit_cli.errors import ExitCode, NotSentError, StoreError, UsageError
from pushkit_cli.net.sender import Exchange, exchange
from pushkit_cli.store.sender_db import History, Remembered


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
    """Every result of one command; `at` (RFC 3339) is when the last of them was known.

    `warnings` are about what came after the answers, and change no exit code.
    """

    results: tuple[Result, ...]
    at: str
    elapsed_ms: float
    exit_code: ExitCode
    warnings: tuple[str, ...] = ()


def dispatch(ready: Plan) -> Run:
    """Send every push of a plan; with lint on, one held push holds them all.

    What provably was not processed is sent again, `ready.retries` times at most; what may have
    arrived never is. Raises NotSentError where no connection comes about in all these tries.
    """
    began = host.now()
    if ready.lint and any(shot.held for shot in ready.shots):
        results = tuple(_held(shot) for shot in ready.shots)
    else:
        results = _Dispatch(ready).run()
    ended = host.now()
    return Run(
        results=results,
        warnings=_afterwards(ready, results, int(ended * 1000)),
        at=host.rfc3339(int(ended * 1000)),
        elapsed_ms=(ended - began) * 1000,
        exit_code=_exit_code(results),
    )


def _afterwards(ready: Plan, results: tuple[Result, ...], at_ms: int) -> tuple[str, ...]:
    """Write the history, after the answers: a failure here is a warning."""
    if ready.cache.trouble is not None:
        return (ready.cache.trouble,)
    if ready.cache.home is None:  # said already: this home cannot be written
        return ()
    try:
        history = History(ready.cache.home)
        try:
            history.add([_remembered(result, ready, at_ms) for result in results])
        finally:
            history.close()
    except StoreError as error:
        return (f"the history was not written: {error.message}",)
    return ()


def _remembered(result: Result, ready: Plan, at_ms: int) -> Remembered:
    shot, reply = result.shot, result.reply
    return Remembered(
        at_ms=at_ms,
        profile=ready.profile,
        environment=str(ready.where.target),
        app=shot.aim.app,
        device=shot.aim.device,
        token_fp=None if shot.aim.token is None else fingerprint(shot.aim.token),
        type=str(shot.push_type),
        topic=shot.aim.topic,
        payload=shot.request.body,
        outcome=str(reply.outcome),
        status=reply.status,
        reason=reply.reason,
        apns_id=reply.apns_id or reply.apns_request_id,
        channel=shot.aim.channel,
        headers=headers_of(shot.request.headers),
    )


class _Dispatch:
    """The tries of one plan. Each place in `_results` is filled at most once for good."""

    def __init__(self, ready: Plan) -> None:
        self._plan = ready
        self._token = ready.signer.provider_token(ready.cache)
        self._results: dict[int, Result] = {}
        self._deadline = waiting.Deadline(ready.timeout)
        self._renewed = False
        self._context = ready.context()

    def run(self) -> tuple[Result, ...]:
        places = list(range(len(self._plan.shots)))
        for attempt in range(1, self._plan.retries + 2):
            last = attempt > self._plan.retries
            try:
                self._once(places, attempt)
            except NotSentError:
                if not last and self._deadline.pause(attempt):
                    continue
                if self._results:  # of an earlier try: what is known is not thrown away
                    break
                raise
            places = [place for place in places if self._may_try_again(place)]
            if not places or last or not self._deadline.pause(attempt):
                break
        return tuple(self._results[place] for place in range(len(self._plan.shots)))

    def _once(self, places: list[int], attempt: int) -> None:
        plan = self._plan
        shots = [plan.shots[place] for place in places]
        try:
            done = exchange(
                plan.where.endpoint,
                self._context,
                [with_credential(shot.request, self._token) for shot in shots],
                timeout=self._deadline.left,
                proxy=plan.proxy,
            )
        except ValueError as error:
            raise UsageError(
                str(error), hint="take the control characters out of topic, headers and ids"
            ) from error
        for place, shot, one in zip(places, shots, done, strict=True):
            self._results[place] = _result(shot, one, plan, attempt)

    def _may_try_again(self, place: int) -> bool:
        """Unprocessed: yes. An expired provider token: once, with a new one on a new connection."""
        reply = self._results[place].reply
        if reply.outcome is Outcome.UNSENT:
            return True
        if reply.reason != "ExpiredProviderToken" or self._token is None:
            return False
        if not self._renewed:
            self._renewed = True
            self._token = self._plan.signer.provider_token(self._plan.cache, renew=self._token)
            return True
        return self._results[place].attempts == 1


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


def _result(shot: Shot, one: Exchange, plan: Plan, attempt: int) -> Result:
    reply = one.reply
    advice = None
    match reply.outcome:
        case Outcome.REFUSED:
            retry = retry_class(reply.status or 0, reply.reason)
            advice = _swapped(reply, plan) or shot.remedy(reply.reason)
        case Outcome.UNKNOWN:
            retry = Retry.ON_REQUEST
            advice = f"it may have arrived: sending again may {_again(shot)}"
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
        attempts=attempt,
        elapsed_ms=one.elapsed_ms,
    )


def _again(shot: Shot) -> str:
    return "ring the phone twice" if shot.aim.channel is None else "reach every subscriber twice"


def _swapped(reply: Reply, plan: Plan) -> str | None:
    """Whether a refused provider token looks like one whose two ids changed places."""
    who = plan.signer
    if reply.reason != "InvalidProviderToken" or who.key_id is None:
        return None
    if who.team_id in (who.file_id, *plan.key_ids) or who.key_id in plan.team_ids:
        return f"team id {who.team_id} and key id {who.key_id} look swapped"
    named = "" if who.file_id in (None, who.key_id) else f"; the key file says {who.file_id}"
    return (
        f"check key id {who.key_id} and team id {who.team_id}{named}; "
        "they do not look swapped: was the key revoked?"
    )
