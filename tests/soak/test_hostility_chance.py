"""Ten thousand streams that chance has spoilt, from a seed: TLS, HTTP/2, headers, bodies, tokens.

Each layer is spoilt inside a sound one below, so that every parser meets nonsense. Each stream is
answered or its connection closed; of either kind there are many, so no layer is without effect.
"""

import json
import socket
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any

import pytest

from tests.apns.test_token import HEADER, b64, forge
from tests.law import TEAM, KeyPair
from tests.soak.attacker import Attacker, client_hello, plain
from tests.soak.listener import Subject
from tests.wire import raw
from tests.wire.test_server_broken import mutated, sample

IN_TCP, IN_TLS, IN_HTTP2 = 300, 1_700, 8_000

Fields = list[tuple[bytes, bytes]]
Spoil = Callable[[Random, Attacker, KeyPair], tuple[Fields, bytes]]


def test_spoilt_tls_is_closed_or_waits(victim: Subject) -> None:
    random, hello = Random("tls"), client_hello()
    for _ in range(IN_TCP):
        said = bytearray(hello)
        for _ in range(random.randint(1, 6)):
            said[random.randrange(len(said))] = random.randrange(256)
        if random.random() < 0.2:
            said = bytearray(random.randbytes(random.randint(1, 600)))
        with plain(victim.ready) as (one,), suppress(OSError):
            one.sendall(said)
            one.shutdown(socket.SHUT_WR)
            while one.recv(65_536):
                pass


def test_spoilt_http2_is_answered_or_closed(victim: Subject) -> None:
    random, ends = Random("http2"), Counter[str]()
    for _ in range(IN_TLS):
        said = random.randbytes(random.randint(1, 400))
        if random.random() < 0.9:
            said = mutated(random, sample(random))
        with Attacker(victim.ready, greet=False) as attacker:
            attacker.heard.decoder.max_allowed_table_size = 2**32  # whatever was said of it
            attacker.say(said)
            # A conversation that broke off in the middle of a frame is made to end by more of it.
            attacker.say(bytes(raw.MAX_FRAME + 9))
            ends[attacker.settled()] += 1
            ends["heard"] += any(message.fields for message in attacker.heard.messages.values())
    assert ends["closed"] == IN_TLS
    assert ends["heard"] > IN_TLS // 20


def spoilt_body(random: Random, attacker: Attacker, keys: KeyPair) -> tuple[Fields, bytes]:
    body = (
        json.dumps(any_json(random, 4)).encode() if random.random() < 0.5 else b'{"callUUID":"c"}'
    )
    return attacker.fields, mutated_bytes(random, body)


def spoilt_header(random: Random, attacker: Attacker, keys: KeyPair) -> tuple[Fields, bytes]:
    fields = attacker.fields
    for _ in range(random.randint(1, 3)):
        at = random.randrange(len(fields))
        name, value = fields[at]
        way = random.randrange(5)
        if way == 0:
            fields[at] = (name, mutated_bytes(random, value))
        elif way == 1:
            fields.insert(random.randrange(len(fields) + 1), (name, value))
        elif way == 2:
            del fields[at]
        elif way == 3:
            fields[at] = (
                name,
                random.choice((b"", b"\x80", b"9" * 400, b"-1", b"1e9", b"\xd9\xa3")),
            )
        else:
            fields.append((random.choice((b"x", b"apns-x", b"te", b"cookie")), random.randbytes(9)))
    return fields, b'{"callUUID":"c"}'


def spoilt_token(random: Random, attacker: Attacker, keys: KeyPair) -> tuple[Fields, bytes]:
    """Nonsense that our own key has signed, in the header or in the claims; or a spoilt token."""
    header: dict[str, Any] = dict(HEADER)
    claims: dict[str, Any] = {"iss": TEAM, "iat": int(time.time())}
    spoilt = random.choice((header, claims))
    spoilt[random.choice((*spoilt, "crit", "exp", "x"))] = any_json(random, 2)
    texts = [json.dumps(one) for one in (header, claims)]
    if random.random() < 0.3:
        texts = [mutated_bytes(random, text.encode()).decode("latin-1") for text in texts]
    token = forge(keys, header=texts[0], claims=texts[1])
    if random.random() < 0.2:
        token = b64(mutated_bytes(random, token.encode()))
    kept = [pair for pair in attacker.fields if pair[0] != b"authorization"]
    return [*kept, (b"authorization", b"bearer " + token.encode())], b'{"callUUID":"c"}'


def mutated_bytes(random: Random, said: bytes) -> bytes:
    changed = bytearray(said)
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(changed) + 1)
        way = random.randrange(4)
        if way == 0:
            changed[at:at] = random.randbytes(random.randint(1, 9))
        elif way == 1:
            del changed[at : at + random.randint(1, 9)]
        elif way == 2:
            changed[at : at + 1] = random.choice((b'"', b"{", b"[", b"\0", b"\\", b"\xff", b","))
        elif at < len(changed):
            changed[at] ^= 1 << random.randrange(8)
    return bytes(changed)


def any_json(random: Random, depth: int) -> Any:
    """Any value, of the kinds and sizes that parsers trip over."""
    way = random.randrange(9 if depth else 7)
    if way == 7:
        return [any_json(random, depth - 1) for _ in range(random.randrange(5))]
    if way == 8:
        return {
            random.choice(("aps", "alert", "callUUID", "", "\0", "a.b", "kid")): any_json(
                random, depth - 1
            )
            for _ in range(random.randrange(5))
        }
    numbers = (0, -1, 2**63, 10**30, 1e308, 0.1, int(time.time()) * 1000)
    texts = ("", "x" * random.randrange(300), "\ud800", "\x1b[2J", "../..", "ES256", "\u202e")
    return (None, True, False, random.choice(numbers), random.random(), random.choice(texts),
            str(int(time.time())))[way]  # fmt: skip


SPOILS: dict[str, tuple[Spoil, int, int]] = {
    "body": (spoilt_body, 3_000, 50),
    "header": (spoilt_header, 3_000, 50),
    # A connection that has met one expired token, or too many new ones, refuses all the rest.
    "token": (spoilt_token, 2_000, 1),
}
"""How it is spoilt, how many streams, and how many of them share a connection while it holds."""


@pytest.mark.parametrize("name", SPOILS)
def test_a_spoilt_push_in_sound_http2_is_answered_or_closed(
    victim: Subject, keys: KeyPair, name: str
) -> None:
    spoil, count, together = SPOILS[name]
    random, ends = Random(name), Counter[int | None]()
    while ends.total() < count:
        with Attacker(victim.ready) as attacker:
            for _ in range(together):
                fields, body = spoil(random, attacker, keys)
                ends[attacker.answer(attacker.push(body, fields))[0]] += 1
                if attacker.closed:
                    break
    # Some survived being spoilt, many were refused; a stream without an answer was closed.
    assert ends[200] > count // 50, ends
    assert ends[400] + ends[403] > count // 20, ends
    assert set(ends) <= {None, 200, 400, 403, 404, 405, 410, 413, 429}


def test_there_are_ten_thousand() -> None:
    assert IN_TCP + IN_TLS + IN_HTTP2 >= 10_000
    assert sum(count for _, count, _ in SPOILS.values()) == IN_HTTP2
