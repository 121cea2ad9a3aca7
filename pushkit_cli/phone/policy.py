"""The numbers and choices of a device that Apple does not publish: ours, each a switch. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from pushkit_cli.phone.paths import Place


class Slot(StrEnum):
    """What APNs keeps one push for: Apple's text says each of these somewhere."""

    TOKEN = "token"  # noqa: S105 (a kind of place)
    BUNDLE = "bundle"


@dataclass(frozen=True, slots=True, kw_only=True)
class DevicePolicy:
    """What no source states.

    `strikes`: failures after which VoIP pushes are no longer handed to an app. `forgive`: a
    reported call takes the strikes back. `stale_after_s`: age of a push, in seconds, from which
    iOS 26.4 does not insist on a report. `attempt_window_s` is how long, in seconds, a push with
    expiration 0 is tried; `slot` what one stored push is kept for; `store_chaos` a seed that draws
    which of two survives, and the order of arrival. `ring_s` is how long, in seconds, a reported
    call exists that nobody ends. `complications` are those a day. `call_id` is where a body names
    its call; `cancel` what makes a body a cancel; `via_nse` where an alert holds the call that a
    notification service extension would decrypt.
    """

    strikes: int = 3
    forgive: bool = False
    stale_after_s: float = 30.0
    attempt_window_s: float = 30.0
    slot: Slot = Slot.TOKEN
    store_chaos: int | None = None
    ring_s: float = 60.0
    complications: int = 50
    call_id: Place | None = None
    cancel: Place | None = None
    via_nse: Place | None = None
