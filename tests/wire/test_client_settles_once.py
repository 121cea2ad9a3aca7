"""Whatever a server says, each request has one outcome, and it is one that can be known."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire import raw
from tests.wire.pair import post
from tests.wire.raw import (
    BAD_REQUEST,
    CANCEL,
    INTERNAL_ERROR,
    MAX_STREAM,
    NO_ERROR,
    OK,
    REFUSED_STREAM,
    WINDOW,
    data,
    goaway,
    headers,
    random_cuts,
    rst,
    status_block,
    window,
)
from tests.wire.script import ByHandServer

TRAILERS = b"\x00\x01t\x01v"
CODES = (NO_ERROR, INTERNAL_ERROR, REFUSED_STREAM, CANCEL)
NARROW = {"MAX_CONCURRENT_STREAMS": 6, "INITIAL_WINDOW_SIZE": 20}


class Judge:
    """A server that keeps to the protocol, and knows what its client can know."""

    def __init__(self, seed: int) -> None:
        self.peer = ByHandServer(cut=random_cuts(seed, longest=15), greeting=raw.settings(**NARROW))
        self.expected: dict[int, str] = {}
        self.sent: list[int] = []
        self.statuses: dict[int, str] = {}
        self.last = MAX_STREAM
        self.random = Random(seed)

    def do(self, step: str) -> None:
        getattr(self, step)()
        assert self.peer.outcomes == self.expected
        assert self.peer.client.waiting == len(self.unsettled())

    def unsettled(self) -> list[int]:
        return [stream for stream in self.sent if stream not in self.expected]

    def settle(self, stream: int) -> None:
        ended = stream in self.peer.heard.messages and self.peer.heard.messages[stream].ended
        without_status = "lost" if ended else "unprocessed"
        self.expected[stream] = self.statuses.get(stream, without_status)

    def one(self, *, with_status: bool | None = None) -> int | None:
        """A stream that may be answered: heard of, not over, not above GOAWAY's last one."""
        streams = [
            stream
            for stream in self.unsettled()
            if stream in self.peer.heard.messages
            and stream <= self.last
            and with_status in (None, stream in self.statuses)
        ]
        return self.random.choice(streams) if streams else None

    # The client's side

    def request(self) -> None:
        if self.peer.client.room:
            body = bytes(self.random.choice((0, 10, 20, 21, 30)))
            self.sent.append(self.peer.client.send(post(body)))

    def take(self) -> None:
        self.peer.listen()

    # The server's side

    def interim(self) -> None:
        if stream := self.one(with_status=False):
            self.peer.say(headers(stream, status_block(b"100"), end=False))

    def status(self) -> None:
        if stream := self.one(with_status=False):
            self.statuses[stream] = "400"
            self.peer.say(headers(stream, BAD_REQUEST, end=False))

    def answer(self) -> None:
        if stream := self.one(with_status=False):
            self.statuses[stream] = "200"
            self.settle(stream)
            self.peer.say(headers(stream, pad=self.random.choice((None, 0, 9))))

    def body(self) -> None:
        if stream := self.one(with_status=True):
            self.peer.say(data(stream, b"x", pad=self.random.choice((None, 0, 9))))
            self.statuses[stream] += "x" if " " in self.statuses[stream] else " x"

    def end(self) -> None:
        if stream := self.one(with_status=True):
            self.settle(stream)
            self.peer.say(data(stream, end=True))

    def trailers(self) -> None:
        if stream := self.one(with_status=True):
            self.settle(stream)
            self.peer.say(headers(stream, TRAILERS))

    def reset(self) -> None:
        if stream := self.one():
            code = self.random.choice(CODES)
            self.settle(stream)
            if code == REFUSED_STREAM and stream not in self.statuses:
                self.expected[stream] = "unprocessed"
            self.peer.say(rst(stream, code), data(stream, b"too late"))

    def leave(self) -> None:
        last = self.random.choice((MAX_STREAM, *self.sent))
        self.last = min(self.last, last)
        for stream in self.unsettled():
            if stream > self.last and stream not in self.statuses:
                self.expected[stream] = "unprocessed"
        self.peer.say(goaway(last))

    def limits(self) -> None:
        self.peer.listen()
        limit, size = self.random.choice((0, 1, 3, 6)), self.random.choice((0, 5, 20, WINDOW))
        self.peer.say(raw.settings(MAX_CONCURRENT_STREAMS=limit, INITIAL_WINDOW_SIZE=size))

    def widen(self) -> None:
        if stream := self.one():
            self.peer.say(window(stream, self.random.randint(1, 30)))

    def talk(self) -> None:
        self.peer.say(raw.ping(), raw.raw(0x42, stream=1, payload=b"?"), window(0, 1))


