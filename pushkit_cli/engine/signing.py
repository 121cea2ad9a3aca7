"""What a push is signed with: variables, a registered key or certificate, or the local key.

Provider tokens are kept between runs, and one process mints: APNs refuses who mints too often.
"""

import base64
import binascii
import re
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pushkit_cli.apns import token
from pushkit_cli.apns.facts import Trust
from pushkit_cli.apns.token import ProviderToken
from pushkit_cli.engine import host
from pushkit_cli.engine.given import read_given
from pushkit_cli.engine.setting import Setting
from pushkit_cli.engine.timekeeping import manual_time
from pushkit_cli.engine.where import Where
from pushkit_cli.errors import ConfigError, CredentialError, StoreError
from pushkit_cli.store.book import Credential
from pushkit_cli.store.files import Home
from pushkit_cli.store.keystore import CertificateFiles, TokenCache

KEY_VARIABLES = ("PUSHKIT_KEY", "PUSHKIT_KEY_FILE", "PUSHKIT_TEAM_ID", "PUSHKIT_KEY_ID")
_ID = re.compile(r"[A-Za-z0-9._\-]{1,64}")
_STATELESS = "set PUSHKIT_KEY_FILE, PUSHKIT_TEAM_ID and PUSHKIT_KEY_ID"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Who signs: a key, or with `certificate` nobody, because TLS says who we are.

    `file_id` is the key id in the key file's name, where it has one. `now` (Unix seconds) is the
    time of whoever will judge the token.
    """

    team_id: str
    key_id: str | None
    private: Callable[[], bytes] = field(repr=False, default=lambda: b"")
    public: Callable[[], bytes] = field(repr=False, default=lambda: b"")
    file_id: str | None = None
    certificate: CertificateFiles | None = None
    now: Callable[[], float] = field(repr=False, default=host.now)

    def provider_token(self, cache: TokenCache, *, renew: str | None = None) -> str | None:
        """A provider token, kept or new; `None` with a certificate.

        `renew` is a token APNs called expired: it is replaced, unless another process did so.
        Raises CredentialError for a key that cannot sign.
        """
        if self.certificate is not None or self.key_id is None:
            return None
        name = cache.name(team_id=self.team_id, key_id=self.key_id, public_pem=self.public())
        kept = self._fresh(cache.get(name), renew)
        if kept is not None:
            return kept
        with cache.lock() or nullcontext():
            kept = self._fresh(cache.get(name), renew)
            if kept is None:
                kept = self._mint(self.key_id)
                cache.put(name, kept)
        return kept

    def _fresh(self, text: str | None, renew: str | None) -> str | None:
        """A kept token that may be used: whole, ours, and neither too old nor from the future."""
        if text is None or text == renew:
            return None
        found = token.read(text)
        ours = isinstance(found, ProviderToken) and (found.team_id, found.key_id) == (
            self.team_id,
            self.key_id,
        )
        if not ours or not isinstance(found, ProviderToken):
            return None
        return text if token.is_fresh(found.issued_at, self.now()) else None

    def _mint(self, key_id: str) -> str:
        try:
            return token.mint(self.private(), team_id=self.team_id, key_id=key_id, now=self.now())
        except ValueError as error:
            raise CredentialError(
                str(error), hint="the key must be the AuthKey_….p8 file from Apple, as it came"
            ) from error


def signer(
    where: Where, *, app: str | None, setting: Setting, listener: dict[str, Any] | None
) -> Signer:
    """Who signs for an app at a place, by the clock there. Raises ConfigError where nobody can."""
    found = _signer(where, app, setting, listener)
    at = manual_time(setting, listener, where.endpoint)
    return found if at is None else replace(found, now=lambda: at)


def _signer(
    where: Where, app: str | None, setting: Setting, listener: dict[str, Any] | None
) -> Signer:
    if setting.variable("PUSHKIT_ENDPOINT") is not None and not where.target.is_local:
        said = None  # the variables are the listener's
    else:
        said = stateless(setting)
    if where.target.is_local and (said is None or _is_the_listeners(said, listener)):
        return (
            (_local_certificate(where, app, setting, listener) if said is None else None)
            or _of_another_team(app, setting, listener)
            or said
            or _local(setting, listener)
        )
    return said or _registered(where, app, setting)


def _is_the_listeners(said: Signer, listener: dict[str, Any] | None) -> bool:
    """Whether the variables are those that a listener gives to the command inside it."""
    ours = listener or {}
    return (said.team_id, said.key_id) == (ours.get("team_id"), ours.get("key_id"))


def stateless(setting: Setting) -> Signer | None:
    """Who signs by the variables. Raises ConfigError where they are not whole."""
    pem, file = setting.variable("PUSHKIT_KEY"), setting.path_of("PUSHKIT_KEY_FILE")
    team_id, key_id = setting.variable("PUSHKIT_TEAM_ID"), setting.variable("PUSHKIT_KEY_ID")
    if pem is None and file is None:
        return None
    missing = [
        name
        for name, value in (("PUSHKIT_TEAM_ID", team_id), ("PUSHKIT_KEY_ID", key_id))
        if value is None
    ]
    if missing or team_id is None or key_id is None:
        raise ConfigError(f"{' and '.join(missing)} must be set beside the key", hint=_STATELESS)
    check_ids(team_id, key_id)
    if pem is not None:
        raw = _pem(pem)
        return Signer(
            team_id=team_id, key_id=key_id, private=lambda: raw, public=lambda: _public(raw)
        )
    assert file is not None
    return _of_file(file, team_id=team_id, key_id=key_id)


def check_ids(team_id: str, key_id: str) -> None:
    """Refuse what can be no id; those of a local listener may be of any length."""
    for what, value in (("team id", team_id), ("key id", key_id)):
        if not _ID.fullmatch(value):
            raise CredentialError(
                f"{value} is no {what}", hint="it has ten capital letters and digits"
            )


def _pem(text: str) -> bytes:
    if "-----BEGIN" in text:
        return text.replace("\\n", "\n").encode("utf-8", "surrogateescape")
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise CredentialError(
            "PUSHKIT_KEY is neither PEM nor base64 of it", hint="base64 < AuthKey_ID.p8"
        ) from error


def _of_file(file: Path, *, team_id: str, key_id: str) -> Signer:
    """A key in a file; its public half stands beside a file that this program wrote."""
    check_ids(team_id, key_id)
    stem = file.stem
    named = stem.removeprefix("AuthKey_") if stem.startswith("AuthKey_") else None
    beside = file.parent / f"{key_id}.pub"

    def public() -> bytes:
        return _read(beside) if beside.exists() else _public(_read(file))

    return Signer(
        team_id=team_id,
        key_id=key_id,
        private=lambda: _read(file),
        public=public,
        file_id=named,
    )


def _public(private_pem: bytes) -> bytes:
    from pushkit_cli.net.certs import public_pem_of

    try:
        return public_pem_of(private_pem)
    except ValueError as error:
        raise CredentialError(
            f"this key cannot sign: {error}",
            hint="it must be the AuthKey_….p8 file from Apple, as it came",
        ) from error


def _local_certificate(
    where: Where, app: str | None, setting: Setting, listener: dict[str, Any] | None
) -> Signer | None:
    """The app's registered certificate, where the listener takes it: Apple's it would not."""
    entry = None if app is None else setting.book.apps.get(app)
    credential = None if entry is None else entry.credentials.get(where.target.environment)
    name = None if credential is None else credential.certificate
    files = None if name is None or setting.drawer is None else setting.drawer.certificate(name)
    if entry is None or files is None:
        return None
    from pushkit_cli.engine.local import client_ca_file
    from pushkit_cli.net.client_certs import is_issued_by

    accepted = (listener or {}).get("client_ca_files") or [client_ca_file(setting.home)]
    known = b"\n".join(_read(Path(path)) for path in accepted if Path(path).exists())
    if not is_issued_by(_read(files.chain_file), known):
        return None
    return Signer(team_id=entry.team_id, key_id=None, certificate=files)


def _of_another_team(
    app: str | None, setting: Setting, listener: dict[str, Any] | None
) -> Signer | None:
    """A key of the app's own team, where the listener has the app in another team than its own."""
    from pushkit_cli.engine.local import TEAM_ID

    team_id = None if app is None else _team_of(app, setting, listener)
    ours = {"team_id": TEAM_ID} if listener is None else listener
    if team_id is None or ours["team_id"] == team_id or ours.get("auth") == Trust.ANY:
        return None
    for key_id, key in setting.book.keys.items():
        if key.team_id == team_id and (not key.topics or app in key.topics):
            return _credential(Credential(key_id=key_id), team_id, setting)
    raise ConfigError(
        f"{app} is of team {team_id}, of which no key is here",
        hint=f"pushkit register key AuthKey_ID.p8 --team-id {team_id}, or {_STATELESS}",
    )


