"""What a listener furnishes its world with: the key, apps and devices that its options name."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from pushkit_cli.apns.push import PushType
from pushkit_cli.emulator.moves import Input, Install, Register, SetToken
from pushkit_cli.emulator.state import App, Device, SigningKey, State
from pushkit_cli.engine.local import ProviderKey
from pushkit_cli.engine.variables import check_names
from pushkit_cli.errors import UsageError
from pushkit_cli.phone.registry import DEFAULT_DEVICES, OS_VERSIONS, token_types


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSpec:
    """A device as the command line names it."""

    name: str
    platform: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSpec:
    """A token as the command line gives it; `device` `None`: the first that can have the type."""

    device: str | None
    type: PushType
    token: str


def furniture(
    state: State,
    *,
    key: ProviderKey,
    team_id: str,
    apps: tuple[str, ...],
    devices: tuple[DeviceSpec, ...],
    tokens: tuple[TokenSpec, ...],
) -> Iterator[Input]:
    """The inputs that make the world what was said; the same again changes nothing.

    An app that was given to another team, of which there is a key, stays with it.
    Raises UsageError for a token that no device of these can have, and for names too much alike.
    """
    yield Register(
        record=SigningKey(
            key_id=key.key_id, team_id=key.team_id, public_pem=key.public_pem.decode("ascii")
        )
    )
    devices = devices or tuple(
        DeviceSpec(name=name, platform=platform) for name, platform in DEFAULT_DEVICES
    )
    others = {one.team_id for one in state.all_of(SigningKey) if one.key_id != key.key_id}
    for bundle_id in apps:
        before = state.app(bundle_id)
        if before is None or before.team_id not in others:
            yield Register(record=App(bundle_id=bundle_id, team_id=team_id))
    _check_names(devices, state)
    for device in devices:
        yield Register(record=_device(device, state))
        for bundle_id in apps:
            yield Install(device=device.name, bundle_id=bundle_id)
    for given in tokens:
        if given.device is not None and given.device not in {device.name for device in devices}:
            raise UsageError(
                f"no device is called {given.device}", hint=f"add --device {given.device}"
            )
        device_name, bundle_id = _able(devices, apps, given)
        yield SetToken(device=device_name, bundle_id=bundle_id, type=given.type, token=given.token)


def _check_names(devices: tuple[DeviceSpec, ...], state: State) -> None:
    """Raise UsageError where two devices, of these or of earlier runs, could not be told apart."""
    names = Counter(device.name for device in devices)
    (often, number), *_ = names.most_common(1)
    if number > 1:
        raise UsageError(f"two devices are called {often}", hint="name each one once")
    check_names(names, (other.name for other in state.all_of(Device)))


def _device(spec: DeviceSpec, state: State) -> Device:
    """A device keeps the system that it was registered with."""
    there = state.device(spec.name)
    if there is not None and there.platform == spec.platform:
        return there
    return Device(name=spec.name, platform=spec.platform, os=OS_VERSIONS[spec.platform])


def _able(
    devices: tuple[DeviceSpec, ...], apps: tuple[str, ...], given: TokenSpec
) -> tuple[str, str]:
    """The first device with an app, or what stands for one, that can have such a token."""
    for device in devices:
        for app in apps:
            if given.device in (None, device.name) and given.type in token_types(
                device.platform, app
            ):
                return device.name, app
    if given.device is not None:  # it is not for us to say what a named device can have
        return given.device, apps[0]
    raise UsageError(
        f"no device of this listener can have a {given.type} token",
        hint=f"add one that can, with --device NAME:PLATFORM, before --token {given.type}=HEX"
        if given.type is not PushType.mdm
        else "name the MDM server's topic: --app com.apple.mgmt.External.UUID",
    )
