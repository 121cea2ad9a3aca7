"""The variables that point a server, its tests and its tools at a listener."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from pushkit_cli.errors import UsageError


def variables(ready: dict[str, Any]) -> dict[str, str]:
    """Every variable a ready object implies, in the order a person reads them."""
    return {name: str(value) for name, value in _pairs(ready) if value is not None}


def check_names(names: Iterable[str], others: Iterable[str]) -> None:
    """Raise UsageError where a device's variables would be another's too."""
    taken: dict[str, str] = {}
    for other in others:
        taken.setdefault(_word(other), other)
    for name in names:
        other = taken.setdefault(_word(name), name)
        if other != name:
            raise UsageError(
                f"the devices {other} and {name} would share PUSHKIT_TOKEN_{_word(name)}_…",
                hint="names have to differ in more than case and punctuation: rename one",
            )


def _pairs(ready: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "PUSHKIT_HOME", ready["home"]
    yield "PUSHKIT_ENVIRONMENT", "local"
    yield "PUSHKIT_ENDPOINT", ready["endpoints"]["sandbox"]
    yield "PUSHKIT_PRODUCTION_ENDPOINT", ready["endpoints"]["production"]
    yield "PUSHKIT_HOST", ready["host"]
    yield "PUSHKIT_PORT", ready["port"]
    yield "PUSHKIT_TEAM_ID", ready["team_id"]
    yield "PUSHKIT_KEY_ID", ready["key_id"]
    yield "PUSHKIT_KEY_FILE", ready["key_file"]
    yield "PUSHKIT_CA_FILE", ready["ca_file"]
    yield "PUSHKIT_CA_BUNDLE", ready["ca_bundle_file"]
    yield "PUSHKIT_TRUSTSTORE", ready["truststore_file"]
    yield "PUSHKIT_FORWARD_SECRET_FILE", ready.get("forward_secret_file")
    yield from _tokens(ready)


def _tokens(ready: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    devices = ready["devices"]
    yield "PUSHKIT_BUNDLE_ID", devices[0]["bundle_id"] if devices else None
    first: dict[str, str] = {}
    for device in devices:
        for kind, token in device["tokens"].items():
            first.setdefault(kind, token)
    for kind, token in first.items():
        yield f"PUSHKIT_TOKEN_{_word(kind)}", token
    for device in devices:
        for kind, token in device["tokens"].items():
            yield f"PUSHKIT_TOKEN_{_word(device['name'])}_{_word(kind)}", token


def _word(text: str) -> str:
    return re.sub(r"[^A-Z0-9]", "_", text.upper())
