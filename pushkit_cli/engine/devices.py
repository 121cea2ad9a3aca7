"""Emulated devices and their tokens as a user asks for them and controls them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pushkit_cli.apns.facts import TokenState
from pushkit_cli.apns.push import Environment, PushType, token_type
from pushkit_cli.apns.words import meant
from pushkit_cli.emulator.channel_records import Channel
from pushkit_cli.emulator.moves import (
    EndCall,
    EndToken,
    Kill,
    Reinstall,
    Reset,
    RotateToken,
    SetCondition,
    Subscribe,
    Uninstall,
    Unsubscribe,
)
from pushkit_cli.emulator.orders import Order
from pushkit_cli.emulator.state import Device, DeviceToken, State
from pushkit_cli.engine import emulated
from pushkit_cli.engine.setting import Setting
from pushkit_cli.errors import UsageError
from pushkit_cli.phone.app_state import AppState
from pushkit_cli.phone.calls import EndedReason
from pushkit_cli.phone.condition import WORDS
from pushkit_cli.phone.condition import words as words_of
from pushkit_cli.phone.storage import Stored

__all__ = ["DeviceToken", "Done", "EndedReason", "Shown", "Stored", "end_call", "end_token",
    "find", "kill", "listed", "reinstall", "reset", "rotate_token", "set_condition", "subscribe",
    "uninstall"]  # fmt: skip

CONDITIONS = tuple(WORDS)
"""What `device set` takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """What a device remembers of an app; `calls` are the ids of those that ring."""

    bundle_id: str
    environment: Environment
    running: bool
    strikes: int
    is_stopped: bool
    calls: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A device and every token it has or had, the live ones of each app first.

    `condition` is what it is, in words; `apps` what it remembers of its apps; `stored` what waits
    for it; `channels` are those that reach it.
    """

    device: Device
    tokens: tuple[DeviceToken, ...]
    condition: tuple[str, ...]
    apps: tuple[Remembered, ...]
    stored: tuple[Stored, ...]
    channels: tuple[Channel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What an order came to: the app it was for, and the tokens that are otherwise than before."""

    changed: bool
    app: str
    tokens: tuple[DeviceToken, ...]


def listed(setting: Setting) -> list[Shown]:
    """Every emulated device."""
    state = emulated.state(setting)
    return [_shown(device, state) for device in state.all_of(Device)]


def find(setting: Setting, name: str) -> Shown:
    """One device. Raises UsageError where none is called so."""
    state = emulated.state(setting, device=name)
    return _shown(_device(state, name), state, *emulated.phone(setting, name))


def end_token(
    setting: Setting,
    name: str,
    kind: PushType,
    *,
    app: str | None,
    environment: Environment,
    state: TokenState,
    at: float | None,
) -> Done:
    """Make a token one that APNs answers with 410; `at` is Unix seconds, `None`: now."""

    def order(bundle_id: str) -> Order:
        return EndToken(
            device=name,
            bundle_id=bundle_id,
            type=token_type(kind),
            environment=environment,
            state=state,
            at_ms=_ms(at),
        )

    return _done(setting, name, app, order)


def rotate_token(
    setting: Setting, name: str, kind: PushType, *, app: str | None, environment: Environment
) -> Done:
    """Issue a new token in place of the one there was."""
    return _done(
        setting,
        name,
        app,
        lambda bundle_id: RotateToken(
            device=name, bundle_id=bundle_id, type=token_type(kind), environment=environment
        ),
    )


def uninstall(setting: Setting, name: str, *, app: str | None, at: float | None) -> Done:
    """Remove an app: every token it has on the device ends, in both environments."""
    return _done(
        setting,
        name,
        app,
        lambda bundle_id: Uninstall(device=name, bundle_id=bundle_id, at_ms=_ms(at)),
    )


def reinstall(setting: Setting, name: str, *, app: str | None, new_tokens: bool) -> Done:
    """Put an app back: its tokens are live again, or new ones are."""
    return _done(
        setting,
        name,
        app,
        lambda bundle_id: Reinstall(device=name, bundle_id=bundle_id, new_tokens=new_tokens),
    )


def set_condition(setting: Setting, name: str, words: tuple[str, ...]) -> tuple[str, ...]:
    """Make a device so, and give what it then is, in words. Raises UsageError for other words."""
    unknown = [word for word in words if word not in WORDS]
    if unknown:
        raise UsageError(
            f"no device is {unknown[0]}{meant(unknown[0], WORDS)}",
            hint=f"it may be {', '.join(WORDS)}",
        )
    _device(emulated.state(setting, device=name), name)
    emulated.change(setting, [SetCondition(device=name, words=words)])
    return words_of(emulated.state(setting, device=name).condition(name))


