"""A bulk run without a network: it keeps the rules of writing ahead, and knows what was sent."""

import json
from dataclasses import dataclass, field
from random import Random

from pushkit_cli.store.ledger import Header, mark_line, reserve_line, resume_line

AT = "2026-11-29T12:00:00.000Z"
FINALS = ("accepted", "refused", "unknown", "unsent")


def header(lines: int | None = 40, *, boot: str | None = "up-1", **changed: object) -> Header:
    said = {
        "run": "6c1f4c1e-0d70-4c58-9a53-0f6a6f4b2f10",
        "at": AT,
        "input_size": 4_000,
        "input_sha256": "ab" * 32,
        "lines": lines,
        "targets": lines,
        "payload_sha256": "cd" * 32,
        "options": {"type": "voip"},
        "boot": boot,
    } | changed
    return Header(**said)  # type: ignore[arg-type]


def record(line: int, outcome: str, reason: str | None = None) -> bytes:
    body = {"v": 1, "event": "reply", "seq": line, "line": line, "outcome": outcome}
    return json.dumps(body | {"reason": reason}).encode() + b"\n"


@dataclass
class Truth:
    """What is so once this many bytes were written: of them `synced` outlive the machine."""

    written: int
    synced: int
    sent: frozenset[int]
    final: dict[int, str]


@dataclass
class Run:
    """One process after another writes; after each step the truth is noted."""

    lines: int
    random: Random
    text: bytearray = field(default_factory=bytearray)
    truths: list[Truth] = field(default_factory=list)
    sent: set[int] = field(default_factory=set)
    final: dict[int, str] = field(default_factory=dict)
    synced: int = 0

    def write(self, line: bytes) -> None:
        self.text += line
        self.note()

    def sync(self) -> None:
        self.synced = len(self.text)
        self.note()

    def note(self) -> None:
        self.truths.append(
            Truth(len(self.text), self.synced, frozenset(self.sent), dict(self.final))
        )

    def process(self, *, ends: bool = True) -> None:
        """Send what is open, in order; answers come in any order, some never."""
        flying: list[int] = []
        reserved = mark = 0
        for line in range(1, self.lines + 1):
            if self.final.get(line) in ("accepted", "refused", "held", "unknown"):
                continue
            if self.random.random() < 0.1:
                self.decide(line, "held")
                continue
            if line > reserved:
                reserved = min(self.lines, line + self.random.randint(0, 12))
                self.write(reserve_line(reserved, seq=0, at=AT))
                self.sync()
            if line > mark:
                mark = min(reserved, line + self.random.randint(0, 3))
                self.write(mark_line(mark, seq=0, at=AT))
            self.final.pop(line, None)
            self.sent.add(line)
            flying.append(line)
            self.note()
            while flying and self.random.random() < 0.5:
                self.answer(flying)
        while ends and flying:
            self.answer(flying)

    def answer(self, flying: list[int]) -> None:
        line = flying.pop(self.random.randrange(len(flying)))
        self.decide(line, self.random.choice(FINALS))

    def decide(self, line: int, outcome: str) -> None:
        if outcome == "unsent":  # a GOAWAY proved it
            self.sent.discard(line)
        self.final[line] = outcome
        self.text += record(line, outcome, "BadDeviceToken" if outcome == "refused" else None)
        self.note()

    def another(self, boot: str | None) -> None:
        """The process ends, and the next one goes on by the rules of a resume."""
        for line in sorted(self.sent - set(self.final)):
            self.decide(line, "unknown")
        self.write(resume_line(boot, seq=0, at=AT))
        self.sync()
        self.final = {line: word for line, word in self.final.items() if word != "unsent"}
