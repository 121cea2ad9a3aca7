"""Header blocks: HPACK (RFC 7541) with the tables of the hpack library. Pure.

Sections named here are those of RFC 7541. hpack's own loops are replaced: they cost more than all
else that becomes of a push, and `tests/wire/test_blocks.py` holds them against each other.
"""

from functools import lru_cache

from hpack.exceptions import HPACKDecodingError, HPACKError
from hpack.hpack import encode_integer
from hpack.huffman_table import decode_huffman
from hpack.table import HeaderTable

from pushkit_cli.apns.message import APNS_ID, Headers
from pushkit_cli.wire.frames import Code, ConnectionEnd

TABLE = 4_096
"""What a table is at first (RFC 9113, 6.5.2), and the most we keep, as Apple does."""
_STATIC = {
    (name, value): bytes((0x80 | at,))
    for name, (_, values) in HeaderTable.STATIC_TABLE_MAPPING.items()
    for value, at in values.items()
}
_FIRST_OWN = HeaderTable.STATIC_TABLE_LENGTH + 1
_LENGTHS = tuple(bytes((size,)) for size in range(0x7F))
_ALWAYS_NEW = frozenset({b":path", APNS_ID})
"""Values that no other push has: they would only push others out of the table."""
_MAX_CACHED = 512


class BlockReader:
    """The blocks of one peer, each of which must be read: they change a table they share (4).

    `max_list` is how much a list of headers may be, in the bytes of RFC 9113, 6.5.2. A table
    larger than we asked for is understood: who keeps it has not hurt us.
    """

    def __init__(self, *, max_list: int) -> None:
        self._table = HeaderTable()
        self._max_list = max_list

    def read(self, block: bytes) -> Headers:
        """Raises ConnectionEnd: COMPRESSION_ERROR (RFC 9113, 4.3), or a list that is too long."""
        try:
            return tuple(self._fields(block))
        except (HPACKError, IndexError) as error:
            text = str(error) if isinstance(error, HPACKError) else "a block that is cut short"
            raise ConnectionEnd(text[:200], Code.COMPRESSION_ERROR) from error

    def empty_table(self) -> None:
        """What a block says that opens with 0x20 (6.3)."""
        self._table.maxsize = 0

    def _fields(self, block: bytes) -> list[tuple[bytes, bytes]]:
        table, found, at, left = self._table, list[tuple[bytes, bytes]](), 0, self._max_list
        while at < len(block):
            first = block[at]
            if first >= 0x80:  # 6.1
                index, at = _integer(block, at, 0x7F)
                field = table.get_by_index(index)
            elif first & 0xE0 == 0x20:
                at = self._resize(block, at, begun=bool(found))
                continue
            else:  # 6.2
                index, at = _integer(block, at, 0x3F if first >= 0x40 else 0x0F)
                if index:
                    name = table.get_by_index(index)[0]
                else:
                    name, at = _string(block, at)
                value, at = _string(block, at)
                field = (name, value)
                if first >= 0x40:
                    table.add(name, value)
            left -= len(field[0]) + len(field[1]) + 32
            if left < 0:
                text = f"a header list above {self._max_list} bytes"
                raise ConnectionEnd(text, Code.ENHANCE_YOUR_CALM)
            found.append(field)
        return found

    def _resize(self, block: bytes, at: int, *, begun: bool) -> int:
        size, at = _integer(block, at, 0x1F)
        if begun or size > TABLE:  # 4.2, 6.3
            raise HPACKDecodingError("a table that changes where or as it must not")
        self._table.maxsize = size
        return at


def _integer(block: bytes, at: int, mask: int) -> tuple[int, int]:
    """An integer behind a prefix, and where the next thing begins (5.1)."""
    value = block[at] & mask
    if value < mask:
        return value, at + 1
    for shift in range(0, 35, 7):
        at += 1
        value += (block[at] & 0x7F) << shift
        if block[at] < 0x80:
            return value, at + 1
    raise HPACKDecodingError("an integer that is too long")


