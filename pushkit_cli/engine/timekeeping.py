"""What time it is for the listener that runs here, and moving it on."""

from dataclasses import dataclass
from typing import Any

from pushkit_cli.engine.asking import ADVANCE, CLOCK, Listener, listener_of
from pushkit_cli.engine.host import rfc3339
from pushkit_cli.engine.setting import Setting
from pushkit_cli.errors import ListenerError
from pushkit_cli.net.sender import Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Time:
    """A listener's time, in RFC 3339; `is_manual`: it stands still until it is moved."""

    at: str
    is_manual: bool


def show(setting: Setting) -> Time:
    """Its time. Raises ListenerError where nobody listens."""
    return _time(_listener(setting).ask(CLOCK, {}))


def manual_time(setting: Setting, ready: dict[str, Any] | None, endpoint: Endpoint) -> float | None:
    """The time (Unix seconds) of the listener at an endpoint, where its clock stands still."""
    if ready is None or ready.get("clock") != "manual":
        return None
    if str(endpoint) not in ready["endpoints"].values():
        return None
    return float(_listener(setting).ask(CLOCK, {})["now_ms"]) / 1000


def advance(setting: Setting, seconds: float) -> Time:
    """Move it on; what is due by then has happened. Raises ListenerError for a machine's clock."""
    return _time(_listener(setting).ask(ADVANCE, {"ms": round(seconds * 1000)}))


def _listener(setting: Setting) -> Listener:
    found = listener_of(setting)
    if found is None:
        raise ListenerError(
            "nobody listens here: there is no clock", hint="start `pushkit listen --clock manual`"
        )
    return found


def _time(said: dict[str, Any]) -> Time:
    return Time(at=rfc3339(said["now_ms"]), is_manual=said["manual"])
