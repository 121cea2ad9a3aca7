"""What a listener tells, event by event, as the lines of its screen. No writing here.

Events come as the objects of the contract: what a person sees and a script reads is one thing.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pushkit_cli.cli.render import Terminal

_INDENT = " " * 10
_ID_DIGITS = 6
_HOOK_LINES = 3
_LABELS: Mapping[str, str] = {
    "voip-stopped": "STOPPED",
    "discarded": "discarded",
    "call-refused": "refused",
    "warning": "warning",
}
_SAID_LINES = 10
"""Of what an app under test writes, so many lines go to the screen."""


def lines(event: Mapping[str, Any], terminal: "Terminal", *, alone: bool = False) -> Iterator[str]:
    """One event as the lines that a person reads; `alone`: its push does not stand above it."""
    if event["event"] in ("push", "channel"):
        yield from _asked(event, terminal)
    elif "count" in event and event["event"] == "warning":
        yield from _of_clients(event, terminal)
    elif event["event"] == "fault":
        yield _fault(event, terminal, alone=alone)
    elif alone or event["push_id"] is None:
        yield _alone(event, terminal)
    else:
        yield from _device(event, terminal)


def many_more(event: Mapping[str, Any]) -> str:
    """In place of what else a broadcast did on many devices."""
    return f"{_INDENT}and so on: pushkit inbox show {event['push_id'][:_ID_DIGITS]} has all of it"


def _clock(event: Mapping[str, Any]) -> str:
    return datetime.fromisoformat(event["at"]).astimezone().strftime("%H:%M:%S")


def _alone(event: Mapping[str, Any], terminal: "Terminal") -> str:
    words = [
        f"{_clock(event)}  {event['event']}",
        terminal.show(event["device"]),
        terminal.show(event["app"]),
        terminal.show(event["type"]),
        *([terminal.show(event["detail"], limit=300)] if event["detail"] is not None else []),
        *([f"[{event['push_id'][:_ID_DIGITS]}]"] if event["push_id"] is not None else []),
    ]
    return terminal.wrap("  ".join(words), indent=" " * 10)


def _of_clients(event: Mapping[str, Any], terminal: "Terminal") -> Iterator[str]:
    """A warning about clients that no device ever heard of."""
    told = f"{_clock(event)}  warning: {terminal.show(event['detail'], limit=300)}"
    yield terminal.wrap(told, indent=_INDENT).replace(
        "warning", terminal.paint("warning", "yellow"), 1
    )
    if event.get("hint") is not None:
        told = f"{_INDENT}hint: {terminal.show(event['hint'], limit=300)}"
        yield terminal.wrap(told, indent=_INDENT)


def _fault(event: Mapping[str, Any], terminal: "Terminal", *, alone: bool) -> str:
    """What was done on purpose; below its push, which names the rule, the rest."""
    detail = terminal.show(event["detail"], limit=300)
    if event["push_id"] is not None and not alone:
        return terminal.wrap(f"{_INDENT}{detail}", indent=_INDENT)
    told = f"{_clock(event)}  fault {terminal.show(event['rule'])}: {detail}"
    if event["push_id"] is not None:
        told += f"  [{event['push_id'][:_ID_DIGITS]}]"
    folded = terminal.wrap(told, indent=_INDENT)
    return folded.replace("fault", terminal.paint("fault", "yellow"), 1)


def _asked(event: Mapping[str, Any], terminal: "Terminal") -> Iterator[str]:
    """A push, or what else was asked of channels, and its answer."""
    words = [*_of_what(event, terminal), f"[{event['id'][:_ID_DIGITS]}]"]
    yield terminal.wrap(f"{_clock(event)}  -->  {'  '.join(words)}", indent=" " * 15)
    if event["fault"] is not None:
        judged = f"{event['status']} {terminal.show(event['reason'] or '')}".strip()
        told = f"{_INDENT}<--  {judged}  fault {terminal.show(event['fault'])}"
        folded = terminal.wrap(told, indent=" " * 15)
        yield folded.replace("fault", terminal.paint("fault", "yellow"), 1)
        return
    if event["reason"] is None:
        accepted = terminal.paint(f"{event['status']} accepted", "green")
        yield f"{_INDENT}<--  {accepted}"
        return
    answer = terminal.paint(f"{event['status']} {terminal.show(event['reason'])}", "red")
    told = f"{event['status']} {event['reason']}: {terminal.show(event['detail'])}"
    folded = terminal.wrap(f"{_INDENT}<--  {told}", indent=" " * 15)
    yield folded.replace(f"{event['status']} {event['reason']}", answer, 1)
    if event["basis"] == "ours":
        yield f"{_INDENT}(Apple's own answer here is not known: this one is our choice)"
    if event["hint"] is not None:
        yield terminal.wrap(f"{_INDENT}hint: {terminal.show(event['hint'])}", indent=_INDENT)


def _of_what(event: Mapping[str, Any], terminal: "Terminal") -> Iterator[str]:
    channel = event.get("channel")
    if event["event"] == "channel":
        yield f"{terminal.show(event['method'])} {terminal.show(event['path'])}"
        if channel is not None:
            yield f"channel {terminal.show(channel)}"
        return
    yield terminal.show(event["type"] or "(no type)")
    if channel is None:
        yield terminal.show(event["device"] or "?")
        yield terminal.show(event["topic"] or "(no topic)")
    else:
        yield f"channel {terminal.show(channel)}"
        yield terminal.show(event["app"] or "?")
    yield f"{event['size_bytes']} bytes"


def _device(event: Mapping[str, Any], terminal: "Terminal") -> Iterator[str]:
    name, detail = event["event"], event["detail"]
    if name == "delivered" and detail is None:
        return  # what the device then did says it
    is_broadcast = event.get("channel") is not None and event["device"] is not None
    if is_broadcast:  # many devices stand below it
        detail = f"{event['device']}: {detail or name}"
    if name == "hook" and event["reason"] == "output":
        yield from _written(detail, terminal)
        return
    if name == "terminated":
        yield _told(f"KILLED {event['reason']}: {detail}", "KILLED", terminal)
        yield f"{_INDENT}Apple answers 200 all the same: your server cannot see this."
    elif name == "hook":
        yield from _hook(detail, terminal)
    elif name in _LABELS:
        yield _told(f"{_LABELS[name]}: {detail}", _LABELS[name], terminal)
    else:
        yield _told(detail or name, None, terminal)


def _hook(detail: str, terminal: "Terminal") -> Iterator[str]:
    """What a hook came to, and the last lines it wrote to stderr, each marked as its own."""
    told, stderr, said = detail.partition("stderr: ")
    written = said.splitlines()
    if len(written) < 2:
        yield _told(f"hook: {detail}", "hook", terminal)
        return
    yield _told(f"hook: {told}{stderr}", "hook", terminal)
    for line in written[-_HOOK_LINES:]:
        yield f"{_INDENT}| {terminal.show(line, limit=max(terminal.width - len(_INDENT) - 16, 20))}"


def _written(text: str, terminal: "Terminal") -> Iterator[str]:
    """What an app under test wrote, each line marked as its own."""
    said = text.splitlines()
    yield from (_told(f"app: {line}", None, terminal) for line in said[:_SAID_LINES])
    if len(said) > _SAID_LINES:
        yield f"{_INDENT}app: and {len(said) - _SAID_LINES} lines more (--events FILE)"


def _told(text: str, label: str | None, terminal: "Terminal") -> str:
    """A sentence; its label is painted, and the words say the same without colour."""
    folded = terminal.wrap(f"{_INDENT}{terminal.show(text, limit=300)}", indent=_INDENT)
    if label is None:
        return folded
    colour = "red" if label.isupper() else "yellow"
    return folded.replace(label, terminal.paint(label, colour), 1)