def _string(block: bytes, at: int) -> tuple[bytes, int]:
    """A string, and where the next thing begins (5.2)."""
    is_huffman = block[at] >= 0x80
    size, at = _integer(block, at, 0x7F)
    text = block[at : at + size]
    if len(text) < size:
        raise HPACKDecodingError("a string that is cut short")
    if is_huffman:
        text = _known_huffman(text) if size <= _MAX_CACHED else decode_huffman(text)
    return text, at + size


@lru_cache(maxsize=4_096)
def _known_huffman(text: bytes) -> bytes:
    """Of clients that push, most strings come again: tokens, topics, names."""
    return decode_huffman(text)


class _Writer:
    """What both ends write: no more than the peer grants, which is said when it changes (4.2)."""

    def __init__(self) -> None:
        self._size = TABLE
        self._opening = b""

    def resize(self, size: int) -> None:
        """The peer's SETTINGS_HEADER_TABLE_SIZE; the table begins anew with the next block."""
        size = min(size, TABLE)
        if size != self._size:
            self._size = size
            self._opening = b"\x20" + (_prefixed(size, 5, 0x20) if size else b"")
            self._forget()

    def _forget(self) -> None:
        """The table is empty."""


class AnswerWriter(_Writer):
    """Answers are small, and little in them comes again: nothing enters the table."""

    def write(self, status: int, headers: Headers) -> bytes:
        """A block."""
        said = [self._opening, _status(status)]
        self._opening = b""
        said += [_literal(_name(name), value) for name, value in headers]
        return b"".join(said)


class RequestWriter(_Writer):
    """Compiles the first block: what it says enters the table, and nothing does afterwards.

    So indices stay as they are, and what comes again is a byte; another value is a literal. Apple
    asks that a few headers be written so, and allows it for all.
    """

    def __init__(self) -> None:
        super().__init__()
        self._forget()

    def _forget(self) -> None:
        self._learning = True
        self._known = dict(_STATIC)
        self._names = dict[bytes, bytes]()

    def write(self, headers: Headers) -> bytes:
        """A block."""
        if self._learning:
            return self._teach(headers)
        known = self._known
        return b"".join([known.get(field) or self._anew(*field) for field in headers])

    def _anew(self, name: bytes, value: bytes) -> bytes:
        return _literal(self._names.get(name) or _name(name), value)

    def _teach(self, headers: Headers) -> bytes:
        said, kept, room = [self._opening], list[tuple[bytes, bytes]](), self._size
        for field in headers:
            name, value = field
            cost = len(name) + len(value) + 32  # 4.1
            if field in self._known:
                said.append(self._known[field])
            elif name in _ALWAYS_NEW or cost > room or field in kept:
                said.append(_literal(_name(name), value))
            else:
                room -= cost
                kept.append(field)
                said.append(_literal(_name(name, bits=6, kind=0x40), value))
        for at, field in enumerate(reversed(kept), _FIRST_OWN):  # the newest is the first (2.3.3)
            self._known[field] = _prefixed(at, 7, 0x80)
            self._names.setdefault(field[0], _prefixed(at, 4, 0))
        self._learning, self._opening = False, b""
        return b"".join(said)


def _prefixed(value: int, bits: int, kind: int) -> bytes:
    said = encode_integer(value, bits)
    said[0] |= kind
    return bytes(said)


def _literal(name: bytes, value: bytes) -> bytes:
    """A name as it is said, and its value (5.2)."""
    size = len(value)
    return name + (_LENGTHS[size] if size < 0x7F else _prefixed(size, 7, 0)) + value


@lru_cache(maxsize=256)
def _name(name: bytes, *, bits: int = 4, kind: int = 0) -> bytes:
    """The name of a literal: without indexing (6.2.2), or with what makes it another (6.2.1)."""
    if name in HeaderTable.STATIC_TABLE_MAPPING:
        return _prefixed(HeaderTable.STATIC_TABLE_MAPPING[name][0], bits, kind)
    return _literal(bytes((kind,)), name)


@lru_cache(maxsize=64)
def _status(status: int) -> bytes:
    field = (b":status", b"%d" % status)
    return _STATIC.get(field) or _literal(_name(b":status"), field[1])
