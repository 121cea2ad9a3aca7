"""What a connection meets in a long life: broken conversations, and very many pushes."""

import pytest

from pushkit_cli.apns.message import Response
from tests.wire.pair import Pair, post
from tests.wire.test_blocks import play_blocks
from tests.wire.test_glance import play_answers
from tests.wire.test_h2_oracle import CLIENT, SERVER, compare_clients, compare_servers
from tests.wire.test_interleavings import play
from tests.wire.test_server_broken import play_mutated


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_ten_thousand_mutated_conversations_never_raise(seed: int) -> None:
    play_mutated(10_000, seed=seed)


def test_twenty_thousand_refused_pushes_on_one_connection() -> None:
    """No bound is near for a client that works: each has a body and credit for its answer's."""
    pair = Pair(answer=lambda _: Response(status=400, body=b'{"reason":"BadDeviceToken"}'))
    pair.run()
    for _ in range(100):
        for _ in range(200):
            pair.client.send(post(b'{"aps":{}}' * 20))
        pair.run()
    assert len(pair.answers) == 20_000
    assert not pair.server.finished


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_ten_thousand_mutated_blocks_and_answers_are_read_as_hpack_reads_them(seed: int) -> None:
    play_blocks(10_000, seed=seed)
    play_answers(10_000, seed=seed)


def test_five_thousand_conversations_are_heard_as_h2_hears_them() -> None:
    compare_servers(5_000).check(SERVER)
    compare_clients(5_000).check(CLIENT)


def test_many_pushes_among_all_that_ends_may_say() -> None:
    for seed in range(100, 200):
        crowd = play(seed, 300)
        crowd.end()
        assert sorted(crowd.outcomes) == sorted(crowd.asked)
