"""A whole listener: home, world, sockets, and the ready file; in this thread or beside it."""

import asyncio
import json
import os
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pushkit_cli import __version__
from pushkit_cli.apns.facts import Door, Policy
from pushkit_cli.emulator.exports import ExportTerms
from pushkit_cli.emulator.fault_words import Fault
from pushkit_cli.emulator.link import FIRST_STREAMS, goodbye
from pushkit_cli.emulator.moves import Input, SetFaults, Started, Tick
from pushkit_cli.emulator.state import App, State
from pushkit_cli.emulator.world import World
from pushkit_cli.engine import announce, doors, host, ids, local, ready, under_test
from pushkit_cli.engine.clock import ManualClock, SystemClock
from pushkit_cli.engine.control import controlled
from pushkit_cli.engine.furnishing import DeviceSpec, TokenSpec, furniture
from pushkit_cli.engine.last_will import folder_removed
from pushkit_cli.engine.objects import stamp
from pushkit_cli.engine.stage import Listener as Tell
from pushkit_cli.engine.stage import Stage
from pushkit_cli.engine.under_test import Builtin, UnderTest
from pushkit_cli.engine.waiting import wait_for
from pushkit_cli.errors import ConfigError, StoreError, UsageError
from pushkit_cli.net.binding import as_client_sees, is_loopback
from pushkit_cli.net.server import Server
from pushkit_cli.net.tls import server_context
from pushkit_cli.phone.policy import DevicePolicy
from pushkit_cli.phone.registry import PLATFORMS
from pushkit_cli.store.emulator_db import NAME as EMULATOR_DB
from pushkit_cli.store.emulator_db import EmulatorDb
from pushkit_cli.store.files import Home, remove, write_private
from pushkit_cli.store.sockets import place as socket_place

__all__ = ["PLATFORMS", "DeviceSpec", "Options", "Running", "TokenSpec", "run", "running"]

DEFAULT_APP = "com.example.pushkit"
_GRACE_S = 2.0
_PROBED_S = 0.2
"""Whoever looks for a listener holds its lock for a moment; one that runs holds it longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a listener is told. `home` `None`: a temporary one that is gone with it.

    `manage_port` `None`: Apple's, beside the usual `port`; else a free one. `host` `None`: this
    machine's own addresses. `sans` are names its certificate holds besides. From `seed` follow
    tokens (`None`: as from 0), the chance of faults, and ids, which otherwise nobody foresees.
    `clock_at` (Unix seconds): where a manual clock starts, `None`: now.
    """

    home: Path | None
    apps: tuple[str, ...] = ()
    devices: tuple[DeviceSpec, ...] = ()
    tokens: tuple[TokenSpec, ...] = ()
    team_id: str = local.TEAM_ID
    key_id: str | None = None
    key: Path | None = None
    port: int = doors.SANDBOX_PORT
    production_port: int = doors.PRODUCTION_PORT
    manage_port: int | None = None
    manage_production_port: int | None = None
    seed: int | None = None
    host: str | None = None
    sans: tuple[str, ...] = ()
    policy: Policy = field(default_factory=Policy)
    client_authorities: tuple[Path, ...] = ()
    ready_file: Path | None = None
    app: UnderTest = field(default_factory=Builtin)
    device_policy: DevicePolicy = field(default_factory=DevicePolicy)
    exports: ExportTerms = field(default_factory=ExportTerms)
    is_clock_manual: bool = False
    clock_at: float | None = None
    faults: tuple[Fault, ...] = ()


@dataclass(slots=True)
class Running:
    """A listener that accepts connections; `ready` is the object of the contract, kept current.

    `exposed`: other machines can reach it. `now` is the emulator's time, in Unix seconds.
    """

    ready: dict[str, Any]
    exposed: bool
    stop: Callable[[], None]
    now: Callable[[], float]


