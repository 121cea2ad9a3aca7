"""The numbers and choices of a device that Apple does not publish: ours, each a switch. Pure."""

from dataclasses import dataclass

from pushkit_cli.phone.paths import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class DevicePolicy:
    """What no source states.

    `strikes`: failures after which VoIP pushes are no longer handed to an app. `forgive`: a
    reported call takes the strikes back. `stale_after_s`: age of a push, in seconds, from which
    iOS 26.4 does not insist on a report. `ring_s` is how long, in seconds, a reported call exists
    that nobody ends. `complications` are those a day. `call_id` is where a body names its call;
    `cancel` what makes a body a cancel; `via_nse` where an alert holds the call that a
    notification service extension would decrypt.
    """

    strikes: int = 3
    forgive: bool = False
    stale_after_s: float = 30.0
    ring_s: float = 60.0
    complications: int = 50
    call_id: Place | None = None
    cancel: Place | None = None
    via_nse: Place | None = None
