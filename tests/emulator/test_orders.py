"""Orders as plain data and back: each one there is, and what is none."""

import json
from typing import Any

import pytest

from pushkit_cli.apns.facts import TokenState
from pushkit_cli.apns.push import Environment, PushType
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
from pushkit_cli.emulator.orders import Order, from_data, to_data
from pushkit_cli.emulator.state import App
from pushkit_cli.phone.calls import EndedReason

_TOKEN: dict[str, Any] = {
    "device": "x", "bundle_id": "b", "type": PushType.voip, "environment": Environment.SANDBOX,
}  # fmt: skip
EVERY: tuple[Order, ...] = (
    Register(record=App(bundle_id="b", team_id="t")),
    Revoke(key_id="K"),
    Install(device="x", bundle_id="b"),
    SetToken(device="x", bundle_id="b", type=PushType.voip, token="ab"),
    EndToken(**_TOKEN, state=TokenState.EXPIRED, at_ms=5),
    RotateToken(**_TOKEN),
    Uninstall(device="x", bundle_id="b"),
    Reinstall(device="x", bundle_id="b", new_tokens=True),
    SetCondition(device="x", words=("dnd", "locked")),
    EndCall(device="x", bundle_id="b", call_id="c", reason=EndedReason.FAILED),
    Kill(device="x", bundle_id="b"),
    Reset(device="x"),
    Reset(device=None),
    Subscribe(device="x", channel_id="dHN0+/=="),
    Unsubscribe(device="x", channel_id="dHN0"),
)


@pytest.mark.parametrize("order", EVERY, ids=lambda one: type(one).__name__)
def test_an_order_comes_back_from_its_text(order: Order) -> None:
    assert from_data(json.loads(json.dumps(to_data(order)))) == order


def test_every_order_was_tried() -> None:
    assert {type(one) for one in EVERY} == set(Order.__args__)


@pytest.mark.parametrize(
    "data",
    [
        {"order": "set-condition", "device": "x", "words": "dnd"},
        {"order": "set-condition", "device": "x", "words": [1]},
        {"order": "end-call", "device": "x", "bundle_id": "b", "call_id": "c", "reason": "no"},
        {"order": "end-call", "device": "x", "bundle_id": "b", "call_id": None, "reason": "failed"},
        {"order": "kill", "device": "x"},
        {"order": "reset"},
        {"order": "reset", "device": 7},
        {"order": "tick"},
    ],
)
def test_what_is_no_order_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        from_data(data)
