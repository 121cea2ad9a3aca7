"""An export of metrics while it is asked for: what is said meanwhile, and how to go on later."""

import io
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, TextIO

from pushkit_cli.errors import RefusedError
from pushkit_cli.metrics.days import Days

if TYPE_CHECKING:
    from pushkit_cli.apns.export_api import Wanted
    from pushkit_cli.cli.metrics_out import Lines
    from pushkit_cli.cli.render import Terminal
    from pushkit_cli.engine.export_run import Plan
    from pushkit_cli.engine.exporting import Look
    from pushkit_cli.metrics.reading import Export

_SAID_EVERY_S, _WORTH_A_WORD_S = 10.0, 2.0


class Asking:
    """One export, from the request to the file."""

    def __init__(
        self, terminal: "Terminal", planned: "Plan", days: Days | None, *, syncs: bool
    ) -> None:
        from pushkit_cli.engine.exporting import Exporter

        self._terminal, self._plan, self._days = terminal, planned, days
        self._syncs = syncs
        self._said_at: float | None = None
        self._exporter: Exporter = Exporter(
            planned.source,
            app=planned.app,
            dataset=planned.dataset,
            channel=planned.channel,
            told=self._told,
        )

    def close(self) -> None:
        """Close its connections."""
        self._exporter.close()

    def heading(self) -> None:
        """Whom is asked for what."""
        show = self._terminal.show
        what = f"{self._plan.dataset} metrics of {show(self._plan.app)}"
        days = "" if self._days is None else f", {self._days}"
        line = f"{self._plan.source.name}: {what}{days}"
        self._terminal.say(self._terminal.wrap(line, indent="  "))
        if self._plan.source.proxy is not None:
            self._terminal.say(f"through the proxy {self._plan.source.proxy}")

    def status_url(self) -> str:
        """Where to look: as it was a moment ago, else as a new request is answered."""
        from pushkit_cli.engine import export_run

        assert self._days is not None
        setting = self._terminal.setting()
        wanted = self._wanted(self._days)
        found = export_run.remembered(self._plan, wanted, setting)
        if found is not None:
            if not self._plan.source.is_emulator:  # which counts on
                self._terminal.say("asked for within a day before: it is the same report")
            return found
        link = self._exporter.request(wanted)
        export_run.remember(self._plan, wanted, setting, link)
        return link.status_url

    def requested(self, url: str) -> None:
        """`--no-wait`: where the report will be."""
        if self._terminal.as_json:
            self._terminal.object(
                {
                    "v": 1,
                    "event": "requested",
                    "app": self._plan.app,
                    "dataset": str(self._plan.dataset),
                    "channel": self._plan.channel,
                    "status_url": url,
                }
            )
        else:
            self._terminal.data(self._terminal.show(url, limit=8192))
            self._terminal.hint(f"go on with: {self._exporter.command(url)}")

    @contextmanager
    def report(self, url: str, *, timeout: float) -> Iterator[TextIO]:
        """The report's own lines, once it is there."""
        from pushkit_cli.engine.host import Terminated

        try:
            data_url = self._exporter.wait(url, timeout=timeout)
            file = self._exporter.fetch(url, data_url, timeout=timeout)
        except RefusedError:
            self._forget()
            raise
        except (KeyboardInterrupt, Terminated):  # what was asked for goes on without us
            self._terminal.hint(f"go on with: {self._exporter.command(url)}")
            raise
        with closing(io.TextIOWrapper(file, "utf-8", "surrogateescape", newline="")) as text:
            yield text

    def kept(self, export: "Export") -> "Lines":
        """Add an export to the history, and give the lines of all of it."""
        from pushkit_cli.engine import export_run
        from pushkit_cli.metrics.history import counted, lines

        known = export_run.synced(self._plan, self._terminal.setting(), counted(export))
        return lambda: lines(export.dataset, known)

    def _wanted(self, days: Days) -> "Wanted":
        """With a history, days that are too long past are taken from there."""
        return self._plan.wanted(days.first, days.last, is_clipped=self._syncs)

    def _forget(self) -> None:
        """The next run asks anew: what this one was told to look at is no good."""
        from pushkit_cli.engine import export_run

        if self._days is not None:
            wanted = self._wanted(self._days)
            export_run.forget(self._plan, wanted, self._terminal.setting())

    def _told(self, look: "Look") -> None:
        if self._said_at is None and look.waited_s + look.next_s < _WORTH_A_WORD_S:
            return
        if self._said_at is not None and look.waited_s - self._said_at < _SAID_EVERY_S:
            return
        self._said_at = look.waited_s
        self._terminal.say(
            f"waiting for the report: {look.waited_s:.0f} s, look {look.number}, "
            f"the next in {look.next_s:.0f} s"
        )
