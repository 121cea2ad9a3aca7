"""The same frames to us and to h2, one by one: alike up to the first error that either reports.

"h2 agrees" by itself proves little: both may err, each in its own way. So requests and answers are
compared frame by frame until one of the two reports an error; how the two err stands in a table.
"""

from collections import Counter
from dataclasses import dataclass
from random import Random

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    DataReceived,
    Event,
    RequestReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)
from h2.exceptions import DenialOfServiceError, ProtocolError
from h2.settings import SettingCodes, Settings
from hpack import Encoder, HPACKError
from hyperframe.frame import Frame, GoAwayFrame, RstStreamFrame

from pushkit_cli.wire.client import Answered, ClientConnection
from pushkit_cli.wire.server import ServerConnection
from tests.wire.pair import post
from tests.wire.raw import (
    COMPRESSION_ERROR,
    MAX_STREAM,
    PREFACE,
    SETTINGS_ACK,
    WINDOW,
    Reader,
    data,
    headers,
    ping,
    raw,
    settings,
    window,
)

Fields = tuple[tuple[bytes, bytes], ...]
Message = tuple[int, tuple[tuple[bytes, bytes], ...], bytes]
"""A stream, its headers and its body, once it is whole."""

FINE = "fine"
ASKED = [1, 3, 5, 7, 9, 11]


@dataclass
class Said:
    """What came of one frame: whole messages, and an error in a word."""

    whole: list[Message]
    error: str = FINE


class H2:
    """h2 as one end."""

    def __init__(self, *, client: bool) -> None:
        self.h2 = H2Connection(
            H2Configuration(
                client_side=client,
                header_encoding=None,
                normalize_inbound_headers=False,
                validate_outbound_headers=False,
            )
        )
        self.h2.local_settings = Settings(client=client, initial_values={
            SettingCodes.ENABLE_PUSH: 0 if client else 1,
            SettingCodes.HEADER_TABLE_SIZE: 4096,
            SettingCodes.MAX_HEADER_LIST_SIZE: 8_000,
        })  # fmt: skip
        self.h2.decoder.max_header_list_size = 8_000
        self.h2.initiate_connection()
        self._reader = Reader(preface=client)
        self._heads: dict[int, list[tuple[bytes, bytes]]] = {}
        self._bodies: dict[int, bytes] = {}
        self._hear()

    def hear(self, frame: bytes) -> Said:
        said = Said([])
        try:
            for event in self.h2.receive_data(frame):
                self._on(event, said)
        except ProtocolError as error:
            code = int(error.error_code)
            if isinstance(error.__cause__, HPACKError):  # it has another code for those
                calm = isinstance(error, DenialOfServiceError)
                code = code if calm else COMPRESSION_ERROR
            said.error = f"connection {code}"
        resets = [one for one in self._hear() if isinstance(one, RstStreamFrame)]
        if said.error == FINE and resets:
            said.error = f"stream {resets[0].error_code}"
        return said

    def ask(self, streams: list[int]) -> None:
        for stream in streams:
            self.h2.send_headers(stream, list(post(b"").headers))
            self.h2.send_data(stream, b"{}", end_stream=True)
        self._hear()

    def _hear(self) -> list[Frame]:
        return self._reader.feed(self.h2.data_to_send())

    def _on(self, event: Event, said: Said) -> None:
        match event:
            case (
                RequestReceived(stream_id=int() as stream)
                | ResponseReceived(stream_id=int() as stream)
            ):
                self._heads[stream] = [(bytes(n), bytes(v)) for n, v in event.headers or []]
                self._bodies[stream] = b""
            case DataReceived(stream_id=int() as stream, data=bytes() as piece):
                self._bodies[stream] += piece
                self.h2.acknowledge_received_data(event.flow_controlled_length or 0, stream)
            case StreamEnded(stream_id=int() as stream):
                said.whole.append((stream, tuple(self._heads[stream]), self._bodies[stream]))
            case StreamReset(stream_id=int() as stream, remote_reset=False):
                said.error = f"stream {int(event.error_code or 0)}"


class OurServer:
    """Our listener's end."""

    def __init__(self) -> None:
        self._end = ServerConnection(max_streams=1000)
        self._reader = Reader(preface=False)
        self._reader.feed(self._end.outgoing())

    def hear(self, frame: bytes) -> Said:
        whole = [
            (got.stream, got.request.headers, got.request.body) for got in self._end.receive(frame)
        ]
        return Said(whole, first_error(self._reader, self._end.outgoing()))


class OurClient:
    """Our sender's end, with requests open."""

    def __init__(self, asked: list[int]) -> None:
        self._end = ClientConnection()
        self._end.receive(settings())
        assert [self._end.send(post(b"{}")) for _ in asked] == asked
        self._reader = Reader(preface=True)
        self._reader.feed(self._end.outgoing())

    def hear(self, frame: bytes) -> Said:
        whole: list[Message] = []
        for event in self._end.receive(frame):
            # A status before a reset, theirs or ours, is an answer to us, which h2 does not say.
            if isinstance(event, Answered) and not self._end.closed and frame[3] not in (3, 8):
                status = (b":status", b"%d" % event.response.status)
                head = (status, *event.response.headers)
                whole.append((event.stream, head, event.response.body))
        return Said(whole, first_error(self._reader, self._end.outgoing()))


