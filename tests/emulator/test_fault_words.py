"""[SELECTOR:]ACTION[@WHEN]: what it means, and what is said where it means nothing."""

from dataclasses import asdict

import pytest

from pushkit_cli.apns.channel_reasons import CHANNEL_REASONS
from pushkit_cli.apns.reasons import REASONS
from pushkit_cli.emulator.fault_words import (
    Action,
    Kind,
    Order,
    Selector,
    When,
    read_fault,
)
from pushkit_cli.errors import UsageError

TOKEN = "5F" * 32


def _answer(word: str, status: int | None = None) -> Action:
    reason = REASONS.get(word) or CHANNEL_REASONS[word]
    return Action(kind=Kind.ANSWER, status=status or reason.status, reason=reason)


@pytest.mark.parametrize("word", [*CHANNEL_REASONS, *REASONS])
def test_every_reason_of_apns_is_a_fault(word: str) -> None:
    fault = read_fault(word)
    assert fault.action == _answer(word)
    assert (fault.selector, fault.when, fault.name) == (Selector(), When(), word)


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("503", Action(kind=Kind.ANSWER, status=503)),
        ("200", Action(kind=Kind.ANSWER, status=200)),
        ("503/Shutdown", _answer("Shutdown")),
        ("500/ServiceUnavailable", _answer("ServiceUnavailable", 500)),
        ("delay=2s", Action(kind=Kind.DELAY, seconds=2.0)),
        ("delay=250ms", Action(kind=Kind.DELAY, seconds=0.25)),
        ("stall", Action(kind=Kind.STALL)),
        ("reset", Action(kind=Kind.RESET)),
        ("reset=refused", Action(kind=Kind.RESET, unread=True)),
        ("goaway", Action(kind=Kind.GOAWAY, reason=REASONS["Shutdown"])),
        ("goaway=Forbidden", Action(kind=Kind.GOAWAY, reason=REASONS["Forbidden"])),
        ("close", Action(kind=Kind.CLOSE)),
        ("streams=1", Action(kind=Kind.STREAMS, streams=1)),
        ("streams=0", Action(kind=Kind.STREAMS, streams=0)),
        ("tls", Action(kind=Kind.TLS)),
    ],
)
def test_actions(text: str, action: Action) -> None:
    assert read_fault(text).action == action


@pytest.mark.parametrize(
    ("text", "selector"),
    [
        ("voip:503", Selector(type="voip")),
        ("device=alice:503", Selector(device="alice")),
        ("topic=com.example.app.voip:503", Selector(topic="com.example.app.voip")),
        (f"token={TOKEN}:503", Selector(token=TOKEN.lower())),
        ("alert,device=alice:503", Selector(type="alert", device="alice")),
        ("channel:503", Selector(channel=True)),
        ("export:403", Selector(export=True)),
        ("connection:close", Selector(connection=True)),
        ("connection:stall", Selector(connection=True)),
        ("connection:tls", Selector(connection=True)),
        ("tls", Selector(connection=True)),
        ("close", Selector()),
    ],
)
def test_selectors(text: str, selector: Selector) -> None:
    assert read_fault(text).selector == selector


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("10%", When(share=0.1)),
        ("0.5%", When(share=0.005)),
        ("100%", When(share=1.0)),
        ("nth3", When(order=Order.NTH, number=3)),
        ("first3", When(order=Order.FIRST, number=3)),
        ("every500", When(order=Order.EVERY, number=500)),
        ("after100", When(order=Order.AFTER, number=100)),
        ("after0", When(order=Order.AFTER, number=0)),
        ("30s..2m", When(since_s=30, until_s=120)),
        ("..5", When(until_s=5)),
        ("1h..", When(since_s=3600)),
        ("after5,per-token", When(order=Order.AFTER, number=5, per_token=True)),
        (
            "after5,per-token=1m,10%,..1h",
            When(order=Order.AFTER, number=5, per_token=True, within_s=60, share=0.1, until_s=3600),
        ),
    ],
)
def test_whens(text: str, when: When) -> None:
    assert asdict(read_fault(f"503@{text}").when) == asdict(when)


@pytest.mark.parametrize(
    ("text", "says", "hint"),
    [
        ("ServiceUnavailabel", "did you mean ServiceUnavailable?", "delay=2s"),
        ("stal", "did you mean stall?", "a reason (ServiceUnavailable)"),
        ("", "nothing is no fault", "ACTION is"),
        ("voip", "voip is no fault, and no reason", "ACTION is"),
        ("voip:", "nothing is no fault", "ACTION is"),
        ("serviceunavailable", "did you mean ServiceUnavailable?", "ACTION is"),
        ("503/", "503/ is no fault", "ACTION is"),
        ("503/Down", "503/Down is no fault", "ACTION is"),
        ("600", "600 is no fault", "ACTION is"),
        ("delay", "delay= is no delay", "delay=500ms"),
        ("delay=0", "delay=0 is no delay", "delay=2s"),
        ("delay=soon", "delay=soon is no delay", "delay=2s"),
        ("a" * 1001, "too long", "voip:"),
        ("device=\x1b[2J:stall", "nobody sees", "voip:"),
        ("stall=2s", "nothing follows stall", "stall alone"),
        ("reset=x", "reset=x is not known", "reset=refused"),
        ("goaway=Shutdwn", "did you mean Shutdown?", "ACTION is"),
        ("streams", "streams= is no number", "streams=1"),
        ("streams=1001", "streams=1001 is no number", "up to 1000"),
        ("vopi:503", "vopi selects no pushes; did you mean voip?", "types are alert"),
        ("device:503", "device selects no pushes", "device=NAME"),
        ("device=:503", "device= selects no pushes", "device=NAME"),
        ("token=xyz:503", "token=xyz selects no pushes", "token=HEX"),
        ("voip,alert:503", "says its type twice", "one fault for each"),
        ("connection:delay=2s", "delay is nothing that can happen to a new", "close, stall, tls"),
        ("connection:503", "503 is nothing that can happen", "close, stall, tls"),
        ("voip:tls", "no push is known yet", "tls alone"),
        ("connection,device=a:close", "no push is known yet", "connection:close"),
        ("tls@first1,per-token", "a new connection has no device token", "leave per-token out"),
        ("503@", "says nothing behind @", "10%, nth3"),
        ("503@0%", "0% is no share", "up to 100%"),
        ("503@101%", "101% is no share", "up to 100%"),
        ("503@nth0", "nth0 counts nothing", "nth1"),
        ("503@frist3", "did you mean first3?", "WHEN is one of"),
        ("503@10", "10 is no time for a fault", "WHEN is one of"),
        ("503@first1,first2", "says the same thing twice", "one fault for each"),
        ("503@first1,nth2", "says the same thing twice", "one fault for each"),
        ("503@2m..30s", "ends before it begins", "30s..2m"),
        ("503@a..b", "a..b is no time", "30s..2m"),
        ("503@per-token", "says no number", "after5,per-token=1m"),
        ("503@per-token=x,first1", "per-token=x is no time", "per-token"),
    ],
)
def test_what_means_nothing_is_refused_with_the_remedy(text: str, says: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_fault(text)
    assert says in caught.value.message
    assert hint in (caught.value.hint or "")