def kill(setting: Setting, name: str, *, app: str | None) -> Done:
    """Remove an app from memory, as a user does; the next push launches it again."""
    return _done(setting, name, app, lambda bundle_id: Kill(device=name, bundle_id=bundle_id))


def end_call(
    setting: Setting, name: str, call_id: str, *, app: str | None, reason: EndedReason
) -> Done:
    """End a call that rings, from outside. Raises UsageError where several begin as `call_id` does.

    `call_id` is a call's whole id, or its beginning.
    """
    ringing = {one for _, one in emulated.phone(setting, name)[1]}
    meant = [call_id] if call_id in ringing else [one for one in ringing if _begins(one, call_id)]
    if len(meant) > 1:
        raise UsageError(
            f"{len(meant)} calls that ring begin with {call_id}", hint=f"say more of {meant[0]}"
        )
    call_id = meant[0] if meant else call_id
    return _done(
        setting,
        name,
        app,
        lambda bundle_id: EndCall(device=name, bundle_id=bundle_id, call_id=call_id, reason=reason),
    )


def subscribe(setting: Setting, name: str, channel_id: str, *, ends: bool = False) -> Done:
    """Let a device hear of a channel; `ends`: not any more. Raises UsageError where it cannot."""
    state = emulated.state(setting, device=name)
    _device(state, name)
    channel = state.channel(channel_id)
    if channel is None:
        raise UsageError(
            f"the listener has no channel {channel_id}",
            hint="pushkit channel list --env local, or local-production",
        )
    order = Unsubscribe if ends else Subscribe
    changed = emulated.change(setting, [order(device=name, channel_id=channel_id)])
    return Done(changed=changed, app=channel.bundle_id, tokens=())


def reset(setting: Setting, name: str | None) -> bool:
    """A device, `None`: every one, is as at its beginning; whether anything was otherwise."""
    if name is not None:
        _device(emulated.state(setting, device=name), name)
    return emulated.change(setting, [Reset(device=name)])


def _done(setting: Setting, name: str, app: str | None, order: Callable[[str], Order]) -> Done:
    before = emulated.state(setting, device=name)
    bundle_id = _app(setting, before, name, app)
    changed = emulated.change(setting, [order(bundle_id)])
    after = emulated.state(setting, device=name) if changed else before
    known = set(emulated.tokens_of(before, name))
    others = tuple(one for one in emulated.tokens_of(after, name) if one not in known)
    return Done(changed=changed, app=bundle_id, tokens=others)


def _app(setting: Setting, state: State, name: str, asked: str | None) -> str:
    """The app that is meant: the one named, else the first of this run, else the first there was.

    Raises UsageError where the device has no such app.
    """
    _device(state, name)
    mine = list(dict.fromkeys(one.bundle_id for one in emulated.tokens_of(state, name)))
    if asked is not None and asked not in mine:
        raise UsageError(
            f"{name} never had the app {asked}", hint=f"it has {', '.join(mine) or 'none'}"
        )
    if not mine:
        raise UsageError(f"{name} has no app", hint=f"pushkit register device {name} --app B")
    first = (setting.listener() or {}).get("apps", [])
    return asked or next((one for one in first if one in mine), mine[0])


def _begins(call_id: str, said: str) -> bool:
    return call_id.lower().startswith(said.lower())


def _device(state: State, name: str) -> Device:
    found = state.device(name)
    if found is None:
        names = [one.name for one in state.all_of(Device)]
        raise UsageError(
            f"no emulated device is called {name}{meant(name, names)}",
            hint=f"there are {', '.join(names)}"
            if names
            else "start `pushkit listen`: it makes two",
        )
    return found


def _shown(
    device: Device, state: State, limit: int = 0, calls: Sequence[emulated.Ringing] = ()
) -> Shown:
    tokens = sorted(
        emulated.tokens_of(state, device.name), key=lambda one: one.state is not TokenState.LIVE
    )
    apps = [app for app in state.all_of(AppState) if app.device == device.name]
    return Shown(
        device=device,
        tokens=tuple(tokens),
        condition=words_of(state.condition(device.name)),
        channels=tuple(
            channel
            for channel_id in state.channels.subscriptions(device.name)
            if (channel := state.channel(channel_id)) is not None
        ),
        apps=tuple(
            Remembered(
                bundle_id=app.bundle_id,
                environment=app.environment,
                running=app.running,
                strikes=app.strikes,
                is_stopped=0 < limit <= app.strikes,
                calls=tuple(call_id for key, call_id in calls if key == app.key),
            )
            for app in apps
        ),
        stored=tuple(one for one in state.all_of(Stored) if one.device == device.name),
    )


def _ms(at: float | None) -> int | None:
    return None if at is None else round(at * 1000)
