"""What became of pushes, as lines for a person and objects for a script. No writing here."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pushkit_cli.apns.message import Outcome
from pushkit_cli.apns.push import fingerprint
from pushkit_cli.cli.text import short_token, to_json

if TYPE_CHECKING:
    from pushkit_cli.apns.message import Request
    from pushkit_cli.apns.rules import Finding
    from pushkit_cli.cli.render import Terminal
    from pushkit_cli.engine.passage import Passage
    from pushkit_cli.engine.planning import Plan, Shot
    from pushkit_cli.engine.sending import Result, Run

_COLOURS: Mapping[Outcome, str] = {
    Outcome.ACCEPTED: "green",
    Outcome.REFUSED: "red",
    Outcome.UNKNOWN: "yellow",
    Outcome.UNSENT: "yellow",
    Outcome.HELD: "yellow",
}


def heading(plan: "Passage", terminal: "Terminal") -> str:
    """Where it goes and who signs it: the first line on stderr."""
    where = plan.where
    words = [str(where.target), where.endpoint.authority]
    if plan.app is not None:
        words.append(terminal.show(plan.app))
    certified = plan.signer.certificate is not None
    words.append("certificate" if certified else f"key {terminal.show(plan.signer.key_id)}")
    return "  ".join(words)


def detail_lines(plan: "Passage", terminal: "Terminal") -> Iterator[str]:
    """How it gets there, for `--verbose`: trust, proxy, credential, patience."""
    trust = plan.where.cacert
    yield f"endpoint  {plan.where.endpoint}"
    yield f"trust     {'the system' if trust is None else terminal.show(str(trust), limit=400)}"
    yield f"proxy     {'none' if plan.proxy is None else terminal.show(str(plan.proxy))}"
    if plan.signer.certificate is not None:
        chain = str(plan.signer.certificate.chain_file)
        yield f"signs     certificate {terminal.show(chain, limit=400)}"
    else:
        ids = f"{plan.signer.key_id} of team {plan.signer.team_id}"
        yield f"signs     key {terminal.show(ids)}"
    yield f"patience  {plan.timeout:g} s, {plan.retries} retries of what was not sent"


def sample_line(plan: "Plan") -> str | None:
    """What the body is where none was given; every word of it is ours."""
    if plan.sample is None:
        return None
    shown = "  ".join(
        f"{key} {value if isinstance(value, str) else to_json(value)}"
        for key, value in plan.sample.items()
    )
    return f"a sample is the body: {shown}  (-d key=value changes it)"


def reply_line(result: "Result", terminal: "Terminal", *, with_id: bool = True) -> str:
    """One push on one line: outcome, for whom, type, answer, id, time."""
    reply = result.reply
    outcome = terminal.paint(f"{reply.outcome:<8}", _COLOURS[reply.outcome])
    words = [outcome, who(result.shot, terminal), terminal.show(kind_of(result.shot))]
    answer = [str(reply.status)] if reply.status is not None else []
    if reply.reason is not None:
        answer.append(terminal.show(reply.reason))
    if reply.unregistered_at_ms is not None:
        answer.append(since(reply.unregistered_at_ms))
    if reply.outcome in (Outcome.UNKNOWN, Outcome.UNSENT, Outcome.HELD) and reply.detail:
        answer.append(terminal.show(reply.detail))
    if answer:
        words.append(" ".join(answer))
    if with_id and reply.apns_id is not None:
        words.append(f"apns-id {terminal.show(reply.apns_id)}")
    elif with_id and reply.apns_request_id is not None:
        words.append(f"apns-request-id {terminal.show(reply.apns_request_id)}")
    if result.elapsed_ms is not None:
        words.append(f"{result.elapsed_ms:.0f} ms")
    return "  ".join(words)


def since(at_ms: int) -> str:
    """When a token ceased to be live."""
    return f"since {moment(at_ms)}"


def moment(at_ms: int) -> str:
    """An instant (Unix milliseconds, as far as they are a date)."""
    try:
        at = datetime.fromtimestamp(at_ms / 1000, tz=UTC)
    except (ValueError, OverflowError, OSError):
        return f"{str(at_ms)[:20]} ms"
    return at.strftime("%Y-%m-%d %H:%M:%SZ")


def finding_lines(
    shot: "Shot", terminal: "Terminal", *, with_source: bool = False
) -> Iterator[str]:
    """What lint says about one push, and who says so where that is wanted."""
    for finding in shot.findings:
        label = f"would be refused, {finding.reason}" if finding.holds else "advice"
        text = f"lint: {who(shot, terminal)}: {label}: {terminal.show(finding.detail)}"
        remedy = terminal.show(finding.remedy)
        source = f"; source: {terminal.show(finding.source)}" if with_source else ""
        yield terminal.wrap(f"{text} ({remedy}){source}", indent="      ")


def who(shot: "Shot", terminal: "Terminal") -> str:
    """A device by its name, another token by its ends, a channel by its id."""
    aim = shot.aim
    if aim.channel is not None:
        return f"channel {terminal.show(aim.channel, limit=40)}"
    if aim.device is not None:
        return terminal.show(aim.device)
    return short_token(aim.token or "", ascii_only=terminal.ascii_only)


def kind_of(shot: "Shot") -> str:
    """The push type as it is sent."""
    return str(shot.push_type or "-")


def reply_object(result: "Result", plan: "Plan", *, line: int, run: "Run") -> dict[str, Any]:
    """The `reply` object of the contract; `line` is the push's place in this command."""
    shot, reply = result.shot, result.reply
    return {
        "v": 1,
        "event": "reply",
        "seq": line,
        "at": run.at,
        "id": reply.apns_id or reply.apns_request_id,
        "line": line,
        "app": shot.aim.app,
        "topic": shot.aim.topic,
        "type": kind_of(shot),
        "device": shot.aim.device,
        **_token(shot),
        "channel": shot.aim.channel,
        "environment": str(plan.where.target),
        "endpoint": str(plan.where.endpoint),
        "key_id": plan.signer.key_id,
        "outcome": str(reply.outcome),
        "status": reply.status,
        "reason": reply.reason,
        "retry": str(result.retry),
        "retry_after_s": reply.retry_after_s,
        "apns_id": reply.apns_id,
        "apns_unique_id": reply.apns_unique_id,
        "apns_request_id": reply.apns_request_id,
        "unregistered_at_ms": reply.unregistered_at_ms,
        "size_bytes": len(shot.request.body),
        "attempts": result.attempts,
        "elapsed_ms": None if result.elapsed_ms is None else round(result.elapsed_ms, 1),
        "detail": reply.detail,
        "lint": [finding_object(finding) for finding in shot.findings],
        "hint": result.hint,
    }


