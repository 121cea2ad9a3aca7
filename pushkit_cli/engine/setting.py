"""What surrounds a command: its home, its variables, its folder. Read once, then passed in."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pushkit_cli.engine import ready


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The world outside as one value; `variables` is the process's environment."""

    home: Path
    variables: Mapping[str, str]

    def variable(self, name: str) -> str | None:
        """A variable's text; an empty one counts as absent."""
        return self.variables.get(name) or None

    def path_of(self, name: str) -> Path | None:
        """A variable that names a file."""
        said = self.variable(name)
        return None if said is None else Path(said).expanduser()

    def listener(self) -> dict[str, Any] | None:
        """The ready object of the listener that commands here speak to."""
        return ready.find(self.home, self.path_of("PUSHKIT_READY_FILE"))
