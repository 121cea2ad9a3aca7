"""One serial queue an app, as its delegate has: what hangs delays that app's next push alone."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress

from pushkit_cli.emulator.moves import CallApp
from pushkit_cli.engine.app_host import AppKey, key_of

Handle = Callable[[CallApp], Awaitable[None]]
"""Handles one push to its end; cancelled where it must stop, and then leaves nothing behind."""


class AppQueues:
    """Every app's queue. How long one grows is the world's business."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._waiting: dict[AppKey, deque[CallApp]] = {}
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._workers: dict[AppKey, asyncio.Task[None]] = {}

    def put(self, call: CallApp) -> None:
        """Handle a push once those before it are done."""
        key = key_of(call)
        self._waiting.setdefault(key, deque()).append(call)
        if key not in self._workers:
            self._workers[key] = asyncio.get_running_loop().create_task(self._work(key))

    def drop(self, handling: str) -> None:
        """Stop handling a push, or forget it where it still waits."""
        task = self._busy.get(handling)
        if task is not None:
            task.cancel()
            return
        for line in self._waiting.values():
            for call in line:
                if call.handling == handling:
                    line.remove(call)
                    return

    async def stop(self) -> None:
        """Forget what waits, stop what runs, and wait until it has stopped."""
        for line in self._waiting.values():
            line.clear()
        for task in list(self._busy.values()):
            task.cancel()
        workers = list(self._workers.values())
        if workers:
            await asyncio.wait(workers)

    async def _work(self, key: AppKey) -> None:
        line = self._waiting[key]
        while line:
            call = line.popleft()
            task = asyncio.ensure_future(self._handle(call))
            self._busy[call.handling] = task
            with suppress(asyncio.CancelledError):
                await task
            del self._busy[call.handling]
        del self._waiting[key]
        del self._workers[key]