def _token(shot: "Shot") -> dict[str, str | None]:
    """A device token as results show it; a broadcast has none."""
    token = shot.aim.token
    if token is None:
        return {"token": None, "token_fp": None}
    shown = token if shot.aim.is_emulated else short_token(token, ascii_only=True)
    return {"token": shown, "token_fp": fingerprint(token)}


def finding_object(finding: "Finding") -> dict[str, Any]:
    """What lint says as an object."""
    return {
        "reason": finding.reason,
        "detail": finding.detail,
        "remedy": finding.remedy,
        "source": finding.source,
    }


def summary_object(run: "Run") -> dict[str, Any]:
    """The `summary` object of the contract."""
    results, elapsed_ms = run.results, run.elapsed_ms
    counts = dict.fromkeys(Outcome, 0)
    reasons: dict[str, int] = {}
    times = sorted(r.elapsed_ms for r in results if r.elapsed_ms is not None)
    for result in results:
        counts[result.reply.outcome] += 1
        if result.reply.reason is not None:
            reasons[result.reply.reason] = reasons.get(result.reply.reason, 0) + 1
    return {
        "v": 1,
        "event": "summary",
        "seq": len(results) + 1,
        "at": run.at,
        "targets": len(results),
        **{str(outcome): count for outcome, count in counts.items()},
        "tolerated": 0,
        "by_reason": reasons,
        "elapsed_ms": round(elapsed_ms, 1),
        "per_s": round(len(results) / elapsed_ms * 1000, 1) if elapsed_ms else None,
        "p50_ms": round(times[len(times) // 2], 1) if times else None,
        "p99_ms": round(times[(len(times) * 99) // 100], 1) if times else None,
        "results_file": None,
        "exit": int(run.exit_code),
    }


def request_lines(request: "Request", plan: "Passage", terminal: "Terminal") -> Iterator[str]:
    """The exact request of a dry run; the provider token is named, never shown."""
    for name, value in request.headers:
        yield f"{terminal.show(name)}: {terminal.show(value, limit=400)}"
        if name == b":path":
            key_id = terminal.show(plan.signer.key_id)
            yield f"authorization: bearer (a provider token of key {key_id})"
    yield f"body, {len(request.body)} bytes: {terminal.show(request.body, limit=5120)}"


def request_object(shot: "Shot", plan: "Plan") -> dict[str, Any]:
    """The request of a dry run as an object."""
    return request_in_json(
        shot.request,
        plan,
        device=shot.aim.device,
        token_fp=_token(shot)["token_fp"],
        channel=shot.aim.channel,
        lint=[finding_object(finding) for finding in shot.findings],
    )


def request_in_json(request: "Request", plan: "Passage", **about: Any) -> dict[str, Any]:
    """A request as an object; `about`: device, token_fp, channel and lint."""
    return {
        "v": 1,
        "event": "request",
        "endpoint": str(plan.where.endpoint),
        "environment": str(plan.where.target),
        "key_id": plan.signer.key_id,
        "headers": {
            name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers
        },
        "body": request.body.decode("utf-8", "replace"),
        "size_bytes": len(request.body),
        **about,
    }
