"""What APNs keeps for a device that is away, row by row, with the time in our hands.

Each row is played twice: by one listener, and by one that is killed before every step.
"""

import pytest

from pushkit_cli.apns.facts import TokenState
from pushkit_cli.apns.push import PushType
from pushkit_cli.emulator.moves import (
    EndToken,
    Kill,
    Reinstall,
    Reset,
    RotateToken,
    SetToken,
    Uninstall,
)
from tests.emulator.play import Play
from tests.emulator.stage import SANDBOX, Stage
from tests.emulator.storage_rows import (
    ABSENT,
    FILES,
    LATE,
    OFFLINE,
    ONCE,
    PUSHES,
    SHOWN,
    TRIED,
    Row,
    alert,
    at,
    away,
    back,
)
from tests.law import BUNDLE, KeyPair

GONE = "discarded unregistered"


def token_order(it: Play) -> EndToken:
    return EndToken(
        device="iphone", bundle_id=BUNDLE, type=PushType.voip, environment=SANDBOX,
        state=TokenState.UNREGISTERED,
    )  # fmt: skip


TOKENS = (
    # types
    Row(
        name="a stored alert is shown on return",
        play=lambda it: back(alert(away(it))),
        tells=[OFFLINE, LATE, SHOWN],
    ),
    Row(
        name="a stored change of files signals its enumerator on return",
        play=lambda it: back(away(it).push("fileprovider", FILES, headers=ABSENT)),
        tells=[OFFLINE, LATE, "signal-enumerator root"],
    ),
    Row(
        name="a stored complication meets the face that is there on return",
        play=lambda it: (
            it.is_so("offline", device="watch")
            .push("complication", headers=ABSENT)
            .is_so("off-face", device="watch")
            .is_so("online", device="watch")
        ),
        tells=[OFFLINE, "discarded not-on-face"],
    ),
    # tokens and apps
    Row(
        name="its token ends meanwhile",
        play=lambda it: back(away(it).push(headers=ABSENT).do(token_order(it))),
        tells=[OFFLINE, "token-invalidated invalidated", GONE],
    ),
    Row(
        name="its token is replaced meanwhile",
        play=lambda it: back(
            away(it)
            .push(headers=ABSENT)
            .do(
                RotateToken(
                    device="iphone", bundle_id=BUNDLE, type=PushType.voip, environment=SANDBOX
                )
            )
        ),
        tells=[OFFLINE, "token-updated rotated", GONE],
    ),
    Row(
        name="its app is removed meanwhile",
        play=lambda it: back(
            away(it).push(headers=ONCE).do(Uninstall(device="iphone", bundle_id=BUNDLE))
        ),
        tells=[TRIED, *["token-invalidated uninstalled"] * 16, GONE],
    ),
    Row(
        name="its app is installed again, with the same tokens",
        play=lambda it: back(
            away(it).push(headers=ABSENT).do(Reinstall(device="iphone", bundle_id=BUNDLE))
        ),
        tells=[OFFLINE, LATE],
    ),
    Row(
        name="a test gives its token another value",
        play=lambda it: back(
            away(it)
            .push(headers=ABSENT)
            .do(SetToken(device="iphone", bundle_id=BUNDLE, type=PushType.voip, token="ab" * 32))
        ),
        tells=[OFFLINE, GONE],
    ),
    Row(
        name="a killed app is launched by what arrives late",
        play=lambda it: back(
            away(it).push(headers=ABSENT).do(Kill(device="iphone", bundle_id=BUNDLE))
        ),
        tells=[OFFLINE, LATE],
    ),
    Row(
        name="a device that is reset has nothing waiting for it",
        play=lambda it: (
            away(it).push(headers=ABSENT).do(Reset(device="iphone")).push(headers=ABSENT)
        ),
        tells=[OFFLINE, "discarded reset", "delivered"],
    ),
    Row(
        name="offline once more before it took everything",
        play=lambda it: back(
            away(back(away(it).push(headers=ABSENT))).push(headers=at(600)), after=2
        ),
        tells=[OFFLINE, LATE, OFFLINE, LATE],
    ),
)

ROWS = (*PUSHES, *TOKENS)


def test_there_are_rows_enough() -> None:
    assert len(ROWS) >= 40
    assert len({row.name for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("restarts", [False, True], ids=["", "killed before every step"])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_what_becomes_of_a_push(keys: KeyPair, row: Row, restarts: bool) -> None:
    play = Play(Stage(keys, devices=row.policy).set_up(), restarts=restarts)
    row.play(play)
    told = [
        name if reason is None else f"{name} {reason}"
        for name, reason in zip(play.said, play.reasons, strict=True)
        if name != "launched" and reason != "interrupted"
    ]
    assert told == row.tells
    deadline = play.stage.world.deadline()
    assert deadline is None or deadline > play.stage.now
