"""Pictures made of characters: sparklines and bars, with or without Unicode. Pure."""

from collections.abc import Sequence

_TICKS = "▁▂▃▄▅▆▇█"
_TICKS_ASCII = ".:-=+*#@"
_EIGHTHS = " ▏▎▍▌▋▊▉"
_FULL, _FULL_ASCII = "█", "#"
_NO_VALUE = "?"


def sparkline(values: Sequence[int | None], *, width: int, ascii_only: bool = False) -> str:
    """One character a value, at most `width`: of more, neighbours are added up.

    Zero is a blank, so that little and nothing differ; `None`, a hidden value, is a `?`.
    """
    ticks = _TICKS_ASCII if ascii_only else _TICKS
    shown = _gathered(values, max(width, 1))
    top = max((value for value in shown if value is not None), default=0)

    def tick(value: int | None) -> str:
        if value is None:
            return _NO_VALUE
        if value <= 0:
            return " "
        return ticks[min(len(ticks) - 1, (value * len(ticks) - 1) // top)]

    return "".join(map(tick, shown))


def bar(value: int, top: int, *, width: int, ascii_only: bool = False) -> str:
    """A bar from the left, as long as `value` is of `top`; something is seen of all but nothing."""
    if value <= 0 or top <= 0:
        return ""
    eighths = max(1, value * width * 8 // top)
    if ascii_only:
        return _FULL_ASCII * max(1, min(width, (eighths + 4) // 8))
    whole, rest = divmod(min(eighths, width * 8), 8)
    return _FULL * whole + (_EIGHTHS[rest] if rest else "")


def _gathered(values: Sequence[int | None], width: int) -> list[int | None]:
    if len(values) <= width:
        return list(values)
    found: list[int | None] = []
    for place in range(width):
        group = values[place * len(values) // width : (place + 1) * len(values) // width]
        shown = [value for value in group if value is not None]
        found.append(sum(shown) if shown else None)
    return found
