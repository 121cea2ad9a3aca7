"""Bodies: one JSON reader for whatever bytes come, and advice on those that are JSON."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pushkit_cli.apns.payload import MAX_DEPTH, Advice, Malformed, Parsed, advise, parse_json

MALFORMED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "Expecting value"),
    "whitespace": (b" \t\r\n", "Expecting value"),
    "5,120 open arrays": (b"[" * 5120, "nested more than 100 deep"),
    "5,120 arrays, all closed": (b"[" * 2560 + b"]" * 2560, "nested more than 100 deep"),
    "1,000 open objects": (b'{"a":' * 1000, "nested more than 100 deep"),
    "101 arrays": (b"[" * 101 + b"]" * 101, "nested more than 100 deep"),
    "101 mixed": (b'[{"a":' * 50 + b"[1]" + b"}]" * 50, "nested more than 100 deep"),
    "101 after a string of brackets": (b'["]]]]]",' * 101 + b"1", "nested more than 100 deep"),
    "101 after a quoted quote": (b'["\\"",' * 101, "nested more than 100 deep"),
    "100 open arrays": (b"[" * 100, "Expecting value"),
    "5,000 digits": (b"1" * 5000, "4300 digits"),
    "minus 5,000 digits": (b"[-" + b"9" * 5000 + b"]", "4300 digits"),
    "NaN": (b"NaN", "NaN is not JSON"),
    "Infinity": (b'{"a":Infinity}', "Infinity is not JSON"),
    "-Infinity": (b"[-Infinity]", "-Infinity is not JSON"),
    "1e999": (b'{"badge":1e999}', "too large"),
    "-1e999": (b"-1e999", "too large"),
    "an exponent of 4,000 digits": (b"1e" + b"9" * 4000, "too large"),
    "UTF-16 with a mark": ("{}".encode("utf-16"), "not UTF-8 at byte 0"),
    "UTF-16 little-endian": ('{"a":1}'.encode("utf-16-le"), "Expecting property name"),
    "UTF-16 big-endian": ('{"a":1}'.encode("utf-16-be"), "Expecting value"),
    "UTF-32 with a mark": ("{}".encode("utf-32"), "not UTF-8 at byte 0"),
    "UTF-32 big-endian": ("{}".encode("utf-32-be"), "Expecting value"),
    "a byte order mark": (b"\xef\xbb\xbf{}", "BOM"),
    "Latin-1": (b'{"a":"\xe9"}', "not UTF-8 at byte 6"),
    "a raw surrogate": (b'"\xed\xa0\x80"', "not UTF-8 at byte 1"),
    "an overlong slash": (b'"\xc0\xaf"', "not UTF-8 at byte 1"),
    "half a letter at the end": (b'"\xc3', "not UTF-8 at byte 1"),
    "NUL": (b"\x00", "Expecting value"),
    "NUL after an object": (b"{}\x00", "Extra data"),
    "a raw NUL in a string": (b'"a\x00b"', "Invalid control character"),
    "a raw newline in a string": (b'"a\nb"', "Invalid control character"),
    "a truncated escape": (b'"\\u12"', "Invalid \\uXXXX escape"),
    "an escape cut off": (b'"\\', "Unterminated string"),
    "an unknown escape": (b'"\\x41"', "Invalid \\escape"),
    "a comma too many in an object": (b'{"a":1,}', ""),
    "a comma too many in an array": (b"[1,]", ""),
    "a comment": (b'{"a":1} // x', "Extra data"),
    "a block comment": (b"/* x */ {}", "Expecting value"),
    "single quotes": (b"{'a':1}", "Expecting property name"),
    "no quotes": (b"{a:1}", "Expecting property name"),
    "two values": (b"{}{}", "Extra data"),
    "a leading zero": (b"01", "Extra data"),
    "a plus sign": (b"+1", "Expecting value"),
    "hexadecimal": (b"0x10", "Extra data"),
    "a point and no digit": (b"1.", "Extra data"),
    "True": (b"True", "Expecting value"),
    "half an object": (b'{"aps":{"alert":"Hi"}', "Expecting ',' delimiter"),
    "a form": (b"aps=1&b=2", "Expecting value"),
    "a number that is not ASCII": ("١".encode(), "Expecting value"),
    "a space that is not JSON's": ("\u00a0{}".encode(), "Expecting value"),
    "a form feed": (b"\x0c{}", "Expecting value"),
    "gzip": (b"\x1f\x8b\x08\x00\x00\x00\x00\x00", "not UTF-8 at byte 1"),
}

PARSED: dict[str, tuple[bytes, Any, tuple[str, ...]]] = {
    "an empty object": (b"{}", {}, ()),
    "100 deep": (b"[" * 100 + b"]" * 100, json.loads("[" * 100 + "]" * 100), ()),
    "brackets in a string": (b'"' + b"[" * 500 + b'"', "[" * 500, ()),
    "brackets after a quoted quote": (b'"\\"' + b"{" * 500 + b'"', '"' + "{" * 500, ()),
    "a backslash before the end": (b'["\\\\",' + b"[1]," * 150 + b"2]", None, ()),
    "4,300 digits": (b"7" * 4300, int("7" * 4300), ()),
    "1e308": (b"1e308", 1e308, ()),
    "a number too small to be one": (b"1e-999", 0.0, ()),
    "minus zero": (b"-0", 0, ()),
    "a lone high surrogate": (b'"\\ud800"', "\ud800", ()),
    "a lone low surrogate": (b'"\\udc00"', "\udc00", ()),
    "a pair of surrogates": (b'"\\ud83d\\ude00"', "\U0001f600", ()),
    "an escaped NUL": (b'"\\u0000"', "\x00", ()),
    "a raw DEL": (b'"\x7f"', "\x7f", ()),
    "separators that JavaScript breaks on": ("\"\u2028\"".encode(), "\u2028", ()),
    "a scalar": (b" true ", True, ()),
    "null": (b"null", None, ()),
    "a key twice": (b'{"a":1,"a":2}', {"a": 2}, ("a",)),
    "a key three times": (b'{"a":1,"a":2,"a":3}', {"a": 3}, ("a",)),
    "a key twice, once escaped": (b'{"a":1,"\\u0061":2}', {"a": 2}, ("a",)),
    "a key twice inside": (b'{"a":{"b":1,"b":2},"c":[]}', {"a": {"b": 2}, "c": []}, ("b",)),
    "the same key in two objects": (b'[{"a":1},{"a":2}]', [{"a": 1}, {"a": 2}], ()),
    "an empty key": (b'{"":0}', {"": 0}, ()),
}  # fmt: skip


@pytest.mark.parametrize(("body", "said"), [pytest.param(*v, id=k) for k, v in MALFORMED.items()])
def test_what_is_not_json_is_malformed_and_says_why(body: bytes, said: str) -> None:
    read = parse_json(body)
    assert isinstance(read, Malformed)
    assert said in read.detail
    assert 0 < len(read.detail) < 120


@pytest.mark.parametrize(
    ("body", "value", "repeated"), [pytest.param(*v, id=k) for k, v in PARSED.items()]
)
def test_what_is_json_is_read(body: bytes, value: Any, repeated: tuple[str, ...]) -> None:
    expected = json.loads(body) if value is None else value
    assert parse_json(body) == Parsed(value=expected, repeated=repeated)


@settings(deadline=None)
@given(st.binary() | st.text().map(str.encode))
def test_no_bytes_make_it_raise(body: bytes) -> None:
    read = parse_json(body)
    if isinstance(read, Parsed):
        assert json.loads(body.decode("utf-8")) == read.value


@settings(deadline=None)
@given(st.text(st.sampled_from('{}[]",:\\ue0d8a1-.tfn \x00\ufeff'), max_size=40))
def test_what_almost_is_json_is_read_as_the_standard_library_reads_it(text: str) -> None:
    read = parse_json(text.encode())
    try:
        expected = json.loads(text)
    except ValueError:
        assert isinstance(read, Malformed)
    else:
        assert read == Parsed(value=expected, repeated=getattr(read, "repeated", ()))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@settings(deadline=None)
@given(values, st.booleans(), st.none() | st.integers(0, 3))
def test_every_value_that_json_can_say_comes_back(
    value: Any, ascii_only: bool, indent: int | None
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert parse_json(text.encode("utf-8")) == Parsed(value=value)


@given(st.integers(1, 2 * MAX_DEPTH), st.sampled_from([(b"[", b"]"), (b'{"a":', b"}")]))
def test_the_depth_that_is_read_ends_at_one_place(depth: int, pair: tuple[bytes, bytes]) -> None:
    opening, closing = pair
    read = parse_json(opening * depth + b"0" + closing * depth)
    assert isinstance(read, Parsed) is (depth <= MAX_DEPTH)


# Advice

START = {"alert": {}, "attributes-type": "A", "attributes": {}, "content-state": {}}
LIVE = {"timestamp": 1, "event": "update", "content-state": {}}

FINE: tuple[tuple[str | None, Any], ...] = (
    (None, {}),
    ("sms", {"anything": 1}),
    ("alert", {"aps": {"alert": "Hi"}}),
    ("alert", {"aps": {"badge": 0}}),
    ("alert", {"aps": {"sound": "default"}, "mine": {"alert": 1}}),
    ("background", {"aps": {"content-available": 1}, "id": 7}),
    ("voip", {"callUUID": "a"}),
    ("voip", {"uuid": "a", "aps": {"content-available": 1}}),
    ("voip", {"callId": "a"}),
    ("voip", {"call_id": "a"}),
    ("fileprovider", {"container-identifier": "root", "domain": "d"}),
    ("liveactivity", {"aps": LIVE}),
    ("liveactivity", {"aps": {**LIVE, "event": "end", "dismissal-date": 1.5}}),
    ("liveactivity", {"aps": {"timestamp": 1, "event": "start", **START}}),
    (
        "liveactivity",
        {
            "aps": {
                "timestamp": 1,
                "event": "start",
                **START,
                "input-push-channel": "AAECAw==",
                "relevance-score": 100,
            }
        },
    ),
    ("liveactivity", {"aps": {"timestamp": 1, "event": "start", **START, "input-push-token": 1}}),
    ("widgets", {"aps": {"content-changed": True}}),
    ("controls", {"aps": {"content-changed": True}}),
    ("complication", {"aps": {}}),
    ("pushtotalk", {"activeSpeaker": "Ada"}),
    ("mdm", {"mdm": "magic"}),
    ("location", {"aps": {}}),
    ("accessory", {"aps": {"encryptedData": "", "keyID": "", "messageIndex": "1"}}),
)

ADVICE: tuple[tuple[str | None, Any, tuple[str, ...]], ...] = (
    (None, [], ("an array, not an object",)),
    (None, "x", ("a string, not an object",)),
    (None, True, ("a boolean, not an object",)),
    (None, None, ("null, not an object",)),
    (None, 1.5, ("a number, not an object",)),
    ("voip", [1], ("an array, not an object",)),
    (None, {"aps": {"mine": 1}}, ("aps holds mine, which the system ignores",)),
    (None, {"aps": {"d": 1, "c": 1, "b": 1, "a": 1}}, ("aps holds a, b, c, which",)),
    ("alert", {}, ("shows nothing",)),
    ("alert", {"alert": "Hi"}, ("shows nothing",)),
    ("alert", {"aps": []}, ("shows nothing",)),
    ("alert", {"aps": {"Alert": "Hi"}}, ("aps holds Alert", "shows nothing")),
    ("background", {}, ("wakes nothing",)),
    ("background", {"aps": {"content-available": 0}}, ("wakes nothing",)),
    ("background", {"aps": {"content-available": "1"}}, ("wakes nothing",)),
    ("background", {"aps": {"content-available": 1, "sound": ""}}, ("delayed or dropped",)),
    ("background", {"aps": {"alert": "Hi"}}, ("wakes nothing", "delayed or dropped")),
    ("voip", {}, ("no call id",)),
    ("voip", {"callUUID": 7}, ("no call id",)),
    ("voip", {"callUUID": "a", "aps": {"alert": "Hi"}}, ("VoIP body with aps.alert",)),
    ("voip", {"aps": {"uuid": "a"}}, ("aps holds uuid", "no call id")),
    ("fileprovider", {}, ("without the text container-identifier", "without the text domain")),
    ("fileprovider", {"container-identifier": "x", "domain": None}, ("the text domain",)),
    ("liveactivity", {}, ("without aps.timestamp, aps.event",)),
    ("liveactivity", {"aps": {"timestamp": 1, "event": "update"}}, ("aps.content-state",)),
    ("liveactivity", {"aps": {"timestamp": 1, "event": "start"}},
     ("aps.alert, aps.attributes-type, aps.attributes, aps.content-state",)),
    ("liveactivity", {"aps": {**LIVE, "event": "start"}}, ("aps.alert, aps.attributes-type",)),
    ("liveactivity", {"aps": {"timestamp": 1, "event": "end"}}, ("leaves the last state",)),
    ("liveactivity", {"aps": {**LIVE, "event": "stop"}}, ("none of start, update, end",)),
    ("liveactivity", {"aps": {**LIVE, "event": ["start"]}}, ("none of start, update, end",)),
    ("liveactivity", {"aps": {**LIVE, "attributes-type": "A", "input-push-token": 1}},
     ("aps.attributes-type means nothing in an event update", "aps.input-push-token means")),
    ("liveactivity", {"aps": {**LIVE, "dismissal-date": 1}}, ("aps.dismissal-date means nothing",)),
    ("liveactivity", {"aps": {**LIVE, "timestamp": "1764000000"}}, ("aps.timestamp is not a",)),
    ("liveactivity", {"aps": {**LIVE, "timestamp": 1764000000000}}, ("seconds since 1970",)),
    ("liveactivity", {"aps": {**LIVE, "stale-date": True}}, ("aps.stale-date is not a number",)),
    ("liveactivity", {"aps": {**LIVE, "content-state": "{}"}}, ("aps.content-state is not an",)),
    ("liveactivity", {"aps": {**LIVE, "relevance-score": "1"}}, ("aps.relevance-score is not a",)),
    ("liveactivity", {"aps": {**LIVE, **START, "event": "start", "input-push-channel": "no id"}},
     ("aps.input-push-channel is not a channel's id",)),
    ("liveactivity", {"aps": {**LIVE, **START, "event": "start", "input-push-token": True}},
     ("aps.input-push-token is not the number 1",)),
    ("widgets", {}, ("nothing is reloaded",)),
    ("controls", {"aps": {"content-changed": 1}}, ("nothing is reloaded",)),
)  # fmt: skip


def advice(push_type: str | None, value: Any) -> list[Advice]:
    return list(advise(value, (), push_type))


@pytest.mark.parametrize(("push_type", "value"), FINE)
def test_a_correct_body_gets_no_advice(push_type: str | None, value: Any) -> None:
    assert advice(push_type, value) == []


@pytest.mark.parametrize(("push_type", "value", "said"), ADVICE)
def test_a_body_that_the_device_will_not_like_gets_advice(
    push_type: str | None, value: Any, said: tuple[str, ...]
) -> None:
    found = advice(push_type, value)
    assert len(found) == len(said)
    for one, part in zip(found, said, strict=True):
        assert part in one.detail
        assert one.remedy
        assert one.source


def test_a_key_that_stands_twice_is_named() -> None:
    found = list(advise({"callUUID": "a"}, ("callUUID", "handle"), "voip"))
    assert ["callUUID" in found[0].detail, "handle" in found[1].detail] == [True, True]
    assert len(found) == 2


@settings(deadline=None)
@given(values, st.sampled_from([kind for kind, _ in FINE]))
def test_no_value_makes_advice_raise(value: Any, push_type: str | None) -> None:
    for body in (value, {"aps": value}, {"aps": {"event": value, "alert": value}}):
        assert all(isinstance(one, Advice) for one in advice(push_type, body))
