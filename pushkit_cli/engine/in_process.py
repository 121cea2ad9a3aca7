"""A listener in a thread of this process, which any other thread can look at and order about."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from pushkit_cli.engine.listener import Options, running
from pushkit_cli.engine.objects import Happened
from pushkit_cli.engine.stage import Stage

_T = TypeVar("_T")


class InProcess:
    """A running listener; `ready` is the object of the contract."""

    def __init__(self) -> None:
        self.ready: dict[str, Any] = {}
        self._happened: list[Happened] = []
        self._stage: Stage | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._there = threading.Event()

    def events(self) -> list[dict[str, Any]]:
        """Everything that happened, oldest first."""
        return [one.to_json() for one in list(self._happened)]

    def on_stage(self, act: Callable[[Stage], _T]) -> _T:
        """Do something in the listener's loop; what it returns or raises comes back."""
        stage, loop = self._stage, self._loop
        assert stage is not None
        assert loop is not None

        async def acted() -> _T:
            return act(stage)

        return asyncio.run_coroutine_threadsafe(acted(), loop).result()

    def tell(self, happened: Happened) -> None:
        """One event."""
        self._happened.append(happened)

    async def beside(self, stage: Stage, ready: dict[str, Any], over: asyncio.Event) -> None:
        """Be there while the listener listens."""
        del ready
        self._stage, self._loop = stage, asyncio.get_running_loop()
        self._there.set()
        await over.wait()

    def wait(self) -> None:
        """Until it can be ordered about."""
        self._there.wait()


@contextmanager
def in_process(options: Options) -> Iterator[InProcess]:
    """A listener until the end of the block. Raises ConfigError where it cannot start."""
    listener = InProcess()
    with running(options, listener.tell, beside=listener.beside) as up:
        listener.ready = up.ready
        listener.wait()
        yield listener