def first_error(reader: Reader, written: bytes) -> str:
    for frame in reader.feed(written):
        if isinstance(frame, GoAwayFrame):
            return f"connection {frame.error_code}"
        if isinstance(frame, RstStreamFrame):
            return f"stream {frame.error_code}"
    return FINE


# What is said


def common(random: Random, stream: int) -> list[bytes]:
    """Frames that either end may say, right ones and wrong ones."""
    return [
        ping(),
        raw(6, flags=1, payload=bytes(8)),
        SETTINGS_ACK,
        settings(INITIAL_WINDOW_SIZE=random.choice((0, 100, WINDOW, MAX_STREAM))),
        settings(HEADER_TABLE_SIZE=random.choice((0, 4096)), MAX_FRAME_SIZE=20_000),
        settings(MAX_FRAME_SIZE=random.choice((1, 16_384, 2**24))),
        settings(ENABLE_PUSH=random.choice((0, 1, 2))),
        raw(4, payload=bytes(random.choice((0, 5, 6, 12)))),
        raw(4, flags=random.choice((0, 1)), stream=stream, payload=bytes(6)),
        window(stream, random.choice((1, 1_000, MAX_STREAM))),
        window(0, random.choice((1, 1_000, MAX_STREAM))),
        raw(8, stream=stream, payload=bytes(random.choice((3, 4)))),
        raw(3, stream=stream, payload=b"\0\0\0\x08"),
        raw(3, stream=stream, payload=bytes(random.choice((3, 4)))),
        raw(2, stream=stream, payload=random.choice((bytes(5), bytes(4), b"\0\0\0\1\0"))),
        raw(0x42, flags=255, stream=stream, payload=b"unknown"),
        raw(9, flags=4, stream=stream, payload=b"\x88"),
        raw(5, flags=4, stream=stream, payload=b"\0\0\0\2\x82"),
        raw(6, stream=stream, payload=bytes(random.choice((7, 8)))),
        raw(0, flags=8, stream=stream, payload=random.choice((b"", b"\0", b"\1", b"\1ab"))),
        raw(0, stream=stream, payload=bytes(16_385)),
    ]


REQUESTS = [
    post(b"").headers,
    post(b"", (b"apns-id", b"8A4F"), (b"cookie", b"a=1"), (b"cookie", b"b=2")).headers,
    post(b"", (b"content-length", b"2")).headers,
    post(b"", (b"te", b"trailers"), (b"host", b"api.push.apple.com")).headers,
]
BAD_REQUESTS = [
    post(b"", (b"Upper", b"x")).headers,
    post(b"", (b"host", b"another")).headers,
    post(b"", (b"te", b"gzip")).headers,
    post(b"", (b"connection", b"close")).headers,
    post(b"", (b":status", b"200")).headers,
    post(b"", (b"x", b"a\nb")).headers,
    post(b"", (b"content-length", b"x")).headers,
    post(b"").headers[1:],
    post(b"").headers[:3],
    (*post(b"").headers[:3], (b":path", b"")),
    ((b":method", b"CONNECT"), (b":authority", b"x")),
    ((b":method", b"CONNECT"), (b":authority", b"x"), (b":path", b"/")),
    (),
]
ANSWERS = [
    ((b":status", b"200"),),
    ((b":status", b"400"), (b"apns-id", b"8A4F")),
    ((b":status", b"400"), (b"content-length", b"2")),
    ((b":status", b"103"),),
]
BAD_ANSWERS = [
    ((b":status", b"200"), (b":status", b"200")),
    ((b":status", b"200"), (b":path", b"/")),
    ((b"apns-id", b"8A4F"), (b":status", b"200")),
    ((b"apns-id", b"8A4F"),),
    ((b":status", b"200"), (b"Upper", b"x")),
    ((b":status", b"200"), (b"upgrade", b"x")),
    (),
]
TRAILERS = ((b"x-checked", b"1"),)
SHAPES: list[dict[str, int]] = [{}, {}, {"pad": 3}, {"pieces": 3}, {"depends_on": 0}]


