"""The turn: what must be kept is committed, then it is answered, then it is told."""

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pushkit_cli.apns.acts import Respond
from pushkit_cli.apns.push import PushType
from pushkit_cli.emulator.moves import Input, Register, SetCondition
from pushkit_cli.emulator.state import App, Handling
from pushkit_cli.errors import StoreError
from tests.engine.scene import (
    DOOR,
    RUNNING,
    Scene,
    full_disk,
    handling,
    journal,
    keep,
    opened,
    set_up,
)
from tests.law import TEAM

CALL = ["push", "launched", "delivered"]


@pytest.fixture
def scene(home: Path) -> Iterator[Scene]:
    with opened(home) as made:
        made.stage.apply(set_up())
        made.log.clear()
        yield made


def play(scene: Scene, act: Callable[[Scene], None], until: Callable[[Scene], bool]) -> None:
    """Do something inside an event loop and wait for what comes of it."""

    async def body() -> None:
        act(scene)
        await scene.until(until)

    asyncio.run(body())


def _change(scene: Scene, order: Input) -> None:
    scene.stage.change([order])


def _ask(scene: Scene, *streams: int) -> None:
    for stream in streams:
        scene.stage.requested(1, stream, scene.push())


# Order


def test_a_push_is_kept_then_answered_then_told(scene: Scene) -> None:
    seen: list[list[str]] = []
    scene.on_act = lambda: seen.append([one["event"] for one in journal(scene.home.path)])
    play(scene, lambda it: _ask(it, 1), lambda it: len(it.told) == 4)
    assert seen == [CALL]
    assert scene.log == ["act", "flush", *CALL, "flush", "call-reported"]
    assert scene.statuses() == [200]
    assert [event["event"] for event in journal(scene.home.path)] == [*CALL, "call-reported"]


def test_what_was_read_together_is_one_turn(scene: Scene) -> None:
    seen: list[int] = []
    scene.on_act = lambda: seen.append(len(journal(scene.home.path)))
    play(scene, lambda it: _ask(it, 1, 3, 5), lambda it: len(it.told) == 10)
    assert seen == [7, 7, 7]  # a push launches the app, and two find it running
    assert scene.log[:4] == ["act", "act", "act", "flush"]
    assert [act.stream for _, act in scene.acts if isinstance(act, Respond)] == [1, 3, 5]
    assert scene.log.count("flush") == 2


def test_the_answer_does_not_wait_for_the_app(scene: Scene) -> None:
    busy: list[int] = []
    scene.on_act = lambda: busy.append(len(list(scene.stage.world.state.all_of(Handling))))
    play(scene, lambda it: _ask(it, 1), lambda it: "call-reported" in it.log)
    assert busy == [1]
    assert list(scene.stage.world.state.all_of(Handling)) == []


def test_a_refusal_is_kept_and_told_as_well(scene: Scene) -> None:
    def ask(it: Scene) -> None:
        asked = it.push()
        it.stage.requested(1, 1, type(asked)(headers=asked.headers[:-4], body=b"", body_size=0))

    play(scene, ask, lambda it: bool(it.told))
    (event,) = journal(scene.home.path)
    assert (scene.statuses(), event["event"]) == ([event["status"]], "push")
    assert event["status"] >= 400


def test_nobody_is_answered_who_has_gone(scene: Scene) -> None:
    def ask(it: Scene) -> None:
        it.stage.disconnected(1)
        it.stage.requested(1, 1, it.push())
        it.stage.connected(2, DOOR)
        it.stage.requested(2, 1, it.push())

    play(scene, ask, lambda it: bool(it.acts))
    assert [connection for connection, _ in scene.acts] == [2]


# A turn that cannot be kept


@pytest.fixture(params=["closed", "full"])
def broken(request: pytest.FixtureRequest, scene: Scene) -> Iterator[None]:
    """A database that takes nothing any more."""
    if request.param == "closed":
        scene.database.close()
        yield
    else:
        with full_disk(scene.home.path):
            yield


def test_what_could_not_be_kept_is_neither_answered_nor_told(scene: Scene, broken: None) -> None:
    play(scene, lambda it: _ask(it, 1, 3), lambda it: it.failed > 0)
    assert isinstance(scene.stage.failure, StoreError)
    assert scene.stage.failure.hint
    assert scene.log == []
    assert journal(scene.home.path) == []


def test_after_a_turn_that_could_not_be_kept_no_other_is_taken(scene: Scene) -> None:
    async def body() -> None:
        with full_disk(scene.home.path):
            _ask(scene, 1)
            await scene.until(lambda it: it.failed > 0)
        _ask(scene, 3)  # there is room again, and the world knows what the disk does not
        scene.stage.disconnected(1)
        for _ in range(5):
            await asyncio.sleep(0)

    asyncio.run(body())
    assert scene.log == []
    assert scene.failed == 1
    assert journal(scene.home.path) == []


