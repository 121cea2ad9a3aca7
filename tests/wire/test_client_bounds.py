"""What a server may make a client keep and do, and where a client's own streams end."""

from collections.abc import Callable

import pytest
from hpack import Encoder

from pushkit_cli.wire.bounds import ALLOWED, MAX_BLOCK_BYTES, MAX_HELD_BYTES, Flood
from pushkit_cli.wire.client import ClientConnection
from tests.wire.pair import post
from tests.wire.raw import (
    BAD_REQUEST,
    CANCEL,
    ENHANCE_YOUR_CALM,
    NO_ERROR,
    REFUSED_STREAM,
    SETTINGS_ACK,
    data,
    goaway,
    headers,
    ping,
    raw,
    rst,
    settings,
    status_block,
    window,
)
from tests.wire.script import ByHandServer, outcome

Frame = Callable[[int], bytes]


def always(frame: bytes) -> Frame:
    return lambda _: frame


FLOODS: dict[str, tuple[Flood, Frame]] = {
    "PING": (Flood.PING, always(ping())),
    "PING that answers none": (Flood.PING, always(raw(6, flags=1, payload=bytes(8)))),
    "SETTINGS": (Flood.SETTINGS, lambda at: settings(INITIAL_WINDOW_SIZE=1 + at % 9)),
    "acknowledgements": (Flood.SETTINGS, always(SETTINGS_ACK)),
    "empty DATA": (Flood.EMPTY_DATA, always(data(1))),
    "DATA that is padding": (Flood.EMPTY_DATA, always(data(1, pad=3))),
    "WINDOW_UPDATE": (Flood.WINDOW_UPDATE, always(window(0, 1))),
    "PRIORITY": (Flood.PRIORITY, always(raw(2, stream=1, payload=bytes(5)))),
    "frames nobody knows": (Flood.OTHER, always(raw(0x10, payload=b"u=1"))),
    "interim answers": (Flood.OTHER, always(headers(5, status_block(b"103"), end=False))),
    "resets of streams that are over": (Flood.RESET, always(rst(3, CANCEL))),
}


def flood(server: ByHandServer, frame: Frame, count: int) -> None:
    for at in range(count):
        server.say(frame(at))
        server.listen()


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_ends_the_connection_and_settles_what_is_open(name: str) -> None:
    kind, frame = FLOODS[name]
    server = ByHandServer()
    server.get(3)
    server.say(headers(1, BAD_REQUEST, end=False), headers(3))
    flood(server, frame, ALLOWED[kind].at_once - 1)
    assert server.outcomes == {3: "200"}
    flood(server, frame, 5)
    assert server.client.closed
    assert server.outcomes == {1: "400", 3: "200", 5: "lost"}
    (goodbye,) = server.heard.goaways()
    assert goodbye.error_code == ENHANCE_YOUR_CALM


def test_resets_of_what_is_open_are_never_a_flood() -> None:
    server = ByHandServer()
    for at in range(ALLOWED[Flood.RESET].at_once + 100):
        server.get(1, body=b"")
        server.say(rst(2 * at + 1, REFUSED_STREAM))
    assert not server.client.closed
    assert set(server.outcomes.values()) == {"unprocessed"}


def test_answers_give_back_what_their_frames_have_spent() -> None:
    server = ByHandServer()
    for at in range(2 * ALLOWED[Flood.PING].at_once):
        server.get(1, body=b"")
        server.say(ping(), headers(2 * at + 1))
        server.listen()
    assert not server.client.closed


