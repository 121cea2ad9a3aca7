"""Places in a JSON value: dotted names, and what must stand there. Pure."""

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place, and what must stand there; `value` `None`: anything but null."""

    path: tuple[str, ...]
    value: str | None = None

    def find(self, value: Any) -> Any:
        """What stands there, `None` where nothing does."""
        for name in self.path:
            value = _inside(value, name)
        return value

    def holds(self, value: Any) -> bool:
        """Whether what must stand there does: as text, or as JSON."""
        found = self.find(value)
        if self.value is None:
            return found is not None
        return bool(found == self.value) or _is_json(self.value, found)


def _inside(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return value.get(name)
    if isinstance(value, list) and name.isascii() and name.isdigit() and len(name) < 6:
        return value[int(name)] if int(name) < len(value) else None
    return None


def _is_json(text: str, found: Any) -> bool:
    """Whether a text says a value as JSON does; true is not 1."""
    try:
        said = json.loads(text)
        return bool(said == found) and isinstance(said, bool) == isinstance(found, bool)
    except (ValueError, RecursionError):
        return False
