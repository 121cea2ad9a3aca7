"""Several connections at work over real sockets: each request has one outcome, whatever happens."""

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from pushkit_cli.apns.message import Request, Response
from pushkit_cli.engine.local import Trust
from pushkit_cli.net.fleet import Fleet
from pushkit_cli.net.sender import Endpoint
from pushkit_cli.net.tls import client_context
from tests.apns_host import answering
from tests.net.visitors import Script, Sheaf, apns, drive, route, until_gone, visited
from tests.wire import raw
from tests.wire.pair import accept, post

SOON_S = 0.2


# What goes well


@pytest.mark.parametrize("connections", [1, 3])
def test_each_request_is_answered_once_with_its_own_answer(
    tmp_path: Path, connections: int
) -> None:
    asked = [post(b"{}", (b"apns-id", str(number).encode())) for number in range(1200)]

    def answer(request: Request) -> Response:
        odd = int(request.field(b"apns-id") or "0") % 2
        return Response(status=410 if odd else 200, headers=accept(request).headers)

    with answering(tmp_path, answer) as there:
        at = route(Endpoint(host="localhost", port=there.port), client_context(there.ca_file))
        done = drive(at, asked, connections=connections)
    assert done.words == ["200", "410"] * 600
    assert len(there.asked) == 1200
    assert done.again == 0


def test_a_server_that_takes_one_stream_first_and_many_later_is_kept_to(
    trust: Trust, context: ssl.SSLContext
) -> None:
    """As Apple's: SETTINGS with 1, then with 1000 once the first request was looked at."""
    opened: list[int] = []

    def script(visitor: socket.socket) -> None:
        heard = raw.Listener(preface=True)
        visitor.sendall(raw.settings(MAX_CONCURRENT_STREAMS=1))
        while len([m for m in heard.messages.values() if m.ended]) < 1:
            heard.hear(visitor.recv(65_536))
        opened.append(len([m for m in heard.messages.values() if m.fields]))
        visitor.sendall(raw.headers(1) + raw.settings(MAX_CONCURRENT_STREAMS=20))
        while len([m for m in heard.messages.values() if m.ended]) < 21:
            heard.hear(visitor.recv(65_536))
        opened.append(len([m for m in heard.messages.values() if m.fields]))
        visitor.sendall(b"".join(raw.headers(stream) for stream in range(3, 42, 2)))
        while len([m for m in heard.messages.values() if m.ended]) < 30:
            heard.hear(visitor.recv(65_536))
        visitor.sendall(b"".join(raw.headers(stream) for stream in range(43, 60, 2)))
        until_gone(visitor)

    with visited(trust, script) as there:
        done = drive(route(there, context), [post()] * 30)
    assert done.words == ["200"] * 30
    assert opened == [1, 21]


def test_until_its_first_answer_a_connection_takes_one_request(
    trust: Trust, context: ssl.SSLContext
) -> None:
    dies = apns(answers=0, then=lambda _: b"")

    def script(visitor: socket.socket) -> None:
        visitor.sendall(raw.settings())
        heard = raw.Listener(preface=True)
        while not any(message.ended for message in heard.messages.values()):
            heard.hear(visitor.recv(65_536))
        dies(visitor)

    with visited(trust, script, apns()) as there:
        done = drive(route(there, context), [post()] * 50)
    assert done.words == ["lost", *["200"] * 49]


def test_nothing_to_do_ends_at_once(trust: Trust, context: ssl.SSLContext) -> None:
    with visited(trust, apns()) as there:
        done = drive(route(there, context), [], prepare=lambda sheaf, _: sheaf.over.set())
    assert done.outcomes == {}


def test_a_request_that_http2_cannot_carry_never_leaves(tmp_path: Path) -> None:
    bad = post(b"{}", (b"apns-id", b"a\r\nb"))
    with answering(tmp_path, accept) as there:
        at = route(Endpoint(host="127.0.0.1", port=there.port), client_context(there.ca_file))
        assert drive(at, [bad, post(), bad]).words == ["unfit", "200", "unfit"]
    assert len(there.asked) == 1


