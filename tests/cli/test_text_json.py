"""JSON lines, tokens and the cost of the import."""

import enum
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pushkit_cli.apns.push import fingerprint
from pushkit_cli.cli.text import short_token, to_json
from tests.hostile import HOSTILE
from tests.shown import is_safe, utf16

ROOT = Path(__file__).parents[2]
WHOLE = 10**6

hostile = pytest.mark.parametrize("text", [pytest.param(v, id=k) for k, v in HOSTILE.items()])
any_text = st.text(st.characters()) | st.text(
    st.sampled_from("\\x1bun:#[ \x1b\n\x9b\u202e\ue000\udc80\udcff\ud83d\ude00é\u0301\u0310…-")
)


# to_json


@hostile
def test_hostile_text_survives_json(text: str) -> None:
    line = to_json({text: [text]})
    assert re.fullmatch(r"[ -~]*", line)
    assert "##" not in line
    parsed = json.loads(line)
    ((key, (item,)),) = parsed.items()
    assert utf16(key) == utf16(item) == utf16(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner) | st.dictionaries(any_text, inner),
)


def without_nan(value: object) -> object:
    """What is left of a value in JSON, said in another way than the code under test."""
    return json.loads(json.dumps(value), parse_constant=lambda _: None)


@settings(deadline=None)
@given(json_values)
def test_any_value_survives_json(value: object) -> None:
    line = to_json(value)
    assert re.fullmatch(r"[ -~]*", line)
    assert "##" not in line
    assert json.loads(line) == without_nan(value)


def test_json_in_detail() -> None:
    class Word(enum.StrEnum):
        VOIP = "voip"

    class Number(enum.IntEnum):
        TEN = 10

    nan, infinite = float("nan"), float("inf")
    assert to_json({"a": [1, 2.5, None, True], "b": "é"}) == r'{"a":[1,2.5,null,true],"b":"\u00e9"}'
    assert to_json({Word.VOIP: Number.TEN, "w": Word.VOIP}) == '{"voip":10,"w":"voip"}'
    assert to_json([nan, {"x": (infinite, -infinite, 1.0)}]) == '[null,{"x":[null,null,1.0]}]'
    assert to_json({nan: 1}) == '{"null":1}'
    assert to_json("\x7f\\\x7f\ud800") == r'"\u007f\\\u007f\ud800"'
    assert to_json("###\\##") == r'"\u0023\u0023#\\\u0023\u0023"'


@pytest.mark.parametrize("value", [b"x", bytearray(b"x"), {b"k": 1}, [float("nan"), b"x"], {1}])
def test_what_json_has_no_word_for_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        to_json(value)


def test_a_value_that_contains_itself_is_refused() -> None:
    ring: list[object] = [float("nan")]
    ring.append(ring)
    with pytest.raises(ValueError, match="Circular"):
        to_json(ring)


# tokens


def test_short_token() -> None:
    assert short_token("5f1c" + "0" * 56 + "9a02") == "5f1c…9a02"
    assert short_token("5f1c" + "0" * 56 + "9a02", ascii_only=True) == "5f1c..9a02"
    assert short_token("0123456789abcdef") == "0123…cdef"
    assert short_token("0123456789abcde") == "0123456789abcde"
    assert short_token("") == ""


@hostile
def test_short_token_of_hostile_text(text: str) -> None:
    for token in (text, text[:15], text * 16):
        shown = short_token(token, ascii_only=True)
        assert is_safe(shown)
        assert shown.isascii()
        assert len(shown) <= 150
        assert is_safe(short_token(token))


@hostile
def test_fingerprint_never_raises(text: str) -> None:
    assert re.fullmatch("[0-9a-f]{8}", fingerprint(text))


def test_fingerprint_is_of_the_lower_case_token() -> None:
    token = "5F1C" * 16
    expected = hashlib.sha256(token.lower().encode()).hexdigest()[:8]
    assert fingerprint(token) == fingerprint(token.lower()) == expected
    assert fingerprint("\ud800") != fingerprint("\ud801")


# The import


def test_the_import_is_cheap() -> None:
    code = "import sys, pushkit_cli.cli.text; print(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    costly = {"json", "hashlib", "re", "typing_extensions", "rich", "click", "dataclasses"}
    assert not costly & set(ran.stdout.split())
