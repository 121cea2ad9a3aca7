"""Header blocks against hpack's decoder: read alike to the last byte, and written to be read."""

from random import Random

import pytest
from hpack import Decoder, Encoder
from hpack.exceptions import HPACKError, OversizedHeaderListError

from pushkit_cli.wire.blocks import AnswerWriter, BlockReader, RequestWriter
from pushkit_cli.wire.frames import ConnectionEnd
from tests.wire.pair import post
from tests.wire.raw import COMPRESSION_ERROR, ENHANCE_YOUR_CALM

Fields = tuple[tuple[bytes, bytes], ...]
MAX_LIST = 2_000
NAMES = [b":status", b":path", b"apns-id", b"apns-topic", b"x-new", b"cookie", b"date", b"server"]


def some_fields(random: Random) -> list[tuple[bytes, bytes, bool]]:
    """Names that every table knows, that one knows, and that none does; short and long values."""
    value = random.choice((b"", b"200", b"8A4F-" * 7, b"\xff\xfe\0", b"a" * 200, b"b" * 700))
    return [
        (random.choice(NAMES), value[: random.choice((3, 40, 900))], random.random() < 0.3)
        for _ in range(random.randint(0, 6))
    ]


def mutated(random: Random, block: bytes) -> bytes:
    """The same with a few bytes changed, taken away or put in; a third of them as they were."""
    changed = bytearray(block)
    for _ in range(random.choice((0, 1, 1, 2, 3))):
        at = random.randrange(len(changed) + 1)
        way = random.randrange(4)
        if way == 0:
            changed[at : at + 1] = random.randbytes(1)
        elif way == 1:
            del changed[at : at + random.randint(1, 4)]
        elif way == 2:
            changed[at:at] = random.choice((b"\x20", b"\x3f\xe1\x1f", b"\x88", b"\xff", b"\x7f"))
        elif at < len(changed):
            changed[at] ^= 1 << random.randrange(8)
    return bytes(changed)


def read_by_hpack(decoder: Decoder, block: bytes) -> Fields | int:
    """The headers, or the code that RFC 9113 names for what is wrong."""
    try:
        return tuple((bytes(name), bytes(value)) for name, value in decoder.decode(block, raw=True))
    except OversizedHeaderListError:
        return ENHANCE_YOUR_CALM
    except HPACKError:
        return COMPRESSION_ERROR


def read_by_us(reader: BlockReader, block: bytes) -> Fields | int:
    try:
        return reader.read(block)
    except ConnectionEnd as end:
        return int(end.code)


def play_blocks(count: int, seed: int) -> None:
    """So many mutated blocks, on connections of a few blocks each; `make soak` plays many more."""
    random = Random(seed)
    played = read = 0
    while played < count:
        encoder, reader, decoder = Encoder(), BlockReader(max_list=MAX_LIST), Decoder(MAX_LIST)
        for _ in range(6):
            if random.random() < 0.2:
                encoder.header_table_size = random.choice((0, 60, 300, 4096))
            block = encoder.encode(some_fields(random), huffman=random.random() < 0.7)
            block = mutated(random, block)
            found = read_by_us(reader, block)
            assert found == read_by_hpack(decoder, block), block.hex()
            played += 1
            if isinstance(found, int):
                break
            read += 1
    assert count // 4 < read < played, "both kinds were met"


def test_two_thousand_mutated_blocks_are_read_as_hpack_reads_them() -> None:
    play_blocks(2_000, seed=7541)


@pytest.mark.parametrize("block", [b"\xff" * 4, b"\x7f" + b"\xff" * 5 + b"\0", b"\x1f\xff\xff"])
def test_integers_that_end_too_late_or_never_are_refused(block: bytes) -> None:
    assert read_by_us(BlockReader(max_list=MAX_LIST), block) == COMPRESSION_ERROR
    assert read_by_hpack(Decoder(MAX_LIST), block) == COMPRESSION_ERROR


def test_integers_may_be_written_as_long_as_hpack_reads_them() -> None:
    for more in range(5):
        block = b"\x00\x01x\x7f" + b"\x80" * more + b"\x00" + b"v" * 127
        found = read_by_us(BlockReader(max_list=MAX_LIST), block)
        assert found == read_by_hpack(Decoder(MAX_LIST), block) == ((b"x", b"v" * 127),)


