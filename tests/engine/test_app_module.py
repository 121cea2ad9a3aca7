"""Delegates in processes of their own, under a stage: what they say, hear, and how they end."""

import json
from pathlib import Path

import pytest

from pushkit_cli.apns.message import Request
from pushkit_cli.apns.push import PushType
from pushkit_cli.emulator.moves import Kill, RotateToken, SetCondition
from pushkit_cli.engine.app_process import OUTPUT_BYTES
from tests.engine.apps import (
    has_ended,
    idle,
    is_alive,
    output_of,
    phones,
    pids,
    play,
    push,
    push_to,
    reasons,
    said,
    scene_token,
    to,
    told_by,
)
from tests.engine.scene import SANDBOX, Scene
from tests.law import BUNDLE

# An app that does what it should


def test_a_delegate_reports_its_calls_in_one_process(home: Path) -> None:
    async def body(scene: Scene) -> None:
        await push(scene, "hook")
        await push(scene, "hook")
        assert [is_alive(pid) for pid in pids(scene)] == [True, True]

    scene = play(home, "Good", body)
    calls = ["push", "delivered", "call-reported", "hook"]
    assert scene.names() == ["push", "launched", *calls[1:], *calls]
    assert len(set(pids(scene))) == 1
    (token,) = (line for line in said(scene) if line.startswith("token"))
    assert token == f"token {scene_token(scene)}"


def test_a_refused_report_reaches_the_delegate(home: Path) -> None:
    async def body(scene: Scene) -> None:
        scene.stage.feed(SetCondition(device="iphone", words=("dnd",)))
        await push(scene, "hook")

    scene = play(home, "Good", body)
    assert reasons(scene, "call-refused") == ["filteredByDoNotDisturb"]
    assert "refused 3" in said(scene)


def test_a_call_is_ended_by_its_own_name_however_it_is_spelled(home: Path) -> None:
    async def body(scene: Scene) -> None:
        asked = scene.push()
        call = json.loads(asked.body)
        call["callUUID"] = call["callUUID"].upper()
        text = json.dumps(call).encode()
        scene.stage.requested(1, 1, Request(headers=asked.headers, body=text, body_size=len(text)))
        await scene.until(lambda it: "call-ended" in it.names())

    scene = play(home, "Ends", body)
    (end,) = (one.to_json() for one in scene.told if one.event.event == "call-ended")
    assert end["reason"] == "remoteEnded"
    assert end["call_id"] == str(end["call_id"]).upper()


def test_a_payload_that_did_not_cross_apns_is_a_push_of_its_own(home: Path) -> None:
    async def body(scene: Scene) -> None:
        await push(scene, "hook")
        await scene.until(lambda it: it.names().count("call-reported") == 2)
        await idle(scene)

    scene = play(home, "Decrypts", body)
    events = [one.to_json() for one in scene.told]
    injected = [one for one in events if one["event"] == "delivered"][1]
    assert injected["push_id"] is None
    assert injected["call_id"] == "00000000-0000-0000-0000-00000000000a"


def test_a_rotated_token_reaches_a_running_app(home: Path) -> None:
    async def body(scene: Scene) -> None:
        await push(scene, "hook")
        scene.stage.feed(
            RotateToken(device="iphone", bundle_id=BUNDLE, type=PushType.voip, environment=SANDBOX)
        )
        await scene.until(lambda it: "token-updated" in it.names())
        scene.stage.requested(1, 1, to(scene.push(), scene_token(scene)))
        await scene.until(lambda it: it.names().count("call-reported") == 2)
        await idle(scene)

    scene = play(home, "Good", body)
    words = [line.split()[0] for line in said(scene)]
    assert words == ["token", "pid", "no", "token", "pid"]
    assert [line for line in said(scene) if line.startswith("token")][1].endswith(
        scene_token(scene)
    )


# Apps that do not


def test_one_that_reports_nothing_is_ended_at_its_return_and_launched_again(home: Path) -> None:
    async def body(scene: Scene) -> None:
        await push(scene, "terminated")
        await push(scene, "terminated")

    scene = play(home, "Silent", body)
    assert scene.names().count("launched") == 2
    assert reasons(scene, "terminated") == ["NSInternalInconsistencyException"] * 2
    assert [line.split()[0] for line in said(scene)] == ["token", "token"]


