"""The notification service extension of an encrypted messenger: a call that came as an alert. Pure.

Source: Apple, "Sending end-to-end encrypted VoIP calls"; when an extension runs is said in
"Modifying content in newly delivered notifications". Nothing is decrypted here: a place in the body
stands for what an extension would find (ours).
"""

from dataclasses import replace
from typing import Any

from pushkit_cli.apns.facts import Basis
from pushkit_cli.phone.events import DeviceEvent, Happening
from pushkit_cli.phone.policy import DevicePolicy


def call_in(payload: Any, policy: DevicePolicy) -> dict[str, Any] | None:
    """The call that an extension would find in an alert, as it would hand it to the app."""
    found = None if policy.via_nse is None else policy.via_nse.find(payload)
    return found if isinstance(found, dict) else None


def runs(payload: Any) -> bool:
    """Whether the system starts an extension for an alert."""
    aps = payload.get("aps") if isinstance(payload, dict) else None
    return isinstance(aps, dict) and aps.get("mutable-content") == 1 and bool(aps.get("alert"))


def reported(of: DeviceEvent) -> DeviceEvent:
    """The alert is not shown: the extension reported the call in it."""
    return replace(
        of,
        event=Happening.DELIVERED,
        detail="the notification service extension found a call in it, and nothing is shown",
        basis=Basis.OURS,
    )


def idle(of: DeviceEvent) -> DeviceEvent:
    """No extension looks at the alert, and the call in it rings for nobody."""
    return replace(
        of,
        event=Happening.WARNING,
        reason="no-extension",
        detail="a call is in this alert, and no service extension is started for it: that needs"
        " aps.mutable-content 1 and an aps.alert",
        basis=Basis.DOCUMENTED,
    )
