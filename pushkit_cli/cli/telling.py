"""Where a listener's events go: the screen, NDJSON on stdout, and a file that was named."""

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from pushkit_cli.cli import stream
from pushkit_cli.cli.render import Terminal
from pushkit_cli.cli.text import to_json
from pushkit_cli.errors import StoreError

if TYPE_CHECKING:
    from pushkit_cli.engine.objects import Happened


class Teller:
    """Writes every event to each place that was asked for; use it as a context manager."""

    def __init__(self, terminal: Terminal, events: Path | None) -> None:
        self._terminal = terminal
        self._path = events
        self._stack = ExitStack()
        self._last: dict[str, Any] = {}

    def __enter__(self) -> Self:
        if self._path is not None:
            try:
                file = self._path.open("a", encoding="ascii", buffering=1)
            except OSError as error:
                raise StoreError(
                    f"{self._path} cannot be written: {error.strerror}", hint="check --events"
                ) from error
            self._file = self._stack.enter_context(file)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def tell(self, happened: "Happened") -> None:
        """One event, wherever it is wanted."""
        event = happened.to_json()
        self.object(event)
        if not self._terminal.as_json:
            for line in stream.lines(event, self._terminal):
                self._terminal.data(line)

    def object(self, value: dict[str, Any]) -> None:
        """An object of the contract, for those who read NDJSON."""
        self._last = value
        if self._path is not None:
            self._file.write(to_json(value) + "\n")
        if self._terminal.as_json:
            self._terminal.object(value)

    def closed(self) -> None:
        """The last object: nothing follows."""
        from pushkit_cli.engine.objects import closed

        self.object(closed(self._last["seq"]))
        self._terminal.say("Stopped.")