CLIENT_STEPS = ["request", "request", "request", "take", "take"]
SERVER_STEPS = ["interim", "status", "answer", "body", "end", "trailers", "reset", "leave"]
STEPS = st.sampled_from([*CLIENT_STEPS, *SERVER_STEPS, "limits", "widen", "talk"])


@settings(deadline=None, max_examples=250)
@given(st.lists(STEPS, min_size=10, max_size=80), st.integers(0, 2**32))
def test_each_request_has_the_one_outcome_that_can_be_known(steps: list[str], seed: int) -> None:
    judge = Judge(seed)
    for step in steps:
        judge.do(step)
    for stream in judge.unsettled():
        judge.settle(stream)
    judge.peer.hang_up()
    assert judge.peer.outcomes == judge.expected
    assert sorted(judge.expected) == judge.sent


blocks = st.sampled_from([OK, BAD_REQUEST, TRAILERS, status_block(b"100"), b"", b"\xbe", b"\xff"])
streams = st.sampled_from([1, 3, 5, 7, 9, 11, 2, 99])
any_frame = st.one_of(
    st.builds(headers, streams, blocks, end=st.booleans(), pad=st.sampled_from([None, 0, 5])),
    st.builds(data, streams, st.binary(max_size=9), end=st.booleans()),
    st.builds(rst, streams, st.sampled_from(CODES)),
    st.builds(goaway, st.sampled_from([0, 1, 3, 5, 7, MAX_STREAM])),
    st.builds(window, streams | st.just(0), st.sampled_from([1, 30, MAX_STREAM])),
    st.builds(raw.settings, INITIAL_WINDOW_SIZE=st.sampled_from([0, 5, 20, WINDOW, MAX_STREAM])),
    st.builds(raw.settings, MAX_CONCURRENT_STREAMS=st.integers(0, 6)),
    st.builds(raw.settings, HEADER_TABLE_SIZE=st.integers(0, 5000)),
    st.builds(
        raw.raw,
        st.integers(0, 12),
        flags=st.integers(0, 255),
        stream=streams | st.just(0),
        payload=st.binary(max_size=12),
    ),
)


def proves_unprocessed(frame: bytes, stream: int) -> bool:
    """Whether a frame says that the server did not look at a stream, or will not."""
    named = int.from_bytes(frame[5:9], "big") & MAX_STREAM
    if frame[3] == 3:
        return named == stream
    return frame[3] == 7 and stream > int.from_bytes(frame[9:13], "big") & MAX_STREAM


@settings(deadline=None, max_examples=300)
@given(st.lists(any_frame, max_size=25), st.binary(max_size=20), st.integers(0, 2**32))
def test_frames_of_any_kind_in_any_order_settle_each_request_once(
    frames: list[bytes], garbage: bytes, seed: int
) -> None:
    random = Random(seed)
    peer = ByHandServer(cut=random_cuts(seed, longest=40), greeting=raw.settings(**NARROW))
    sent: list[int] = []
    for at, frame in enumerate((*frames, garbage)):
        while peer.client.room and random.random() < 0.6:
            sent.append(peer.client.send(post(bytes(random.choice((0, 10, 30))))))
        if random.random() < 0.7:
            peer.listen()
        unheard = {
            s for s in sent if s not in peer.heard.messages or not peer.heard.messages[s].ended
        }
        before = set(peer.outcomes)
        peer.say(frame)
        for stream in set(peer.outcomes) - before:
            if peer.outcomes[stream] == "lost":
                # A window that overflows makes us reset what we had not handed over yet.
                assert stream not in unheard or frame[3] == 8
            elif peer.outcomes[stream] == "unprocessed" and stream not in unheard:
                assert any(proves_unprocessed(said, stream) for said in frames[: at + 1])
    peer.hang_up()
    assert sorted(peer.outcomes) == sent
    assert peer.client.waiting == 0
    peer.listen()
    for stream, message in peer.heard.messages.items():
        if peer.outcomes.get(stream) == "unprocessed" and message.ended:
            assert any(proves_unprocessed(said, stream) for said in frames)


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=200), st.integers(0, 2**32))
def test_garbage_ends_the_connection_or_is_waited_for_and_never_raises(
    garbage: bytes, seed: int
) -> None:
    peer = ByHandServer(cut=random_cuts(seed, longest=40))
    peer.get(3)
    peer.say(garbage)
    peer.hang_up()
    assert sorted(peer.outcomes) == [1, 3, 5]
