"""What a listener says of itself when it is ready: the facts of the contract's ready object."""

from dataclasses import dataclass
from typing import Any

from pushkit_cli.apns.facts import Door, TokenState
from pushkit_cli.apns.push import Environment, PushType
from pushkit_cli.emulator.state import App, Device, State
from pushkit_cli.engine.local import ProviderKey, Trust


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a door is."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """As an endpoint."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"https://{host}:{self.port}"


def describe(
    state: State,
    *,
    addresses: dict[Door, Address],
    trust: Trust,
    key: ProviderKey,
    first: tuple[str, ...],
) -> dict[str, Any]:
    """The ready object but for `v`, `event`, `seq`, `at`, `pid`, `version`, `nonce` and `home`.

    `first` are the apps of this run: of a kept state's apps they are named first.
    """
    kept = [app.bundle_id for app in state.all_of(App)]
    apps = [*first, *(name for name in kept if name not in first)]
    sandbox = addresses[Door(environment=Environment.SANDBOX)]
    return {
        "endpoints": {door.name: address.url for door, address in addresses.items()},
        "endpoint": sandbox.url,
        "host": sandbox.host,
        "port": sandbox.port,
        "environment": "local",
        "ca_file": str(trust.ca_file),
        "ca_bundle_file": str(trust.ca_bundle_file),
        "truststore_file": str(trust.truststore_file),
        "team_id": key.team_id,
        "key_id": key.key_id,
        "key_file": None if key.file is None else str(key.file),
        "apps": apps,
        "teams": {app.bundle_id: app.team_id for app in state.all_of(App)},
        "devices": [_device(device, state, apps) for device in state.all_of(Device)],
    }


def _device(device: Device, state: State, order: list[str]) -> dict[str, Any]:
    apps: dict[tuple[str, Environment], dict[PushType, str]] = {}
    for token in state.tokens_of(device.name):
        if token.state is TokenState.LIVE:
            apps.setdefault((token.bundle_id, token.environment), {})[token.type] = token.token
    # The flat keys repeat the first app's sandbox values.
    ranked = sorted(apps, key=lambda app: (app[1] is not Environment.SANDBOX, order.index(app[0])))
    listed = [
        {"bundle_id": bundle_id, "environment": environment, "tokens": apps[bundle_id, environment]}
        for bundle_id, environment in ranked
    ]
    first: dict[str, Any] = listed[0] if listed else {"bundle_id": None, "tokens": {}}
    return {
        "name": device.name,
        "platform": device.platform,
        "os": device.os,
        "bundle_id": first["bundle_id"],
        "tokens": first["tokens"],
        "apps": listed,
    }
