"""The inputs that a command may give a running emulator, as plain data and back, checked. Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from typing import Any

from pushkit_cli.apns.facts import TokenState
from pushkit_cli.apns.push import MAX_TOKEN_BYTES, Environment, PushType
from pushkit_cli.emulator.export_records import ExportToken
from pushkit_cli.emulator.moves import (
    EndCall,
    EndToken,
    Install,
    Kill,
    Register,
    Reinstall,
    Reset,
    Revoke,
    RotateToken,
    SetCondition,
    SetToken,
    Subscribe,
    Uninstall,
    Unsubscribe,
)
from pushkit_cli.emulator.state import App, Device, SigningKey
from pushkit_cli.phone.calls import EndedReason
from pushkit_cli.phone.registry import PLATFORMS

Order = (
    Register
    | Revoke
    | Install
    | SetToken
    | EndToken
    | RotateToken
    | Uninstall
    | Reinstall
    | SetCondition
    | EndCall
    | Kill
    | Reset
    | Subscribe
    | Unsubscribe
)

UNANNOUNCED = (SetCondition, EndCall, Kill, Reset, Subscribe, Unsubscribe)
"""Orders that change nothing of what a listener says of itself: no app, device or token."""
MAX_ORDERS = 200
"""In one change."""

_ORDERS: Mapping[str, type[Any]] = {
    "revoke": Revoke,
    "install": Install,
    "set-token": SetToken,
    "end-token": EndToken,
    "rotate-token": RotateToken,
    "uninstall": Uninstall,
    "reinstall": Reinstall,
    "set-condition": SetCondition,
    "end-call": EndCall,
    "kill": Kill,
    "reset": Reset,
    "subscribe": Subscribe,
    "unsubscribe": Unsubscribe,
}
_RECORDS: Mapping[str, type[Any]] = {
    "app": App,
    "key": SigningKey,
    "device": Device,
    "export-token": ExportToken,
}
_NAMES = {kind: name for name, kind in (*_ORDERS.items(), *_RECORDS.items())}
_MAX_TEXT = 4096
_LAST_MS = 2**53
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,63}")


def to_data(order: Order) -> dict[str, Any]:
    """An order as JSON-able values."""
    if isinstance(order, Register):
        return {"order": "register", "kind": _NAMES[type(order.record)], **asdict(order.record)}
    return {"order": _NAMES[type(order)], **asdict(order)}


def from_data(data: object) -> Order:
    """An order from data that anybody may have made. Raises ValueError for what is none."""
    if not isinstance(data, dict):
        raise ValueError("an order is an object")
    said = dict(data)
    name = said.pop("order", None)
    if name == "register":
        record = _build(_RECORDS.get(str(said.pop("kind", None))), said)
        if isinstance(record, Device) and record.platform not in PLATFORMS:
            raise ValueError(f"no platform is called {record.platform}")
        if isinstance(record, Device) and not _NAME.fullmatch(record.name):
            raise ValueError(f"{record.name} cannot name a device")
        return Register(record=record)
    order: Order = _build(_ORDERS.get(str(name)), said)
    if isinstance(order, SetToken) and not is_token(order.token):
        raise ValueError(f"{order.token} is no device token")
    if isinstance(order, EndToken) and order.state is TokenState.LIVE:
        raise ValueError("a token does not end by being live")
    return order


def is_token(text: str) -> bool:
    """Whether a text can be an emulated device token: hexadecimal, one to a hundred bytes.

    Apple's have 32 bytes or more; shorter ones are allowed because fixtures hold them (ours).
    """
    return re.fullmatch(rf"(?:[0-9a-fA-F]{{2}}){{1,{MAX_TOKEN_BYTES}}}", text) is not None


def _build(kind: type[Any] | None, said: Mapping[str, Any]) -> Any:
    if kind is None:
        raise ValueError("there is no such order")
    wanted = {field.name: field.type for field in fields(kind)}
    if wanted.keys() != said.keys():
        raise ValueError(f"{_NAMES[kind]} takes {', '.join(wanted)}")
    return kind(**{name: _READERS[wanted[name]](value) for name, value in said.items()})


def _text(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_TEXT:
        raise ValueError("a text is missing, or too long")
    if not value.replace("\n", "").isprintable():
        raise ValueError("a text holds characters that nobody sees")
    return value


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false is missing")
    return value


def _moment(value: object) -> int:
    if type(value) is not int or not 0 <= value <= _LAST_MS:
        raise ValueError("a moment is Unix milliseconds")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError("a list of texts is missing")
    return tuple(_text(one) for one in value)


def _unless_none(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else read(value)


_READERS: Mapping[Any, Callable[[Any], Any]] = {
    str: _text,
    bool: _truth,
    PushType: PushType,
    Environment: Environment,
    TokenState: TokenState,
    EndedReason: EndedReason,
    str | None: _unless_none(_text),
    int: _moment,
    int | None: _unless_none(_moment),
    Environment | None: _unless_none(Environment),
    tuple[str, ...]: _texts,
    tuple[str, ...] | None: _unless_none(_texts),
}
