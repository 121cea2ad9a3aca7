"""What `cli.text` promises, against everything in `tests.hostile` and against chance."""

import re
import time
import tracemalloc
from pathlib import Path
from unicodedata import category

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pushkit_cli.cli.text import foreign, foreign_line
from tests.hostile import HOSTILE, TO_READERS, TO_TERMINALS
from tests.shown import is_safe

ROOT = Path(__file__).parents[2]
WHOLE = 10**6

hostile = pytest.mark.parametrize("text", [pytest.param(v, id=k) for k, v in HOSTILE.items()])
any_text = st.text(st.characters()) | st.text(
    st.sampled_from("\\x1bun:#[ \x1b\n\x9b\u202e\ue000\udc80\udcff\ud83d\ude00é\u0301\u0310…-")
)


def unshown(shown: str) -> str:
    """Undo `foreign`: the proof that an escape means one thing."""

    def character(escape: re.Match[str]) -> str:
        word = escape[1]
        named = {"\\": "\\", "n": "\n", "r": "\r", "t": "\t"}.get(word)
        return chr(int(word[1:], 16)) if named is None else named

    return re.sub(
        r"\\(\\|n|r|t|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})", character, shown, flags=re.ASCII
    )


def unshown_bytes(shown: str) -> bytes:
    """Undo `foreign` of bytes, where `\\x80` and above is a byte."""
    # A high escape has an odd backslash before its x; doubled ones are taken away in pairs.
    carried = re.sub(
        r"(\\\\)|\\x([89a-f][0-9a-f])",
        lambda found: found[1] or f"\\udc{found[2]}",
        shown,
    )
    return unshown(carried).encode("utf-8", "surrogateescape")


# foreign


def test_there_are_many_hostile_strings() -> None:
    assert len(HOSTILE) >= 40
    assert len(set(HOSTILE.values())) == len(HOSTILE) == len(TO_TERMINALS) + len(TO_READERS)


@hostile
@pytest.mark.parametrize("ascii_only", [False, True])
def test_hostile_text_is_shown_safely_and_bounded(text: str, ascii_only: bool) -> None:
    shown = foreign(text, ascii_only=ascii_only)
    assert is_safe(shown)
    assert len(shown) <= 120 + len("...(10240 more)")
    assert shown.isascii() or not ascii_only
    assert shown.isprintable()


@hostile
def test_hostile_bytes_are_shown_like_the_text(text: str) -> None:
    raw = text.encode("utf-8", "surrogatepass")
    shown = foreign(raw, limit=WHOLE)
    assert is_safe(shown)
    assert unshown_bytes(shown) == raw
    if re.search("[\ud800-\udfff]", text) is None:
        assert shown == foreign(text, limit=WHOLE)


def test_two_hostile_texts_never_look_the_same() -> None:
    for ascii_only in (False, True):
        shown = {foreign(text, limit=WHOLE, ascii_only=ascii_only) for text in HOSTILE.values()}
        assert len(shown) == len(HOSTILE)


@settings(deadline=None)
@given(any_text, st.booleans())
def test_any_text_is_shown_safely_and_means_one_thing(text: str, ascii_only: bool) -> None:
    shown = foreign(text, limit=WHOLE, ascii_only=ascii_only)
    assert is_safe(shown)
    assert shown.isascii() or not ascii_only
    assert unshown(shown) == text


@settings(deadline=None)
@given(st.binary() | any_text.map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_shown_safely_and_mean_one_thing(raw: bytes) -> None:
    shown = foreign(raw, limit=WHOLE)
    assert is_safe(shown)
    assert unshown_bytes(shown) == raw


@settings(deadline=None)
@given(any_text, st.integers(min_value=-1, max_value=40), st.booleans())
def test_a_cut_shows_a_beginning_and_counts_the_rest(
    text: str, limit: int, ascii_only: bool
) -> None:
    whole = foreign(text, limit=WHOLE, ascii_only=ascii_only)
    shown = foreign(text, limit=limit, ascii_only=ascii_only)
    if len(whole) <= limit or not whole:
        assert shown == whole
        return
    mark = r"\.\.\." if ascii_only else "…"
    cut = re.fullmatch(rf"(.*){mark}\(([0-9]+) more\)", shown)
    assert cut is not None
    assert len(cut[1]) <= max(limit, 0)
    assert unshown(cut[1]) == text[: len(text) - int(cut[2])]
    assert is_safe(shown)


@settings(deadline=None)
@given(st.binary(), st.integers(min_value=0, max_value=40))
def test_a_cut_in_bytes_counts_bytes(raw: bytes, limit: int) -> None:
    shown = foreign(raw, limit=limit)
    if cut := re.fullmatch(r"(.*)…\(([0-9]+) more\)", shown):
        assert len(cut[1]) <= limit
        assert unshown_bytes(cut[1]) == raw[: len(raw) - int(cut[2])]
    else:
        assert unshown_bytes(shown) == raw


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        ("", ""),
        (b"", ""),
        ("BadDeviceToken", "BadDeviceToken"),
        ("Zoë 電話 📞", "Zoë 電話 📞"),
        ("\x1b[31m", r"\x1b[31m"),
        ("\x9b31m", r"\u009b31m"),
        (b"\x9b31m", r"\x9b31m"),
        (b"\xc2\x9b31m", r"\u009b31m"),
        (b"\xed\xa0\x80", r"\xed\xa0\x80"),
        (b"Zo\xc3\xab", "Zoë"),
        ("\r\n\t\0", r"\r\n\t\x00"),
        ("\u202e\u200b\ufeff\u2028\u00a0", r"\u202e\u200b\ufeff\u2028\u00a0"),
        ("\U000e0041\ud800\ue000\u0378", r"\U000e0041\ud800\ue000\u0378"),
        ("\\x1b", r"\\x1b"),
        ("e\u0301\u0323", "e\u0301\u0323"),
        ("e\u0301\u0323\u0301\u0301", "e\u0301\u0323\\u0301\\u0301"),
        ("\u0301e", r"\u0301e"),
        ("\x1b\u0301", r"\x1b\u0301"),
        ("-\u0338", r"-\u0338"),
        ("क्षि", "क्षि"),
        ("[red]x[/red] :smile:", "[red]x[/red] :smile:"),
    ],
)
def test_how_it_looks(value: str | bytes | None, shown: str) -> None:
    assert foreign(value) == shown


