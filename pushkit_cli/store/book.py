"""The book: apps, keys and devices as TOML, in a profile's file and a project's pushkit.toml.

Both files have one shape, so what `register` writes is what a project may write by hand. Private
keys, passwords and provider tokens never stand in either. Disk only.
"""

import difflib
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from pushkit_cli.apns.push import Environment, PushType
from pushkit_cli.errors import ConfigError
from pushkit_cli.store.files import read_private

PROJECT_FILE = "pushkit.toml"
ENVIRONMENTS = ("local", "local-production", "sandbox", "production")
_SECRET = re.compile(r"PRIVATE KEY|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.")
_SECRET_NAMES = frozenset({"key", "password", "private_key", "secret", "provider_token"})
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyEntry:
    """A registered signing key; `file` is a path in a project's file, else the keystore has it."""

    team_id: str
    environments: tuple[Environment, ...] = tuple(Environment)
    topics: tuple[str, ...] = ()
    file: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What signs for an app in one environment: a key id, or the name of a certificate."""

    key_id: str | None = None
    certificate: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AppEntry:
    """A registered app."""

    team_id: str
    credentials: Mapping[Environment, Credential] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceEntry:
    """A real device: one app's tokens on it, in hex, in one environment; `recorded` is a date."""

    app: str
    environment: Environment
    tokens: Mapping[PushType, str]
    recorded: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """Everything written down. `environment` is the default of commands, where one is said."""

    environment: str | None = None
    apps: Mapping[str, AppEntry] = field(default_factory=dict)
    keys: Mapping[str, KeyEntry] = field(default_factory=dict)
    devices: Mapping[str, DeviceEntry] = field(default_factory=dict)

    def under(self, over: "Book") -> "Book":
        """This book where `over` says nothing."""
        return Book(
            environment=over.environment or self.environment,
            apps={**self.apps, **over.apps},
            keys={**self.keys, **over.keys},
            devices={**self.devices, **over.devices},
        )


def find_project(start: Path) -> Path | None:
    """The nearest pushkit.toml, from a folder upward."""
    for folder in (start, *start.parents):
        if (folder / PROJECT_FILE).is_file():
            return folder / PROJECT_FILE
    return None


def load_project(path: Path) -> Book:
    """A project's file. Raises ConfigError for a typo, or for a secret in it."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}", hint="mend it") from error
    if _SECRET.search(raw.decode("utf-8", "replace")):
        raise _secret(path)
    return _parse(raw, path, own=False)


def load_profile(path: Path) -> Book:
    """A profile's file; an empty book where there is none."""
    raw = read_private(path)
    return Book() if raw is None else _parse(raw, path, own=True)


def dump(book: Book) -> bytes:
    """A book as TOML."""
    import tomli_w

    return tomli_w.dumps(_plain(book)).encode("utf-8")


def _plain(book: Book) -> dict[str, Any]:
    out: dict[str, Any] = {}
    if book.environment is not None:
        out["environment"] = book.environment
    out["keys"] = {
        name: {
            "team_id": key.team_id,
            "environments": [str(one) for one in key.environments],
            "topics": list(key.topics),
        }
        for name, key in book.keys.items()
    }
    out["apps"] = {
        name: {"team_id": app.team_id}
        | {
            str(environment): {
                which: value
                for which, value in (
                    ("key_id", one.key_id),
                    ("certificate", one.certificate),
                )
                if value is not None
            }
            for environment, one in app.credentials.items()
        }
        for name, app in book.apps.items()
    }
    out["devices"] = {
        name: {
            "app": device.app,
            "environment": str(device.environment),
            **({} if device.recorded is None else {"recorded": device.recorded}),
            "tokens": {str(kind): token for kind, token in device.tokens.items()},
        }
        for name, device in book.devices.items()
    }
    return {name: value for name, value in out.items() if value}


