"""A server played by hand for a real client, and a client played by hand for a real server."""

from pushkit_cli.apns.acts import Respond
from pushkit_cli.apns.message import Response
from pushkit_cli.wire.client import Answered, ClientConnection, ClientEvent, Unprocessed
from pushkit_cli.wire.server import Received, ServerConnection
from tests.wire.pair import post
from tests.wire.raw import PREFACE, SETTINGS_ACK, Cut, Listener, settings, whole


def outcome(event: ClientEvent) -> str:
    """An outcome in one word, an answer by its status and its body."""
    if isinstance(event, Answered):
        body = event.response.body.decode("latin-1")
        return f"{event.response.status} {body}" if body else str(event.response.status)
    return "unprocessed" if isinstance(event, Unprocessed) else "lost"


class ByHandServer:
    """Says what the test wants to a real client, and hears what it writes."""

    def __init__(self, *, cut: Cut = whole, greeting: bytes | None = None) -> None:
        self.client = ClientConnection()
        self.heard = Listener(preface=True)
        self.cut = cut
        self.outcomes: dict[int, str] = {}
        self.listen()
        self.say(settings(MAX_CONCURRENT_STREAMS=1000) if greeting is None else greeting)
        self.listen()

    def listen(self) -> None:
        """Take what the client has to say."""
        self.heard.hear(self.client.outgoing())

    def say(self, *frames: bytes) -> None:
        """Let frames arrive; no stream may be settled twice."""
        for frame in frames:
            self.heard.other_said(frame)
        for piece in self.cut(b"".join(frames)):
            self._settled(self.client.receive(piece))

    def hang_up(self) -> None:
        """Cut the connection."""
        self._settled(self.client.lost("the connection was cut"))

    def _settled(self, events: tuple[ClientEvent, ...]) -> None:
        for event in events:
            assert event.stream not in self.outcomes, "settled twice"
            self.outcomes[event.stream] = outcome(event)

    def get(self, count: int, *, body: bytes = b"{}") -> None:
        """Let the client send requests, and hear them."""
        for _ in range(count):
            self.client.send(post(body))
        self.listen()


class ByHandClient:
    """Says what the test wants to a real server, which answers 200 to what it hears."""

    def __init__(
        self, *, cut: Cut = whole, greeting: bytes | None = None, max_streams: int = 1000
    ) -> None:
        self.server = ServerConnection(max_streams=max_streams)
        self.heard = Listener(preface=False)
        self.cut = cut
        self.answer: Response | None = Response(status=200)
        self.received: list[Received] = []
        self.say(*((PREFACE, settings(), SETTINGS_ACK) if greeting is None else (greeting,)))

    def say(self, *frames: bytes) -> None:
        """Let frames arrive, act on the requests among them, and hear the server."""
        for frame in frames:
            self.heard.other_said(frame)
        for piece in self.cut(b"".join(frames)):
            for got in self.server.receive(piece):
                self.received.append(got)
                if self.answer is not None:
                    self.server.act(Respond(stream=got.stream, response=self.answer))
        self.listen()

    def listen(self) -> None:
        """Take what the server has to say, to the last part."""
        while said := self.server.outgoing():
            self.heard.hear(said)

    def respond(self, stream: int, response: Response) -> None:
        """Let the server answer now."""
        self.server.act(Respond(stream=stream, response=response))
        self.listen()

    @property
    def statuses(self) -> dict[int, bytes]:
        """What was answered, by stream."""
        return {
            stream: dict(message.fields)[b":status"]
            for stream, message in self.heard.messages.items()
            if message.fields
        }
