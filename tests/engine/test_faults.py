"""Faults over real sockets, as our own sender hears them; and what the listener tells of them."""

from collections.abc import Callable, Iterator
from operator import methodcaller
from pathlib import Path
from typing import Any

import pytest

from pushkit_cli.apns.message import Outcome, Reply
from pushkit_cli.emulator.fault_words import read_fault
from pushkit_cli.engine.in_process import InProcess, in_process
from pushkit_cli.engine.listener import Options
from pushkit_cli.engine.waiting import wait_for
from pushkit_cli.errors import NotSentError
from pushkit_cli.net.sender import Exchange, exchange
from pushkit_cli.net.tls import client_context
from tests import pushing
from tests.commands import PATIENCE_S

_SOON_S = 0.25


@pytest.fixture
def faulty(home: Path) -> Iterator[Callable[..., InProcess]]:
    opened = []

    def start(*texts: str, **words: Any) -> InProcess:
        faults = tuple(read_fault(text) for text in texts)
        options = Options(home=None, port=0, production_port=0, faults=faults, **words)
        opened.append(in_process(options))
        return opened[-1].__enter__()

    yield start
    for one in opened:
        one.__exit__(None, None, None)


def ask(up: InProcess, count: int = 1, *, timeout: float = PATIENCE_S) -> tuple[Exchange, ...]:
    said = pushing.bearer(up.ready)
    requests = [pushing.request(up.ready, said) for _ in range(count)]
    context = client_context(Path(up.ready["ca_file"]))
    return exchange(pushing.endpoint(up.ready), context, requests, timeout=timeout)


def replies(up: InProcess, count: int = 1, *, timeout: float = PATIENCE_S) -> list[Reply]:
    return [one.reply for one in ask(up, count, timeout=timeout)]


def came(up: InProcess, name: str, count: int = 1) -> list[dict[str, Any]]:
    """Events of a name, once there are so many, and the listener has nothing left to do."""

    def look() -> list[dict[str, Any]] | None:
        found = [one for one in up.events() if one["event"] == name]
        return found if len(found) >= count else None

    found = wait_for(look, timeout=PATIENCE_S) or []
    assert len(found) == count
    return found


def test_a_reason_is_heard_and_told(faulty: Callable[..., InProcess]) -> None:
    up = faulty("voip:ServiceUnavailable@nth2")
    first, second, third = replies(up, 3)
    assert [one.status for one in (first, second, third)] == [200, 503, 200]
    assert second.reason == "ServiceUnavailable"
    (fault,) = came(up, "fault")
    pushes = came(up, "push", 3)
    push = pushes[1]
    assert (fault["push_id"], fault["rule"]) == (push["id"], "voip:ServiceUnavailable@nth2")
    assert push["fault"] == fault["rule"]
    assert [one["fault"] for one in pushes[::2]] == [None, None]
    assert fault["delivered"] is False
    assert fault["connection"] == push["connection"] == 1


@pytest.mark.parametrize(
    ("text", "timeout"), [("stall", _SOON_S), ("reset", PATIENCE_S), ("close", PATIENCE_S)]
)
def test_a_swallowed_answer_is_unknown_and_the_phone_rings(
    faulty: Callable[..., InProcess], text: str, timeout: float
) -> None:
    up = faulty(f"{text}@first1")
    (reply,) = replies(up, timeout=timeout)
    assert reply.outcome is Outcome.UNKNOWN
    (fault,) = came(up, "fault")
    assert fault["delivered"] is True
    came(up, "call-reported")
    assert replies(up)[0].status == 200


def test_what_was_answered_before_a_close_is_heard(faulty: Callable[..., InProcess]) -> None:
    up = faulty("close@nth3")
    said = replies(up, 5)
    assert [one.outcome for one in said[:2]] == [Outcome.ACCEPTED] * 2
    assert said[2].outcome is Outcome.UNKNOWN
    came(up, "call-reported", 3)  # what came behind it was never read


def test_a_refused_stream_was_not_sent(faulty: Callable[..., InProcess]) -> None:
    up = faulty("reset=refused@nth2")
    assert [one.outcome for one in replies(up, 2)] == [Outcome.ACCEPTED, Outcome.UNSENT]
    came(up, "push")
    came(up, "call-reported")


def test_goaway_loses_nothing_that_was_read(faulty: Callable[..., InProcess]) -> None:
    up = faulty("goaway@nth3")
    outcomes = [one.outcome for one in replies(up, 20)]
    accepted = outcomes.count(Outcome.ACCEPTED)
    assert accepted >= 3
    assert outcomes == [Outcome.ACCEPTED] * accepted + [Outcome.UNSENT] * (20 - accepted)
    came(up, "push", accepted)


def test_a_limit_of_streams_is_kept(faulty: Callable[..., InProcess]) -> None:
    up = faulty("streams=1@nth1")
    assert [one.outcome for one in replies(up, 20)] == [Outcome.ACCEPTED] * 20


def test_a_late_answer_comes_when_the_clock_says_so(faulty: Callable[..., InProcess]) -> None:
    up = faulty("delay=100ms@nth1")
    (late,) = ask(up)
    assert late.reply.outcome is Outcome.ACCEPTED
    assert late.elapsed_ms >= 100
    still = faulty("delay=1s", is_clock_manual=True)
    (reply,) = replies(still, timeout=_SOON_S)
    assert reply.outcome is Outcome.UNKNOWN
    came(still, "call-reported")  # the push itself is not late
    still.on_stage(lambda stage: stage.advance(2.0))  # nobody is there any more, and nothing breaks
    assert still.on_stage(lambda stage: stage.failure) is None


# At the door


def test_a_handshake_is_refused_with_an_alert(faulty: Callable[..., InProcess]) -> None:
    up = faulty("tls@first1")
    with pytest.raises(NotSentError, match="handshake failure"):
        ask(up)
    (fault,) = came(up, "fault")
    assert (fault["reason"], fault["push_id"], fault["connection"]) == ("tls", None, None)
    assert replies(up)[0].status == 200
    assert [one["event"] for one in up.events() if one["event"] == "warning"] == []


def test_a_connection_is_closed_before_tls(faulty: Callable[..., InProcess]) -> None:
    up = faulty("connection:close@nth1")
    with pytest.raises(NotSentError):
        ask(up)
    came(up, "fault")
    assert replies(up)[0].status == 200


def test_a_handshake_is_never_answered(faulty: Callable[..., InProcess]) -> None:
    up = faulty("connection:stall@nth1")
    with pytest.raises(NotSentError, match=r"in time|timed out"):
        ask(up, timeout=_SOON_S)
    assert replies(up)[0].status == 200


def test_an_outage_lasts_as_long_as_the_emulators_clock_says(
    faulty: Callable[..., InProcess],
) -> None:
    up = faulty("ServiceUnavailable@30s..1m", is_clock_manual=True)
    statuses = []
    for wait in (0.0, 30.0, 29.0, 1.0):
        up.on_stage(methodcaller("advance", wait))
        statuses += [one.status for one in replies(up)]
    assert statuses == [200, 503, 503, 200]
