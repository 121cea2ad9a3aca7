"""What a push is signed with: the key that was named, or the local one."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pushkit_cli.apns import token
from pushkit_cli.engine import host
from pushkit_cli.engine.setting import Setting
from pushkit_cli.engine.where import Where
from pushkit_cli.errors import ConfigError, CredentialError


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """A private key and its ids; the key itself is never shown."""

    team_id: str
    key_id: str
    private_pem: bytes = field(repr=False)

    def provider_token(self) -> str:
        """Mint a provider token. Raises CredentialError for a key that cannot sign."""
        try:
            return token.mint(
                self.private_pem, team_id=self.team_id, key_id=self.key_id, now=host.now()
            )
        except ValueError as error:
            raise CredentialError(
                str(error), hint="the key must be the AuthKey_….p8 file from Apple, as it came"
            ) from error


def signer(where: Where, *, setting: Setting, listener: dict[str, Any] | None) -> Signer:
    """The key for a place: that of the variables, or the listener's own for `local`.

    Raises ConfigError where there is none.
    """
    file = setting.path_of("PUSHKIT_KEY_FILE")
    team_id, key_id = setting.variable("PUSHKIT_TEAM_ID"), setting.variable("PUSHKIT_KEY_ID")
    if file is not None and team_id is not None and key_id is not None:
        return Signer(team_id=team_id, key_id=key_id, private_pem=_read(file))
    if not where.target.is_local:
        raise ConfigError(
            f"no key is known for {where.target}",
            hint="set PUSHKIT_KEY_FILE, PUSHKIT_TEAM_ID and PUSHKIT_KEY_ID",
        )
    if listener is not None:
        if listener["key_file"] is None:
            raise ConfigError(
                "the listener knows only the public half of its key",
                hint="set PUSHKIT_KEY_FILE, PUSHKIT_TEAM_ID and PUSHKIT_KEY_ID",
            )
        return Signer(
            team_id=listener["team_id"],
            key_id=listener["key_id"],
            private_pem=_read(Path(listener["key_file"])),
        )
    return _own(setting)


def _own(setting: Setting) -> Signer:
    from pushkit_cli.engine import local
    from pushkit_cli.store.files import Home

    key = local.ensure_key(Home(setting.home))
    assert key.file is not None
    return Signer(team_id=key.team_id, key_id=key.key_id, private_pem=_read(key.file))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"the key {path} cannot be read: {(error.strerror or str(error)).lower()}",
            hint="check PUSHKIT_KEY_FILE, or start `pushkit listen` again",
        ) from error
