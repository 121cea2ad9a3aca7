"""A command as the app under test: what its end means, and that nothing of it is left."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from pushkit_cli.apns.push import PushType
from pushkit_cli.engine import hooks, outside
from pushkit_cli.engine.under_test import Hook
from pushkit_cli.errors import ConfigError, UsageError
from tests.engine.phones import Phones, is_alive, phones

CANARY = "canary-4711"
SECRET = (
    "PUSHKIT_KEY", "PUSHKIT_KEY_FILE", "PUSHKIT_LISTEN_KEY", "PUSHKIT_REGISTER_APP_KEY",
    "PUSHKIT_REGISTER_APP_CERT_KEY", "PUSHKIT_REGISTER_APP_PASSWORD_FILE", "PUSHKIT_HOME",
    "SSLKEYLOGFILE",
)  # fmt: skip
WOKEN = ["launched", "delivered"]
KILLED_AT_RETURN = "NSInternalInconsistencyException"


def script(folder: Path, text: str) -> Hook:
    """A shell script as the hook; it runs in the test's folder by its own word."""
    file = folder / "hook.sh"
    file.write_text(f"#!/bin/sh\ncd '{folder}'\n{text}\n", encoding="utf-8")
    file.chmod(0o700)
    return Hook(command=(str(file),), variables=dict(os.environ))


def play(
    place: Path,
    app: Hook,
    body: Callable[[Phones], Awaitable[None]],
    count: int = 1,
    platform: str = "ios",
) -> Phones:
    """Play on a stage, and stop the app at the end as a listener does."""

    async def whole(scene: Phones) -> None:
        try:
            await body(scene)
        finally:
            await scene.stage.app.stop()

    with phones(place, app, count, platform) as scene:
        asyncio.run(whole(scene))
    assert scene.failed == 0
    return scene


def until_handled(scene: Phones) -> bool:
    return not any(key.startswith("handling/") for key in scene.stage.world.state.records)


async def one_push(scene: Phones) -> None:
    scene.send()
    await scene.until(lambda it: bool(it.told) and until_handled(it))


async def until_file(scene: Phones, file: Path, lines: int = 1) -> list[int]:
    await scene.until(lambda _: file.exists() and file.read_text().count("\n") >= lines)
    return [int(line) for line in file.read_text().split()]


# What its end means

ENDS = (
    ("exit 0", ["call-reported"], None),
    ("exit 3", ["hook", "terminated"], KILLED_AT_RETURN),
    ("kill -9 $$", ["hook", "terminated"], "crashed"),
    ('echo \'{"reported":true,"call_id":"other"}\'', ["call-reported"], None),
    ("echo '{\"reported\":false}'", ["terminated"], KILLED_AT_RETURN),
    (
        'echo \'{"refused":"filteredByDoNotDisturb"}\'',
        ["call-refused"],
        "filteredByDoNotDisturb",
    ),
    ('echo \'{"ended":"remoteEnded"}\'', ["call-reported", "call-ended"], "remoteEnded"),
    ("echo '{\"reported\":false}'; exit 1", ["hook", "terminated"], KILLED_AT_RETURN),
    ("echo hello", ["hook", "call-reported"], None),
    ('echo \'{"ended":"never"}\'', ["hook", "call-reported"], None),
    ("echo said >&2", ["hook", "call-reported"], None),
    ("head -c 300000 /dev/zero", ["hook", "call-reported"], None),
    ("exec >&- 2>&-; exit 0", ["call-reported"], None),
    ("exec <&-; exit 0", ["call-reported"], None),
)


@pytest.mark.parametrize(("text", "happens", "reason"), ENDS, ids=[end[0] for end in ENDS])
def test_how_it_ends_is_what_the_app_did(
    home: Path, tmp_path: Path, text: str, happens: list[str], reason: str | None
) -> None:
    scene = play(home, script(tmp_path, text), one_push)
    assert scene.of() == [*WOKEN, *happens]
    assert scene.events()[-1]["reason"] == reason


