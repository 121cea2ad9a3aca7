"""Attacks made of frames: each ends answered or closed, and the listener goes on as if nothing was.

Names and numbers: CVE-2023-44487 (rapid reset), CVE-2025-8671 (made to reset), CVE-2019-9511 to
9518 (floods and windows), CVE-2024-27316 and kin (CONTINUATION).
"""

import resource
import ssl
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any

import pytest

from tests.soak.attacker import Attacker, block, plain
from tests.soak.listener import Subject
from tests.wire import raw

Attack = Callable[[Attacker], None]
PAD = b"\x00\x01x\x7f\x97\x02" + b"y" * 406
"""A header of 406 bytes, without any table."""


def rapid_reset(a: Attacker) -> None:
    a.authenticate()
    good = a.good

    def open_and_reset(_: int) -> bytes:
        stream = a.stream()
        return raw.headers(stream, good, end=False) + raw.rst(stream, raw.CANCEL)

    a.flood(open_and_reset, 30_000)


def asked_and_reset(a: Attacker) -> None:
    """The same with whole requests, each of which has to be judged."""
    a.authenticate()
    bad = block([pair for pair in a.fields if pair[0] != b"authorization"])

    def ask_and_reset(_: int) -> bytes:
        stream = a.stream()
        return raw.headers(stream, bad) + raw.rst(stream, raw.CANCEL)

    a.flood(ask_and_reset, 5_000)


def made_to_reset(a: Attacker, frame: Callable[[int], bytes]) -> None:
    """Frames that break a stream, not the connection: it is the server who resets."""
    a.authenticate()
    good = a.good

    def break_one(_: int) -> bytes:
        stream = a.stream()
        return raw.headers(stream, good, end=False) + frame(stream)

    a.flood(break_one, 10_000)


def pings(a: Attacker) -> None:
    a.flood(lambda number: raw.ping(number.to_bytes(8, "big")), 200_000)


def pings_unread(a: Attacker) -> None:
    many = raw.ping() * 1_000
    for _ in range(500):
        if not a.say(many, wait=5.0):
            return


def settings(a: Attacker) -> None:
    a.flood(lambda number: raw.settings(INITIAL_WINDOW_SIZE=number % 65_536), 50_000)


def settings_of_nothing(a: Attacker) -> None:
    a.flood(lambda _: raw.settings(), 100_000)


def empty_data(a: Attacker) -> None:
    a.authenticate()
    stream = a.stream()
    a.say(raw.headers(stream, a.good, end=False))
    a.flood(lambda _: raw.data(stream), 200_000)


def padding(a: Attacker) -> None:
    """DATA of nothing but padding: 256 bytes to count, none to keep."""
    a.authenticate()
    stream = a.stream()
    a.say(raw.headers(stream, a.good, end=False))
    a.flood(lambda _: raw.data(stream, pad=255), 100_000)


def continuation(a: Attacker, piece: bytes, count: int) -> None:
    a.say(raw.raw(1, stream=a.stream(), payload=a.good))
    stream = a.next_stream - 2
    a.flood(lambda _: raw.raw(9, stream=stream, payload=piece), count)


def bomb(a: Attacker) -> None:
    """One entry of 3 KB in the table, and then a byte for each time it is repeated."""
    a.authenticate()
    entry = b"\x40\x01x\x7f\xb9\x16" + b"y" * 3_000
    a.say(raw.headers(a.stream(), a.good + entry))
    a.flood(lambda _: raw.headers(a.stream(), b"\xbe" * 16_000), 100)


def endless_table(a: Attacker) -> None:
    """Two gigabytes for the table of the server's encoder: it need not use them (RFC 7541, 4.2)."""
    a.authenticate()
    a.heard.decoder.max_allowed_table_size = 2**31
    a.say(raw.settings(HEADER_TABLE_SIZE=2**31))
    bad = block([pair for pair in a.fields if pair[0] != b"authorization"])
    a.flood(lambda _: raw.headers(a.stream(), bad), 10_000)


