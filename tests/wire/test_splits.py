"""The same bytes mean the same, whole, byte by byte, or cut anywhere."""

from random import Random

import pytest
from hpack import Encoder

from pushkit_cli.apns.acts import Respond
from pushkit_cli.apns.message import Response
from pushkit_cli.wire.client import ClientConnection, ClientEvent
from pushkit_cli.wire.server import Received, ServerConnection
from tests.wire.pair import post
from tests.wire.raw import (
    INTERNAL_ERROR,
    PREFACE,
    SETTINGS_ACK,
    Cut,
    Listener,
    Message,
    byte_by_byte,
    data,
    goaway,
    headers,
    ping,
    random_cuts,
    raw,
    rst,
    settings,
    whole,
    window,
)

CUTS: list[Cut] = [byte_by_byte, *(random_cuts(seed, longest=5**seed) for seed in range(2, 6))]


def client_bytes(seed: int) -> bytes:
    """What a client could say: 40 requests in every shape, among frames of all kinds."""
    random, encoder = Random(seed), Encoder()
    said = [PREFACE, settings(INITIAL_WINDOW_SIZE=200), SETTINGS_ACK]
    for stream in range(1, 80, 2):
        fields = post(b"", (b"apns-id", b"%d" % stream), (b"x", b"%d" % random.getrandbits(99)))
        block = encoder.encode(fields.headers)
        body = random.randbytes(random.choice((0, 1, 100, 5120, 6000)))
        pad = random.choice((None, 0, 9))
        said.append(headers(stream, block, end=not body, pad=pad, pieces=random.randint(1, 4)))
        if body:
            said += [data(stream, body[:3000], pad=pad), data(stream, body[3000:], end=True)]
        said.append(random.choice(between(random, stream)))
    # In the end the windows are wide enough for every answer.
    said += [settings(INITIAL_WINDOW_SIZE=2**20), window(0, 2**20), goaway(0)]
    return b"".join(said)


def between(random: Random, stream: int) -> list[bytes]:
    return [
        b"",
        ping(random.randbytes(8)),
        raw(0x42, stream=stream, payload=b"unknown"),
        window(0, random.randint(1, 5000)),
        window(stream, random.randint(1, 500)),
        settings(INITIAL_WINDOW_SIZE=random.randint(0, 500)),
        settings(HEADER_TABLE_SIZE=random.choice((0, 100, 4096))),
    ]


def serve(said: bytes, cut: Cut) -> tuple[list[Received], Listener, bool]:
    """Let a server hear it; each answer belongs to its request, whenever that was read."""
    server, heard = ServerConnection(max_streams=1000), Listener(preface=False, watch_windows=False)
    received: list[Received] = []
    for piece in cut(said):
        for got in server.receive(piece):
            received.append(got)
            name = dict(got.request.headers)[b"apns-id"]
            answer = Response(status=400, headers=((b"apns-id", name),), body=name * 90)
            server.act(Respond(stream=got.stream, response=answer))
        heard.hear(server.outgoing())
    return received, heard, server.finished


def contents(heard: Listener) -> tuple[dict[int, Message], list[bytes], int, int]:
    """All that was said, but for how credit was grouped and how streams took turns."""
    return heard.messages, heard.pongs(), heard.acks(), len(heard.goaways())


@pytest.mark.parametrize("seed", range(3))
def test_a_server_hears_and_says_the_same_however_bytes_are_cut(seed: int) -> None:
    said = client_bytes(seed)
    received, heard, finished = serve(said, whole)
    assert len(received) == 40
    assert finished
    for stream in range(1, 80, 2):
        assert heard.messages[stream].body == b"%d" % stream * 90
        assert heard.messages[stream].ended
    for cut in CUTS:
        again, also_heard, also_finished = serve(said, cut)
        assert again == received
        assert also_finished
        assert contents(also_heard) == contents(heard)


def server_bytes(seed: int) -> bytes:
    """What a server could say to 30 requests: answers in every shape, resets, a goodbye."""
    random, encoder = Random(seed), Encoder()
    said = [settings(MAX_CONCURRENT_STREAMS=100)]
    streams = list(range(1, 60, 2))
    random.shuffle(streams)
    for stream in streams:
        pad = random.choice((None, 0, 9))
        status = random.choice(("200", "400", "410"))
        block = encoder.encode([(":status", status), ("apns-id", str(stream))])
        body = random.randbytes(random.choice((0, 30, 20_000)))
        answer = headers(stream, block, end=not body, pad=pad, pieces=random.randint(1, 4))
        if body:
            answer += data(stream, body[:9_000], pad=pad) + data(stream, body[9_000:18_000])
            answer += data(stream, body[18_000:], end=True)
        said.append(answer)
        said.append(random.choice(between(random, stream)))
        said.append(random.choice((b"", b"", rst(stream, INTERNAL_ERROR))))
    said.insert(random.randint(10, 60), goaway(2**31 - 1))
    return b"".join(said)


def ask(said: bytes, cut: Cut) -> tuple[list[ClientEvent], dict[int, Message], list[bytes], bool]:
    """Let a client with 30 requests open hear it, and hear what the client says to that."""
    client, heard = ClientConnection(), Listener(preface=True, watch_windows=False)
    client.receive(settings())
    for at in range(30):
        client.send(post(b"{}" * at))
    heard.hear(client.outgoing())
    events: list[ClientEvent] = []
    for piece in cut(said):
        events += client.receive(piece)
        heard.hear(client.outgoing())
    broken = client.closed
    events += client.lost("the end")
    return events, heard.messages, heard.pongs(), broken


@pytest.mark.parametrize("seed", range(3))
def test_a_client_hears_and_says_the_same_however_bytes_are_cut(seed: int) -> None:
    said = server_bytes(seed)
    outcomes = ask(said, whole)
    assert len(outcomes[0]) == 30
    assert not outcomes[-1]
    for cut in CUTS:
        assert ask(said, cut) == outcomes


def spoiled(random: Random, said: bytes) -> bytes:
    """The same with a few bytes changed, taken away or put in."""
    changed = bytearray(said[: random.randint(100, 3000)])
    for _ in range(random.randint(1, 3)):
        at = random.randrange(len(PREFACE), len(changed))
        changed[at : at + random.randint(0, 2)] = random.randbytes(random.randint(0, 2))
    return bytes(changed)


def test_a_broken_client_is_heard_the_same_however_bytes_are_cut() -> None:
    random = Random(7541)
    finished = 0
    for at in range(70):
        said = spoiled(random, client_bytes(at % 10))
        found = heard_by_a_silent_server(said, whole)
        assert found == heard_by_a_silent_server(said, random_cuts(at, longest=99))
        assert found == heard_by_a_silent_server(said, byte_by_byte)
        finished += found[1]
    assert 10 < finished < 70


def heard_by_a_silent_server(said: bytes, cut: Cut) -> tuple[list[Received], bool, bytes]:
    server = ServerConnection(max_streams=1000)
    received = [got for piece in cut(said) for got in server.receive(piece)]
    return received, server.finished, server.outgoing()


def test_a_broken_server_is_heard_the_same_however_bytes_are_cut() -> None:
    random = Random(7541)
    broken = 0
    for at in range(70):
        said = spoiled(random, server_bytes(at % 10))
        events, *_, closed = ask(said, whole)
        assert len({event.stream for event in events}) == len(events) == 30
        for cut in (random_cuts(at, longest=99), byte_by_byte):
            again, *_, also_closed = ask(said, cut)
            assert (again, also_closed) == (events, closed)
        broken += closed
    assert 10 < broken < 70