def test_what_went_wrong_is_told_with_its_last_words(home: Path, tmp_path: Path) -> None:
    text = 'for i in $(seq 200); do echo "line $i" >&2; done; exit 7'
    told = play(home, script(tmp_path, text), one_push).hook()
    assert (told["reason"], told["basis"], told["call_id"]) == ("failed", "ours", "c1")
    assert told["detail"].startswith("exit 7 after ")
    assert told["detail"].endswith("line 199\nline 200")
    assert "; stderr: line 1" in told["detail"]
    assert len(told["detail"]) < 600


def test_nonsense_is_told_and_counts_as_its_exit_code(home: Path, tmp_path: Path) -> None:
    told = play(home, script(tmp_path, "echo '{\"raported\":true}'"), one_push).hook()
    assert told["reason"] == "bad-answer"
    assert "raported is no word of an answer" in told["detail"]


def test_a_push_without_a_call_is_no_report(home: Path, tmp_path: Path) -> None:
    async def body(scene: Phones) -> None:
        scene.send(kind=PushType.complication)
        await scene.until(lambda it: bool(it.told) and until_handled(it))

    done = play(home, script(tmp_path, 'echo "$PUSHKIT_MUST_REPORT" >must'), body, 1, "watchos")
    assert done.of() == WOKEN
    assert (tmp_path / "must").read_text() == "\n"


# What it is given


def test_the_payload_comes_on_stdin_and_the_facts_in_the_environment(
    home: Path, tmp_path: Path
) -> None:
    hostile = {"callUUID": "$(touch caught)\n;é\ud800", "handle": "`touch caught`", "x": "\x1b[2J"}

    async def body(scene: Phones) -> None:
        scene.send(body=hostile)
        await scene.until(lambda it: bool(it.told) and until_handled(it))

    app = script(tmp_path, 'cat >stdin; env >env; echo "$#" >arguments')
    canaries = dict.fromkeys(SECRET, CANARY)
    outer = {**app.variables, **canaries, "PUSHKIT_READY_FILE": CANARY, "KEPT": "yes"}
    scene = play(home, Hook(command=app.command, variables=outer), body)
    assert json.loads((tmp_path / "stdin").read_bytes()) == hostile
    assert (tmp_path / "arguments").read_text() == "0\n"
    said = (tmp_path / "env").read_text(encoding="utf-8")
    assert CANARY not in said
    assert "touch" not in said
    found = dict(line.partition("=")[::2] for line in said.splitlines())
    (push,) = [one.to_json() for one in scene.told if one.event.event == "push"]
    facts = {
        "PUSHKIT_PUSH_ID": push["id"],
        "PUSHKIT_DEVICE": "phone0",
        "PUSHKIT_APP": "com.example.app0",
        "PUSHKIT_TYPE": "voip",
        "PUSHKIT_APNS_ID": push["apns_id"],
        "PUSHKIT_MUST_REPORT": "true",
        "PUSHKIT_LOCK": "unlocked",
        "PUSHKIT_HOME": str(home),
        "PUSHKIT_READY_FILE": str(home / "run" / "listen.json"),
        "PUSHKIT_ENDPOINT": "https://127.0.0.1:2197",
        "KEPT": "yes",
    }
    assert {name: found.get(name) for name in facts} == facts
    assert not (tmp_path / "caught").exists()


# What cannot be run


@pytest.mark.parametrize("text", ["", "  ", "'open"])
def test_words_that_are_no_command_are_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        hooks.command_of(text)
    assert caught.value.hint


def test_words_are_split_and_no_shell_is_asked() -> None:
    assert hooks.command_of("run 'a b' $HOME ; ls") == ("run", "a b", "$HOME", ";", "ls")