def _team_of(app: str, setting: Setting, listener: dict[str, Any] | None) -> str | None:
    if listener is not None:
        found: str | None = listener.get("teams", {}).get(app)
        return found
    from pushkit_cli.engine import emulated

    known = emulated.state(setting).app(app)
    return None if known is None else known.team_id


def _local(setting: Setting, listener: dict[str, Any] | None) -> Signer:
    if listener is not None:
        if listener["key_file"] is None:
            raise ConfigError("the listener knows only the public half of its key", hint=_STATELESS)
        return _of_file(
            Path(listener["key_file"]), team_id=listener["team_id"], key_id=listener["key_id"]
        )
    from pushkit_cli.engine import local

    key = local.ensure_key(Home(setting.home))
    assert key.file is not None
    return _of_file(key.file, team_id=key.team_id, key_id=key.key_id)


def _registered(where: Where, app: str | None, setting: Setting) -> Signer:
    environment = where.target.environment
    entry = None if app is None else setting.book.apps.get(app)
    if app is None or entry is None:
        raise ConfigError(
            f"no key is known for {app or where.target}",
            hint=f"pushkit register app {app or 'BUNDLE_ID'} --team-id T --key AuthKey_ID.p8, or "
            + _STATELESS,
        )
    credential = entry.credentials.get(environment)
    if credential is None:
        have = ", ".join(entry.credentials) or "no environment"
        raise ConfigError(
            f"{app} has no credential for {environment}: it has one for {have}",
            hint=f"pushkit register app {app} --team-id {entry.team_id} --env {environment} …",
        )
    return _credential(credential, entry.team_id, setting)


def _credential(credential: Credential, team_id: str, setting: Setting) -> Signer:
    drawer = setting.drawer
    if credential.certificate is not None:
        files = None if drawer is None else drawer.certificate(credential.certificate)
        if files is None:
            raise ConfigError(
                f"the certificate {credential.certificate} is not in the keystore",
                hint="register the app again with --cert",
            )
        return Signer(team_id=team_id, key_id=None, certificate=files)
    key_id = credential.key_id or ""
    named = setting.book.keys.get(key_id)
    if named is not None and named.file is not None:
        return _of_file(named.file, team_id=team_id, key_id=key_id)
    kept = None if drawer is None else drawer.key(key_id)
    if kept is None:
        raise ConfigError(
            f"the key {key_id} is not in the keystore",
            hint=f"pushkit register key AuthKey_{key_id}.p8 --team-id {team_id}",
        )
    return _of_file(kept.private_file, team_id=team_id, key_id=key_id)


def _read(path: Path) -> bytes:
    try:
        return read_given(path)
    except OSError as error:
        raise StoreError(
            f"the key {path} cannot be read: {(error.strerror or str(error)).lower()}",
            hint="check PUSHKIT_KEY_FILE, or register the key again",
        ) from error