class _Reader:
    """Reads one TOML table; whatever is left unread at the end is a typo."""

    def __init__(self, table: Any, place: str, path: Path) -> None:
        if not isinstance(table, dict):
            raise ConfigError(f"{path}: {place} is not a table", hint="see `pushkit config path`")
        self._table = table
        self._place = place
        self._path = path
        self._read: set[str] = set()

    def get(self, name: str, kind: type[_T]) -> _T | None:
        """A value of one type, `None` where it is absent."""
        self._read.add(name)
        value = self._table.get(name)
        if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
            raise self.wrong(name, f"is not {_KINDS.get(kind, 'a table')}")
        return value

    def need(self, name: str, kind: type[_T]) -> _T:
        """A value that must be there."""
        value = self.get(name, kind)
        if value is None:
            raise self.wrong(name, "is missing")
        return value

    def one_of(self, name: str, value: str, make: Callable[[str], _T], known: list[str]) -> _T:
        """A word among known ones."""
        try:
            return make(value)
        except ValueError as error:
            raise self.wrong(name, f"is {value}: it can be {', '.join(known)}") from error

    def tables(self, name: str) -> list[tuple[str, "_Reader"]]:
        """The tables below one, by name."""
        found = self.get(name, dict) or {}
        return [
            (key, _Reader(value, f"{self._prefix}{name}.{key}", self._path))
            for key, value in found.items()
        ]

    def table(self, name: str) -> "_Reader | None":
        """One table below, if it is there."""
        found = self.get(name, dict)
        return None if found is None else _Reader(found, f"{self._prefix}{name}", self._path)

    def done(self) -> None:
        """Refuse what nobody read."""
        for name in self._table:
            if name in self._read:
                continue
            if name in _SECRET_NAMES:
                raise _secret(self._path)
            near = difflib.get_close_matches(name, self._read, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(sorted(self._read))}"
            raise ConfigError(f"{self._path}: nothing is called {self._prefix}{name}", hint=hint)

    def wrong(self, name: str, what: str) -> ConfigError:
        """An error about one value."""
        return ConfigError(f"{self._path}: {self._prefix}{name} {what}", hint="mend this line")

    @property
    def _prefix(self) -> str:
        return f"{self._place}." if self._place else ""


_KINDS: Mapping[type, str] = {str: "text", list: "a list", dict: "a table"}


def _secret(path: Path) -> ConfigError:
    return ConfigError(
        f"{path} holds a secret, and a project's file is for everybody to read",
        hint="take it out, and register it: pushkit register key AuthKey_ID.p8 --team-id TEAM",
    )


def _parse(raw: bytes, path: Path, *, own: bool) -> Book:
    try:
        found = tomllib.loads(raw.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}", hint="mend this line") from error
    root = _Reader(found, "", path)
    environment = root.get("environment", str)
    if environment is not None and environment not in ENVIRONMENTS:
        raise root.wrong("environment", f"is {environment}: {', '.join(ENVIRONMENTS)}")
    book = Book(
        environment=environment,
        keys={name: _key(table, path, own=own) for name, table in root.tables("keys")},
        apps={name: _app(table) for name, table in root.tables("apps")},
        devices={name: _device(table) for name, table in root.tables("devices")},
    )
    root.done()
    return book


def _key(table: _Reader, path: Path, *, own: bool) -> KeyEntry:
    known = [str(one) for one in Environment]
    environments = table.get("environments", list) or known
    entry = KeyEntry(
        team_id=table.need("team_id", str),
        environments=tuple(
            table.one_of("environments", str(one), Environment, known) for one in environments
        ),
        topics=tuple(str(one) for one in table.get("topics", list) or ()),
    )
    file = None if own else table.get("file", str)
    table.done()
    return entry if file is None else replace(entry, file=path.parent / file)


def _app(table: _Reader) -> AppEntry:
    team_id = table.need("team_id", str)
    credentials = {}
    for environment in Environment:
        found = table.table(str(environment))
        if found is not None:
            credentials[environment] = Credential(
                key_id=found.get("key_id", str), certificate=found.get("certificate", str)
            )
            found.done()
    shared = table.get("key_id", str)
    if shared is not None:
        both = {environment: Credential(key_id=shared) for environment in Environment}
        credentials = {**both, **credentials}
    table.done()
    return AppEntry(team_id=team_id, credentials=credentials)


def _device(table: _Reader) -> DeviceEntry:
    environments = [str(one) for one in Environment]
    tokens = table.get("tokens", dict) or {}
    entry = DeviceEntry(
        app=table.need("app", str),
        environment=table.one_of(
            "environment", table.need("environment", str), Environment, environments
        ),
        tokens={
            table.one_of("tokens", kind, PushType, list(PushType)): str(token).lower()
            for kind, token in tokens.items()
        },
        recorded=table.get("recorded", str),
    )
    table.done()
    return entry
