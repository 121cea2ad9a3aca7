"""The whole behaviour of a device in one table, in the order in which a phone is explained.

Each row is one situation, from the push to the last thing that happens; the other tables go deeper.
"""

import pytest

from pushkit_cli.apns.push import PushType
from pushkit_cli.emulator.moves import AppReported, Reinstall, Tick
from pushkit_cli.phone.calls import Report
from tests.emulator.play import WOKEN, Play, Row
from tests.emulator.stage import Stage
from tests.emulator.storage_rows import ABSENT, FILES, LOW, ONCE, at
from tests.law import BUNDLE, KeyPair

REINSTALL = Reinstall(device="iphone", bundle_id=BUNDLE)

ROWS = (
    Row(
        name="terminated, voip, online: launched, then the delegate, which must report",
        play=lambda it: it.push(),
        happens=WOKEN,
    ),
    Row(
        name="the call is reported before the return",
        play=lambda it: (
            it.push().do(AppReported(handling=it.calls[-1], report=Report()), after=1).returns()
        ),
        happens=[*WOKEN, "call-reported"],
    ),
    Row(
        name="returned, and nothing was reported",
        play=lambda it: it.push().returns(),
        happens=[*WOKEN, "terminated"],
        reason="NSInternalInconsistencyException",
    ),
    Row(
        name="never returned for seven seconds",
        play=lambda it: it.push().do(Tick(), after=7),
        happens=[*WOKEN, "terminated"],
        reason="0xBAADCA11",
    ),
    Row(
        name="three strikes: dropped, though the sender is answered 200",
        play=lambda it: it.fails().fails().fails().push(),
        happens=[*[*WOKEN, "terminated"] * 3, "voip-stopped", "discarded"],
        reason="voip-stopped",
    ),
    Row(
        name="until the app is reinstalled",
        play=lambda it: it.fails().fails().fails().do(REINSTALL).push(),
        happens=[*[*WOKEN, "terminated"] * 3, "voip-stopped", *WOKEN],
    ),
    Row(
        name="in the foreground: delivered, and no report is insisted on",
        play=lambda it: it.is_so("foreground").push().returns(),
        happens=WOKEN,
        must_report=False,
    ),
    Row(
        name="in a call: delivered, and no report is insisted on",
        play=lambda it: it.is_so("in-call").push().returns(),
        happens=WOKEN,
        must_report=False,
    ),
    Row(
        name="offline, expiration 0: lost",
        play=lambda it: it.is_so("offline").push(headers=ONCE).is_so("online", after=31),
        happens=["deferred", "discarded"],
        reason="expired",
    ),
    Row(
        name="offline, expiration 0: late, where it is back within the window (ours)",
        play=lambda it: it.is_so("offline").push(headers=ONCE).is_so("online", after=29),
        happens=["deferred", *WOKEN],
        reason="from-storage",
    ),
    Row(
        name="offline, a date or none: one slot, and delivered from storage",
        play=lambda it: (
            it.is_so("offline").push(headers=at(60)).push(headers=ABSENT).is_so("online", after=600)
        ),
        happens=["stored", "stored", "overwritten", *WOKEN, "warning"],
        reason="ghost-call",
        must_report=False,  # ten minutes old: from 26.4 on nobody insists
    ),
    Row(
        name="offline, a date: expired",
        play=lambda it: it.is_so("offline").push(headers=at(60)).is_so("online", after=60),
        happens=["stored", "discarded"],
        reason="expired",
    ),
    Row(
        name="saving power, priority 5",
        play=lambda it: it.is_so("power-saving").push(headers=LOW),
        happens=["deferred"],
        reason="power",
    ),
    Row(
        name="saving power, priority 1",
        play=lambda it: it.is_so("power-saving").push(headers={**LOW, "apns_priority": "1"}),
        happens=["deferred"],
        reason="power",
    ),
    Row(
        name="a complication that is not on the face",
        play=lambda it: it.is_so("off-face", device="watch").push("complication"),
        happens=["discarded"],
        reason="not-on-face",
    ),
    Row(
        name="more than fifty complication pushes a day",
        play=lambda it: [it.push("complication") for _ in range(51)][-1],
        happens=["launched", *["delivered"] * 50, "discarded"],
        reason="budget",
    ),
    Row(
        name="files have changed: no callback of the app",
        play=lambda it: it.push("fileprovider", FILES),
        happens=["delivered", "signal-enumerator"],
        reason="root",
    ),
    Row(
        name="a type that the app does not desire any more (that the sender hears 200 is ours)",
        play=lambda it: it.desires(PushType.complication).push(),
        happens=["discarded"],
        reason="not-registered",
    ),
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_what_a_device_does(keys: KeyPair, row: Row) -> None:
    play = Play(Stage(keys).set_up())
    row.play(play)
    assert play.said == row.happens
    assert row.reason is None or play.reasons[-1] == row.reason
    insisted = {one for one in play.must_report if one is not None}
    assert not insisted or insisted == {row.must_report}


def test_from_which_age_on_nobody_insists(keys: KeyPair) -> None:
    """From iOS 26.4 on, and more than thirty seconds (ours); an older one insists on any call."""
    for seconds, insists in ((30, True), (30.5, False)):
        play = Play(Stage(keys).set_up())
        play.is_so("offline").push(headers=ABSENT).is_so("online", after=seconds)
        assert play.must_report == [insists]
        play.returns()
        assert ("terminated" in play.said) is insists
