"""The app under test as a command: started for each push, its exit code is what it did.

Nothing that a sender chooses stands in its arguments or variables, a UUID apart: the payload comes
on stdin. Its process group is its own and ends with it, whatever is left in there.
"""

import asyncio
import json
import os
import shlex
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pushkit_cli.emulator.moves import CallApp
from pushkit_cli.engine import host, ready
from pushkit_cli.engine.app_answer import KEPT_BYTES
from pushkit_cli.engine.outside import Note, Outcome
from pushkit_cli.engine.variables import variables
from pushkit_cli.errors import ConfigError, UsageError

SEATS = 8
"""Hooks that run at once, of all apps together (ours)."""
_STDOUT, _STDERR = 1, 2
_CUT = 500
"""Characters of stderr that an event tells: the last, for there errors stand."""
_LAST_WORDS_S = 0.5
"""How long a process that left its group may keep the output of one that has ended."""


def command_of(text: str) -> tuple[str, ...]:
    """A command line as words, without a shell. Raises UsageError where it is none."""
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise UsageError(
            f"--on-push cannot be read: {str(error).lower()}", hint="close every quote"
        ) from error
    if not words:
        raise UsageError("--on-push names no command", hint="--on-push './on-push.sh'")
    return words


def check(command: tuple[str, ...], environment: Mapping[str, str]) -> None:
    """Raise ConfigError where a command is not there, or cannot be run."""
    if shutil.which(command[0], path=environment.get("PATH", os.defpath)) is not None:
        return
    if Path(command[0]).is_dir():
        raise ConfigError(f"--on-push: {command[0]} is a folder", hint="name a program in it")
    if Path(command[0]).exists() and "/" in command[0]:
        raise ConfigError(
            f"--on-push: {command[0]} is not executable",
            hint=f"chmod +x {shlex.quote(command[0])}",
        )
    raise ConfigError(
        f"--on-push: {command[0]} is not found",
        hint="write its path, and './' before a script in this folder; no shell is asked",
    )


class Hooks:
    """Runs the command. `facts` is the ready object, once there is one; `environment` the rest."""

    def __init__(
        self, command: tuple[str, ...], environment: Mapping[str, str], facts: Mapping[str, Any]
    ) -> None:
        self._command = command
        self._environment = environment
        self._facts = facts
        self._said: tuple[Any, Mapping[str, str]] = (None, {})
        self._lives: set[asyncio.Task[Outcome]] = set()

    async def handle(self, call: CallApp, note: Note) -> Outcome:
        """Run it once. Cancelled it is killed, with its group, and reaped before this returns."""
        over = asyncio.Event()
        life = asyncio.get_running_loop().create_task(self._live(call, over))
        self._lives.add(life)
        life.add_done_callback(self._lives.discard)
        try:
            return await asyncio.shield(life)
        except asyncio.CancelledError:
            over.set()
            outcome = await asyncio.shield(life)
            if outcome.detail is not None:
                note("killed", outcome.detail)
            raise

    async def close(self) -> None:
        """Wait for what is being killed."""
        if self._lives:
            await asyncio.wait(self._lives)

    async def _live(self, call: CallApp, over: asyncio.Event) -> Outcome:
        loop = asyncio.get_running_loop()
        began = loop.time()
        child = _Child(over)
        try:
            transport, _ = await loop.subprocess_exec(
                lambda: child,
                *self._command,
                env=self._variables(call),
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            why = (error.strerror if isinstance(error, OSError) else str(error)) or "it failed"
            detail = f"{self._command[0]} cannot be run: {why.lower()}"
            return Outcome(good=False, reason="cannot-run", detail=detail)
        try:
            _write(transport, json.dumps(call.payload).encode("ascii"))
            await over.wait()
            is_killed = not child.exited.is_set()
            host.kill_group(transport.get_pid())
            await child.exited.wait()
            took_ms = (loop.time() - began) * 1000
            with suppress(TimeoutError):  # then somebody else holds its output
                async with asyncio.timeout(_LAST_WORDS_S):
                    await child.silent.wait()
        finally:
            transport.close()
        return _outcome(transport.get_returncode(), child, is_killed=is_killed, took_ms=took_ms)

    def _variables(self, call: CallApp) -> dict[str, str]:
        must = "" if call.must_report is None else str(call.must_report).lower()
        return {
            **self._environment,
            **self._listener(),
            "PUSHKIT_PUSH_ID": call.push_id or "",
            "PUSHKIT_DEVICE": call.device,
            "PUSHKIT_APP": call.bundle_id,
            "PUSHKIT_TYPE": str(call.type),
            "PUSHKIT_APNS_ID": call.apns_id or "",
            "PUSHKIT_MUST_REPORT": must,
            "PUSHKIT_LOCK": call.lock.value,
        }

    def _listener(self) -> Mapping[str, str]:
        """What points at this listener; made again when it says something else of its devices."""
        devices = self._facts.get("devices")
        if devices is None:
            return {}
        if self._said[0] is not devices:
            kept = Path(self._facts["home"]) / ready.RUN_FILE
            self._said = (
                devices,
                {**variables(dict(self._facts)), "PUSHKIT_READY_FILE": str(kept)},
            )
        return self._said[1]


class _Child(asyncio.SubprocessProtocol):
    """One process as it is heard: `over` is set at its exit, `silent` when nothing more comes."""

    def __init__(self, over: asyncio.Event) -> None:
        self._over = over
        self.exited = asyncio.Event()
        self.silent = asyncio.Event()
        self.kept = {_STDOUT: bytearray(), _STDERR: bytearray()}
        self._open = {_STDOUT, _STDERR}

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Keep what there is room for."""
        kept = self.kept[fd]
        kept += data[: KEPT_BYTES - len(kept)]

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """One of the three ends."""
        del exc
        self._open.discard(fd)
        if not self._open:
            self.silent.set()

    def process_exited(self) -> None:
        """It was reaped."""
        self.exited.set()
        self._over.set()


def _write(transport: asyncio.SubprocessTransport, payload: bytes) -> None:
    stdin = transport.get_pipe_transport(0)
    assert isinstance(stdin, asyncio.WriteTransport)
    stdin.write(payload)  # one that reads nothing is none of our concern
    stdin.write_eof()


def _last_lines(text: str) -> str:
    """The end of a text, from the beginning of a line where there is one."""
    text = text.strip()
    if len(text) <= _CUT:
        return text
    head, newline, tail = text[-_CUT:].partition("\n")
    return tail if newline else f"…{head}"


def _outcome(code: int | None, child: _Child, *, is_killed: bool, took_ms: float) -> Outcome:
    stderr = _last_lines(bytes(child.kept[_STDERR]).decode("utf-8", "replace"))
    words = f"; stderr: {stderr}" if stderr else ""
    if is_killed:
        detail = f"killed after {took_ms:.0f} ms{words}"
        return Outcome(good=False, reason="killed", detail=detail)
    assert code is not None
    if code < 0:
        how = f"the hook died of {host.signal_name(-code)}"
        detail = f"{how} after {took_ms:.0f} ms{words}"
        return Outcome(good=False, crashed=how, reason="crashed", detail=detail)
    detail = f"exit {code} after {took_ms:.0f} ms{words}"
    if code:
        return Outcome(good=False, reason="failed", detail=detail)
    said = bytes(child.kept[_STDOUT])
    return Outcome(good=True, said=said, reason="said", detail=detail if stderr else None)
