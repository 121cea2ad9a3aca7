"""What a server does on purpose that no good server does: it resets, stalls, and goes away."""

from collections.abc import Callable

from pushkit_cli.apns.acts import GoAway, Reset, Respond, Stall
from pushkit_cli.wire import bounds
from tests.wire.pair import accept, however_cut, post
from tests.wire.raw import CANCEL, INTERNAL_ERROR, REFUSED_STREAM, Cut, ping, rst, whole
from tests.wire.script import ByHandClient
from tests.wire.test_server import request


def silent(*, cut: Cut = whole, max_streams: int = 1000) -> ByHandClient:
    """A client of a server that answers nothing by itself."""
    client = ByHandClient(cut=cut, max_streams=max_streams)
    client.answer = None
    return client


def resets(client: ByHandClient) -> dict[int, int]:
    """The streams that the server ended, and the code it gave."""
    heard = client.heard.messages.items()
    return {stream: message.reset for stream, message in heard if message.reset is not None}


@however_cut
def test_a_reset_ends_one_stream_and_the_others_go_on(make_cut: Callable[[], Cut]) -> None:
    client = silent(cut=make_cut())
    client.say(request(1), request(3), request(5))
    client.server.act(Reset(stream=1, code=INTERNAL_ERROR))
    client.server.act(Reset(stream=5, code=REFUSED_STREAM))
    client.respond(3, accept(post()))
    assert resets(client) == {1: INTERNAL_ERROR, 5: REFUSED_STREAM}
    assert client.statuses == {3: b"200"}
    client.server.act(Respond(stream=1, response=accept(post())))  # goes nowhere
    client.say(request(7), ping())
    client.respond(7, accept(post()))
    assert client.statuses == {3: b"200", 7: b"200"}


def test_a_stalled_stream_stays_open_counts_and_holds_up_no_end() -> None:
    client = silent(max_streams=2)
    client.say(request(1), request(3))
    client.server.act(Stall(stream=1))
    client.respond(1, accept(post()))
    client.respond(3, accept(post()))
    assert client.statuses == {3: b"200"}
    client.say(request(5), request(7))
    assert resets(client) == {7: REFUSED_STREAM}, "the stalled one takes a place"
    client.respond(5, accept(post()))
    client.server.act(GoAway())
    assert client.server.finished


def test_a_stalled_stream_that_the_client_gives_up_is_gone() -> None:
    client = silent()
    client.say(request(1))
    client.server.act(Stall(stream=1))
    client.say(rst(1, CANCEL))
    client.say(request(3))
    client.respond(3, accept(post()))
    assert client.statuses == {3: b"200"}


def test_whoever_was_told_to_go_is_heard_a_little_longer() -> None:
    client = silent()
    client.say(request(1))
    client.server.act(GoAway())
    client.respond(1, accept(post()))
    assert client.server.finished
    assert client.server.lingers
    client.say(request(3), ping())
    assert len(client.heard.pongs()) == 1
    client.server.tick(bounds.LINGER_S)
    assert not client.server.lingers


def test_whoever_breaks_the_rules_is_not() -> None:
    client = silent()
    client.say(b"\0\0\4\x08\0\0\0\0\0" + bytes(4))  # WINDOW_UPDATE by nothing
    assert client.server.finished
    assert not client.server.lingers