def test_long_huffman_strings_are_read_and_those_that_are_wrong_refused_each_time() -> None:
    for size in (3, 400, 3_000):
        block = Encoder().encode([(b"x", b"y" * size, True)])
        for _ in range(2):
            assert BlockReader(max_list=9_000).read(block) == ((b"x", b"y" * size),)
            assert read_by_us(BlockReader(max_list=9_000), block[:-1] + b"\0") == COMPRESSION_ERROR


# Written by a sender


def asked(random: Random, at: int) -> Fields:
    """A push: some of it as in all others, some of it of its own."""
    more = [
        (b"authorization", b"bearer " + b"t" * 200),
        (b"apns-id", b"%036d" % at),
        (b"apns-priority", random.choice((b"10", b"5"))),
        (b"apns-expiration", random.choice((b"0", b"%d" % at))),
        (b"apns-collapse-id", b"c" * random.randint(0, 64)),
        (b"x-long", b"l" * random.choice((0, 126, 127, 128, 4_000, 20_000))),
    ]
    chosen = [pair for pair in more if random.random() < 0.8]
    return post(b"", *chosen, path=b"/3/device/%064x" % at).headers


def test_what_a_sender_writes_is_read_by_hpack_whatever_table_it_is_granted() -> None:
    random = Random(9113)
    for _ in range(40):
        writer, decoder = RequestWriter(), Decoder(2**20)
        for at in range(30):
            if random.random() < 0.1:
                for size in random.choices((0, 1, 100, 500, 4096, 60_000), k=random.randint(1, 3)):
                    writer.resize(size)
                    decoder.max_allowed_table_size = size
            sent = asked(random, at)
            assert read_by_hpack(decoder, writer.write(sent)) == sent


def test_the_first_block_fills_the_table_and_no_other_one_changes_it() -> None:
    random = Random(1)
    writer, decoder = RequestWriter(), Decoder(2**20)
    decoder.decode(writer.write(asked(random, 0)), raw=True)
    kept = list(decoder.header_table.dynamic_entries)
    assert (b"apns-topic", b"com.example.voip") in kept
    assert not {b":path", b"apns-id"} & {name for name, _ in kept}
    for at in range(100):
        decoder.decode(writer.write(asked(random, at)), raw=True)
        assert list(decoder.header_table.dynamic_entries) == kept


def test_what_comes_again_is_a_byte_and_what_does_not_is_a_literal() -> None:
    writer = RequestWriter()
    first = writer.write(post().headers)
    again = writer.write(post().headers)
    assert len(again) == len(post().headers) + 1 + len(b"/3/device/5f1c")
    other = writer.write(post(path=b"/3/device/0000").headers)
    assert (len(other), other[:2]) == (len(again), again[:2])
    assert len(first) > 2 * len(again)


def test_a_smaller_table_is_announced_and_filled_anew() -> None:
    writer, decoder = RequestWriter(), Decoder()
    sent = post(b"", (b"x-long", b"l" * 400)).headers
    sizes = []
    for granted in (4096, 300, 0, 4096):
        writer.resize(granted)
        for _ in range(2):
            assert read_by_hpack(decoder, writer.write(sent)) == sent
        assert decoder.header_table_size == granted
        sizes.append(len(decoder.header_table.dynamic_entries))
    assert sizes[0] == sizes[3] > sizes[1] > sizes[2] == 0


def test_a_table_that_is_granted_again_as_it_was_changes_nothing() -> None:
    writer = RequestWriter()
    writer.write(post().headers)
    known = writer.write(post().headers)
    writer.resize(4096)
    writer.resize(60_000)
    assert writer.write(post().headers) == known


# Written by a listener


def test_answers_leave_the_table_empty_and_are_read_by_hpack() -> None:
    random = Random(2)
    writer, decoder = AnswerWriter(), Decoder()
    for at in range(300):
        if random.random() < 0.1:
            size = random.choice((0, 100, 4096))
            writer.resize(size)
            decoder.max_allowed_table_size = size
        status = random.choice((200, 400, 404, 410, 503))
        headers = ((b"apns-id", b"%036d" % at), (b"date", b"d" * at), (b"x", b"\xff"))
        said = read_by_hpack(decoder, writer.write(status, headers))
        assert said == ((b":status", b"%d" % status), *headers)
        assert not decoder.header_table.dynamic_entries