def long_lists(a: Attacker) -> None:
    """Header lists of 7,900 bytes, one stream after another, none of them ended."""
    a.authenticate()
    head = a.good + PAD * 15
    a.flood(lambda _: raw.headers(a.stream(), head, end=False), 3_000)


def never_reads(a: Attacker) -> None:
    a.authenticate()
    bad = block([pair for pair in a.fields if pair[0] != b"authorization"])
    for _ in range(100):
        if not a.say(*(raw.headers(a.stream(), bad) for _ in range(100)), wait=5.0):
            return


def window_of_zero(a: Attacker) -> None:
    """Answers with a body that may never leave."""
    a.authenticate()
    a.say(raw.settings(INITIAL_WINDOW_SIZE=0))
    bad = block([pair for pair in a.fields if pair[0] != b"authorization"])
    a.flood(lambda _: raw.headers(a.stream(), bad), 5_000)


def window_of_one(a: Attacker) -> None:
    """Answers that leave byte by byte (CVE-2019-9511)."""
    a.authenticate()
    a.say(raw.settings(INITIAL_WINDOW_SIZE=0))
    bad = block([pair for pair in a.fields if pair[0] != b"authorization"])
    streams = [a.stream() for _ in range(900)]
    a.say(*(raw.headers(stream, bad) for stream in streams))
    a.flood(lambda number: raw.window(streams[number % 900], 1), 40_000)


def windows(a: Attacker) -> None:
    a.flood(lambda _: raw.window(0, 1), 200_000)


def window_too_large(a: Attacker) -> None:
    a.flood(lambda _: raw.window(0, raw.MAX_STREAM), 3)


def windows_of_streams(a: Attacker) -> None:
    """INITIAL_WINDOW_SIZE moves the window of every open stream, again and again."""
    a.authenticate()
    a.say(*(raw.headers(a.stream(), a.good, end=False) for _ in range(900)))
    a.flood(lambda number: raw.settings(INITIAL_WINDOW_SIZE=number % 2), 5_000)


def priorities(a: Attacker) -> None:
    payload = b"\0\0\0\0\x10"
    a.flood(lambda number: raw.raw(2, stream=2 * number + 1, payload=payload), 100_000)


def unknown_frames(a: Attacker) -> None:
    a.flood(lambda number: raw.raw(0x42, flags=0xFF, stream=1, payload=bytes(50)), 100_000)


def goodbyes(a: Attacker) -> None:
    a.flood(lambda number: raw.goaway(0, debug=b"x" * 100), 50_000)


def half_open_streams(a: Attacker) -> None:
    a.authenticate()
    good = a.good
    a.flood(lambda _: raw.headers(a.stream(), good, end=False), 5_000)


def large_bodies(a: Attacker) -> None:
    """Sixteen megabytes a stream, of which five kilobytes are kept."""
    a.authenticate()
    for _ in range(4):
        stream = a.stream()
        a.say(raw.headers(stream, a.good, end=False))
        a.flood(lambda _, stream=stream: raw.data(stream, bytes(1_000)), 16_000)  # type: ignore[misc]


