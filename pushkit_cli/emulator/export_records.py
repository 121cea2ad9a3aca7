"""What the emulator remembers for its exports of metrics. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many pushes of one kind had one status on one day, `yyyy-MM-dd` in UTC."""

    app: str
    day: str
    kind: str
    status: str
    count: int

    @property
    def key(self) -> str:
        """Where the row stands."""
        return f"tally/{self.day}/{self.app}/{self.kind}/{self.status}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """The broadcasts of one day on one channel of an app, or with `channel_id` "" on all of them.

    `subscriptions` and `subscribers`, devices, are the day's largest.
    """

    app: str
    day: str
    channel_id: str
    published: int = 0
    delivered: int = 0
    subscriptions: int = 0
    subscribers: int = 0

    @property
    def key(self) -> str:
        """Where the row stands."""
        return f"audience/{self.day}/{self.app}/{self.channel_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportToken:
    """A data export token, by the SHA-256 of its text; for one dataset of one app."""

    digest: str
    app: str
    dataset: str
    team_id: str
    expires_ms: int

    @property
    def key(self) -> str:
        """Where the row stands."""
        return f"export-token/{self.digest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """A report that was asked for at `at_ms`; its download link lives `minutes`, until a moment."""

    id: str
    app: str
    dataset: str
    channel_id: str
    first: str
    last: str
    at_ms: int
    minutes: int
    link_until_ms: int | None = None

    @property
    def key(self) -> str:
        """Where the row stands."""
        return f"export/{self.id}"