def test_unseen_characters_are_escaped_whatever_they_are() -> None:
    """By the categories of Unicode, which the code under test does not name."""
    unseen = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"}
    for code in (*range(0x20000), *range(0xE0000, 0xE1000)):
        character = chr(code)
        if category(character) in unseen and character != " ":
            assert foreign(f"a{character}").startswith("a\\"), hex(code)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("::error::x", r"\x3a:error::x"),
        ("  ::error::x", r"  \x3a:error::x"),
        ("\t::error::x", r"\t::error::x"),
        ("well ::error::x", r"well \x3a:error::x"),
        (":::", r"\x3a::"),
        ("fe80::1", "fe80::1"),
        (":smile:", ":smile:"),
        ("##vso[x]", r"\x23#vso[x]"),
        ("well ##[x]", r"well \x23#[x]"),
        ("###[x]", r"\x23\x23#[x]"),
        ("#1 and #2", "#1 and #2"),
        ("#\u00ad#vso[x]", r"#\u00ad#vso[x]"),
        ("#\u0488#vso[x]", r"#\u0488#vso[x]"),
    ],
)
def test_ci_systems_find_no_command(text: str, shown: str) -> None:
    assert foreign(text) == shown
    assert foreign(text.encode()) == shown


def test_the_cut_mark() -> None:
    assert foreign("a" * 120) == "a" * 120
    assert foreign("a" * 121) == "a" * 120 + "…(1 more)"
    assert foreign("a" * 121, ascii_only=True) == "a" * 120 + "...(1 more)"
    assert foreign("abcdef", limit=4) == "abcd…(2 more)"
    assert foreign("abc\x1b", limit=4) == "abc…(1 more)"  # an escape is never cut in two
    assert foreign(b"ab\xff\xff", limit=4) == "ab…(2 more)"
    assert foreign("éé".encode(), limit=1) == "é…(2 more)"  # bytes are counted as bytes
    assert foreign("ab", limit=0) == "…(2 more)"
    assert foreign("ab", limit=-7) == "…(2 more)"
    assert foreign("", limit=0) == ""
    assert foreign("##", limit=4) == r"\x23…(1 more)"


@pytest.mark.parametrize("piece", ["é\u202e", b"\xc3\xa9\xff"])
def test_ten_megabytes_cost_what_is_shown(piece: str | bytes) -> None:
    value = piece * 5_000_000
    tracemalloc.start()
    started = time.process_time()
    try:
        shown = foreign(value)
        spent = time.process_time() - started
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(shown) < 150
    assert peak < 100_000
    assert spent < 0.5


# foreign_line


@hostile
def test_no_line_begins_with_foreign_text(text: str) -> None:
    line = foreign_line("hint:", text)
    assert line == f"hint: {foreign(text)}"
    assert is_safe(line)


@pytest.mark.parametrize("prefix", ["", " ", "\t  ", "\u00a0", "\u200b", "x\n", "\x1b[2m", "x\r"])
def test_a_prefix_nobody_sees_is_none(prefix: str) -> None:
    with pytest.raises(ValueError, match="visible text"):
        foreign_line(prefix, "x")


def test_the_prefix_stays_as_it_is() -> None:
    assert foreign_line("  topic  ", "a.b", limit=2) == "  topic  a.…(1 more)"
    assert foreign_line("#", "#vso[x]") == "# #vso[x]"
    assert foreign_line("-->", None) == "--> -"
    assert foreign_line("-->", "é", ascii_only=True) == r"--> \u00e9"