ATTACKS: dict[str, Attack] = {
    "rapid reset": rapid_reset,
    "rapid reset of whole requests": asked_and_reset,
    "made to reset by a window of nothing": lambda a: made_to_reset(
        a, lambda stream: raw.window(stream, 0)
    ),
    "made to reset by a window too large": lambda a: made_to_reset(
        a, lambda stream: raw.window(stream, raw.MAX_STREAM)
    ),
    "made to reset by trailers": lambda a: made_to_reset(
        a, lambda stream: raw.headers(stream, b"\x00\x01t\x01v", end=False)
    ),
    "made to reset by a stream that depends on itself": lambda a: made_to_reset(
        a, lambda stream: raw.raw(2, stream=stream, payload=stream.to_bytes(4, "big") + b"\0")
    ),
    "PING": pings,
    "PING by one who never reads": pings_unread,
    "SETTINGS": settings,
    "SETTINGS of nothing": settings_of_nothing,
    "empty DATA": empty_data,
    "DATA of padding": padding,
    "CONTINUATION of nothing": lambda a: continuation(a, b"", 100_000),
    "CONTINUATION of much": lambda a: continuation(a, PAD * 39, 5_000),
    "an HPACK bomb": bomb,
    "a header table without end": endless_table,
    "long header lists": long_lists,
    "a peer that never reads": never_reads,
    "a window of zero": window_of_zero,
    "a window of one": window_of_one,
    "WINDOW_UPDATE": windows,
    "WINDOW_UPDATE beyond the limit": window_too_large,
    "windows of many streams": windows_of_streams,
    "PRIORITY": priorities,
    "unknown frames": unknown_frames,
    "GOAWAY": goodbyes,
    "half-open streams": half_open_streams,
    "large bodies": large_bodies,
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_answered_or_closed(victim: Subject, name: str) -> None:
    with Attacker(victim.ready) as attacker:
        ATTACKS[name](attacker)
        assert victim.good_push() < 1.0, "while the attacker is still there"
        assert attacker.settled() in ("answered", "closed")


# Many connections


def half_a_hello(ready: dict[str, Any], stack: ExitStack) -> None:
    for one in stack.enter_context(plain(ready, 300)):
        one.sendall(b"\x16\x03\x01\x02\x00\x01")


def silence(ready: dict[str, Any], stack: ExitStack) -> None:
    stack.enter_context(plain(ready, 400))


def more_than_there_is_room_for(ready: dict[str, Any], stack: ExitStack) -> None:
    """Nobody of them says a word, and the listener has 900 places."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4_096)), hard))
    stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
    stack.enter_context(plain(ready, 1_200))


def no_preface(ready: dict[str, Any], stack: ExitStack) -> None:
    for _ in range(150):
        stack.enter_context(Attacker(ready, greet=False))


def half_a_preface(ready: dict[str, Any], stack: ExitStack) -> None:
    for _ in range(150):
        stack.enter_context(Attacker(ready, greet=False)).say(raw.PREFACE[:10])


def slow_bodies(ready: dict[str, Any], stack: ExitStack) -> None:
    """A request on each connection, of whose body a byte comes now and then."""
    slow = [stack.enter_context(Attacker(ready)) for _ in range(150)]
    for one in slow:
        one.say(raw.headers(one.stream(), one.good, end=False))
    for _ in range(5):
        for one in slow:
            one.say(raw.data(1, b"["))


def slow_headers(ready: dict[str, Any], stack: ExitStack) -> None:
    for _ in range(150):
        one = stack.enter_context(Attacker(ready))
        one.say(raw.raw(1, stream=1, payload=one.good[:50]))


def many_streams(ready: dict[str, Any], stack: ExitStack) -> None:
    """A thousand streams on each of ten connections, none of which ends."""
    for _ in range(10):
        one = stack.enter_context(Attacker(ready))
        one.authenticate()
        good = one.good
        one.say(*(raw.headers(one.stream(), good, end=False) for _ in range(1_000)))


def come_and_go(ready: dict[str, Any], stack: ExitStack) -> None:
    for _ in range(300):
        with Attacker(ready) as one:
            one.say(raw.headers(1, one.good, end=False))


def knock_and_run(ready: dict[str, Any], stack: ExitStack) -> None:
    for _ in range(20):
        with plain(ready, 100):
            pass


CROWDS = {crowd.__name__: crowd for crowd in (
    half_a_hello, silence, more_than_there_is_room_for, knock_and_run, come_and_go, no_preface,
    half_a_preface, slow_bodies, slow_headers, many_streams,
)}  # fmt: skip


@pytest.mark.parametrize("name", CROWDS)
def test_a_crowd_keeps_nobody_out(victim: Subject, name: str) -> None:
    with ExitStack() as stack:
        CROWDS[name](victim.ready, stack)
        assert victim.good_push() < 1.0


def test_what_is_no_tls_is_closed(victim: Subject) -> None:
    for said in (b"GET / HTTP/1.1\r\n\r\n", bytes(100)):
        with plain(victim.ready) as (one,):
            one.sendall(said)
            with suppress(ConnectionResetError, ssl.SSLError):
                while one.recv(1_000):
                    pass
