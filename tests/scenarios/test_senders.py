"""Problems that are the sender's: `send` holds them back, and another's server is refused.

One listener serves them all; what a sender does that does not lint is played with --no-lint.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.cli.errands import here
from tests.commands import listening, objects
from tests.conftest import at_home
from tests.scenarios.played import Played, caught, played, problem

ALERT = (
    '{"aps":{"alert":"A call"},"callUUID":"c10","Simulator Target Bundle":"com.example.pushkit"}'
)


@dataclass(frozen=True, kw_only=True)
class Shared:
    """A listener that the tests of this file share; the phone `bob` is test 12's."""

    home: Path
    ready: dict[str, Any]

    @property
    def at(self) -> dict[str, str]:
        """The variables that point at it."""
        return {"PUSHKIT_HOME": str(self.home)}

    def token(self, kind: str, name: str = "iphone") -> str:
        """What a server has stored for a device."""
        (device,) = (one for one in self.ready["devices"] if one["name"] == name)
        return str(device["tokens"][kind])

    def send(self, *words: str, **variables: str) -> Played:
        """A push through it."""
        return played(here("send", *words, variables={**self.at, **variables}))

    def refused(self, *words: str) -> Played:
        """A push of somebody who does not lint, and what the listener refused so far."""
        sent = self.send("--no-lint", *words)
        told = here("inbox", "refused", "--json", variables=self.at)
        return replace(sent, events=objects(told.stdout))

    def warned(self, where: str) -> Played:
        """Whether nothing was warned of, and the warnings."""
        none = ("warning=0", "--where", where, "--timeout", "100ms")
        judged = here("inbox", "wait", *none, variables=self.at)
        told = here("inbox", "warning", "--where", where, "--json", variables=self.at)
        return replace(played(told, told.stdout), exit=judged.returncode)

    def does(self, *words: str) -> bool:
        """Another command that speaks to it; whether it went well."""
        return here(*words, variables=self.at).returncode == 0


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    with pytest.MonkeyPatch.context() as patch:
        home = at_home(tmp_path_factory.mktemp("shared"), patch)
        words = ("--device", "iphone", "--device", "bob", "--cancel-if", "kind=cancel")
        with listening("--port", "0", *words) as (_, ready):
            yield Shared(home=home, ready=ready)


def test_problem_01_a_token_is_good_in_one_environment(shared: Shared) -> None:
    to = ("--type", "voip", "--to", shared.token("voip"))
    wrong = (*to, "--env", "local-production")
    held, refused, repaired = (shared.send(*wrong), shared.refused(*wrong), shared.send(*to))
    caught(1, refused)
    is_held(held, 1)
    assert repaired.exit == 0, repaired.said


def test_problem_02_a_token_is_of_one_class(shared: Shared) -> None:
    wrong = ("--type", "voip", "--to", shared.token("alert"))
    held, refused, repaired = (
        shared.send(*wrong),
        shared.refused(*wrong),
        shared.send("--type", "voip", "--to", shared.token("voip")),
    )
    caught(2, refused)
    is_held(held, 2)
    assert repaired.exit == 0, repaired.said


def test_problem_02_a_suffix_that_stands_twice_is_told(shared: Shared) -> None:
    twice = shared.send(
        "--type", "voip", "--to", "iphone", "--topic", "com.example.pushkit.voip.voip"
    )
    assert twice.exit == 3
    assert "would be refused, BadTopic" in twice.said
    assert "the suffix stands twice: send the topic com.example.pushkit.voip" in twice.said


def test_problem_03_the_type_belongs_to_the_topic(shared: Shared) -> None:
    to = ("--to", shared.token("voip"), "--topic", "com.example.pushkit.voip", "-d", "callUUID=c3")
    wrong = ("--type", "alert", *to)
    held, refused, repaired = (
        shared.send(*wrong),
        shared.refused(*wrong),
        shared.send("--type", "voip", *to),
    )
    caught(3, refused)
    is_held(held, 3)
    assert repaired.exit == 0, repaired.said


def test_problem_08_a_push_cannot_take_a_call_back(shared: Shared) -> None:
    def calls(call_id: str) -> tuple[str, ...]:
        return ("--type", "voip", "--to", "iphone", "-d", f"callUUID={call_id}")

    def by_push() -> Played:
        shared.send(*calls("c8"))
        shared.send(*calls("c8"), "-d", "kind=cancel")
        return shared.warned("call_id=c8")

    def by_connection() -> Played:
        shared.send(*calls("c8a"))
        assert shared.does("device", "do", "iphone", "end-call", "c8a")
        return shared.warned("call_id=c8a")

    wrong, repaired = by_push(), by_connection()
    caught(8, wrong)
    assert repaired.exit == 0, repaired.said
    assert shared.does("inbox", "wait", "call-ended=1", "--where", "call_id=c8a")


def test_problem_10_a_simulators_file_rings_on_an_emulated_device(
    shared: Shared, tmp_path: Path
) -> None:
    file = tmp_path / "call.apns"
    file.write_text(ALERT)
    words = ("--type", "voip", "--to", "iphone", "--payload", str(file))
    key = {
        f"PUSHKIT_{name.upper()}": shared.ready[name] for name in ("key_file", "team_id", "key_id")
    }
    wrong, repaired = (
        shared.send(*words, "--env", "sandbox", "--dry-run", **key),
        shared.send(*words),
    )
    caught(10, wrong)
    assert repaired.exit == 0, repaired.said
    assert "a VoIP body with aps.alert" in repaired.said
    assert shared.does("inbox", "wait", "call-reported=1+", "--where", "call_id=c10")


def test_problem_12_a_token_that_was_replaced_rings_nobody(shared: Shared) -> None:
    to = ("--type", "voip", "--app", "com.example.pushkit", "--env", "local", "-d", "callUUID=c12")
    old = shared.token("voip", "bob")
    assert shared.send(*to, "--to", old).exit == 0
    assert shared.does("device", "do", "bob", "reinstall", "--tokens", "new")
    refused, repaired = (shared.refused(*to, "--to", old), shared.send(*to, "--to", "bob"))
    caught(12, refused)
    assert "410 Unregistered since" in refused.said
    assert repaired.exit == 0, repaired.said


def test_problem_13_a_call_takes_5120_bytes_and_no_more(shared: Shared) -> None:
    words = ("--type", "voip", "--to", "iphone", "-d")
    wrong = (*words, f"blob={'x' * 5120}")
    held, refused, repaired = (
        shared.send(*wrong),
        shared.refused(*wrong),
        shared.send(*words, f"blob={'x' * 5000}"),
    )
    caught(13, refused)
    is_held(held, 13)
    assert "at most 5120 are taken" in held.said
    assert repaired.exit == 0, repaired.said


def is_held(held: Played, number: int) -> None:
    """Our own sender does not even send it."""
    assert held.exit == 3, held.said
    assert f"would be refused, {problem(number).reason}" in held.said
    assert problem(number).words in held.said
