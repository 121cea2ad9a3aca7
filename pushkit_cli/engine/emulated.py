"""The kept world, stepped by a command while nobody listens on it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from pushkit_cli.apns.push import PushType
from pushkit_cli.emulator.moves import Input, Install, Register
from pushkit_cli.emulator.state import App, Device, DeviceToken
from pushkit_cli.emulator.world import World
from pushkit_cli.engine import local, ready
from pushkit_cli.engine.stage import Stage
from pushkit_cli.errors import ConfigError, UsageError
from pushkit_cli.phone.registry import OS_VERSIONS, PLATFORMS, environments, token_types
from pushkit_cli.store.emulator_db import NAME, EmulatorDb
from pushkit_cli.store.files import Home


@contextmanager
def kept_world(home: Home) -> Iterator[Stage]:
    """The world of a home, under the listener's own lock. Raises ConfigError while one runs."""
    with ExitStack() as stack:
        home.folder("run")
        lock = home.lock(ready.LOCK_FILE)
        if not lock.take(wait=False):
            raise ConfigError(
                "a listener is running on this home and holds its devices",
                hint="stop it first, or start it with --app and --device",
            )
        stack.callback(lock.release)
        database = EmulatorDb(home)
        stack.callback(database.close)
        yield Stage(World(database.rows()), database, lambda _: None)


def register_app(home: Home, bundle_id: str) -> bool:
    """Make an app known to the emulator; whether that changed anything."""
    return _applied(home, [Register(record=App(bundle_id=bundle_id, team_id=local.TEAM_ID))])


def register_device(
    home: Home, name: str, *, app: str, platform: str, os: str | None, types: tuple[PushType, ...]
) -> tuple[bool, dict[PushType, str]]:
    """Make a device with an app; whether that changed anything, and its sandbox tokens.

    Of an MDM topic or a pass type id they are production's: it has no others.
    """
    if platform not in PLATFORMS:
        raise UsageError(
            f"no platform is called {platform}", hint=f"there are {', '.join(PLATFORMS)}"
        )
    able = token_types(platform, app)
    unable = [str(kind) for kind in types if kind not in able]
    if unable:
        raise UsageError(
            f"a device of platform {platform} has no {', '.join(unable)} tokens",
            hint=f"it has {', '.join(able)}",
        )
    record = Device(name=name, platform=platform, os=os or OS_VERSIONS[platform])
    changed = _applied(
        home,
        [
            Register(record=App(bundle_id=app, team_id=local.TEAM_ID)),
            Register(record=record),
            Install(device=name, bundle_id=app),
        ],
    )
    tokens = {
        token.type: token.token
        for token in _tokens(home, name)
        if token.bundle_id == app
        and token.environment is environments(app)[0]
        and (not types or token.type in types)
    }
    return changed, tokens


def listed(home: Home) -> tuple[list[str], list[str]]:
    """Apps and devices the emulator knows."""
    if not (home.path / NAME).exists():
        return [], []
    state = _read(home)
    return (
        [app.bundle_id for app in state.state.all_of(App)],
        [device.name for device in state.state.all_of(Device)],
    )


def _applied(home: Home, inputs: list[Input]) -> bool:
    with kept_world(home) as stage:
        before = dict(stage.world.state.records)
        stage.apply(inputs)
        return before != stage.world.state.records


def _tokens(home: Home, name: str) -> list[DeviceToken]:
    return [one for one in _read(home).state.all_of(DeviceToken) if one.device == name]


def _read(home: Home) -> World:
    """The state as it was last committed; reading needs no lock."""
    database = EmulatorDb(home)
    try:
        return World(database.rows())
    finally:
        database.close()
