"""Foreign text on a real terminal, and the terminal itself."""

import os
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import strategies as st

from tests.hostile import HOSTILE, TO_TERMINALS
from tests.pty_run import run_in_pty, stray_controls

ROOT = Path(__file__).parents[2]
WHOLE = 10**6

hostile = pytest.mark.parametrize("text", [pytest.param(v, id=k) for k, v in HOSTILE.items()])
any_text = st.text(st.characters()) | st.text(
    st.sampled_from("\\x1bun:#[ \x1b\n\x9b\u202e\ue000\udc80\udcff\ud83d\ude00é\u0301\u0310…-")
)


# The terminal

SHOW = """
import sys
from pushkit_cli.cli.text import foreign, foreign_line
from tests.hostile import HOSTILE
for name, text in HOSTILE.items():
    print(foreign_line(f"{name}:", text, ascii_only="ascii" in sys.stdout.encoding))
"""
SHOW_RAW = """
import sys
from tests.hostile import HOSTILE
sys.stdout.buffer.write(HOSTILE[sys.argv[1]].encode("utf-8", "surrogatepass"))
"""


def child_env(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", **more}


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_a_terminal_gets_nothing_but_text(encoding: str) -> None:
    shown = run_in_pty(
        [sys.executable, "-c", SHOW], env=child_env(PYTHONIOENCODING=f"{encoding}:strict")
    )
    assert shown.code == 0
    assert stray_controls(shown.output, colour=False) == []
    lines = shown.output.decode(encoding).removesuffix("\r\n").split("\r\n")
    assert [line.partition(":")[0] for line in lines] == list(HOSTILE)


def test_the_raw_text_on_a_terminal_is_seen_to_be_hostile() -> None:
    """The negative control, on a real terminal; the next test has it for every string."""
    for name in ("osc-52-clipboard-bel", "crlf-header-injection", "bidi-override", "csi-8-bit"):
        raw = run_in_pty([sys.executable, "-c", SHOW_RAW, name], env=child_env())
        assert raw.code == 0
        assert stray_controls(raw.output), name


def test_stray_controls_sees_all_that_is_hostile_to_a_terminal() -> None:
    for name, text in HOSTILE.items():
        # A terminal turns the newline of a program into CR LF.
        written = text.encode("utf-8", "surrogatepass").replace(b"\n", b"\r\n")
        assert bool(stray_controls(written, colour=False)) is (name in TO_TERMINALS), name


def test_stray_controls_knows_ours() -> None:
    coloured = b"\x1b[1;32maccepted\x1b[0m\r\n"
    assert stray_controls(coloured) == []
    assert stray_controls(coloured, colour=False) == ["\x1b[1;32m", "\x1b[0m"]
    bar = b"\x1b[?25l\r\x1b[2K 62%\r\x1b[1A\x1b[2K\x1b[?25h"
    assert stray_controls(bar, progress=True) == []
    assert stray_controls(bar) == [
        "\x1b[?25l",
        "\r",
        "\x1b[2K",
        "\r",
        "\x1b[1A",
        "\x1b[2K",
        "\x1b[?25h",
    ]
    assert stray_controls(b"\x1b[6n\x1b]0;x\x07\xff\r\r\n", progress=False) == [
        "\x1b[6n",
        "\x1b]",
        "\x07",
        "\udcff",
        "\r",
    ]
    assert stray_controls("e\u0301\u0301\u0301".encode()) == ["\u0301"]


RICH_PROGRESS = """
from rich.progress import Progress
with Progress() as progress:
    for _ in progress.track(range(3), description="sending"):
        progress.refresh()
    progress.add_task("second")
    progress.refresh()
"""


def test_a_progress_bar_of_rich_is_ours() -> None:
    env = child_env(TERM="xterm-256color")
    env.pop("NO_COLOR", None)
    shown = run_in_pty([sys.executable, "-c", RICH_PROGRESS], env=env)
    assert shown.code == 0
    assert b"\x1b[2K" in shown.output
    assert stray_controls(shown.output, progress=True) == []
    assert stray_controls(shown.output)


WHERE_AM_I = """
import os, sys
with open("/dev/tty", "w") as terminal:
    print(os.get_terminal_size(), sys.stdin.isatty(), sorted(os.environ)[:3], file=terminal)
sys.exit(5)
"""


def test_the_terminal_is_a_real_one() -> None:
    open_before = sorted(Path("/dev/fd").iterdir())
    ran = run_in_pty(
        [sys.executable, "-I", "-S", "-c", WHERE_AM_I], env={"LC_ALL": "C"}, cols=91, rows=17
    )
    assert ran.code == 5
    assert ran.output == b"os.terminal_size(columns=91, lines=17) True ['LC_ALL']\r\n"
    killed = run_in_pty(["/bin/sh", "-c", "kill -9 $$"], env={})
    assert killed.code == -9
    with pytest.raises(FileNotFoundError):
        run_in_pty(["/nowhere/pushkit"], env={})
    assert sorted(Path("/dev/fd").iterdir()) == open_before


def test_a_silent_command_is_killed_with_its_children(tmp_path: Path) -> None:
    held = tmp_path / "held"
    os.mkfifo(held)
    reader = os.open(held, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with pytest.raises(subprocess.TimeoutExpired) as caught:
            script = 'exec 3>"$1"; sleep 60 & echo started; wait'
            run_in_pty(["/bin/sh", "-c", script, "sh", str(held)], env={}, timeout=0.5)
        assert caught.value.output == b"started\r\n"
        assert select.select([reader], [], [], 10)[0]
        assert os.read(reader, 1) == b""  # the end: nobody is left who could write
    finally:
        os.close(reader)


def test_what_a_command_leaves_behind_holds_nobody_up() -> None:
    started = time.monotonic()
    ran = run_in_pty(["/bin/sh", "-c", "trap '' HUP; sleep 60 & echo done"], env={})
    assert (ran.code, ran.output) == (0, b"done\r\n")
    assert time.monotonic() - started < 10
