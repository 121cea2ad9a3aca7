"""The process of an app under test: runs a delegate written in Python, started by `app_process`.

It speaks JSON lines over one socket; stdin, stdout and stderr are the app's own.
"""

import importlib.util
import itertools
import json
import os
import queue
import socket
import sys
import threading
import traceback
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from pushkit_cli.engine import host
from pushkit_cli.phone.calls import EndedReason, IncomingCallError
from pushkit_cli.pushkit import PushPayload, PushType, Registration, Work, running_on

Message = dict[str, Any]
_SAID_CHARACTERS = 500


@dataclass(slots=True)
class _Push:
    """The push that the app is busy with, and how many of its registries have not done what."""

    id: str
    payload: PushPayload
    must_report: bool | None
    has_duty: bool
    returning: int = 0
    completing: int = 0


class AppSystem:
    """One device as its app sees it; the listener is at the other end of `send`.

    `crash` ends the app: whatever calls it does not go on.
    """

    def __init__(
        self,
        send: Callable[[Message], None],
        crash: Callable[[], None],
        *,
        platform: str,
        os: str,
        tokens: Mapping[PushType, bytes],
    ) -> None:
        self.platform = platform
        self.os = os
        self._send = send
        self._crash = crash
        self._tokens = dict(tokens)
        self._main: queue.SimpleQueue[Work] = queue.SimpleQueue()
        self._registrations: weakref.WeakSet[Registration] = weakref.WeakSet()
        self._numbers = itertools.count(1)
        self._answers: dict[int, queue.SimpleQueue[str | None]] = {}
        self._waiting: _Push | None = None
        self._is_launched = False
        self._lock = threading.RLock()
        """For what the app's threads and the listener's messages both change."""

    # What the app does: System

    def run_on_main(self, work: Work) -> None:
        """Put work on the main queue."""
        self._main.put(work)

    def attach(self, registration: Registration) -> None:
        """There is a registry."""
        with self._lock:
            self._registrations.add(registration)

    def desire(self, registration: Registration, before: frozenset[PushType]) -> None:
        """Registration: the listener learns the types, the delegate its tokens."""
        with self._lock:
            desired = {kind for one in self._registrations for kind in one.desired}
            self._send({"desires": sorted(kind.raw_value for kind in desired)})
            tokens = dict(self._tokens)
        if registration.desired and (registration.delegate is None or not registration.delegate()):
            self._send({"undelegated": sorted(kind.raw_value for kind in registration.desired)})
        for kind in sorted(registration.desired - before, key=lambda one: one.raw_value):
            if kind in tokens:
                registration.updated(kind, tokens[kind])
            else:
                registration.invalidated(kind)
        self._deliver()

    def report_call(self, call_id: str, handle: str | None) -> IncomingCallError | None:
        """Ask the listener; this thread waits for what it says."""
        answer: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        number = next(self._numbers)
        self._answers[number] = answer
        self._send({"report": number, "call_id": call_id, "handle": handle})
        word = answer.get()
        return None if word is None else IncomingCallError(word)

    def end_call(self, call_id: str, reason: EndedReason) -> None:
        """A call is over."""
        self._send({"ended": call_id, "reason": reason.value})

    def push_payload(self, payload: Mapping[str, Any]) -> None:
        """An encrypted message turned out to be a call."""
        self._send({"payload": dict(payload)})

    def failed(self, error: BaseException) -> None:
        """The app crashes: its trace goes where its output goes, its last line to the listener."""
        traceback.print_exception(error)
        last = traceback.format_exception_only(error)[-1].strip()
        self._send({"crashed": last[:_SAID_CHARACTERS]})
        self._crash()

    # What the listener says

    def hear(self, message: Message) -> None:
        """Do what the listener says."""
        match message:
            case {"answer": number, "error": word}:
                self._answers.pop(number).put(word)
            case {"id": handling, "push": raw, "payload": body}:
                dictionary = body if isinstance(body, dict) else {}
                payload = PushPayload(dictionary_payload=dictionary, type=PushType(raw_value=raw))
                self._waiting = _Push(handling, payload, message["must_report"], message["duty"])
                self._deliver()
            case {"token": text, "type": raw}:
                self._token(PushType(raw_value=raw), text)

    def _token(self, kind: PushType, text: str | None) -> None:
        with self._lock:
            if text is None:
                self._tokens.pop(kind, None)
            else:
                self._tokens[kind] = bytes.fromhex(text)
            told = [one for one in self._registrations if kind in one.desired]
        for one in told:
            if text is None:
                one.invalidated(kind)
            else:
                one.updated(kind, bytes.fromhex(text))

    def _deliver(self) -> None:
        """Hand the push to every registry that takes it; what nobody takes, waits.

        A push without a duty does not wait for ever: nothing would end an app that hangs on it.
        """
        with self._lock:
            push = self._waiting
            if push is None:
                return
            kind = push.payload.type
            takers = [one for one in self._registrations if one.takes(kind, push.must_report)]
            push.returning = push.completing = len(takers)
            if not takers and (push.has_duty or not self._is_launched):
                return
            self._waiting = None
        for one in takers:
            self._hand(push, one)
        if not takers:
            self._send({"id": push.id, "returned": False, "completed": True})

    def _hand(self, push: _Push, to: Registration) -> None:
        called: list[None] = []

        def completion() -> None:
            with self._lock:
                if not called:
                    called.append(None)
                    push.completing -= 1
                    if push.completing == 0 and push.returning == 0:
                        self._send({"id": push.id, "completed": True})

        def returned() -> None:
            with self._lock:
                push.returning -= 1
                if push.returning == 0:
                    completed = push.completing == 0
                    self._send({"id": push.id, "returned": True, "completed": completed})

        to.receive(
            push.payload, must_report=push.must_report, completion=completion, returned=returned
        )

    # The process

    def launch(self, make: Callable[[], object]) -> NoReturn:
        """Make the app, then do what comes on the main queue, until the process ends."""
        try:
            self._app = make()  # kept: a registry holds its delegate weakly
        except BaseException as error:
            self.failed(error)
            raise
        self.launched()
        while True:
            self.work()

    def launched(self) -> None:
        """The app is made: from now on a push without a duty does not wait for a registry."""
        self._is_launched = True
        self._deliver()

    def work(self) -> None:
        """Do what comes next on the main queue."""
        self._main.get()()

    @property
    def has_work(self) -> bool:
        """Whether something waits on the main queue."""
        return not self._main.empty()


