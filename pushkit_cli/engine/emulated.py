"""The emulator's state as commands use it: what is ordered goes to whoever holds it.

That is the listener running here, over its control socket; with nobody listening, this process
steps the same World under the same lock. When `change` returns, it holds for the next push.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, TypeVar

from pushkit_cli.apns.facts import TokenState
from pushkit_cli.apns.push import Environment, PushType
from pushkit_cli.emulator.moves import Install, Register
from pushkit_cli.emulator.orders import Order, to_data
from pushkit_cli.emulator.state import App, Device, DeviceToken, State
from pushkit_cli.engine import local, ready
from pushkit_cli.engine.asking import CHANGE, PHONE, RECORDS, Listener, listener_of
from pushkit_cli.engine.setting import Setting
from pushkit_cli.engine.variables import check_names
from pushkit_cli.engine.waiting import wait_for
from pushkit_cli.errors import ConfigError, ListenerError, UsageError
from pushkit_cli.net.control import UnheardError
from pushkit_cli.phone.app_state import AppState
from pushkit_cli.phone.policy import DevicePolicy
from pushkit_cli.phone.registry import OS_VERSIONS, PLATFORMS, environments, token_types
from pushkit_cli.store.emulator_db import NAME, EmulatorDb
from pushkit_cli.store.files import Home

if TYPE_CHECKING:
    from pushkit_cli.engine.stage import Stage

    Held = Listener | Stage

_Came = TypeVar("_Came")
_PATIENCE_S = 5.0
"""A listener that is starting or ending holds the lock for about a second, a command for less."""


def change(setting: Setting, orders: Sequence[Order]) -> bool:
    """Carry orders out, all of them or none; whether anything changed.

    Raises UsageError for an order that cannot be carried out.
    """

    def act(held: "Held") -> bool:
        if isinstance(held, Listener):
            said = held.ask(CHANGE, {"orders": [to_data(one) for one in orders]})
            return bool(said["changed"])
        try:
            return held.change(orders)
        except ValueError as error:
            raise UsageError(str(error), hint="pushkit device list") from error

    return by_holder(setting, act)


def state(setting: Setting, *, device: str | None = None) -> State:
    """Apps, devices and tokens as the emulator has them now.

    With a `device`, of the others nothing but that they are there: there may be thousands.
    """
    if listener_of(setting) is None and not (setting.home / NAME).exists():
        return State()

    def act(held: "Held") -> State:
        return (
            State.load(_records(held, device)) if isinstance(held, Listener) else held.world.state
        )

    return by_holder(setting, act)


Ringing = tuple[str, str]
"""A call that rings: the key of its app's state, and its id."""


def phone(setting: Setting, name: str) -> tuple[int, list[Ringing]]:
    """What no record says of a device: after how many strikes it stops, and what rings."""
    listener = listener_of(setting)
    if listener is None:  # nothing rings where nobody listens
        return DevicePolicy().strikes, []
    said = listener.ask(PHONE, {"device": name})
    return said["strikes"], [
        (AppState(device=name, bundle_id=app, environment=Environment(env)).key, call_id)
        for app, env, call_id, _ in said["calls"]
    ]


def _records(listener: Listener, device: str | None) -> Iterator[tuple[str, dict[str, object]]]:
    at, more = 0, True
    while more:
        said = listener.ask(RECORDS, {"after": at, "device": device})
        at, more = said["at"], said["more"]
        yield from said["records"]


def by_holder(setting: Setting, act: "Callable[[Held], _Came]") -> _Came:
    """Let whoever holds the state act: the listener running here, else a stage under its lock.

    One that has just ended and heard nothing is looked for again. Raises ListenerError where
    another process holds the state and does not let go.
    """
    failure = ListenerError(
        f"another process holds {setting.home}, and it is not ready",
        hint="a listener that is starting or ending? try again in a moment",
    )
    came: list[_Came] = []

    def attempt() -> bool | None:
        nonlocal failure
        with ExitStack() as stack:
            held = listener_of(setting) or _taken(setting.cabinet().home, stack)
            if held is None:
                return None
            try:
                came.append(act(held))
            except UnheardError as error:
                if setting.variable("PUSHKIT_READY_FILE") is not None:
                    raise
                failure = error
                return None
        return True

    if not wait_for(attempt, timeout=_PATIENCE_S):
        raise failure
    return came[0]


def _taken(home: Home, stack: ExitStack) -> "Stage | None":
    """The world of a home, under the listener's own lock; `None` while another holds it."""
    from pushkit_cli.emulator.world import World
    from pushkit_cli.engine.stage import Stage

    home.folder("run")
    lock = home.lock(ready.LOCK_FILE)
    if not lock.take(wait=False):
        return None
    stack.callback(lock.release)
    database = EmulatorDb(home)
    stack.callback(database.close)
    return Stage(World(database.rows()), database, lambda _: None)


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
    known = state(setting)
    there = known.device(name)
    if there is not None and there.platform != platform:
        raise ConfigError(
            f"another device is called {name}: {there.platform} {there.os}",
            hint=f"--platform {there.platform} gives that one the app; else choose another name",
        )
    check_names([name], (other.name for other in known.all_of(Device)))
    version = os or (OS_VERSIONS[platform] if there is None else there.os)
    able = token_types(platform, app, os=version)
    unable = [str(kind) for kind in types if kind not in able]
    if unable:
        raise UsageError(
            f"a device with {platform} {version} has no {', '.join(unable)} tokens",
            hint=f"it has {', '.join(able)}",
        )
    changed = change(
        setting,
        [
            *_app(setting, known, app),
            Register(record=Device(name=name, platform=platform, os=version)),
            Install(device=name, bundle_id=app),
        ],
    )
    tokens = {
        token.type: token.token
        for token in tokens_of(state(setting), name)
        if token.bundle_id == app
        and token.state is TokenState.LIVE
        and token.environment is environments(app)[0]
        and (not types or token.type in types)
    }
    return changed, tokens


def _app(setting: Setting, known: State, bundle_id: str) -> list[Order]:
    """What makes an app known: it is the listener's team's, and stays its owner's."""
    if known.app(bundle_id) is not None:
        return []
    listener = setting.listener() or {}
    team_id = listener.get("team_id", local.TEAM_ID)
    return [Register(record=App(bundle_id=bundle_id, team_id=team_id))]


def tokens_of(state: State, name: str) -> Iterable[DeviceToken]:
    """Every token a device has or had."""
    return state.tokens_of(name)
