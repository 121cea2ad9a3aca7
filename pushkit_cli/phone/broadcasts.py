"""What is told of channels and broadcasts on a device. Pure.

Source: Apple, "Setting up broadcast push notifications" and "Starting and updating Live Activities
with ActivityKit push notifications".
"""

from dataclasses import replace

from pushkit_cli.apns.facts import Basis
from pushkit_cli.phone.events import DeviceEvent, Happening
from pushkit_cli.phone.storage import Obstacle


def subscribed(of: DeviceEvent) -> DeviceEvent:
    """A device hears of a channel from now on."""
    return replace(of, event=Happening.SUBSCRIBED, detail=f"subscribed to {of.channel}")


def unsubscribed(of: DeviceEvent, why: str) -> DeviceEvent:
    """A device hears of a channel no more; that it is so at once is ours."""
    return replace(
        of,
        event=Happening.UNSUBSCRIBED,
        reason=why,
        detail=f"unsubscribed from {of.channel}: {why}",
        basis=Basis.OURS,
    )


def no_such_channel(of: DeviceEvent) -> DeviceEvent:
    """A push started a Live Activity on a channel that is none; what a device does then is ours."""
    return replace(
        of,
        event=Happening.WARNING,
        reason="unknown-channel",
        detail=f"aps.input-push-channel names {of.channel}, and {of.app} has no such channel here",
        basis=Basis.OURS,
    )


def stored(of: DeviceEvent, why: Obstacle) -> DeviceEvent:
    """A channel keeps its most recent message for a device that is away."""
    return replace(
        of,
        event=Happening.STORED,
        reason=why.value,
        detail="kept by its channel as the most recent message",
    )


def overwritten(of: DeviceEvent) -> DeviceEvent:
    """A message that a device missed is not the most recent one any more."""
    return replace(
        of,
        event=Happening.OVERWRITTEN,
        reason="channel",
        detail="a channel keeps its most recent message alone, and there is a later one",
    )


def missed(of: DeviceEvent, why: Obstacle) -> DeviceEvent:
    """A device is away, and nothing is kept for it."""
    return replace(
        of,
        event=Happening.DISCARDED,
        reason=why.value,
        detail="nothing of it is stored: it came with expiration 0, or it had expired",
    )


def expired(of: DeviceEvent) -> DeviceEvent:
    """A device comes back too late for what its channel kept."""
    return replace(
        of,
        event=Happening.DISCARDED,
        reason="expired",
        detail="its channel kept it no longer than this (eight hours at most)",
    )