def test_what_is_not_there_or_no_program_is_known_before_it_is_needed(tmp_path: Path) -> None:
    file = tmp_path / "hook.sh"
    file.write_text("exit 0")
    for word, said in (
        (str(file), "is not executable"),
        (str(tmp_path), "is a folder"),
        (str(tmp_path / "nowhere"), "is not found"),
        ("pushkit-no-such-command", "is not found"),
    ):
        with pytest.raises(ConfigError, match=said) as caught:
            hooks.check((word,), os.environ)
        assert caught.value.hint
    hooks.check(("sh",), os.environ)


def test_one_that_vanished_meanwhile_is_told(home: Path, tmp_path: Path) -> None:
    app = script(tmp_path, "exit 0")

    async def body(scene: Phones) -> None:
        Path(app.command[0]).unlink()
        await one_push(scene)

    scene = play(home, app, body)
    assert scene.of() == [*WOKEN, "hook", "terminated"]
    assert "cannot be run: no such file or directory" in scene.hook()["detail"]


# That nothing of it is left

STUBBORN = """
trap '' TERM INT HUP
(trap '' TERM INT HUP; echo starting; exec sleep 1000) &
echo $! >>pids; echo $$ >>pids
wait
"""


def test_one_that_hangs_is_killed_with_all_its_children(home: Path, tmp_path: Path) -> None:
    pids: list[int] = []

    async def body(scene: Phones) -> None:
        scene.send()
        pids.extend(await until_file(scene, tmp_path / "pids", 2))
        assert all(map(is_alive, pids))
        scene.stage.advance(6.9)
        assert scene.of() == WOKEN
        scene.stage.advance(0.1)
        await scene.until(lambda _: not any(map(is_alive, pids)))
        await scene.until(lambda it: "hook" in it.of())

    scene = play(home, script(tmp_path, STUBBORN), body)
    assert scene.of() == [*WOKEN, "terminated", "hook"]
    assert scene.events()[2]["reason"] == "0xBAADCA11"
    assert scene.hook()["detail"].startswith("killed after ")
    with pytest.raises(ChildProcessError):
        os.waitpid(pids[1], os.WNOHANG)  # it was reaped


def test_the_end_of_the_listener_leaves_nothing(home: Path, tmp_path: Path) -> None:
    async def body(scene: Phones) -> None:
        scene.send()
        await until_file(scene, tmp_path / "pids", 2)

    play(home, script(tmp_path, STUBBORN), body)
    assert not any(is_alive(int(pid)) for pid in (tmp_path / "pids").read_text().split())


def test_what_it_leaves_in_the_background_ends_with_it(home: Path, tmp_path: Path) -> None:
    async def body(scene: Phones) -> None:
        await one_push(scene)
        (left,) = await until_file(scene, tmp_path / "pids")
        await scene.until(lambda _: not is_alive(left))

    scene = play(home, script(tmp_path, "sleep 1000 & echo $! >pids"), body)
    assert scene.of() == [*WOKEN, "call-reported"]


def test_one_that_leaves_the_group_with_its_output_delays_nobody_for_long(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hooks, "_LAST_WORDS_S", 0.05)
    code = "import os,time; os.setsid(); print(os.getpid(), file=open('pids','w')); time.sleep(99)"
    text = f'{sys.executable} -c "{code}" & while [ ! -s pids ]; do :; done'

    async def body(scene: Phones) -> None:
        try:
            await one_push(scene)
        finally:
            with suppress(ProcessLookupError):
                os.kill((await until_file(scene, tmp_path / "pids"))[0], signal.SIGKILL)

    scene = play(home, script(tmp_path, text), body)
    assert scene.of() == [*WOKEN, "call-reported"]


def test_one_that_floods_is_killed_like_any_other(home: Path, tmp_path: Path) -> None:
    async def body(scene: Phones) -> None:
        scene.send()
        await until_file(scene, tmp_path / "pids")
        scene.stage.advance(7)
        await scene.until(lambda it: "hook" in it.of())

    scene = play(home, script(tmp_path, "echo $$ >pids; exec yes >&2"), body)
    assert scene.of() == [*WOKEN, "terminated", "hook"]
    assert len(scene.hook()["detail"]) < 600


