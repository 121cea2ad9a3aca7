"""A phone on a stage, played push by push; and the rows of tables that say what happens."""

from collections.abc import Callable
from dataclasses import dataclass

from pushkit_cli.apns.push import PushType
from pushkit_cli.emulator.moves import (
    AppDesires,
    AppEnded,
    AppReturned,
    Inject,
    Input,
    SetCondition,
    Tick,
)
from pushkit_cli.phone.calls import Report
from tests.emulator.stage import SANDBOX, Stage, called, happened, names
from tests.law import BUNDLE, NOW


class Play:
    """A stage and what happened on it so far."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.calls: list[str] = []
        self.said: list[str] = []
        self.reasons: list[str | None] = []
        self.must_report: list[bool | None] = []

    def push(self, kind: str = "voip", body: bytes | None = None, *, after: float = 0) -> "Play":
        body = body or f'{{"callUUID":"c{len(self.calls)}"}}'.encode()
        hour = (self.stage.now + after - NOW) // 3000 * 3000  # a provider token lasts for one
        bearer = self.stage.bearer(issued_at=NOW - 60 + hour)
        asked = self.stage.request(kind, body=body, authorization=f"bearer {bearer}")
        effects = self.stage.send(asked, after=after)
        self._keep(effects)
        try:
            call = called(effects)
        except ValueError:
            return self
        self.calls.append(call.handling)
        self.must_report.append(call.must_report)
        return self

    def do(self, event: Input, *, after: float = 0) -> "Play":
        self._keep(self.stage.step(event, after=after))
        return self

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
        effects = self.stage.step(Inject(payload=payload, **at))  # type: ignore[arg-type]
        self._keep(effects)
        self.calls.append(called(effects).handling)
        self.must_report.append(called(effects).must_report)
        return self

    def is_so(self, *words: str, device: str = "iphone") -> "Play":
        return self.do(SetCondition(device=device, words=words))

    def _keep(self, effects: object) -> None:
        self.said += names(effects)  # type: ignore[arg-type]
        self.reasons += [one.reason for one in happened(effects)]  # type: ignore[arg-type]


WOKEN = ["launched", "delivered"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """What is done, and the names of what happens."""

    name: str
    play: Callable[[Play], Play]
    happens: list[str]
    reason: str | None = None
    must_report: bool | None = True
