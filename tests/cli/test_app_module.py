"""`listen --app-module`: the façade's own example, and files that cannot be run."""

import re
import signal
import textwrap
from pathlib import Path

import pytest

from pushkit_cli import pushkit as facade
from pushkit_cli.cli import stream
from pushkit_cli.cli.render import Terminal
from tests.cli.errands import here
from tests.commands import PATIENCE_S, listening, objects
from tests.engine.apps import has_ended

DELEGATES = Path(__file__).parents[1] / "scenarios" / "delegates.py"


def example() -> str:
    """The app in the docstring of pushkit_cli.pushkit."""
    found = re.search(r"in a file app\.py:\n\n((?:    .*\n|\n)+)", facade.__doc__ or "")
    assert found is not None
    return textwrap.dedent(found[1])


def test_the_example_of_the_facade_takes_a_call(home: Path, tmp_path: Path) -> None:
    app = tmp_path / "app.py"
    app.write_text(example())
    with listening("--port", "0", "--app-module", f"{app}:App") as (process, ready):
        assert here("send", "--type", "voip").returncode == 0
        wait = here("inbox", "wait", "hook=1+")
        assert wait.returncode == 0, wait.stderr
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    events = {one["event"]: one for one in objects(out)}
    assert list(events) == ["push", "launched", "delivered", "call-reported", "hook", "closed"]
    assert events["call-reported"]["detail"].startswith("call from +15550100 reported in ")
    assert events["hook"]["detail"] == f"for my server: {ready['devices'][0]['tokens']['voip']}\n"


def test_what_an_app_writes_stands_under_its_push_line_by_line(home: Path) -> None:
    text = "\n".join(["::error::no command", *map(str, range(11))])
    event = {"event": "hook", "reason": "output", "detail": text, "push_id": "p"}
    shown = list(stream.lines(event, Terminal(variables={}, home=home)))
    assert [line.split() for line in shown[1:3]] == [["app:", "0"], ["app:", "1"]]
    assert "::error" not in shown[0]
    assert shown[-1].strip() == "app: and 2 lines more (--events FILE)"


def test_an_app_does_not_outlive_a_listener_that_is_killed(home: Path) -> None:
    with listening("--port", "0", "--app-module", f"{DELEGATES}:Parent") as (process, _):
        assert here("send", "--type", "voip").returncode == 0
        assert process.stdout is not None
        line = next(line for line in process.stdout if b'"event":"hook"' in line)
        words = objects(line)[0]["detail"].split()
        processes = [int(word) for word in words if word.isdigit()]
        assert len(processes) == 2
        assert not has_ended(*processes, within=0)
        process.kill()
        assert has_ended(*processes)


@pytest.mark.parametrize(
    ("module", "code", "words"),
    [
        ("app.py", 2, "is not FILE.py:CLASS"),
        (":App", 2, "is not FILE.py:CLASS"),
        ("app.py:a b", 2, "is not FILE.py:CLASS"),
        ("nowhere.py:App", 6, "nowhere.py cannot be read"),
        (f"{DELEGATES}:Nobody", 6, "ImportError: delegates.py has no class called Nobody"),
        ("words.txt:App", 6, "ImportError: words.txt is no Python file"),
        ("broken.py:App", 6, "broken.py:App cannot be run: SyntaxError"),
        ("quits.py:App", 6, "it ended with exit code 0"),
    ],
)
def test_what_cannot_be_run_is_one_error_before_anything_listens(
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    module: str,
    code: int,
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("words.txt").write_text("no code")
    Path("broken.py").write_text("def\n")
    Path("quits.py").write_text("import os\nos._exit(0)\n")
    done = here("listen", "--port", "0", "--app-module", module)
    assert done.returncode == code
    assert done.stdout == b""
    text = " ".join(done.stderr.decode().split())
    assert words in text
    assert "hint: " in text
    assert "Traceback" not in text


def test_no_variable_chooses_what_runs(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUSHKIT_LISTEN_APP_MODULE", "nonsense")
    with listening("--port", "0", "--ephemeral") as (_, ready):
        assert ready["event"] == "ready"
