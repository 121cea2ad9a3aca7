"""Who is let in: no more than there are places, and nobody is told of what went wrong outside."""

import asyncio
import gc
import os
import resource
import socket
import ssl
import weakref
from contextlib import AsyncExitStack, suppress
from typing import Any

import pytest

from pushkit_cli.apns.acts import Act, Close, FailTls, Stall
from pushkit_cli.engine.local import Trust
from pushkit_cli.net import accepting
from pushkit_cli.net.server import Server
from pushkit_cli.net.tls import server_context
from tests.net.test_server import GREETING, SANDBOX, Client, House, client, opened, play

HANDSHAKE_FAILURE = bytes.fromhex("15 0303 0002 02 28")
"""A TLS record: an alert, fatal, 40 (RFC 8446, 6)."""


def client_hello() -> bytes:
    """What a client says first."""
    said = ssl.MemoryBIO()
    context = ssl.create_default_context()
    with suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), said, server_hostname="localhost").do_handshake()
    return said.read()


def small(trust: Trust, places: int, *acts: Act) -> House:
    """A house with so many places, where clients are treated like this, one after the other."""
    house = House(trust)
    house.acts += acts
    context = server_context(chain=trust.chain_file, key=trust.chain_key_file)
    house.server = Server(house, context, max_connections=places)
    return house


async def served(sender: Client) -> None:
    sender.say(*GREETING, sender.headers(end=True))
    await sender.answered(1)


def test_who_comes_when_every_place_is_taken_waits(trust: Trust) -> None:
    async def scene() -> None:
        async with opened(small(trust, 2)) as house, client(house) as first:
            async with client(house) as second:
                await served(first)
                await served(second)
                async with AsyncExitStack() as stack:
                    waiting = asyncio.create_task(stack.enter_async_context(client(house)))
                    first.say(first.headers(3, end=True))
                    await first.answered(3)
                    assert not waiting.done()
                    second.writer.close()
                    await served(await waiting)
            assert house.told[:3] == [("connected", 1), ("connected", 2), ("disconnected", 2)]

    play(scene())


def test_a_place_is_free_again_however_its_client_went(trust: Trust) -> None:
    async def scene() -> None:
        async with opened(small(trust, 1)) as house:
            for way in range(9):
                if way % 3 == 0:
                    async with client(house) as sender:
                        await served(sender)
                    continue
                reader, writer = await asyncio.open_connection("127.0.0.1", house.ports[SANDBOX])
                if way % 3 == 1:
                    writer.write(b"GET / HTTP/1.1\r\n\r\n")
                    await reader.read()
                writer.close()
            async with client(house) as sender:
                await served(sender)
        assert len(house.told) == 8

    play(scene())


def test_who_never_says_a_word_of_tls_gives_its_place_up(
    trust: Trust, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accepting, "_HANDSHAKE_S", 0.1)

    async def scene() -> None:
        async with opened(small(trust, 1)) as house:
            with socket.create_connection(("127.0.0.1", house.ports[SANDBOX])):
                async with client(house) as sender:
                    await served(sender)
        assert len(house.told) == 2

    play(scene())


@pytest.mark.parametrize(("places", "handshakes"), [(3, 500), (900, 3)])
def test_the_oldest_who_says_no_word_of_tls_makes_room_for_who_comes(
    trust: Trust, monkeypatch: pytest.MonkeyPatch, places: int, handshakes: int
) -> None:
    monkeypatch.setattr(accepting, "_HANDSHAKES", handshakes)
    monkeypatch.setattr(accepting, "_MUTE_S", 0.0)

    async def scene() -> None:
        async with opened(small(trust, places)) as house, AsyncExitStack() as stack:
            port = house.ports[SANDBOX]
            silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5)]
            for _, writer in silent:
                stack.callback(writer.close)
            async with client(house) as sender:
                await served(sender)
            gone = [reader.at_eof() or reader.exception() is not None for reader, _ in silent]
            assert gone == [True, True, True, False, False]

    play(scene())


def test_many_who_come_at_once_wait_for_each_other(
    trust: Trust, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accepting, "_HANDSHAKES", 2)

    async def scene() -> None:
        async with opened(House(trust)) as house, AsyncExitStack() as stack:
            coming = [stack.enter_async_context(client(house)) for _ in range(25)]
            for sender in await asyncio.gather(*coming):
                await served(sender)

    play(scene())


