"""What somebody may have meant who mistyped a word. Pure."""

from collections.abc import Iterable
from difflib import get_close_matches

from pushkit_cli.apns.push import PushType
from pushkit_cli.errors import UsageError


def meant(word: str, names: Iterable[object]) -> str:
    """`; did you mean voip?` where a name is close to a word, else nothing: to end a message."""
    close = get_close_matches(word, [str(one) for one in names], n=1)
    return f"; did you mean {close[0]}?" if close else ""


def no_push_type(word: str, *, hint: str = "") -> UsageError:
    """What to raise where a word is no push type; `hint` goes on behind those that are."""
    return UsageError(
        f"no push type is called {word}{meant(word, PushType)}",
        hint=f"known are {', '.join(PushType)}{hint}",
    )