def test_outside_of_the_loop_the_caller_hears_of_it(scene: Scene, broken: None) -> None:
    with pytest.raises(StoreError):
        scene.stage.apply(
            Register(record=App(bundle_id="x" * size, team_id=TEAM)) for size in range(1, 200)
        )
    assert scene.log == []


def test_an_audience_that_fails_fails_the_stage_after_the_answer(scene: Scene) -> None:
    def gone() -> None:
        raise BrokenPipeError

    scene.on_tell = gone
    play(scene, lambda it: _ask(it, 1), lambda it: it.failed > 0)
    assert isinstance(scene.stage.failure, BrokenPipeError)
    assert scene.statuses() == [200]
    assert [event["event"] for event in journal(scene.home.path)] == CALL


# Deadlines


@pytest.mark.parametrize("left", [-100.0, 0.0, 0.05])
def test_the_deadline_kills_an_app_that_does_not_return(home: Path, left: float) -> None:
    with opened(home) as scene:
        scene.stage.apply(set_up()[:-1])
    at = time.time() + left
    with opened(home) as scene:
        keep(scene.home, RUNNING, handling(at))
    with opened(home) as scene:
        play(scene, lambda it: it.stage.connected(1, DOOR), lambda it: bool(it.told))
        assert time.time() >= at
        (event,) = journal(home)
        assert (event["event"], event["reason"]) == ("terminated", "0xBAADCA11")
        assert (event["push_id"], event["device"]) == ("p1", "iphone")
        rows = dict(scene.database.rows())
        assert "handling/h1" not in rows
        assert rows[RUNNING.key]["running"] is False


def test_what_a_command_changes_is_looked_at_for_its_deadline(home: Path) -> None:
    with opened(home) as scene:
        scene.stage.apply(set_up()[:-1])
        keep(scene.home, RUNNING, handling(time.time() + 0.05))
    with opened(home) as scene:
        order = SetCondition(device="iphone", words=("locked",))
        play(scene, lambda it: _change(it, order), lambda it: bool(it.told))
        assert scene.names() == ["terminated"]


def test_each_deadline_comes_at_its_own_time(home: Path) -> None:
    now = time.time()
    with opened(home) as scene:
        scene.stage.apply(set_up()[:-1])
        keep(scene.home, handling(now + 0.08, "late"), handling(now + 0.02, "early"))
    with opened(home) as scene:
        first: list[float] = []
        scene.on_tell = lambda: first.append(time.time())
        play(scene, lambda it: it.stage.connected(1, DOOR), lambda it: len(it.told) == 2)
        assert first[0] >= now + 0.02
        assert scene.stage.world.deadline() in (None, now + 0.08)


def test_an_app_without_a_duty_has_no_deadline(home: Path) -> None:
    with opened(home) as scene:
        scene.stage.apply(set_up()[:-1])
        keep(scene.home, handling(None))
    with opened(home) as scene:

        async def body() -> None:
            scene.stage.connected(1, DOOR)
            await scene.until(lambda it: it.log == ["flush"])
            await asyncio.sleep(0.02)

        asyncio.run(body())
        assert scene.told == []
        assert scene.stage.world.deadline() is None


class Hurried(asyncio.SelectorEventLoop):
    """A loop whose timers can be made to be due."""

    ahead = 0.0

    def time(self) -> float:
        return super().time() + self.ahead


@pytest.mark.parametrize("stopped", [False, True])
def test_a_stage_that_was_stopped_does_nothing_by_itself(home: Path, stopped: bool) -> None:
    with opened(home) as scene:
        scene.stage.apply(set_up()[:-1])
        keep(scene.home, handling(time.time() + 60))

    async def body() -> None:
        scene.stage.connected(1, DOOR)
        await scene.until(lambda it: it.log == ["flush"])
        if stopped:
            scene.stage.stop()
        loop.ahead = 100.0
        for _ in range(5):
            await asyncio.sleep(0)

    loop = Hurried()
    with opened(home) as scene, asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(body())
        assert scene.log.count("flush") == (1 if stopped else 2)


# Numbers


def test_numbers_have_no_gap_and_go_on_after_a_restart(home: Path) -> None:
    last = 0
    for _ in range(3):
        with opened(home) as scene:
            assert scene.stage.seq == last
            scene.stage.apply(set_up())
            play(
                scene,
                lambda it: it.stage.requested(1, 1, it.push(PushType.alert)),
                lambda it: len(it.told) == 2,
            )
            play(scene, lambda it: _ask(it, 3, 5), lambda it: it.log.count("call-reported") == 2)
            assert scene.stage.seq == scene.told[-1].seq > last
            last = scene.stage.seq
    assert [event["seq"] for event in journal(home)] == list(range(1, last + 1))


def test_what_is_told_is_what_the_journal_keeps(scene: Scene) -> None:
    play(scene, lambda it: _ask(it, 1, 3), lambda it: len(it.told) == 7)
    assert [one.to_json() for one in scene.told] == journal(scene.home.path)
    dates = [event["at"] for event in journal(scene.home.path)]
    assert dates == sorted(dates)
    assert all(date.endswith("Z") and len(date) == 24 for date in dates)
