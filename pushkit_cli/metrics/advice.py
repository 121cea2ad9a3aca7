"""What Apple says some numbers mean. Pure.

Source: Apple, "Viewing the status of push notifications using Metrics and APNs". From where on a
number is worth a word is ours.
"""

from dataclasses import dataclass

from pushkit_cli.metrics.report import Report, Tally, change
from pushkit_cli.metrics.statuses import Family

_FAR_ABOVE = 3
_WORTH_A_WORD = 0.01
"""The share of what was received below which nothing is said."""
_A_RISE = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """One reading; `name` is for programs, `text` for people. The reading is Apple's."""

    name: str
    text: str


def advice(report: Report) -> tuple[Advice, ...]:
    """What the numbers of a delivery report tell, in Apple's reading."""
    return (*_dead_devices(report.now.total), *_switched_off(report))


def rise_of_disabled(report: Report) -> float | None:
    """By what share of itself the share of `Discarded - Disabled` grew."""
    before = None if report.before is None else report.before.total
    return change(_disabled(before), _disabled(report.now.total))


def _dead_devices(total: Tally) -> tuple[Advice, ...]:
    offline = total.causes(Family.stored).get("device offline", 0)
    if offline < _FAR_ABOVE * max(total.from_storage, 1) or not _is_much(total, offline):
        return ()
    text = (
        f"{offline:,} were stored because a device was offline, and {total.from_storage:,} came "
        "out of storage: many of these devices are not used any more"
    )
    return (Advice(name="dead-devices", text=text),)


def _switched_off(report: Report) -> tuple[Advice, ...]:
    total = report.now.total
    count, rise = total.causes(Family.discarded).get("disabled", 0), rise_of_disabled(report)
    if rise is None or rise < _A_RISE or not _is_much(total, count):
        return ()
    text = f"disabled rose by {rise:.0%}: more people than before switch notifications off"
    return (Advice(name="switched-off", text=text),)


def _is_much(total: Tally, count: int) -> bool:
    return (total.share(count) or 0.0) >= _WORTH_A_WORD


def _disabled(total: Tally | None) -> float | None:
    if total is None:
        return None
    return total.share(total.causes(Family.discarded).get("disabled", 0))
