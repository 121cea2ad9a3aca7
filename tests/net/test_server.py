"""The listener's sockets over real TCP and TLS; clients are written by hand, frame by frame."""

import asyncio
import os
import socket
import ssl
import stat
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hpack import Encoder

from pushkit_cli.apns.acts import Act, Respond
from pushkit_cli.apns.facts import Certificate, Door, Trouble
from pushkit_cli.apns.message import Request, Response
from pushkit_cli.apns.push import MAX_BODY_BYTES, Environment
from pushkit_cli.engine.local import Trust
from pushkit_cli.net.binding import bind
from pushkit_cli.net.sender import Endpoint, exchange
from pushkit_cli.net.server import Server
from pushkit_cli.net.tls import client_context, server_context
from tests.wire import raw
from tests.wire.pair import post

PATIENCE_S = 10.0
GRACE_S = 5.0
SANDBOX, PRODUCTION = Environment.SANDBOX, Environment.PRODUCTION
OK = Response(status=200, headers=((b"apns-id", b"1"),))


class House:
    """A server and who is told what happens on it; it answers at once, or when it is asked to."""

    def __init__(self, trust: Trust, *, answers: bool = True) -> None:
        self.trust = trust
        self.answers = answers
        self.told: list[tuple[str, int]] = []
        self.environments: list[Environment] = []
        self.certificates: list[Certificate | None] = []
        self.asked: list[tuple[int, int, Request]] = []
        self.ports: dict[Environment, int] = {}
        self.troubles: list[Trouble] = []
        self.acts: list[Act] = []
        context = server_context(chain=trust.chain_file, key=trust.chain_key_file)
        self.server = Server(self, context, max_streams=1000)

    def connected(self, connection: int, door: Door, certificate: Certificate | None) -> None:
        self.told.append(("connected", connection))
        self.certificates.append(certificate)
        self.environments.append(door.environment)

    def disconnected(self, connection: int) -> None:
        self.told.append(("disconnected", connection))

    def knocked(self) -> Act | None:
        return self.acts.pop(0) if self.acts else None

    def troubled(self, trouble: Trouble) -> None:
        self.troubles.append(trouble)

    def requested(self, connection: int, stream: int, request: Request) -> None:
        self.asked.append((connection, stream, request))
        if self.answers:
            self.answer(connection, stream)

    def answer(self, connection: int, stream: int) -> None:
        self.server.perform(connection, Respond(stream=stream, response=OK))
        self.server.flush()

    async def until(self, look: Callable[["House"], bool]) -> None:
        while not look(self):
            await asyncio.sleep(0.001)


@asynccontextmanager
async def opened(house: House) -> AsyncIterator[House]:
    for environment in Environment:
        sockets = bind(0)
        house.ports[environment] = sockets[0].getsockname()[1]
        await house.server.start(Door(environment=environment), sockets)
    try:
        yield house
    finally:
        await house.server.stop(grace=0.0)
        await asyncio.sleep(0)


