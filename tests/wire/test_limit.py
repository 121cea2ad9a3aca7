"""How many streams a client may have open: what is above is refused, and nothing else ends."""

import pytest
from hpack import Encoder
from hyperframe.frame import Frame, SettingsFrame

from pushkit_cli.apns.acts import GoAway, Settings
from pushkit_cli.apns.message import Response
from pushkit_cli.wire.bounds import ALLOWED, Flood
from tests.wire.pair import Pair, post
from tests.wire.raw import (
    CANCEL,
    ENHANCE_YOUR_CALM,
    NO_ERROR,
    PREFACE,
    REFUSED_STREAM,
    SETTINGS_ACK,
    STREAM_CLOSED,
    WINDOW,
    data,
    headers,
    rst,
    settings,
    window,
)
from tests.wire.script import ByHandClient

BLOCK = Encoder().encode([(name, value, True) for name, value in post().headers])
LONG = Response(status=200, body=bytes(100_000))


def silent(*, max_streams: int = 1, acknowledged: bool = True) -> ByHandClient:
    """A client of a server that answers nothing by itself."""
    greeting = PREFACE + settings() + (SETTINGS_ACK if acknowledged else b"")
    client = ByHandClient(greeting=greeting, max_streams=max_streams)
    client.answer = None
    return client


def ask(client: ByHandClient, *streams: int) -> list[int]:
    """Open streams; those that were refused."""
    client.say(*(headers(stream, BLOCK, end=True) for stream in streams))
    assert not client.server.finished
    resets = {stream: client.heard.messages[stream].reset for stream in refused(client)}
    assert set(resets.values()) <= {REFUSED_STREAM}
    return [stream for stream in streams if stream in resets]


def refused(client: ByHandClient) -> list[int]:
    heard = client.heard.messages
    return [stream for stream, message in heard.items() if message.reset is not None]


def said(frames: list[Frame]) -> list[int]:
    """The limits that a server said, one after the other."""
    values = [one.settings for one in frames if isinstance(one, SettingsFrame) and one.settings]
    return [one[SettingsFrame.MAX_CONCURRENT_STREAMS] for one in values]


def test_a_stream_above_the_limit_is_refused_and_the_connection_lives() -> None:
    client = silent()
    assert ask(client, 1, 3, 5) == [3, 5]
    client.respond(1, Response(status=200))
    assert ask(client, 7) == []
    assert [got.stream for got in client.received] == [1, 7]
    assert said(client.heard.frames) == [1]


def test_the_limit_counts_once_it_is_acknowledged() -> None:
    client = silent(acknowledged=False)
    streams = range(1, 2003, 2)
    assert ask(client, *streams) == [2001], "nobody knows a limit above 1000"
    client.say(SETTINGS_ACK)
    for stream in range(1, 1999, 2):
        client.respond(stream, Response(status=200))
    assert ask(client, 2003) == [2003], "one is still open"
    client.respond(1999, Response(status=200))
    assert ask(client, 2005, 2007) == [2007]


def test_a_raised_limit_counts_at_once() -> None:
    client = silent()
    assert ask(client, 1, 3) == [3]
    client.server.act(Settings(max_streams=3))
    assert ask(client, 5, 7, 9) == [9]
    assert said(client.heard.frames) == [1, 3]


def test_a_lowered_limit_refuses_what_is_under_way_and_lets_the_open_ones_end() -> None:
    client = silent(max_streams=1000)
    assert ask(client, 1, 3, 5) == []
    client.server.act(Settings(max_streams=1))
    assert ask(client, 7, 9) == [7, 9]
    for stream in (1, 3, 5):
        client.respond(stream, Response(status=200))
    assert sorted(client.statuses) == [1, 3, 5]
    assert ask(client, 11, 13) == [13]


def test_no_stream_at_all() -> None:
    client = silent()
    client.server.act(Settings(max_streams=0))
    assert ask(client, 1) == [1]
    client.server.act(Settings(max_streams=1))
    assert ask(client, 3) == []


