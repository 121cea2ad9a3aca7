"""How a listener parts from its clients: nothing new, GOAWAY, what was arriving is answered."""

import asyncio
import socket
import threading
from pathlib import Path

import pytest

from pushkit_cli.engine.listener import Options, Running, running
from pushkit_cli.engine.local import Trust, ensure_trust
from pushkit_cli.net.server import Server
from pushkit_cli.store.files import Home
from tests.conftest import Told
from tests.net.test_server import GRACE_S, GREETING, SANDBOX, Client, House, client, opened, play
from tests.wire import raw

QUICKLY_S = GRACE_S / 2


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Trust:
    return ensure_trust(Home(tmp_path_factory.mktemp("trust") / "home"))


async def _connected(sender: Client) -> None:
    sender.say(*GREETING)
    await sender.until(lambda heard: heard.acks() > 0)


async def _took(server: Server, grace: float) -> float:
    clock = asyncio.get_running_loop().time
    began = clock()
    await server.stop(grace=grace)
    return clock() - began


def test_a_request_that_has_half_arrived_is_answered(trust: Trust) -> None:
    async def scene() -> None:
        async with opened(House(trust)) as house, client(house) as sender:
            await _connected(sender)
            sender.say(sender.headers(), raw.data(1, b'{"half":'))
            sender.say(raw.ping())
            await sender.until(lambda heard: bool(heard.pongs()))
            ending = asyncio.create_task(_took(house.server, GRACE_S))
            await sender.until(lambda heard: bool(heard.goaways()))
            assert house.asked == []
            sender.say(raw.data(1, b"1}", end=True))
            assert (await sender.answered(1))[0] == (b":status", b"200")
            await sender.end()
            sender.writer.close()
            assert await ending < QUICKLY_S
        (goaway,) = sender.heard.goaways()
        assert (goaway.last_stream_id, goaway.error_code) == (1, raw.NO_ERROR)
        assert [request.body for _, _, request in house.asked] == [b'{"half":1}']
        assert house.told[-1] == ("disconnected", 1)

    play(scene())


def test_a_request_after_the_goaway_is_not_looked_at(trust: Trust) -> None:
    async def scene() -> None:
        async with opened(House(trust)) as house, client(house) as sender:
            await _connected(sender)
            sender.say(sender.headers())
            sender.say(raw.ping())
            await sender.until(lambda heard: bool(heard.pongs()))
            ending = asyncio.create_task(_took(house.server, GRACE_S))
            await sender.until(lambda heard: bool(heard.goaways()))
            sender.say(sender.headers(3, end=True), raw.data(1, b"{}", end=True))
            await sender.answered(1)
            await sender.end()
            sender.writer.close()
            await ending
        assert [stream for _, stream, _ in house.asked] == [1]
        assert 3 not in sender.heard.messages

    play(scene())


def test_a_request_that_waits_for_its_answer_gets_it(trust: Trust) -> None:
    async def scene() -> None:
        async with opened(House(trust, answers=False)) as house, client(house) as sender:
            sender.say(*GREETING, sender.headers(end=True))
            await house.until(lambda house: bool(house.asked))
            ending = asyncio.create_task(_took(house.server, GRACE_S))
            await sender.until(lambda heard: bool(heard.goaways()))
            house.answer(1, 1)
            await sender.answered(1)
            await sender.end()
            sender.writer.close()
            assert await ending < QUICKLY_S

    play(scene())


def test_idle_connections_are_told_and_closed(trust: Trust) -> None:
    async def one(sender: Client) -> None:
        await sender.end()
        sender.writer.close()

    async def scene() -> None:
        async with (
            opened(House(trust)) as house,
            client(house) as first,
            client(house) as second,
        ):
            await _connected(first)
            second.say(*GREETING, second.headers(end=True))
            await second.answered(1)
            took, _, _ = await asyncio.gather(_took(house.server, GRACE_S), one(first), one(second))
        assert took < QUICKLY_S
        for sender, last in ((first, 0), (second, 1)):
            assert [goaway.last_stream_id for goaway in sender.heard.goaways()] == [last]
        assert {what for what, _ in house.told[-2:]} == {"disconnected"}

    play(scene())


