"""How other commands find a running listener: the file it writes once it accepts connections."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from pushkit_cli.errors import StoreError
from pushkit_cli.store.files import Home, remove
from pushkit_cli.store.sockets import clean

RUN_FILE = "run/listen.json"
LOCK_FILE = "run/listen.lock"


def find(home: Path, ready_file: Path | None) -> dict[str, Any] | None:
    """The ready object of the listener on this home, or in a file that was named.

    `None` where nobody listens: the file is gone, or its writer no longer holds its lock.
    """
    if ready_file is not None:
        return load(ready_file)
    if not home.is_dir():
        return None
    kept = Home(home)
    lock = kept.path / LOCK_FILE
    if not lock.exists():
        return None
    probe = kept.lock(LOCK_FILE)
    if probe.take(wait=False, shared=True):
        probe.release()
        return None
    return load(kept.path / RUN_FILE)


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
    if not isinstance(found, dict) or found.get("event") != "ready":
        raise StoreError(f"{path} is not a ready file", hint="start `pushkit listen`")
    return found
