"""A judged run on a real stage with real commands inside: the table of how it can end."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pushkit_cli.apns.push import PushType
from pushkit_cli.emulator.moves import AppNoted, Requested
from pushkit_cli.emulator.terms import read_terms
from pushkit_cli.emulator.verdict import By, Verdict
from pushkit_cli.engine.app_host import BadApp, Manner
from pushkit_cli.engine.judging import Session, Trial
from pushkit_cli.phone.events import DeviceEvent, Happening
from tests.engine.scene import PATIENCE_S, Scene, handling, opened, set_up
from tests.engine.test_variables import READY

_GO = 'read _ <"$GO"; '
"""A command first waits for what the test does meanwhile."""
_NEVER = 600.0


@dataclass
class Play:
    """One run; `act` is played while the command waits, which then goes on unless `go` is false."""

    scene: Scene
    folder: Path
    expects: Sequence[str] = ()
    requires: Sequence[str] = ()
    variables: dict[str, str] = field(default_factory=dict)

    def run(
        self,
        command: Sequence[str] | None,
        act: Callable[["Play"], None] = lambda _: None,
        *,
        go: bool = True,
        **times: float | None,
    ) -> Verdict:
        fifo = self.folder / "go"
        with suppress(FileExistsError):
            os.mkfifo(fifo)
        handle = os.open(fifo, os.O_RDWR)  # both ends: neither we nor the command wait for it
        trial = Trial(
            terms=read_terms(self.expects, self.requires),
            command=None if command is None else tuple(command),
            variables={**os.environ, "GO": str(fifo), "DIR": str(self.folder), **self.variables},
            trust=False,
            **{"grace_s": 0.05, "silence_s": 0.01, "end_s": PATIENCE_S, **times},  # type: ignore[arg-type]
        )
        try:
            return asyncio.run(self._run(trial, act, handle, go=go))
        finally:
            os.close(handle)

    async def _run(
        self, trial: Trial, act: Callable[["Play"], None], handle: int, *, go: bool
    ) -> Verdict:
        self.session = session = Session(trial, lambda _: None)
        self.scene.on_tell = lambda: session.tell(self.scene.told[-1])
        ready = {**READY, "home": str(self.folder)}
        self.over = asyncio.Event()
        run = asyncio.create_task(session.beside(self.scene.stage, ready, self.over))
        await asyncio.sleep(0)  # the command is started, and waits
        act(self)
        if go:
            os.write(handle, b"\n")
        async with asyncio.timeout(PATIENCE_S * 2):
            await run
        assert session.verdict is not None
        return session.verdict

    def push(self, times: int = 1) -> None:
        """Pushes that are accepted, and answered by a good app."""
        for _ in range(times):
            request = self.scene.push(PushType.voip)
            self.scene.stage.apply([Requested(connection=1, stream=1, request=request)])

    def kill_app(self) -> None:
        """The device says that it had to."""
        event = DeviceEvent(
            event=Happening.TERMINATED,
            push_id=None,
            device="iphone",
            app="com.example.app",
            type=PushType.voip,
        )
        self.scene.stage.apply([AppNoted(event=event)])


@pytest.fixture
def play(tmp_path: Path) -> Iterator[Play]:
    with opened(tmp_path / "stage") as scene:
        scene.stage.apply(set_up())
        yield Play(scene=scene, folder=tmp_path)


def shell(script: str) -> tuple[str, ...]:
    return ("sh", "-c", _GO + script)


# The table: how the command ends, and what is expected

COMMANDS: dict[str, tuple[str, ...]] = {
    "0": shell("exit 0"),
    "42": shell("exit 42"),
    "a signal": shell("kill -9 $$"),
    "not found": ("no-such-program-anywhere",),
    "not executable": ("/dev/null",),
    "a grandchild left behind": shell('sleep 600 & echo $! >"$DIR/left"; exit 0'),
    "still running": ("sleep", "600"),
}
WAYS: dict[str, tuple[tuple[str, ...], Callable[[Play], None]]] = {
    "met": (("voip=2",), lambda play: play.push(2)),
    "one too few": (("voip=2",), lambda play: play.push(1)),
    "one too many": (("voip=2",), lambda play: play.push(3)),
    "a rule broken": (("voip=0",), lambda play: play.kill_app()),
    "the rule expected": (("voip=0", "terminated=1"), lambda play: play.kill_app()),
}
CODES: dict[str, tuple[int, int, int, int, int]] = {
    # met, one too few, one too many (which ends the command), a rule broken, the rule expected
    "0": (0, 7, 7, 7, 0),
    "42": (42, 42, 7, 42, 42),
    "a signal": (137, 137, 7, 137, 137),
    "not found": (127, 127, 127, 127, 127),
    "not executable": (126, 126, 126, 126, 126),
    "a grandchild left behind": (0, 7, 7, 7, 0),
    "still running": (124, 124, 7, 124, 124),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("command", COMMANDS)
def test_how_a_command_ends_and_what_was_expected(play: Play, command: str, way: str) -> None:
    play.expects, act = WAYS[way]
    late = command == "still running"
    too_many = way == "one too many"
    found = play.run(
        COMMANDS[command],
        act,
        go=not too_many,
        timeout_s=0.05 if late and not too_many else _NEVER,
    )
    assert found.exit == CODES[command][list(WAYS).index(way)]
    ours = too_many and found.exit == 7
    ended_by_us = ours or late
    own = {124: None, 7: 0}.get(found.exit, found.exit)
    assert found.child_exit == (None if ended_by_us else own)
    left = play.folder / "left"
    if left.exists():
        with pytest.raises(ProcessLookupError):
            _still_runs(int(left.read_text()))


def _still_runs(pid: int) -> None:
    """Raise ProcessLookupError unless it does; what nobody has reaped does not run."""
    os.kill(pid, 0)
    with suppress(FileNotFoundError):
        status = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        if status in "ZX":
            raise ProcessLookupError


def test_every_cell_of_the_table_is_filled() -> None:
    assert set(CODES) == set(COMMANDS)
    assert all(len(codes) == len(WAYS) for codes in CODES.values())


# Ends of other kinds


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
def test_a_signal_reaches_the_whole_group(play: Play, number: int, code: int) -> None:
    """The command's own child hears it too, and says so; both are gone then."""
    script = (
        "import os, signal, subprocess, sys, time\n"
        "name = sys.argv[1]\n"
        "def heard(number, _):\n"
        "    open(os.path.join(os.environ['DIR'], name), 'w').write(str(number))\n"
        "    sys.exit(0)\n"
        f"signal.signal({int(number)}, heard)\n"
        "if name == 'parent':\n"
        "    child = subprocess.Popen([sys.executable, '-c', os.environ['SCRIPT'], 'child'])\n"
        "else:\n"
        "    os.kill(int(os.environ['TEST']), signal.SIGUSR1)\n"
        "child.wait() if name == 'parent' else time.sleep(600)\n"
    )
    play.variables = {"SCRIPT": script, "TEST": str(os.getpid())}
    before = signal.signal(signal.SIGUSR1, lambda *_: os.kill(os.getpid(), number))
    try:
        found = play.run((sys.executable, "-c", script, "parent"), go=False)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert (found.exit, found.by, found.child_exit) == (code, By.SIGNAL, 0)
    told = {name: (play.folder / name).read_text() for name in ("parent", "child")}
    assert told == {"parent": str(int(number)), "child": str(int(number))}


