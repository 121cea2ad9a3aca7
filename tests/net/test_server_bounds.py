"""The listener's sockets and clients that do not read, do not speak, or are gone."""

import asyncio
import os
import socket
import stat
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest
from hpack import Encoder

from pushkit_cli.apns.acts import GoAway, Respond
from pushkit_cli.apns.message import Response
from pushkit_cli.engine.local import Trust
from pushkit_cli.net import server as net_server
from pushkit_cli.net.server import Server
from pushkit_cli.net.tls import server_context
from pushkit_cli.wire import server as wire_server
from tests.net.test_server import GREETING, SANDBOX, Client, House, client, opened, play
from tests.wire import raw
from tests.wire.pair import post

MIB = 2**20
BODY = bytes(2 * MIB)
REQUESTS = range(1, 81, 2)
ALL = len(REQUESTS) * len(BODY)
WIDE = (
    raw.PREFACE,
    raw.settings(INITIAL_WINDOW_SIZE=raw.MAX_STREAM),
    raw.window(0, raw.MAX_STREAM - raw.WINDOW),
)


class Files(House):
    """Answers everything with a long body."""

    def answer(self, connection: int, stream: int) -> None:
        act = Respond(stream=stream, response=Response(status=200, body=BODY))
        self.server.perform(connection, act)
        self.server.flush()


def waiting(house: House) -> int:
    """How many bytes wait for the first client; 0 while it is not waited for."""
    first = next(iter(house.server._open.values()), None)
    if first is None or first._transport is None or not first._paused:
        return 0
    return first._transport.get_write_buffer_size()


def ask_for_all(sender: Client) -> None:
    sender.say(*WIDE, *(sender.headers(stream, end=True) for stream in REQUESTS))


async def unread(house: House, sender: Client) -> int:
    """Ask until it is not read any more: the kernel takes some of what is written; that stream."""
    for last in range(999, 1_999, 2):
        await house.until(lambda house: waiting(house) > 0)
        sender.say(sender.headers(last, end=True))
        async with client(house) as other:  # it is served meanwhile
            other.say(*GREETING, other.headers(end=True))
            await other.until(lambda heard: bool(heard.messages.get(1)))
        if (1, last) not in [asked[:2] for asked in house.asked]:
            return last
    raise AssertionError("it is read for ever")


async def read_all(sender: Client, size: int) -> None:
    """Read so many bytes of bodies and more; frames are not looked at, which would take long."""
    got = 0
    while got < size:
        data = await sender._reader.read(MIB)
        assert data, "the server hung up"
        got += len(data)


def test_who_does_not_read_is_not_written_for_nor_read_from(trust: Trust) -> None:
    async def scene() -> None:
        async with opened(Files(trust)) as house, client(house) as sender:
            ask_for_all(sender)
            await house.until(lambda house: waiting(house) > 0)
            assert waiting(house) < MIB, "of eighty that are asked for"
            last = await unread(house, sender)
            await read_all(sender, ALL + len(BODY))
            assert house.asked[-1][:2] == (1, last)

    play(scene())


