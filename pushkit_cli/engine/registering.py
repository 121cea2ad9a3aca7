"""What `register` does: keys, apps, devices and export tokens, checked on arrival, then kept."""

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from pushkit_cli.apns import export_token
from pushkit_cli.apns.exports import Dataset
from pushkit_cli.apns.push import Environment, PushType, split_topic
from pushkit_cli.engine import host
from pushkit_cli.engine.local import key_id_of
from pushkit_cli.errors import ConfigError, CredentialError, UsageError
from pushkit_cli.net.certs import public_pem_of
from pushkit_cli.net.client_certs import ClientCertificate, read_certificate
from pushkit_cli.store.book import AppEntry, Book, Credential, DeviceEntry, KeyEntry
from pushkit_cli.store.keystore import Drawer, TokenCache

_ID = re.compile(r"[A-Z0-9]{10}")
_BUNDLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.\-_]{0,199}")
_WHERE_TEAM = "the team id stands under Membership on developer.apple.com"


class Change(StrEnum):
    """What a registration did."""

    registered = "registered"
    unchanged = "unchanged"
    replaced = "replaced"
    removed = "removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What an app is registered with; paths and bytes as the command line gave them."""

    team_id: str
    key_id: str | None = None
    key: tuple[Path, bytes] | None = None
    certificate: tuple[Path, bytes] | None = None
    certificate_key: bytes | None = None
    password: bytes | None = None


def register_key(
    drawer: Drawer,
    pem: bytes,
    *,
    name: Path | None,
    team_id: str,
    key_id: str | None,
    environments: tuple[Environment, ...],
    topics: tuple[str, ...],
    replacing: bool,
) -> tuple[str, Change]:
    """Check a key and keep it; its id comes back. Raises CredentialError for a classic mistake."""
    named = None if name is None else key_id_of(name)
    key_id = checked_ids(team_id, key_id or named, named)
    try:
        public = public_pem_of(pem)
    except ValueError as error:
        place = "the key" if name is None else str(name)
        raise CredentialError(
            f"{place}: {error}", hint="it must be the AuthKey_….p8 file from Apple, as it came"
        ) from error
    if b"PRIVATE KEY" not in pem:
        raise CredentialError(
            f"{name or 'the key'}: it is a public key",
            hint="register the private AuthKey_….p8; --local takes either half",
        )
    entry = KeyEntry(team_id=team_id, environments=environments, topics=topics)

    def change(book: Book) -> tuple[Book, Change]:
        kept = drawer.key(key_id)
        before = book.keys.get(key_id)
        if before is None or kept is None:
            done = Change.registered
        elif before == entry and kept.public_pem == public:
            return book, Change.unchanged
        else:
            may_replace("key", key_id, replacing)
            done = Change.replaced
        drawer.put_key(key_id, private_pem=pem, public_pem=public)
        return replace(book, keys={**book.keys, key_id: entry}), done

    return key_id, _changed(drawer, change)


def checked_ids(team_id: str, key_id: str | None, named: str | None) -> str:
    """The key id, where both look right; `named` is the one in the key file's name.

    Raises CredentialError for ids that are swapped, the same, or none.
    """
    if key_id is None:
        raise CredentialError(
            "the key id is not known", hint="name the file AuthKey_<id>.p8, or say --key-id"
        )
    if team_id == key_id:
        raise CredentialError(
            f"team id and key id are the same, {key_id}",
            hint=f"{_WHERE_TEAM}; the key id is in the file's name",
        )
    if named is not None and team_id == named:
        raise CredentialError(
            f"team id and key id are swapped: the file's name says that {named} is the key id",
            hint=f"--team-id {key_id} --key-id {named}, if {key_id} is your team",
        )
    if named is not None and key_id != named:
        raise CredentialError(
            f"the key id is said to be {key_id}, and the file's name says {named}",
            hint="leave --key-id out, or rename the file",
        )
    for what, value in (("team id", team_id), ("key id", key_id)):
        if not _ID.fullmatch(value):
            raise CredentialError(
                f"{value} is no {what}: it has ten capital letters and digits", hint=_WHERE_TEAM
            )
    return key_id