def test_who_never_ends_a_request_is_cut_off_when_the_grace_is_over(trust: Trust) -> None:
    async def scene() -> None:
        async with opened(House(trust)) as house, client(house) as sender:
            await _connected(sender)
            sender.say(sender.headers(), raw.ping())
            await sender.until(lambda heard: bool(heard.pongs()))
            assert 0.1 <= await _took(house.server, 0.1) < QUICKLY_S
            await sender.end()
        assert len(sender.heard.goaways()) == 1
        assert house.asked == []

    play(scene())


def test_who_does_not_hang_up_in_turn_is_cut_off_when_the_grace_is_over(trust: Trust) -> None:
    async def scene() -> None:
        async with opened(House(trust)) as house, client(house) as sender:
            await _connected(sender)
            sender.writer.transport.pause_reading()  # type: ignore[attr-defined]
            assert 0.05 <= await _took(house.server, 0.05) < QUICKLY_S
            sender.writer.transport.resume_reading()  # type: ignore[attr-defined]
            await sender.end()
        assert len(sender.heard.goaways()) == 1

    play(scene())


def test_who_connected_and_never_spoke_tls_does_not_delay_the_end(trust: Trust) -> None:
    async def scene() -> None:
        async with opened(House(trust)) as house:
            port = house.ports[SANDBOX]
            _, silent = await asyncio.open_connection("127.0.0.1", port)
            async with client(house):  # the one before it was accepted by now
                pass
            assert await _took(house.server, GRACE_S) < QUICKLY_S
            silent.close()

    play(scene())


def test_nobody_is_let_in_any_more(trust: Trust) -> None:
    async def scene() -> None:
        async with opened(House(trust)) as house:
            assert await _took(house.server, GRACE_S) < QUICKLY_S
            for host in ("127.0.0.1", "::1"):
                with pytest.raises(ConnectionRefusedError):
                    await asyncio.open_connection(host, house.ports[SANDBOX])
            await house.server.stop(grace=GRACE_S)  # once more does no harm

    play(scene())


def _of(house: Running) -> House:
    """A running listener as the clients of these tests look at a server."""
    found = House(ensure_trust(Home(Path(house.ready["home"]))))
    found.ports[SANDBOX] = house.ready["port"]
    return found


def test_a_whole_listener_answers_what_was_arriving_when_it_was_told_to_stop(
    told: Told,
) -> None:
    async def scene(up: Running) -> None:
        async with client(_of(up)) as sender:
            await _connected(sender)
            sender.say(sender.headers(), raw.ping())
            await sender.until(lambda heard: bool(heard.pongs()))
            up.stop()
            await sender.until(lambda heard: bool(heard.goaways()))
            sender.say(raw.data(1, b"{}", end=True))
            assert (await sender.answered(1))[0] == (b":status", b"403")
            await sender.end()

    options = Options(home=None, port=0, production_port=0)
    with running(options, told.append) as up:
        play(scene(up))
    assert [one["reason"] for one in told.named("push")] == ["MissingProviderToken"]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", up.ready["port"]), 1)


@pytest.mark.parametrize("times", [0, 1, 2])
def test_a_listener_may_be_stopped_more_than_once(times: int, told: Told) -> None:
    with running(Options(home=None, port=0, production_port=0), told.append) as up:
        for _ in range(times):
            up.stop()


def test_a_listener_that_has_ended_may_be_stopped(told: Told) -> None:
    with running(Options(home=None, port=0, production_port=0), told.append) as up:
        up.stop()
        (thread,) = (one for one in threading.enumerate() if one.name == "pushkit-listen")
        thread.join()
        up.stop()
