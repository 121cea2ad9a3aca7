"""Keys, certificates, export tokens and the clock, looked at where they are kept. Asks nobody."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pushkit_cli.apns import export_token, token
from pushkit_cli.apns.exports import Dataset
from pushkit_cli.apns.push import Environment, split_topic
from pushkit_cli.apns.token import ProviderToken, TokenFault
from pushkit_cli.engine import host
from pushkit_cli.engine.finding import Finding, How, failure, note, problem, well
from pushkit_cli.engine.given import read_given
from pushkit_cli.engine.local import key_id_of
from pushkit_cli.engine.registering import checked_ids
from pushkit_cli.engine.setting import Setting
from pushkit_cli.engine.signing import stateless
from pushkit_cli.errors import ConfigError, CredentialError, ExitCode, PushkitError
from pushkit_cli.net.certs import public_pem_of
from pushkit_cli.net.client_certs import ClientCertificate, read_certificate
from pushkit_cli.store.book import AppEntry
from pushkit_cli.store.files import open_to_others
from pushkit_cli.store.keystore import CertificateFiles

_SOON_S = 30 * 86_400
_NO_KEY = "without a key that signs nothing is accepted"
_IDS = "APNs answers 403 InvalidProviderToken, which names neither id"


def credentials(setting: Setting, app: str | None) -> Iterator[Finding]:
    """Everything that could sign, and what it is good for; of one app where one is named."""
    yield from _variables(setting)
    apps = {name: one for name, one in setting.book.apps.items() if app in (None, name)}
    used = {one.key_id for entry in apps.values() for one in entry.credentials.values()}
    for key_id, entry in setting.book.keys.items():
        if app is None or key_id in used:
            yield _registered(setting, key_id, entry.team_id, entry.file)
    for name, entry_of_app in apps.items():
        yield from _of_app(setting, name, entry_of_app)
    yield from _export_tokens(setting, app)
    yield from _clock(setting)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Key:
    """A key to look at. `is_apples`: the ids of another listener's key may be of any length."""

    what: str
    team_id: str
    key_id: str
    file: Path | None
    read: Callable[[], bytes]
    is_apples: bool = True


def _variables(setting: Setting) -> Iterator[Finding]:
    """The stateless way: a key in the environment."""
    try:
        signer = stateless(setting)
    except ConfigError as error:
        yield failure("key", error, why=_NO_KEY)
        return
    if signer is None or signer.key_id is None:
        return
    key = _Key(
        what="the key of PUSHKIT_KEY" if setting.variable("PUSHKIT_KEY") else "PUSHKIT_KEY_FILE",
        team_id=signer.team_id,
        key_id=signer.key_id,
        file=None if setting.variable("PUSHKIT_KEY") else setting.path_of("PUSHKIT_KEY_FILE"),
        read=signer.private,
        is_apples=setting.variable("PUSHKIT_ENDPOINT") is None,
    )
    yield _look_at(key, setting)


def _registered(setting: Setting, key_id: str, team_id: str, named: Path | None) -> Finding:
    kept = None if setting.drawer is None else setting.drawer.key(key_id)
    file = named or (None if kept is None else kept.private_file)
    if file is None:
        return problem(
            "key",
            f"key {key_id} is registered, and its file is not in the keystore",
            why=_NO_KEY,
            remedy=f"pushkit register key AuthKey_{key_id}.p8 --team-id {team_id}",
        )
    read = partial(read_given, file)
    key = _Key(what=f"key {key_id}", team_id=team_id, key_id=key_id, file=file, read=read)
    return _look_at(key, setting)


def _look_at(key: _Key, setting: Setting) -> Finding:
    """The first thing that is wrong with a key: its ids, what it is, who may read it."""
    try:
        _check_ids(key, setting)
    except CredentialError as error:
        return failure("key", error, why=_IDS)
    try:
        pem = key.read()
        public = public_pem_of(pem)
    except ValueError as error:
        return _unusable(key, str(error))
    except OSError as error:
        said = (error.strerror or str(error)).lower()
        return _unusable(key, f"{key.file} cannot be read: {said}")
    except PushkitError as error:
        return failure("key", error, why=_NO_KEY)
    if b"PRIVATE KEY" not in pem:
        return _unusable(key, "it is a public key")
    mode = None if key.file is None else open_to_others(key.file)
    if mode is not None:
        return problem(
            "key",
            f"{key.what}: other users may open {key.file} (mode {mode})",
            why="who can read a key can push to every user of the team's apps",
            remedy=f"chmod 600 {key.file}",
            exit_code=ExitCode.EXPECTATION,
        )
    made = token.read(token.mint(pem, team_id=key.team_id, key_id=key.key_id, now=host.now()))
    if isinstance(made, TokenFault) or token.verify(made, public) is not None:
        return _unusable(key, "what it signs does not verify")
    return well("key", f"{key.what}, team {key.team_id}: P-256, and what it signs verifies")


def _check_ids(key: _Key, setting: Setting) -> None:
    """Raise CredentialError for ids that cannot be, or look swapped beside those of the book."""
    book = setting.book
    if key.is_apples:
        checked_ids(key.team_id, key.key_id, None if key.file is None else key_id_of(key.file))
    entry = book.keys.get(key.key_id)
    if entry is not None and entry.team_id == key.team_id:
        return
    teams = {app.team_id for app in book.apps.values()}
    teams |= {one.team_id for one in book.keys.values()}
    if key.team_id in book.keys or key.key_id in teams:
        raise CredentialError(
            f"{key.what}: team id {key.team_id} and key id {key.key_id} look swapped",
            hint="the key id is in the key file's name; the team id stands under Membership",
        )