def test_a_push_without_a_call_has_its_own_limit(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outside, "FREE_LIMIT_S", 0.05)

    async def body(scene: Phones) -> None:
        scene.send(kind=PushType.complication)
        await scene.until(lambda it: bool(it.told) and until_handled(it))

    scene = play(home, script(tmp_path, "exec sleep 1000"), body, platform="watchos")
    assert scene.of() == [*WOKEN, "hook", "hook"]
    assert [one["reason"] for one in scene.events()[2:]] == ["killed", "time-limit"]


# That it disturbs no other app


def test_one_that_hangs_delays_its_own_next_push_alone(home: Path, tmp_path: Path) -> None:
    async def body(scene: Phones) -> None:
        scene.send(0)
        scene.send(0)
        await until_file(scene, tmp_path / "pids")
        scene.send(1)
        await scene.until(lambda it: "call-reported" in it.of(1))
        assert scene.of(0) == ["launched", "delivered", "delivered"]
        scene.stage.advance(7)
        await scene.until(lambda it: "hook" in it.of(0))

    text = '[ "$PUSHKIT_DEVICE" = phone1 ] || { echo $$ >>pids; exec sleep 1000; }'
    scene = play(home, script(tmp_path, text), body, count=2)
    assert scene.of(0)[3:] == ["terminated", "discarded", "hook"]
    assert (tmp_path / "pids").read_text().count("\n") == 1, "the second was never started"


def test_an_app_is_handed_one_push_after_the_other(home: Path, tmp_path: Path) -> None:
    async def body(scene: Phones) -> None:
        for _ in range(4):
            scene.send()
        await scene.until(lambda it: bool(it.told) and until_handled(it))

    text = "mkdir busy || exit 1; cat >>order; rmdir busy"
    scene = play(home, script(tmp_path, text), body)
    assert scene.of().count("call-reported") == 4
    calls = [f'{{"callUUID": "c{number}"}}' for number in range(1, 5)]
    assert (tmp_path / "order").read_text() == "".join(calls)


def test_eight_run_at_once_and_no_more(home: Path, tmp_path: Path) -> None:
    (tmp_path / "alive").mkdir()

    async def body(scene: Phones) -> None:
        for phone in range(12):
            scene.send(phone)
        await scene.until(lambda it: len(list((tmp_path / "alive").iterdir())) >= hooks.SEATS)
        (tmp_path / "go").touch()
        await scene.until(lambda it: bool(it.told) and until_handled(it))

    text = 'touch "alive/$$"; while [ ! -e go ]; do sleep 0.01; done; ls alive | wc -l >>counts; '
    scene = play(home, script(tmp_path, text + 'rm "alive/$$"'), body, count=12)
    assert [scene.of(phone)[-1] for phone in range(12)] == ["call-reported"] * 12
    counts = [int(line) for line in (tmp_path / "counts").read_text().split()]
    assert max(counts) == hooks.SEATS


def test_one_that_never_got_a_place_says_so(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hooks, "SEATS", 1)

    async def body(scene: Phones) -> None:
        scene.send(0)
        await until_file(scene, tmp_path / "pids")
        scene.send(1)
        await scene.until(lambda it: "delivered" in it.of(1))
        scene.stage.advance(7)
        await scene.until(lambda it: "hook" in it.of(1))

    scene = play(home, script(tmp_path, "echo $$ >>pids; exec sleep 1000"), body, count=2)
    assert scene.hook(1)["reason"] == "not-started"


def test_the_next_push_is_handled_after_a_kill(home: Path, tmp_path: Path) -> None:
    async def body(scene: Phones) -> None:
        scene.send()
        await until_file(scene, tmp_path / "pids")
        scene.stage.advance(7)
        scene.send()
        await scene.until(lambda it: "call-reported" in it.of())

    text = "[ -e pids ] || { echo $$ >pids; exec sleep 1000; }"
    scene = play(home, script(tmp_path, text), body)
    assert scene.of()[-1] == "call-reported"
