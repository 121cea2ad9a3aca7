"""A client that keeps us waiting is waited for and then given up; no second of it is real."""

import pytest
from hpack import Encoder

from pushkit_cli.apns.message import Response
from pushkit_cli.wire.bounds import GREETING_S, REQUEST_S, WINDOW_S
from tests.wire.pair import post
from tests.wire.raw import (
    ENHANCE_YOUR_CALM,
    MAX_STREAM,
    PREFACE,
    PROTOCOL_ERROR,
    WINDOW,
    data,
    headers,
    settings,
    window,
)
from tests.wire.script import ByHandClient

BLOCK = Encoder().encode([(name, value, True) for name, value in post().headers])
LONG = Response(status=200, body=bytes(2 * WINDOW))


def passed(client: ByHandClient, seconds: float) -> None:
    """Let seconds pass one by one."""
    for _ in range(int(seconds)):
        client.server.tick(1)
    client.listen()


@pytest.mark.parametrize(
    "begun", [b"", PREFACE[:10], PREFACE, PREFACE + settings()[:5], b"POST /3/device/ab"]
)
def test_half_a_greeting_is_waited_for_and_then_no_more(begun: bytes) -> None:
    client = ByHandClient(greeting=begun)
    passed(client, GREETING_S)
    assert not client.server.finished
    passed(client, 1)
    (goodbye,) = client.heard.goaways()
    assert goodbye.error_code == PROTOCOL_ERROR
    assert client.server.finished


def test_who_greeted_may_be_silent_for_days() -> None:
    client = ByHandClient()
    passed(client, 1)
    client.server.tick(300_000)
    client.say(headers(1, BLOCK))
    assert client.statuses == {1: b"200"}


def test_a_body_that_never_ends_is_given_up_alone() -> None:
    client = ByHandClient()
    client.say(headers(1, BLOCK, end=False))
    for _ in range(int(REQUEST_S)):
        client.say(data(1, b"x"))
        passed(client, 1)
    assert 1 not in client.heard.messages
    client.say(headers(3, BLOCK, end=False))
    passed(client, 1)
    assert client.heard.messages[1].reset == ENHANCE_YOUR_CALM
    client.say(data(1, b"still coming"), data(3, b"{}", end=True))
    assert client.statuses == {3: b"200"}
    assert not client.server.finished


def test_an_answer_may_take_as_long_as_it_takes() -> None:
    client = ByHandClient()
    client.answer = None
    client.say(headers(1, BLOCK))
    passed(client, 10 * REQUEST_S)
    client.respond(1, Response(status=200))
    assert client.statuses == {1: b"200"}


def test_a_thousand_bodies_that_never_end_end_the_connection() -> None:
    client = ByHandClient()
    client.say(*(headers(stream, BLOCK, end=False) for stream in range(1, 2_000, 2)))
    passed(client, REQUEST_S + 1)
    (goodbye,) = client.heard.goaways()
    assert goodbye.error_code == ENHANCE_YOUR_CALM
    assert client.server.finished


def test_a_window_of_zero_is_waited_for_and_then_given_up_alone() -> None:
    client = ByHandClient(greeting=PREFACE + settings(INITIAL_WINDOW_SIZE=0))
    client.heard.other_said(settings(INITIAL_WINDOW_SIZE=0))
    client.answer = LONG
    client.say(headers(1, BLOCK), headers(3, BLOCK))
    passed(client, WINDOW_S)
    client.say(window(3, 100))
    passed(client, 1)
    assert client.heard.messages[1].reset == ENHANCE_YOUR_CALM
    assert client.heard.messages[3].body == bytes(100)
    passed(client, WINDOW_S + 1)
    assert client.heard.messages[3].reset == ENHANCE_YOUR_CALM
    assert not client.server.finished


def test_a_window_that_stays_below_zero_is_no_progress() -> None:
    client = ByHandClient()
    client.answer = LONG
    client.say(window(0, WINDOW), headers(1, BLOCK))
    client.say(settings(INITIAL_WINDOW_SIZE=100))
    for _ in range(int(WINDOW_S)):
        client.say(window(1, 1))
        passed(client, 1)
    assert client.heard.messages[1].reset is None
    passed(client, 2)
    assert client.heard.messages[1].reset == ENHANCE_YOUR_CALM


def test_a_connections_window_that_stays_shut_ends_it() -> None:
    client = ByHandClient()
    client.answer = LONG
    client.say(headers(1, BLOCK), window(1, MAX_STREAM - WINDOW))
    passed(client, WINDOW_S)
    client.say(window(0, 1))
    passed(client, WINDOW_S)
    assert not client.server.finished
    assert len(client.heard.messages[1].body) == WINDOW + 1
    passed(client, 2)
    (goodbye,) = client.heard.goaways()
    assert goodbye.error_code == ENHANCE_YOUR_CALM
    assert client.server.finished


def test_a_connections_window_may_be_shut_where_nothing_waits_for_it() -> None:
    client = ByHandClient()
    client.answer = Response(status=200, body=bytes(WINDOW))
    client.say(headers(1, BLOCK))
    assert client.heard.windows.connection == 0
    passed(client, 10 * WINDOW_S)
    assert not client.server.finished


def test_a_window_that_opens_unseen_counts() -> None:
    """The transport has no room for more, so that nothing is taken; that is not the window's."""
    client = ByHandClient()
    client.answer = LONG
    client.say(headers(1, BLOCK))
    client.server.receive(window(0, WINDOW) + window(1, WINDOW))
    for _ in range(int(3 * WINDOW_S)):
        client.server.tick(1)
    client.heard.other_said(window(0, WINDOW) + window(1, WINDOW))
    client.listen()
    assert client.heard.messages[1].body == LONG.body
