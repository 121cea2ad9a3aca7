"""What a device remembers of one app: whether it runs, its failures, its budget. Pure values."""

from dataclasses import dataclass

from pushkit_cli.apns.push import Environment, PushType

PUSHKIT_TYPES = (PushType.voip, PushType.complication, PushType.fileprovider)
"""The types an app registers for with PKPushRegistry; the others need no registry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppState:
    """One app on one device in one environment.

    `strikes` are VoIP pushes it failed to report, and crashes. `complications` were delivered on
    `day` (days since 1970, UTC). `desired` are the types its registries ask for; `None`: it has not
    said, and gets all.
    """

    device: str
    bundle_id: str
    environment: Environment
    running: bool = False
    strikes: int = 0
    day: int = 0
    complications: int = 0
    desired: tuple[PushType, ...] | None = None

    @property
    def key(self) -> str:
        """Where the row stands."""
        return f"app-state/{self.device}/{self.environment}/{self.bundle_id}"

    def desires(self, kind: PushType) -> bool:
        """Whether a push of a type is for the app at all."""
        return self.desired is None or kind not in PUSHKIT_TYPES or kind in self.desired
