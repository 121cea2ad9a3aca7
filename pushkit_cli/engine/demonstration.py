"""The main job, played once: a listener on free ports, four pushes, and what each one did."""

import queue
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pushkit_cli.apns.compose import Words
from pushkit_cli.engine.listener import Options, running
from pushkit_cli.engine.planning import Order, Plan, plan
from pushkit_cli.engine.sending import Run, dispatch
from pushkit_cli.engine.setting import Setting

if TYPE_CHECKING:
    from pushkit_cli.engine.objects import Happened

_PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One push of the demonstration: why, the command that sends it, and its last event."""

    story: str
    typed: str
    order: Order
    last_event: str


SCENES = (
    Scene(
        story="Somebody calls. A VoIP push launches the app even if it is not running, and the app "
        "must report a call to the system before it returns, or iOS kills it.",
        typed="pushkit send --type voip",
        order=Order(push_type="voip"),
        last_event="call-reported",
    ),
    Scene(
        story="A number on a watch face changes. A complication push goes to the watch's own token "
        "and brings the data along.",
        typed="pushkit send --type complication",
        order=Order(push_type="complication"),
        last_event="delivered",
    ),
    Scene(
        story="A file in the cloud changes. A file-provider push is for the system, not the app: "
        "it tells an enumerator to look again.",
        typed="pushkit send --type fileprovider --container working-set --domain example",
        order=Order(
            push_type="fileprovider", words=Words(container="working-set", domain="example")
        ),
        last_event="signal-enumerator",
    ),
    Scene(
        story="And a mistake: a VoIP push on the app's plain topic. Lint would have held it back; "
        "--no-lint sends it, so that you see it refused in Apple's own words.",
        typed="pushkit send --type voip --topic com.example.pushkit --no-lint",
        order=Order(push_type="voip", topic="com.example.pushkit", lint=False),
        last_event="push",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A scene and what came of it; `events` are objects of the contract, the push first."""

    scene: Scene
    plan: Plan
    run: Run
    events: tuple[dict[str, Any], ...]


@contextmanager
def stage() -> Iterator["Stage"]:
    """A listener that is gone, with all it wrote, at the end of the block."""
    told: queue.Queue[Happened] = queue.Queue()
    with running(Options(home=None, port=0, production_port=0), told.put) as listener:
        yield Stage(listener.ready, told)


class Stage:
    """Where the scenes are played."""

    def __init__(self, ready: dict[str, Any], told: "queue.Queue[Happened]") -> None:
        self.ready = ready
        self._told = told
        self._setting = Setting(home=Path(ready["home"]), variables={})

    def play(self, scene: Scene) -> Played:
        """Send the scene's push over a real connection and wait for its last event.

        Raises TimeoutError where that event does not come.
        """
        planned = plan(scene.order, self._setting)
        run = dispatch(planned)
        return Played(scene=scene, plan=planned, run=run, events=tuple(self._until(scene)))

    def _until(self, scene: Scene) -> Iterator[dict[str, Any]]:
        while True:
            try:
                event = self._told.get(timeout=_PATIENCE_S).to_json()
            except queue.Empty as error:
                raise TimeoutError(f"no {scene.last_event} came") from error
            yield event
            if event["event"] == scene.last_event:
                return
