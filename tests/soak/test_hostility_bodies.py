"""Bodies that are meant to break a parser, in pushes that are otherwise good."""

import gzip
import json

import pytest

from tests.soak.attacker import Attacker
from tests.soak.listener import Subject

EMPTY = (400, b'{"reason":"PayloadEmpty"}')
"""Also for what is no JSON, by default: ours, Apple's answer is not known."""
LARGE = (413, b'{"reason":"PayloadTooLarge"}')
TAKEN = (200, b"")

BODIES: dict[str, tuple[bytes, tuple[int, bytes]]] = {
    "nothing": (b"", EMPTY),
    "a brace": (b"{", EMPTY),
    "5,120 brackets": (b"[" * 5120, EMPTY),
    "objects 800 deep": (b'{"a":' * 800 + b"1" + b"}" * 800, EMPTY),
    "a number of 5,000 digits": (b'{"a":' + b"1" * 5000 + b"}", EMPTY),
    "an exponent of 11 digits": (b'{"a":1e99999999999}', EMPTY),
    "NaN": (b'{"a":NaN}', EMPTY),
    "minus infinity": (b'{"a":-Infinity}', EMPTY),
    "UTF-16": ('{"a":1}'.encode("utf-16"), EMPTY),
    "UTF-32": ('{"a":1}'.encode("utf-32"), EMPTY),
    "a byte order mark": (b'\xef\xbb\xbf{"a":1}', EMPTY),
    "a surrogate in UTF-8": (b'{"a":"\xed\xa0\x80"}', EMPTY),
    "an overlong slash": (b'{"a":"\xc0\xaf"}', EMPTY),
    "Latin-1": (b'{"a":"\xff"}', EMPTY),
    "zeros": (bytes(100), EMPTY),
    "a zero in a string": (b'{"a":"\0"}', EMPTY),
    "gzip": (gzip.compress(b'{"a":1}'), EMPTY),
    "two objects": (b"{} {}", EMPTY),
    "a comment": (b"{/**/}", EMPTY),
    "XML that refers to itself": (b'<!DOCTYPE x [<!ENTITY a "&a;&a;">]><x>&a;</x>', EMPTY),
    "a form": (b"aps=1&callUUID=2", EMPTY),
    "one byte too many": (b'{"a":"' + b"x" * 5113 + b'"}', LARGE),
    "a megabyte": (b"[" * 2**20, LARGE),
    # What is JSON is accepted; what it does to a screen or a log is the reader's danger.
    "a lone surrogate, escaped": (b'{"callUUID":"\\ud800"}', TAKEN),
    "the same key twice": (b'{"callUUID":"a","callUUID":"b"}', TAKEN),
    "a list": (b"[]", TAKEN),
    "null": (b"null", TAKEN),
    "600 keys": (b"{" + b",".join(b'"%d":0' % key for key in range(600)) + b"}", TAKEN),
    "keys of other languages": (b'{"__proto__":{"a":1},"constructor":1,"__class__":1}', TAKEN),
    "an aps that is a list": (b'{"aps":[1,2],"callUUID":{}}', TAKEN),
    "orders for a terminal": (
        json.dumps({"callUUID": "\x1b[2J\x1b]0;x\x07", "handle": "::error::\r\n##vso["}).encode(),
        TAKEN,
    ),
    "a name of 800 controls": (b'{"handle":"' + b"\\u0001" * 800 + b'"}', TAKEN),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_hostile_body_is_answered(victim: Subject, name: str) -> None:
    body, said = BODIES[name]
    with Attacker(victim.ready) as attacker:
        assert attacker.answer(attacker.push(body)) == said
        assert attacker.answer(attacker.push()) == TAKEN  # on the same connection


def test_there_are_enough() -> None:
    assert len(BODIES) >= 24