@pytest.mark.parametrize("name", ["Hangs", "NoRegistry"])
def test_one_that_does_not_return_is_ended_after_seven_seconds(home: Path, name: str) -> None:
    async def body(scene: Scene) -> None:
        await push(scene, "delivered")
        if name == "Hangs":
            app = scene.stage.app
            await scene.until(lambda _: bool(told_by(app)))
        scene.stage.advance(6.5)
        assert "terminated" not in scene.names()
        scene.stage.advance(0.5)
        assert reasons(scene, "terminated") == ["0xBAADCA11"]
        if name == "Hangs":
            await scene.until(lambda it: "hook" in it.names())

    scene = play(home, name, body)
    assert len(pids(scene)) == (2 if name == "Hangs" else 0)


def test_one_that_reports_and_does_not_return_is_ended_after_thirty(home: Path) -> None:
    async def body(scene: Scene) -> None:
        await push(scene, "call-reported")
        scene.stage.advance(29)
        assert "terminated" not in scene.names()
        scene.stage.advance(1)
        await scene.until(lambda it: "terminated" in it.names())

    scene = play(home, "ReportsAndHangs", body)
    assert "had not returned after 30 s" in str(scene.told[-1].to_json()["detail"])


def test_a_registry_that_comes_late_still_gets_its_push(home: Path) -> None:
    scene = play(home, "LateRegistry", lambda it: push(it, "hook"))
    assert scene.names()[-2:] == ["call-reported", "hook"]


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("Crashes", "the app crashed: KeyError: 'no such key'"),
        ("Dies", "the app crashed: it ended with exit code 7"),
        ("Nobody", "the app crashed: ImportError: delegates.py has no class called Nobody"),
    ],
)
def test_a_crash_is_told_with_its_last_words(home: Path, name: str, how: str) -> None:
    scene = play(home, name, lambda it: push(it, "terminated"))
    assert reasons(scene, "terminated") == ["crashed"]
    (end,) = (one for one in scene.told if one.event.event == "terminated")
    assert str(end.to_json()["detail"]).startswith(how)
    assert name == "Dies" or "Traceback (most recent call last):" in said(scene)


def test_a_registry_without_a_delegate_is_a_warning(home: Path) -> None:
    scene = play(home, "Hasty", lambda scene: push(scene, "hook"))
    assert reasons(scene, "warning") == ["no-delegate"]
    assert "call-reported" in scene.names()
    assert not any(line.startswith("token") for line in said(scene))


def test_a_completion_that_never_comes_is_a_warning(home: Path) -> None:
    async def body(scene: Scene) -> None:
        await push(scene, "call-reported")

        def later(it: Scene) -> bool:
            it.stage.advance(0.3)
            return "warning" in it.names()

        await scene.until(later)

    scene = play(home, "Forgetful", body)
    assert reasons(scene, "warning") == ["no-completion"]


def test_of_a_flood_64_kb_are_kept(home: Path) -> None:
    scene = play(home, "Loud", lambda it: push(it, "hook"))
    (hook,) = (one.to_json() for one in scene.told if one.event.event == "hook")
    text = str(hook["detail"])
    assert OUTPUT_BYTES < len(text) < OUTPUT_BYTES + 50
    assert text.endswith(f"… ({400_000 + text.index('x') - OUTPUT_BYTES} more bytes)")


def test_an_app_that_floods_disturbs_no_other(home: Path) -> None:
    async def body(scene: Scene) -> None:
        phones(scene, "two")
        asked = scene.push()
        text = b'{"callUUID":"x","handle":"flood"}'
        scene.stage.requested(1, 1, Request(headers=asked.headers, body=text, body_size=len(text)))
        await scene.until(lambda it: len(output_of(it.stage.app)) == OUTPUT_BYTES)
        await push_to(scene, "two")
        assert "call-reported" in scene.names()
        scene.stage.advance(7)
        await scene.until(lambda it: it.names().count("hook") == 2)

    scene = play(home, "Floods", body)
    assert reasons(scene, "terminated") == ["0xBAADCA11"]
    assert len(str(scene.told[-1].to_json()["detail"])) < OUTPUT_BYTES + 50


