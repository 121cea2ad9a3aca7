"""What each event of the contract means: those of devices, and those of commands."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from pushkit_cli.apns.explaining import Explanation
from pushkit_cli.apns.facts import Basis
from pushkit_cli.phone.events import MEANINGS

_OF_COMMANDS = {
    "ready": "the listener accepts connections; it says where, and with which credentials",
    "push": "one request to the listener and its answer, without its credential",
    "channel": "what was asked of broadcast channels, or one of them",
    "verdict": "how a run of `pushkit listen` was judged, and by what",
    "closed": "the listener's last event: nothing follows but a verdict",
    "error": "why a command failed, what to do, and its exit code",
    "reply": "what became of one push that was sent",
    "summary": "what became of all pushes of one `pushkit send`: its last object",
    "request": "the request that `pushkit send --dry-run` would send, and what lint says of it",
}
EVENTS: Mapping[str, str] = MappingProxyType(
    {**_OF_COMMANDS, **{str(event): meaning for event, meaning in MEANINGS.items()}}
)
"""By the name that stands in `event`."""


def explain(word: str) -> Iterator[Explanation]:
    """The event of a name, whatever its case."""
    meaning = EVENTS.get(word.casefold())
    if meaning is not None:
        yield Explanation(
            kind="event",
            word=word.casefold(),
            meaning=meaning,
            facts=()
            if word.casefold() in _OF_COMMANDS
            else (("basis", "each such event says itself who says that a device does this"),),
            source="pushkit",
            basis=Basis.OURS,
        )