@pytest.mark.parametrize("way", ["arriving", "unanswered", "being written"])
def test_a_stream_is_open_from_its_first_byte_to_the_last(way: str) -> None:
    client = silent()
    client.say(headers(1, BLOCK, end=False))
    if way != "arriving":
        client.say(data(1, b"{}", end=True))
    if way == "being written":
        client.respond(1, LONG)
        assert not client.heard.messages[1].ended
    assert ask(client, 3) == [3]
    if way == "being written":
        client.say(window(0, len(LONG.body)), window(1, len(LONG.body)))
        assert client.heard.messages[1].ended
    else:
        client.say(rst(1, CANCEL))
    assert ask(client, 5) == []


def test_what_is_refused_leaves_the_header_table_right() -> None:
    client, encoder = silent(), Encoder()
    asked = [post(b"", (b"apns-id", b"%036d" % at)) for at in range(40)]
    client.say(headers(1, encoder.encode(asked[0].headers), end=True))
    for at, request in enumerate(asked[1:-1], 1):
        client.say(headers(2 * at + 1, encoder.encode(request.headers), end=True))
    client.respond(1, Response(status=200))
    client.say(headers(79, encoder.encode(asked[-1].headers), end=True))
    assert [got.request for got in client.received] == [asked[0], asked[-1]]


def test_data_of_refused_streams_counts_on_the_connections_window_and_is_not_answered() -> None:
    client = silent()
    client.say(headers(1, BLOCK, end=False))
    for at in range(1, 300):
        spent = 1_000 * (at - 1)
        assert WINDOW + client.heard.credit[0] - spent >= 1_000
        client.say(headers(2 * at + 1, BLOCK, end=False), data(2 * at + 1, bytes(900)))
        client.say(data(2 * at + 1, bytes(90), pad=9, end=True))
        assert client.heard.frames[-1].type in (3, 8), "a reset, or credit after it"
    resets = [frame for frame in client.heard.frames if frame.type == 3]
    assert len(resets) == 299, "one for each, and none for its data"
    client.say(data(1, b"whole", end=True))
    assert client.received[0].request.body == b"whole"


def test_data_after_the_end_of_a_refused_stream_is_an_error_of_its_own() -> None:
    client = silent()
    client.say(headers(1, BLOCK, end=False), headers(3, BLOCK, end=False))
    client.say(data(3, b"under way"), data(3, b"to its end", end=True))
    assert client.heard.messages[3].reset == REFUSED_STREAM
    client.say(data(3, b"and more"))
    assert client.heard.messages[3].reset == STREAM_CLOSED


def test_data_on_a_stream_that_the_client_reset_is_an_error_of_its_own() -> None:
    client = silent()
    client.say(headers(1, BLOCK, end=False), rst(1, CANCEL), data(1, b"late"))
    assert client.heard.messages[1].reset == STREAM_CLOSED


def test_after_our_goodbye_streams_are_forgotten_and_not_without_end() -> None:
    client = silent(max_streams=1000)
    assert ask(client, 1) == []
    client.server.act(GoAway())
    bound = ALLOWED[Flood.FORGOTTEN].at_once
    assert ask(client, *range(3, 2 * bound + 3, 2)) == []
    client.say(headers(2 * bound + 3, BLOCK))
    assert client.server.finished
    assert [got.error_code for got in client.heard.goaways()] == [NO_ERROR, ENHANCE_YOUR_CALM]


def test_our_client_keeps_to_the_limit_and_loses_nothing() -> None:
    pair = Pair(max_streams=1)
    pair.run()
    sent: list[int] = []
    while len(sent) < 20:
        while pair.client.room:
            sent.append(pair.client.send(post()))
        if len(sent) == 10:
            pair.server.act(Settings(max_streams=1000))
        pair.run()
    assert sorted(pair.answers) == sorted(sent)
    assert pair.client.room == 1000
