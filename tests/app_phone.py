"""A device in this process, as an app sees it: the worker's own, without the worker."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pushkit_cli.engine.worker import AppSystem, Message
from pushkit_cli.pushkit import PushType, running_on

TOKENS = {PushType.VOIP: b"\x01" * 32, PushType.COMPLICATION: b"\x02" * 80}


class Phone(AppSystem):
    """What the app said is in `said`; `answer` is what a report is answered with."""

    def __init__(
        self,
        *,
        platform: str = "ios",
        os: str = "26.4",
        tokens: Mapping[PushType, bytes] = TOKENS,
    ) -> None:
        super().__init__(self._note, self._ended, platform=platform, os=os, tokens=tokens)
        self.said: list[Message] = []
        self.crashes = 0
        self.answer: str | None = None

    def _note(self, message: Message) -> None:
        self.said.append(message)
        if "report" in message:
            self.hear({"answer": message["report"], "error": self.answer})

    def _ended(self) -> None:
        self.crashes += 1

    def run(self) -> "Phone":
        """Do what waits on the main queue."""
        while self.has_work:
            self.work()
        return self

    def push(
        self,
        kind: PushType = PushType.VOIP,
        payload: Any = None,
        *,
        must_report: bool | None = True,
        duty: bool = True,
    ) -> "Phone":
        """A push arrives, and what it brings about is done."""
        said = {"id": "h", "push": kind.raw_value, "payload": payload or {"callUUID": "c"}}
        self.hear({**said, "must_report": must_report, "duty": duty})
        return self.run()

    def named(self, name: str) -> list[Any]:
        """What the app said of one kind."""
        return [message[name] for message in self.said if name in message]


@contextmanager
def phone(**words: Any) -> Iterator[Phone]:
    """A device on which the code of this block runs."""
    made = Phone(**words)
    with running_on(made):
        yield made
