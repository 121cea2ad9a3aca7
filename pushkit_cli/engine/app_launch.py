"""Where an app under test comes from: its file, looked at once, and what it finds on its device."""

import asyncio

from pushkit_cli.apns.facts import TokenState
from pushkit_cli.emulator import tokens
from pushkit_cli.emulator.state import State
from pushkit_cli.engine.app_host import AppKey
from pushkit_cli.engine.app_process import AppProcess, AppSpec, Launch
from pushkit_cli.errors import ConfigError
from pushkit_cli.phone.app_state import PUSHKIT_TYPES
from pushkit_cli.pushkit import PushType

RAW = {kind: PushType.of(kind).raw_value for kind in PUSHKIT_TYPES}
"""PushKit's types by the names they have in PushKit."""
_LOOK_S = 10.0


def launch_of(state: State, key: AppKey) -> Launch:
    """What an app finds on its device."""
    name, environment, bundle_id = key
    device = state.device(name)
    return Launch(
        platform="" if device is None else device.platform,
        os="" if device is None else device.os,
        tokens={
            RAW[kind]: token.token
            for (kind, where), token in tokens.current(state, name, bundle_id).items()
            if where is environment and token.state is TokenState.LIVE and kind in RAW
        },
    )


def look(spec: AppSpec) -> None:
    """Import the file once, in a process as it will be. Raises ConfigError where that fails."""
    if not spec.file.is_file():
        raise ConfigError(f"{spec.file} cannot be read", hint="--app-module FILE.py:CLASS")
    said = asyncio.run(_look(spec))
    if said is not None:
        raise ConfigError(
            f"{spec.file}:{spec.name} cannot be run: {said}",
            hint=f"python {spec.file} shows where",
        )


async def _look(spec: AppSpec) -> str | None:
    """What is wrong with it; `None`: nothing."""
    try:
        process = await AppProcess.start()
    except OSError as error:
        return f"no process can be started: {error.strerror}"
    process.run(spec, Launch(platform="", os=""), look=True)
    is_fine = False
    try:
        async with asyncio.timeout(_LOOK_S):
            async for message in process.messages():
                is_fine = is_fine or "looked" in message
    except TimeoutError:
        process.kill()
        await process.end()
        return f"importing it takes longer than {_LOOK_S:.0f} s"
    how = await process.end()
    return None if is_fine else how
