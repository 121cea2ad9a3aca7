"""A push on the wire and back, and answers in Apple's shape and in every other."""

import json
from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pushkit_cli.apns import message
from pushkit_cli.apns.facts import Credential
from pushkit_cli.apns.message import (
    Headers,
    Outcome,
    Reply,
    Request,
    Response,
    accept,
    read_reply,
    refuse,
    to_push,
    to_request,
)
from pushkit_cli.apns.payload import Malformed, Parsed
from pushkit_cli.apns.push import Priority, Push, PushType
from pushkit_cli.apns.reasons import REASONS
from pushkit_cli.apns.rules import Accepted, decide
from tests.law import ACCEPTED, KNOWLEDGE, TOKEN, TOPIC, UUID, knowing, request

HOST = "api.sandbox.push.apple.com"
ID = "8023DA58-9055-DD6E-1BF4-436DEE686899"
UNIQUE = "4084a6e4-9ea8-6d2a-ca49-9a344a152da7"


# A push and its request

visible = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=64)
pushes = st.builds(
    Push,
    token=st.binary(min_size=1, max_size=100).map(bytes.hex),
    payload=st.binary(max_size=40),
    topic=st.none() | visible,
    push_type=st.none() | st.sampled_from(PushType) | visible,
    priority=st.none() | st.sampled_from(Priority) | st.integers(0, 99),
    expiration=st.none() | st.integers(0, 10**15 - 1),
    collapse_id=st.none() | visible,
    apns_id=st.none() | st.uuids().map(str),
)


@settings(deadline=None)
@given(pushes, st.none() | visible)
def test_a_push_comes_back_from_its_request(push: Push, provider_token: str | None) -> None:
    written = to_request(push, authority=HOST, provider_token=provider_token)
    assert to_push(written) == push
    assert written.repeated == ()


@settings(deadline=None)
@given(pushes)
def test_what_is_none_in_a_push_is_absent_in_its_request(push: Push) -> None:
    written = to_request(push, authority=HOST, provider_token=None)
    said = {name.decode().replace("-", "_").removeprefix("apns_") for name, _ in written.headers}
    optional = {"topic", "push_type", "priority", "expiration", "collapse_id"}
    assert said & optional == {name for name in optional if getattr(push, name) is not None}
    assert ("id" in said) is (push.apns_id is not None)
    assert "authorization" not in said


def test_a_request_is_written_byte_for_byte() -> None:
    push = Push(
        token=TOKEN,
        payload=b"{}",
        topic=TOPIC,
        push_type=PushType.voip,
        priority=Priority.IMMEDIATE,
        expiration=0,
        collapse_id="é",
        apns_id=UUID,
    )
    assert to_request(push, authority=HOST, provider_token="a.b.c") == Request(
        headers=(
            (b":method", b"POST"),
            (b":scheme", b"https"),
            (b":authority", b"api.sandbox.push.apple.com"),
            (b":path", b"/3/device/" + TOKEN.encode()),
            (b"authorization", b"bearer a.b.c"),
            (b"apns-topic", b"com.example.app.voip"),
            (b"apns-push-type", b"voip"),
            (b"apns-priority", b"10"),
            (b"apns-expiration", b"0"),
            (b"apns-collapse-id", b"\xc3\xa9"),
            (b"apns-id", UUID.encode()),
        ),
        body=b"{}",
        body_size=2,
    )


def test_try_once_and_no_expiration_are_two_things() -> None:
    once = to_request(
        Push(token=TOKEN, payload=b"", expiration=0), authority=HOST, provider_token=None
    )
    unsaid = to_request(Push(token=TOKEN, payload=b""), authority=HOST, provider_token=None)
    assert once.field(message.EXPIRATION) == "0"
    assert unsaid.field(message.EXPIRATION) is None
    assert (to_push(once).expiration, to_push(unsaid).expiration) == (0, None)


def test_a_push_that_the_rules_accept_is_the_push_that_was_sent() -> None:
    push = Push(token=TOKEN, payload=b"{}", topic=TOPIC, push_type=PushType.voip, priority=5)
    verdict = decide(to_request(push, authority=HOST, provider_token="x"), KNOWLEDGE)
    assert verdict == Accepted(push=push)
    refused = knowing(credential=Credential())(ACCEPTED).knowledge
    assert decide(to_request(push, authority=HOST, provider_token="x"), refused) != verdict


def test_a_token_is_read_in_lower_case() -> None:
    assert to_push(request(token=TOKEN.upper())).token == TOKEN


