"""Words that a newcomer mistypes, leaves out or puts in the wrong place: what he is told."""

from pathlib import Path

import pytest

from pushkit_cli.engine.listener import Running
from tests.cli.errands import failed, here, spoken
from tests.commands import objects


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("lisen", "'listen'"),
        ("device lsit", "Did you mean 'list'?"),
        ("device do iphone klil", "Did you mean 'kill'?"),
        ("send --tpye voip", "'--type'"),
        ("send --type viop", "no push type is called viop; did you mean voip?"),
        ("send --type zebra", "no push type is called zebra hint: known are"),
        ("register device bob --app com.example.app --type vop", "did you mean voip?"),
        ("device do iphone rotate-token viop", "did you mean voip?"),
        ("device set iphone onface", "no device is onface; did you mean on-face?"),
        ("listen --port 0 --token viop=abcd", "did you mean voip?"),
        ("listen --port 0 --device a:iso", "no platform is called iso; did you mean ios?"),
        ("inbox wait call-reprted=1", "did you mean call-reported?"),
        # in the wrong place
        ("send -q --type voip", "-q stands before the command's name hint: pushkit -q send …"),
        ("device list --profile x", "hint: pushkit --profile device list …"),
        ("listen npm test", "npm is no word of pushkit listen hint: put -- before a command: "),
        ("listen npm test", "hint: put -- before a command: pushkit listen … -- npm test"),
        ("listen --port 0 npm test --watch --port 1", "… -- npm test --watch --port 1"),
        # left out
        ("certificate", "KIND is missing: app, voip, watchkit, mdm, pass"),
        ("config", ""),
        # cannot be
        ("--profile a/b register list", "a/b cannot name a profile"),
        ("--profile ../x config path", "../x cannot name a profile"),
        ("--profile= config path", "nothing cannot name a profile"),
    ],
)  # fmt: skip
def test_a_mistake_says_what_was_meant(home: Path, line: str, words: str) -> None:
    done = here(*line.split())
    if not words:
        assert (done.returncode, done.stderr.decode().split()[0]) == (2, "Usage:")
        return
    assert words in failed(done, 2)
    assert not home.exists()


@pytest.mark.parametrize(
    ("name", "words"),
    [("ihpone", "; did you mean iphone?"), ("zebra", "zebra is neither"), ("wathc", "watch?")],
)
def test_a_device_that_may_have_been_meant(listener: Running, name: str, words: str) -> None:
    assert words in failed(here("send", "--type", "voip", "--to", name), 2)
    assert words.replace("neither", "") in spoken(here("device", "show", name)) or name == "zebra"


@pytest.mark.parametrize("group", [(), ("register",), ("device",)])
def test_whoever_says_nothing_is_shown_what_can_be_said(group: tuple[str, ...]) -> None:
    done = here(*group)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode().startswith(f"Usage: {' '.join(('pushkit', *group))} ")
    (error,) = objects(here("--json", *group).stdout)
    assert (error["exit"], error["kind"]) == (2, "usage")
