"""A bare 200 is known at a glance: only where hpack would read the very same from its block."""

from random import Random
from typing import Any

import pytest
from hpack import Decoder, Encoder

from pushkit_cli.apns.message import Response
from pushkit_cli.wire.client import Answered, ClientConnection, ClientEvent
from tests.wire.pair import post
from tests.wire.raw import OK, goaway, headers, settings
from tests.wire.script import outcome
from tests.wire.test_blocks import mutated, read_by_hpack

Shape = dict[str, Any]
OTHER_SHAPES: list[Shape] = [{"pad": 0}, {"pad": 9}, {"depends_on": 0}, {"pieces": 2}]
"""The same block in a frame that is never known at a glance."""


def asking() -> ClientConnection:
    """A client with a few requests open."""
    client = ClientConnection()
    client.receive(settings())
    for _ in range(8):
        client.send(post(b""))
    client.outgoing()
    return client


def answer_block(random: Random, encoder: Encoder) -> bytes:
    """An answer as servers write it, mostly short; as it is or spoiled."""
    more = [(b"apns-id", b"%036d" % random.getrandbits(60)), (b"date", b"today"), (b"x", b"y" * 70)]
    chosen = [pair for pair in more if random.random() < 0.2]
    block = encoder.encode([(b":status", random.choice((b"200", b"200", b"400", b"103"))), *chosen])
    if random.random() < 0.3:
        block = random.choice((b"\x20", b"\x20\x20", b"\x21", b"\x3f\xe1\x1f")) + block
    return mutated(random, block) if random.random() < 0.5 else block


def play_answers(count: int, seed: int) -> None:
    """So many blocks, each to two clients: in a plain frame, and in one that is read slowly."""
    random = Random(seed)
    played = glanced = 0
    while played < count:
        one, other, decoder, encoder = asking(), asking(), Decoder(), Encoder()
        for stream in range(1, 16, 2):
            block = answer_block(random, encoder)
            played += 1
            glanced += block in (OK, b"\x20" + OK)
            found = one.receive(headers(stream, block))
            assert found == other.receive(headers(stream, block, **random.choice(OTHER_SHAPES)))
            read = read_by_hpack(decoder, block)
            if one.closed or isinstance(read, int):
                assert one.closed
                assert other.closed
                break
            check(found, read)
    assert glanced > count // 20


def check(found: tuple[ClientEvent, ...], read: tuple[tuple[bytes, bytes], ...]) -> None:
    """What came of a block is what hpack reads in it; an interim answer is none."""
    (name, status), *rest = read
    assert name == b":status"
    if not status.startswith(b"1"):
        (event,) = found
        assert isinstance(event, Answered)
        assert event.response == Response(status=int(status), headers=tuple(rest))


def test_two_thousand_mutated_answers_mean_the_same_at_a_glance() -> None:
    play_answers(2_000, seed=88)


@pytest.mark.parametrize("shape", [{}, *OTHER_SHAPES])
@pytest.mark.parametrize("block", [OK, b"\x20" + OK, b"\x20\x20" + OK])
def test_a_bare_200_is_one_in_every_shape(block: bytes, shape: Shape) -> None:
    client = asking()
    (event,) = client.receive(headers(3, block, **shape))
    assert (event.stream, outcome(event)) == (3, "200")
    assert client.waiting == 7


def test_a_bare_200_is_an_answer_only_where_one_can_come() -> None:
    """Not as trailers, not to what is over, not to what nobody asked, not without an end."""
    client = asking()
    assert client.receive(headers(1, OK, end=False)) == ()
    assert [outcome(event) for event in client.receive(headers(1, OK))][:1] == ["200"]
    assert client.closed, "a second head"
    client = asking()
    client.receive(headers(1, OK))
    assert client.receive(headers(1, OK)) == ()
    assert not client.closed
    client.receive(headers(17, OK))
    assert client.closed, "nobody asked"


def test_a_table_that_a_glance_empties_is_empty() -> None:
    encoder = Encoder()
    block = encoder.encode([(b":status", b"400"), (b"x-kept", b"1")])
    client = asking()
    client.receive(headers(1, block))
    client.receive(headers(3, b"\x20" + OK))
    client.receive(headers(5, b"\x88\xbe"))
    assert client.closed, "the entry at 62 is gone"


def test_what_is_above_a_goodbye_is_not_answered_at_a_glance() -> None:
    client = asking()
    client.receive(goaway(3))
    assert client.receive(headers(5, OK)) == ()
    assert [outcome(event) for event in client.receive(headers(3, OK))] == ["200"]
