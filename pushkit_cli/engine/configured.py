"""Every setting that has a value, and who says so: a variable, the project, the profile, nobody."""

from collections.abc import Iterator

from pushkit_cli.engine.setting import Setting
from pushkit_cli.store.book import Book

_SECRET = frozenset({"PUSHKIT_KEY"})
_GENERAL = (
    "PUSHKIT_HOME",
    "PUSHKIT_ENVIRONMENT",
    "PUSHKIT_ENDPOINT",
    "PUSHKIT_PRODUCTION_ENDPOINT",
    "PUSHKIT_CA_FILE",
    "PUSHKIT_READY_FILE",
    "PUSHKIT_KEY",
    "PUSHKIT_KEY_FILE",
    "PUSHKIT_TEAM_ID",
    "PUSHKIT_KEY_ID",
)


def settings(setting: Setting) -> Iterator[tuple[str, str, str]]:
    """Name, value and origin, in the order of precedence; a secret's value is left out."""
    yield "home", str(setting.home), "PUSHKIT_HOME" if _said(setting) else "platform"
    yield "profile", setting.profile, "--profile"
    for name in _GENERAL[1:]:
        value = setting.variable(name)
        if value is not None:
            yield name, "(set, not shown)" if name in _SECRET else value, "variable"
    if setting.project_file is not None:
        yield from _of(setting.project, str(setting.project_file))
    if setting.drawer is not None:
        yield from _of(setting.drawer.book(), str(setting.drawer.book_file))


def _said(setting: Setting) -> bool:
    return setting.variable("PUSHKIT_HOME") is not None


def _of(book: Book, place: str) -> Iterator[tuple[str, str, str]]:
    if book.environment is not None:
        yield "environment", book.environment, place
    for name, app in book.apps.items():
        credentials = ", ".join(
            f"{environment} {one.key_id or one.certificate}"
            for environment, one in app.credentials.items()
        )
        yield f"apps.{name}", f"team {app.team_id}  {credentials}", place
    for name, key in book.keys.items():
        yield f"keys.{name}", f"team {key.team_id}  {', '.join(key.environments)}", place
    for name, device in book.devices.items():
        types = ", ".join(device.tokens)
        yield f"devices.{name}", f"{device.app}  {device.environment}  {types}", place
