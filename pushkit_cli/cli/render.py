"""The terminal: the only place that writes. stdout is data, stderr is talk.

Lines are built of our own words and of foreign text, which always goes through `foreign`.
"""

import os
import select
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from pushkit_cli.cli.text import foreign, to_json
from pushkit_cli.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from pushkit_cli.engine.setting import Setting

COLOURS = ("auto", "always", "never")
_NARROWEST, _WIDEST = 40, 100


class Terminal:
    """Both output streams of one command, and how they are to be written."""

    def __init__(
        self, *, variables: Mapping[str, str] | None = None, home: Path | None = None
    ) -> None:
        self.variables = variables or {}
        self.home = home or Path()
        self.profile = "default"
        self.as_json = self.quiet = self.verbose = False
        self._colour = "auto"
        self._gone: set[TextIO] = set()
        self._terminals: dict[TextIO, bool] = {}
        self._width: int | None = None
        self.output_is_all = True
        self.unwritable: OSError | None = None
        for stream in (sys.stdout, sys.stderr):
            with suppress(AttributeError):  # a stream that a test put in its place
                stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]

    def set(
        self, *, as_json: bool, verbose: bool = False, quiet: bool = False, colour: str = "auto"
    ) -> None:
        """Take the options of the command line."""
        self.as_json, self.verbose, self.quiet, self._colour = as_json, verbose, quiet, colour

    def setting(self) -> "Setting":
        """What the engine may know of the world outside."""
        from pushkit_cli.engine.setting import Setting

        return Setting(
            home=self.home, variables=self.variables, profile=self.profile, folder=Path.cwd()
        )

    def ask(self, question: str) -> bool:
        """Ask on a terminal; where nobody can answer, the answer is no."""
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            return False
        return click.confirm(question, err=True)

    def ask_secret(self, what: str) -> bytes:
        """Ask for a secret on a terminal, unseen. Raises UsageError where nobody can answer."""
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise UsageError(f"{what}: nobody is there to type it", hint="name a file instead")
        return str(click.prompt(what, hide_input=True, err=True)).encode("utf-8", "replace")

    @property
    def ascii_only(self) -> bool:
        """Whether stdout cannot take more than ASCII (`LANG=C`)."""
        return "utf" not in (sys.stdout.encoding or "").lower()

    @property
    def width(self) -> int:
        """Columns to write in; those of a terminal may change meanwhile."""
        if self._width is None or self._is_terminal(sys.stdout):
            import shutil

            columns = shutil.get_terminal_size((80, 24)).columns
            self._width = max(_NARROWEST, min(columns, _WIDEST))
        return self._width

    def show(self, value: str | bytes | None, *, limit: int = 120) -> str:
        """Foreign text in the form this terminal may see."""
        return foreign(value, limit=limit, ascii_only=self.ascii_only)

    @property
    def is_read(self) -> bool:
        """Whether anybody still reads stdout."""
        return sys.stdout not in self._gone

    def data(self, line: str) -> None:
        """A line of data, to stdout."""
        self._write(sys.stdout, line)

    def object(self, value: Mapping[str, Any]) -> None:
        """An object, to stdout, as one line of ASCII JSON."""
        self._write(sys.stdout, to_json(value))

    def say(self, line: str, *, loud: bool = False) -> None:
        """Talk, to stderr; `loud` is said even when quiet."""
        if loud or not self.quiet:
            self._write(sys.stderr, line)

    def detail(self, line: str) -> None:
        """What only `--verbose` says, to stderr."""
        if self.verbose:
            self._write(sys.stderr, line)

    @property
    def can_redraw(self) -> bool:
        """Whether stderr is a terminal on which a line can be written over."""
        return sys.stderr.isatty() and self.variables.get("TERM") != "dumb"

    def redraw(self, line: str) -> None:
        """Write over the last line of stderr that this wrote; with nothing, take it away."""
        if not self.quiet and self.can_redraw:
            self._write(sys.stderr, f"\r\x1b[K{line[: self.width - 1]}", end="")

    def paint(self, text: str, colour: str, *, stream: TextIO | None = None) -> str:
        """Colour that means nothing the words do not say."""
        if not self._coloured(stream or sys.stdout):
            return text
        dim = colour == "dim"
        return click.style(text, fg=None if dim else colour, dim=dim or None)

    def wrap(self, text: str, *, indent: str) -> str:
        """Fold a long line; the lines after the first are indented."""
        if len(text) <= self.width and text.isprintable() and text[-1:] != " ":
            return text
        import textwrap

        return textwrap.fill(
            text,
            self.width,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )

    def failed(self, kind: str, message: str, hint: str | None, code: ExitCode) -> int:
        """Say what went wrong, and what to do, and give the exit code back."""
        if self.as_json:
            with suppress(OSError):  # a full disk under stdout: stderr says it all the same
                self.object(error_object(kind, message, hint, code))
        self._labelled("error", "red", message)
        if hint is not None:
            self._labelled("hint", "yellow", hint)
        return code

    def warn(self, message: str) -> None:
        """Something the reader should know, and the command goes on."""
        self._labelled("warning", "yellow", message)

    def hint(self, text: str) -> None:
        """What to do about the line above."""
        self._labelled("hint", "yellow", text)

    def close(self) -> None:
        """Flush; a reader who has gone is no failure."""
        for stream in (sys.stdout, sys.stderr):
            self._guarded(stream, stream.flush)

    def work_counts(self) -> None:
        """From here on the exit code speaks of work done, whether or not stdout takes the words."""
        self.output_is_all = False

    def give_up(self) -> None:
        """Write no more to a stream whose reader takes nothing: the end must not wait for him."""
        for stream in (sys.stdout, sys.stderr):
            if not select.select([], [stream], [], 0)[1]:
                self._gone.add(stream)

    def _labelled(self, label: str, colour: str, text: str) -> None:
        shown = self.wrap(f"{label}: {self.show(text, limit=600)}", indent=" " * (len(label) + 2))
        painted = self.paint(f"{label}:", colour, stream=sys.stderr)
        self.say(painted + shown.removeprefix(f"{label}:"), loud=True)

    def _coloured(self, stream: TextIO) -> bool:
        if self._colour != "auto":
            return self._colour == "always"
        plain = self.variables.get("NO_COLOR") or self.variables.get("TERM") == "dumb"
        return self._is_terminal(stream) and not plain

    def _is_terminal(self, stream: TextIO) -> bool:
        """Asked of the system once: a listener would ask it with every push."""
        if stream not in self._terminals:
            self._terminals[stream] = stream.isatty()
        return self._terminals[stream]

    def _write(self, stream: TextIO, line: str, end: str = "\n") -> None:
        def act() -> None:
            stream.flush()
            text = (line + end).encode(stream.encoding or "utf-8", stream.errors or "strict")
            write_whole(stream.fileno(), text)

        self._guarded(stream, act)

    def _guarded(self, stream: TextIO, act: Callable[[], None]) -> None:
        """A closed pipe ends the writing, never the work: the exit code stays true."""
        if stream in self._gone:
            return
        try:
            act()
        except BrokenPipeError:
            self.abandon(stream)
        except OSError as error:  # a full disk, a dead terminal
            if stream is sys.stderr:
                self.abandon(stream)
            elif self.output_is_all:
                self.unwritable = error
                raise
            else:
                self.abandon(stream)
                self.warn(f"stdout cannot be written: {error.strerror}; the exit code is true")

    def abandon(self, stream: TextIO) -> None:
        """Let a stream end in nothing, with whatever Python still has for it."""
        self._gone.add(stream)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def stand_in_for_closed_streams() -> None:
    """Put something that fails in the place of each standard stream that was closed (`>&-`).

    Else the next file that is opened would be taken for it, and written into.
    """
    for place, name, wrong_way, mode in (
        (0, "stdin", os.O_WRONLY, "r"),
        (1, "stdout", os.O_RDONLY, "w"),
        (2, "stderr", os.O_RDONLY, "w"),
    ):
        if getattr(sys, name) is None and os.open(os.devnull, wrong_way) == place:
            setattr(sys, name, open(place, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def error_object(kind: str, message: str, hint: str | None, code: ExitCode) -> dict[str, Any]:
    """A failure as the object of the contract."""
    return {
        "v": 1,
        "event": "error",
        "kind": kind,
        "message": message,
        "hint": hint,
        "exit": int(code),
    }


def write_whole(place: int, data: bytes) -> None:
    """Write all of it to a file descriptor, also where a signal cuts a write short.

    Past Python's own buffers: a thread that is stuck in one keeps the process from ending, and
    with PYTHONUNBUFFERED, which container images set, the stream's own write() loses the rest.
    """
    while data:
        try:
            data = data[os.write(place, data) :]
        except BlockingIOError:  # somebody made the pipe non-blocking
            select.select([], [place], [])
