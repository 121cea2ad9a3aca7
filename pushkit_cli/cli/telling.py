"""Where a listener's events go: the screen, NDJSON on stdout, and a file that was named.

Whoever reads the screen or a pipe may be slow, stopped or gone: a Spool stands between. A file is
written to at once, because it has to be complete.
"""

import os
import stat
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from pushkit_cli.cli import stream
from pushkit_cli.cli.render import Terminal, error_object, write_whole
from pushkit_cli.cli.text import to_json
from pushkit_cli.engine.host import now
from pushkit_cli.engine.objects import closed, dropped
from pushkit_cli.engine.telling import Gap, Line, Spool
from pushkit_cli.errors import PushkitError, StoreError

if TYPE_CHECKING:
    from pushkit_cli.engine.objects import Happened


_OF_A_BROADCAST = 20
"""So many events of one broadcast go to the screen; all of them stand in the inbox."""


class Teller:
    """Writes every event to each place that was asked for; use it as a context manager.

    With a command `inside`, stdout is the command's: objects go to the file alone, and lines to
    stderr where somebody wants to know more.
    """

    def __init__(self, terminal: Terminal, events: Path | None, *, inside: bool = False) -> None:
        self._terminal = terminal
        self._inside = inside
        self._record = None if events is None else _Record(events)
        self._screen: Spool
        self._stack = ExitStack()
        self._seq = 0
        self._push_id: str | None = None
        self.now = now
        """The listener's time, once there is one."""
        self._broadcast: tuple[str | None, int] = (None, 0)

    def __enter__(self) -> Self:
        if self._record is not None:
            self._record.open()
            self._stack.callback(self._record.close)
        self._screen = Spool(lambda gap: self._line(dropped(gap.seq, gap.count)))
        self._stack.callback(self._leave)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._inside and isinstance(error, PushkitError):
            with suppress(StoreError):  # that the file is full has been said
                said = error_object(error.kind, error.message, error.hint, error.exit_code)
                self.object(said)
        self._stack.close()

    def tell(self, happened: "Happened") -> None:
        """One event, wherever it is wanted. Raises StoreError where it cannot be written."""
        event = happened.to_json()
        self._seq = happened.seq
        if self._record is not None:
            self._record.event(to_json(event), happened.seq)
        line = self._line(event)
        if line.text:
            self._screen.event(line, happened.seq)

    def object(self, value: dict[str, Any]) -> None:
        """An object of the contract that no reader may miss, for those who read NDJSON."""
        self._seq = value.get("seq", self._seq)
        if self._record is not None:
            self._record.put(to_json(value))
        if self._terminal.as_json:
            self._screen.put(self._line(value))

    def say(self, text: str) -> None:
        """Talk, in its place between the events."""
        self._screen.put(Line(write=self._terminal.say, text=text))

    def closed(self) -> None:
        """Nothing happens any more; only a verdict may follow."""
        self.object(closed(self._seq, now=self.now()))
        if not self._inside:
            self.say("Stopped.")

    @property
    def seq(self) -> int:
        """The number of the last event."""
        return self._seq

    def _line(self, event: dict[str, Any]) -> Line:
        if self._terminal.as_json:
            return Line(write=self._terminal.data, text=to_json(event))
        write = self._terminal.detail if self._inside else self._terminal.data
        place = self._place_in_broadcast(event)
        if place > _OF_A_BROADCAST:
            more = stream.many_more(event) if place == _OF_A_BROADCAST + 1 else ""
            return Line(write=write, text=more)
        lines = stream.lines(event, self._terminal, alone=self._is_alone(event))
        return Line(write=write, text="\n".join(lines))

    def _place_in_broadcast(self, event: dict[str, Any]) -> int:
        """How many events of its broadcast there were with it, 0 where it is of none."""
        if event.get("channel") is None or event.get("push_id") is None:
            return 0
        push_id, place = self._broadcast
        place = place + 1 if push_id == event["push_id"] else 1
        self._broadcast = (event["push_id"], place)
        return place

    def _is_alone(self, event: dict[str, Any]) -> bool:
        """Whether an event stands below something else than its push: an app may take its time."""
        if "push_id" not in event:  # it is a request itself
            self._push_id = event["id"]
            return False
        is_alone = bool(event["push_id"] != self._push_id)
        if is_alone:
            self._push_id = None
        return is_alone

    def _leave(self) -> None:
        try:
            if self._screen.close():
                return
        except BaseException:  # an impatient ^C among them
            self._terminal.give_up()
            raise
        self._terminal.give_up()
        self._terminal.warn("the last events were not written: nobody reads them")


class _Record:
    """The file that was named: complete, or StoreError. A pipe that was named is a reader."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._place = -1
        self._reader: Spool | None = None

    def open(self) -> None:
        try:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            self._place = os.open(self._path, flags, 0o666)
        except OSError as error:
            raise self._failed(error, "check --events") from error
        if not stat.S_ISREG(os.fstat(self._place).st_mode):
            self._reader = Spool(self._missed)

    def event(self, text: str, seq: int) -> None:
        if self._reader is None:
            self._add(text)
        else:
            self._reader.event(Line(write=self._write, text=text), seq)

    def put(self, text: str) -> None:
        if self._reader is None:
            self._add(text)
        else:
            self._reader.put(Line(write=self._write, text=text))

    def close(self) -> None:
        if self._reader is None or self._reader.close():
            os.close(self._place)

    def _add(self, text: str) -> None:
        try:
            self._write(text)
        except OSError as error:
            hint = "free some space, or name another --events: this one ends here"
            raise self._failed(error, hint) from error

    def _write(self, text: str) -> None:
        with suppress(BrokenPipeError):  # a reader who has gone ends the writing, not the work
            write_whole(self._place, (text + "\n").encode("ascii"))

    def _missed(self, gap: Gap) -> Line:
        return Line(write=self._write, text=to_json(dropped(gap.seq, gap.count)))

    def _failed(self, error: OSError, hint: str) -> StoreError:
        return StoreError(f"{self._path} cannot be written: {error.strerror}", hint=hint)
