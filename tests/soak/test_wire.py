"""Ten thousand broken conversations and more, each to a fresh server."""

import pytest

from tests.wire.test_server_broken import play_mutated


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_ten_thousand_mutated_conversations_never_raise(seed: int) -> None:
    play_mutated(10_000, seed=seed)
