"""Values of the pure rooms are frozen and keyword-only; what changes is named here."""

import dataclasses
import importlib
import pkgutil

import pytest

import pushkit_cli.apns
import pushkit_cli.emulator
import pushkit_cli.phone

CHANGING = {"State", "ChannelIndex", "FaultRule", "Link", "_Asked", "_Broken"}


def _values() -> list[type]:
    found = {}
    for room in (pushkit_cli.apns, pushkit_cli.phone, pushkit_cli.emulator):
        for module in pkgutil.iter_modules(room.__path__, f"{room.__name__}."):
            for value in vars(importlib.import_module(module.name)).values():
                if isinstance(value, type) and dataclasses.is_dataclass(value):
                    found[f"{value.__module__}.{value.__qualname__}"] = value
    return [found[name] for name in sorted(found)]


@pytest.mark.parametrize("kind", _values(), ids=lambda kind: kind.__name__)
def test_a_value_is_frozen_and_keyword_only(kind: type) -> None:
    if kind.__name__ not in CHANGING:
        assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
        assert all(field.kw_only for field in dataclasses.fields(kind))


def test_the_values_were_found() -> None:
    names = {kind.__name__ for kind in _values()}
    assert names >= CHANGING | {"Push", "Request", "Reply", "Knowledge", "Handling", "PushEvent"}
