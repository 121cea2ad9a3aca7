"""The wheel and the sdist: built, installed into a clean environment, and used from there."""

import os
import subprocess
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from pushkit_cli import __version__
from pushkit_cli.cli.snippet import LANGUAGES, source

ROOT = Path(__file__).parents[2]
PATIENCE_S = 300.0


def _run(folder: Path, *argv: str | Path) -> str:
    """Away from the sources, so that only what was installed can be found."""
    done = subprocess.run(
        argv, cwd=folder, env={**os.environ, "PYTHONPATH": ""}, capture_output=True, text=True,
        timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, (argv, done.stdout, done.stderr)
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both."""
    folder = tmp_path_factory.mktemp("built")
    venv.create(folder / "tools", with_pip=True)
    python = folder / "tools/bin/python"
    _run(folder, python, "-m", "pip", "install", "-q", "hatchling")
    script = "import sys; from hatchling.build import build_sdist, build_wheel; "
    script += "build_sdist(sys.argv[1]); build_wheel(sys.argv[1])"
    _run(ROOT, python, "-c", script, folder / "dist")
    return folder / "dist"


def test_what_was_built_is_of_this_version_and_whole(built: Path) -> None:
    names = {path.name for path in built.iterdir()}
    assert f"pushkit_cli-{__version__}.tar.gz" in names
    (wheel,) = built.glob("*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    ours = {path.relative_to(ROOT).as_posix() for path in (ROOT / "pushkit_cli").rglob("*.py")}
    assert ours <= inside
    assert "pushkit_cli/py.typed" in inside
    assert not any(name.startswith("tests/") for name in inside)
    with tarfile.open(built / f"pushkit_cli-{__version__}.tar.gz") as archive:
        kept = {name.partition("/")[2] for name in archive.getnames()}
    assert {"README.md", "CHANGELOG.md", "LICENSE", "docs/json.md", "completions/_pushkit"} <= kept


def test_it_is_used_from_a_clean_environment(built: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env/bin/python"
    (wheel,) = built.glob("*.whl")
    _run(tmp_path, python, "-m", "pip", "install", "-q", wheel)
    for name in ("pushkit", "pushkit-cli"):
        assert __version__ in _run(tmp_path, tmp_path / "env/bin" / name, "--version")
    pushkit = tmp_path / "env/bin/pushkit"
    for language in LANGUAGES:
        assert _run(tmp_path, pushkit, "snippet", language) == source(language)
    _run(tmp_path, pushkit, "demo")
    _run(tmp_path, pushkit, "doctor")
    where = _run(tmp_path, python, "-c", "import pushkit_cli; print(pushkit_cli.__file__)")
    assert Path(where.strip()).is_relative_to(tmp_path)