@pytest.mark.parametrize(("says", "keeps"), [(b"", "_MUTE_S"), (b"\x16\x03\x01", "_YOUNG_S")])
def test_who_is_slow_about_it_keeps_the_place_for_a_while(
    trust: Trust, monkeypatch: pytest.MonkeyPatch, says: bytes, keeps: str
) -> None:
    for name in ("_MUTE_S", "_YOUNG_S"):
        monkeypatch.setattr(accepting, name, 0.1 if name == keeps else 0.0)

    async def scene() -> None:
        async with opened(small(trust, 1)) as house:
            _, writer = await asyncio.open_connection("127.0.0.1", house.ports[SANDBOX])
            writer.write(says)
            await asyncio.sleep(0.01)
            came = asyncio.get_running_loop().time()
            async with client(house) as sender:
                await served(sender)
                assert asyncio.get_running_loop().time() - came > 0.07
            writer.close()

    play(scene())


def test_what_a_stranger_cost_is_gone_with_him(trust: Trust) -> None:
    """asyncio leaves a cycle behind for each, which is collected much later."""
    shaken: list[weakref.ref[object]] = []

    class Watched(accepting._Tls):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            shaken.append(weakref.ref(self))

    async def scene() -> None:
        async with opened(House(trust)) as house:
            for _ in range(10):
                reader, writer = await asyncio.open_connection("127.0.0.1", house.ports[SANDBOX])
                writer.write(b"GET / HTTP/1.1\r\n\r\n")
                await reader.read()
                writer.close()
            async with client(house) as sender:
                await served(sender)
            assert sum(one() is not None for one in shaken) <= 2

    gc.disable()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(accepting, "_Tls", Watched)
            play(scene())
    finally:
        gc.enable()


def test_where_no_file_is_left_clients_wait_and_nothing_is_said(trust: Trust) -> None:
    """asyncio's own server complains of each, which `play` would find."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    async def scene() -> None:
        async with opened(House(trust)) as house:
            outside = [socket.create_connection(("127.0.0.1", house.ports[SANDBOX])) for _ in "abc"]
            free = os.dup(0)  # the lowest that is free
            os.close(free)
            resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
            try:
                for _ in range(10):
                    await asyncio.sleep(0)
                with pytest.raises(OSError, match="Too many open files"):
                    os.dup(0)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for one in outside:
                one.close()
            async with client(house) as sender:
                await served(sender)

    play(scene())


def test_whoever_is_spurned_on_purpose_gives_its_place_back(trust: Trust) -> None:
    async def scene() -> None:
        acts = (Close(), Stall(), FailTls(), Stall(), Close(), FailTls())
        house = small(trust, 1, *acts)
        async with opened(house):
            for act in acts:
                reader, writer = await asyncio.open_connection("127.0.0.1", house.ports[SANDBOX])
                if isinstance(act, Stall):
                    writer.write(b"hello?")
                    with pytest.raises(TimeoutError):
                        await asyncio.wait_for(reader.read(), 0.02)
                    writer.close()
                    continue
                writer.write(client_hello())
                said = b""
                with suppress(ConnectionResetError):  # what it said was not read
                    said = await reader.read(len(HANDSHAKE_FAILURE))
                assert said == (b"" if isinstance(act, Close) else HANDSHAKE_FAILURE)
                writer.close()
            async with client(house) as sender:
                await served(sender)
        assert house.told[0] == ("connected", 3)
        assert house.troubles == []

    play(scene())


def test_a_listener_that_ends_lets_go_of_whoever_is_stalled(trust: Trust) -> None:
    async def scene() -> None:
        house = small(trust, 5, Stall())
        async with opened(house):
            reader, writer = await asyncio.open_connection("127.0.0.1", house.ports[SANDBOX])
            await asyncio.sleep(0.02)
        assert await reader.read() == b""
        writer.close()

    play(scene())


@pytest.mark.parametrize("turns", range(6))
def test_nobody_is_forgotten_who_came_as_the_door_was_closed(trust: Trust, turns: int) -> None:
    """A socket that nobody closed complains, and that fails a test."""

    async def scene() -> None:
        async with opened(House(trust)) as house:
            with socket.create_connection(("127.0.0.1", house.ports[SANDBOX])):
                for _ in range(turns):
                    await asyncio.sleep(0)
                await house.server.stop(grace=0)

    play(scene())
    gc.collect()
