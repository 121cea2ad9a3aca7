"""A listener inside a test: where it is, what arrived, its devices and its clock."""

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from pushkit_cli.emulator.fault_words import read_fault
from pushkit_cli.emulator.moves import ClearFaults, SetCondition, SetFaults, Subscribe
from pushkit_cli.emulator.selector import Filter, read_condition, read_expectation, read_what
from pushkit_cli.engine import inside
from pushkit_cli.engine.in_process import InProcess, in_process
from pushkit_cli.engine.listener import PLATFORMS, DeviceSpec, Options
from pushkit_cli.engine.waiting import wait_for

Event = dict[str, Any]
"""An event as the object that `pushkit listen --json` writes of it."""


def serving(
    *,
    apps: Sequence[str] = (),
    devices: Sequence[str] = (),
    seed: int | None = None,
    clock: str = "system",
) -> "AbstractContextManager[Apns]":
    """A listener of this process on free ports and in a temporary home, until the block ends.

    `apps` are bundle ids, `devices` NAME or NAME:PLATFORM; unnamed they are what `pushkit listen`
    has. Emulated tokens, ids and the chance of faults follow from `seed`. With `clock="manual"`
    time passes by `advance` alone. Raises ValueError for what cannot be.
    """
    if clock not in ("system", "manual"):
        raise ValueError(f"clock is {clock!r}; it may be 'system' or 'manual'")
    options = Options(
        home=None,
        apps=tuple(apps),
        devices=tuple(_device(text) for text in devices),
        port=0,
        production_port=0,
        seed=seed,
        is_clock_manual=clock == "manual",
    )
    return _serving(options)


@contextmanager
def _serving(options: Options) -> "Iterator[Apns]":
    with in_process(options) as listener:
        yield Apns(listener)


def _device(text: str) -> DeviceSpec:
    name, _, platform = text.partition(":")
    platform = platform or ("watchos" if name.startswith("watch") else "ios")
    if not name or platform not in PLATFORMS:
        raise ValueError(f"{text!r} is not NAME:PLATFORM; platforms are {', '.join(PLATFORMS)}")
    return DeviceSpec(name=name, platform=platform)


class Apns:
    """What the fixture `pushkit_apns` gives."""

    def __init__(self, listener: InProcess) -> None:
        self._listener = listener

    @property
    def ready(self) -> Event:
        """The ready object: endpoints, credentials, files, and devices with their tokens."""
        return self._listener.ready

    @property
    def endpoint(self) -> str:
        """Where the sandbox is, as `https://127.0.0.1:49152`."""
        return str(self.ready["endpoint"])

    @property
    def env(self) -> dict[str, str]:
        """The variables that point a server at this listener and make it trust it.

        For a child: `subprocess.run(..., env={**os.environ, **pushkit_apns.env})`.
        """
        return inside.told(os.environ, self.ready, ready_file=None, trust=True)

    @property
    def devices(self) -> list[Event]:
        """The devices of the ready object: name, platform, os, apps and tokens."""
        return list(self.ready["devices"])

    def token(self, push_type: str = "voip", *, device: str | None = None) -> str:
        """The sandbox token of the first device that has one of this type, or of one by its name.

        Raises LookupError where there is none.
        """
        for one in self.devices:
            if device in (None, one["name"]) and push_type in one["tokens"]:
                return str(one["tokens"][push_type])
        raise LookupError(f"{device or 'no device'} has no {push_type} token")

    def inbox(self, what: str | None = None, *, where: Sequence[str] = ()) -> list[Event]:
        """What happened so far, oldest first, as `pushkit inbox WHAT --where PATH=VALUE` says it.

        `what` `None`: everything. Raises UsageError for what nobody could ever see.
        """
        conditions = tuple(read_condition(text) for text in where)
        wanted = Filter(what=None if what is None else read_what(what), where=conditions)
        return [event for event in self._listener.events() if wanted.matches(event)]

    def wait(
        self, expected: str, *, where: Sequence[str] = (), timeout: float = 10.0
    ) -> list[Event]:
        """Wait until as many came, and return them: `voip=1`, `call-reported@iphone=2+`.

        It ends as soon as there are enough; where none is right as well (0, 0..3) it waits the
        whole time. Raises AssertionError for too many, at once, and for too few after `timeout`
        seconds; what came before counts.
        """
        what, count = read_expectation(expected)

        def look() -> list[Event] | None:
            found = self.inbox(what.text, where=where)
            if count.is_exceeded(len(found)):
                raise AssertionError(f"{len(found)} {what.text} came, and {count} were expected")
            return found if count.least > 0 and count.allows(len(found)) else None

        found = wait_for(look, timeout=timeout) or self.inbox(what.text, where=where)
        if not count.allows(len(found)):
            came = ", ".join(_said(event) for event in self._listener.events()[-10:])
            raise AssertionError(
                f"{len(found)} {what.text} came within {timeout:g} s, not {count}; "
                f"what came: {came or 'nothing'}"
            )
        return found

    def set_device(self, name: str, *words: str) -> None:
        """Put a device into a condition, in the words of `pushkit device set`: `"foreground"`.

        It holds for the next push. Raises ValueError for a device or a word that is none.
        """
        self._listener.on_stage(
            lambda stage: stage.change([SetCondition(device=name, words=words)])
        )

    def subscribe(self, device: str, channel: str) -> None:
        """Let a Live Activity on a device hear of a broadcast channel, by its id.

        Raises ValueError for a channel that is not there, and a device that cannot.
        """
        self._listener.on_stage(
            lambda stage: stage.change([Subscribe(device=device, channel_id=channel)])
        )

    def fault(self, *faults: str) -> None:
        """Misbehave on purpose, in the words of `listen --fault`: `"voip:stall@first1"`.

        It holds from the next push on, until `clear_faults`. Raises UsageError for what is no
        fault.
        """
        given = tuple(read_fault(text) for text in faults)
        self._listener.on_stage(lambda stage: stage.change([SetFaults(faults=given)]))

    def clear_faults(self) -> None:
        """Misbehave no more."""
        self._listener.on_stage(lambda stage: stage.change([ClearFaults()]))

    def advance(self, seconds: float) -> None:
        """Move a manual clock, through everything that is due on the way.

        Raises ValueError where the clock is the machine's.
        """
        self._listener.on_stage(lambda stage: stage.advance(seconds))

    @property
    def clock(self) -> float:
        """The emulator's time, in Unix seconds."""
        return self._listener.on_stage(lambda stage: stage.clock.now())


def _said(event: Event) -> str:
    return ":".join(str(event[name]) for name in ("event", "type", "reason") if event[name])
