"""What it means that text is safely shown."""

from tests.pty_run import stray_controls


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
