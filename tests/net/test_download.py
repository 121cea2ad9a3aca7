"""A file that comes over the wire, and everything that can be wrong with it."""

import gzip
import io
from collections.abc import Iterator

import pytest

from pushkit_cli.errors import PushkitError, RefusedError, UnknownOutcomeError
from pushkit_cli.net import download
from pushkit_cli.net.rest import Arrival

TEXT = b"a,b\n" * 5000


def saved(*pieces: bytes, **headers: str) -> bytes:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    file = io.BytesIO()
    size = download.save(Arrival(status=200, headers=named, pieces=iter(pieces)), file)
    assert size == len(file.getvalue())
    return file.getvalue()


def by_bytes(data: bytes) -> Iterator[bytes]:
    return (data[at : at + 1] for at in range(len(data)))


def test_it_is_the_same_however_it_comes() -> None:
    packed = gzip.compress(TEXT)
    assert saved(TEXT) == saved(*by_bytes(TEXT)) == TEXT
    assert saved(packed) == saved(*by_bytes(packed)) == TEXT
    assert saved(packed, content_encoding="GZIP", content_length=str(len(packed))) == TEXT
    assert saved(packed + packed) == TEXT * 2
    assert saved() == saved(b"", b"") == b""
    assert saved(b"a") == b"a"


@pytest.mark.parametrize(
    ("pieces", "headers"),
    [
        ([TEXT], {"content_length": str(len(TEXT) + 1)}),
        ([TEXT], {"content_length": str(len(TEXT) - 1)}),
        ([gzip.compress(TEXT)[:-1]], {}),
        ([gzip.compress(TEXT) + b"x"], {}),
        ([b"\x1f\x8bnothing"], {}),
    ],
)
def test_a_part_is_not_the_whole(pieces: list[bytes], headers: dict[str, str]) -> None:
    with pytest.raises(UnknownOutcomeError, match="the download was cut"):
        saved(*pieces, **headers)


@pytest.mark.parametrize(
    ("pieces", "headers", "why"),
    [
        ([b"a"], {"content_length": str(download.MAX_BYTES + 1)}, "bytes"),
        ([gzip.compress(b"a,b\n" * 3_000_000)], {}, "unpack"),
        ([b"a" * 40_000] * 2, {}, "an endless line"),
        ([b"a"], {"content_encoding": "zstd"}, "zstd"),
    ],
)
def test_what_cannot_be_true_is_refused(
    pieces: list[bytes], headers: dict[str, str], why: str
) -> None:
    with pytest.raises(RefusedError, match=why):
        saved(*pieces, **headers)


def test_there_is_an_end_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "MAX_BYTES", 100)
    with pytest.raises(PushkitError, match="more than 100 bytes"):
        saved(b"a\n" * 51)
