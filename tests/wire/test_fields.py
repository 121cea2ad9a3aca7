"""Which headers a request and an answer may have: as h2 judges them, and what it lets pass."""

from contextlib import suppress
from random import Random

import pytest
from h2.exceptions import ProtocolError
from h2.utilities import HeaderValidationFlags, validate_headers

from pushkit_cli.wire.fields import body_length, check_answer, check_request, check_trailers
from pushkit_cli.wire.frames import ConnectionEnd
from tests.wire.pair import post

Fields = tuple[tuple[bytes, bytes], ...]
GOOD = post(b"").headers
MORE: list[tuple[bytes, bytes]] = [
    (b"apns-id", b"8A4F"),
    (b"x", b""),
    (b"x", b"\xff\xfe\x80 \xc3"),
    (b"x", b"a\tb c"),
    (b"te", b"Trailers"),
    (b"host", b"api.push.apple.com"),
    (b"!#$%&'*+-.^_`|~9(", b"odd"),
    (b"cookie", b"a=1"),
]
BAD: list[tuple[bytes, bytes]] = [
    *(
        (b"x", value)
        for value in (b"a\0b", b"a\0b\0c", b"\n", b"a\rb", b" a", b"a ", b"\t", b"a\t")
    ),
    *((name, b"v") for name in (b"", b" ", b"a b", b"Apns-Id", b"a:b", b"\x7f", b"\xe9", b"a\0b")),
    *((name, b"v") for name in (b"connection", b"proxy-connection", b"keep-alive", b"upgrade")),
    *((name, b"v") for name in (b"transfer-encoding", b"te", b"host", b":x", b":")),
    (b":status", b"200"),
    (b":path", b"/"),
    (b":method", b"GET"),
]


def h2_accepts(headers: Fields, *, answer: bool = False, trailer: bool = False) -> bool:
    flags = HeaderValidationFlags(
        is_client=answer, is_trailer=trailer, is_response_header=answer, is_push_promise=False
    )
    try:
        list(validate_headers(headers, flags))
    except (ProtocolError, IndexError):
        return False
    return True


def we_accept(headers: Fields, *, answer: bool = False, trailer: bool = False) -> bool:
    check = check_trailers if trailer else check_answer if answer else check_request
    try:
        check(headers)
    except ConnectionEnd as flaw:
        assert flaw.text
        return False
    return True


@pytest.mark.parametrize("field", BAD)
def test_what_no_request_may_have_is_refused_wherever_it_stands(field: tuple[bytes, bytes]) -> None:
    assert we_accept(GOOD)
    for at in range(len(GOOD) + 1):
        assert not we_accept((*GOOD[:at], field, *GOOD[at:]))


@pytest.mark.parametrize("field", MORE)
def test_what_a_request_may_have_is_let_pass(field: tuple[bytes, bytes]) -> None:
    assert we_accept((*GOOD, field))
    assert we_accept((*GOOD, (b"y", b"z"), field))


def test_headers_by_chance_are_judged_as_h2_judges_them() -> None:
    random = Random(82)
    accepted = 0
    for _ in range(4_000):
        fields = [field for field in GOOD if random.random() < 0.97]
        extra = random.choices(MORE, k=random.randint(0, 3))
        extra += random.sample(BAD, k=random.choice((0, 0, 1)))
        for field in extra:
            fields.insert(random.randint(0 if random.random() < 0.1 else 4, 9), field)
        headers = tuple(fields)
        found = we_accept(headers)
        assert found == h2_accepts(headers), headers
        accepted += found
    assert 500 < accepted < 3_500


def test_answers_and_trailers_by_chance_are_judged_as_h2_judges_them() -> None:
    random = Random(83)
    for _ in range(2_000):
        fields = [(b":status", b"200")] if random.random() < 0.8 else []
        fields += random.choices([*MORE, *BAD], k=random.choice((0, 0, 1, 2)))
        headers = tuple(fields)
        assert we_accept(headers, answer=True) == h2_accepts(headers, answer=True), headers
        assert we_accept(headers, trailer=True) == h2_accepts(headers, trailer=True), headers


def test_connect_has_no_path_and_no_scheme() -> None:
    method, authority = (b":method", b"CONNECT"), (b":authority", b"x")
    assert we_accept((method, authority))
    for more in ((b":path", b"/"), (b":scheme", b"https")):
        assert not we_accept((method, authority, more))
    assert not we_accept((method, authority, (b":protocol", b"websocket"))), "8441 is not announced"


@pytest.mark.parametrize("status", [b"", b"20", b"2000", b"+20", b"2_0", b"abc", "²00".encode()])
def test_a_status_is_three_digits(status: bytes) -> None:
    assert not we_accept(((b":status", status),), answer=True)
    assert check_answer(((b":status", b"299"),)) == 299


@pytest.mark.parametrize(
    ("said", "length"),
    [([], None), ([b"5"], 5), ([b"5", b"05"], 5), ([b"5", b"6"], -1), ([b"x"], -1), ([b""], -1)],
)
def test_the_length_of_a_body_is_said_once(said: list[bytes], length: int | None) -> None:
    headers = tuple((b"content-length", value) for value in said)
    found: int | None = -1
    with suppress(ConnectionEnd):
        found = body_length(headers)
    assert found == length
