"""What was captured: the journal of the listener running here, or the one that was kept."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from pushkit_cli.emulator.selector import (
    EVENTS,
    Count,
    Filter,
    read_condition,
    read_expectation,
    read_what,
)
from pushkit_cli.engine import emulated, host, journal
from pushkit_cli.engine.asking import CLEAR, Listener, listener_of
from pushkit_cli.engine.captured import Kept, Live, Source, opened
from pushkit_cli.engine.setting import Setting
from pushkit_cli.engine.waiting import Deadline
from pushkit_cli.errors import ExpectationError, ListenerError, UsageError, WaitError

__all__ = ["ENDED", "EVENTS", "Asked", "Since", "Tally", "clear", "listing", "show", "wait"]

ENDED = "the listener has stopped"
_SHORTEST_ID = 6
_POLL_S = 20.0
_FOLLOWED = 10
"""How many events that were there already `--follow` begins with, as tail does."""
_PUSH_ID = re.compile(rf"[0-9a-f]{{{_SHORTEST_ID},32}}")
_APNS_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """From when on: behind an event's number, so many seconds ago, or a moment (Unix seconds)."""

    seq: int | None = None
    within_s: float | None = None
    at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which events a command asks for, in its words."""

    what: str | None = None
    app: str | None = None
    apns_id: str | None = None
    since: Since | None = None
    where: tuple[str, ...] = ()

    def filter(self) -> Filter:
        """As the journal is asked. Raises UsageError."""
        return Filter(
            what=None if self.what is None else read_what(self.what),
            app=self.app,
            apns_id=self.apns_id,
            since_ms=self._since_ms(),
            where=tuple(read_condition(one) for one in self.where),
        )

    @property
    def after(self) -> int:
        """The number behind which to read."""
        return (self.since and self.since.seq) or 0

    def _since_ms(self) -> int | None:
        if self.since is None or self.since.seq is not None:
            return None
        if self.since.within_s is not None:
            return int((host.now() - self.since.within_s) * 1000)
        return int((self.since.at or 0.0) * 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How a wait ended: how many there are, and the number up to which was looked."""

    number: int
    count: Count
    seq: int


def listing(
    setting: Setting, asked: Asked, *, newest: int | None, follow: bool
) -> Iterator[dict[str, Any]]:
    """Events in their order, the `newest` alone where that is said, then those that come.

    A listener that stops ends it. Raises ListenerError where a kept journal is to be followed.
    """
    wanted = asked.filter()
    if follow and newest is None and asked.since is None:
        newest = _FOLLOWED
    with opened(setting) as source:
        if follow and isinstance(source, Kept):
            raise ListenerError(
                "nobody listens here: nothing will come", hint="leave out --follow for what is kept"
            )
        after = asked.after
        if newest is not None:
            events, after = _newest(source, wanted, after, newest)
            yield from events
        if follow and isinstance(source, Live):
            yield from _followed(source, wanted, after)
        elif newest is None:
            yield from _forward(source, wanted, after)


def _forward(source: Source, wanted: Filter, after: int) -> Iterator[dict[str, Any]]:
    more = True
    while more:
        piece = source.piece(wanted, after=after)
        after, more = piece.at, piece.more
        yield from piece.events


def _followed(source: Live, wanted: Filter, after: int) -> Iterator[dict[str, Any]]:
    piece = source.wait(wanted, after=after, wait_s=0.0, count=False)
    yield from piece.events
    while not piece.ended:
        try:
            piece = source.wait(wanted, after=piece.at, wait_s=_POLL_S, count=False)
        except ListenerError:  # it answered before: it has ended since
            return
        yield from piece.events


def _newest(
    source: Source, wanted: Filter, after: int, limit: int
) -> tuple[list[dict[str, Any]], int]:
    """The last events, oldest of them first, and the number behind which others come."""
    page = source.piece(wanted, after=after, before=journal.NEVER)
    end, found = page.last, page.events
    while page.more and len(found) < limit:
        page = source.piece(wanted, after=after, before=page.at)
        found += page.events
    return found[:limit][::-1], end


