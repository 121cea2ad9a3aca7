"""A phone on a stage, played push by push; and the rows of tables that say what happens."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from pushkit_cli.apns.push import PushType
from pushkit_cli.emulator.moves import (
    AppDesires,
    AppEnded,
    AppReturned,
    CallApp,
    Connected,
    Effect,
    Inject,
    Input,
    SetCondition,
    Started,
    Tick,
)
from pushkit_cli.phone.calls import Report
from tests.emulator.stage import SANDBOX, Stage, happened, names
from tests.law import BUNDLE, NOW


class Play:
    """A stage and what happened on it so far."""

    def __init__(self, stage: Stage, *, restarts: bool = False) -> None:
        self.stage = stage
        self.restarts = restarts
        """Before every step the listener is killed; the next one has the disk alone."""
        self.pushes = 0
        self.calls: list[str] = []
        self.said: list[str] = []
        self.reasons: list[str | None] = []
        self.must_report: list[bool | None] = []

    def push(
        self,
        kind: str = "voip",
        body: bytes | None = None,
        *,
        after: float = 0,
        headers: Mapping[str, str | None] | None = None,
    ) -> "Play":
        body = body or f'{{"callUUID":"c{self.pushes}"}}'.encode()
        self.pushes += 1
        hour = (self.stage.now + after - NOW) // 3000 * 3000  # a provider token lasts for one
        bearer = self.stage.bearer(issued_at=NOW - 60 + hour)
        asked = self.stage.request(
            kind, body=body, authorization=f"bearer {bearer}", **headers or {}
        )
        self._restart()
        return self._keep(self.stage.send(asked, after=after))

    def do(self, event: Input, *, after: float = 0) -> "Play":
        self._restart()
        return self._keep(self.stage.step(event, after=after))

    def reports(self, **report: object) -> "Play":
        told = Report(**report)  # type: ignore[arg-type]
        return self.do(AppReturned(handling=self.calls[-1], report=told), after=0.1)

    def returns(self, *, completed: bool = True) -> "Play":
        return self.do(AppReturned(handling=self.calls[-1], completed=completed), after=0.1)

    def fails(self) -> "Play":
        """One push to which the app says nothing for seven seconds."""
        return self.push().do(Tick(), after=7)

    def desires(self, *types: PushType) -> "Play":
        """What the app's registries ask for."""
        at = {"device": "iphone", "bundle_id": BUNDLE, "environment": SANDBOX}
        return self.do(AppDesires(types=types, **at))  # type: ignore[arg-type]

    def ends(self) -> "Play":
        return self.do(AppEnded(device="iphone", bundle_id=BUNDLE, environment=SANDBOX))

    def finds(self, payload: object) -> "Play":
        """A service extension finds a call in a message."""
        at = {"device": "iphone", "bundle_id": BUNDLE, "environment": SANDBOX}
        return self.do(Inject(payload=payload, **at))  # type: ignore[arg-type]

    def is_so(self, *words: str, device: str = "iphone", after: float = 0) -> "Play":
        """What the engine does with such an order: a Tick follows it."""
        return self.do(SetCondition(device=device, words=words), after=after).do(Tick())

    def _restart(self) -> None:
        if self.restarts:
            self.stage.world = self.stage.rebuilt()
            self.stage.step(Connected(connection=1, environment=SANDBOX))
            self._keep(self.stage.step(Started()))

    def _keep(self, effects: Iterable[Effect]) -> "Play":
        effects = [*effects]
        self.said += names(effects)
        self.reasons += [one.reason for one in happened(effects)]
        calls = [effect for effect in effects if isinstance(effect, CallApp)]
        self.calls += [call.handling for call in calls]
        self.must_report += [call.must_report for call in calls]
        return self


WOKEN = ["launched", "delivered"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """What is done, and the names of what happens."""

    name: str
    play: Callable[[Play], Play]
    happens: list[str]
    reason: str | None = None
    must_report: bool | None = True
