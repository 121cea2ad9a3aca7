"""The two ends together, joined by a fake wire: what is sent arrives, and nothing stalls."""

from collections.abc import Callable

import pytest

from pushkit_cli.apns.acts import Respond
from pushkit_cli.apns.message import Request, Response
from pushkit_cli.apns.push import MAX_BODY_BYTES
from pushkit_cli.wire.client import MAX_ANSWER_BYTES
from tests.wire.pair import Pair, however_cut, post
from tests.wire.raw import WINDOW, Cut

KB = 1024
BODY = bytes(range(256)) * 4 * KB  # 1 MB in which a byte out of place is seen


@however_cut
@pytest.mark.parametrize("size", [0, 1, 4096, 5120])
def test_a_request_and_its_answer_arrive_as_they_were_given(
    make_cut: Callable[[], Cut], size: int
) -> None:
    refusal = Response(
        status=410,
        headers=((b"apns-id", b"8A4F"), (b"x", b"1"), (b"x", b"\xff\xfe")),
        body=BODY[:size],
    )
    pair = Pair(cut=make_cut(), answer=lambda request: refusal)
    request = post(BODY[:size], (b"apns-priority", b"10"))
    stream = pair.client.send(request)
    pair.run()
    (got,) = pair.received
    assert got.stream == stream
    assert got.request == request
    assert pair.answers == {stream: refusal}
    assert pair.client.waiting == 0
    assert not pair.server.finished


@however_cut
def test_two_hundred_requests_are_pipelined_by_room(make_cut: Callable[[], Cut]) -> None:
    pair = Pair(cut=make_cut())
    bodies = [BODY[at : at + at * 20] for at in range(200)]
    names: dict[int, int] = {}
    turns = 0
    while len(names) < 200 or pair.client.waiting:
        while len(names) < 200 and pair.client.room:
            at = len(names)
            request = post(bodies[at], (b"apns-id", str(at).encode()))
            names[pair.client.send(request)] = at
        pair.turn()
        turns += 1
        assert turns < 20, "a wire that pipelines needs no more turns than the windows ask for"
    assert {got.stream: got.request.body for got in pair.received} == {
        stream: bodies[at] for stream, at in names.items()
    }
    assert {
        stream: dict(answer.headers)[b"apns-id"] for stream, answer in pair.answers.items()
    } == {stream: str(at).encode() for stream, at in names.items()}


def test_streams_are_odd_and_rise() -> None:
    pair = Pair()
    pair.run()
    assert [pair.client.send(post()) for _ in range(4)] == [1, 3, 5, 7]


def test_there_is_room_for_one_request_before_settings() -> None:
    pair = Pair()
    assert pair.client.room == 1
    pair.client.send(post())
    assert pair.client.room == 0
    with pytest.raises(ValueError, match="room"):
        pair.client.send(post())


def test_there_is_room_for_a_thousand_less_the_open_ones_after_settings() -> None:
    pair = Pair(answer=lambda request: None)
    pair.run()
    assert pair.client.room == 1000
    for _ in range(3):
        pair.client.send(post())
    pair.run()
    assert pair.client.room == 997
    assert pair.client.waiting == 3
    for got in pair.received:
        pair.server.act(Respond(stream=got.stream, response=Response(status=200)))
    pair.run()
    assert pair.client.room == 1000
    assert pair.client.waiting == 0


def test_a_thousand_requests_may_be_open_at_once() -> None:
    pair = Pair(answer=lambda request: None)
    pair.run()
    while pair.client.room:
        pair.client.send(post(b""))
    pair.run()
    assert len(pair.received) == 1000
    for got in reversed(pair.received):
        pair.server.act(Respond(stream=got.stream, response=Response(status=200)))
    pair.run()
    assert len(pair.answers) == 1000


def test_a_body_of_100_kb_waits_for_the_windows_and_is_answered() -> None:
    pair = Pair()
    pair.run()
    pair.client.send(post(BODY[: 100 * KB]))
    pair.upward.hear(written := pair.client.outgoing())
    assert pair.upward.windows.connection == 0, "all of the window is used, and no more"
    assert WINDOW < len(written) < WINDOW + KB
    pair.server.receive(written)
    pair.client.receive(pair.server.outgoing())
    rest = pair.client.outgoing()
    (got,) = pair.server.receive(rest)
    assert got.request.body_size == 100 * KB