def test_who_does_not_end_is_made_to(play: Play) -> None:
    script = "trap '' TERM; echo $$ >\"$DIR/pid\"; exec sleep 600"
    found = play.run(("sh", "-c", script), go=False, timeout_s=0.1, end_s=0.1)
    assert (found.exit, found.by) == (124, By.TIMEOUT)
    with pytest.raises(ProcessLookupError):
        _still_runs(int((play.folder / "pid").read_text()))


def test_a_listener_that_has_to_end_takes_its_command_along(play: Play) -> None:
    script = 'echo $$ >"$DIR/pid"; exec sleep 600'
    found = play.run(("sh", "-c", script), lambda play: play.over.set(), go=False)
    assert (found.by, found.child_exit) == (None, None)
    pid = play.folder / "pid"
    if pid.exists():  # it may have been ended before it wrote that
        with pytest.raises(ProcessLookupError):
            _still_runs(int(pid.read_text()))


def test_a_second_signal_is_in_a_hurry(play: Play) -> None:
    script = 'trap "" TERM; kill -TERM "$TEST"; kill -TERM "$TEST"; sleep 1; kill -TERM "$TEST"'
    play.variables = {"TEST": str(os.getpid())}
    found = play.run(("sh", "-c", f"{script}; sleep 600"), go=False, end_s=_NEVER)
    assert (found.exit, found.by) == (143, By.SIGNAL)