def register_app(
    drawer: Drawer,
    bundle_id: str,
    material: Material,
    *,
    environments: tuple[Environment, ...],
    replacing: bool,
) -> Change:
    """Register an app with a key or a certificate; what is refused changes nothing."""
    check_bundle_id(bundle_id)
    found = _certificate(bundle_id, material, environments)
    credentials = _credentials(drawer, bundle_id, material, environments, found)
    clashes = _clashes(drawer, bundle_id, material.team_id, credentials, found)
    if clashes:
        may_replace("app", bundle_id, replacing)
    _keep_key(drawer, material, replacing=replacing)

    def change(book: Book) -> tuple[Book, Change]:
        before = book.apps.get(bundle_id)
        same_team = before is not None and before.team_id == material.team_id
        old = dict(before.credentials) if before is not None and same_team else {}
        new = AppEntry(team_id=material.team_id, credentials=old | credentials)
        if before == new and not clashes:
            return book, Change.unchanged
        for one in credentials.values():
            if found is not None and one.certificate is not None:
                drawer.put_certificate(
                    one.certificate, chain_pem=found.chain_pem, key_pem=found.key_pem
                )
        done = Change.replaced if clashes else Change.registered
        return replace(book, apps={**book.apps, bundle_id: new}), done

    return _changed(drawer, change)


def certificate_name(bundle_id: str, environment: Environment) -> str:
    """What an app's certificate for one environment is kept under."""
    return f"{bundle_id}.{environment}"


def _credentials(
    drawer: Drawer,
    bundle_id: str,
    material: Material,
    environments: tuple[Environment, ...],
    found: ClientCertificate | None,
) -> dict[Environment, Credential]:
    if found is not None:
        return {
            one: Credential(certificate=certificate_name(bundle_id, one))
            for one in environments
            if one in found.says.environments
        }
    if material.key is not None:
        named = key_id_of(material.key[0])
        key_id = checked_ids(material.team_id, material.key_id or named, named)
    else:
        key_id = checked_ids(material.team_id, material.key_id, None)
        if drawer.key(key_id) is None:
            raise ConfigError(
                f"no key {key_id} is registered",
                hint=f"pushkit register key AuthKey_{key_id}.p8 --team-id {material.team_id}",
            )
    return dict.fromkeys(environments, Credential(key_id=key_id))


def _clashes(
    drawer: Drawer,
    bundle_id: str,
    team_id: str,
    credentials: dict[Environment, Credential],
    found: ClientCertificate | None,
) -> bool:
    """Whether something else is registered in the place of what is to be."""
    before = drawer.book().apps.get(bundle_id)
    if before is None:
        return False
    for environment, wanted in credentials.items():
        kept = before.credentials.get(environment)
        if kept is None:
            continue
        files = None if found is None else drawer.certificate(wanted.certificate or "")
        same_files = (
            files is None
            or found is None
            or files.hold(chain_pem=found.chain_pem, key_pem=found.key_pem)
        )
        if kept != wanted or not same_files:
            return True
    return before.team_id != team_id


def _keep_key(drawer: Drawer, material: Material, *, replacing: bool) -> None:
    """Register the key that came with an app, unless it is known with a scope of its own."""
    if material.key is None:
        return
    file, pem = material.key
    key_id = material.key_id or key_id_of(file) or ""
    entry, kept = drawer.book().keys.get(key_id), drawer.key(key_id)
    if entry is not None and kept is not None and entry.team_id == material.team_id:
        with suppress(ValueError):  # what is wrong with it is said below
            if b"PRIVATE KEY" in pem and public_pem_of(pem) == kept.public_pem:
                return
    register_key(
        drawer,
        pem,
        name=file,
        team_id=material.team_id,
        key_id=material.key_id,
        environments=tuple(Environment),
        topics=(),
        replacing=replacing,
    )


def _certificate(
    bundle_id: str, material: Material, environments: tuple[Environment, ...]
) -> ClientCertificate | None:
    if material.certificate is None:
        return None
    path, data = material.certificate
    try:
        found = read_certificate(data, key=material.certificate_key, password=material.password)
    except ValueError as error:
        raise CredentialError(f"{path}: {error}", hint="--cert takes PEM or PKCS#12") from error
    if found.not_after < host.today():
        raise CredentialError(
            f"{path}: the certificate ended on {found.not_after:%Y-%m-%d}",
            hint="make a new one in the developer account",
        )
    apps = {split_topic(topic).bundle_id for topic in found.says.topics}
    if apps and bundle_id not in apps:
        raise CredentialError(
            f"{path}: the certificate is for {', '.join(sorted(apps))}, not for {bundle_id}",
            hint="take the certificate of this app",
        )
    missing = set(environments) - found.says.environments
    if missing and len(environments) == 1:
        raise CredentialError(
            f"{path}: the certificate is not for {missing.pop()}",
            hint=f"--env {', '.join(found.says.environments)}",
        )
    return found


