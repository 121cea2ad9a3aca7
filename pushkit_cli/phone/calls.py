"""The duty to report a call: what iOS does to an app that received a VoIP push. Pure.

Source: Apple, "Responding to VoIP Notifications from PushKit", and DTS in forum thread 817976:
PushKit looks when the delegate method returns, and the call service looks again some seconds
after delivery. The words of both terminations are those a developer meets in the crash log.
"""

from dataclasses import replace
from typing import Any

from pushkit_cli.apns.facts import Basis
from pushkit_cli.apns.payload import CALL_ID_KEYS
from pushkit_cli.phone.events import DeviceEvent, Happening

REPORT_WITHIN_S = 7.0
"""Seconds from delivery to the second check (DTS: "about 7")."""


def call_id(payload: Any) -> str | None:
    """The call a VoIP body is about: the first key of CALL_ID_KEYS that holds text."""
    if not isinstance(payload, dict):
        return None
    found = (payload[key] for key in CALL_ID_KEYS if isinstance(payload.get(key), str))
    return next(found, None)


def caller(payload: Any) -> str | None:
    """Who calls, where the body says so the way Apple's sample does."""
    handle = payload.get("handle") if isinstance(payload, dict) else None
    return handle if isinstance(handle, str) else None


def reported(of: DeviceEvent, *, after_s: float, handle: str | None) -> DeviceEvent:
    """The app reported the call in time."""
    who = "" if handle is None else f" from {handle}"
    return replace(
        of,
        event=Happening.CALL_REPORTED,
        detail=f"call{who} reported in {after_s * 1000:.0f} ms",
    )


def returned_without_report(of: DeviceEvent) -> DeviceEvent:
    """The delegate method returned and no call was reported: the first check kills the app."""
    return replace(
        of,
        event=Happening.TERMINATED,
        reason="NSInternalInconsistencyException",
        detail="the app returned and never posted an incoming call to the system",
    )


def overdue(of: DeviceEvent) -> DeviceEvent:
    """Nothing was reported about seven seconds after delivery: the second check kills the app."""
    return replace(
        of,
        event=Happening.TERMINATED,
        reason="0xBAADCA11",
        detail=f"no call was reported within {REPORT_WITHIN_S:.0f} s of delivery",
        basis=Basis.OBSERVED,
    )
