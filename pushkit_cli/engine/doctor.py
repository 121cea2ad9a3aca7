"""What `pushkit doctor` looks at, in order: what a later look needs is looked at before it."""

from collections.abc import Iterator

from pushkit_cli.engine import doctor_credentials, doctor_home
from pushkit_cli.engine.finding import Finding
from pushkit_cli.engine.setting import Setting
from pushkit_cli.errors import ExitCode


def examine(setting: Setting, *, app: str | None) -> Iterator[Finding]:
    """Everything there is to say. Where the files cannot be read, the rest is left out."""
    yield from doctor_home.program(setting)
    files = [*doctor_home.home(setting), *doctor_home.project(setting)]
    yield from files
    if any(one.exit_code is ExitCode.CONFIG for one in files):
        return
    yield from doctor_credentials.credentials(setting, app)
