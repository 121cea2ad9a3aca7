"""What a device remembers of one app: whether it runs, its failures, its budget. Pure values."""

from dataclasses import dataclass

from pushkit_cli.apns.push import Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class AppState:
    """One app on one device in one environment.

    `strikes` are VoIP pushes it failed to report, and crashes. `complications` were delivered on
    `day` (days since 1970, UTC).
    """

    device: str
    bundle_id: str
    environment: Environment
    running: bool = False
    strikes: int = 0
    day: int = 0
    complications: int = 0

    @property
    def key(self) -> str:
        """Where the row stands."""
        return f"app-state/{self.device}/{self.environment}/{self.bundle_id}"