def test_what_is_missing_may_come_within_the_grace(play: Play) -> None:
    play.expects = ("voip=1",)

    def later(play: Play) -> None:
        asyncio.get_running_loop().call_later(0.05, play.push)

    assert play.run(shell("exit 0"), later, grace_s=PATIENCE_S).exit == 0


def test_one_too_many_may_come_in_the_silence(play: Play) -> None:
    play.expects = ("voip=1",)

    def later(play: Play) -> None:
        play.push()
        asyncio.get_running_loop().call_later(0.05, play.push)

    assert play.run(shell("exit 0"), later, silence_s=PATIENCE_S).exit == 7


def test_an_app_that_is_busy_is_waited_for(play: Play) -> None:
    """No expectation is open, and yet the verdict is not there before the app has been killed."""
    stage = play.scene.stage
    stage.app = BadApp(stage.feed, stage.clock, Manner.SLOW, delay_s=0.05)
    reported = play.run(shell("exit 0"), Play.push, grace_s=PATIENCE_S)
    assert play.scene.names()[-1] == "call-reported"
    stage.app = BadApp(stage.feed, stage.clock, Manner.NEVER_REPORTS)
    killed = play.run(shell("exit 0"), Play.push, grace_s=PATIENCE_S)
    assert (reported.exit, killed.exit, killed.by) == (0, 7, By.DEVICE_RULE)


def test_an_app_that_stays_busy_is_named_in_the_verdict(play: Play) -> None:
    play.scene.stage.app = BadApp(play.scene.stage.feed, play.scene.stage.clock, Manner.HANGS)
    assert play.run(shell("exit 0"), Play.push, grace_s=0.05).busy_s == 0.05
    assert play.run(None, timeout_s=0.01, grace_s=0.02).busy_s == 0.02


def test_an_app_that_returned_is_not(play: Play) -> None:
    assert play.run(shell("exit 0"), Play.push).busy_s is None
    assert play.run(None, Play.push, timeout_s=0.01).busy_s is None


@pytest.mark.parametrize(
    ("expects", "is_waited_for"),
    [(("call-reported=1",), False), (("call-reported=1", "terminated=0..1"), True)],
)
def test_once_a_rule_is_broken_for_good_nothing_that_is_missing_is_waited_for(
    play: Play, expects: tuple[str, ...], is_waited_for: bool
) -> None:
    play.expects = expects

    def act(play: Play) -> None:
        play.kill_app()
        asyncio.get_running_loop().call_later(0.05, play.push)

    found = play.run(shell("exit 0"), act, grace_s=PATIENCE_S)
    assert found.expectations[0].met is is_waited_for
    assert found.exit == (0 if is_waited_for else 7)


