"""The local world's own credentials: two authorities, a server certificate and a provider key.

Made on first use inside the home. No key in it can sign a certificate that a client would trust:
the one that can sign is of the authority of test client certificates, which clients do not know.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pushkit_cli.engine import host
from pushkit_cli.engine.given import read_given
from pushkit_cli.errors import CredentialError, StoreError, UsageError
from pushkit_cli.net.certs import (
    LOCAL_NAMES,
    Authority,
    authority_is_good,
    java_truststore,
    leaf_for,
    names_of,
    new_authority,
    new_signing_key,
    public_pem_of,
    trust_bundle,
)
from pushkit_cli.net.client_authority import (
    ClientAuthority,
    client_authority_is_good,
    new_client_authority,
)
from pushkit_cli.net.client_certs import read_authorities
from pushkit_cli.net.tls import root_bundle
from pushkit_cli.store.files import Home

TEAM_ID = "LOCALTEAM0"
KEY_ID = "LOCALKEY01"
TRUSTSTORE_PASSWORD = b"changeit"
"""What every JVM tries first; a trust store holds no secret."""

_FOLDER = "local"
_CA = "local/ca.pem"
_LEAVES = "local/leaves.pem"
_CHAIN = "local/server.pem"
_CHAIN_KEY = "local/server.key"
_BUNDLE = "local/ca-bundle.pem"
_TRUSTSTORE = "local/truststore.p12"
_CLIENT_CA = "local/client-ca.pem"
_CLIENT_CA_KEY = "local/client-ca.key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Where the files stand with which clients trust the listener, it serves and it trusts them."""

    ca_file: Path
    ca_bundle_file: Path
    truststore_file: Path
    client_ca_file: Path
    chain_file: Path
    chain_key_file: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderKey:
    """The key a local provider signs with; `file` is `None` where only its public half is known."""

    team_id: str
    key_id: str
    file: Path | None
    public_pem: bytes


def ensure_trust(home: Home, names: Sequence[str] = ()) -> Trust:
    """The authority, made anew where it is not good, and the best of its certificates.

    `names` are hosts to vouch for beside this machine's own; those of earlier runs stay. Raises
    UsageError for a name that no certificate of ours may hold.
    """
    home.folder(_FOLDER)
    with home.lock("local/lock"):
        now = host.today()
        authority = _authority(home, now, (*LOCAL_NAMES, *names))
        leaf = leaf_for(authority, now=now)
        assert leaf is not None
        if home.read(_CHAIN) != leaf.chain_pem:
            home.write(_CHAIN, leaf.chain_pem)
        bundle = trust_bundle(root_bundle(), authority)
        if home.read(_BUNDLE) != bundle:  # the system's roots change with its updates
            home.write(_BUNDLE, bundle)
        _client_authority(home, now)
    return Trust(
        ca_file=home.path / _CA,
        ca_bundle_file=home.path / _BUNDLE,
        truststore_file=home.path / _TRUSTSTORE,
        client_ca_file=client_ca_file(home.path),
        chain_file=home.path / _CHAIN,
        chain_key_file=home.path / _CHAIN_KEY,
    )


def ensure_client_authority(home: Home) -> ClientAuthority:
    """The authority of test client certificates, made anew where it is not good."""
    home.folder(_FOLDER)
    with home.lock("local/lock"):
        return _client_authority(home, host.today())


def client_ca_file(home: Path) -> Path:
    """Where the certificate of that authority stands."""
    return home / _CLIENT_CA


def _client_authority(home: Home, now: datetime) -> ClientAuthority:
    authority = ClientAuthority(
        root_pem=home.read(_CLIENT_CA) or b"", key_pem=home.read(_CLIENT_CA_KEY) or b""
    )
    if not client_authority_is_good(authority, now=now):
        authority = new_client_authority(now=now)
        home.write(_CLIENT_CA_KEY, authority.key_pem)
        home.write(_CLIENT_CA, authority.root_pem)
    return authority


def _authority(home: Home, now: datetime, names: tuple[str, ...]) -> Authority:
    authority = Authority(
        root_pem=home.read(_CA) or b"",
        leaf_pems=home.read(_LEAVES) or b"",
        leaf_key_pem=home.read(_CHAIN_KEY) or b"",
    )
    if authority_is_good(authority, now=now, names=names):
        return authority
    try:
        authority = new_authority(now=now, names=(*names, *names_of(authority)))
    except ValueError as error:
        raise UsageError(str(error), hint="--san takes a host name or an address") from error
    home.write(_CHAIN_KEY, authority.leaf_key_pem)
    home.write(_LEAVES, authority.leaf_pems)
    home.write(_TRUSTSTORE, java_truststore(authority, TRUSTSTORE_PASSWORD))
    home.write(_CA, authority.root_pem)  # last: without it the rest is not good
    return authority


def given_authorities(paths: Iterable[Path]) -> bytes:
    """The certificates of the user's own authorities of clients, in PEM.

    Raises CredentialError for a file that holds none, StoreError for one that cannot be read.
    """
    found = b""
    for path in paths:
        try:
            found += read_authorities(read_given(path))
        except OSError as error:
            raise StoreError(
                f"{path} cannot be read: {(error.strerror or str(error)).lower()}",
                hint="check --client-ca",
            ) from error
        except ValueError as error:
            raise CredentialError(
                f"{path}: {error}",
                hint=f"from DER: openssl x509 -inform der -in {path} -out client-ca.pem",
            ) from error
    return found


def ensure_key(home: Home, *, team_id: str = TEAM_ID, key_id: str = KEY_ID) -> ProviderKey:
    """The local provider key of these ids, made where it is missing."""
    home.folder(_FOLDER)
    name = f"local/AuthKey_{key_id}.p8"
    with home.lock("local/lock"):
        public = home.read(f"local/{key_id}.pub")
        if public is None or home.read(name) is None:
            key = new_signing_key()
            home.write(name, key.private_pem)
            public = home.write(f"local/{key_id}.pub", key.public_pem).read_bytes()
    return ProviderKey(team_id=team_id, key_id=key_id, file=home.path / name, public_pem=public)


def given_key(path: Path, *, team_id: str, key_id: str | None) -> ProviderKey:
    """A key of the user's, private or public; the listener reads its public half alone.

    Raises CredentialError for a file that is no P-256 key, or where no key id is to be had.
    """
    try:
        pem = read_given(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}", hint="check --key") from error
    return key_in(pem, file=path, team_id=team_id, key_id=key_id)


def key_in(pem: bytes, *, file: Path | None, team_id: str, key_id: str | None) -> ProviderKey:
    """A key in PEM, private or public; its id is said, or stands in the file's name.

    Raises CredentialError for what is no P-256 key, or where no key id is to be had.
    """
    place = "the key" if file is None else str(file)
    try:
        public = public_pem_of(pem)
    except ValueError as error:
        raise CredentialError(
            f"{place}: {error}", hint="it must be AuthKey_<id>.p8 from Apple, or its public half"
        ) from error
    named = key_id or (None if file is None else key_id_of(file))
    if named is None:
        raise CredentialError(
            f"{place} does not name its key id",
            hint="say it with --key-id, or name it AuthKey_ID.p8",
        )
    private = file.absolute() if file is not None and b"PRIVATE KEY" in pem else None
    return ProviderKey(team_id=team_id, key_id=named, file=private, public_pem=public)


def key_id_of(path: Path) -> str | None:
    """The key id in the name Apple gives a key file, AuthKey_<id>.p8."""
    stem = path.stem
    return stem.removeprefix("AuthKey_") if stem.startswith("AuthKey_") else None