def wait(setting: Setting, asked: Asked, *, timeout: float) -> Tally:
    """Wait until as many came as `asked.what` says: WHAT[@DEVICE]=COUNT.

    Without `since` those count that came since the listener started. A count that begins at 0 is
    right only at the end of the wait. Raises ExpectationError for too many, WaitError for too few.
    """
    what, count = read_expectation(asked.what or "")
    listener = listener_of(setting)
    if listener is None:
        raise ListenerError(
            "nobody listens here: nothing will come",
            hint="start `pushkit listen`; what was kept is shown by `pushkit inbox`",
        )
    source, deadline = Live(listener), Deadline(timeout)
    wanted = replace(asked, what=what.text).filter()
    at = listener.ready["seq"] if asked.since is None else asked.after
    number = 0
    while True:
        left = max(0.0, deadline.left)
        page = source.wait(wanted, after=at, wait_s=min(left, _POLL_S), count=True)
        number, at = number + page.number, page.at
        if count.is_exceeded(number):
            raise ExpectationError(
                f"{number} {what.text} came{' or more' if page.more else ''}, and {count} were "
                "expected",
                hint="`pushkit inbox` shows them; `pushkit inbox clear` forgets earlier ones",
            )
        is_over = page.ended or deadline.left <= 0
        if not page.more and count.allows(number) and (count.least > 0 or is_over):
            return Tally(number=number, count=count, seq=at)
        if page.ended:
            raise ListenerError(f"{ENDED}: {number} {what.text} came, not {count}", hint=_LOOK)
        if is_over and not page.more:
            raise WaitError(
                f"{number} {what.text} came within {timeout:g} s, not {count}",
                hint=_where(what.device, listener),
            )


_LOOK = "`pushkit inbox` shows what came, `pushkit inbox refused` what was refused"


def _where(device: str | None, listener: Listener) -> str:
    names = [one["name"] for one in listener.ready["devices"]]
    if device is not None and device not in names:
        return f"no device is called {device}: there are {', '.join(names)}"
    return _LOOK


def show(setting: Setting, identifier: str) -> list[dict[str, Any]]:
    """A push by the beginning of its id, or by its apns-id, and the events that followed from it.

    Raises UsageError where none or several are meant.
    """
    word = identifier.lower()
    by_apns_id = _APNS_ID.fullmatch(word) is not None
    if not by_apns_id and not _PUSH_ID.fullmatch(word):
        raise UsageError(
            f"{identifier} is no push",
            hint=f"the id in brackets, {_SHORTEST_ID} digits or more, or a whole apns-id",
        )
    with opened(setting) as source:
        if not by_apns_id:
            return _one_push(source.about(word), identifier)
        pushes = list(_forward(source, Filter(apns_id=word), 0))
        if not pushes:
            raise _unknown(identifier)
        return [event for push in pushes for event in source.about(push["id"])]


def _one_push(events: list[dict[str, Any]], identifier: str) -> list[dict[str, Any]]:
    pushes = [event for event in events if event["event"] == "push"]
    if not pushes:
        raise _unknown(identifier)
    if len(pushes) > 1:
        names = ", ".join(push["id"][:12] for push in pushes[:5])
        raise UsageError(f"several pushes begin with {identifier}: {names}", hint="say more of it")
    return events


def _unknown(identifier: str) -> UsageError:
    return UsageError(
        f"no push {identifier} was captured", hint="`pushkit inbox` shows those that were"
    )


def clear(setting: Setting) -> None:
    """Forget what was captured; numbers go on, devices and tokens stay."""

    def act(held: "emulated.Held") -> None:
        if isinstance(held, Listener):
            held.ask(CLEAR, {}, wait_s=_POLL_S)
            return
        last = held.database.last_seq
        while held.database.clear(last):
            pass

    emulated.by_holder(setting, act)
