"""The blocking sender over real sockets: a push that left has an outcome, whatever happens."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

import pytest

from pushkit_cli.apns.message import Outcome, Reply, Request, Response
from pushkit_cli.engine.local import Trust, ensure_trust
from pushkit_cli.errors import ExitCode, NotSentError
from pushkit_cli.net import sender
from pushkit_cli.net.proxy import Proxy
from pushkit_cli.net.sender import Endpoint, connect, exchange
from pushkit_cli.net.tls import client_context
from pushkit_cli.store.files import Home
from tests.apns_host import answering
from tests.wire import raw
from tests.wire.pair import accept, post

PATIENCE_S = 10.0
SOON_S = 0.3
Script = Callable[[socket.socket], object]


@pytest.fixture(scope="module")
def other_trust(tmp_path_factory: pytest.TempPathFactory) -> Trust:
    return ensure_trust(Home(tmp_path_factory.mktemp("other") / "home"))


@contextmanager
def host(script: Script) -> Iterator[Endpoint]:
    """A port whose one visitor gets what a script does; gone at the end of the block."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(PATIENCE_S)

        def serve() -> None:
            with suppress(OSError), listening.accept()[0] as visitor:
                visitor.settimeout(PATIENCE_S)
                script(visitor)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield Endpoint(host="127.0.0.1", port=listening.getsockname()[1])
        finally:
            thread.join()


