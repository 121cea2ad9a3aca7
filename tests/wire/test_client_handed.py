"""What left this process and what did not: the line between lost and unprocessed."""

import pytest

from tests.wire.pair import post
from tests.wire.raw import (
    CANCEL,
    FLOW_CONTROL_ERROR,
    INTERNAL_ERROR,
    MAX_STREAM,
    NO_ERROR,
    data,
    goaway,
    headers,
    raw,
    rst,
    settings,
    window,
)
from tests.wire.script import ByHandServer

NO_WINDOW = settings(MAX_CONCURRENT_STREAMS=1000, INITIAL_WINDOW_SIZE=0)
BODY = b"0123456789"


@pytest.mark.parametrize("body", [b"", BODY])
def test_what_was_taken_counts_as_sent(body: bytes) -> None:
    server = ByHandServer()
    server.client.send(post(body))
    server.client.outgoing()
    server.hang_up()
    assert server.outcomes == {1: "lost"}


@pytest.mark.parametrize("body", [b"", BODY])
def test_what_was_never_taken_is_unprocessed(body: bytes) -> None:
    server = ByHandServer()
    server.get(1)
    server.client.send(post(body))
    server.hang_up()
    assert server.outcomes == {1: "lost", 3: "unprocessed"}


def test_a_request_that_a_zero_window_holds_is_unprocessed() -> None:
    server = ByHandServer(greeting=NO_WINDOW)
    server.get(2, body=BODY)
    server.get(1, body=b"")
    assert {stream: server.heard.messages[stream].ended for stream in (1, 3, 5)} == {
        1: False,
        3: False,
        5: True,
    }
    server.hang_up()
    assert server.outcomes == {1: "unprocessed", 3: "unprocessed", 5: "lost"}


def test_a_request_of_which_the_last_byte_is_held_is_unprocessed() -> None:
    server = ByHandServer(greeting=NO_WINDOW)
    server.get(2, body=BODY)
    server.say(window(1, len(BODY) - 1), window(3, len(BODY)))
    server.listen()
    assert server.heard.messages[1].body == BODY[:-1]
    server.hang_up()
    assert server.outcomes == {1: "unprocessed", 3: "lost"}


def test_a_window_that_opened_counts_only_once_its_bytes_were_taken() -> None:
    server = ByHandServer(greeting=NO_WINDOW)
    server.get(2, body=BODY)
    server.say(window(1, len(BODY)))
    server.listen()
    server.say(window(3, len(BODY)))
    server.hang_up()
    assert server.outcomes == {1: "lost", 3: "unprocessed"}


def test_a_held_request_that_is_reset_is_unprocessed() -> None:
    server = ByHandServer(greeting=NO_WINDOW)
    server.get(2, body=BODY)
    server.say(rst(1, INTERNAL_ERROR), rst(3, NO_ERROR))
    assert server.outcomes == {1: "unprocessed", 3: "unprocessed"}
    server.say(window(1, 100), window(3, 100))
    server.listen()
    assert not server.heard.messages[1].body


def test_a_held_request_below_goaways_last_stream_is_unprocessed_after_the_cut() -> None:
    server = ByHandServer(greeting=NO_WINDOW)
    server.get(2, body=BODY)
    server.say(goaway(1))
    assert server.outcomes == {3: "unprocessed"}
    server.say(window(1, len(BODY)), window(3, len(BODY)))
    server.listen()
    assert server.heard.messages[1].ended
    assert not server.heard.messages[3].body
    server.hang_up()
    assert server.outcomes[1] == "lost"


@pytest.mark.parametrize(
    "frames", [b"\0" * 9, b"HTTP/1.1 400 Bad Request\r\n\r\n", raw(3, payload=bytes(4))]
)
def test_what_is_called_unprocessed_is_never_written_afterwards(frames: bytes) -> None:
    server = ByHandServer()
    server.client.send(post(BODY))
    server.client.send(post(b""))
    server.say(frames)
    assert server.outcomes == {1: "unprocessed", 3: "unprocessed"}
    server.listen()
    assert 1 not in server.heard.messages
    assert 3 not in server.heard.messages
    assert len(server.heard.goaways()) == 1


def test_what_is_called_unprocessed_at_the_cut_is_never_written_afterwards() -> None:
    server = ByHandServer()
    server.client.send(post(BODY))
    server.hang_up()
    server.listen()
    assert 1 not in server.heard.messages


EARLY = {
    "the answer ends the stream": ((headers(1),), "200"),
    "a body ends the stream": (
        (headers(1, b"\x8c", end=False), data(1, b"too large", end=True)),
        "400 too large",
    ),
    "a reset without an error follows": ((headers(1, end=False), rst(1, NO_ERROR)), "200"),
    "a reset without an error follows the end": ((headers(1), rst(1, NO_ERROR)), "200"),
    "a reset with an error follows": ((headers(1, end=False), rst(1, CANCEL)), "200"),
}


@pytest.mark.parametrize("name", EARLY)
def test_an_answer_before_the_body_is_out_is_the_answer(name: str) -> None:
    frames, answer = EARLY[name]
    server = ByHandServer(greeting=settings(MAX_CONCURRENT_STREAMS=1, INITIAL_WINDOW_SIZE=4))
    server.get(1, body=BODY)
    server.say(*frames)
    server.listen()
    assert server.outcomes == {1: answer}
    # The stream is over at both ends: it does not count against the limit of one.
    message = server.heard.messages[1]
    assert message.ended or message.reset is not None or "reset" in name
    server.say(window(1, 100), window(0, 100))
    assert server.client.room == 1
    server.get(1, body=b"next")
    assert server.heard.messages[3].body == b"next"
    server.say(headers(3))
    assert server.outcomes == {1: answer, 3: "200"}
    assert not server.client.closed


def test_a_held_body_goes_out_while_its_answer_has_begun() -> None:
    server = ByHandServer(greeting=NO_WINDOW)
    server.get(1, body=BODY)
    server.say(headers(1, end=False), window(1, len(BODY)))
    server.listen()
    assert server.heard.messages[1].body == BODY
    assert server.heard.messages[1].ended
    server.say(data(1, end=True))
    assert server.outcomes == {1: "200"}


def test_a_request_that_goes_out_with_our_reset_behind_it_is_lost() -> None:
    """The server makes us give up a stream whose bytes wait to be taken: they are still written."""
    server = ByHandServer()
    server.client.send(post(BODY))
    server.say(window(1, MAX_STREAM))
    server.listen()
    assert server.heard.messages[1].ended
    assert server.heard.messages[1].reset == FLOW_CONTROL_ERROR
    assert server.outcomes == {1: "lost"}


def test_requests_that_were_open_when_we_said_goodbye_are_settled_once() -> None:
    server = ByHandServer()
    server.get(1)
    server.client.send(post(BODY))
    server.client.close()
    server.listen()
    assert server.heard.messages[3].ended
    server.say(headers(1))
    server.hang_up()
    assert set(server.outcomes) == {1, 3}
    assert server.outcomes[3] == "lost"
