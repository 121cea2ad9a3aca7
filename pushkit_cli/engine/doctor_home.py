"""The home, what is written in it, this program and the shell around it. Asks nobody."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from pushkit_cli import __version__
from pushkit_cli.engine.finding import Finding, failure, note, problem, well
from pushkit_cli.engine.setting import Setting
from pushkit_cli.errors import ExitCode, PushkitError, StoreError
from pushkit_cli.store.files import open_to_others

_COMPLETED_BY = (
    ".bashrc", ".bash_profile", ".zshrc", ".config/fish/config.fish",
    ".config/fish/completions/pushkit.fish",
    ".local/share/bash-completion/completions/pushkit",
)  # fmt: skip


def program(setting: Setting) -> Iterator[Finding]:
    """Which pushkit this is, and which one a shell would start."""
    python = ".".join(map(str, sys.version_info[:3]))
    yield well("program", f"pushkit {__version__} on Python {python}")
    with suppress(metadata.PackageNotFoundError):
        found = metadata.distribution("pushkit")
        yield problem(
            "program",
            f"the distribution pushkit {found.version} is installed beside pushkit-cli",
            why="it is another project, and its command may take the place of this one",
            remedy="pip uninstall pushkit, then install pushkit-cli again",
            exit_code=ExitCode.EXPECTATION,
        )
    yield from _on_path(setting)
    yield _completion(setting)


def _on_path(setting: Setting) -> Iterator[Finding]:
    first = shutil.which("pushkit", path=setting.variable("PATH") or "")
    ours = Path(sys.executable).with_name("pushkit")
    if first is None:
        yield note("path", "no shell finds pushkit", remedy=f"put {ours.parent} on PATH")
        return
    if Path(first).resolve() == ours.resolve():
        yield well("path", first)
        return
    head = b""
    with suppress(OSError), Path(first).open("rb") as file:
        head = file.read(4096)
    if b"pushkit_cli" in head or b"pyenv" in head or b"asdf" in head:
        yield note("path", f"{first} comes first on PATH, and this is {ours}")
        return
    yield problem(
        "path",
        f"{first} comes first on PATH, and is another program",
        why="the package index has an unrelated project that is called pushkit",
        remedy=f"put {ours.parent} before {Path(first).parent} on PATH, or uninstall that one",
        exit_code=ExitCode.EXPECTATION,
    )


def _completion(setting: Setting) -> Finding:
    home = Path(setting.variable("HOME") or "~")
    for name in _COMPLETED_BY:
        with suppress(OSError):
            if "pushkit" in (home / name).read_text(encoding="utf-8", errors="replace"):
                return well("completion", f"~/{name}")
    return note(
        "completion", "no shell completes pushkit", remedy='eval "$(pushkit completion bash)"'
    )


def home(setting: Setting) -> Iterator[Finding]:
    """Who may read what is kept, and whether it can be read by us."""
    if not setting.home.exists():
        yield note("home", f"{setting.home} is not there: nothing is kept yet")
        return
    why = "without it nothing that was registered can be used"
    try:
        _, warning = setting.token_cache()
        drawer = setting.drawer
    except StoreError as error:
        yield failure("home", error, why="keys and provider tokens are kept there")
        return
    if warning is not None:
        yield note("home", warning)
    exposed = (
        [] if drawer is None else [(p, m) for p in drawer.secrets() if (m := open_to_others(p))]
    )
    for path, mode in exposed:
        yield problem(
            "home",
            f"other users may open {path} (mode {mode})",
            why="it is a secret, and its folder may not always be closed",
            remedy=f"chmod 600 {path}",
            exit_code=ExitCode.EXPECTATION,
        )
    if not exposed:
        yield well("home", f"{setting.home}, for you alone")
    try:
        if drawer is not None:
            drawer.book()
    except PushkitError as error:
        yield failure("profile", error, why=why)


def project(setting: Setting) -> Iterator[Finding]:
    """The nearest pushkit.toml."""
    if setting.project_file is None:
        return
    try:
        setting.project  # noqa: B018 (read, and judged)
    except PushkitError as error:
        yield failure("project", error, why="every command in this folder reads it")
        return
    yield well("project", str(setting.project_file))
