"""Asking the listener that runs here, over its control socket. Blocking, and no asyncio."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pushkit_cli.engine.setting import Setting
from pushkit_cli.errors import ListenerError, StoreError, UsageError
from pushkit_cli.net import control

CHANGE, RECORDS, EVENTS, ABOUT, CLEAR = "/change", "/records", "/events", "/about", "/clear"
PHONE, CLOCK, ADVANCE = "/phone", "/clock", "/advance"
FAULTS, SET_FAULTS, CLEAR_FAULTS = "/faults", "/faults/set", "/faults/clear"
"""What a listener can be asked; `engine.control` answers."""
_PATIENCE_S = 20.0
"""For an answer that waits for nothing: a listener under full load takes its time."""
_LEAST_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """A running listener; `ready` is what it says of itself."""

    ready: dict[str, Any]
    socket: Path

    def ask(
        self,
        question: str,
        said: dict[str, Any],
        *,
        wait_s: float = 0.0,
        patience_s: float = _PATIENCE_S,
    ) -> dict[str, Any]:
        """Ask one thing. Raises UsageError where it is refused, ListenerError without an answer."""
        body = json.dumps(said, separators=(",", ":")).encode("ascii")
        answer = control.ask(self.socket, question, body, timeout=patience_s + wait_s)
        try:
            value = json.loads(answer.body)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise ListenerError(
                "the listener's answer makes no sense", hint="is it another version of pushkit?"
            )
        if answer.status == 200:
            return value
        message, hint = str(value.get("message")), value.get("hint")
        if answer.status == 400:
            raise UsageError(message, hint=hint or "pushkit device list")
        if answer.status == 409:
            raise ListenerError(message, hint=hint)
        if answer.status == 500:
            raise StoreError(message, hint=hint)
        raise ListenerError(message, hint="is the listener another version of pushkit?")


def listener_of(setting: Setting) -> Listener | None:
    """The listener that commands here speak to; `None` where nobody listens."""
    ready = setting.listener()
    if ready is None:
        return None
    path = ready.get("control")
    if not isinstance(path, str):
        raise ListenerError(
            "the listener that runs here takes no commands", hint="start it again: it is older"
        )
    return Listener(ready=ready, socket=Path(path))


def answering(setting: Setting, *, within_s: float) -> dict[str, Any] | None:
    """The ready object of a listener that answers in time; one that was stopped does not."""
    listener = listener_of(setting)
    if listener is None:
        return None
    try:
        listener.ask(CLOCK, {}, patience_s=max(within_s, _LEAST_S))
    except ListenerError:
        return None
    return listener.ready
