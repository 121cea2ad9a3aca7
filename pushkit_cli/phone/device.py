"""What a device does with a push it receives, per push type. Pure."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pushkit_cli.apns import activity
from pushkit_cli.apns.facts import Basis
from pushkit_cli.apns.push import PushType
from pushkit_cli.phone import availability, calls, extension
from pushkit_cli.phone.app_state import AppState
from pushkit_cli.phone.condition import Condition, Lock
from pushkit_cli.phone.display import shown
from pushkit_cli.phone.events import DeviceEvent, Happening
from pushkit_cli.phone.policy import DevicePolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Who receives: the device, its app, and the moment.

    `platform` and `os`, its version, are the system; `day` counts from 1970 in UTC; `age_s` is how
    many seconds ago the push was sent; `ringing` are the calls that the app has reported and not
    ended, `in_hand` those of the pushes that it has not answered yet.
    """

    os: str
    platform: str = "ios"
    condition: Condition
    app: AppState
    day: int = 0
    age_s: float = 0.0
    ringing: Collection[str] = ()
    in_hand: Collection[str | None] = ()
    policy: DevicePolicy = field(default_factory=DevicePolicy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """The outcome of one delivery: what happened, and whether the app is called.

    `app` is what the app is from now on. `kill_after_s` is how long it has to report a call, in
    seconds; `None`: it has no duty. `must_report` is what iOS 26.4 tells a VoIP app; `None`: there
    is no such method, or no call. `channel` is what a Live Activity that started is to hear of.
    `found` is a call that came as something else, to be handed over
    as a VoIP push.
    """

    events: tuple[DeviceEvent, ...]
    app: AppState
    calls_app: bool = False
    kill_after_s: float | None = None
    must_report: bool | None = None
    found: dict[str, Any] | None = None
    channel: str | None = None


def deliver(of: DeviceEvent, payload: Any, to: Receiver) -> Delivery:
    """Hand one push to a device; `of` names the push, its type, the device and the app."""
    if not to.app.desires(of.type):
        return Delivery(events=(_not_registered(of),), app=to.app)
    delivered = replace(of, event=Happening.DELIVERED)
    return _KINDS.get(of.type, _shown)(delivered, payload, to)


def _voip(of: DeviceEvent, payload: Any, to: Receiver) -> Delivery:
    of = replace(of, call_id=calls.call_id(payload, to.policy))
    if calls.is_stopped(to.app, to.policy):
        return Delivery(events=(calls.withheld(of),), app=to.app)
    has_metadata = availability.has_voip_metadata(to.os)
    insists = calls.must_report(
        to.condition, age_s=to.age_s, has_metadata=has_metadata, policy=to.policy
    )
    woken = _woken(of, to)
    return replace(
        woken,
        events=(*woken.events, *_noticed(of, payload, to)),
        calls_app=True,
        kill_after_s=calls.REPORT_WITHIN_S if insists else None,
        must_report=insists if has_metadata else None,
    )


def _noticed(of: DeviceEvent, payload: Any, to: Receiver) -> tuple[DeviceEvent, ...]:
    """What a developer would want to know of a VoIP push that is no plain call."""
    warning = replace(of, event=Happening.WARNING, basis=Basis.DOCUMENTED)
    cancel = to.policy.cancel is not None and to.policy.cancel.holds(payload)
    if cancel:
        return (
            replace(
                warning,
                reason="cancel-push",
                detail="a VoIP push that cancels a call has to be reported as a call itself: signal"
                " over the app's own connection instead",
            ),
        )
    if of.call_id is not None and (of.call_id in to.ringing or of.call_id in to.in_hand):
        first = "was reported already" if of.call_id in to.ringing else "the app has in hand"
        return (
            replace(
                warning,
                reason="duplicate-call",
                detail=f"another push for call {of.call_id}, which {first}; this one"
                " has to be reported too",
            ),
        )
    return ()


def _complication(of: DeviceEvent, payload: Any, to: Receiver) -> Delivery:
    """Documented: only on the current watch face, and fifty a day. The day's end, UTC, is ours."""
    del payload
    used = to.app.complications if to.app.day == to.day else 0
    reason = None
    if not to.condition.on_face:
        reason, detail = "not-on-face", "the complication is not on the current watch face"
    elif used >= to.policy.complications:
        reason, detail = "budget", f"{used} complication pushes were delivered today"
    if reason is not None:
        dropped = replace(of, event=Happening.DISCARDED, reason=reason, detail=detail)
        return Delivery(events=(dropped,), app=to.app)
    woken = _woken(of, to)
    app = replace(woken.app, day=to.day, complications=used + 1)
    return replace(woken, app=app, calls_app=True)


def _background(of: DeviceEvent, payload: Any, to: Receiver) -> Delivery:
    del payload
    return _woken(of, to)


def _file_provider(of: DeviceEvent, payload: Any, to: Receiver) -> Delivery:
    """The system, not the app, is told; that the delegate hears nothing is the later of two texts.

    Source: Apple, "Using push notifications to signal changes".
    """
    body = payload if isinstance(payload, dict) else {}
    container, domain = body.get("container-identifier"), body.get("domain")
    if not isinstance(container, str) or not isinstance(domain, str):
        told = replace(
            of,
            event=Happening.WARNING,
            reason="bad-body",
            detail="without container-identifier and domain no enumerator is signalled",
        )
    else:
        told = replace(
            of,
            event=Happening.SIGNAL_ENUMERATOR,
            reason=container,
            detail=f"enumerator signalled: {container} in domain {domain}",
        )
    return Delivery(events=(of, told), app=to.app)


def _not_registered(of: DeviceEvent) -> DeviceEvent:
    return replace(
        of,
        event=Happening.DISCARDED,
        reason="not-registered",
        detail=f"{of.app} has a push registry, and does not desire {of.type}; that APNs answers 200"
        " is ours",
        basis=Basis.OURS,
    )


def _alert(of: DeviceEvent, payload: Any, to: Receiver) -> Delivery:
    """Shown, unless a service extension finds a call in it."""
    call = extension.call_in(payload, to.policy)
    if call is None:
        return _shown(of, payload, to)
    if extension.runs(payload):
        return Delivery(events=(extension.reported(of),), app=to.app, found=call)
    shown = _shown(of, payload, to)
    return replace(shown, events=(*shown.events, extension.idle(of)))


def _live_activity(of: DeviceEvent, payload: Any, to: Receiver) -> Delivery:
    """Documented: one that names a channel is not started before iOS 18."""
    channel = activity.channel_of(payload)
    shown = _shown(of, payload, to)
    if channel is None or availability.has_broadcasts(to.platform, to.os):
        return replace(shown, channel=channel)
    unable = replace(
        of,
        event=Happening.DISCARDED,
        reason="no-channels",
        detail=f"{to.platform} {to.os} starts no Live Activity whose body has input-push-channel",
    )
    return Delivery(events=(unable,), app=to.app)


def _shown(of: DeviceEvent, payload: Any, to: Receiver) -> Delivery:
    """Everything that needs no app: what appears on the screen, if anything does."""
    text = shown(of.type, payload)
    seen = () if text is None else (replace(of, event=Happening.DISPLAYED, detail=text),)
    return Delivery(events=(of, *seen), app=to.app)


CALLS_APP = frozenset({PushType.voip, PushType.complication})
"""The types that PushKit hands to an app; of the rest the system takes care."""

_KINDS: Mapping[PushType, Callable[[DeviceEvent, Any, Receiver], Delivery]] = {
    PushType.alert: _alert,
    PushType.voip: _voip,
    PushType.complication: _complication,
    PushType.fileprovider: _file_provider,
    PushType.background: _background,
    PushType.liveactivity: _live_activity,
    PushType.pushtotalk: _background,
}


def _woken(of: DeviceEvent, to: Receiver) -> Delivery:
    """The app is launched where it is not running, and the push is there."""
    if to.app.running:
        return Delivery(events=(of,), app=to.app)
    launched = replace(of, event=Happening.LAUNCHED, detail="app launched in background")
    if to.condition.lock is Lock.BEFORE_FIRST_UNLOCK:  # DTS, forum thread 784473
        detail = f"{launched.detail} before the first unlock: it can read nothing that is protected"
        launched = replace(launched, detail=detail, basis=Basis.OBSERVED)
    return Delivery(events=(launched, of), app=replace(to.app, running=True))