# What a request says


def headers_of(*pairs: tuple[bytes, bytes]) -> Request:
    return Request(headers=pairs)


@pytest.mark.parametrize(
    ("pairs", "repeated"),
    [
        ([(b"a", b"1"), (b"b", b"1")], ()),
        ([(b"a", b"1"), (b"a", b"1")], (b"a",)),
        ([(b"A", b"1"), (b"a", b"2")], (b"a",)),
        ([(b"b", b""), (b"a", b""), (b"a", b""), (b"b", b""), (b"b", b"")], (b"a", b"b")),
        ([(b"cookie", b"1"), (b"Cookie", b"2")], ()),
        ([(b"cookie", b"1"), (b"cookie", b"2"), (b"a", b""), (b"a", b"")], (b"a",)),
        ([(b":path", b"1"), (b":path", b"2")], (b":path",)),
    ],
)
def test_a_repeated_header_is_seen(
    pairs: list[tuple[bytes, bytes]], repeated: tuple[bytes, ...]
) -> None:
    assert headers_of(*pairs).repeated == repeated


def test_of_a_repeated_header_the_first_counts() -> None:
    twice = headers_of((b"Apns-Topic", b"first"), (b"apns-topic", b"second"))
    assert twice.field(message.TOPIC) == "first"


@pytest.mark.parametrize(
    ("path", "names_device", "token"),
    [
        (b"/3/device/abcd", True, "abcd"),
        (b"/3/device/", True, ""),
        (b"/3/device", True, ""),
        (b"/3/device/a/b", True, "a/b"),
        (b"/3/device//3/device/ab", True, "/3/device/ab"),
        (b"/3/device/\xff", True, "\xff"),
        (b"/3/devices", False, ""),
        (b"/3/deviceabcd", False, ""),
        (b"", False, ""),
        (b"x/3/device/abcd", False, ""),
    ],
)
def test_a_path_names_a_device_or_not(path: bytes, names_device: bool, token: str) -> None:
    asked = headers_of((b":path", path))
    assert (asked.names_device, asked.token) == (names_device, token)


def test_an_empty_request_says_nothing() -> None:
    nothing = headers_of()
    assert (nothing.method, nothing.path, nothing.token, nothing.field(b"x")) == ("", b"", "", None)
    assert isinstance(nothing.json, Malformed)
    assert Request(headers=(), body=b"[1]").json == Parsed(value=[1])


# Answers as Apple gives them


def test_an_acceptance_is_written_byte_for_byte() -> None:
    assert accept(apns_id=ID, unique_id=None) == Response(
        status=200, headers=((b"apns-id", ID.encode()),), body=b""
    )
    assert accept(apns_id=ID, unique_id=UNIQUE).headers == (
        (b"apns-id", ID.encode()),
        (b"apns-unique-id", UNIQUE.encode()),
    )


def test_a_refusal_is_written_byte_for_byte() -> None:
    assert refuse(REASONS["BadDeviceToken"], apns_id=ID) == Response(
        status=400, headers=((b"apns-id", ID.encode()),), body=b'{"reason":"BadDeviceToken"}'
    )
    gone = refuse(REASONS["Unregistered"], apns_id=ID, timestamp_ms=1454948015990)
    assert gone.status == 410
    assert gone.body == b'{"reason":"Unregistered","timestamp":1454948015990}'


@pytest.mark.parametrize("word", REASONS)
def test_a_refusal_reads_back_and_a_timestamp_goes_with_410_alone(word: str) -> None:
    reason = REASONS[word]
    reply = read_reply(refuse(reason, apns_id=ID, timestamp_ms=7))
    assert reply == Reply(
        outcome=Outcome.REFUSED,
        status=reason.status,
        reason=word,
        apns_id=ID,
        unregistered_at_ms=7 if reason.status == 410 else None,
    )
    assert read_reply(refuse(reason, apns_id=ID)).unregistered_at_ms is None


def test_an_acceptance_reads_back() -> None:
    assert read_reply(accept(apns_id=ID, unique_id=UNIQUE)) == Reply(
        outcome=Outcome.ACCEPTED, status=200, apns_id=ID, apns_unique_id=UNIQUE
    )


# Answers as others give them

