"""One process of an app under test, from its start to its death."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from pushkit_cli.engine import host
from pushkit_cli.engine.child_env import child_environment

OUTPUT_BYTES = 65_536
"""Of what an app writes on stdout and stderr while it handles one push, so much is kept (ours)."""
_LINE_BYTES = 1_048_576
_READ_BYTES = 65_536
_READS = 64
"""Reads at a time: whoever floods the pipe must not hold up the listener."""
# No module beside the caller is taken for one of ours; what is printed comes at once.
_PYTHON = (sys.executable, "-P", "-u", "-m", "pushkit_cli.engine.worker")
_PRINTS = {"PYTHONIOENCODING": "utf-8:backslashreplace"}
"""No text of a payload makes a print fail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppSpec:
    """A class in a Python file."""

    file: Path
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What an app is launched on; tokens in hexadecimal by raw values of PKPushType."""

    platform: str
    os: str
    tokens: dict[str, str] = field(default_factory=dict)


class AppProcess:
    """A running app: messages to and from it, and what it writes."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        output: int,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._output = output
        self._kept = bytearray()
        self._left_out = 0
        self._said: str | None = None
        self._is_over = False
        asyncio.get_running_loop().add_reader(output, self._read)

    @classmethod
    async def start(cls) -> Self:
        """Start one, that waits to be told what to run. Raises OSError."""
        ours, theirs = socket.socketpair()
        output, written = os.pipe()
        os.set_blocking(output, False)
        try:
            reader, writer = await asyncio.open_connection(sock=ours, limit=_LINE_BYTES)
            try:
                process = await asyncio.create_subprocess_exec(
                    *_PYTHON,
                    str(theirs.fileno()),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=written,
                    stderr=written,
                    env={**child_environment(os.environ), **_PRINTS},
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,
                )
            except BaseException:
                writer.transport.abort()
                raise
        except BaseException:
            os.close(output)
            raise
        finally:
            theirs.close()
            os.close(written)
        return cls(process, reader, writer, output)

    def run(self, spec: AppSpec, launch: Launch, *, look: bool = False) -> None:
        """Run an app; with `look` only its file is imported, to see whether it can be."""
        self.send(
            {
                "file": str(spec.file.absolute()),
                "name": spec.name,
                "platform": launch.platform,
                "os": launch.os,
                "tokens": launch.tokens,
                "look": look,
            }
        )

    def send(self, message: dict[str, Any]) -> None:
        """Say something to it, where it still listens."""
        self._writer.write(json.dumps(message).encode("ascii") + b"\n")

    async def messages(self) -> AsyncIterator[dict[str, Any]]:
        """What it says, until it is gone; of a crash, what it said last is kept for `how`."""
        with suppress(OSError, ValueError):  # a line too long, or none of ours: it talks nonsense
            while line := await self._reader.readline():
                message = json.loads(line)
                self._said = message.get("crashed", self._said)
                yield message

    def kill(self) -> None:
        """End it and all it started, now."""
        host.kill_group(self._process.pid)
        self._writer.transport.abort()

    async def end(self) -> str:
        """End it where it still runs and wait until it has; how it ended."""
        own = self._process.returncode
        if self._said is None and own is None:
            with suppress(TimeoutError):  # its socket is closed, so it is about to die by itself
                async with asyncio.timeout(1):
                    own = await self._process.wait()
        self.kill()
        await self._process.wait()
        self._read()
        asyncio.get_running_loop().remove_reader(self._output)
        os.close(self._output)
        self._is_over = True
        return self._said or _how(own)

    def take_output(self) -> str:
        """What it has written since this was asked last."""
        self._read()
        text = self._kept.decode("utf-8", "backslashreplace")
        if self._left_out:
            text += f"… ({self._left_out} more bytes)"
        self._kept.clear()
        self._left_out = 0
        return text

    def _read(self) -> None:
        if self._is_over:
            return
        with suppress(BlockingIOError):
            for _ in range(_READS):
                data = os.read(self._output, _READ_BYTES)
                if not data:
                    asyncio.get_running_loop().remove_reader(self._output)
                    return
                room = OUTPUT_BYTES - len(self._kept)
                self._kept += data[:room]
                self._left_out += max(0, len(data) - room)


def _how(code: int | None) -> str:
    """How a process ended, in a few words."""
    if code is None:
        return "it closed its connection to the device"
    return f"it ended with exit code {code}" if code >= 0 else f"signal {-code}"