def test_an_app_that_dies_between_pushes_is_launched_for_the_next(home: Path) -> None:
    async def body(scene: Scene) -> None:
        await push(scene, "hook")
        await scene.until(lambda it: "warning" in it.names())
        await push(scene, "hook")

    scene = play(home, "DiesLater", body)
    (note,) = (one.to_json() for one in scene.told if one.event.event == "warning")
    assert (note["reason"], str(note["detail"])[-11:]) == ("app-ended", "exit code 3")
    assert scene.names().count("launched") == 2
    assert "terminated" not in scene.names()


def test_text_of_any_kind_passes_through_an_app(home: Path) -> None:
    async def body(scene: Scene) -> None:
        asked = scene.push()
        text = b'{"callUUID":"\\ud800\\u0000##[x]","handle":"\\u202e\\ud83d\\ude00"}'
        scene.stage.requested(1, 1, Request(headers=asked.headers, body=text, body_size=len(text)))
        await scene.until(lambda it: "hook" in it.names())

    scene = play(home, "Echo", body)
    assert scene.names()[-2:] == ["call-reported", "hook"]
    assert "\\ud800\x00##[x] \u202e\U0001f600" in said(scene)


def test_types_without_a_registry_are_discarded(home: Path) -> None:
    async def body(scene: Scene) -> None:
        phones(scene, "watch", platform="watchos")
        await push(scene, "discarded", PushType.complication)
        await push(scene, "discarded", PushType.complication)

    scene = play(home, "Good", body)
    assert reasons(scene, "discarded") == ["not-registered"] * 2
    assert scene.names().count("delivered") == 1  # by the second the registry has said its types


# Processes


def test_an_app_that_the_user_ends_is_gone_and_comes_back(home: Path) -> None:
    async def body(scene: Scene) -> None:
        await push(scene, "hook")
        scene.stage.feed(Kill(device="iphone", bundle_id=BUNDLE))
        await scene.until(lambda it: not is_alive(pids(it)[0]))
        await push(scene, "hook")

    scene = play(home, "Good", body)
    assert scene.names().count("launched") == 2
    assert len(set(pids(scene))) == 2


def test_an_idle_app_makes_room_for_another_and_is_launched_again(home: Path) -> None:
    async def body(scene: Scene) -> None:
        phones(scene, "two", "three")
        alive: list[int] = []
        scene.on_tell = lambda: alive.append(sum(map(is_alive, set(pids(scene)))))
        for device in ("iphone", "two", "three", "iphone"):
            await push_to(scene, device)
        await idle(scene)
        assert max(alive) <= 2

    scene = play(home, "Good", body, processes=2)
    assert scene.names().count("launched") == 4
    assert len(set(pids(scene))) == 4


def test_many_apps_take_turns(home: Path) -> None:
    """Four devices get two pushes at once, and two processes may run."""

    async def body(scene: Scene) -> None:
        names = [f"d{number}" for number in range(4)]
        phones(scene, *names)
        for name in names * 2:
            scene.stage.requested(1, 1, to(scene.push(), scene_token(scene, name)))
        await scene.until(lambda it: it.names().count("call-reported") == 8)
        await idle(scene)

    scene = play(home, "Good", body, processes=2)
    assert "terminated" not in scene.names()
    assert len(set(pids(scene))) >= 4


def test_an_app_sees_no_secret_and_leads_a_session(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = {"PUSHKIT_KEY", "PUSHKIT_KEY_FILE", "PUSHKIT_LISTEN_KEY", "PUSHKIT_FORWARD_SECRET",
              "PUSHKIT_EXPORT_TOKEN_FILE", "SSLKEYLOGFILE", "PUSHKIT_HOME"}  # fmt: skip
    for name in secret:
        monkeypatch.setenv(name, f"canary-{name}")
    monkeypatch.setenv("PUSHKIT_PORT", "1")
    scene = play(home, "Curious", lambda it: push(it, "hook"))
    lines = said(scene)
    assert "variables PUSHKIT_PORT" in lines
    assert not any("canary" in line for line in lines)
    assert "stdin  leader True" in lines


def test_a_listener_that_stops_leaves_no_process(home: Path) -> None:
    async def body(scene: Scene) -> None:
        await push(scene, "delivered")
        app = scene.stage.app
        await scene.until(lambda _: bool(told_by(app)))
        seen.extend(told_by(app))
        assert all(map(is_alive, seen))

    seen: list[int] = []
    play(home, "Hangs", body)
    assert len(seen) == 2
    assert has_ended(*seen)