SHAPES: dict[str, tuple[int, Headers, bytes, Reply]] = {
    "200 and nothing": (200, (), b"", Reply(outcome=Outcome.ACCEPTED, status=200)),
    "200 with a reason": (
        200, (), b'{"reason":"BadTopic"}', Reply(outcome=Outcome.ACCEPTED, status=200)
    ),
    "400 with a content type": (
        400, ((b"content-type", b"application/json"), (b"Apns-Id", ID.encode())),
        b'{ "reason" : "BadTopic" }',
        Reply(outcome=Outcome.REFUSED, status=400, reason="BadTopic", apns_id=ID),
    ),
    "a word of tomorrow": (
        418, (), b'{"reason":"TeapotFull","since":1}',
        Reply(outcome=Outcome.REFUSED, status=418, reason="TeapotFull"),
    ),
    "410 with a timestamp": (
        410, (), b'{"reason":"Unregistered","timestamp":1454948015990}',
        Reply(outcome=Outcome.REFUSED, status=410, reason="Unregistered",
              unregistered_at_ms=1454948015990),
    ),
    "a timestamp in text": (
        410, (), b'{"reason":"Unregistered","timestamp":"1454948015990"}',
        Reply(outcome=Outcome.REFUSED, status=410, reason="Unregistered"),
    ),
    "a timestamp that is true": (
        410, (), b'{"reason":"Unregistered","timestamp":true}',
        Reply(outcome=Outcome.REFUSED, status=410, reason="Unregistered"),
    ),
    "a timestamp with a fraction": (
        410, (), b'{"reason":"Unregistered","timestamp":1.5}',
        Reply(outcome=Outcome.REFUSED, status=410, reason="Unregistered"),
    ),
    "a reason that is no text": (
        400, (), b'{"reason":["BadTopic"]}', Reply(outcome=Outcome.REFUSED, status=400)
    ),
    "a list": (400, (), b'["BadTopic"]', Reply(outcome=Outcome.REFUSED, status=400)),
    "HTML": (
        502, ((b"content-type", b"text/html"),), b"<html>502 Bad Gateway</html>",
        Reply(outcome=Outcome.REFUSED, status=502),
    ),
    "nothing": (500, (), b"", Reply(outcome=Outcome.REFUSED, status=500)),
    "half of it": (400, (), b'{"reason":"Bad', Reply(outcome=Outcome.REFUSED, status=400)),
    "not UTF-8": (400, (), b'{"reason":"\xff"}', Reply(outcome=Outcome.REFUSED, status=400)),
    "deep": (400, (), b"[" * 9999, Reply(outcome=Outcome.REFUSED, status=400)),
    "a redirect": (
        302, ((b"location", b"https://evil.example/"),), b"",
        Reply(outcome=Outcome.REFUSED, status=302),
    ),
    "an informational status": (103, (), b"", Reply(outcome=Outcome.REFUSED, status=103)),
    "a broadcast's answer": (
        400, ((b"apns-request-id", UUID.encode()),), b'{"reason":"BadChannelId"}',
        Reply(outcome=Outcome.REFUSED, status=400, reason="BadChannelId", apns_request_id=UUID),
    ),
    "a wait in seconds": (
        429, ((b"Retry-After", b"30"),), b'{"reason":"TooManyRequests"}',
        Reply(outcome=Outcome.REFUSED, status=429, reason="TooManyRequests", retry_after_s=30),
    ),
    "a wait until a date": (
        429, ((b"retry-after", b"Mon, 23 Nov 2026 21:00:00 GMT"),), b"",
        Reply(outcome=Outcome.REFUSED, status=429),
    ),
    "a wait of ages": (
        429, ((b"retry-after", b"9" * 10),), b"", Reply(outcome=Outcome.REFUSED, status=429)
    ),
    "a wait below zero": (
        503, ((b"retry-after", b"-1"),), b"", Reply(outcome=Outcome.REFUSED, status=503)
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("status", "headers", "body", "reply"), [pytest.param(*v, id=k) for k, v in SHAPES.items()]
)
def test_whatever_answers_is_read(status: int, headers: Headers, body: bytes, reply: Reply) -> None:
    assert read_reply(Response(status=status, headers=headers, body=body)) == reply


@settings(deadline=None)
@given(
    st.integers(100, 599),
    st.lists(st.tuples(st.sampled_from([b"apns-id", b"retry-after"]), st.binary(max_size=9))),
    st.binary(max_size=40),
)
def test_no_answer_makes_it_raise(
    status: int, headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    reply = read_reply(Response(status=status, headers=tuple(headers), body=body))
    assert (reply.outcome is Outcome.ACCEPTED) is (status == 200)
    assert json.dumps({field.name: getattr(reply, field.name) for field in fields(reply)})