Beside = Callable[[Stage, dict[str, Any], asyncio.Event], Awaitable[None]]
"""What runs beside a listener that is ready, and ends it by returning.

It is given the stage, the ready object, and what is set when the listener has to end.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Identity:
    """Who a listener is: its home, and the credentials in it."""

    home: Home
    trust: local.Trust
    key: local.ProviderKey
    apps: tuple[str, ...]
    client_authorities: bytes
    control: Path
    secret_file: Path | None
    said: dict[str, Any]


def run(
    options: Options,
    *,
    started: Callable[[Running], None],
    tell: Tell,
    signals: bool = True,
    beside: Beside | None = None,
) -> None:
    """Listen until `Running.stop` is called or, with `signals`, SIGINT or SIGTERM comes.

    With `beside` signals are its business, and when it returns the listener ends.
    Raises ConfigError and its kin where the listener cannot start or go on.
    """
    authorities = local.given_authorities(options.client_authorities)
    with ExitStack() as stack:
        home = _home(options, stack)
        home.folder("run")
        lock = home.lock(ready.LOCK_FILE)
        stack.callback(lock.release)
        if not wait_for(lambda: lock.take(wait=False) or None, timeout=_PROBED_S):
            raise _second_listener(home)
        ready.clear_away(home)
        if options.ready_file is not None:
            ready.clear(options.ready_file)
        database = EmulatorDb(home)
        stack.callback(database.close)
        said: dict[str, Any] = {}
        secret_file = under_test.secret_file(options.app, home)
        world = _world(options, home, database)
        stage = Stage(
            world,
            database,
            tell,
            clock=ManualClock(options.clock_at) if options.is_clock_manual else SystemClock(),
            new_id=host.new_id
            if options.seed is None
            else ids.seeded(options.seed, after=database.last_seq),
            app=under_test.factory(options.app, world.state, secret_file=secret_file, facts=said),
        )
        trust = local.ensure_trust(home, _names(options))
        identity = _Identity(
            home=home,
            trust=trust,
            key=_key(options, home),
            apps=_apps(options, stage.world),
            client_authorities=trust.client_ca_file.read_bytes() + authorities,
            control=stack.enter_context(socket_place(home)),
            secret_file=secret_file,
            said=said,
        )
        try:
            furniture_ = _set_up(options, identity, stage.world.state)
            stage.apply([Started(), *furniture_, SetFaults(faults=options.faults)])
        except ValueError as error:
            raise UsageError(str(error), hint="check --token and --device") from error
        asyncio.run(_serve(options, stage, identity, started, signals=signals, beside=beside))
        if stage.failure is not None:
            raise stage.failure


@contextmanager
def running(options: Options, tell: Tell, *, beside: Beside | None = None) -> Iterator[Running]:
    """A listener in a thread of its own, stopped at the end of the block."""
    up: list[Running] = []
    failed: list[BaseException] = []
    known = threading.Event()

    def started(listener: Running) -> None:
        up.append(listener)
        known.set()

    def body() -> None:
        try:
            run(options, started=started, tell=tell, signals=False, beside=beside)
        except BaseException as error:  # raised again in the caller's thread
            failed.append(error)
        finally:
            known.set()

    thread = threading.Thread(target=body, name="pushkit-listen")
    thread.start()
    known.wait()
    try:
        if up:
            yield up[0]
    finally:
        for listener in up:
            listener.stop()
        thread.join()
        if failed:
            raise failed[0]


def _home(options: Options, stack: ExitStack) -> Home:
    if options.home is not None:
        return Home(options.home.absolute())
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pushkit-")))
    stack.enter_context(folder_removed(folder))
    return Home(folder)


def _world(options: Options, home: Home, database: EmulatorDb) -> World:
    try:
        return World(
            database.rows(),
            policy=options.policy,
            devices=options.device_policy,
            exports=options.exports,
            seed=options.seed or 0,
        )
    except (ValueError, TypeError) as error:
        raise StoreError(
            f"{home.path / EMULATOR_DB} holds a row that cannot be read: {error}",
            hint="it is kept as it is; move it away to start afresh",
        ) from error


def _second_listener(home: Home) -> ConfigError:
    first = ready.find(home.path, None) or {}
    where = f" (process {first['pid']}, {first['endpoint']})" if first else ""
    return ConfigError(
        f"a listener already runs on {home.path}{where}",
        hint="use that one, or start a separate one with --ephemeral --port 0",
    )


def _names(options: Options) -> tuple[str, ...]:
    """Whom the certificate vouches for beside this machine's own names."""
    return options.sans if options.host is None else (as_client_sees(options.host), *options.sans)


def _key(options: Options, home: Home) -> local.ProviderKey:
    if options.key is not None:
        return local.given_key(options.key, team_id=options.team_id, key_id=options.key_id)
    return local.ensure_key(home, team_id=options.team_id, key_id=options.key_id or local.KEY_ID)