def register_device(
    drawer: Drawer,
    name: str,
    *,
    app: str,
    environment: Environment,
    tokens: dict[PushType, str],
    replacing: bool,
) -> Change:
    """Write a real device's tokens down; tokens of further types are added to it."""
    check_bundle_id(app)

    def change(book: Book) -> tuple[Book, Change]:
        before = book.devices.get(name)
        same = before is not None and (before.app, before.environment) == (app, environment)
        old = dict(before.tokens) if before is not None and same else {}
        if before is not None and same and all(old.get(k) == t for k, t in tokens.items()):
            return book, Change.unchanged
        clash = before is not None and (not same or any(k in old for k in tokens))
        if clash:
            may_replace("device", name, replacing)
        entry = DeviceEntry(
            app=app,
            environment=environment,
            tokens=old | tokens,
            recorded=f"{host.today():%Y-%m-%d}",
        )
        done = Change.replaced if clash else Change.registered
        return replace(book, devices={**book.devices, name: entry}), done

    return _changed(drawer, change)


def use_key(
    drawer: Drawer, cache: TokenCache, key_id: str, *, team_id: str, environment: Environment
) -> list[str]:
    """Sign for every app of a team with one key; the provider tokens kept for it are dropped."""
    mine: list[str] = []

    def change(book: Book) -> tuple[Book, Change]:
        entry = book.keys.get(key_id)
        if entry is None or drawer.key(key_id) is None:
            raise ConfigError(
                f"no key {key_id} is registered",
                hint=f"pushkit register key AuthKey_{key_id}.p8 …",
            )
        if entry.team_id != team_id:
            raise CredentialError(
                f"key {key_id} belongs to team {entry.team_id}", hint=f"--team-id {entry.team_id}"
            )
        if environment not in entry.environments:
            raise CredentialError(
                f"key {key_id} is not for {environment}",
                hint=f"it is for {', '.join(entry.environments)}",
            )
        apps = dict(book.apps)
        for name, app in apps.items():
            if app.team_id == team_id:
                mine.append(name)
                apps[name] = replace(
                    app, credentials={**app.credentials, environment: Credential(key_id=key_id)}
                )
        return replace(book, apps=apps), Change.registered

    _changed(drawer, change)
    cache.drop_key(key_id)
    return mine


def check_bundle_id(text: str) -> str:
    """A bundle id, and not the topic of a push type. Raises UsageError."""
    if not _BUNDLE.fullmatch(text):
        raise UsageError(f"{text} is not a bundle id", hint="write it as com.example.app")
    suffix = split_topic(text).suffix
    if suffix:
        raise UsageError(
            f"{text} ends in {suffix}: that is a topic",
            hint=f"name the app itself: {text.removesuffix(suffix)}",
        )
    return text


def may_replace(kind: str, name: str, replacing: bool) -> None:
    """Raise ConfigError where something else is in the place and was not to be replaced."""
    if not replacing:
        raise ConfigError(
            f"another {kind} {name} is registered already",
            hint=f"add --replace, or look at it: pushkit register show {kind} {name}",
        )


def _changed(drawer: Drawer, change: Callable[[Book], tuple[Book, Change]]) -> Change:
    """Read the book, change it and put it back, under its lock."""
    with drawer.lock():
        before = drawer.book()
        after, done = change(before)
        if after != before:
            drawer.write_book(after)
        return done


def register_export_token(
    drawer: Drawer, app: str, dataset: str, raw: bytes, *, replacing: bool
) -> Change:
    """Keep a data export token. Raises CredentialError for what cannot be one."""
    token = raw.strip()
    if not token or not re.fullmatch(rb"[\x21-\x7e]{8,16384}", token):
        raise CredentialError(
            "this is no data export token: it is one word of printable characters",
            hint="copy it from CloudKit Console, Settings, Tokens",
        )
    text = token.decode("ascii")
    wrong = export_token.fault(
        export_token.read_token(text), app=app, dataset=Dataset(dataset), now=host.now()
    )
    if wrong is not None:
        raise CredentialError(wrong, hint="make another in CloudKit Console, Settings, Tokens")
    kept = drawer.export_token(app, dataset)
    if kept == text:
        return Change.unchanged
    if kept is not None:
        may_replace("export-token", f"{app}/{dataset}", replacing)
    drawer.put_export_token(app, dataset, text)
    return Change.registered if kept is None else Change.replaced