def test_a_work_that_wakes_is_done_by_the_connections_that_wait(
    trust: Trust, context: ssl.SSLContext
) -> None:
    def prepare(sheaf: Sheaf, fleet: Fleet) -> None:
        held, sheaf.left = sheaf.left, []

        def give() -> None:
            sheaf.left = held
            fleet.wake()

        asyncio.get_running_loop().call_later(0.05, give)

    with visited(trust, apns()) as there:
        assert drive(route(there, context), [post()] * 9, prepare=prepare).words == ["200"] * 9


# Connections that end


def test_goaway_again_and_again_loses_nothing_and_sends_nothing_twice(
    trust: Trust, context: ssl.SSLContext
) -> None:
    with visited(trust, apns(answers=20, then=raw.goaway)) as there:
        done = drive(route(there, context), [post()] * 110, connections=2)
    assert done.words == ["200"] * 110
    assert done.taken == 110 + done.again


def test_goaway_in_two_steps_lets_the_old_connection_finish_beside_the_new_one(
    trust: Trust, context: ssl.SSLContext
) -> None:
    def script(visitor: socket.socket) -> None:
        heard = raw.Listener(preface=True)
        visitor.sendall(raw.settings(MAX_CONCURRENT_STREAMS=10))
        while len([m for m in heard.messages.values() if m.ended]) < 1:
            heard.hear(visitor.recv(65_536))
        visitor.sendall(raw.headers(1))
        while len([m for m in heard.messages.values() if m.ended]) < 11:
            heard.hear(visitor.recv(65_536))
        visitor.sendall(raw.goaway(raw.MAX_STREAM))
        visitor.sendall(raw.goaway(11))
        visitor.sendall(b"".join(raw.headers(stream) for stream in (11, 9, 7, 5, 3)))
        until_gone(visitor)

    with visited(trust, script, apns()) as there:
        done = drive(route(there, context), [post()] * 40)
    assert done.words == ["200"] * 40
    assert done.again == 5


def test_streams_that_are_refused_are_sent_again_on_their_own(
    trust: Trust, context: ssl.SSLContext
) -> None:
    def script(visitor: socket.socket) -> None:
        heard, seen = raw.Listener(preface=True), set[int]()
        visitor.sendall(raw.settings(MAX_CONCURRENT_STREAMS=8))
        while piece := visitor.recv(65_536):
            heard.hear(piece)
            for stream in [s for s, m in heard.messages.items() if m.ended and s not in seen]:
                seen.add(stream)
                odd = len(seen) % 3 == 2
                visitor.sendall(raw.rst(stream, 7) if odd else raw.headers(stream))

    with visited(trust, script) as there:
        done = drive(route(there, context), [post()] * 30)
    assert done.words == ["200"] * 30
    assert done.again > 5


def test_what_was_in_flight_when_a_connection_is_cut_is_lost_and_the_rest_goes_on(
    trust: Trust, context: ssl.SSLContext
) -> None:
    with visited(trust, apns(answers=20), apns()) as there:
        done = drive(route(there, context), [post()] * 200)
    assert set(done.words) == {"200", "lost"}
    assert len(done.words) == 200


def test_streams_run_out_and_another_connection_takes_over(tmp_path: Path) -> None:
    with answering(tmp_path, accept) as there:
        endpoint = Endpoint(host="127.0.0.1", port=there.port)
        at = route(endpoint, client_context(there.ca_file), last_stream=399)
        done = drive(at, [post()] * 900)
    assert done.words == ["200"] * 900
    assert len(there.asked) == 900


