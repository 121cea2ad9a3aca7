"""Keys and apps of the user's own teams that the emulator is to know: a key's public half alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pushkit_cli.apns.push import Environment
from pushkit_cli.emulator.moves import Register, Revoke
from pushkit_cli.emulator.state import App, Device, DeviceToken, SigningKey, State
from pushkit_cli.engine import emulated, local
from pushkit_cli.engine.registering import Change, check_bundle_id, may_replace
from pushkit_cli.engine.setting import Setting
from pushkit_cli.engine.signing import check_ids
from pushkit_cli.errors import ConfigError, UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a key is good for. `topics` are bundle ids; empty: every app of the team.

    `related` is the key that a topic-specific key rotates with.
    """

    environments: Sequence[Environment]
    topics: tuple[str, ...] = ()
    related: str | None = None


def register_key(
    setting: Setting,
    pem: bytes,
    *,
    file: Path | None,
    team_id: str,
    key_id: str | None,
    scope: Scope,
    replacing: bool,
) -> tuple[str, Change]:
    """Make a key known to the emulator; its id comes back.

    Raises CredentialError for what is no P-256 key, UsageError for a scope that no key can have.
    """
    _check(scope)
    key = local.key_in(pem, file=file, team_id=team_id, key_id=key_id)
    check_ids(team_id, key.key_id)
    record = SigningKey(
        key_id=key.key_id,
        team_id=team_id,
        public_pem=key.public_pem.decode("ascii"),
        environment=scope.environments[0] if len(scope.environments) == 1 else None,
        topics=scope.topics or None,
        related=scope.related,
    )
    known = emulated.state(setting)
    _check_partner(record, known)
    return key.key_id, _kept(setting, known, record, record.key_id, replacing=replacing)


def register_app(
    setting: Setting, bundle_id: str, team_id: str | None, *, replacing: bool
) -> Change:
    """Make an app known to the emulator; with no team said, its own or else the listener's."""
    check_bundle_id(bundle_id)
    known = emulated.state(setting)
    before = known.app(bundle_id)
    listens = (setting.listener() or {}).get("team_id", local.TEAM_ID)
    team = team_id or (listens if before is None else before.team_id)
    record = App(bundle_id=bundle_id, team_id=team)
    return _kept(setting, known, record, bundle_id, replacing=replacing)


def homeless(setting: Setting, bundle_id: str) -> str | None:
    """The device that could be given an app which the running listener has on none.

    `None`: it is on one, or nobody listens; the next listener puts it on every device.
    """
    if setting.listener() is None:
        return None
    known = emulated.state(setting)
    if any(token.bundle_id == bundle_id for token in known.all_of(DeviceToken)):
        return None
    return next((device.name for device in known.all_of(Device)), None)


def revoke_key(setting: Setting, key_id: str) -> None:
    """Forget a key, as Apple does with one that was revoked. Raises UsageError: not known."""
    known = emulated.state(setting)
    if known.signing_key(key_id) is None:
        have = ", ".join(key.key_id for key in known.all_of(SigningKey))
        raise UsageError(f"the emulator knows no key {key_id}", hint=f"it knows: {have or 'none'}")
    emulated.change(setting, [Revoke(key_id=key_id)])


def _kept(
    setting: Setting, known: State, record: App | SigningKey, name: str, *, replacing: bool
) -> Change:
    before = known.records.get(record.key)
    if before == record:
        return Change.unchanged
    if before is not None:
        may_replace("key" if isinstance(record, SigningKey) else "app", name, replacing)
    emulated.change(setting, [Register(record=record)])
    return Change.registered if before is None else Change.replaced


def _check(scope: Scope) -> None:
    """Documented: a topic-specific key is for one environment, and it alone has a partner."""
    for topic in scope.topics:
        check_bundle_id(topic)
    if scope.topics and len(scope.environments) != 1:
        raise UsageError(
            "a topic-specific key is for one environment",
            hint="add --env sandbox or --env production",
        )
    if scope.related is not None and not scope.topics:
        raise UsageError(
            "only a topic-specific key has a related key", hint="add --topic, or drop --related"
        )


def _check_partner(key: SigningKey, known: State) -> None:
    """A key has at most one partner, of its team and environment; it may be registered later."""
    if key.related is None:
        return
    partner = known.signing_key(key.related)
    pair = (key.key_id, key.related)
    taken = [
        other.key_id
        for other in known.all_of(SigningKey)
        if other.key_id not in pair and other.related in pair
    ]
    if partner is not None and partner.related not in (None, key.key_id):
        taken.append(partner.related)
    if key.related == key.key_id or taken:
        who = taken[0] if taken else key.key_id
        raise ConfigError(
            f"{key.key_id} and {key.related} cannot be related: a key has one partner, another",
            hint=f"{who} is in the way: pushkit register show key {who}",
        )
    if partner is not None and (
        partner.topics is None
        or (partner.team_id, partner.environment) != (key.team_id, key.environment)
    ):
        raise ConfigError(
            f"key {key.related} is of another team, environment or kind than {key.key_id}",
            hint="related keys are topic-specific, of one team and one environment",
        )