def test_a_header_block_without_an_end_is_not_kept() -> None:
    server = ByHandServer()
    server.get(2)
    server.say(raw(1, flags=1, stream=1, payload=b"\x88"))
    for _ in range(MAX_BLOCK_BYTES // 16_000 + 1):
        server.say(raw(9, stream=1, payload=bytes(16_000)))
    assert server.client.closed
    assert server.outcomes == {1: "lost", 3: "lost"}


def test_answers_without_an_end_are_kept_up_to_a_bound() -> None:
    block = Encoder().encode([(":status", "400"), *((f"x-{at}", "y" * 700) for at in range(25))])
    server = ByHandServer()
    server.get(1000, body=b"")
    for at in range(1000):
        if server.client.closed:
            break
        server.say(headers(2 * at + 1, block, end=False, pieces=2))
    assert server.client.closed
    assert at < MAX_HELD_BYTES / 17_500 + 2
    assert list(server.outcomes.values()).count("400") == at
    assert len(server.outcomes) == 1000


def test_what_answers_took_is_free_again_once_they_have_ended() -> None:
    server = ByHandServer()
    for at in range(100):
        server.get(1, body=b"")
        server.say(headers(2 * at + 1, BAD_REQUEST, end=False))
        for _ in range(5):
            server.say(data(2 * at + 1, bytes(13_000)))
            server.listen()
        server.say(data(2 * at + 1, end=True))
    assert not server.client.closed
    assert len(server.outcomes) == 100


def test_settings_nobody_knows_are_not_kept() -> None:
    server = ByHandServer()
    server.get(1)
    for at in range(90):
        unknown = b"".join((0x100 + at * 50 + n).to_bytes(2, "big") + bytes(4) for n in range(50))
        server.say(raw(4, payload=unknown))
        server.listen()
    server.say(headers(1))
    assert server.outcomes == {1: "200"}
    assert not server.client.closed


# The end of stream identifiers


@pytest.mark.parametrize(("last", "count"), [(1, 1), (5, 3), (6, 3), (7, 4)])
def test_a_connection_uses_each_stream_once_and_is_then_used_up(last: int, count: int) -> None:
    client = ClientConnection(last_stream=last)
    client.receive(settings(MAX_CONCURRENT_STREAMS=1000))
    assert client.room == count
    streams = [client.send(post()) for _ in range(count)]
    assert streams == list(range(1, 2 * count, 2))
    assert client.room == 0
    assert client.is_used_up
    assert not client.closed
    with pytest.raises(ValueError, match="room"):
        client.send(post())
    client.outgoing()
    events = [event for stream in streams for event in client.receive(headers(stream))]
    assert [outcome(event) for event in events] == ["200"] * count
    assert client.waiting == client.room == 0


def test_a_connection_that_is_closed_or_going_away_is_used_up() -> None:
    server = ByHandServer()
    used_up = [server.client.is_used_up]
    for frame in (settings(MAX_CONCURRENT_STREAMS=0), goaway(0)):
        server.say(frame)
        assert server.client.room == 0
        used_up.append(server.client.is_used_up)
    assert used_up == [False, False, True], "after a limit of 0 there may be another"
    gone = ByHandServer()
    gone.hang_up()
    assert gone.client.is_used_up


# Answers that are not waited for any longer


def test_what_is_given_up_is_lost_and_its_late_answer_ignored() -> None:
    server = ByHandServer()
    server.get(3)
    (event,) = server.client.give_up(3, "no answer in time")
    assert (outcome(event), event.stream) == ("lost", 3)
    server.listen()
    assert server.heard.messages[3].reset == CANCEL
    server.say(headers(3), headers(1), headers(5))
    assert server.outcomes == {1: "200", 5: "200"}
    assert server.client.room == 1000
    assert not server.client.closed


@pytest.mark.parametrize("body", [b"0123456789", b""])
def test_what_is_given_up_before_it_was_handed_over_whole_is_unprocessed(body: bytes) -> None:
    server = ByHandServer(greeting=settings(INITIAL_WINDOW_SIZE=4))
    server.get(1, body=body)
    (event,) = server.client.give_up(1, "no answer in time")
    assert outcome(event) == ("unprocessed" if body else "lost")
    server.say(window(0, 9))
    server.listen()
    assert server.heard.messages[1].body == body[:4]


def test_what_is_given_up_while_it_waits_to_be_taken_is_still_written_and_so_lost() -> None:
    server = ByHandServer()
    server.client.send(post(b"0123456789"))
    (event,) = server.client.give_up(1, "no answer in time")
    assert outcome(event) == "lost"
    server.listen()
    assert server.heard.messages[1].ended
    assert server.heard.messages[1].reset == CANCEL


def test_what_is_over_cannot_be_given_up() -> None:
    server = ByHandServer()
    server.get(2)
    server.say(headers(1), rst(3, NO_ERROR))
    assert server.client.give_up(1, "late") == server.client.give_up(3, "late") == ()
    assert server.client.give_up(99, "nobody's") == ()
    server.hang_up()
    assert server.client.give_up(1, "gone") == ()


def test_a_status_that_was_heard_is_the_answer_of_what_is_given_up() -> None:
    server = ByHandServer()
    server.get(1)
    server.say(headers(1, BAD_REQUEST, end=False))
    (event,) = server.client.give_up(1, "no end of the answer")
    assert outcome(event) == "400"
