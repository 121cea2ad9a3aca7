"""What `cli.text` promises, against everything in `tests.hostile` and against chance."""

import enum
import hashlib
import json
import os
import re
import select
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from unicodedata import category

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pushkit_cli.cli.text import fingerprint, foreign, foreign_line, short_token, to_json
from tests.hostile import HOSTILE, TO_READERS, TO_TERMINALS
from tests.pty_run import run_in_pty, stray_controls

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


def is_safe(shown: str) -> bool:
    return (
        not stray_controls(shown.encode("utf-8"), colour=False)
        and "\r" not in shown
        and "##" not in shown
        and not shown.lstrip().startswith("::")
        and " ::" not in shown
    )


def utf16(text: str) -> bytes:
    """What a JSON parser may compare: two lone surrogates side by side are one character."""
    return text.encode("utf-16-le", "surrogatepass")


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


# The terminal

SHOW = """
import sys
from pushkit_cli.cli.text import foreign, foreign_line
from tests.hostile import HOSTILE
for name, text in HOSTILE.items():
    print(foreign_line(f"{name}:", text, ascii_only="ascii" in sys.stdout.encoding))
"""
SHOW_RAW = """
import sys
from tests.hostile import HOSTILE
sys.stdout.buffer.write(HOSTILE[sys.argv[1]].encode("utf-8", "surrogatepass"))
"""


def child_env(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", **more}


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_a_terminal_gets_nothing_but_text(encoding: str) -> None:
    shown = run_in_pty(
        [sys.executable, "-c", SHOW], env=child_env(PYTHONIOENCODING=f"{encoding}:strict")
    )
    assert shown.code == 0
    assert stray_controls(shown.output, colour=False) == []
    lines = shown.output.decode(encoding).removesuffix("\r\n").split("\r\n")
    assert [line.partition(":")[0] for line in lines] == list(HOSTILE)


def test_the_raw_text_on_a_terminal_is_seen_to_be_hostile() -> None:
    """The negative control, on a real terminal; the next test has it for every string."""
    for name in ("osc-52-clipboard-bel", "crlf-header-injection", "bidi-override", "csi-8-bit"):
        raw = run_in_pty([sys.executable, "-c", SHOW_RAW, name], env=child_env())
        assert raw.code == 0
        assert stray_controls(raw.output), name


def test_stray_controls_sees_all_that_is_hostile_to_a_terminal() -> None:
    for name, text in HOSTILE.items():
        # A terminal turns the newline of a program into CR LF.
        written = text.encode("utf-8", "surrogatepass").replace(b"\n", b"\r\n")
        assert bool(stray_controls(written, colour=False)) is (name in TO_TERMINALS), name


def test_stray_controls_knows_ours() -> None:
    coloured = b"\x1b[1;32maccepted\x1b[0m\r\n"
    assert stray_controls(coloured) == []
    assert stray_controls(coloured, colour=False) == ["\x1b[1;32m", "\x1b[0m"]
    bar = b"\x1b[?25l\r\x1b[2K 62%\r\x1b[1A\x1b[2K\x1b[?25h"
    assert stray_controls(bar, progress=True) == []
    assert stray_controls(bar) == [
        "\x1b[?25l",
        "\r",
        "\x1b[2K",
        "\r",
        "\x1b[1A",
        "\x1b[2K",
        "\x1b[?25h",
    ]
    assert stray_controls(b"\x1b[6n\x1b]0;x\x07\xff\r\r\n", progress=False) == [
        "\x1b[6n",
        "\x1b]",
        "\x07",
        "\udcff",
        "\r",
    ]
    assert stray_controls("e\u0301\u0301\u0301".encode()) == ["\u0301"]


RICH_PROGRESS = """
from rich.progress import Progress
with Progress() as progress:
    for _ in progress.track(range(3), description="sending"):
        progress.refresh()
    progress.add_task("second")
    progress.refresh()
"""


def test_a_progress_bar_of_rich_is_ours() -> None:
    env = child_env(TERM="xterm-256color")
    env.pop("NO_COLOR", None)
    shown = run_in_pty([sys.executable, "-c", RICH_PROGRESS], env=env)
    assert shown.code == 0
    assert b"\x1b[2K" in shown.output
    assert stray_controls(shown.output, progress=True) == []
    assert stray_controls(shown.output)


WHERE_AM_I = """
import os, sys
with open("/dev/tty", "w") as terminal:
    print(os.get_terminal_size(), sys.stdin.isatty(), sorted(os.environ)[:3], file=terminal)
sys.exit(5)
"""


def test_the_terminal_is_a_real_one() -> None:
    open_before = sorted(Path("/dev/fd").iterdir())
    ran = run_in_pty(
        [sys.executable, "-I", "-S", "-c", WHERE_AM_I], env={"LC_ALL": "C"}, cols=91, rows=17
    )
    assert ran.code == 5
    assert ran.output == b"os.terminal_size(columns=91, lines=17) True ['LC_ALL']\r\n"
    killed = run_in_pty(["/bin/sh", "-c", "kill -9 $$"], env={})
    assert killed.code == -9
    with pytest.raises(FileNotFoundError):
        run_in_pty(["/nowhere/pushkit"], env={})
    assert sorted(Path("/dev/fd").iterdir()) == open_before


def test_a_silent_command_is_killed_with_its_children(tmp_path: Path) -> None:
    held = tmp_path / "held"
    os.mkfifo(held)
    reader = os.open(held, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with pytest.raises(subprocess.TimeoutExpired) as caught:
            script = 'exec 3>"$1"; sleep 60 & echo started; wait'
            run_in_pty(["/bin/sh", "-c", script, "sh", str(held)], env={}, timeout=0.5)
        assert caught.value.output == b"started\r\n"
        assert select.select([reader], [], [], 10)[0]
        assert os.read(reader, 1) == b""  # the end: nobody is left who could write
    finally:
        os.close(reader)


def test_what_a_command_leaves_behind_holds_nobody_up() -> None:
    started = time.monotonic()
    ran = run_in_pty(["/bin/sh", "-c", "trap '' HUP; sleep 60 & echo done"], env={})
    assert (ran.code, ran.output) == (0, b"done\r\n")
    assert time.monotonic() - started < 10
