"""What is registered: listed, shown and removed. A secret is never part of what is shown."""

from dataclasses import dataclass, replace
from typing import Any

from pushkit_cli.apns import export_token
from pushkit_cli.apns.push import Environment
from pushkit_cli.emulator.state import App, Device, SigningKey, State
from pushkit_cli.engine import emulated, host
from pushkit_cli.engine.registering import certificate_name
from pushkit_cli.engine.setting import Cabinet, Setting
from pushkit_cli.errors import UsageError
from pushkit_cli.store.book import Book

KINDS = ("app", "key", "device", "export-token")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One registered thing; `facts` are plain values to show, device tokens of others shortened."""

    kind: str
    name: str
    facts: dict[str, Any]
    origin: str = "profile"


def items(setting: Setting, *, with_emulated: bool = True) -> list[Item]:
    """Everything that is registered here, the project's file included."""
    in_project = {(item.kind, item.name) for item in _of_book(setting.project)}
    found = [
        replace(item, origin="project") if (item.kind, item.name) in in_project else item
        for item in _of_book(setting.book)
    ]
    drawer = setting.drawer
    if drawer is not None:
        found += [
            Item(
                kind="export-token",
                name=f"{app}/{dataset}",
                facts={"dataset": dataset, "expires": _expiry(drawer.export_token(app, dataset))},
            )
            for app, dataset in drawer.export_tokens()
        ]
    if with_emulated and setting.home.is_dir():
        found += _emulated(emulated.state(setting))
    return found


def _expiry(token: str | None) -> str | None:
    """The moment an export token says it expires; `None` where it does not say."""
    at = export_token.read_token(token or "").expires_at
    return None if at is None else host.rfc3339(at * 1000)


def _of_book(book: Book) -> list[Item]:
    apps = [
        Item(
            kind="app",
            name=name,
            facts={
                "team_id": app.team_id,
                **{
                    str(environment): one.key_id or f"certificate {one.certificate}"
                    for environment, one in app.credentials.items()
                },
            },
        )
        for name, app in book.apps.items()
    ]
    keys = [
        Item(
            kind="key",
            name=name,
            facts={
                "team_id": key.team_id,
                "environments": ", ".join(key.environments),
                "topics": ", ".join(key.topics) or "every app of the team",
            },
        )
        for name, key in book.keys.items()
    ]
    devices = [
        Item(
            kind="device",
            name=name,
            facts={
                "app": device.app,
                "environment": str(device.environment),
                "recorded": device.recorded,
                "tokens": {str(kind): token for kind, token in device.tokens.items()},
            },
        )
        for name, device in book.devices.items()
    ]
    return [*apps, *keys, *devices]


def _emulated(known: State) -> list[Item]:
    found = [
        *(("app", app.bundle_id, {"team_id": app.team_id}) for app in known.all_of(App)),
        *(("key", key.key_id, _scope(key)) for key in known.all_of(SigningKey)),
        *(("device", device.name, {}) for device in known.all_of(Device)),
    ]
    return [
        Item(kind=kind, name=name, facts={"environment": "local", **facts}, origin="emulator")
        for kind, name, facts in found
    ]


def _scope(key: SigningKey) -> dict[str, Any]:
    both = ", ".join(Environment)
    return {
        "team_id": key.team_id,
        "environments": both if key.environment is None else str(key.environment),
        "topics": ", ".join(key.topics or ()) or "every app of the team",
        "related": key.related,
    }


def find(setting: Setting, kind: str, name: str) -> list[Item]:
    """What goes by a name: the emulator's beside one's own. Raises UsageError: nothing does."""
    every = items(setting)
    found = [item for item in every if (item.kind, item.name) == (kind, name)]
    if found:
        return found
    have = [item.name for item in every if item.kind == kind]
    raise UsageError(
        f"no {kind} {name} is registered", hint=f"registered: {', '.join(have) or 'none'}"
    )


def remove(setting: Setting, cabinet: Cabinet, kind: str, name: str) -> None:
    """Remove a thing and every copy of its secrets. Raises UsageError where it is not there."""
    drawer = cabinet.drawer
    with drawer.lock():
        book = drawer.book()
        if kind == "export-token":
            app, _, dataset = name.rpartition("/")
            if (app, dataset) not in drawer.export_tokens():
                raise _unknown(kind, name, setting)
            drawer.remove_export_token(app, dataset)
            return
        table = {"app": book.apps, "key": book.keys, "device": book.devices}[kind]
        if name not in table:
            raise _unknown(kind, name, setting)
        left = {key: value for key, value in table.items() if key != name}
        field = {"app": "apps", "key": "keys", "device": "devices"}[kind]
        _remove_secrets(cabinet, kind, name)
        drawer.write_book(replace(book, **{field: left}))  # type: ignore[arg-type]


def _remove_secrets(cabinet: Cabinet, kind: str, name: str) -> None:
    drawer, cache = cabinet.drawer, cabinet.cache
    if kind == "app":
        for environment in Environment:
            drawer.remove_certificate(certificate_name(name, environment))
    if kind == "key":
        cache.drop_key(name)
        drawer.remove_key(name)


def _unknown(kind: str, name: str, setting: Setting) -> UsageError:
    have = [item for item in items(setting) if (item.kind, item.name) == (kind, name)]
    if have and have[0].origin == "emulator":
        return UsageError(
            f"{name} belongs to the emulator, which keeps what it has seen",
            hint="--local revokes it there"
            if kind == "key"
            else f"start afresh with --ephemeral, or move {setting.home / 'emulator.db'} away",
        )
    if have and have[0].origin == "project":
        return UsageError(
            f"{name} stands in {setting.project_file}", hint="take it out of that file by hand"
        )
    return UsageError(f"no {kind} {name} is registered", hint="pushkit register list")
