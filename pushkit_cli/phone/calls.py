"""The duty to report a call: what iOS does to an app that received a VoIP push. Pure.

Source: Apple, "Responding to VoIP Notifications from PushKit", and DTS in forum threads 817976 and
781211: PushKit looks when the delegate method returns, and the call service looks again some
seconds after delivery. The words of both terminations are those a developer meets in the crash log.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from pushkit_cli.apns.facts import Basis
from pushkit_cli.apns.payload import CALL_ID_KEYS
from pushkit_cli.phone.app_state import AppState
from pushkit_cli.phone.condition import Condition
from pushkit_cli.phone.events import DeviceEvent, Happening
from pushkit_cli.phone.policy import DevicePolicy

REPORT_WITHIN_S = 7.0
"""Seconds from delivery to the second check (DTS: "about 7")."""


class IncomingCallError(StrEnum):
    """`CXErrorCodeIncomingCallError`: why a report is refused; codes 0 to 7 in this order."""

    UNKNOWN = "unknown"
    UNENTITLED = "unentitled"
    CALL_UUID_ALREADY_EXISTS = "callUUIDAlreadyExists"
    FILTERED_BY_DO_NOT_DISTURB = "filteredByDoNotDisturb"
    FILTERED_BY_BLOCK_LIST = "filteredByBlockList"
    FILTERED_DURING_RESTRICTED_SHARING_MODE = "filteredDuringRestrictedSharingMode"
    CALL_IS_PROTECTED = "callIsProtected"
    FILTERED_BY_SENSITIVE_PARTICIPANTS = "filteredBySensitiveParticipants"


class EndedReason(StrEnum):
    """`CXCallEndedReason`: why a call is over; codes 1 to 5 in this order."""

    FAILED = "failed"
    REMOTE_ENDED = "remoteEnded"
    UNANSWERED = "unanswered"
    ANSWERED_ELSEWHERE = "answeredElsewhere"
    DECLINED_ELSEWHERE = "declinedElsewhere"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What an app told the system about a call. `call_id` `None`: the one its push names.

    `handle` is who calls; `None`: whom its push names. `refused`: the app says that the system
    refused it. `ended`: it ended the call right after.
    """

    call_id: str | None = None
    handle: str | None = None
    refused: IncomingCallError | None = None
    ended: EndedReason | None = None


def call_id(payload: Any, policy: DevicePolicy | None = None) -> str | None:
    """The call a VoIP body is about: where the policy says, else the first of CALL_ID_KEYS."""
    if policy is not None and policy.call_id is not None:
        named = policy.call_id.find(payload)
        return named if isinstance(named, str) else None
    if not isinstance(payload, dict):
        return None
    found = (payload[key] for key in CALL_ID_KEYS if isinstance(payload.get(key), str))
    return next(found, None)


def caller(payload: Any) -> str | None:
    """Who calls, where the body says so the way Apple's sample does."""
    handle = payload.get("handle") if isinstance(payload, dict) else None
    return handle if isinstance(handle, str) else None


def must_report(
    condition: Condition, *, age_s: float, has_metadata: bool, policy: DevicePolicy
) -> bool:
    """Whether iOS insists on a report: `mustReport` of 26.4, and the rule of thumb before it.

    Documented exemptions: foreground, an active call and, from 26.4, a push that is long under way.
    """
    if condition.foreground or condition.in_call:
        return False
    return not (has_metadata and age_s > policy.stale_after_s)


def is_stopped(app: AppState, policy: DevicePolicy) -> bool:
    """Whether the system has stopped handing VoIP pushes to an app; the number is ours."""
    return app.strikes >= policy.strikes


def stopped(of: DeviceEvent, policy: DevicePolicy) -> DeviceEvent:
    """The last strike: from now on nothing arrives."""
    return replace(
        of,
        event=Happening.VOIP_STOPPED,
        reason="too-many-failures",
        detail=f"no VoIP push is handed to {of.app} any more after {policy.strikes} failures (the "
        "number is ours): APNs answers 200 all the same, reinstalling the app clears it",
        basis=Basis.OURS,
    )


def withheld(of: DeviceEvent) -> DeviceEvent:
    """A push that the device drops because delivery has stopped."""
    return replace(
        of,
        event=Happening.DISCARDED,
        reason="voip-stopped",
        detail=f"not handed to {of.app}: it failed to report calls too often",
        basis=Basis.OURS,
    )


def judged(
    report: Report, of: DeviceEvent, *, condition: Condition, ringing: Collection[str]
) -> IncomingCallError | None:
    """What the system says to a report; `None`: the call rings. Both count as reported (ours)."""
    if report.refused is not None:
        return report.refused
    if condition.do_not_disturb:
        return IncomingCallError.FILTERED_BY_DO_NOT_DISTURB
    if (report.call_id or of.call_id) in ringing:
        return IncomingCallError.CALL_UUID_ALREADY_EXISTS
    return None


def reported(of: DeviceEvent, *, after_s: float, handle: str | None) -> DeviceEvent:
    """The app reported the call in time."""
    who = "" if handle is None else f" from {handle}"
    return replace(
        of,
        event=Happening.CALL_REPORTED,
        detail=f"call{who} reported in {after_s * 1000:.0f} ms",
    )


def refused(of: DeviceEvent, error: IncomingCallError) -> DeviceEvent:
    """The app reported the call and the system refused it; that this counts is ours."""
    return replace(
        of,
        event=Happening.CALL_REFUSED,
        reason=error.value,
        detail=f"the report was refused: {error.value}; it counts as reported",
        basis=Basis.OURS,
    )


def ended(of: DeviceEvent, reason: EndedReason) -> DeviceEvent:
    """A call is over."""
    return replace(
        of, event=Happening.CALL_ENDED, reason=reason.value, detail=f"call ended: {reason.value}"
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


def crashed(of: DeviceEvent, how: str) -> DeviceEvent:
    """The app ended by itself in the middle; repeated crashes count as failures (observed)."""
    return replace(
        of,
        event=Happening.TERMINATED,
        reason="crashed",
        detail=f"the app crashed: {how}",
        basis=Basis.OBSERVED,
    )


def with_strike(of: DeviceEvent, app: AppState, policy: DevicePolicy) -> DeviceEvent:
    """A termination with its count."""
    count = f"strike {app.strikes} of {policy.strikes}, the limit is ours"
    return replace(of, detail=f"{of.detail} ({count})")
