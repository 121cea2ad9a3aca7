"""How the world comes to know apps, keys, devices and tokens, as changes of its records. Pure."""

from collections.abc import Iterator
from dataclasses import replace

from pushkit_cli.emulator.moves import Install, Register, Revoke, SetToken
from pushkit_cli.emulator.state import DeviceToken, Record, State
from pushkit_cli.phone import registry

Change = tuple[str, Record | None]
"""A record's key and what stands there from now on; `None`: nothing."""


def changes(
    event: Register | Revoke | Install | SetToken, state: State, *, seed: int
) -> list[Change]:
    """What an input changes; nothing where the world is so already.

    Raises ValueError for an Install or SetToken that names a device or app nobody registered.
    """
    match event:
        case Register(record=record):
            return list(_unless_known(record, state))
        case Revoke(key_id=key_id):
            found = state.signing_key(key_id)
            return [] if found is None else [(found.key, None)]
        case Install(device=name, bundle_id=bundle_id):
            return list(_install(name, bundle_id, state, seed))
        case SetToken():
            return list(_set_token(event, state))


def _unless_known(record: Record, state: State) -> Iterator[Change]:
    if state.records.get(record.key) != record:
        yield record.key, record


def _install(name: str, bundle_id: str, state: State, seed: int) -> Iterator[Change]:
    found = state.device(name)
    if found is None or state.app(bundle_id) is None:
        raise ValueError(f"no device {name}, or no app {bundle_id}")
    have = {
        (token.type, token.environment)
        for token in state.all_of(DeviceToken)
        if token.device == name and token.bundle_id == bundle_id
    }
    for environment in registry.environments(bundle_id):
        for kind in registry.token_types(found.platform, bundle_id):
            if (kind, environment) not in have:
                token = DeviceToken(
                    token=registry.issue_token(
                        seed=seed,
                        app=bundle_id,
                        device=name,
                        push_type=kind,
                        environment=environment,
                    ),
                    device=name,
                    bundle_id=bundle_id,
                    type=kind,
                    environment=environment,
                )
                yield token.key, token


def _set_token(event: SetToken, state: State) -> Iterator[Change]:
    if state.device(event.device) is None or state.app(event.bundle_id) is None:
        raise ValueError(f"no device {event.device}, or no app {event.bundle_id}")
    wanted = DeviceToken(
        token=event.token.lower(),
        device=event.device,
        bundle_id=event.bundle_id,
        type=event.type,
        environment=registry.environments(event.bundle_id)[0],
    )
    for token in state.all_of(DeviceToken):
        if replace(token, token=wanted.token) == wanted and token != wanted:
            yield token.key, None
    yield from _unless_known(wanted, state)