def _apps(options: Options, world: World) -> tuple[str, ...]:
    """The apps of this run: those named, else those kept from earlier ones, else the default."""
    kept = tuple(app.bundle_id for app in world.state.all_of(App))
    return options.apps or kept or (DEFAULT_APP,)


def _set_up(options: Options, identity: _Identity, state: State) -> Iterator[Input]:
    return furniture(
        state,
        key=identity.key,
        team_id=options.team_id,
        apps=identity.apps,
        devices=options.devices,
        tokens=options.tokens,
    )


async def _serve(
    options: Options,
    stage: Stage,
    identity: "_Identity",
    started: Callable[[Running], None],
    *,
    signals: bool,
    beside: Beside | None,
) -> None:
    async with AsyncExitStack() as commands:  # they are answered until the last push was
        await _serve_pushes(
            options, stage, identity, started, commands, signals=signals, beside=beside
        )


async def _serve_pushes(
    options: Options,
    stage: Stage,
    identity: "_Identity",
    started: Callable[[Running], None],
    commands: AsyncExitStack,
    *,
    signals: bool,
    beside: Beside | None,
) -> None:
    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    context = server_context(
        chain=identity.trust.chain_file,
        key=identity.trust.chain_key_file,
        client_authorities=identity.client_authorities,
    )
    places = host.files_to_spare()
    server = Server(stage, context, max_streams=FIRST_STREAMS, max_connections=places)
    stage.attach(server, failed=done.set)
    try:
        with ExitStack() as stack:
            bound = doors.bind_all(_ports(options), options.host)
            addresses = doors.addresses(bound, options.host)
            for door, sockets in bound.items():
                await server.start(door, sockets)
            said = identity.said
            said.update(_announce(options, identity, stage, addresses))
            files = _ready_files(options, identity.home)

            def publish() -> None:
                said.update(_facts(identity, stage, addresses))
                data = json.dumps(said).encode("ascii")
                for path, option in zip(files, (None, "--ready-file"), strict=False):
                    write_private(path, data, option=option)

            await commands.enter_async_context(controlled(stage, identity.control, publish))
            stack.callback(files.clear)  # commands come until the end, and bring none back
            for path in files:
                stack.callback(remove, path)
            if signals and beside is None:  # before anybody knows that there is something to stop
                stack.enter_context(host.stop_signals(loop, done.set))
            publish()

            def stop() -> None:
                with suppress(RuntimeError):  # the loop is closed: it has stopped already
                    loop.call_soon_threadsafe(done.set)

            exposed = options.host is not None and not is_loopback(options.host)
            started(Running(ready=said, stop=stop, exposed=exposed, now=stage.clock.now))
            stage.feed(Tick())  # what fell due while nobody listened, or was left unfinished
            await (done.wait() if beside is None else beside(stage, said, done))
    finally:
        await server.stop(grace=_GRACE_S, goaway=goodbye("Shutdown", options.policy))
        await stage.app.stop()
        stage.stop()


def _ports(options: Options) -> dict[Door, int]:
    return doors.ports(
        options.port,
        options.production_port,
        options.manage_port,
        options.manage_production_port,
    )


def _facts(
    identity: "_Identity", stage: Stage, addresses: dict[Door, announce.Address]
) -> dict[str, Any]:
    return announce.describe(
        stage.world.state,
        addresses=addresses,
        trust=identity.trust,
        key=identity.key,
        first=identity.apps,
    )


def _announce(
    options: Options,
    identity: "_Identity",
    stage: Stage,
    addresses: dict[Door, announce.Address],
) -> dict[str, Any]:
    body = {
        "event": "ready",
        "pid": os.getpid(),
        "version": __version__,
        "nonce": host.new_id(),
        "home": str(identity.home.path),
        "control": str(identity.control),
        "forward_secret_file": None if identity.secret_file is None else str(identity.secret_file),
        **_facts(identity, stage, addresses),
        "client_ca_files": [
            str(path) for path in (identity.trust.client_ca_file, *options.client_authorities)
        ],
        "auth": str(options.policy.trust),
        "clock": "manual" if options.is_clock_manual else "system",
    }
    return stamp(body, seq=stage.seq, at_ms=int(host.now() * 1000))


def _ready_files(options: Options, home: Home) -> list[Path]:
    kept = home.path / ready.RUN_FILE
    return [kept] if options.ready_file is None else [kept, options.ready_file.absolute()]
