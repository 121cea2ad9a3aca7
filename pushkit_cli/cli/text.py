"""Foreign text made safe to show, and values made into ASCII JSON: pure functions on strings.

Only the standard library is imported here, and of that only what costs nothing: every command
reads this file. What a character is comes from Python's own tables, asked when it is shown.
"""

import math
from unicodedata import category

_NAMED = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}

# What str.isprintable() lets through although nobody sees it. First the Default_Ignorable code
# points of Unicode that are letters or marks (joiner, Hangul and Khmer fillers, variation
# selectors), then characters whose picture is blank.
_INVISIBLE = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0"
    "\u2800\U00013441\U00013442\U00016fe4\U0001d159"
).union(map(chr, range(0xFE00, 0xFE10)), map(chr, range(0xE0100, 0xE01F0)))

# Two marks on a letter are what living languages need (Vietnamese, Thai, Hebrew); towers of them
# cover the lines above and below.
_MARKS_ON_A_LETTER = 2


def foreign(value: str | bytes | None, *, limit: int = 120, ascii_only: bool = False) -> str:
    r"""Return text from a wire, a file or a peer in the form in which a terminal may see it.

    Every such text passes through here, and nothing else makes it safe. The result is one line
    of printable characters. Controls, bidi controls, invisible and format characters, separators,
    every space but the plain one, surrogates, private and unassigned characters become escapes
    (`\n`, `\x1b`, `\u202e`, `\U000e0041`); a backslash is doubled, so an escape cannot be forged
    and two different texts are never shown alike (letters of two alphabets may still look alike).
    A combining mark stays where it has a letter or digit to sit on, at most two in a row.

    Bytes are read as UTF-8. A byte that is none is shown as `\x80` to `\xff`, which never means
    anything else: the *character* U+009B is `\u009b`.

    Text that CI systems obey is broken too, by escaping its first character. GitHub obeys `::`
    at the start of a line, blanks before it or not; so it is escaped where a word begins, for
    a line may be folded there. GitHub's `##[` and Azure's `##vso[` are obeyed anywhere in a line
    (actions/runner ActionCommand.cs, 079cdb1; azure-pipelines-agent Command.cs, 095e99b), so no
    `##` is left at all, which breaks TeamCity's `##teamcity[` as well.

    At most `limit` characters are shown, counted as escaped and not as columns; then `…(N more)`
    tells how many characters, or bytes of bytes, were left out. `None` is `-`. With `ascii_only`
    the result is ASCII. No text and no bytes make it raise, and what is not shown is not read.

    Markup is not our business: print the result where markup, emoji codes and highlighting are
    off.
    """
    if value is None:
        return "-"
    limit = max(limit, 0)
    is_bytes = isinstance(value, bytes)
    if isinstance(value, bytes):
        # UTF-8 takes four bytes at most, so this holds more characters than are shown, and the
        # one the cut may have torn lies beyond them.
        text = value[: 4 * (limit + 1)].decode("utf-8", "surrogateescape")
    else:
        text = value[: limit + 1]
    if len(value) <= limit and _is_ordinary(text):
        return text

    shown: list[str] = []
    room = limit
    for unit in _units(text, from_bytes=is_bytes, ascii_only=ascii_only):
        room -= len(unit)
        if room < 0:
            break
        shown.append(unit)
    else:
        return "".join(shown)

    taken = text[: len(shown)]
    left = len(value) - len(taken.encode("utf-8", "surrogateescape") if is_bytes else taken)
    return f"{''.join(shown)}{'...' if ascii_only else '…'}({left} more)"


def _is_ordinary(text: str) -> bool:
    return (
        text.isascii()
        and text.isprintable()
        and "\\" not in text
        and "##" not in text
        and "::" not in text
    )


def _units(text: str, *, from_bytes: bool, ascii_only: bool) -> list[str]:
    """Return, for each character of `text`, what is shown for it."""
    units = []
    marks_left = 0
    before = " "
    for here, after in zip(text, text[1:] + "\0", strict=True):
        plain = (
            here.isprintable()
            and here != "\\"
            and here not in _INVISIBLE
            and (here.isascii() or not ascii_only)
            and not _starts_a_command(before, here, after)
        )
        if plain and category(here).startswith("M"):
            plain = marks_left > 0
            marks_left -= plain
        else:
            marks_left = _MARKS_ON_A_LETTER if plain and here.isalnum() else 0
        units.append(here if plain else _escaped(here, from_bytes=from_bytes))
        before = here
    return units


def _starts_a_command(before: str, here: str, after: str) -> bool:
    return here == after and (here == "#" or (here == ":" and before == " "))


def _escaped(character: str, *, from_bytes: bool) -> str:
    code = ord(character)
    if named := _NAMED.get(character):
        return named
    if code < 0x80:
        return f"\\x{code:02x}"
    if from_bytes and 0xDC80 <= code <= 0xDCFF:  # how "surrogateescape" carries a bad byte
        return f"\\x{code - 0xDC00:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def foreign_line(
    prefix: str, value: str | bytes | None, *, limit: int = 120, ascii_only: bool = False
) -> str:
    """Return a line that begins with our own `prefix` and goes on with foreign text.

    Why a line needs one: indentation alone does not stop GitHub's runner, which trims the blanks
    before `::`; other systems fold the log at lines that begin with `---` or `+++`. So the prefix
    has to be something that can be seen. One blank is put between where the prefix ends in none.

    Raises `ValueError` for a prefix that is blank or holds a character nobody can see.
    """
    if not prefix.strip() or not prefix.isprintable():
        raise ValueError(f"a line has to begin with visible text of ours, not {prefix!r}")
    gap = "" if prefix.endswith(" ") else " "
    return f"{prefix}{gap}{foreign(value, limit=limit, ascii_only=ascii_only)}"


def to_json(value: object) -> str:
    r"""Return `value` as one line of ASCII JSON, the only form in which we print or store JSON.

    NaN and the infinities, which JSON does not have, become `null`. A lone surrogate stays as
    `\udXXX`, which parses. DEL is escaped like every control, and `##` because Azure and GitHub
    obey `##vso[` and `##[` anywhere in a line; a parser sees the same string.

    Raises `TypeError` for bytes and for whatever else JSON has no word for, and `ValueError` for
    a value that contains itself.
    """
    from json import dumps

    try:
        text = dumps(value, separators=(",", ":"), allow_nan=False)
    except ValueError:
        # Either a float that JSON cannot say, or a value that contains itself; the second raises
        # again here, before it could send us round for ever.
        dumps(value)
        text = dumps(_without_nan(value), separators=(",", ":"), allow_nan=False)
    return text.replace("##", "\\u0023\\u0023")


def _without_nan(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {_without_nan(key): _without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    return value


def short_token(token: str, *, ascii_only: bool = False) -> str:
    """Return a device token as people compare it: `5f1c…9a02`; whole where it is below 16."""
    if len(token) < 16:
        return foreign(token, ascii_only=ascii_only)
    head = foreign(token[:4], ascii_only=ascii_only)
    tail = foreign(token[-4:], ascii_only=ascii_only)
    return f"{head}{'..' if ascii_only else '…'}{tail}"
