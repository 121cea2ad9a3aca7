"""The words of `pushkit demo`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pushkit_cli.cli import replies, stream

if TYPE_CHECKING:
    from pushkit_cli.cli.render import Terminal
    from pushkit_cli.engine.demonstration import Played, Scene


class Narrator:
    """Tells each scene: why, what is typed, what the listener saw, what the sender learned."""

    def __init__(self, terminal: "Terminal") -> None:
        self._terminal = terminal

    def begin(self, ready: Mapping[str, Any]) -> None:
        """Who is on stage."""
        if self._terminal.as_json:
            self._terminal.object(ready)
            return
        self._say(
            "This is a local APNs with an iPhone and a watch behind it, on "
            f"{ready['endpoint']}. Four pushes will cross real HTTP/2 and TLS to it."
        )

    def announce(self, number: int, scene: "Scene") -> None:
        """Why the next push is sent, and the command that would send it."""
        if self._terminal.as_json:
            return
        self._terminal.data("")
        self._say(f"{number}. {scene.story}")
        self._terminal.data(f"   $ {self._terminal.paint(scene.typed, 'cyan')}")

    def tell(self, played: "Played") -> None:
        """What happened at the listener, and the one line that the sender sees."""
        terminal = self._terminal
        if terminal.as_json:
            for event in played.events:
                terminal.object(event)
        else:
            for event in played.events:
                for line in stream.lines(event, terminal):
                    terminal.data(line)
        for place, result in enumerate(played.run.results, start=1):
            if terminal.as_json:
                terminal.object(
                    replies.reply_object(result, played.plan, line=place, run=played.run)
                )
            else:
                line = replies.reply_line(result, terminal, with_id=False)
                terminal.data(f"the sender sees: {line}")
                if result.hint is not None:
                    terminal.data(terminal.wrap(f"hint: {result.hint}", indent="      "))

    def end(self) -> None:
        """What to do next."""
        if self._terminal.as_json:
            return
        self._terminal.data("")
        self._say(
            "The listener is stopped and nothing was left behind. Now yours: run `pushkit listen` "
            "in one shell and `pushkit send --type voip` in another."
        )

    def _say(self, text: str) -> None:
        self._terminal.data(self._terminal.wrap(text, indent="   "))