def test_who_never_reads_is_given_up(trust: Trust, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(net_server, "_TICK_S", 0.05)
    monkeypatch.setattr(net_server, "_UNREAD_S", 0.2)

    async def scene() -> None:
        async with opened(Files(trust)) as house, client(house) as sender:
            ask_for_all(sender)
            await house.until(lambda house: len(house.told) == 2)
            assert house.told == [("connected", 1), ("disconnected", 1)]

    play(scene())


def test_who_does_not_read_cannot_hold_up_the_end(trust: Trust) -> None:
    async def scene() -> None:
        async with AsyncExitStack() as clients:
            house = Files(trust)
            async with opened(house):
                reader, deaf = [await clients.enter_async_context(client(house)) for _ in "ab"]
                reader.say(*GREETING)
                ask_for_all(deaf)
                while not any(one._paused for one in house.server._open.values()):
                    await asyncio.sleep(0.001)
                began = asyncio.get_running_loop().time()
                await house.server.stop(grace=0.1)
                assert asyncio.get_running_loop().time() - began < 2
                await reader.end()
                assert len(reader.heard.goaways()) == 1
        assert house.told.count(("disconnected", 1)) == 1

    play(scene())


def test_who_was_told_to_go_is_heard_until_it_may_know_of_it(
    trust: Trust, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else TCP would reset the connection, and take the answers that were not read yet."""
    monkeypatch.setattr(net_server, "_TICK_S", 0.1)
    monkeypatch.setattr(wire_server, "LINGER_S", 0.3)

    async def scene() -> None:
        async with opened(House(trust)) as house, client(house) as sender:
            sender.say(*GREETING, sender.headers(end=True))
            await sender.answered(1)
            house.server.perform(1, GoAway())
            house.server.flush()
            await sender.until(lambda heard: len(heard.goaways()) == 1)
            sender.say(sender.headers(3, end=True), raw.ping())
            await sender.until(lambda heard: len(heard.pongs()) == 1)
            await sender.end()
            assert len(house.asked) == 1
            await house.until(lambda house: house.told[-1] == ("disconnected", 1))

    play(scene())


@pytest.mark.parametrize("half", [b"", raw.PREFACE[:10], b"POST /3/dev"])
def test_who_does_not_speak_is_told_off(
    trust: Trust, monkeypatch: pytest.MonkeyPatch, half: bytes
) -> None:
    monkeypatch.setattr(net_server, "_TICK_S", 0.01)
    monkeypatch.setattr(wire_server, "GREETING_S", 0.1)

    async def scene() -> None:
        async with (
            opened(House(trust)) as house,
            client(house) as good,
            client(house) as mute,
        ):
            good.say(*GREETING, good.headers(end=True))
            await good.answered(1)
            mute.say(half)
            await mute.end()
            (goodbye,) = mute.heard.goaways()
            assert goodbye.error_code == raw.PROTOCOL_ERROR
            good.say(good.headers(3, end=True))
            await good.answered(3)

    play(scene())


@pytest.mark.parametrize("streams", [1, 1000])
def test_a_connection_begins_with_the_limit_it_is_given(trust: Trust, streams: int) -> None:
    async def scene() -> None:
        house = House(trust, answers=False)
        context = server_context(chain=trust.chain_file, key=trust.chain_key_file)
        house.server = Server(house, context, max_streams=streams)
        async with opened(house), client(house) as sender:
            sender.say(*GREETING, sender.headers(1, end=True), sender.headers(3, end=True))
            await house.until(lambda house: len(house.asked) == min(2, streams))
            sender.say(raw.ping())
            await sender.until(lambda heard: bool(heard.pongs()))
            refused = [at for at, one in sender.heard.messages.items() if one.reset is not None]
            assert refused == ([3] if streams == 1 else [])
        assert house.server.limit(certificate=False) == streams
        assert house.server.limit(certificate=True) == 1000

    play(scene())


MANY = range(1, 1_801, 2)
PLAIN = Encoder().encode([(name, value, True) for name, value in post().headers])
"""Many bytes: more than are heard at a time."""


def test_who_says_much_does_not_hold_up_who_says_little(trust: Trust) -> None:
    async def scene() -> None:
        async with (
            opened(House(trust)) as house,
            client(house) as talker,
            client(house) as other,
        ):
            other.say(*GREETING)
            talker.say(*GREETING, *(raw.headers(stream, PLAIN) for stream in MANY))
            await house.until(lambda house: bool(house.asked))
            other.say(other.headers(end=True))
            await other.answered(1)
            assert len(house.asked) < len(MANY), "the other one had to wait for all of it"
            await talker.answered(MANY[-1])
            assert [stream for at, stream, _ in house.asked if at == 1] == list(MANY)

    play(scene())


def test_who_hangs_up_is_heard_to_the_end(trust: Trust) -> None:
    async def scene() -> None:
        async with opened(House(trust)) as house:
            async with client(house) as sender:
                sender.say(*GREETING, *(sender.headers(stream, end=True) for stream in MANY))
                sender.writer.close()
                await house.until(lambda house: len(house.told) == 2)
            assert len(house.asked) == len(MANY)

    play(scene())


def _kept_alive(port: int) -> list[int]:
    """After how many seconds of silence the kernel asks after each accepted connection."""
    name = "TCP_KEEPIDLE" if hasattr(socket, "TCP_KEEPIDLE") else "TCP_KEEPALIVE"
    found = []
    for number in [int(path.name) for path in Path("/dev/fd").iterdir()]:
        with suppress(OSError):
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                with socket.socket(fileno=os.dup(number)) as one:
                    ours = one.getpeername() and one.getsockname()[1] == port
                    if ours and one.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE):
                        found.append(one.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)))
    return found


def test_who_vanished_without_a_word_is_asked_after(trust: Trust) -> None:
    async def scene() -> None:
        async with opened(House(trust)) as house, client(house), client(house):
            assert _kept_alive(house.ports[SANDBOX]) == [60, 60]

    play(scene())