def tls(trust: Trust, script: Script, *, alpn: str | None = "h2") -> Script:
    """The script, spoken over TLS."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(trust.chain_file, trust.chain_key_file)
    if alpn is not None:
        server.set_alpn_protocols([alpn])

    def serve(plain: socket.socket) -> None:
        with server.wrap_socket(plain, server_side=True) as spoken:
            script(spoken)

    return serve


def until_gone(visitor: socket.socket) -> None:
    while visitor.recv(65_536):
        pass


def saying(*frames: bytes, asked: int = 1, stay: bool = False) -> Script:
    """Read so many requests, write the frames, and hang up or wait for the visitor to do so."""

    def script(visitor: socket.socket) -> None:
        heard = raw.Listener(preface=True)
        visitor.sendall(raw.settings())
        while sum(message.ended for message in heard.messages.values()) < asked:
            heard.hear(visitor.recv(65_536))
        visitor.sendall(b"".join(frames))
        if stay:
            until_gone(visitor)

    return script


def not_sent(endpoint: Endpoint, context: ssl.SSLContext, *, timeout: float = PATIENCE_S) -> str:
    """What is said where no connection comes about."""
    with pytest.raises(NotSentError) as caught:
        exchange(endpoint, context, [post()], timeout=timeout)
    assert caught.value.exit_code is ExitCode.NOT_SENT
    assert caught.value.hint
    return caught.value.message


def replies(
    endpoint: Endpoint, context: ssl.SSLContext, pushes: int = 1, *, timeout: float = PATIENCE_S
) -> list[Reply]:
    done = exchange(endpoint, context, [post()] * pushes, timeout=timeout)
    assert len(done) == pushes
    assert all(one.elapsed_ms >= 0 for one in done)
    return [one.reply for one in done]


def said(found: list[Reply]) -> list[tuple[Outcome, int | None]]:
    return [(reply.outcome, reply.status) for reply in found]


# Where no connection comes about


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nowhere.invalid", "no address is known for nowhere.invalid"),
        ("a..b", "a..b:443 cannot be reached: "),
        ("x" * 64 + ".invalid", ":443 cannot be reached: "),
    ],
)
def test_a_name_without_an_address_is_not_sent(
    context: ssl.SSLContext, name: str, words: str
) -> None:
    assert words in not_sent(Endpoint(host=name, port=443), context)


def test_a_closed_port_is_not_sent(context: ssl.SSLContext) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    message = not_sent(Endpoint(host="127.0.0.1", port=port), context)
    assert message == f"127.0.0.1:{port} cannot be reached: connection refused"


def test_another_authority_is_not_trusted(trust: Trust, other_trust: Trust) -> None:
    with host(tls(trust, until_gone)) as endpoint:
        message = not_sent(endpoint, client_context(other_trust.ca_file))
    assert message.startswith(f"127.0.0.1:{endpoint.port} showed a certificate that is not trusted")


def test_a_certificate_for_another_name_is_not_trusted(
    trust: Trust, context: ssl.SSLContext
) -> None:
    with host(tls(trust, until_gone)) as endpoint:  # "127.1" leads there as well
        message = not_sent(Endpoint(host="127.1", port=endpoint.port), context)
    assert "not trusted: hostname mismatch" in message.lower()


@pytest.mark.parametrize(
    "script",
    [
        lambda visitor: None,
        lambda visitor: visitor.recv(10),
        lambda visitor: (visitor.recv(65_536), visitor.sendall(b"\x16\x03\x03\x00\x7a\x02\x00")),
        lambda visitor: visitor.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        lambda visitor: visitor.sendall(b"\x15\x03\x03\x00\x02\x02\x28"),
        lambda visitor: visitor.sendall(bytes(5000)),
    ],
    ids=["at once", "in hello", "in its hello", "no tls", "an alert", "zeros"],
)
def test_a_handshake_that_does_not_end_is_not_sent(context: ssl.SSLContext, script: Script) -> None:
    with host(script) as endpoint:
        assert "did not complete TLS: " in not_sent(endpoint, context)


def test_silence_in_the_handshake_is_not_sent_and_no_longer_than_the_timeout(
    context: ssl.SSLContext,
) -> None:
    began = time.monotonic()
    with host(until_gone) as endpoint:
        message = not_sent(endpoint, context, timeout=SOON_S)
    assert message.endswith("did not complete TLS: no answer in time")
    assert SOON_S <= time.monotonic() - began < SOON_S + 2


def test_the_timeout_covers_the_way_to_the_host_as_well(context: ssl.SSLContext) -> None:
    def slowly(visitor: socket.socket) -> None:
        visitor.recv(65_536)
        time.sleep(0.1)  # as a proxy that has far to go
        visitor.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        until_gone(visitor)

    seen: list[float | None] = []

    class Watched(ssl.SSLContext):
        def wrap_socket(self, sock: socket.socket, *_: object, **__: object) -> ssl.SSLSocket:
            seen.append(sock.gettimeout())
            raise TimeoutError

    with host(slowly) as at, pytest.raises(NotSentError, match="no answer in time"):
        exchange(
            Endpoint(host="api.push.apple.com", port=443),
            Watched(ssl.PROTOCOL_TLS_CLIENT),
            [post()],
            timeout=SOON_S,
            proxy=Proxy(host=at.host, port=at.port),
        )
    (left,) = seen
    assert left is not None
    assert 0 < left <= SOON_S - 0.1


@pytest.mark.parametrize("alpn", ["http/1.1", None])
def test_a_host_without_http2_is_not_sent(
    trust: Trust, context: ssl.SSLContext, alpn: str | None
) -> None:
    with host(tls(trust, until_gone, alpn=alpn)) as endpoint:
        assert "does not speak HTTP/2" in not_sent(endpoint, context)


# What becomes of a push that left


def test_an_answer_is_the_outcome_and_the_body_crosses(
    context: ssl.SSLContext, tmp_path: Path
) -> None:
    with answering(tmp_path, accept) as there:
        endpoint = Endpoint(host="127.0.0.1", port=there.port)
        (one,) = exchange(
            endpoint, client_context(there.ca_file), [post(b'{"a":1}')], timeout=PATIENCE_S
        )
    assert (one.reply.outcome, one.reply.status) == (Outcome.ACCEPTED, 200)
    assert 0 < one.elapsed_ms < PATIENCE_S * 1000
    assert [request.body for request in there.asked] == [b'{"a":1}']


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
def test_a_local_host_is_reached_by_each_of_its_names(tmp_path: Path, name: str) -> None:
    with answering(tmp_path, accept) as there:
        endpoint = Endpoint(host=name, port=there.port)
        assert said(replies(endpoint, client_context(there.ca_file))) == [(Outcome.ACCEPTED, 200)]


def test_many_pushes_are_answered_each_with_its_own(tmp_path: Path) -> None:
    asked = [post(b"{}", (b"apns-id", str(number).encode())) for number in range(1500)]

    def answer(request: Request) -> Response:
        if int(request.field(b"apns-id") or "0") % 3 == 0:
            return Response(status=400, headers=accept(request).headers, body=b'{"reason":"No"}')
        return accept(request)

    with answering(tmp_path, answer) as there:
        endpoint = Endpoint(host="127.0.0.1", port=there.port)
        done = exchange(endpoint, client_context(there.ca_file), asked, timeout=PATIENCE_S * 3)
    assert [one.reply.apns_id for one in done] == [str(number) for number in range(1500)]
    assert [one.reply.status for one in done] == [(200, 400)[it % 3 == 0] for it in range(1500)]
    assert len(there.asked) == 1500


def test_no_push_needs_no_answer(tmp_path: Path) -> None:
    with answering(tmp_path, lambda _: None) as there:
        endpoint = Endpoint(host="127.0.0.1", port=there.port)
        assert exchange(endpoint, client_context(there.ca_file), [], timeout=PATIENCE_S) == ()


def test_a_request_that_http2_cannot_carry_is_the_callers_mistake(tmp_path: Path) -> None:
    with answering(tmp_path, accept) as there:
        endpoint = Endpoint(host="127.0.0.1", port=there.port)
        bad = post(b"{}", (b"apns-id", b"a\r\nb"))
        with pytest.raises(ValueError, match="HTTP/2 cannot carry"):
            exchange(endpoint, client_context(there.ca_file), [bad], timeout=PATIENCE_S)
    assert there.asked == []


def in_http1(visitor: socket.socket) -> None:
    visitor.sendall(b"HTTP/1.1 400 Bad Request\r\n" * 9)
    until_gone(visitor)


BROKEN = b"\x00\x00\x04\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00"  # a WINDOW_UPDATE of 0
SHUTDOWN = raw.goaway(0, debug=b'{"reason":"Shutdown"}')
ENDS: dict[str, tuple[Script, list[tuple[Outcome, int | None]], str]] = {
    "hangs up": (saying(), [(Outcome.UNKNOWN, None)], "the server closed the connection"),
    "GOAWAY at once": (
        saying(SHUTDOWN, asked=0, stay=True),
        [(Outcome.UNSENT, None)] * 3,
        "going away",
    ),
    "GOAWAY after the first": (
        saying(raw.headers(1), raw.goaway(1), stay=True),
        [(Outcome.ACCEPTED, 200), (Outcome.UNSENT, None), (Outcome.UNSENT, None)],
        "",
    ),
    "half a frame": (saying(raw.headers(1)[:9]), [(Outcome.UNKNOWN, None)], "closed"),
    "a status and no end": (saying(raw.headers(1, end=False)), [(Outcome.ACCEPTED, 200)], ""),
    "a refusal cut short": (
        saying(raw.headers(1, raw.BAD_REQUEST, end=False), raw.data(1, b'{"rea')),
        [(Outcome.REFUSED, 400)],
        "",
    ),
    "refuses the stream": (
        saying(raw.rst(1, raw.REFUSED_STREAM), stay=True),
        [(Outcome.UNSENT, None)],
        "the server refused the stream",
    ),
    "resets the stream": (
        saying(raw.rst(1, raw.INTERNAL_ERROR), stay=True),
        [(Outcome.UNKNOWN, None)],
        "the server reset the stream: INTERNAL_ERROR",
    ),
    "breaks HTTP/2": (saying(BROKEN, stay=True), [(Outcome.UNKNOWN, None)], "broke HTTP/2"),
    "speaks HTTP/1.1": (
        in_http1,
        [(Outcome.UNKNOWN, None)],
        "broke HTTP/2",
    ),
}


@pytest.mark.parametrize("name", ENDS)
def test_whatever_ends_a_conversation_each_push_has_its_outcome(
    trust: Trust, context: ssl.SSLContext, name: str
) -> None:
    script, outcomes, words = ENDS[name]
    with host(tls(trust, script)) as endpoint:
        found = replies(endpoint, context, len(outcomes))
    assert said(found) == outcomes
    assert any(words in (reply.detail or "") for reply in found)


def test_who_hears_nothing_knows_nothing_and_says_so_in_time(
    trust: Trust, context: ssl.SSLContext
) -> None:
    began = time.monotonic()
    with host(tls(trust, saying(stay=True))) as endpoint:
        first, *others = replies(endpoint, context, 3, timeout=SOON_S)
    assert SOON_S <= time.monotonic() - began < SOON_S + 2
    assert (first.outcome, first.detail) == (Outcome.UNKNOWN, "no answer in time")
    assert {reply.outcome for reply in others} <= {Outcome.UNKNOWN, Outcome.UNSENT}


@pytest.mark.parametrize("seed", range(30))
def test_garbage_after_the_handshake_never_escapes(
    trust: Trust, context: ssl.SSLContext, seed: int
) -> None:
    random = Random(seed)
    good = [raw.settings(), raw.headers(1), raw.data(1, b"{}", end=True), raw.goaway(1), raw.ping()]
    frames = random.choices([*good, random.randbytes(9), random.randbytes(300)], k=5)
    with host(tls(trust, saying(*frames, asked=random.randint(0, 1)))) as endpoint:
        found = replies(endpoint, context, 2)
    assert {reply.outcome for reply in found} <= {*Outcome} - {Outcome.HELD}


# The socket


def test_a_connection_does_not_wait_to_fill_a_packet(trust: Trust, context: ssl.SSLContext) -> None:
    with (
        host(tls(trust, until_gone)) as endpoint,
        connect(endpoint, context, timeout=PATIENCE_S) as connection,
    ):
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert connection.selected_alpn_protocol() == "h2"


@pytest.mark.parametrize(
    ("name", "port", "authority"),
    [
        ("api.push.apple.com", 443, "api.push.apple.com"),
        ("api.push.apple.com", 2197, "api.push.apple.com:2197"),
        ("127.0.0.1", 443, "127.0.0.1"),
        ("::1", 2197, "[::1]:2197"),
        ("::1", 443, "[::1]"),
    ],
)
def test_an_authority_leaves_443_out(name: str, port: int, authority: str) -> None:
    endpoint = sender.Endpoint(host=name, port=port)
    assert (endpoint.authority, str(endpoint)) == (authority, f"https://{authority}")