@however_cut
def test_bodies_beyond_the_connections_window_are_carried_whole(
    make_cut: Callable[[], Cut],
) -> None:
    pair = Pair(cut=make_cut())
    pair.run()
    streams = [pair.client.send(post(BODY[at : at + 5120])) for at in range(40)]
    pair.run()
    assert sorted(pair.answers) == streams
    assert [got.request.body for got in sorted(pair.received, key=lambda got: got.stream)] == [
        BODY[at : at + 5120] for at in range(40)
    ]


def test_of_a_huge_body_the_largest_that_is_allowed_is_kept_and_all_is_counted() -> None:
    pair = Pair(answer=lambda request: Response(status=413))
    pair.run()
    for _ in range(2):
        pair.client.send(post(BODY))
    small = pair.client.send(post(b"small"))
    pair.run()
    assert sorted(pair.answers) == [1, 3, small]
    by_stream = {got.stream: got.request for got in pair.received}
    for stream in (1, 3):
        assert by_stream[stream].body == BODY[:MAX_BODY_BYTES]
        assert by_stream[stream].body_size == len(BODY)
    assert by_stream[small] == post(b"small")


@however_cut
@pytest.mark.parametrize("size", [WINDOW, MAX_ANSWER_BYTES, 200 * KB])
def test_an_answer_larger_than_the_clients_window_is_read_to_its_end(
    make_cut: Callable[[], Cut], size: int
) -> None:
    answer = Response(status=400, body=BODY[:size])
    pair = Pair(cut=make_cut(), answer=lambda request: answer)
    pair.run()
    streams = [pair.client.send(post()) for _ in range(2)]
    pair.run()
    assert pair.answers == {
        stream: Response(status=400, body=BODY[: min(size, MAX_ANSWER_BYTES)]) for stream in streams
    }


def test_no_more_than_a_bound_is_kept_of_an_answer_of_a_megabyte() -> None:
    pair = Pair(answer=lambda request: Response(status=500, body=BODY))
    pair.client.send(post())
    pair.run()
    assert pair.answers[1].body == BODY[:MAX_ANSWER_BYTES]


def test_five_thousand_refusals_with_bodies_do_not_stall_one_connection() -> None:
    body = b'{"reason":"BadDeviceToken"}'
    pair = Pair(answer=lambda request: Response(status=400, body=body))
    pair.run()
    sent = 0
    while sent < 5000:
        for _ in range(min(pair.client.room, 100)):
            pair.client.send(post(b""))
            sent += 1
        before = len(pair.events)
        pair.run()
        assert len(pair.events) == before + 100
    assert all(answer.body == body for answer in pair.answers.values())


def test_ends_that_are_silent_write_nothing() -> None:
    pair = Pair()
    pair.run()
    assert pair.client.outgoing() == pair.server.outgoing() == b""
    assert pair.client.receive(b"") == ()
    assert pair.server.receive(b"") == ()


def test_a_client_that_says_goodbye_is_let_go() -> None:
    pair = Pair()
    pair.client.send(post())
    pair.run()
    pair.client.close()
    assert pair.client.closed
    assert pair.client.room == 0
    pair.run()
    assert pair.server.finished
    (goodbye,) = pair.upward.goaways()
    assert goodbye.error_code == 0
    assert pair.client.lost("the transport has ended") == ()
    pair.client.close()
    assert pair.client.outgoing() == b""


def test_a_header_that_http2_cannot_carry_is_refused_and_harms_no_other_request() -> None:
    pair = Pair()
    pair.run()
    good = post(b"{}", (b"apns-collapse-id", b"one"))
    pair.client.send(good)
    for name, value in [
        (b"apns-collapse-id", b"a\nb"),
        (b"apns-collapse-id", b"a\rb"),
        (b"apns-collapse-id", b"a\0b"),
        (b"apns-collapse-id", b" a"),
        (b"apns-collapse-id", b"a\t"),
        (b"Apns-Topic", b"a"),
        (b"", b"a"),
        (b"a b", b"c"),
        (b"te", b"gzip"),
        (b"connection", b"close"),
        (b":path", b"/3/device/again"),
        (b":status", b"200"),
    ]:
        room = pair.client.room
        with pytest.raises(ValueError, match="HTTP/2"):
            pair.client.send(post(b"{}", (b"x-new", b"value"), (name, value)))
        assert pair.client.room == room
    with pytest.raises(ValueError, match="HTTP/2"):
        pair.client.send(Request(headers=((b":method", b"POST"),)))
    pair.client.send(good)
    pair.run()
    assert [got.request for got in pair.received] == [good, good]
    assert len(pair.answers) == 2
