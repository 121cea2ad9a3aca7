"""What is told of a push that an app was busy with, or should have been. Pure."""

from dataclasses import replace

from pushkit_cli.apns.facts import Basis
from pushkit_cli.apns.push import PushType
from pushkit_cli.emulator.moves import EndApp, EndCall, Inject
from pushkit_cli.emulator.state import Handling
from pushkit_cli.phone.app_state import AppState
from pushkit_cli.phone.events import DeviceEvent, Happening


def about(handling: Handling) -> DeviceEvent:
    """A handling as the start of an event about it."""
    return DeviceEvent(
        event=Happening.DELIVERED,
        push_id=handling.push_id,
        device=handling.device,
        app=handling.bundle_id,
        type=handling.type,
        apns_id=handling.apns_id,
        call_id=handling.call_id,
    )


def about_injected(event: Inject) -> DeviceEvent:
    """A payload that no push carried as the start of an event about it."""
    return DeviceEvent(
        event=Happening.DELIVERED,
        push_id=None,
        device=event.device,
        app=event.bundle_id,
        type=PushType.voip,
    )


def end(app: AppState) -> EndApp:
    """What ends the process of an app."""
    return EndApp(device=app.device, bundle_id=app.bundle_id, environment=app.environment)


def about_call(order: EndCall) -> DeviceEvent:
    """A call as the start of an event about it."""
    return DeviceEvent(
        event=Happening.CALL_ENDED,
        push_id=None,
        device=order.device,
        app=order.bundle_id,
        type=PushType.voip,
        call_id=order.call_id,
    )


def interrupted(handling: Handling) -> DeviceEvent:
    """The listener ended in the middle; a push is handed to an app once at most."""
    return replace(
        about(handling),
        event=Happening.WARNING,
        reason="interrupted",
        detail="the listener ended before the app returned",
    )


def queue_full(of: DeviceEvent, size: int) -> DeviceEvent:
    """An app's queue holds no more."""
    return replace(
        of,
        event=Happening.DISCARDED,
        reason="queue-full",
        detail=f"{size} pushes wait for {of.app} already (ours)",
        basis=Basis.OURS,
    )


def no_completion(handling: Handling) -> DeviceEvent:
    """The app returned without saying that it was done (DTS: no part of the kill logic)."""
    return replace(
        about(handling),
        event=Happening.WARNING,
        reason="no-completion",
        detail="the completion handler was never called; nobody is killed for that",
        basis=Basis.OBSERVED,
    )


def died_with_it(handling: Handling) -> DeviceEvent:
    """A push that its app never got round to."""
    return replace(
        about(handling),
        event=Happening.DISCARDED,
        reason="app-terminated",
        detail=f"{handling.bundle_id} was ended before it had handled this push",
        basis=Basis.OURS,
    )
