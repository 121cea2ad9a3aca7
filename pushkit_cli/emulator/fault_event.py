"""The `fault` event: what was done on purpose, by which rule. Pure value."""

from dataclasses import dataclass

from pushkit_cli.apns.facts import Basis
from pushkit_cli.phone.events import Happening


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultEvent:
    """One fault: the keys of a DeviceEvent, and more.

    `rule` is the fault's name, `number` its place in `pushkit fault list`. `reason` is what it did.
    `delivered`: the push was taken, and went on to its device, whatever its sender heard of it.
    """

    event: Happening = Happening.FAULT
    push_id: str | None = None
    device: str | None = None
    app: str | None = None
    type: str | None = None
    apns_id: str | None = None
    call_id: None = None
    reason: str
    detail: str
    basis: Basis = Basis.OURS
    token: str | None = None
    channel: str | None = None
    rule: str
    number: int
    connection: int | None = None
    delivered: bool = False