class Talk:
    """Frames of one end by chance: most of them in a sensible order, a few of them wrong."""

    def __init__(self, seed: int, good: list[Fields], bad: list[Fields], opened: list[int]) -> None:
        self.random = Random(seed)
        self._good, self._bad = good, bad
        self._encoder = Encoder()
        self._answers = bool(opened)
        self._headless = list(opened)
        self._open: list[int] = []
        self._next = 1 if not opened else opened[-1] + 2

    def frame(self) -> tuple[str, bytes]:
        """What it is called, and its bytes."""
        random, chance = self.random, self.random.random()
        if chance < 0.08:
            on = random.choice((0, 0, 1, 3, max(1, self._next - 2), self._next, 2))
            said = common(random, on)
            index = random.randrange(len(said))
            return f"common {index} on {on}", said[index]
        if chance < 0.1:
            return "garbage", raw(1, flags=5, stream=1, payload=random.randbytes(5))
        if chance < 0.13:
            return self._head(random.choice((1, 3, max(1, self._next - 2), 2, 0x7FFF)), "stray ")
        if chance < 0.15:
            return self._data(random.choice((1, 3, max(1, self._next - 2), 2, 0x7FFF)), "stray ")
        if self._open and chance < 0.6:
            return self._data(random.choice(self._open), "")
        if self._open and chance < 0.68:
            stream = self._open.pop(random.randrange(len(self._open)))
            return f"trailers on {stream}", headers(stream, self._encoder.encode(TRAILERS))
        if self._answers:
            if not self._headless:
                return "ping", ping()
            stream = self._headless.pop(random.randrange(len(self._headless)))
        else:
            stream = self._next
            self._next += 2
        return self._head(stream, "")

    def _head(self, stream: int, kind: str) -> tuple[str, bytes]:
        random = self.random
        fields = random.choice(self._bad if random.random() < 0.04 else self._good)
        end = random.random() < 0.4
        if fields[:1] == ((b":status", b"103"),) and not kind:
            end = random.random() < 0.1
            self._headless.append(stream)
        elif not end and not kind:
            self._open.append(stream)
        shape = random.choice(SHAPES)
        block = self._encoder.encode(fields)
        said = f"{kind}HEADERS {fields[-1:]} end={end} on {stream}"
        return said, headers(stream, block, end=end, **shape)

    def _data(self, stream: int, kind: str) -> tuple[str, bytes]:
        random = self.random
        body = random.choice((b"", b"{}", b"x" * 300))
        end = random.random() < 0.4
        if end and not kind:
            self._open.remove(stream)
        pad = random.choice((None, None, 0, 5))
        said = f"{kind}DATA {len(body)} end={end} on {stream}"
        return said, data(stream, body, end=end, pad=pad)


# How the two err where they do not err alike. Who reports an error first ends the comparison.

OF_THE_SIZE = "RFC 9113, 4.2: a frame whose size is wrong; h2 looks at the rest of it first"
BOTH = {("connection 6", "connection 1"): OF_THE_SIZE}
SERVER: dict[tuple[str, str], str] = BOTH | {
    ("connection 1", FINE): "8.1.1: content-length where the headers or trailers end the request, "
    "or 6.4: RST_STREAM on an idle stream; h2 overlooks both",
}
CLIENT: dict[tuple[str, str], str] = BOTH | {
    ("connection 1", FINE): "8.1.1: content-length where trailers end the answer, "
    "or 6.4: RST_STREAM on an idle stream; h2 overlooks both",
    (FINE, "connection 5"): "5.1: HEADERS on a stream that is over; a sender ignores it",
    (FINE, "stream 5"): "5.1: DATA on a stream that is over, or HEADERS after a reset; the same",
    (FINE, "connection 1"): "5.1: an interim answer on a stream that is over; the same",
}


class Compared:
    """What a comparison has seen."""

    def __init__(self) -> None:
        self.frames = 0
        self.whole = 0
        self.errors: Counter[tuple[str, str]] = Counter()

    def play(self, talk: Talk, ours: OurServer | OurClient, theirs: H2) -> None:
        for _ in range(60):
            what, frame = talk.frame()
            one, other = ours.hear(frame), theirs.hear(frame)
            self.frames += 1
            if one.error != FINE or other.error != FINE:
                self.errors[one.error, other.error] += 1
                assert one.whole == other.whole or one.error != other.error, what
                return
            assert one.whole == other.whole, what
            self.whole += len(one.whole)

    def check(self, listed: dict[tuple[str, str], str]) -> None:
        unlike = {pair for pair in self.errors if pair[0] != pair[1]}
        assert unlike == set(listed)
        assert len(self.errors) > len(unlike) + 3, "they err alike, in many ways"


def compare_servers(count: int) -> Compared:
    found = Compared()
    for seed in range(count):
        ours, theirs = OurServer(), H2(client=False)
        for end in (ours, theirs):
            assert end.hear(PREFACE + settings() + SETTINGS_ACK) == Said([])
        found.play(Talk(seed, REQUESTS, BAD_REQUESTS, []), ours, theirs)
    return found


def compare_clients(count: int) -> Compared:
    found = Compared()
    for seed in range(count):
        ours, theirs = OurClient(ASKED), H2(client=True)
        assert theirs.hear(settings() + SETTINGS_ACK) == Said([])
        theirs.ask(ASKED)
        found.play(Talk(seed, ANSWERS, BAD_ANSWERS, ASKED), ours, theirs)
    return found


def test_a_listener_hears_the_requests_that_h2_hears_up_to_the_first_error() -> None:
    found = compare_servers(500)
    found.check(SERVER)
    assert found.whole > 500


def test_a_sender_hears_the_answers_that_h2_hears_up_to_the_first_error() -> None:
    found = compare_clients(600)
    found.check(CLIENT)
    assert found.whole > 500
