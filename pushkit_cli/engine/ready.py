"""How other commands find a running listener: the file it writes once it accepts connections."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from pushkit_cli.errors import StoreError
from pushkit_cli.store.files import Home, Lock, remove
from pushkit_cli.store.sockets import clean

RUN_FILE = "run/listen.json"
LOCK_FILE = "run/listen.lock"


def find(home: Path, ready_file: Path | None) -> dict[str, Any] | None:
    """The ready object of the listener on this home, or in a file that was named.

    `None` where nobody listens: the file is gone, or its writer no longer holds its lock.
    """
    if ready_file is None:
        return _alive(Home(home).path) if home.is_dir() else None
    said = load(ready_file)
    return said if said is not None and is_alive(said) else None


def is_alive(said: dict[str, Any]) -> bool:
    """Whether the listener that once said this still runs.

    It does if its home's lock is held, and whoever holds that says the same nonce there.
    """
    home = said.get("home")
    now = _alive(Path(home)) if isinstance(home, str) else None
    return now is not None and now["nonce"] == said.get("nonce")


def clear(ready_file: Path) -> None:
    """Remove the word of a listener that was killed; whoever waits for the file would take it."""
    try:
        said = load(ready_file)
    except StoreError:  # no word at all
        return
    if said is not None and not is_alive(said):
        remove(ready_file)


def _alive(home: Path) -> dict[str, Any] | None:
    """The word of whoever holds the lock of a home."""
    lock = home / LOCK_FILE
    if not lock.exists():
        return None
    probe = Lock(lock)
    if probe.take(wait=False, shared=True):
        probe.release()
        return None
    return load(home / RUN_FILE)


def clear_away(home: Home) -> None:
    """Remove what a killed listener said of itself, its socket too: it would be taken for ours."""
    file = home.path / RUN_FILE
    with suppress(StoreError):
        control = (load(file) or {}).get("control")
        if isinstance(control, str):
            clean(Path(control))
    remove(file)


def load(path: Path) -> dict[str, Any] | None:
    """What a file says. Raises StoreError for one that is none of ours."""
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise StoreError(f"{path} is not a ready file", hint="start `pushkit listen`") from error
    if not isinstance(found, dict) or found.get("event") != "ready" or "nonce" not in found:
        raise StoreError(f"{path} is not a ready file", hint="start `pushkit listen`")
    return found
