"""What a device does with a push it receives, per push type. Pure.

A device here is online, unlocked and at full power, and its watch faces hold every complication.
"""

from dataclasses import dataclass, replace
from typing import Any

from pushkit_cli.apns.push import Push, PushType
from pushkit_cli.phone.calls import REPORT_WITHIN_S, call_id
from pushkit_cli.phone.events import DeviceEvent, Happening


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """The outcome of one delivery: what happened, and whether the app is called.

    `kill_after_s` is how long the app has to report a call, in seconds; `None`: it has no duty.
    """

    events: tuple[DeviceEvent, ...]
    calls_app: bool = False
    kill_after_s: float | None = None


def deliver(of: DeviceEvent, push: Push, payload: Any, *, running: bool) -> Delivery:
    """Hand one push to a device; `of` names the push, device and app, `running` is the app's."""
    delivered = replace(of, event=Happening.DELIVERED)
    match push.push_type or of.type:
        case PushType.voip:
            delivered = replace(delivered, call_id=call_id(payload))
            awake = () if running else (_launched(delivered),)
            return Delivery(
                events=(*awake, delivered), calls_app=True, kill_after_s=REPORT_WITHIN_S
            )
        case PushType.complication:
            awake = () if running else (_launched(delivered),)
            return Delivery(events=(*awake, delivered), calls_app=True)
        case PushType.fileprovider:
            return Delivery(events=(delivered, _signal(delivered, payload)))
        case PushType.alert:
            return Delivery(events=(delivered, *_displayed(delivered, payload)))
    return Delivery(events=(delivered,))


def _launched(of: DeviceEvent) -> DeviceEvent:
    return replace(of, event=Happening.LAUNCHED, detail="app launched in background")


def _signal(of: DeviceEvent, payload: Any) -> DeviceEvent:
    """The system, not the app, is told; that the delegate hears nothing is the later of two texts.

    Source: Apple, "Using push notifications to signal changes".
    """
    body = payload if isinstance(payload, dict) else {}
    container, domain = body.get("container-identifier"), body.get("domain")
    if not isinstance(container, str) or not isinstance(domain, str):
        return replace(
            of,
            event=Happening.WARNING,
            reason="bad-body",
            detail="without container-identifier and domain no enumerator is signalled",
        )
    return replace(
        of,
        event=Happening.SIGNAL_ENUMERATOR,
        reason=container,
        detail=f"enumerator signalled: {container} in domain {domain}",
    )


def _displayed(of: DeviceEvent, payload: Any) -> tuple[DeviceEvent, ...]:
    aps = payload.get("aps") if isinstance(payload, dict) else None
    alert = aps.get("alert") if isinstance(aps, dict) else None
    if isinstance(alert, dict):
        parts = [alert[key] for key in ("title", "body") if isinstance(alert.get(key), str)]
        alert = ": ".join(parts)
    if not isinstance(alert, str) or not alert:
        return ()
    return (replace(of, event=Happening.DISPLAYED, detail=f"shown: {alert}"),)
