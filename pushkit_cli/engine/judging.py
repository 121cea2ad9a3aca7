"""A run that is judged: the command inside, what is waited for, and the verdict at its end."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pushkit_cli.emulator.state import Device
from pushkit_cli.emulator.terms import Terms, read_terms
from pushkit_cli.emulator.verdict import Ending, Judge, Otherwise, Required, Verdict, remedy
from pushkit_cli.engine import host, inside
from pushkit_cli.engine.job import CannotRunError, Job
from pushkit_cli.engine.objects import Happened, stamp
from pushkit_cli.engine.stage import Stage

__all__ = [
    "ALONE_S", "Otherwise", "Required", "Session", "Trial", "Verdict", "read_terms", "remedy",
]  # fmt: skip

GRACE_S = 10.0
"""How long is waited for what is missing once the command has ended."""
ALONE_S = 30.0
"""How long is waited for what is expected where there is no command."""
SILENCE_S = 1.0
"""With nothing missing: one too many may yet come."""
END_S = 5.0
"""From asking a command to end until it is made to."""
_LOOK_S = 0.05
"""Apps fall idle without a word: how often one looks whether they have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a run is, and by what it is judged. `command` `None`: whoever wants to sends.

    `timeout_s` limits the command; without one it is how long is waited, `None`: until a signal
    comes. All times are in seconds.
    """

    terms: Terms
    command: tuple[str, ...] | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    ready_file: Path | None = None
    trust: bool = True
    grace_s: float = GRACE_S
    timeout_s: float | None = None
    silence_s: float = SILENCE_S
    end_s: float = END_S


class Session:
    """One run. `tell` and `beside` are given to the listener; `verdict` is there at the end.

    `trouble` says why a command could not be run.
    """

    def __init__(self, trial: Trial, tell: Callable[[Happened], None]) -> None:
        self.verdict: Verdict | None = None
        self.trouble: str | None = None
        self._trial = trial
        self._tell = tell
        self._judge = Judge(trial.terms)
        self._began = False
        self._seen = 0
        self._signal: host.Signal | None = None
        self._job: Job | None = None
        self._moved = asyncio.Event()

    def tell(self, happened: Happened) -> None:
        """One event, of those that come once the listener is ready."""
        self._tell(happened)
        if self._began:
            self._judge.see(happened.to_json())
            self._seen += 1
            self._moved.set()

    async def beside(self, stage: Stage, ready: dict[str, Any], over: asyncio.Event) -> None:
        """Be there while the listener listens."""
        self._began = True
        self._stage, self._over = stage, over
        watch = asyncio.ensure_future(self._watch_over())
        try:
            with host.heard_signals(asyncio.get_running_loop(), self._signalled):
                ending = await (
                    self._alone() if self._trial.command is None else self._inside(ready)
                )
        finally:
            watch.cancel()
        names = [device.name for device in stage.world.state.all_of(Device)]
        self.verdict = self._judge.verdict(ending, devices=names)

    def object(self, seq: int) -> dict[str, Any]:
        """The verdict as an object of the contract."""
        assert self.verdict is not None
        at_ms = int(self._stage.clock.now() * 1000)
        return stamp(self.verdict.to_json(), seq=seq, at_ms=at_ms)

    # Who sends is somebody else

    async def _alone(self) -> Ending:
        """Until there is enough, the time is up or a signal comes.

        What apps are busy with then is waited for; who is in a hurry sends a second signal.
        """
        judge = self._judge
        await self._settled(
            self._trial.timeout_s, lambda: judge.waits_for_more and judge.has_enough
        )
        self._signal = None
        is_idle = await self._until(lambda: not self._stage.world.is_busy, self._trial.grace_s)
        return Ending(busy_s=None if is_idle else self._trial.grace_s)

    # A command

    async def _inside(self, ready: dict[str, Any]) -> Ending:
        trial = self._trial
        assert trial.command is not None
        environment = inside.environment(
            trial.variables, ready, ready_file=trial.ready_file, trust=trial.trust
        )
        try:
            job = self._job = Job(trial.command, environment)
        except CannotRunError as error:
            self.trouble = str(error)
            return Ending(child_exit=error.code)
        try:
            with job.watched(asyncio.get_running_loop(), self._moved.set):
                try:
                    return await self._followed(job)
                finally:
                    await job.end(grace_s=trial.end_s)
        finally:
            self._job = None

    async def _followed(self, job: Job) -> Ending:
        in_time = await self._until(lambda: job.code is not None, self._trial.timeout_s)
        is_idle = True
        if job.code == 0 and not self._is_stopped:
            judge = self._judge  # with a broken rule nothing that is missing is worth a wait
            await self._settled(self._trial.grace_s, lambda: judge.has_enough or judge.is_broken)
            is_idle = self._is_stopped or not self._stage.world.is_busy
        if self._signal is not None:
            await job.end(self._signal, grace_s=self._trial.end_s)
            return Ending(child_exit=job.code, signalled=host.code_of(self._signal))
        return Ending(
            child_exit=job.code,
            timed_out=not in_time,
            busy_s=None if is_idle else self._trial.grace_s,
        )

    # Waiting

    @property
    def _is_stopped(self) -> bool:
        """Whether nothing is waited for any more."""
        return self._signal is not None or self._judge.is_exceeded or self._over.is_set()

    async def _settled(self, within_s: float | None, has_enough: Callable[[], bool]) -> None:
        """Until there is enough, no app is busy, and it is silent for a while; or the time is up.

        The silence may be longer than the time that is left, and begins again with each event
        until then.
        """
        clock = asyncio.get_running_loop().time
        end = None if within_s is None else clock() + within_s
        while await self._until(
            lambda: has_enough() and not self._stage.world.is_busy,
            None if end is None else end - clock(),
        ):
            if self._is_stopped or not await self._stirs():
                return
            if end is not None and clock() >= end:
                return

    async def _stirs(self) -> bool:
        """Whether something happens where silence is awaited."""
        seen = self._seen
        return await self._until(lambda: self._seen != seen, self._trial.silence_s)

    async def _until(self, look: Callable[[], bool], within_s: float | None) -> bool:
        """Wait until something holds or nothing is waited for; False when the time is up."""
        clock = asyncio.get_running_loop().time
        end = None if within_s is None else clock() + within_s
        while not look() and not self._is_stopped:
            pause = None if end is None else end - clock()
            if pause is not None and pause <= 0:
                return False
            if self._stage.world.is_busy:
                pause = _LOOK_S if pause is None else min(pause, _LOOK_S)
            self._moved.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._moved.wait()
        return True

    async def _watch_over(self) -> None:
        await self._over.wait()
        self._moved.set()

    def _signalled(self, number: host.Signal) -> None:
        """The first is passed on; whoever sends a second is in a hurry."""
        if self._signal is not None and self._job is not None:
            self._job.hurry = True
        self._signal = self._signal or number
        self._moved.set()