def load(file: Path, name: str) -> Callable[[], object]:
    """A class in a file, whose folder is where it finds what it imports."""
    sys.path.insert(0, str(file.parent))
    spec = importlib.util.spec_from_file_location("pushkit_app", file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file.name} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    found = getattr(module, name, None)
    if not isinstance(found, type):
        raise ImportError(f"{file.name} has no class called {name}")
    return found


def main() -> None:
    """Be what the first line says: an app, or a look whether it can be imported."""
    link = socket.socket(fileno=int(sys.argv[1]))
    link.set_inheritable(False)
    lock = threading.Lock()

    def send(message: Message) -> None:
        with lock:
            link.sendall(json.dumps(message).encode("ascii") + b"\n")

    lines = link.makefile("rb")
    first = json.loads(lines.readline())
    tokens = {PushType(raw_value=raw): bytes.fromhex(text) for raw, text in first["tokens"].items()}
    system = AppSystem(
        send, lambda: os._exit(1), platform=first["platform"], os=first["os"], tokens=tokens
    )
    others: queue.SimpleQueue[Message] = queue.SimpleQueue()

    def listen() -> None:
        with suppress(OSError):  # a reset is an end as well
            for line in lines:
                message = json.loads(line)
                if "answer" in message:  # a delegate may wait for it where the rest is heard
                    system.hear(message)
                else:
                    others.put(message)
        host.kill_group(os.getpid())  # the listener is gone, and so is its phone

    def act() -> None:
        while True:
            system.hear(others.get())

    def make() -> object:
        found = load(Path(first["file"]), first["name"])
        if first["look"]:
            send({"looked": True})
            os._exit(0)
        return found()

    for body in (listen, act):
        threading.Thread(target=body, daemon=True).start()
    with running_on(system):
        system.launch(make)


if __name__ == "__main__":
    main()