def test_a_new_provider_token_goes_over_new_connections_and_the_old_ones_finish(
    tmp_path: Path,
) -> None:
    asked = [post(b"{}", (b"apns-id", str(number).encode())) for number in range(800)]
    bearers = [b"old"]

    def prepare(sheaf: Sheaf, fleet: Fleet) -> None:
        plain_take = sheaf.take

        def take(room: int) -> list[Any]:
            if len(sheaf.left) < 400 and bearers[-1] == b"old":
                bearers.append(b"new")
                asyncio.get_running_loop().call_soon(fleet.renew)
                return []
            errands = plain_take(min(room, 50))
            for errand in errands:
                pair = (b"authorization", bearers[-1])
                object.__setattr__(
                    errand,
                    "request",
                    Request(headers=(*errand.request.headers, pair), body=b"{}", body_size=2),
                )
            return errands

        sheaf.take = take  # type: ignore[method-assign]

    with answering(tmp_path, accept) as there:
        at = route(Endpoint(host="127.0.0.1", port=there.port), client_context(there.ca_file))
        done = drive(at, asked, connections=2, prepare=prepare)
    assert done.words == ["200"] * 800
    assert {request.field(b"authorization") for request in there.asked} == {"old", "new"}
    assert len(there.asked) == 800


# Servers that do not answer


def test_an_answer_that_never_comes_is_waited_for_no_longer_than_the_timeout(
    trust: Trust, context: ssl.SSLContext
) -> None:
    """The server is alive, so the others are not given up."""

    def script(visitor: socket.socket) -> None:
        heard, seen = raw.Listener(preface=True), set[int]()
        visitor.sendall(raw.settings(MAX_CONCURRENT_STREAMS=2))
        while piece := visitor.recv(65_536):
            heard.hear(piece)
            for stream in [s for s, m in heard.messages.items() if m.ended and s not in seen]:
                seen.add(stream)
                if stream != 3:
                    visitor.sendall(raw.headers(stream))
            visitor.sendall(raw.ping())

    with visited(trust, script) as there:
        done = drive(route(there, context, timeout=SOON_S), [post()] * 20)
    assert sorted(done.words) == ["200"] * 19 + ["lost"]


@pytest.mark.parametrize(
    ("silent", "first"),
    [(until_gone, "200"), (apns(answers=0, stay=True), "lost")],
    ids=["nothing", "SETTINGS alone"],
)
def test_a_connection_that_says_nothing_is_dead_and_replaced(
    trust: Trust, context: ssl.SSLContext, silent: Script, first: str
) -> None:
    with visited(trust, silent, apns()) as there:
        done = drive(route(there, context, timeout=SOON_S), [post()] * 20)
    assert done.words == [first, *["200"] * 19]


def test_a_window_that_stays_shut_leaves_its_requests_unprocessed(
    trust: Trust, context: ssl.SSLContext
) -> None:
    shut = raw.settings(INITIAL_WINDOW_SIZE=0)

    def script(visitor: socket.socket) -> None:
        visitor.sendall(shut)
        until_gone(visitor)

    with visited(trust, script, apns()) as there:
        done = drive(route(there, context, timeout=SOON_S), [post()] * 5)
    assert done.words == ["200"] * 5
    assert done.again == 1


@pytest.mark.parametrize(
    "broken", [b"HTTP/1.1 400 Bad Request\r\n\r\n", bytes(20), raw.raw(8, payload=bytes(4))]
)
def test_a_server_that_breaks_http2_loses_what_it_was_given(
    trust: Trust, context: ssl.SSLContext, broken: bytes
) -> None:
    def script(visitor: socket.socket) -> None:
        heard = raw.Listener(preface=True)
        visitor.sendall(raw.settings())
        while not any(message.ended for message in heard.messages.values()):
            heard.hear(visitor.recv(65_536))
        visitor.sendall(broken)
        until_gone(visitor)

    with visited(trust, script, apns()) as there:
        done = drive(route(there, context), [post()] * 10)
    assert done.words == ["lost", *["200"] * 9]


def test_at_the_end_of_a_run_a_server_that_does_not_let_go_is_cut_off(
    trust: Trust, context: ssl.SSLContext
) -> None:
    def script(visitor: socket.socket) -> None:
        visitor.sendall(raw.settings())
        until_gone(visitor)

    def prepare(sheaf: Sheaf, _: Fleet) -> None:
        asyncio.get_running_loop().call_later(0.1, sheaf.over.set)

    with visited(trust, script) as there:
        done = drive(route(there, context), [post()] * 3, prepare=prepare)
    assert done.outcomes == {0: "lost"}
