"""A file that comes over the wire: bounded, unpacked while it comes, and known to be whole.

What has to be known of the sender is in its headers; httpx itself stays in `rest`.
"""

import zlib
from collections.abc import Iterator
from typing import IO

from pushkit_cli.errors import RefusedError, UnknownOutcomeError
from pushkit_cli.net.rest import Arrival

MAX_BYTES = 2 * 1024**3
MAX_RATIO = 200
"""Unpacked to packed; a report's CSV packs to a tenth or so. Ours."""
MAX_LINE = 65_536
_FREE_BYTES = 1024 * 1024
"""So much may unpack from next to nothing."""
_PIECE = 1 << 20
_GZIP = b"\x1f\x8b"


def save(arrival: Arrival, file: IO[bytes]) -> int:
    """Write what comes to a file, and give its size in bytes.

    Raises UnknownOutcomeError where it was cut, RefusedError where it is too large to be true.
    """
    unpacked = _unpacked(_counted(arrival), arrival.headers.get("content-encoding", ""))
    size = since_line = 0
    for piece in unpacked:
        size += len(piece)
        end = piece.rfind(b"\n")
        since_line = since_line + len(piece) if end < 0 else len(piece) - end - 1
        if size > MAX_BYTES or since_line > MAX_LINE:
            raise _too_much(
                f"more than {MAX_BYTES} bytes" if size > MAX_BYTES else "an endless line"
            )
        file.write(piece)
    return size


def _counted(arrival: Arrival) -> Iterator[bytes]:
    """The pieces; it ends well only where as many bytes came as were announced."""
    said = arrival.headers.get("content-length", "")
    announced = int(said) if said.isascii() and said.isdigit() and len(said) < 16 else None
    if announced is not None and announced > MAX_BYTES:
        raise _too_much(f"{announced} bytes")
    came = 0
    for piece in arrival.pieces:
        came += len(piece)
        yield piece
    if announced is not None and came != announced:
        raise _cut(f"{came} of {announced} bytes came")


def _unpacked(pieces: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    if encoding.strip().lower() not in ("", "identity", "gzip", "x-gzip"):
        raise RefusedError(
            f"the download is packed as {encoding[:40]}", hint="gzip was asked for, or nothing"
        )
    first = b""
    for piece in pieces:  # the first two bytes say whether it is packed, whatever the header says
        first += piece
        if len(first) >= len(_GZIP):
            break
    if first[: len(_GZIP)] != _GZIP:
        yield first
        yield from pieces
        return
    yield from _gunzipped(_all(first, pieces))


def _gunzipped(pieces: Iterator[bytes]) -> Iterator[bytes]:
    unpacker, came, went = zlib.decompressobj(wbits=31), 0, 0
    for piece in pieces:
        came += len(piece)
        left = piece
        while left:
            if unpacker.eof:  # several may stand one behind the other (RFC 1952, 2.2)
                unpacker = zlib.decompressobj(wbits=31)
            try:
                out = unpacker.decompress(left, _PIECE)
            except zlib.error as error:
                raise _cut("it does not unpack") from error
            left = unpacker.unconsumed_tail or unpacker.unused_data
            went += len(out)
            if went > _FREE_BYTES and went > came * MAX_RATIO:
                raise _too_much(f"{came} bytes that unpack to more than {went}")
            yield out
    if not unpacker.eof:
        raise _cut("it ends before its packing does")


def _all(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _cut(how: str) -> UnknownOutcomeError:
    return UnknownOutcomeError(f"the download was cut: {how}", hint="asking again is safe")


def _too_much(what: str) -> RefusedError:
    return RefusedError(f"the download cannot be a report: {what}", hint="nothing of it was kept")
