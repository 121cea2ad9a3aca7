"""The kept world, stepped by a command while nobody listens on it."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from pushkit_cli.apns.push import PushType
from pushkit_cli.emulator.moves import Input, Install, Register
from pushkit_cli.emulator.state import App, Device, DeviceToken, State
from pushkit_cli.emulator.world import World
from pushkit_cli.engine import local, ready
from pushkit_cli.engine.setting import Setting
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


def change(setting: Setting, orders: Sequence[Input]) -> bool:
    """Carry orders out; whether anything changed."""
    with kept_world(setting.cabinet().home) as stage:
        before = dict(stage.world.state.records)
        stage.apply(orders)
        return before != stage.world.state.records


def state(setting: Setting) -> State:
    """What the emulator knows, as it was last committed; reading needs no lock."""
    if not (setting.home / NAME).exists():
        return State()
    database = EmulatorDb(Home(setting.home))
    try:
        return World(database.rows()).state
    finally:
        database.close()


def register_device(
    setting: Setting,
    name: str,
    *,
    app: str,
    platform: str,
    os: str | None,
    types: tuple[PushType, ...],
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
    owner = state(setting).app(app) or App(bundle_id=app, team_id=local.TEAM_ID)
    changed = change(
        setting,
        [Register(record=owner), Register(record=record), Install(device=name, bundle_id=app)],
    )
    tokens = {
        token.type: token.token
        for token in state(setting).all_of(DeviceToken)
        if (token.device, token.bundle_id) == (name, app)
        and token.environment is environments(app)[0]
        and (not types or token.type in types)
    }
    return changed, tokens
