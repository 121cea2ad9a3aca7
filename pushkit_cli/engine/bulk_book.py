"""What a bulk run leaves on disk: records, what may leave, and lists of tokens.

Nothing leaves before a synced `reserve` and a written `mark` say that it may; a record stands in
the file before the next push leaves. So the end of this process costs no truth.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pushkit_cli.apns.message import Outcome
from pushkit_cli.engine.bulk_order import BulkOrder
from pushkit_cli.engine.bulk_records import Ended, Records, as_line
from pushkit_cli.errors import StoreError, UsageError
from pushkit_cli.store.ledger import mark_line, reserve_line
from pushkit_cli.store.results import Results

CHUNK = 10_000
"""Lines that one reservation, and so one sync, is good for."""
_DEAD = 410
_SUSPECT = ("BadDeviceToken", "DeviceTokenNotForTopic")


class TokenList:
    """A file of the user's, one object a line. It is made, or with `goes_on` added to."""

    def __init__(self, path: Path, *, goes_on: bool) -> None:
        """Raises UsageError where there is a file already, StoreError where there can be none."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        self._path = path
        self._is_new = not goes_on
        self._pending = bytearray()
        try:
            self._handle = os.open(path, flags | (0 if goes_on else os.O_EXCL), 0o600)
        except FileExistsError as error:
            raise UsageError(
                f"{path} exists", hint="name another file: what it holds is not written over"
            ) from error
        except OSError as error:
            raise self._trouble(error) from error

    def add(self, line: bytes) -> None:
        """One line, written with the next `flush`."""
        self._pending += line

    def flush(self) -> None:
        """Give every line to the system. Raises StoreError; what was not written is kept."""
        while self._pending:
            try:
                written = os.write(self._handle, self._pending)
            except OSError as error:
                raise self._trouble(error) from error
            del self._pending[:written]

    def close(self) -> None:
        """Close."""
        os.close(self._handle)

    def discard(self) -> None:
        """Close, and leave nothing behind that was made for nothing."""
        self.close()
        if self._is_new:
            with suppress(OSError):
                self._path.unlink()

    def _trouble(self, error: OSError) -> StoreError:
        reason = (error.strerror or str(error)).lower()
        return StoreError(f"{self._path} cannot be written: {reason}", hint="check the path")


@dataclass(slots=True, kw_only=True)
class Lists:
    """Where tokens go that are dead, or that may be."""

    dead: TokenList | None = None
    suspect: TokenList | None = None

    @classmethod
    def made(cls, order: BulkOrder, *, goes_on: bool) -> "Lists":
        """Both that were asked for, or none. Raises UsageError and StoreError."""
        found = cls()
        try:
            if order.dead_tokens is not None:
                found.dead = TokenList(order.dead_tokens, goes_on=goes_on)
            if order.suspect_tokens is not None:
                found.suspect = TokenList(order.suspect_tokens, goes_on=goes_on)
        except BaseException:
            found.discard()
            raise
        return found

    def discard(self) -> None:
        """Nothing was begun."""
        for one in self.files:
            one.discard()

    def file_of(self, ended: Ended) -> TokenList | None:
        """410 alone is dead; a token that is wrong here may be right in another environment.

        What lint holds stands in no list: APNs was not asked.
        """
        if ended.reply.outcome is not Outcome.REFUSED:
            return None
        if ended.reply.status == _DEAD:
            return self.dead
        return self.suspect if ended.reply.reason in _SUSPECT else None

    @property
    def files(self) -> list[TokenList]:
        """Those that are there."""
        return [one for one in (self.dead, self.suspect) if one is not None]


class Book:
    """Everything that is written while a run lasts. `results` is `None` where nobody keeps it.

    `ahead` is how many lines a mark may be ahead of what has left; `lines` is the number of the
    last one, `None` where the input cannot be read again. `told` hears each `reply`.
    """

    def __init__(
        self,
        records: Records,
        results: Results | None,
        lists: Lists,
        *,
        ahead: int,
        seq: int = 0,
        lines: int | None = None,
        told: Callable[[dict[str, Any], Ended], None] | None = None,
    ) -> None:
        self._records = records
        self._results = results
        self._lists = lists
        self._ahead = ahead
        self._told = told
        self._lines = lines or 0
        self._writes_ahead = results is not None and lines is not None
        self.seq = seq
        self.reserved = 0
        self.mark = 0
        self.last = 0

    def note(self, ended: Ended) -> None:
        """The final record of a target, written with the next `flush`."""
        self.seq += 1
        if self._results is not None:
            self._results.add(self._records.line(ended, self.seq))
        tokens = self._lists.file_of(ended)
        if tokens is not None:
            tokens.add(self._records.token_line(ended))
        if self._told is not None:
            self._told(self._records.reply(ended, self.seq), ended)

    def may_leave(self, line: int) -> bool:
        """Whether a target of this line, or of one before it, may leave; else reserve first."""
        return not self._writes_ahead or line <= self.reserved

    def passes(self, line: int) -> None:
        """Everything up to this line was looked at."""
        self.last = max(self.last, line)

    def leaves(self, line: int) -> None:
        """It leaves with the next `flush`."""
        self.passes(line)
        if self._writes_ahead and line > self.mark:
            self.mark = min(self.reserved, line + self._ahead)
            self._add_mark()

    def wants_more(self, line: int) -> bool:
        """Whether it is time to reserve further lines."""
        near = line > self.reserved - CHUNK // 2
        return self._writes_ahead and near and self.reserved < self._lines

    def reserve(self, line: int) -> int:
        """Write that targets up to a line may leave; they may once `sync` has returned."""
        upto = min(self._lines, max(line, self.reserved) + CHUNK)
        self.seq += 1
        assert self._results is not None
        self._results.add(reserve_line(upto, seq=self.seq, at=self._records.at()))
        self._results.flush()
        return upto

    def sync(self) -> None:
        """Wait for the disk; in any thread. Raises StoreError."""
        if self._results is not None:
            self._results.sync()

    def flush(self) -> None:
        """Give everything to the system, lists of tokens first. Raises StoreError."""
        for tokens in self._lists.files:
            tokens.flush()
        if self._results is not None:
            self._results.flush()

    def finish(self, summary: dict[str, Any]) -> None:
        """The end: what has not left was not sent, and this is how it was: it gets its number.

        Raises StoreError.
        """
        if self._writes_ahead and self._results is not None:
            self.reserved = self.mark = self.last
            self.seq += 1
            self._results.add(reserve_line(self.last, seq=self.seq, at=self._records.at()))
            self._add_mark()
        self.seq += 1
        summary["seq"] = self.seq
        if self._results is not None:
            self._results.add(as_line(summary))
        self.flush()
        self.sync()

    def close(self) -> None:
        """Close every file."""
        for tokens in self._lists.files:
            tokens.close()
        if self._results is not None:
            self._results.close()

    def _add_mark(self) -> None:
        self.seq += 1
        assert self._results is not None
        self._results.add(mark_line(self.mark, seq=self.seq, at=self._records.at()))
