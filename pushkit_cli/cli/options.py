"""Options that several commands share, and the kinds of values they take. No command lives here."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from pushkit_cli.apns.push import Environment, PushType
from pushkit_cli.apns.words import seconds_in
from pushkit_cli.errors import UsageError

if TYPE_CHECKING:
    from pushkit_cli.engine import inbox

ENVIRONMENTS = ("local", "local-production", "sandbox", "production")
"""The values of `--env` of a command that speaks to a server."""
_Function = TypeVar("_Function", bound=Callable[..., Any])
_LIKELY_TIME = 1_000_000_000
"""A smaller number of seconds since 1970 lies before September 2001: a duration was meant."""


class Duration(click.ParamType[float]):
    """`500ms 30s 5m 2h 7d`; a bare number is seconds. `least_s`: what is less makes no sense."""

    name = "duration"

    def __init__(self, *, least_s: float = 0.0) -> None:
        self._least_s = least_s

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Seconds."""
        if isinstance(value, float):
            return value
        seconds = seconds_in(str(value))
        if seconds is None:
            self.fail(f"{value} is not a duration: write 500ms, 30s, 5m, 2h or 7d", param, ctx)
        if seconds < self._least_s:
            self.fail(f"{value} leaves no time for anything: write 500ms, 30s or 5m", param, ctx)
        return seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Expires:
    """What `--expiration` said: one of a moment (Unix seconds), seconds from now, or neither."""

    at: int | None = None
    within_s: float | None = None


class Since(click.ParamType["inbox.Since"]):
    """An event's number, a duration back from now, or a moment in RFC 3339."""

    name = "duration|time|seq"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> "inbox.Since":
        """From when on."""
        from pushkit_cli.engine.inbox import Since as Found

        if isinstance(value, Found):
            return value
        text = str(value)
        if text.isascii() and text.isdigit():
            return Found(seq=int(text[:15]))
        seconds = seconds_in(text)
        return Found(at=moment(text, param, ctx)) if seconds is None else Found(within_s=seconds)


class ClockWord(click.ParamType["str | float"]):
    """Which clock a listener has: the machine's, or one that stands still from a moment on."""

    name = "system|manual|time"
    _words = ("system", "manual")

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> str | float:
        """One of the words, or Unix seconds."""
        if isinstance(value, float) or value in self._words:
            return value if isinstance(value, float) else str(value)
        try:
            return moment(str(value), param, ctx)
        except click.BadParameter:
            known = "system, manual, or a time as 2026-11-25T09:30:00Z"
            self.fail(f"{value} is no clock: write {known}", param, ctx)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The words that begin so."""
        del ctx, param
        return [CompletionItem(word) for word in self._words if word.startswith(incomplete)]


class Moment(click.ParamType[float]):
    """A moment in RFC 3339, or Unix milliseconds as APNs writes them."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Unix seconds."""
        if isinstance(value, float):
            return value
        text = str(value)
        if text.isascii() and text.isdigit():
            return int(text[:15]) / 1000
        return moment(text, param, ctx)


def moment(text: str, param: click.Parameter | None, ctx: click.Context | None) -> float:
    """Unix seconds of a date and time; without a zone it is this machine's."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError) as error:
        raise click.BadParameter(
            f"{text} is no moment: write 2026-11-25T09:30:00Z", ctx, param
        ) from error


class Expiration(click.ParamType[Expires]):
    """`0`, `absent`, a duration from now, or seconds since 1970."""

    name = "0|absent|duration|unix"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Expires:
        """What was meant; a small number is refused, because a duration was meant."""
        if isinstance(value, Expires):
            return value
        text = str(value)
        if text == "absent":
            return Expires()
        if text.isascii() and text.isdigit():
            at = int(text[:16])
            if 0 < at <= _LIKELY_TIME:
                self.fail(f"{text} is a moment long past; did you mean {text}s?", param, ctx)
            return Expires(at=at)
        seconds = seconds_in(text)
        if seconds is None:
            self.fail(
                f"{text} is neither 0, absent, a duration like 30s, nor Unix time", param, ctx
            )
        return Expires(within_s=seconds)


class Instant(click.ParamType[Expires]):
    """A duration from now, seconds since 1970 (0 is long past), or RFC 3339."""

    name = "duration|unix|time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Expires:
        """What was meant; a small number is refused, because a duration was meant."""
        if isinstance(value, Expires):
            return value
        text = str(value)
        if "-" in text:
            return Expires(at=int(moment(text, param, ctx)))
        found = EXPIRATION.convert(text, param, ctx)
        if found == Expires():
            self.fail("absent is what it is where nothing is said", param, ctx)
        return found


class Header(click.ParamType[tuple[str, str]]):
    """`name:value`, one that neither HTTP/2 nor this tool sets itself."""

    name = "name:value"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Name in lower case, and value."""
        if isinstance(value, tuple):
            return value
        from pushkit_cli.apns.message import not_yours

        name, colon, text = str(value).partition(":")
        name = name.strip().lower()
        if not colon or not re.fullmatch(r"[a-z0-9!#$%&'*+.^_`|~-]+", name):
            self.fail(f"{value} is not name:value", param, ctx)
        if not_yours(name):
            self.fail(f"{name} cannot be set: it is not yours to choose here", param, ctx)
        return name, plain(text.strip(), param, ctx)


class Plain(click.ParamType[str]):
    """Text that a header can carry."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text itself."""
        return plain(str(value), param, ctx)


def plain(text: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
    """Refuse what no header can carry (RFC 9110, 5.5)."""
    if re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", text):
        raise click.BadParameter("control characters cannot go into a header", ctx, param)
    return text


class TypeName(click.ParamType[str]):
    """A push type; any word is let through, for Apple may know a newer one."""

    name = "type"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The types that begin so."""
        del ctx, param
        return [CompletionItem(kind.value) for kind in PushType if kind.startswith(incomplete)]


class ChannelId(Plain):
    """A broadcast channel's id; those that were made or shown here are offered."""

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The ids that begin so, the newest first."""
        del param
        from pushkit_cli.engine.channel_records import recall

        ids, _ = recall(ctx.obj.setting(), lambda kept: kept.ids())
        return [CompletionItem(one) for one in ids or () if one.startswith(incomplete)]


CHANNEL_ID = ChannelId()
CLOCK = ClockWord()
DURATION = Duration()
SOME_TIME = Duration(least_s=0.001)
EXPIRATION = Expiration()
HEADER = Header()
INSTANT = Instant()
MOMENT = Moment()
PLAIN = Plain()
SINCE = Since()
TYPE_NAME = TypeName()


def file_bytes(path: Path) -> bytes:
    """A file that was named, `-` for standard input. Raises UsageError."""
    from pushkit_cli.engine.given import read_given, read_stdin

    is_stdin = str(path) == "-"
    try:
        return read_stdin() if is_stdin else read_given(path)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        what, hint = ("standard input", "is it closed?") if is_stdin else (path, "check the path")
        raise UsageError(f"{what} cannot be read: {reason}", hint=hint) from error


def environments(word: str) -> tuple[Environment, ...]:
    """What `--env sandbox|production|both` means."""
    return tuple(Environment) if word == "both" else (Environment(word),)


def json_option(function: _Function) -> _Function:
    """`--json` after the command's name too; the boundary has already read it."""
    return click.option(
        "--json", "as_json", is_flag=True, expose_value=False, help="NDJSON on stdout."
    )(function)
