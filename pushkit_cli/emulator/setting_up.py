"""How the world comes to know apps, keys, devices and tokens, as changes of its records. Pure."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count

from pushkit_cli.apns.facts import TokenState
from pushkit_cli.emulator.moves import Install, Register, Revoke, SetToken
from pushkit_cli.emulator.state import DeviceToken, Record, State
from pushkit_cli.phone import registry

Change = tuple[str, Record | None]
"""A record's key and what stands there from now on; `None`: nothing."""


def changes(
    event: Register | Revoke | Install | SetToken, state: State, *, seed: int
) -> list[Change]:
    """What an input changes; nothing where the world is so already.

    Raises ValueError for an Install or SetToken that names a device or app nobody registered, and
    for a token that is another's.
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
    have = {(token.type, token.environment) for token in state.tokens_of(name, bundle_id)}
    for environment in registry.environments(bundle_id):
        for kind in registry.token_types(found.platform, bundle_id, os=found.os):
            if (kind, environment) not in have:  # one that has ended stays so
                token = next_token(
                    DeviceToken(
                        token="",
                        device=name,
                        bundle_id=bundle_id,
                        type=kind,
                        environment=environment,
                    ),
                    state,
                    seed=seed,
                )
                yield token.key, token


def next_token(like: DeviceToken, state: State, *, seed: int) -> DeviceToken:
    """The next live token of one app, device, type and environment; never one that anybody had."""
    before = sum(_is_of(one, like) for one in state.tokens_of(like.device, like.bundle_id))
    series = (
        registry.issue_token(
            seed=seed,
            app=like.bundle_id,
            device=like.device,
            push_type=like.type,
            environment=like.environment,
            before=number,
        )
        for number in count(before)
    )
    unused = next(token for token in series if state.token(token) is None)
    return replace(like, token=unused, state=TokenState.LIVE, since_ms=None)


def _is_of(one: DeviceToken, other: DeviceToken) -> bool:
    return (one.device, one.bundle_id, one.type, one.environment) == (
        other.device,
        other.bundle_id,
        other.type,
        other.environment,
    )


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
    there = state.token(wanted.token)
    if there is not None:
        if not _is_of(there, wanted):
            whose = f"{there.device}'s {there.environment} {there.type} token of {there.bundle_id}"
            raise ValueError(f"the token {wanted.token[:8]} is {whose} already")
        return  # it is so already; what has ended does not come back by being named
    for token in state.tokens_of(wanted.device, wanted.bundle_id):
        if _is_of(token, wanted) and token.state is TokenState.LIVE:
            yield token.key, None
    yield wanted.key, wanted
