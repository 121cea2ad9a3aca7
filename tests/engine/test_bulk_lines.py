"""One line of a targets file: what it means, and what is held of hostile ones."""

import json
import re
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pushkit_cli.engine.bulk_lines import (
    LONGEST_LINE,
    Line,
    Misfit,
    Seen,
    fill,
    has_variables,
    read_line,
)

TOKEN = "5f1c" * 16
UUID = "8023da58-9055-4d6e-9bf4-436dee686899"


def of(**more: Any) -> bytes:
    return json.dumps({"token": TOKEN, **more}).encode()


FIT: dict[str, tuple[bytes, Line]] = {
    "hex": (TOKEN.encode(), Line(number=7, token=TOKEN)),
    "capital hex and blanks": (f" {TOKEN.upper()}\t\r\n".encode(), Line(number=7, token=TOKEN)),
    "base64": (b"XxxfHF8cXxxfHF8cXxxfHF8cXxxfHF8cXxxfHF8cXxw=",
        Line(number=7, token="5f1c5f1c5f1c5f1c5f1c5f1c5f1c5f1c5f1c5f1c5f1c5f1c5f1c5f1c5f1c5f1c")),
    "an object": (of(), Line(number=7, token=TOKEN)),
    "a name": (b'{"to":"alice"}', Line(number=7, to="alice")),
    "a token as a name": (json.dumps({"to": TOKEN}).encode(), Line(number=7, token=TOKEN)),
    "an id": (of(id="user 9"), Line(number=7, token=TOKEN, id="user 9")),
    "an id that is a number": (of(id=9), Line(number=7, token=TOKEN, id="9")),
    "an id that is a UUID": (of(id=UUID), Line(number=7, token=TOKEN, id=UUID, apns_id=UUID)),
    "an apns-id": (of(id="x", headers={"apns-id": UUID}),
        Line(number=7, token=TOKEN, id="x", apns_id=UUID)),
    "a payload": (of(payload={"a": 1}), Line(number=7, token=TOKEN, payload={"a": 1})),
    "a topic": (of(topic="com.x"), Line(number=7, token=TOKEN, topic="com.x")),
    "headers": (of(headers={"Apns-Priority": 5, "x": "ü"}), Line(number=7, token=TOKEN,
        headers=((b"apns-priority", b"5"), (b"x", "ü".encode())))),
    "variables": (of(vars={"n": [1]}), Line(number=7, token=TOKEN, vars={"n": [1]})),
}  # fmt: skip


@pytest.mark.parametrize("name", FIT)
def test_a_line_says_whom_it_is_for(name: str) -> None:
    raw, line = FIT[name]
    assert read_line(7, raw) == line


@pytest.mark.parametrize("raw", [b"", b"\n", b" \t \r\n"])
def test_a_blank_line_is_none(raw: bytes) -> None:
    assert read_line(7, raw) is None


