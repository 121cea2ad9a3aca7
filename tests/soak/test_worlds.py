"""Many random worlds and many random bytes: what holds in the quick tests holds at length."""

import base64
import json
import math
from random import Random
from typing import Any

import pytest

from pushkit_cli.apns.facts import Policy
from pushkit_cli.apns.payload import MAX_DEPTH, Malformed, Parsed, parse_json
from pushkit_cli.apns.token import ProviderToken, TokenFault, mint, read, verify
from tests.emulator.stage import Stage
from tests.emulator.test_replay import Chance, play
from tests.law import BODY, KEY_ID, NOW, OTHER_TEAM, TEAM, KeyPair, new_key

BLOCKS, WORLDS, STEPS = 12, 15, 600
BATCHES, BODIES, TOKENS = 12, 90_000, 45_000


@pytest.fixture(scope="module")
def keys() -> KeyPair:
    return new_key()


@pytest.mark.parametrize("block", range(BLOCKS))
def test_a_long_life_on_disk_is_the_life_in_memory(keys: KeyPair, block: int) -> None:
    seen = set[str]()
    for number in range(WORLDS):
        random = Random(f"world {block} {number}")
        stage = Stage(keys, policy=Policy(new_tokens=(1, 2, 9)[number % 3])).set_up()
        chance = Chance(stage, random)
        for _ in range(STEPS):
            seen |= play(stage, chance)
            if random.random() < 0.01:  # the listener is killed; the next one has the disk alone
                stage.world = stage.rebuilt()
    assert {"push", "launched", "delivered", "call-reported", "terminated", "warning"} <= seen


# Bytes

_SEEDS = (
    BODY, b"{}", b'{"aps":{"alert":{"title":"a","body":"b"},"badge":1}}',
    b"[1,2.5e3,-0,null,true]", b'{"a":{"b":[[[{"c":"\\u00e9\\ud83d\\ude00"}]]]}}',
    '{"\u00e9":"\U0001f600"}'.encode(), b'"\\ud800"', b"[" * 99 + b"]" * 99,
    b'{"a":' * 99 + b"1" + b"}" * 99, b"9" * 4000, b"1e308", b"1E-400", b"NaN",
)  # fmt: skip
_PIECES = (
    b"[", b"]", b"{", b"}", b'"', b"\\", b",", b":", b"\\u", b"\\ud800", b"\\udc00", b"e9", b"-",
    b".", b"0", b"1" * 400, b"NaN", b"Infinity", b"true", b"null", b"\x00", b"\xff",
    b"\xef\xbb\xbf", b"\xc3", b"\xed\xa0\x80", b"\n", b"[" * 60, b'{"a":' * 60, b"1e999",
    b"//", b"'",
)  # fmt: skip


def mutated(random: Random, data: bytes, pieces: tuple[bytes, ...]) -> bytes:
    """The bytes with a few of them lost, doubled, changed or joined by others."""
    for _ in range(random.randint(0, 4)):
        start = random.randint(0, len(data))
        stop = min(len(data), start + random.choice([0, 0, 1, 1, 3, 40]))
        noise = random.randbytes(random.randint(1, 4))
        between = random.choice([b"", random.choice(pieces), data[start:stop] * 2, noise])
        data = data[:start] + between + data[stop:]
    return data


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0


def _finite(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_finite, value.values()))
    if isinstance(value, list):
        return all(map(_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def _lenient(body: bytes) -> Any:
    """What the standard library reads; itself where it reads nothing."""
    try:
        return json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        return _lenient


@pytest.mark.parametrize("seed", range(BATCHES))
def test_any_body_is_read_strictly_or_refused_in_words(seed: int) -> None:
    random, kinds = Random(f"body {seed}"), set[type]()
    for _ in range(BODIES):
        body = mutated(random, random.choice(_SEEDS), _PIECES)
        found, lenient = parse_json(body), _lenient(body)
        kinds.add(type(found))
        if isinstance(found, Parsed):
            assert found.value == lenient
            assert _depth(found.value) <= MAX_DEPTH
            assert _finite(found.value)
        else:
            assert found.detail
            assert len(found.detail) < 200
            assert lenient is _lenient or _stricter(lenient, found), body
    assert kinds == {Parsed, Malformed}


def _stricter(lenient: Any, found: Malformed) -> bool:
    """Whether we may refuse what the standard library reads."""
    too_deep = _depth(lenient) > MAX_DEPTH and "deep" in found.detail
    return too_deep or not _finite(lenient)


_TOKEN_PIECES = (
    b".", b"..", b"=", b"-", b"_", b"+", b"/", b"A", b"eyJ", b" ", b"\n", b"\x00", b"\xc3\xa9",
    b"A" * 4000,
    *(base64.urlsafe_b64encode(part).rstrip(b"=") for part in (
        b'{"alg":"none"}', b'{"alg":"HS256","kid":"KEY1234567"}', b'{"alg":"ES256"}', b"[]", b"{",
        b'{"alg":"ES256","kid":1}', b'{"iss":"TEAM123456","iat":1e99}', b'{"iss":"","iat":true}',
        b'{"iss":"TEAM123456","iat":"1764000000"}', b"[" * 2000, b'{"iat":' + b"9" * 5000 + b"}",
    )),
)  # fmt: skip


def _swapped(random: Random, token: bytes, other: bytes) -> bytes:
    """The token with one of its parts taken from another, now and then."""
    parts, theirs = token.split(b"."), other.split(b".")
    if random.random() < 0.2:
        at = random.randrange(3)
        parts[at] = theirs[at]
    return b".".join(parts)


@pytest.mark.parametrize("seed", range(BATCHES))
def test_any_token_is_read_or_refused_and_none_is_forged(keys: KeyPair, seed: int) -> None:
    random, kinds = Random(f"token {seed}"), set[str]()
    tokens = [
        mint(key.private_pem, team_id=team_id, key_id=KEY_ID, now=NOW + age).encode()
        for key, team_id, age in ((keys, TEAM, 0), (keys, OTHER_TEAM, 60), (new_key(), TEAM, 0))
    ]
    ours = {token.rpartition(b".")[0] for token in tokens[:2]}
    for _ in range(TOKENS):
        token = _swapped(random, random.choice(tokens), random.choice(tokens))
        found = read(mutated(random, token, _TOKEN_PIECES).decode("latin-1"))
        if isinstance(found, TokenFault):
            assert found.detail
            kinds.add("refused")
            continue
        assert isinstance(found, ProviderToken)
        assert found.team_id
        assert found.key_id
        fault = verify(found, keys.public_pem)
        kinds.add("verified" if fault is None else "unverified")
        if fault is None:
            assert found.signed in ours
        else:
            assert fault.detail
    assert kinds == {"refused", "verified", "unverified"}
