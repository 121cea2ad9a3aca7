"""The options of `pushkit send` that make a Live Activity's body: each is a key of `aps`."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.credentials import APP, TOKEN
from tests.cli.errands import failed, here
from tests.commands import objects

_SEND = ("send", "--json", "--dry-run", "--type", "liveactivity", "--to", TOKEN, "--app", APP,
    "--env", "local")  # fmt: skip


def _asked(*words: str) -> dict[str, Any]:
    (request,) = objects(here(*_SEND, *words).stdout)
    return dict(request)


def _aps(*words: str) -> dict[str, Any]:
    aps: dict[str, Any] = json.loads(_asked(*words)["body"])["aps"]
    return aps


def test_a_start_is_said_whole_by_options(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "attributes.json"
    file.write_text('{"home":"A"}')
    asked = _asked("--event", "start", "--title", "Kick-off", "--content-state", '{"score":0}',
        "--attributes-type", "Match", "--attributes", str(file), "--input-push-channel", "dHN0",
        "--relevance-score", "100")  # fmt: skip
    assert asked["lint"] == []
    aps = json.loads(asked["body"])["aps"]
    assert abs(aps.pop("timestamp") - time.time()) < 60
    assert aps == {
        "alert": {"title": "Kick-off"}, "event": "start", "content-state": {"score": 0},
        "attributes-type": "Match", "attributes": {"home": "A"}, "input-push-channel": "dHN0",
        "relevance-score": 100,
    }  # fmt: skip


def test_a_token_is_asked_for_by_the_number_1(home: Path) -> None:
    assert _aps("--event", "start", "--input-push-token")["input-push-token"] == 1


def test_dates_are_seconds_since_1970(home: Path) -> None:
    aps = _aps("--event", "end", "--content-state", "{}", "--stale-date", "5m",
        "--dismissal-date", "2026-11-25T10:00:00Z")  # fmt: skip
    assert abs(aps["stale-date"] - time.time() - 300) < 60
    assert aps["dismissal-date"] == 1_795_600_800
    aps = _aps("--event", "end", "--content-state", "{}", "--stale-date", "1800000000",
        "--dismissal-date", "0")  # fmt: skip
    assert (aps["stale-date"], aps["dismissal-date"]) == (1_800_000_000, 0)


@pytest.mark.parametrize("said", [["--dismissal-date", "0"], ["--attributes-type", "Match"]])
def test_what_another_event_takes_notice_of_is_advised_upon(home: Path, said: list[str]) -> None:
    (advice,) = _asked("--event", "update", "--content-state", "{}", *said)["lint"]
    assert f"aps.{said[0][2:]} means nothing in an event update" in advice["detail"]


MISTAKES = {
    "a small number": (["--stale-date", "30"], "did you mean 30s?"),
    "no moment": (["--stale-date", "2026-99-99"], "is no moment"),
    "nothing": (["--dismissal-date", "absent"], "where nothing is said"),
    "a word": (["--dismissal-date", "soon"], "neither 0"),
    "a list": (["--attributes", "[1]"], "--attributes is not a JSON object"),
    "no JSON": (["--content-state", "{"], "--content-state is not a JSON object"),
    "no file": (["--attributes", "nowhere.json"], "--attributes nowhere.json cannot be read"),
    "no number": (["--relevance-score", "high"], "is not a valid float"),
    "an event of nobody": (["--event", "pause"], "'start', 'update', 'end'"),
}


@pytest.mark.parametrize(("words", "said"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_in_the_words_is_told(home: Path, words: list[str], said: str) -> None:
    told = failed(here(*_SEND, *words), 2)
    assert said in told