HOSTILE: dict[str, tuple[bytes, str]] = {
    "a word": (b"hello", "no device token"),
    "a path": (b"../../etc/passwd", "no device token"),
    "a path behind hex": (TOKEN.encode() + b"/../x", "no device token"),
    "a query": (TOKEN.encode() + b"?x=1", "no device token"),
    "too short for hex": (b"5f1c", "no device token"),
    "a NUL": (TOKEN.encode() + b"\0", "no device token"),
    "a bidi control": ("\u202e5f1c".encode(), "no device token"),
    "full-width digits": (("\uff15" * 64).encode(), "no device token"),
    "not UTF-8": (b"\xff" * 64, "not UTF-8"),
    "too long": (b"5f" * LONGEST_LINE, "longer than"),
    "half an object": (b'{"token":', "not JSON"),
    "nested": (b'{"payload":' * 50_00, "longer|nested"),
    "NaN": (b'{"token":NaN}', "not JSON"),
    "two keys alike": (b'{"token":"a","token":"b"}', "token stands twice"),
    "a strange key": (of(authorization="x"), "authorization is no key"),
    "no token": (b"{}", "names one of token and to"),
    "both": (of(to="alice"), "names one of token and to"),
    "a token that is a number": (b'{"token":5}', "token is no text"),
    "a token with CRLF": (of(token=TOKEN + "\r\nx: y"), "no device token"),
    "a token that is a path": (of(token="../" + TOKEN), "no device token"),
    "a topic with CRLF": (of(topic="a\r\nb"), "topic holds control"),
    "a topic that is a list": (of(topic=[]), "topic is no text"),
    "an id that is a list": (of(id=[]), "id is neither"),
    "an id without end": (of(id="x" * 300), "id is neither"),
    "a payload that is a list": (of(payload=[]), "payload is no object"),
    "a payload that is null": (of(payload=None), "payload is no object"),
    "vars that are a list": (of(vars=[]), "vars is no object"),
    "headers that are a list": (of(headers=[]), "headers is no object"),
    **{
        f"the header {name}": (of(headers={name: "x"}), "not yours")
        for name in ("authorization", "Authorization", "host", "connection", "te",
            "transfer-encoding", "content-length", "upgrade", "keep-alive", "proxy-connection")
    },
    **{
        f"the header {name!r}": (of(headers={name: "x"}), "no header can have")
        for name in (":path", ":authority", "", "a b", "a\r\nb", "ü", "x" * 99)
    },
    "a value with CRLF": (of(headers={"x": "a\r\nb: c"}), "no header can carry"),
    "a value that is a list": (of(headers={"x": []}), "no header can carry"),
    "a value that is true": (of(headers={"x": True}), "no header can carry"),
    "half a surrogate": (of(headers={"x": "\ud800"}), "no header can carry"),
    "two headers alike": (of(headers={"X": "a", "x": "b"}), "one name twice"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_line_is_held_with_a_reason(name: str) -> None:
    raw, words = HOSTILE[name]
    held = read_line(7, raw)
    assert isinstance(held, Misfit)
    assert held.number == 7
    assert re.search(words, held.detail)
    assert held.short
    assert not held.is_repeat


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=120) | st.text(max_size=60).map(lambda text: text.encode("utf-8")))
def test_no_line_raises_and_no_token_is_more_than_hex(raw: bytes) -> None:
    for one in (raw, b"{" + raw, b'{"token":"' + raw + b'"}'):
        line = read_line(1, one)
        if isinstance(line, Line) and line.token is not None:
            assert set(line.token) <= set("0123456789abcdef")


# Variables

FILLED: dict[str, tuple[Any, dict[str, Any], Any]] = {
    "a whole text": ({"a": "{{n}}"}, {"n": "x"}, {"a": "x"}),
    "a whole text that becomes a number": ({"a": "{{n}}"}, {"n": 5}, {"a": 5}),
    "an object": (["{{ n }}"], {"n": {"b": None}}, [{"b": None}]),
    "within a text": ("Hi {{n}}, {{m}}!", {"n": "Ann", "m": 3}, "Hi Ann, 3!"),
    "quotes": ("{{n}} said", {"n": '"},{"x":"'}, '"},{"x":" said'),
    "a variable in a variable": ("{{n}} x", {"n": "{{m}}", "m": "no"}, "{{m}} x"),
    "not in keys": ({"{{n}}": 1}, {"n": "x"}, {"{{n}}": 1}),
    "nothing to replace": ({"a": ["{n}", "{{}}", "{{ }}", 1, None, True]}, {},
        {"a": ["{n}", "{{}}", "{{ }}", 1, None, True]}),
}  # fmt: skip


@pytest.mark.parametrize("name", FILLED)
def test_variables_are_replaced_in_values(name: str) -> None:
    value, variables, filled = FILLED[name]
    assert fill(value, variables) == filled
    assert has_variables(value) is (value != filled)


def test_a_variable_that_is_missing_or_does_not_fit_is_named() -> None:
    with pytest.raises(KeyError, match="name"):
        fill({"a": ["{{name}}"]}, {})
    unfit: list[Any] = [None, True, [1], {}]
    for value in unfit:
        with pytest.raises(TypeError, match="name"):
            fill("x {{name}}", {"name": value})


# Repeats


def test_a_repeat_is_the_same_token_with_the_same_body() -> None:
    seen = Seen()
    assert not seen.add("aa" * 80, b"1")
    assert not seen.add("aa" * 79 + "ab", b"1")
    assert not seen.add("aa" * 80, b"2")
    assert not seen.add("bb", b"1")
    assert seen.add("aa" * 80, b"1")
    assert seen.add("bb", b"1")


def test_repeats_are_found_among_many() -> None:
    seen, random = Seen(), Random(3)
    tokens = [random.randbytes(32).hex() for _ in range(5_000)]
    assert not any(seen.add(token, b"x") for token in tokens)
    assert all(seen.add(token, b"x") for token in tokens)