def test_what_came_before_does_not_count(play: Play) -> None:
    async def before() -> None:
        play.push(3)
        play.kill_app()
        play.scene.stage.apply([AppNoted(event=handling_event())])

    asyncio.run(before())
    assert len(play.scene.names()) > 4
    play.expects = ("voip=0", "warning=0")
    assert play.run(shell("exit 0")).exit == 0


def handling_event() -> DeviceEvent:
    one = handling(None)
    return DeviceEvent(
        event=Happening.WARNING,
        push_id=one.push_id,
        device=one.device,
        app=one.bundle_id,
        type=one.type,
    )


# Without a command


@pytest.mark.parametrize(
    ("expects", "pushes", "code"),
    [(("voip=1",), 1, 0), (("voip=2",), 1, 7), (("voip=0",), 1, 7), (("voip=0..1",), 1, 0)],
)
def test_without_a_command_the_time_limits_the_wait(
    play: Play, expects: tuple[str, ...], pushes: int, code: int
) -> None:
    play.expects = expects
    found = play.run(None, lambda play: play.push(pushes), timeout_s=0.1)
    assert (found.exit, found.child_exit) == (code, None)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("pushes", "code"), [(1, 0), (0, 7)])
def test_without_a_command_a_signal_asks_for_the_verdict(
    play: Play, number: int, pushes: int, code: int
) -> None:
    play.expects = ("voip=1", "refused=0")

    def act(play: Play) -> None:
        play.push(pushes)
        os.kill(os.getpid(), number)

    assert play.run(None, act, timeout_s=None).exit == code


def test_a_signal_waits_for_an_app_that_is_busy_and_a_second_one_does_not(play: Play) -> None:
    play.expects = ("call-reported=1",)
    stage = play.scene.stage

    def act(play: Play) -> None:
        play.push()
        os.kill(os.getpid(), signal.SIGINT)

    def act_in_a_hurry(play: Play) -> None:
        act(play)
        loop = asyncio.get_running_loop()
        loop.call_later(0.02, os.kill, os.getpid(), signal.SIGINT)

    stage.app = BadApp(stage.feed, stage.clock, Manner.SLOW, delay_s=0.05)
    assert play.run(None, act, timeout_s=None, grace_s=PATIENCE_S).exit == 0
    stage.app = BadApp(stage.feed, stage.clock, Manner.HANGS)
    assert play.run(None, act_in_a_hurry, timeout_s=None, grace_s=_NEVER).exit == 7


def test_enough_ends_a_wait_without_a_command(play: Play) -> None:
    play.expects = ("voip=1", "call-reported=1")
    found = play.run(None, Play.push, timeout_s=_NEVER)
    assert (found.exit, found.by) == (0, None)


# What the command is told


def test_the_command_is_told_where_and_keeps_no_secret(play: Play) -> None:
    outer = {
        "PUSHKIT_KEY": "canary-1",
        "PUSHKIT_KEY_FILE": "/canary-2",
        "PUSHKIT_HOME": "/canary-3",
        "SSLKEYLOGFILE": "/canary-4",
        "PUSHKIT_LISTEN_KEY": "/canary-7",
        "PUSHKIT_SEND_ENV": "canary-5",
        "PUSHKIT_TOKEN_OLD": "canary-6",
        "OTHER": "stays",
    }
    play.variables = outer
    program = "import json, os; json.dump(dict(os.environ), open(os.environ['DIR'] + '/env', 'w'))"
    assert play.run((sys.executable, "-c", program), go=False).exit == 0
    text = (play.folder / "env").read_text()
    said: dict[str, Any] = json.loads(text)
    assert "canary" not in text
    assert said["OTHER"] == "stays"
    assert said["PUSHKIT_KEY_FILE"] == READY["key_file"]
    assert said["PUSHKIT_HOME"] == str(play.folder)
    assert said["PUSHKIT_READY_FILE"] == str(play.folder / "run/listen.json")
    assert said["PUSHKIT_TOKEN_VOIP"] == "aa"
    assert {"SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"}.isdisjoint(set(said) - set(os.environ))
