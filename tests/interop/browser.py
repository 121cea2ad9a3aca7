"""A real browser without a screen: it opens a page, and says what it saw and what it was asked."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.interop.processes import need

_OF_OURS = ("file://", "data:", "about:", "chrome:")
_SWITCHES = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--remote-debugging-pipe",
)  # fmt: skip


class Browser:
    """One page of a browser, spoken to over its debugging pipe (messages end in a NUL)."""

    def __init__(self, into: int, out: int) -> None:
        self._into, self._out = into, out
        self._heard = bytearray()
        self._number = 0
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        attached = self.ask("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        said = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            said["sessionId"] = self._session
        os.write(self._into, json.dumps(said).encode() + b"\0")
        while True:
            heard = self._hear()
            if heard.get("id") == self._number:
                assert "error" not in heard, heard
                found: dict[str, Any] = heard["result"]
                return found
            self.events.append(heard)

    def open(self, path: Path) -> None:
        self.events.clear()
        self.ask("Page.navigate", url=path.as_uri())
        while not self.named("Page.loadEventFired"):
            self.events.append(self._hear())

    def value(self, expression: str) -> Any:
        """What an expression of JavaScript is; it runs past the page's own policy."""
        found = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"]["value"]

    def look(self, *, dark: bool, width: int) -> None:
        """Be a screen of so many pixels, in the light or in the dark."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=800,
                 deviceScaleFactor=1, mobile=False)  # fmt: skip

    def named(self, *methods: str) -> list[dict[str, Any]]:
        return [one["params"] for one in self.events if one.get("method") in methods]

    @property
    def asked(self) -> list[str]:
        """What it asked the world for, beside the page itself."""
        urls = [one["request"]["url"] for one in self.named("Network.requestWillBeSent")]
        return [url for url in urls if not url.startswith(_OF_OURS)]

    @property
    def complaints(self) -> list[dict[str, Any]]:
        return self.named(
            "Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled",
            "Page.javascriptDialogOpening",
        )  # fmt: skip

    def _hear(self) -> dict[str, Any]:
        while b"\0" not in self._heard:
            piece = os.read(self._out, 65_536)
            assert piece, "the browser has gone"
            self._heard += piece
        told, _, rest = bytes(self._heard).partition(b"\0")
        self._heard = bytearray(rest)
        found: dict[str, Any] = json.loads(told)
        return found


@contextmanager
def browsing(folder: Path) -> Iterator[Browser]:
    """A browser with a profile in this folder, gone at the end."""
    program = next((one for one in ("chromium", "google-chrome") if shutil.which(one)), "chromium")
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    shell = f'exec "$0" "$@" 3<&{theirs_in} 4>&{theirs_out}'
    process = subprocess.Popen(
        ["bash", "-c", shell, need(program), *_SWITCHES, f"--user-data-dir={folder / 'profile'}"],
        pass_fds=(theirs_in, theirs_out),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(theirs_in)
    os.close(theirs_out)
    try:
        yield Browser(ours_out, ours_in)
    except BrokenPipeError:
        pytest.fail("the browser does not start")
    finally:
        os.close(ours_out)  # its pipe ends: so does it
        os.close(ours_in)
        process.kill()
        process.wait()
