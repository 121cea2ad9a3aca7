"""What the lines of a results file say of each target: what a resume goes by. No disk here.

Each target has a number, its line in the input. Before targets up to N may leave, a `reserve` line
says so and is synced; a `mark` line, not synced, says how far they have really gone. So after the
end of a process an undecided target up to the mark may have been sent, and none above it; after
the end of a machine the same holds of the last reservation. A final record decides.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from pushkit_cli.apns.message import Outcome
from pushkit_cli.errors import StoreError

VERSION = 1
LONGEST_LINE = 2**20
"""In bytes; a longer one is not ours."""


class State(IntEnum):
    """What is known of one target, in one byte; `UNSENT` holds until the next run begins."""

    OPEN = 0
    ACCEPTED = 1
    REFUSED = 2
    HELD = 3
    UNKNOWN = 4
    UNSENT = 5


_STATES: Mapping[str, State] = {
    Outcome.ACCEPTED: State.ACCEPTED,
    Outcome.REFUSED: State.REFUSED,
    Outcome.HELD: State.HELD,
    Outcome.UNKNOWN: State.UNKNOWN,
    Outcome.UNSENT: State.UNSENT,
}
_DECIDED = (State.ACCEPTED, State.REFUSED, State.HELD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The first line: which run this is. A resume must be of the same.

    `run` is a UUID. `lines` is the number of the last line, `targets` how many are not blank,
    `input_size` is in bytes; the three and the digest are `None` for standard input. `options`
    are those that decide what is sent. `boot` names the uptime of the machine, where it is known.
    """

    run: str
    at: str
    input_size: int | None
    input_sha256: str | None
    lines: int | None
    targets: int | None
    payload_sha256: str | None
    options: Mapping[str, Any]
    boot: str | None

    def encode(self) -> bytes:
        """The line."""
        known = self.input_sha256 is not None
        body = {
            "v": VERSION,
            "event": "run",
            "seq": 0,
            "at": self.at,
            "run": self.run,
            "input": {"size": self.input_size, "sha256": self.input_sha256} if known else None,
            "lines": self.lines,
            "targets": self.targets,
            "payload_sha256": self.payload_sha256,
            "options": dict(self.options),
            "boot": self.boot,
        }
        return json.dumps(body).encode("ascii") + b"\n"

    @classmethod
    def decode(cls, line: bytes) -> "Header":
        """Read it. Raises StoreError where this is not the first line of a results file."""
        try:
            body = json.loads(line)
            _check(body["v"] == VERSION and body["event"] == "run")
            given = body["input"] or {"size": None, "sha256": None}
            return cls(
                run=str(body["run"]),
                at=str(body["at"]),
                input_size=given["size"],
                input_sha256=given["sha256"],
                lines=body["lines"],
                targets=body["targets"],
                payload_sha256=body["payload_sha256"],
                options=dict(body["options"]),
                boot=body["boot"],
            )
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise StoreError(
                "this is no results file of pushkit", hint="name another file with --results"
            ) from error

    def differs_from(self, other: "Header") -> str | None:
        """In one word what makes it another run, `None` where it is the same."""
        if (self.input_size, self.input_sha256) != (other.input_size, other.input_sha256):
            return "input"
        if self.payload_sha256 != other.payload_sha256:
            return "payload"
        names = sorted({*self.options, *other.options})
        changed = [name for name in names if self.options.get(name) != other.options.get(name)]
        return changed[0] if changed else None


def reserve_line(upto: int, *, seq: int, at: str) -> bytes:
    """Targets up to this line may leave once this line is synced."""
    return _upto("reserve", upto, seq, at)


def mark_line(upto: int, *, seq: int, at: str) -> bytes:
    """Targets up to this line leave as soon as this line is written."""
    return _upto("mark", upto, seq, at)


def resume_line(boot: str | None, *, seq: int, at: str) -> bytes:
    """Another process goes on; what the one before it may have sent was recorded above."""
    body = {"v": VERSION, "event": "resume", "seq": seq, "at": at, "boot": boot}
    return json.dumps(body).encode("ascii") + b"\n"


def _upto(event: str, upto: int, seq: int, at: str) -> bytes:
    return b'{"v":%d,"event":"%b","seq":%d,"at":"%b","upto":%d}\n' % (
        VERSION,
        event.encode("ascii"),
        seq,
        at.encode("ascii"),
        upto,
    )


@dataclass(slots=True)
class Ledger:
    """The state of every target, a byte each. Feed it every line after the header, in order."""

    lines: int
    boot: str | None
    states: bytearray = field(init=False)
    reserved: int = 0
    mark: int = 0
    seq: int = 0
    event: str = ""
    reasons: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.states = bytearray(self.lines + 1)

    def read(self, line: bytes) -> bool:
        """Take in one whole line; False where it is damaged. Blank lines stand for nothing."""
        if not line.strip(b" \n\r\0"):
            return b"\0" not in line
        try:
            body = json.loads(line)
            self._take(body)
        except (ValueError, KeyError, TypeError, IndexError, RecursionError):
            return False
        return True

    @property
    def was_promise(self) -> bool:
        """Whether the line just read is of those that are synced before anything follows."""
        return self.event in ("reserve", "resume")

    def _take(self, body: dict[str, Any]) -> None:
        event = self.event = str(body["event"])
        if event == "reply":
            self._decide(_number(body["line"], self.lines), _STATES[body["outcome"]], body)
        elif event == "reserve":
            self.reserved = _number(body["upto"], self.lines)
        elif event == "mark":
            self.mark = _number(body["upto"], self.lines)
        elif event == "resume":
            self.boot = body["boot"]
            self.begin()
        if type(body.get("seq")) is int:
            self.seq = max(self.seq, body["seq"])

    def _decide(self, line: int, state: State, body: dict[str, Any]) -> None:
        _check(line > 0)
        before = self.states[line]
        if before in _DECIDED or (before == State.UNKNOWN and state is State.UNSENT):
            return  # decided for good; and what may have been sent stays so
        self.states[line] = state
        reason = body.get("reason")
        if state is State.REFUSED and isinstance(reason, str):
            self.reasons[reason] += 1

    def begin(self) -> None:
        """Another process begins: what was unsent may leave again, nothing is promised yet."""
        self.reserved = self.mark = 0
        self.states = self.states.replace(bytes((State.UNSENT,)), bytes((State.OPEN,)))

    def maybe_sent(self, boot: str | None) -> Iterator[int]:
        """The undecided targets that may have left; `boot` is the uptime of the machine now."""
        same = boot is not None and boot == self.boot
        bound = min(self.mark, self.reserved) if same else self.reserved
        line = self.states.find(State.OPEN, 1, bound + 1)
        while line >= 0:
            yield line
            line = self.states.find(State.OPEN, line + 1, bound + 1)

    def count(self, state: State) -> int:
        """How many targets are in a state."""
        return self.states.count(state, 1)


def _number(value: Any, most: int) -> int:
    _check(type(value) is int and 0 <= value <= most)
    return int(value)


def _check(is_so: bool) -> None:
    if not is_so:
        raise ValueError("not what this program writes")
