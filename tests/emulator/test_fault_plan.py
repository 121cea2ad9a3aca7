"""A plan: its tables are faults, and what is wrong in it is said with its line and the remedy."""

import pytest

from pushkit_cli.emulator.fault_plan import KEYS, read_plan
from pushkit_cli.emulator.fault_words import read_fault
from pushkit_cli.errors import UsageError

PLAN = """
# An evening
[[fault]]
name = "rush hour"
action = "ServiceUnavailable"
type = "voip"
when = "10%"
from = "30s"
until = "2m"

[[fault]]
action = "TooManyRequests"
when = "after5"
per = "token"
within = "1m"

[[fault]]
device = "alice"
topic = "com.example.app.voip"
action = "delay=2s"

[[ fault ]]
status = 503
until = "1h"
[[fault]]
status = 500
action = "Shutdown"

[[fault]]
on = "connection"
action = "close"
when = "every3"
"""
TEXTS = (
    "voip:ServiceUnavailable@10%,30s..2m",
    "TooManyRequests@after5,per-token=1m",
    "device=alice,topic=com.example.app.voip:delay=2s",
    "503@..1h",
    "500/Shutdown",
    "connection:close@every3",
)


def test_a_plan_says_what_the_command_line_can() -> None:
    read = read_plan(PLAN, file="F.toml")
    assert [one.text for one in read] == list(TEXTS)
    assert [one.name for one in read] == ["rush hour", *TEXTS[1:]]
    assert read[1:] == tuple(read_fault(text) for text in TEXTS[1:])


@pytest.mark.parametrize("text", ["", "# nothing", "fault = []"])
def test_an_empty_plan_is_one(text: str) -> None:
    assert read_plan(text, file="F.toml") == ()


def test_every_key_is_used_above() -> None:
    assert {key for key in KEYS if f"\n{key} =" not in PLAN} == {"token"}


@pytest.mark.parametrize(
    ("text", "says", "hint"),
    [
        ('[[fault]]\naction = "ServiceUnavailabel"', "F.toml:2: ServiceUnavailabel", "ACTION is"),
        ('[[fault]]\naction="stall"\n\n[[fault]]\naction = "stal"', "F.toml:5: stal is", "stall,"),
        ('[[fault]]\n\n# hm\nacton = "stall"', "F.toml:4: a fault has no acton; did", "it may"),
        ('[[fault]]\nwhen = "10%"', "F.toml:1: a fault without an action", "action ="),
        ('[[fault]]\nwhen = "10%"\n[[fault]]\naction = "stall"', "F.toml:1: a fault w", "action"),
        ('[[fault]]\naction="stall"\ntype = "vopi"', "F.toml:3: vopi selects", "alert"),
        ('[[fault]]\naction="stall"\nwhen = "frist3"', "F.toml:3: frist3", "WHEN is"),
        ('[[fault]]\naction="stall"\nfrom="2m"\nuntil="1m"', "F.toml:3: 2m..1m ends", "1m..2m"),
        ('[[fault]]\naction="stall"\nuntil = "soon"', "F.toml:3: ..soon is no time", "30s..2m"),
        ('[[fault]]\naction="503"\nper = "device"\nwhen="nth1"', "F.toml:3: faults are", "token"),
        ('[[fault]]\naction="503"\nper = "token"', "F.toml:3: what is counted", "after5"),
        ('[[fault]]\naction="503"\nwithin = "1m"\nwhen="nth1"', "F.toml:3: within", "token"),
        (
            '[[fault]]\naction="503"\nper = "token"\nwhen="nth1"\nwithin="x"',
            "F.toml:5: per-token=x", "per-token",
        ),
        ("[[fault]]\nstatus = 42", "F.toml:2: a status is a number", "status = 503"),
        ('[[fault]]\nstatus = "503"', "F.toml:2: a status is a number", "status = 503"),
        ('[[fault]]\naction="stall"\nstatus = 503', "F.toml:3: 503/stall", "ACTION is"),
        ('[[fault]]\naction="503"\nname = "\\u001b"', "F.toml:3: name is too long, or", "plain"),
        ("[[fault]]\naction = 503", "F.toml:2: action is a text", "in quotes"),
        ('[[fault]]\naction = "stall@nth1"', "F.toml:2: action holds", "a key of its own"),
        ('[[fault]]\naction="tls"\ntype="voip"', "F.toml:2: voip:tls: no push is known", "tls"),
        ('[[fault]]\naction="stall"\non = "conection"', "F.toml:3: nothing is called", "connec"),
        ('[[fualt]]\naction = "stall"', "F.toml:1: a plan has no fualt; did you mean", "[[fault]]"),
        ('seed = 7\n[[fault]]\naction="stall"', "F.toml:1: a plan has no seed", "[[fault]]"),
        ('[fault]\naction = "stall"', "F.toml:1: fault is no list", "[[fault]]"),
        ('[[fault]]\naction = stall', "F.toml:2: that is no TOML: invalid value", "[[fault]]"),
        ('[[fault]]\naction = "stall', "F.toml:2: that is no TOML", "[[fault]]"),
        ("\x00", "F.toml:1: that is no TOML", "[[fault]]"),
        ('fault = [{action = "stal"}]', "F.toml:1: stal is no fault", "ACTION is"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line_and_the_remedy(
    text: str, says: str, hint: str
) -> None:
    with pytest.raises(UsageError) as caught:
        read_plan(text, file="F.toml")
    assert caught.value.message.startswith(says), caught.value.message
    assert hint in (caught.value.hint or "")