def _unusable(key: _Key, said: str) -> Finding:
    return problem(
        "key",
        f"{key.what}: {said}",
        why=_NO_KEY,
        remedy="it must be the AuthKey_….p8 file from Apple, as it came",
    )


def _of_app(setting: Setting, app: str, entry: AppEntry) -> Iterator[Finding]:
    """What signs for an app; each key of it once, wherever it is used."""
    places: dict[str, list[Environment]] = {}
    for environment, one in entry.credentials.items():
        if one.certificate is not None:
            yield from _certificate(setting, app, environment, one.certificate)
        else:
            places.setdefault(one.key_id or "", []).append(environment)
    for key_id, environments in places.items():
        yield _key_of_app(setting, app, entry.team_id, key_id, environments)


def _key_of_app(
    setting: Setting, app: str, team_id: str, key_id: str, environments: list[Environment]
) -> Finding:
    key = setting.book.keys.get(key_id)
    signs = f"{app} signs with key {key_id}"
    again = f"pushkit register key AuthKey_{key_id}.p8 --team-id {team_id}"
    if key is None:
        return problem("app", f"{signs}, which is not registered", why=_NO_KEY, remedy=again)
    if key.team_id != team_id:
        return problem(
            "app",
            f"{app} is of team {team_id}, and its key {key_id} of {key.team_id}",
            why="a key signs for the apps of its own team: APNs answers TopicDisallowed",
            remedy=f"register {app} with a key of team {team_id}, or mend the team id",
        )
    elsewhere = [str(one) for one in environments if one not in key.environments]
    if elsewhere:
        return problem(
            "app",
            f"{signs} in {', '.join(elsewhere)}, and it is for {', '.join(key.environments)}",
            why="APNs answers 403 BadEnvironmentKeyInToken",
            remedy=f"pushkit register app {app} --team-id {team_id} --env {elsewhere[0]} "
            "--key FILE.p8",
        )
    if key.topics and app not in key.topics:
        return problem(
            "app",
            f"{signs}, which is for {', '.join(key.topics)}",
            why="a topic-specific key pushes to its own apps: APNs answers TopicDisallowed",
            remedy=f"{again} --topic {app} --replace",
        )
    return well("app", f"{signs}, in {' and '.join(environments)}")


def _certificate(
    setting: Setting, app: str, environment: Environment, name: str
) -> Iterator[Finding]:
    files = None if setting.drawer is None else setting.drawer.certificate(name)
    try:
        found = _sound(files, app, environment)
    except (OSError, ValueError) as error:
        yield problem(
            "certificate",
            f"the certificate of {app}: {error}",
            why="APNs refuses the connection, or answers TopicDisallowed",
            remedy=f"pushkit register app {app} --team-id TEAM --cert FILE --replace",
        )
        return
    until = f"{app} in {environment}: until {found.not_after:%Y-%m-%d}"
    if found.not_after.timestamp() - host.now() < _SOON_S:
        yield note("certificate", until, remedy="make the next one in the developer account")
    else:
        yield well("certificate", until)


def _sound(files: CertificateFiles | None, app: str, environment: Environment) -> ClientCertificate:
    """A certificate that is good for an app; raises ValueError where it is not, or OSError."""
    if files is None:
        raise ValueError("it is not in the keystore")
    found = read_certificate(read_given(files.chain_file), key=read_given(files.key_file))
    apps = {split_topic(topic).bundle_id for topic in found.says.topics}
    if found.not_after < host.today():
        raise ValueError(f"it ended on {found.not_after:%Y-%m-%d}")
    if found.not_before > host.today():
        raise ValueError(f"it is good from {found.not_before:%Y-%m-%d} on: is the clock right?")
    if apps and app not in apps:
        raise ValueError(f"it is for {', '.join(sorted(apps))}")
    if environment not in found.says.environments:
        raise ValueError(f"it is not for {environment}")
    return found


def _export_tokens(setting: Setting, app: str | None) -> Iterator[Finding]:
    drawer = setting.drawer
    for name, dataset in () if drawer is None else drawer.export_tokens():
        if drawer is None or app not in (None, name):
            continue
        said = export_token.read_token(drawer.export_token(name, dataset) or "")
        wrong = export_token.fault(said, app=name, dataset=Dataset(dataset), now=host.now())
        what = f"{name}, {dataset}"
        if wrong is not None:
            yield problem(
                "export-token", f"{what}: {wrong}",
                why="Apple refuses to export with it",
                remedy=f"pushkit register export-token --app {name} --dataset {dataset} --replace",
            )  # fmt: skip
        elif said.expires_at is None:
            yield note("export-token", f"{what}: it does not say when it expires")
        else:
            yield well("export-token", f"{what}: until {host.rfc3339(said.expires_at * 1000)}")


def _clock(setting: Setting) -> Iterator[Finding]:
    """A provider token from the future: the clock was ahead when it was made, or is behind now."""
    if not setting.home.is_dir():
        return
    cache, _ = setting.token_cache()
    read = (token.read(text) for text in cache.kept())
    ahead = [one for one in read if isinstance(one, ProviderToken)
             and one.issued_at > host.now() + token.SKEW_S]  # fmt: skip
    if ahead:
        yield problem(
            "clock",
            f"a provider token was made at {host.rfc3339(ahead[0].issued_at * 1000)}, and this "
            f"machine says it is {host.rfc3339(int(host.now() * 1000))}",
            why="APNs takes a provider token that is no more than an hour from its own clock",
            remedy="set this machine's clock, by NTP best",
            how=How.INFERRED,
            exit_code=ExitCode.EXPECTATION,
        )
    else:
        now = host.rfc3339(int(host.now() * 1000))
        said = f"this machine says {now}, and no provider token kept here is of later"
        yield well("clock", said, how=How.INFERRED)
