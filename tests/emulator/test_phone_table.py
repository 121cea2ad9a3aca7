"""What a device does, row by row, with the time in our hands: pushes, the app, and what came of it.

The rows are those of a phone that Apple's documents and engineers describe; what is ours says so.
"""

import json

import pytest

from pushkit_cli.apns.facts import Basis
from pushkit_cli.apns.push import PushType
from pushkit_cli.emulator.apps import QUEUE
from pushkit_cli.emulator.moves import (
    AppCrashed,
    AppReported,
    AppReturned,
    Connected,
    EndCall,
    Kill,
    Reinstall,
    Reset,
    SetCondition,
    Started,
    Tick,
)
from pushkit_cli.phone.calls import EndedReason, IncomingCallError, Report
from pushkit_cli.phone.condition import Lock
from pushkit_cli.phone.paths import Place
from pushkit_cli.phone.policy import DevicePolicy
from tests.emulator.play import WOKEN, Play, Row
from tests.emulator.stage import SANDBOX, Stage, called, happened
from tests.law import BUNDLE, KeyPair


@pytest.fixture
def phone(keys: KeyPair) -> Stage:
    return Stage(keys).set_up()


ROWS = (
    Row(
        name="a call reported before the return",
        play=lambda it: it.push().reports(),
        happens=[*WOKEN, "call-reported"],
    ),
    Row(
        name="returned without a report",
        play=lambda it: it.push().returns(),
        happens=[*WOKEN, "terminated"],
        reason="NSInternalInconsistencyException",
    ),
    Row(
        name="never returned for seven seconds",
        play=lambda it: it.push().do(Tick(), after=6.9).do(Tick(), after=0.1),
        happens=[*WOKEN, "terminated"],
        reason="0xBAADCA11",
    ),
    Row(
        name="reported in the middle, and returned much later",
        play=lambda it: (
            it.push()
            .do(AppReported(handling=it.calls[-1], report=Report()), after=1)
            .do(Tick(), after=20)
            .returns()
        ),
        happens=[*WOKEN, "call-reported"],
    ),
    Row(
        name="three failures, and then nothing arrives",
        play=lambda it: it.fails().fails().fails().push(),
        happens=[*[*WOKEN, "terminated"] * 3, "voip-stopped", "discarded"],
        reason="voip-stopped",
    ),
    Row(
        name="a success between does not take strikes back (ours)",
        play=lambda it: it.fails().fails().push().reports().fails().push(),
        happens=[
            *[*WOKEN, "terminated"] * 2,
            *WOKEN,
            "call-reported",
            "delivered",
            "terminated",
            "voip-stopped",
            "discarded",
        ],
        reason="voip-stopped",
    ),
    Row(
        name="reinstalling clears it",
        play=lambda it: (
            it.fails().fails().fails().do(Reinstall(device="iphone", bundle_id=BUNDLE)).push()
        ),
        happens=[*[*WOKEN, "terminated"] * 3, "voip-stopped", *WOKEN],
    ),
    Row(
        name="a device that is reset is as at its beginning",
        play=lambda it: (
            it.is_so("dnd").fails().fails().fails().push().do(Reset(device="iphone")).push()
        ),
        happens=[*[*WOKEN, "terminated"] * 3, "voip-stopped", "discarded", *WOKEN],
    ),
    Row(
        name="a reset ends what the app is busy with, and blames nobody",
        play=lambda it: it.push().do(Reset(device=None)).do(Tick(), after=9).push().reports(),
        happens=[*WOKEN, "discarded", *WOKEN, "call-reported"],
    ),
    Row(
        name="crashes count too",
        play=lambda it: [
            it.push().do(AppCrashed(handling=it.calls[-1], how="exit 1")) for _ in range(3)
        ][-1],
        happens=[*[*WOKEN, "terminated"] * 3, "voip-stopped"],
        reason="too-many-failures",
    ),
    Row(
        name="in the foreground nothing has to be reported",
        play=lambda it: it.is_so("foreground").push().returns().do(Tick(), after=9),
        happens=WOKEN,
        must_report=False,
    ),
    Row(
        name="in a call nothing has to be reported",
        play=lambda it: it.is_so("in-call").push().returns(),
        happens=WOKEN,
        must_report=False,
    ),
    Row(
        name="and the duty is back when the call is over",
        play=lambda it: it.is_so("in-call").is_so("idle").push().returns(),
        happens=[*WOKEN, "terminated"],
        reason="NSInternalInconsistencyException",
    ),
    Row(
        name="do not disturb refuses the report, which counts",
        play=lambda it: it.is_so("dnd").push().reports(),
        happens=[*WOKEN, "call-refused"],
        reason="filteredByDoNotDisturb",
    ),
    Row(
        name="the app says why its report was refused",
        play=lambda it: it.push().reports(refused=IncomingCallError.FILTERED_BY_BLOCK_LIST),
        happens=[*WOKEN, "call-refused"],
        reason="filteredByBlockList",
    ),
    Row(
        name="a second push for one call",
        play=lambda it: (
            it.push(body=b'{"uuid":"x"}').reports().push(body=b'{"uuid":"x"}').reports()
        ),
        happens=[*WOKEN, "call-reported", "delivered", "warning", "call-refused"],
        reason="callUUIDAlreadyExists",
    ),
    Row(
        name="a second push for a call that is over",
        play=lambda it: (
            it.push(body=b'{"uuid":"x"}')
            .reports(ended=EndedReason.REMOTE_ENDED)
            .push(body=b'{"uuid":"x"}')
            .reports()
        ),
        happens=[*WOKEN, "call-reported", "call-ended", "delivered", "call-reported"],
    ),
    Row(
        name="a call that nobody answers is over after a minute (ours)",
        play=lambda it: (
            it.push(body=b'{"uuid":"x"}').reports().push(body=b'{"uuid":"x"}', after=60).reports()
        ),
        happens=[*WOKEN, "call-reported", "delivered", "call-reported"],
    ),
    Row(
        name="a call that is ended from outside",
        play=lambda it: (
            it.push(body=b'{"uuid":"x"}')
            .reports()
            .do(EndCall(device="iphone", bundle_id=BUNDLE, call_id="x"))
            .do(EndCall(device="iphone", bundle_id=BUNDLE, call_id="x"))
        ),
        happens=[*WOKEN, "call-reported", "call-ended"],
        reason="remoteEnded",
    ),
    Row(
        name="a completion handler that is never called is a warning",
        play=lambda it: it.push().do(
            AppReturned(handling=it.calls[-1], report=Report(), completed=False)
        ),
        happens=[*WOKEN, "call-reported", "warning"],
        reason="no-completion",
    ),
    Row(
        name="an app that was swiped away is launched again",
        play=lambda it: it.push().reports().do(Kill(device="iphone", bundle_id=BUNDLE)).push(),
        happens=[*WOKEN, "call-reported", *WOKEN],
    ),
    Row(
        name="a complication on the face",
        play=lambda it: it.push("complication"),
        happens=WOKEN,
        must_report=None,
    ),
    Row(
        name="a complication that is not on the face",
        play=lambda it: it.is_so("off-face", device="watch").push("complication"),
        happens=["discarded"],
        reason="not-on-face",
    ),
    Row(
        name="fifty complications a day",
        play=lambda it: [it.push("complication") for _ in range(51)][-1],
        happens=[*WOKEN, *["delivered"] * 49, "discarded"],
        reason="budget",
        must_report=None,
    ),
    Row(
        name="and fifty more the next day",
        play=lambda it: [
            *(it.push("complication") for _ in range(50)),
            it.push("complication", after=86_400),
        ][-1],
        happens=[*WOKEN, *["delivered"] * 50],
        must_report=None,
    ),
    Row(
        name="a file provider is signalled and its app not called",
        play=lambda it: it.push("fileprovider", b'{"container-identifier":"r","domain":"d"}'),
        happens=["delivered", "signal-enumerator"],
        reason="r",
    ),
    Row(
        name="a type that no registry desires is not delivered (ours)",
        play=lambda it: it.push().reports().desires(PushType.complication).push(),
        happens=[*WOKEN, "call-reported", "discarded"],
        reason="not-registered",
    ),
    Row(
        name="and is again when one does",
        play=lambda it: it.desires().push().desires(PushType.voip).push().reports(),
        happens=["discarded", *WOKEN, "call-reported"],
    ),
    Row(
        name="types that are not PushKit's need no registry",
        play=lambda it: it.desires().push("alert", b'{"aps":{"alert":"hi"}}'),
        happens=["delivered", "displayed"],
    ),
    Row(
        name="another listener asks anew",
        play=lambda it: it.desires().do(Started()).push().reports(),
        happens=[*WOKEN, "call-reported"],
    ),
    Row(
        name="an app whose process ended is launched again",
        play=lambda it: it.push().reports().ends().push().reports(),
        happens=[*[*WOKEN, "call-reported"] * 2],
    ),
    Row(
        name="an end that a push has overtaken changes nothing",
        play=lambda it: it.push().ends().reports(),
        happens=[*WOKEN, "call-reported"],
    ),
    Row(
        name="a call found in a message is owed a report",
        play=lambda it: it.finds({"uuid": "x"}).returns().finds({"uuid": "x"}).reports(),
        happens=[*WOKEN, "terminated", *WOKEN, "call-reported"],
    ),
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_phone_does_what_the_table_says(phone: Stage, row: Row) -> None:
    play = row.play(Play(phone))
    assert play.said == row.happens
    if row.reason is not None:
        assert play.reasons[-1] == row.reason
    if play.must_report:
        assert play.must_report[-1] is row.must_report
    rebuilt = phone.rebuilt()
    assert rebuilt.state == phone.world.state
    assert rebuilt.deadline() == phone.world.deadline()


def test_before_26_4_an_app_is_told_nothing_of_the_duty_and_has_it(keys: KeyPair) -> None:
    phone = Stage(keys).set_up()
    old = {key: row.replace('"os": "26.4"', '"os": "26.3"') for key, row in phone.rows.items()}
    again = Stage(keys, rows=[(key, json.loads(row)) for key, row in old.items()])
    again.step(Connected(connection=1, environment=SANDBOX))
    play = Play(again).push().returns()
    assert play.must_report == [None]
    assert play.said == [*WOKEN, "terminated"]


def test_the_switches_of_a_phone(keys: KeyPair) -> None:
    policy = DevicePolicy(
        strikes=1,
        forgive=True,
        complications=1,
        call_id=Place(path=("meta", "call")),
        cancel=Place(path=("kind",), value="cancel"),
    )
    play = Play(Stage(keys, devices=policy).set_up())
    play.push(body=b'{"meta":{"call":"m1"},"kind":"cancel"}').reports()
    assert play.said == [*WOKEN, "warning", "call-reported"]
    assert play.reasons[2] == "cancel-push"
    play.said.clear()
    play.push("complication").push("complication")
    assert play.said == [*WOKEN, "discarded"]
    play.said.clear()
    play.fails()
    assert play.said == ["delivered", "terminated", "voip-stopped"]


_CALL = '"call":{"callUUID":"c9","handle":"+15550100"}'
_WORDS = '"alert":{"title":"Alice"}'


@pytest.mark.parametrize(
    ("body", "says", "reason"),
    [
        (f'{{"aps":{{{_WORDS},"mutable-content":1}},{_CALL}}}', ["delivered", *WOKEN], None),
        (f'{{"aps":{{{_WORDS},"mutable-content":1}},"call":"secret"}}',
         ["delivered", "displayed"], None),
        (f'{{"aps":{{{_WORDS},"mutable-content":1}}}}', ["delivered", "displayed"], None),
        (f'{{"aps":{{{_WORDS}}},{_CALL}}}', ["delivered", "displayed", "warning"], "no-extension"),
        (f'{{"aps":{{"mutable-content":1}},{_CALL}}}', ["delivered", "warning"], "no-extension"),
        (f"{{{_CALL}}}", ["delivered", "warning"], "no-extension"),
    ],
)  # fmt: skip
def test_an_encrypted_message_may_be_a_call(
    keys: KeyPair, body: str, says: list[str], reason: str | None
) -> None:
    policy = DevicePolicy(via_nse=Place(path=("call",)))
    play = Play(Stage(keys, devices=policy).set_up()).push("alert", body.encode())
    assert play.said == says
    assert play.reasons[-1] == reason
    assert len(play.calls) == (1 if "launched" in says else 0)


def test_a_call_that_came_as_an_alert_has_to_be_reported_like_any_other(keys: KeyPair) -> None:
    policy = DevicePolicy(via_nse=Place(path=("call",)), strikes=2)
    play = Play(Stage(keys, devices=policy).set_up())
    body = f'{{"aps":{{{_WORDS},"mutable-content":1}},{_CALL}}}'.encode()
    play.push("alert", body).reports()
    assert play.said == ["delivered", *WOKEN, "call-reported"]
    play.said.clear()
    play.push("alert", body).returns()
    assert play.said == ["delivered", "delivered", "warning", "terminated"]
    play.said.clear()
    play.push("alert", body).returns().push("alert", body)
    assert play.said[-2:] == ["delivered", "discarded"]
    assert play.reasons[-1] == "voip-stopped"


def test_an_app_is_told_how_far_its_phone_is_unlocked(phone: Stage) -> None:
    Play(phone).is_so("before-first-unlock")
    effects = phone.send(phone.request("voip"))
    launched = happened(effects)[0]
    assert (launched.event, launched.basis) == ("launched", Basis.OBSERVED)
    assert "before the first unlock" in (launched.detail or "")
    assert called(effects).lock is Lock.BEFORE_FIRST_UNLOCK


def test_a_report_takes_strikes_back_where_that_is_switched_on(keys: KeyPair) -> None:
    play = Play(Stage(keys, devices=DevicePolicy(forgive=True)).set_up())
    play.fails().fails().push().reports().fails().fails()
    assert "voip-stopped" not in play.said


def test_a_queue_holds_a_thousand_and_what_does_not_fit_is_told(phone: Stage) -> None:
    play = Play(phone)
    for _ in range(QUEUE):
        play.push()
    assert play.said.count("discarded") == 0
    play.push()
    assert (play.said[-1], play.reasons[-1]) == ("discarded", "queue-full")
    ended = len(play.said)
    play.do(Tick(), after=7)
    assert play.said[ended:].count("terminated") == 1
    assert play.said[ended:].count("discarded") == QUEUE - 1


def test_what_is_ours_says_so(phone: Stage) -> None:
    play = Play(phone)
    events = []
    for _ in range(3):
        play.push()
        events += happened(phone.step(Tick(), after=7))
    bases = {one.event.value: one.basis for one in events}
    assert bases == {"terminated": Basis.OBSERVED, "voip-stopped": Basis.OURS}
    assert "strike 3 of 3, the limit is ours" in (events[-2].detail or "")


def test_a_word_that_says_nothing_changes_nothing(phone: Stage) -> None:
    before = dict(phone.rows)
    with pytest.raises(ValueError, match="no device is upside-down"):
        phone.step(SetCondition(device="iphone", words=("dnd", "upside-down")))
    with pytest.raises(ValueError, match="no emulated device is called nobody"):
        phone.step(SetCondition(device="nobody", words=("dnd",)))
    assert phone.rows == before
