"""What a shell is offered: what is registered, what runs here, and the long tables."""

from pathlib import Path

import pytest

from pushkit_cli.cli.app import COMMANDS
from pushkit_cli.cli.words import options
from pushkit_cli.engine.listener import Running
from tests.cli.credentials import APP, KEY, TEAM, TOKEN, p8_file
from tests.cli.errands import here, prepared


def offered(line: str) -> list[str]:
    """What bash is offered at the end of a line."""
    variables = {
        "_PUSHKIT_COMPLETE": "bash_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split(" ")) - 1),
    }
    done = here(variables=variables)
    assert done.stderr == b"", done.stderr
    return [one.removeprefix("plain,") for one in done.stdout.decode().splitlines() if one]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("pushkit send --type vo", ["voip"]),
        ("pushkit template compl", ["complication"]),
        ("pushkit explain BadDev", ["BadDeviceToken"]),
        ("pushkit explain wed", ["wedge"]),
        ("pushkit fault add st", ["stall", "streams"]),
        ("pushkit fault add ServiceUn", ["ServiceUnavailable"]),
        ("pushkit fault add voip:ServiceUn", ["voip:ServiceUnavailable"]),
        ("pushkit listen --fault goa", ["goaway"]),
        ("pushkit listen --expect call-rep", ["call-reported"]),
        ("pushkit inbox wait call-ref", ["call-refused"]),
        ("pushkit device set iphone off", ["offline", "off-face"]),
        ("pushkit snippet p", ["python", "php"]),
        ("pushkit send --env local-", ["local-production"]),
    ],
)
def test_a_word_of_a_table_is_offered(line: str, said: list[str], home: Path) -> None:
    assert offered(line) == said
    assert not home.exists()


def test_what_is_registered_is_offered(tmp_path: Path) -> None:
    prepared("register", "app", APP, "--team-id", TEAM, "--key", str(p8_file(tmp_path)))
    prepared("register", "device", "bob", "--app", APP, "--type", "voip", "--token", TOKEN,
        "--env", "sandbox")  # fmt: skip
    assert offered("pushkit send --to b") == ["bob"]
    assert offered("pushkit doctor --to b") == ["bob"]
    assert offered("pushkit send --app com.") == [APP]
    assert offered("pushkit register show app com.") == [APP]
    assert offered("pushkit register remove key ") == [KEY]
    assert offered("pushkit register use-key A") == [KEY]
    assert offered("pushkit --profile other send --to b") == []


def test_what_runs_here_is_offered(listener: Running) -> None:
    assert offered("pushkit send --to ") == ["iphone", "watch"]
    assert offered("pushkit device show w") == ["watch"]
    assert offered("pushkit device do i") == ["iphone"]
    assert offered("pushkit listen --app com.") == ["com.example.pushkit"]


def test_a_channel_that_was_made_here_is_offered(listener: Running) -> None:
    made = prepared("channel", "create", "--app", "com.example.pushkit", "--env", "local",
        "--storage", "none").strip()  # fmt: skip
    for line in ("send --channel ", "channel show ", "device do iphone subscribe "):
        assert offered(f"pushkit {line}") == [made]


def test_a_home_that_cannot_be_used_offers_nothing(home: Path) -> None:
    home.write_text("no folder")
    assert offered("pushkit send --to ") == []


def test_every_option_for_an_app_offers_apps() -> None:
    assert COMMANDS
    for command, option in options():
        if "--app" in option.opts:
            assert option._custom_shell_complete is not None, command