class Client:
    """One TLS connection on which anything can be said."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self.writer = reader, writer
        self.heard = raw.Listener(preface=False)
        self.encoder = Encoder()
        self.bytes = b""

    @property
    def tls(self) -> ssl.SSLObject:
        found = self.writer.get_extra_info("ssl_object")
        assert isinstance(found, ssl.SSLObject)
        return found

    def headers(self, stream: int = 1, *, end: bool = False) -> bytes:
        block = self.encoder.encode(post().headers)
        return raw.headers(stream, block, end=end)

    def say(self, *frames: bytes) -> None:
        self.writer.write(b"".join(frames))

    async def read(self) -> bool:
        """Read what comes next; False at the end."""
        data = b""
        with suppress(ConnectionError):
            data = await self._reader.read(65_536)
        self.bytes += data
        self.heard.hear(data)
        return bool(data)

    async def until(self, look: Callable[[raw.Listener], bool]) -> None:
        while not look(self.heard):
            assert await self.read(), "the server hung up"

    async def answered(self, stream: int) -> list[tuple[bytes, bytes]]:
        await self.until(lambda heard: stream in heard.messages and heard.messages[stream].ended)
        return self.heard.messages[stream].fields

    async def end(self) -> None:
        while await self.read():
            pass


@asynccontextmanager
async def client(
    house: House, *, alpn: str | None = "h2", environment: Environment = SANDBOX
) -> AsyncIterator[Client]:
    context = ssl.create_default_context(cafile=str(house.trust.ca_file))
    if alpn is not None:
        context.set_alpn_protocols([alpn])
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", house.ports[environment], ssl=context, server_hostname="127.0.0.1"
    )
    try:
        yield Client(reader, writer)
    finally:
        if not writer.is_closing():
            writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()


def play(scene: Coroutine[Any, Any, None]) -> None:
    """Run a scene; it fails if it does not come to an end, or if asyncio has to complain."""
    complaints: list[dict[str, Any]] = []

    async def bounded() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, what: complaints.append(what))
        async with asyncio.timeout(PATIENCE_S):
            await scene

    asyncio.run(bounded())
    assert complaints == []


GREETING = (raw.PREFACE, raw.settings(), raw.SETTINGS_ACK)


# Conversation


def test_a_request_is_read_and_answered_over_h2(trust: Trust) -> None:
    async def scene() -> None:
        async with opened(House(trust)) as house, client(house) as sender:
            assert sender.tls.selected_alpn_protocol() == "h2"
            assert sender.tls.version() == "TLSv1.3"
            sender.say(*GREETING, sender.headers(), raw.data(1, b"{}", end=True))
            assert await sender.answered(1) == [(b":status", b"200"), (b"apns-id", b"1")]
            sender.writer.close()
            await house.until(lambda house: len(house.told) == 2)
        assert house.told == [("connected", 1), ("disconnected", 1)]
        ((_, stream, request),) = house.asked
        assert (stream, request.body, request.headers) == (1, b"{}", post().headers)

    play(scene())


def test_each_port_is_one_environment(trust: Trust) -> None:
    async def scene() -> None:
        async with (
            opened(House(trust)) as house,
            client(house, environment=PRODUCTION) as first,
            client(house, environment=SANDBOX) as second,
        ):
            for sender in (first, second):
                sender.say(*GREETING, sender.headers(end=True))
                await sender.answered(1)
        assert house.environments == [PRODUCTION, SANDBOX]
        assert [connection for connection, _, _ in house.asked] == [1, 2]

    play(scene())


@pytest.mark.parametrize("alpn", ["http/1.1", None])
def test_who_offers_no_h2_is_let_in_and_told_off_in_frames(trust: Trust, alpn: str | None) -> None:
    async def scene() -> None:
        async with opened(House(trust)) as house, client(house, alpn=alpn) as sender:
            assert sender.tls.selected_alpn_protocol() is None
            sender.say(b"POST /3/device/ab HTTP/1.1\r\nhost: localhost\r\n\r\n")
            await sender.end()
        settings, goaway = sender.heard.frames
        assert settings.type == 4
        assert sender.bytes[9 + settings.body_len + 3] == 7
        assert sender.heard.goaways() == [goaway]
        assert sender.bytes.endswith(b"Unexpected HTTP/1.x request: POST /3/device/ab")
        assert house.asked == []

    play(scene())


def test_garbage_ends_its_own_connection_alone(trust: Trust) -> None:
    async def scene() -> None:
        async with (
            opened(House(trust)) as house,
            client(house) as good,
            client(house) as bad,
        ):
            good.say(*GREETING)
            bad.say(*GREETING, raw.data(1, b"no such stream"), os.urandom(5000))
            await bad.end()
            assert len(bad.heard.goaways()) == 1
            good.say(good.headers(end=True))
            await good.answered(1)

    play(scene())


def test_who_speaks_no_tls_is_hung_up_on_and_nobody_is_told(trust: Trust) -> None:
    async def scene() -> None:
        async with opened(House(trust)) as house:
            reader, writer = await asyncio.open_connection("127.0.0.1", house.ports[SANDBOX])
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            with suppress(ConnectionError):
                await reader.read()
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
        assert house.told == []

    play(scene())


def test_a_large_body_is_counted_and_not_kept(trust: Trust) -> None:
    async def scene() -> None:
        async with opened(House(trust)) as house:
            endpoint = Endpoint(host="127.0.0.1", port=house.ports[SANDBOX])
            context = client_context(trust.ca_file)
            asked = [post(b"x" * 1_000_000), post()]
            done = await asyncio.to_thread(exchange, endpoint, context, asked, timeout=PATIENCE_S)
        assert [one.reply.status for one in done] == [200, 200]
        large = next(request for _, stream, request in house.asked if stream == 1)
        assert large.body_size == 1_000_000
        assert len(large.body) <= MAX_BODY_BYTES

    play(scene())


def test_many_connections_at_once_are_all_answered(trust: Trust) -> None:
    async def one(house: House) -> None:
        async with client(house) as sender:
            for stream in (1, 3, 5):
                sender.say(*GREETING[: 3 * (stream == 1)], sender.headers(stream, end=True))
                assert (await sender.answered(stream))[0] == (b":status", b"200")

    async def scene() -> None:
        async with opened(House(trust)) as house:
            await asyncio.gather(*(one(house) for _ in range(30)))
            await house.until(lambda house: len(house.told) == 60)
        assert len(house.asked) == 90

    play(scene())


def _no_delay_of(port: int) -> list[int]:
    """TCP_NODELAY of each accepted socket of this process."""
    found = []
    for number in [int(path.name) for path in Path("/dev/fd").iterdir()]:
        with suppress(OSError):
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                with socket.socket(fileno=os.dup(number)) as one:
                    if one.getpeername() and one.getsockname()[1] == port:
                        found.append(one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
    return found


def test_accepted_sockets_do_not_wait_to_fill_a_packet(trust: Trust) -> None:
    async def scene() -> None:
        async with opened(House(trust)) as house, client(house), client(house):
            assert [bool(one) for one in _no_delay_of(house.ports[SANDBOX])] == [True, True]

    play(scene())


# Clients that vanish


@pytest.mark.parametrize(
    "half",
    [
        lambda sender: [raw.PREFACE[:10]],
        lambda sender: [*GREETING, sender.headers()[:20]],
        lambda sender: [*GREETING, sender.headers()],
        lambda sender: [*GREETING, sender.headers(), raw.data(1, b'{"half'), raw.data(1)[:5]],
    ],
    ids=["preface", "half a frame", "headers", "half a body"],
)
def test_who_vanishes_in_the_middle_of_a_request_is_forgotten(
    trust: Trust, half: Callable[[Client], list[bytes]]
) -> None:
    async def scene() -> None:
        async with opened(House(trust)) as house:
            async with client(house) as sender:
                sender.say(*half(sender))
                await sender.read()
            await house.until(lambda house: len(house.told) == 2)
            async with client(house) as sender:
                sender.say(*GREETING, sender.headers(end=True))
                await sender.answered(1)
        assert house.told[:3] == [("connected", 1), ("disconnected", 1), ("connected", 2)]
        assert [connection for connection, _, _ in house.asked] == [2]

    play(scene())


def test_an_answer_to_who_has_vanished_goes_nowhere(trust: Trust) -> None:
    async def scene() -> None:
        async with opened(House(trust, answers=False)) as house:
            async with client(house) as sender:
                sender.say(*GREETING, sender.headers(end=True))
                await house.until(lambda house: bool(house.asked))
            await house.until(lambda house: len(house.told) == 2)
            house.answer(1, 1)
        assert house.told == [("connected", 1), ("disconnected", 1)]

    play(scene())
